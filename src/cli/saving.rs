//! Allocations of a run, saved as profiles of the user's library with their quantized layers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::profile::{Constraint, Library, Paths, Pin, ProfileName, Save, SaveError, codes_file};
use crate::quant::Allocation;
use crate::run::{PROFILE, RunError, SideFiles, Summary, evidence, without_file};
use crate::tui::Saved;

/// Gives the maker of files of quantized layers, once it is needed; none where they need none.
pub(crate) type SideFilesOf = Box<dyn FnMut() -> Result<Option<SideFiles>, RunError> + Send>;

/// Saves allocations of a run.
pub(crate) struct Saver {
    library: Library,
    folder: PathBuf,
    /// The profile that the run was started with.
    text: String,
    /// Names of the layers.
    layers: Vec<String>,
    side_files: SideFilesOf,
}

impl Saver {
    /// A saver of the allocations of the run in a folder.
    pub fn new(folder: &Path, layers: Vec<String>, side_files: SideFilesOf) -> Result<Self> {
        let text = std::fs::read_to_string(folder.join(PROFILE)).context("the run's profile")?;
        Ok(Saver {
            library: Library::new(&Paths::from_env()?),
            folder: folder.to_owned(),
            text,
            layers,
            side_files,
        })
    }

    /// Saves an allocation with pins and, unless the profile's own stays, a constraint. Layers that
    /// were never evaluated are quantized first.
    pub fn save(
        &mut self,
        name: &ProfileName,
        allocation: &Allocation,
        (pins, constraint): (&[Pin], Option<&Constraint>),
        overwrite: bool,
    ) -> Result<Saved, SaveError> {
        let target = self.library.path(name);
        name.unreserved()?;
        // Looked at again when it is written; here it spares the quantizing.
        if !overwrite && target.exists() {
            return Err(SaveError::Exists(target));
        }
        let files = (self.side_files)();
        let codes = files.and_then(|files| match files {
            Some(files) => files.content(allocation, &codes_file(&target)),
            None => Ok(None),
        });
        let (codes, note) = match codes {
            Ok(codes) => (codes, None),
            Err(why) => (None, Some(without_file(&target, &why))),
        };
        let name = name.to_string();
        let layers: Vec<&str> = self.layers.iter().map(String::as_str).collect();
        // The journal on disk knows all that has been measured so far.
        let summary = Summary::read(&self.folder).ok();
        let evidence = summary
            .as_ref()
            .and_then(|run| evidence(&run.tree, &run.header, allocation));
        let save = Save {
            text: &self.text,
            folder: &self.folder,
            name: Some(&name),
            layers: &layers,
            allocation,
            pins,
            constraint,
            codes: codes.as_deref(),
            evidence: evidence.as_ref(),
        };
        save.write(&target, overwrite)?;
        Ok(Saved { path: target, note })
    }
}
