//! What images or event frames a folder holds and of which classes: class folders as ImageNet has
//! them, or a flat folder with a file of labels.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::labels::LabelFile;
use super::name_order::{are_numbered, misordered};

/// What files are listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileKind {
    /// One of them, in words.
    one: &'static str,
    /// Their endings, in words.
    shown: &'static str,
    endings: &'static [&'static str],
    /// Endings of files that are of the same use, but are not read.
    refused: &'static [&'static str],
    /// What to do with those.
    instead: &'static str,
    /// Whether class folders that are numbers are taken in the order of their names, too.
    numbers_by_name: bool,
}

/// Image files.
pub(super) const IMAGES: FileKind = FileKind {
    one: "image",
    shown: ".jpg, .jpeg, .png, .webp",
    endings: &["jpg", "jpeg", "png", "webp"],
    refused: &[
        "bmp", "gif", "tif", "tiff", "ppm", "pgm", "pbm", "avif", "heic", "jp2", "jxl",
    ],
    instead: "an image of a kind that this program does not read: convert it to JPEG, PNG or WebP, or move it away",
    numbers_by_name: false,
};

/// Files of event frames. Their class folders are numbered in the order of their names as
/// spikingjelly numbers them, because a network that was trained with it has its classes so.
pub(super) const EVENT_FRAMES: FileKind = FileKind {
    one: "event-frame file",
    shown: ".npz",
    endings: &["npz"],
    refused: &["aedat", "aedat4", "bin", "dat", "hdf5", "h5", "mat", "npy"],
    instead: "no frames in an .npz file: make frames of the events, as spikingjelly does with data_type=\"frame\", or \
              move it away",
    numbers_by_name: true,
};
/// How deep a class folder is searched.
const DEPTH: usize = 8;
/// The most images.
const MANY: usize = u32::MAX as usize;

/// The images of a folder, sorted by name.
#[derive(Debug)]
pub(super) struct Listing {
    /// Paths from the folder.
    pub(super) names: Vec<PathBuf>,
    /// Their classes.
    pub(super) labels: Vec<u32>,
    /// What a person should know of the classes.
    pub(super) note: Option<String>,
}

impl Listing {
    /// The same without the first part of every class, in the order of names: as many as
    /// spikingjelly's `split_to_train_test_set` takes for training.
    pub(super) fn without_first(self, ratio: f64) -> Listing {
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for label in &self.labels {
            *sizes.entry(*label).or_default() += 1;
        }
        let mut left_out: BTreeMap<u32, usize> = sizes
            .into_iter()
            .map(|(label, size)| (label, (size as f64 * ratio).ceil() as usize))
            .collect();
        let is_kept = |label: &u32| match left_out.get_mut(label) {
            Some(left @ 1..) => {
                *left -= 1;
                false
            }
            _ => true,
        };
        let kept: Vec<bool> = self.labels.iter().map(is_kept).collect();
        let names = self.names.into_iter().zip(&kept);
        let labels = self.labels.into_iter().zip(&kept);
        Listing {
            names: names.filter_map(|(n, kept)| kept.then_some(n)).collect(),
            labels: labels.filter_map(|(l, kept)| kept.then_some(l)).collect(),
            note: self.note,
        }
    }
}

/// Lists the files of a kind in a folder for a model of `classes` classes. `labels` is the file of
/// labels and the key that names it.
pub(super) fn list(
    kind: &FileKind,
    folder: &Path,
    labels: Option<&Path>,
    key: &'static str,
    classes: usize,
) -> Result<Listing, DataError> {
    let (files, folders) = entries(kind, folder, true)?;
    let FileKind { one, shown, .. } = kind;
    let file = labels.map(LabelFile::read).transpose()?;
    let listing = match (files.is_empty(), folders.is_empty()) {
        (false, false) => Err(format!(
            "it holds {one}s ({}) and folders ({}) side by side: it must be class folders or {one}s alone",
            first(&files),
            first(&folders)
        )),
        (true, true) => Err(format!("it holds no {one} ({shown}) and no class folder")),
        (false, true) => match file {
            Some(file) => return flat(kind, folder, files, &file, classes),
            None => Err(format!(
                "it holds {one}s without class folders: give data.{key}, a file that tells each {one}'s class"
            )),
        },
        (true, false) => {
            let labels = (file.as_ref(), key);
            return by_folder(kind, folder, &folders, labels, classes);
        }
    };
    listing.map_err(|what| DataError::format(folder, what))
}

fn first(names: &[PathBuf]) -> String {
    names
        .first()
        .map_or(String::new(), |n| n.display().to_string())
}

