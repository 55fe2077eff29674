//! What images a folder holds and of which classes: class folders as ImageNet has them, or a flat
//! folder with a file of labels.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::labels::LabelFile;

/// Endings of the images that are read.
const IMAGES: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
/// Endings of images that are not.
const OTHER_IMAGES: [&str; 11] = [
    "bmp", "gif", "tif", "tiff", "ppm", "pgm", "pbm", "avif", "heic", "jp2", "jxl",
];
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
}

/// Lists a folder for a model of `classes` classes. `labels` is the file of labels and the key that
/// names it.
pub(super) fn list(
    folder: &Path,
    labels: Option<&Path>,
    key: &'static str,
    classes: usize,
) -> Result<Listing, DataError> {
    let (files, folders) = entries(folder, true)?;
    let file = labels.map(LabelFile::read).transpose()?;
    let listing = match (files.is_empty(), folders.is_empty()) {
        (false, false) => Err(format!(
            "it holds images ({}) and folders ({}) side by side: it must be class folders or images alone",
            first(&files),
            first(&folders)
        )),
        (true, true) => {
            Err("it holds no image (.jpg, .jpeg, .png, .webp) and no class folder".to_owned())
        }
        (false, true) => match file {
            Some(file) => return flat(folder, files, &file, classes),
            None => Err(format!(
                "it holds images without class folders: give data.{key}, a file that tells each image's class"
            )),
        },
        (true, false) => return by_folder(folder, &folders, file.as_ref(), key, classes),
    };
    listing.map_err(|what| DataError::format(folder, what))
}

fn first(names: &[PathBuf]) -> String {
    names
        .first()
        .map_or(String::new(), |n| n.display().to_string())
}

/// Images directly in a folder, and its subfolders; both sorted. Hidden ones do not count, nor do
/// links to folders unless `linked`.
fn entries(folder: &Path, linked: bool) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
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
            kind if kind.is_symlink() && entry.path().is_dir() => {
                if !linked {
                    continue;
                }
                true
            }
            kind => kind.is_dir(),
        };
        match is_folder {
            true => folders.push(name),
            false if has_ending(&name, &IMAGES) => files.push(name),
            false if has_ending(&name, &OTHER_IMAGES) => {
                let what = "an image of a kind that this program does not read: convert it to JPEG, PNG or WebP, or move it away";
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
        LabelFile::InOrder { classes, .. } => classes.clone(),
        LabelFile::ByName { .. } => file.classes_of(&names, "image")?,
    };
    let labels = file.numbers(&given, classes, |i| names.get(i).map(PathBuf::as_path))?;
    Ok(Listing { names, labels })
}

fn by_folder(
    folder: &Path,
    folders: &[PathBuf],
    file: Option<&LabelFile>,
    key: &'static str,
    classes: usize,
) -> Result<Listing, DataError> {
    let numbers = match file {
        None => (0..)
            .take(sorted_classes(folder, folders, key, classes)?)
            .collect(),
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
    };
    for (name, label) in folders.iter().zip(numbers) {
        let before = listing.names.len();
        search(folder, name, DEPTH, &mut listing.names)?;
        if listing.names.len() == before {
            let what =
                "the class folder holds no image (.jpg, .jpeg, .png, .webp): fill it or remove it";
            return Err(DataError::format(&folder.join(name), what));
        }
        listing.labels.resize(listing.names.len(), label);
    }
    enough(folder, listing.names.len())?;
    Ok(listing)
}

/// The number of class folders, checked to be the model's classes in torchvision's order: sorted by
/// name.
fn sorted_classes(
    folder: &Path,
    folders: &[PathBuf],
    key: &'static str,
    classes: usize,
) -> Result<usize, DataError> {
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
    let numbers: Option<Vec<u64>> = folders
        .iter()
        .map(|name| name.to_str()?.parse().ok())
        .collect();
    match numbers {
        Some(numbers) if !numbers.is_sorted() => Err(DataError::format(
            folder,
            format!(
                "its class folders are numbers whose order as names (1, 10, 2: torchvision's) is not their order as \
                 numbers: give data.{key}, a file that tells each folder's class number"
            ),
        )),
        _ => Ok(count),
    }
}

/// All images below a folder, sorted.
fn search(
    root: &Path,
    folder: &Path,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), DataError> {
    let (files, folders) = entries(&root.join(folder), false)?;
    found.extend(files.into_iter().map(|name| folder.join(name)));
    enough(root, found.len())?;
    if depth == 0 && !folders.is_empty() {
        let what = format!("its folders are more than {DEPTH} deep");
        return Err(DataError::format(&root.join(folder), what));
    }
    for name in folders {
        search(root, &folder.join(name), depth - 1, found)?;
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
