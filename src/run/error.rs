//! What can go wrong with a run.

use std::path::{Path, PathBuf};

use super::side_file::SideFileError;
use crate::checkpoint::CheckpointError;
use crate::data::DataError;
use crate::evaluate::EvaluateError;
use crate::journal::JournalError;
use crate::profile::{ProfileError, SaveError};
use crate::search::{ReplayError, Unsearchable};

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The weights.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The images.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Files of a run that is to go on.
    #[error(
        "{source}\nwhere files have moved, correct their paths in {}: with the same content the run goes on",
        profile.display()
    )]
    Moved {
        /// The run's profile, which names them.
        profile: PathBuf,
        /// What cannot be had.
        source: Box<RunError>,
    },
    /// What there is to search.
    #[error(transparent)]
    Unsearchable(#[from] Unsearchable),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Saving a profile.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The evaluator.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The journal does not follow from its own settings.
    #[error("{}: {source}", folder.display())]
    Replay {
        /// The run's folder.
        folder: PathBuf,
        /// Where it does not follow.
        source: ReplayError,
    },
    /// The calibration images are not those that the profile names.
    #[error(
        "profile {profile} was calibrated with other images than those at hand: quantizer.calibration_hash is {claimed}…, the {images} calibration images at hand have {found}…\nput the images back (training files, data.calibration, data.split_seed and preprocessing as they were), or calibrate anew with --set quantizer.calibration_hash=\"\""
    )]
    Calibration {
        /// The profile.
        profile: String,
        /// The beginning of the profile's content hash.
        claimed: String,
        /// The beginning of that of the images at hand.
        found: String,
        /// The number of them.
        images: usize,
    },
    /// A graph file whose golden data do not come out.
    #[error("the graph file {} is refused: {why}\nits graph is not the network that its golden data are of, or the weights in it are others: write it anew with aq4svit_export.py (`aq4svit export-script`)", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// What differs, and in which block first.
        why: String,
    },
    /// A graph file that cannot be written.
    #[error("{0}")]
    GraphFile(String),
    /// Running a network to see its golden data.
    #[cfg(feature = "torch")]
    #[error("running the network of a graph file: {0}")]
    Torch(#[from] crate::torch::TorchError),
    /// A file of quantized layers.
    #[error(transparent)]
    SideFile(#[from] SideFileError),
    /// A file of quantized layers cannot be used, and they cannot be made again.
    #[error("{file}\nand its layers cannot be calibrated again: {source}")]
    Uncalibrated {
        /// What is wrong with the file.
        file: SideFileError,
        /// What is wrong with the calibration.
        source: Box<RunError>,
    },
    /// The run was made with something else than what is there now.
    #[error("the run in {} cannot be continued, because what it rests on has changed:\n{differences}\nput back what it was made with, or start a new run{}", folder.display(), offer(*.reusable))]
    Changed {
        /// The run's folder.
        folder: PathBuf,
        /// One line for each difference, both sides.
        differences: String,
        /// How many of its measurements a new run would find in the cache of results.
        reusable: usize,
    },
    /// What a run was made with is not what is there now.
    #[error("{parts} changed since the run in {}: restore what the run used", folder.display())]
    Altered {
        /// The run's folder.
        folder: PathBuf,
        /// The parts of the fingerprint that differ.
        parts: String,
    },
    /// A file in the folder for a new run is in the way.
    #[error("{} already holds a {file}, and a run keeps a file of that name in its folder: choose another folder, or move that file away", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// The file's name.
        file: &'static str,
    },
    /// The folder for a new run holds the profile that the run is started with.
    #[error("the profile {} lies in {}, the folder for the run's own files: choose another folder for the run", profile.display(), folder.display())]
    ProfileInside {
        /// The profile.
        profile: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// The folder for a new run has a name that files cannot hold.
    #[error("the folder for the run, {}, has a name that is not UTF-8, which no file could refer to: choose another", .0.display())]
    NotUnicode(PathBuf),
    /// The latest run cannot be read.
    #[error("the latest run, {}, cannot be read: {source}\nto continue another one, name it: `aq4svit resume RUN` (`aq4svit runs` lists them)", folder.display())]
    Unreadable {
        /// The run's folder.
        folder: PathBuf,
        /// Why.
        source: Box<RunError>,
    },
    /// A journal that no search can have written.
    #[error("{}: {why}; the journal was changed or damaged", folder.display())]
    Damaged {
        /// The run's folder.
        folder: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No run fits the name.
    #[error("there is no run {wanted:?} in {}: `aq4svit runs` lists them", root.display())]
    NoSuchRun {
        /// What was asked for.
        wanted: String,
        /// Where runs are kept.
        root: PathBuf,
    },
    /// There are no runs.
    #[error("there is no run in {} yet: `aq4svit search` starts one", root.display())]
    NoRuns {
        /// Where runs are kept.
        root: PathBuf,
    },
    /// The file system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The optimized arithmetic and the plain one do not agree.
    #[error(
        "the self-check found that the optimized arithmetic and the plain one, which agree exactly on the machines this program was tested on, differ here: {what}\nthe results of a search could be wrong: use --plain, which is slower and does without the optimizations, and report this with the output of `aq4svit doctor` (--no-self-check searches all the same)"
    )]
    SelfCheck {
        /// What differs first.
        what: String,
    },
    /// An evaluation that says nothing any more.
    #[error(
        "{what} has said nothing for {seconds} s (--evaluation-timeout): it hangs, or one batch takes longer here\neverything that was measured is kept: `aq4svit resume` goes on with it, with another --evaluation-timeout or without one"
    )]
    Silent {
        /// What was evaluated.
        what: String,
        /// The seconds allowed.
        seconds: u64,
    },
    /// The machines that evaluate.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Cluster(#[from] crate::cluster::ClusterError),
    /// This program was built without libtorch.
    #[error(
        "this program was built without libtorch and cannot evaluate networks: build it with the default features (`make build`)"
    )]
    NoTorch,
}

impl RunError {
    /// The file system's refusal.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| RunError::Io {
            action,
            path: path.clone(),
            source,
        }
    }
}

fn offer(reusable: usize) -> String {
    match reusable {
        0 => String::new(),
        1 => ": one measurement of this run still applies, and it takes that from the cache of results".into(),
        n => format!(": {n} measurements of this run still apply, and it takes them from the cache of results"),
    }
}
