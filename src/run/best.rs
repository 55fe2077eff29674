//! `RUN/best.toml`: the result as a profile, and `RUN/incumbent.toml` beside it.

use std::fmt::Display;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::{BEST, INCUMBENT, PROFILE};
use super::side_file::SideFiles;
use super::{RunError, Summary, evidence};
use crate::journal::Header;
use crate::profile::{Save, codes_file};
use crate::quant::Allocation;
use crate::search::{Candidate, Settings, Tree};

/// Keeps the files as the search wants them.
#[derive(Debug)]
pub(super) struct BestProfile {
    /// The profile's text; its relative paths start from the run's folder.
    text: String,
    /// The file of the result.
    result: Target,
    /// The file of the incumbent, once the result is what could be certified.
    incumbent: Target,
    /// Names of the layers.
    layers: Vec<String>,
    /// The first line of the journal: what the evidence of a result is of.
    header: Header,
    /// Makes the files of quantized layers beside them.
    side_files: Option<SideFiles>,
    /// Why there is no such file, where there should be.
    note: Option<String>,
}

/// A file that holds a profile.
#[derive(Clone, Debug)]
struct Target {
    path: PathBuf,
    /// True once this run has written the file: only then is it replaced or removed.
    own: bool,
}

impl Target {
    fn new(path: PathBuf) -> Self {
        Target { path, own: false }
    }

    fn remove(&self) -> Result<(), RunError> {
        match self.own {
            true => {
                remove(&self.path)?;
                remove(&codes_file(&self.path))
            }
            false => Ok(()),
        }
    }
}

impl BestProfile {
    /// Of a run that begins: no such file is its own yet.
    pub fn new(folder: &Path, text: String, settings: &Settings, header: &Header) -> Self {
        let layers = settings.space.layers.iter();
        BestProfile {
            text,
            result: Target::new(folder.join(BEST)),
            incumbent: Target::new(folder.join(INCUMBENT)),
            layers: layers.map(|l| l.name.clone()).collect(),
            header: header.clone(),
            side_files: None,
            note: None,
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
    pub fn resumed(mut self) -> Self {
        self.result.own = true;
        self.incumbent.own = true;
        self
    }

    /// Names of the layers.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// Writes the result, and beside a certified one the incumbent, with the pins and the
    /// constraint now in force; removes a file where there is none. On disk when this returns.
    pub fn keep(&mut self, tree: &Tree) -> Result<(), RunError> {
        let result = self.kept(tree.result(), tree, self.result.clone())?;
        self.result = result;
        let is_beside = tree.certification.outcome.is_some();
        let incumbent = tree.best().filter(|_| is_beside);
        self.incumbent = self.kept(incumbent, tree, self.incumbent.clone())?;
        Ok(())
    }

    fn kept(
        &mut self,
        candidate: Option<&Candidate>,
        tree: &Tree,
        target: Target,
    ) -> Result<Target, RunError> {
        match candidate {
            Some(candidate) => self.write(&candidate.allocation, tree, target),
            None => target.remove().map(|()| target),
        }
    }

    /// The content of the file of quantized layers, once the search has ended: while it goes on,
    /// every incumbent's would be written for nothing.
    fn codes(&mut self, allocation: &Allocation, tree: &Tree, target: &Path) -> Option<Vec<u8>> {
        tree.finished?;
        let path = codes_file(target);
        match self.side_files.as_ref()?.content(allocation, &path) {
            Ok(content) => content,
            Err(error) => {
                self.note = Some(without_file(target, &error));
                None
            }
        }
    }

    /// What is to be said of the last file that was written, once.
    pub fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    fn write(
        &mut self,
        allocation: &Allocation,
        tree: &Tree,
        target: Target,
    ) -> Result<Target, RunError> {
        let codes = self.codes(allocation, tree, &target.path);
        let layers: Vec<&str> = self.layers.iter().map(String::as_str).collect();
        if codes.is_none() && target.own {
            remove(&codes_file(&target.path))?;
        }
        let evidence = evidence(tree, &self.header, allocation);
        let save = Save {
            text: &self.text,
            folder: target.path.parent().unwrap_or(Path::new("/")),
            name: None,
            layers: &layers,
            allocation,
            pins: &tree.pins,
            constraint: Some(&tree.constraint),
            codes: codes.as_deref(),
            evidence: evidence.as_ref(),
        };
        save.write(&target.path, target.own)?;
        Ok(Target {
            own: true,
            ..target
        })
    }
}

/// What it means for a profile that its file of quantized layers cannot be made.
pub fn without_file(profile: &Path, why: &dyn Display) -> String {
    format!(
        "the quantized layers of {} were not saved ({why}); they are calibrated anew where it is evaluated, which takes the calibration images",
        profile.display()
    )
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
    if summary.tree.result().is_none() || summary.folder.join(BEST).exists() {
        return Ok(());
    }
    let text = read_profile(&summary.folder)?;
    BestProfile::new(&summary.folder, text, settings, &summary.header).keep(&summary.tree)
}

/// The profile that a run was started with.
pub(super) fn read_profile(folder: &Path) -> Result<String, RunError> {
    let path = folder.join(PROFILE);
    fs::read_to_string(&path).map_err(RunError::io("read the run's profile", &path))
}
