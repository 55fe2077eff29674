//! `RUN/best.toml`: the incumbent as a profile.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::{BEST, PROFILE};
use super::side_file::SideFiles;
use super::{RunError, Summary};
use crate::profile::{Save, codes_file};
use crate::quant::Allocation;
use crate::search::{Settings, Tree};

/// Keeps the file as the search wants it.
#[derive(Debug)]
pub(super) struct BestProfile {
    /// The profile's text; its relative paths start from the run's folder.
    text: String,
    /// The file.
    target: PathBuf,
    /// Names of the layers.
    layers: Vec<String>,
    /// True once this run has written the file: only then is it replaced or removed.
    own: bool,
    /// Makes the file of quantized layers beside it.
    side_files: Option<SideFiles>,
}

impl BestProfile {
    /// Of a run that begins: no such file is its own yet.
    pub fn new(folder: &Path, text: String, settings: &Settings) -> Self {
        let layers = settings.space.layers.iter();
        BestProfile {
            text,
            target: folder.join(BEST),
            layers: layers.map(|l| l.name.clone()).collect(),
            own: false,
            side_files: None,
        }
    }

    /// With the maker of the file of quantized layers beside it.
    pub fn with_side_files(self, side_files: Option<SideFiles>) -> Self {
        BestProfile { side_files, ..self }
    }

    /// The maker of files of quantized layers.
    pub fn side_files(&self) -> Option<&SideFiles> {
        self.side_files.as_ref()
    }

    /// Of a run that goes on: the folder is its own.
    pub fn resumed(self) -> Self {
        BestProfile { own: true, ..self }
    }

    /// Names of the layers.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// Writes the incumbent with the pins and the constraint now in force; removes the file where
    /// there is none. On disk when this returns.
    pub fn keep(&mut self, tree: &Tree) -> Result<(), RunError> {
        match tree.best() {
            Some(incumbent) => self.write(&incumbent.allocation, tree),
            None if self.own => {
                remove(&self.target)?;
                remove(&codes_file(&self.target))
            }
            None => Ok(()),
        }
    }

    /// The content of the file of quantized layers, once the search has ended: while it goes on,
    /// every incumbent's would be written for nothing.
    fn codes(&self, allocation: &Allocation, tree: &Tree) -> Option<Vec<u8>> {
        tree.finished?;
        let path = codes_file(&self.target);
        // Without the file the profile is calibrated anew where it is evaluated.
        let content = self.side_files.as_ref()?.content(allocation, &path);
        content.ok().flatten()
    }

    fn write(&mut self, allocation: &Allocation, tree: &Tree) -> Result<(), RunError> {
        let layers: Vec<&str> = self.layers.iter().map(String::as_str).collect();
        let codes = self.codes(allocation, tree);
        if codes.is_none() && self.own {
            remove(&codes_file(&self.target))?;
        }
        let save = Save {
            text: &self.text,
            folder: self.target.parent().unwrap_or(Path::new("/")),
            name: None,
            layers: &layers,
            allocation,
            pins: &tree.pins,
            constraint: Some(&tree.constraint),
            codes: codes.as_deref(),
        };
        save.write(&self.target, self.own)?;
        self.own = true;
        Ok(())
    }
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> Result<(), RunError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(RunError::io("remove", path)(source))
        }
        _ => Ok(()),
    }
}

/// Makes sure that the profile of a run's result is in its folder, where there is a result.
///
/// # Errors
/// [`RunError`] where it is missing and cannot be written again.
pub fn restore_best(summary: &Summary) -> Result<(), RunError> {
    let Some(settings) = &summary.tree.settings else {
        return Ok(());
    };
    if summary.tree.incumbent.is_none() || summary.folder.join(BEST).exists() {
        return Ok(());
    }
    let text = read_profile(&summary.folder)?;
    BestProfile::new(&summary.folder, text, settings).keep(&summary.tree)
}

/// The profile that a run was started with.
pub(super) fn read_profile(folder: &Path) -> Result<String, RunError> {
    let path = folder.join(PROFILE);
    fs::read_to_string(&path).map_err(RunError::io("read the run's profile", &path))
}