/// Files of a kind directly in a folder, and its subfolders; both sorted. Hidden ones do not count,
/// nor do links to folders unless `linked`.
fn entries(
    kind: &FileKind,
    folder: &Path,
    linked: bool,
) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let failed = DataError::read(folder);
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        let name = PathBuf::from(entry.file_name());
        if name.as_os_str().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link counts as what it leads to; one that leads nowhere is left to the reading, which
        // names it.
        let is_folder = match entry.file_type().map_err(&failed)? {
            link if link.is_symlink() && entry.path().is_dir() => {
                if !linked {
                    continue;
                }
                true
            }
            other => other.is_dir(),
        };
        match is_folder {
            true => folders.push(name),
            false if has_ending(&name, kind.endings) => files.push(name),
            false if has_ending(&name, kind.refused) => {
                return Err(DataError::format(&entry.path(), kind.instead));
            }
            false if has_ending(&name, EVENT_FRAMES.endings) => {
                let what =
                    "no image: for the frames of an event camera say data.kind = \"event-frames\"";
                return Err(DataError::format(&entry.path(), what));
            }
            false => {}
        }
    }
    files.sort_unstable();
    folders.sort_unstable();
    Ok((files, folders))
}

fn has_ending(name: &Path, endings: &[&str]) -> bool {
    let ending = name.extension().and_then(|e| e.to_str());
    ending.is_some_and(|e| endings.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

fn flat(
    kind: &FileKind,
    folder: &Path,
    names: Vec<PathBuf>,
    file: &LabelFile,
    classes: usize,
) -> Result<Listing, DataError> {
    enough(folder, names.len())?;
    let given = match file {
        LabelFile::InOrder { file, classes } if classes.len() != names.len() => {
            return Err(DataError::count(
                (folder, names.len()),
                (file, classes.len()),
            ));
        }
        LabelFile::InOrder { classes, .. } => file.in_order_of(classes, &names)?,
        LabelFile::ByName { .. } => file.classes_of(&names, kind.one)?,
    };
    let labels = file.numbers(&given, classes, |i| names.get(i).map(PathBuf::as_path))?;
    Ok(Listing {
        names,
        labels,
        note: None,
    })
}

fn by_folder(
    kind: &FileKind,
    folder: &Path,
    folders: &[PathBuf],
    (file, key): (Option<&LabelFile>, &'static str),
    classes: usize,
) -> Result<Listing, DataError> {
    let mut note = None;
    let numbers = match file {
        None => {
            note = sorted_classes(kind, folder, folders, key, classes)?;
            (0..).take(folders.len()).collect()
        }
        Some(file @ LabelFile::InOrder { .. }) => {
            let what = "it must name each class folder and its class number, one a line";
            return Err(DataError::format(file.path(), what));
        }
        Some(file) => {
            let given = file.classes_of(folders, "class folder")?;
            file.numbers(&given, classes, |i| folders.get(i).map(PathBuf::as_path))?
        }
    };
    let mut listing = Listing {
        names: Vec::new(),
        labels: Vec::new(),
        note,
    };
    for (name, label) in folders.iter().zip(numbers) {
        let before = listing.names.len();
        search(kind, folder, name, DEPTH, &mut listing.names)?;
        if listing.names.len() == before {
            let what = format!(
                "the class folder holds no {} ({}): fill it or remove it",
                kind.one, kind.shown
            );
            return Err(DataError::format(&folder.join(name), what));
        }
        listing.labels.resize(listing.names.len(), label);
    }
    enough(folder, listing.names.len())?;
    Ok(listing)
}

/// Checks that class folders are the model's classes in torchvision's order: sorted by name.
/// Returns what is to be said where that is not the order of their numbers.
fn sorted_classes(
    kind: &FileKind,
    folder: &Path,
    folders: &[PathBuf],
    key: &'static str,
    classes: usize,
) -> Result<Option<String>, DataError> {
    let count = folders.len();
    if count != classes {
        return Err(DataError::format(
            folder,
            format!(
                "it holds {count} class folders, but the model has {classes} classes (model.num_classes): \
                 give data.{key}, a file that tells each folder's class number"
            ),
        ));
    }
    let names: Vec<&str> = folders.iter().filter_map(|name| name.to_str()).collect();
    let misordered = match are_numbered(&names) {
        true => misordered(&names),
        false => None,
    };
    match misordered {
        None => Ok(None),
        Some((a, b)) if kind.numbers_by_name => Ok(Some(format!(
            "{}: its class folders are classes in the order of their names ({a} before {b}), as torchvision and \
             spikingjelly number them; for a network that was trained with the numbers themselves give data.{key}, a \
             file that tells each folder's class number",
            folder.display()
        ))),
        Some((a, b)) => Err(DataError::format(
            folder,
            format!(
                "its class folders are numbered, and their order as names ({a} before {b}: torchvision's) is not their \
                 order as numbers: give data.{key}, a file that tells each folder's class number"
            ),
        )),
    }
}

/// All files of a kind below a folder, sorted.
fn search(
    kind: &FileKind,
    root: &Path,
    folder: &Path,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), DataError> {
    let (files, folders) = entries(kind, &root.join(folder), false)?;
    found.extend(files.into_iter().map(|name| folder.join(name)));
    enough(root, found.len())?;
    if depth == 0 && !folders.is_empty() {
        let what = format!("its folders are more than {DEPTH} deep");
        return Err(DataError::format(&root.join(folder), what));
    }
    for name in folders {
        search(kind, root, &folder.join(name), depth - 1, found)?;
    }
    Ok(())
}

fn enough(folder: &Path, images: usize) -> Result<(), DataError> {
    if images > MANY {
        return Err(DataError::format(
            folder,
            format!("more than {MANY} images"),
        ));
    }
    Ok(())
}
