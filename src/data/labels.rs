//! Files that tell classes: `name class` a line (tabs, commas or spaces; further columns are
//! ignored), or one class a line in the order of the sorted images, as some copies of ILSVRC's
//! validation labels have it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::error::DataError;
use crate::system::read_at_most;

/// The longest file read.
const MAX_BYTES: u64 = 1 << 28;

/// A class as a file writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Its number, from 0.
    Number(u64),
    /// Its name, such as a WordNet id; sorted names are numbered from 0.
    Word(String),
}

impl Class {
    fn parse(text: &str) -> Class {
        match text.parse() {
            Ok(number) => Class::Number(number),
            Err(_) => Class::Word(text.to_owned()),
        }
    }
}

/// A file of labels.
#[derive(Debug)]
pub(super) enum LabelFile {
    /// Classes by the name of image or folder.
    ByName {
        file: PathBuf,
        classes: HashMap<String, Class>,
    },
    /// One class a line.
    InOrder { file: PathBuf, classes: Vec<Class> },
}

impl LabelFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<LabelFile, DataError> {
        let bytes = read_at_most(path, MAX_BYTES).map_err(DataError::read(path))?;
        let too_long = || DataError::format(path, format!("longer than {MAX_BYTES} bytes"));
        let text = String::from_utf8(bytes.ok_or_else(too_long)?);
        let text = text.map_err(|_| DataError::format(path, "not a text file"))?;
        parse(path, text.trim_start_matches('\u{feff}'))
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        match self {
            LabelFile::ByName { file, .. } | LabelFile::InOrder { file, .. } => file,
        }
    }

    /// The classes of images or folders (`what` they are).
    pub(super) fn classes_of(
        &self,
        names: &[PathBuf],
        what: &str,
    ) -> Result<Vec<Class>, DataError> {
        let class = |name: &PathBuf| {
            let missing = || format!("it has no line for the {what} {}", name.display());
            let class = self.class_of(name).cloned();
            class.ok_or_else(|| DataError::format(self.path(), missing()))
        };
        names.iter().map(class).collect()
    }

    /// The class of an image or folder, by its path, its name or its name without ending.
    fn class_of(&self, name: &Path) -> Option<&Class> {
        match self {
            LabelFile::ByName { classes, .. } => called(name).find_map(|n| classes.get(&n)),
            LabelFile::InOrder { .. } => None,
        }
    }

    /// The class numbers of what is there, checked against the model's classes. `name` tells what a
    /// class was of.
    pub(super) fn numbers<'a>(
        &self,
        given: &[Class],
        classes: usize,
        name: impl Fn(usize) -> Option<&'a Path>,
    ) -> Result<Vec<u32>, DataError> {
        let words: Vec<&str> = given
            .iter()
            .filter_map(|class| match class {
                Class::Word(word) => Some(word.as_str()),
                Class::Number(_) => None,
            })
            .collect();
        let numbers = numbered(words.iter().copied());
        if !words.is_empty() && words.len() < given.len() {
            let word = words.first().copied().unwrap_or_default();
            let what = format!("some of its classes are numbers and some are names ({word:?})");
            return Err(DataError::format(self.path(), what));
        }
        if !words.is_empty() && numbers.len() != classes {
            let what = format!(
                "it names {} different classes for these images, but the model has {classes} (model.num_classes): \
                 names are numbered in sorted order, which takes them all; write class numbers from 0 instead",
                numbers.len()
            );
            return Err(DataError::format(self.path(), what));
        }
        let number = |(i, class): (usize, &Class)| match class {
            Class::Word(word) => Ok(numbers.get(word.as_str()).copied().unwrap_or(0)),
            Class::Number(number) if *number < classes as u64 => Ok(*number as u32),
            Class::Number(number) => {
                let what = name(i).map_or(String::new(), |n| format!(" of {}", n.display()));
                let hint = self.hint(given, classes);
                Err(DataError::format(
                    self.path(),
                    format!(
                        "class {number}{what} is out of range: the model has {classes} classes (model.num_classes), \
                         0 to {}{hint}",
                        classes.saturating_sub(1)
                    ),
                ))
            }
        };
        given.iter().enumerate().map(number).collect()
    }

    /// What classes from 1 mean.
    fn hint(&self, given: &[Class], classes: usize) -> &'static str {
        let least = given.iter().filter_map(number_of).min();
        let most = given.iter().filter_map(number_of).max();
        match (self, least, most) {
            (LabelFile::InOrder { .. }, Some(1..), Some(most)) if most == classes as u64 => {
                "; numbers from 1 are those of ILSVRC's development kit, whose order is not the sorted one that models \
                 are trained with: use a file of names (`ILSVRC2012_val_00000001.JPEG 65`) or of WordNet ids"
            }
            (_, Some(1..), Some(most)) if most == classes as u64 => "; class numbers begin with 0",
            _ => "",
        }
    }
}

fn number_of(class: &Class) -> Option<u64> {
    match class {
        Class::Number(number) => Some(*number),
        Class::Word(_) => None,
    }
}

fn clean(text: &str) -> &str {
    text.trim().trim_matches('"')
}

