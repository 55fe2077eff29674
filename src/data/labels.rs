//! Files that tell classes: `name class` a line (tabs, commas or spaces; further columns are
//! ignored), or one class a line in the order of the sorted images, as some copies of ILSVRC's
//! validation labels have it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::name_order::{are_numbered, misordered};
use crate::system::read_at_most;

/// The longest file read.
const MAX_BYTES: u64 = 64 << 20;
/// The most lines: more than ImageNet's training images.
const MAX_LINES: usize = 2 << 20;

/// A class as a file writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Its number, from 0.
    Number(u64),
    /// Its name, such as a WordNet id; sorted names are numbered from 0.
    Word(String),
}

impl Class {
    /// Reads a class: `3`, `3.0` as tables of floating-point numbers have it, or a name.
    fn parse(text: &str) -> Result<Class, String> {
        if let Ok(number) = text.parse() {
            return Ok(Class::Number(number));
        }
        let begins_number = |c: char| c.is_ascii_digit() || "+-.".contains(c);
        match text.parse::<f64>() {
            Ok(number) if text.starts_with(begins_number) => {
                let is_whole = number >= 0.0 && number.fract() == 0.0 && number < 1e15;
                let number = is_whole.then_some(Class::Number(number as u64));
                number.ok_or_else(|| format!("the class {text} is not a whole number from 0"))
            }
            _ => Ok(Class::Word(text.to_owned())),
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
        let too_long = || DataError::format(path, format!("longer than {} MiB", MAX_BYTES >> 20));
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

    /// One class for each of the images, which are sorted by name.
    pub(super) fn in_order_of(
        &self,
        classes: &[Class],
        images: &[PathBuf],
    ) -> Result<Vec<Class>, DataError> {
        let names: Vec<&str> = images.iter().filter_map(|name| name.to_str()).collect();
        match misordered(&names) {
            None => Ok(classes.to_vec()),
            Some((a, b)) => Err(DataError::format(
                self.path(),
                format!(
                    "it holds one class a line, in the order of the sorted images, but {a} comes before {b} as text \
                     and behind it as a number, so that their order is not clear: write the image's name before each \
                     class"
                ),
            )),
        }
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
        let sorted: Vec<&str> = numbers.keys().copied().collect();
        if are_numbered(&sorted)
            && let Some((a, b)) = misordered(&sorted)
        {
            let what = format!(
                "its classes are numbered names, which as text ({a:?} before {b:?}) are not in the order of their \
                 numbers: write class numbers from 0 instead"
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
    let text = text.trim();
    text.strip_suffix(';').unwrap_or(text).trim_matches('"')
}

/// True where the columns behind a line's name are zeros and a single one.
fn is_one_hot(line: &str) -> bool {
    let Some(separator) = ['\t', ','].into_iter().find(|c| line.contains(*c)) else {
        return false;
    };
    let values = line.split(separator).skip(1).map(|c| clean(c).parse());
    let values: Result<Vec<f64>, _> = values.collect();
    values.is_ok_and(|values| {
        let ones = values.iter().filter(|v| **v == 1.0).count();
        let zeros = values.iter().filter(|v| **v == 0.0).count();
        values.len() > 1 && ones == 1 && ones + zeros == values.len()
    })
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
    if text.lines().count() > MAX_LINES {
        return Err(DataError::format(
            path,
            format!("more than {MAX_LINES} lines"),
        ));
    }
    let class_at = |number: usize, class: &str| {
        let wrong = |what| DataError::format(path, format!("line {}: {what}", number + 1));
        Class::parse(class).map_err(wrong)
    };
    if columns(first).1.is_none() {
        let one = |(number, line): (usize, &str)| match columns(line) {
            (class, None) => class_at(number, class),
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
    let (mut one_hot, mut with_number) = (0, 0);
    for (number, line) in lines {
        let (name, class) = columns(line);
        let Some(class) = class.filter(|c| !c.is_empty()) else {
            let what = format!("line {}: expected a name and its class", number + 1);
            return Err(DataError::format(path, what));
        };
        let class = class_at(number, class)?;
        one_hot += usize::from(is_one_hot(line));
        with_number += usize::from(matches!(class, Class::Number(_)));
        let before = classes.insert(name.to_owned(), class.clone());
        if before.is_some_and(|before| before != class) {
            let what = format!("line {}: {name} has another class than above", number + 1);
            return Err(DataError::format(path, what));
        }
    }
    if one_hot > 0 && one_hot == with_number {
        let what = "each line holds zeros and a single one behind its name, one-hot: write the class number instead";
        return Err(DataError::format(path, what));
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
            "3.0\n0.0",
            "a b.JPEG 3.0\nval_2.JPEG 0.0\n",
            "val_2.JPEG,0;\na b.JPEG,3;\n",
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
    fn numbered_names_of_classes_are_refused_where_text_sorts_them_otherwise() {
        let names: Vec<String> = (1..=12).map(|i| format!("image_{i:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = |class: &dyn Fn(usize) -> String| -> String {
            let lines = names.iter().zip(1..);
            lines
                .map(|(name, i)| format!("{name} {}\n", class(i)))
                .collect()
        };
        let refused = numbers(&table(&|i| format!("class_{i}")), &names, 12);
        let message = refused.expect_err("class_10 before class_2");
        assert!(
            message.contains("\"class_12\" before \"class_2\""),
            "{message}"
        );
        let padded = numbers(&table(&|i| format!("class_{i:02}")), &names, 12);
        assert_eq!(padded, Ok((0..12).collect()));
        let floats = numbers(&table(&|i| format!("{}.0", i - 1)), &names, 12);
        assert_eq!(floats, Ok((0..12).collect()));
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
            ("a 1.5\nb 1", "line 1: the class 1.5 is not a whole number"),
            ("a 1\nb -1", "line 2: the class -1 is not a whole number"),
            ("a,0,1,0\nb,1,0,0", "one-hot: write the class number"),
            (
                "file,c0,c1\na,0,1\nb,1,0",
                "one-hot: write the class number",
            ),
        ] {
            let message = numbers(text, &names, 4).unwrap_err();
            assert!(message.contains(part), "{text:?}: {message}");
        }
    }
}