/// The columns of a line. With spaces alone the class is the last one, so that names may have
/// spaces.
fn columns(line: &str) -> (&str, Option<&str>) {
    for separator in ['\t', ','] {
        if let Some((name, rest)) = line.split_once(separator) {
            let class = clean(rest.split(separator).next().unwrap_or_default());
            // A class may be followed by boxes (`n03995372 85 1 499 272`).
            let class = class.split_whitespace().next().unwrap_or_default();
            return (clean(name), Some(class));
        }
    }
    match line.trim().rsplit_once(char::is_whitespace) {
        Some((name, class)) => (clean(name), Some(clean(class))),
        None => (clean(line), None),
    }
}

fn parse(path: &Path, text: &str) -> Result<LabelFile, DataError> {
    let lines = text.lines().enumerate();
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty()).peekable();
    let file = path.to_owned();
    let Some((_, first)) = lines.peek() else {
        return Err(DataError::format(path, "it holds no labels"));
    };
    if columns(first).1.is_none() {
        let one = |(number, line): (usize, &str)| match columns(line) {
            (class, None) => Ok(Class::parse(class)),
            _ => Err(DataError::format(
                path,
                format!(
                    "line {}: expected one class, as on the lines above",
                    number + 1
                ),
            )),
        };
        let classes = lines.map(one).collect::<Result<_, _>>()?;
        return Ok(LabelFile::InOrder { file, classes });
    }
    let mut classes = HashMap::new();
    for (number, line) in lines {
        let (name, class) = columns(line);
        let Some(class) = class.filter(|c| !c.is_empty()) else {
            let what = format!("line {}: expected a name and its class", number + 1);
            return Err(DataError::format(path, what));
        };
        let class = Class::parse(class);
        let before = classes.insert(name.to_owned(), class.clone());
        if before.is_some_and(|before| before != class) {
            let what = format!("line {}: {name} has another class than above", number + 1);
            return Err(DataError::format(path, what));
        }
    }
    Ok(LabelFile::ByName { file, classes })
}

/// The names that a line may call an image or class folder by.
fn called(name: &Path) -> impl Iterator<Item = String> {
    let whole = name.to_str().map(|n| n.replace('\\', "/"));
    let file = name.file_name().and_then(|n| n.to_str()).map(str::to_owned);
    let stem = name.file_stem().and_then(|n| n.to_str()).map(str::to_owned);
    [whole, file, stem].into_iter().flatten()
}

/// Sorted distinct words and their numbers.
fn numbered<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u32> {
    let mut numbers: BTreeMap<&str, u32> = words.map(|w| (w, 0)).collect();
    for (number, place) in (0..).zip(numbers.values_mut()) {
        *place = number;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LabelFile, String> {
        parse(Path::new("labels"), text).map_err(|e| e.to_string())
    }

    fn numbers(text: &str, names: &[&str], classes: usize) -> Result<Vec<u32>, String> {
        let file = read(text)?;
        let given: Vec<Class> = match &file {
            LabelFile::InOrder { classes, .. } => classes.clone(),
            LabelFile::ByName { .. } => names
                .iter()
                .map(|n| {
                    file.class_of(Path::new(n))
                        .cloned()
                        .ok_or(format!("no {n}"))
                })
                .collect::<Result<_, _>>()?,
        };
        file.numbers(&given, classes, |i| names.get(i).map(Path::new))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn every_usual_form_is_read() {
        let names = ["a b.JPEG", "val_2.JPEG"];
        for text in [
            "a b.JPEG 3\nval_2.JPEG 0\n",
            "file\tclass_index\twnid\na b.JPEG\t3\tn1\nval_2.JPEG\t0\tn2\n",
            "\"val_2\",\"0\"\r\n\"a b\",3\r\n\r\n",
            "3\n0",
            "val_2.JPEG,0\na b.JPEG,3\nother.JPEG,9",
        ] {
            assert_eq!(numbers(text, &names, 4), Ok(vec![3, 0]), "{text:?}");
        }
        // Names of classes are numbered in sorted order, of the images that are there.
        for text in [
            "ImageId,PredictionString\nval_2,n02 85 1 499 272\na b,n10 1 2 3 4 n10 5 6 7 8\n",
            "n10\nn02",
        ] {
            assert_eq!(numbers(text, &names, 2), Ok(vec![1, 0]), "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let names = ["a", "b"];
        for (text, part) in [
            ("", "it holds no labels"),
            (
                "a 1\nb 4",
                "class 4 of b is out of range: the model has 4 classes",
            ),
            ("a 1\nb 4", "class numbers begin with 0"),
            ("1\n4", "development kit"),
            (
                "a 1\nb x",
                "some of its classes are numbers and some are names (\"x\")",
            ),
            ("a x\nb x", "it names 1 different classes"),
            ("a 1\na 2\nb 1", "line 2: a has another class than above"),
            ("a\t\nb\t2", "line 1: expected a name and its class"),
            ("1\nb 4", "line 2: expected one class"),
            ("a 1", "no b"),
        ] {
            let message = numbers(text, &names, 4).unwrap_err();
            assert!(message.contains(part), "{text:?}: {message}");
        }
    }
}
