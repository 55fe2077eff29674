//! `aq4svit inspect PROFILE|CHECKPOINT`: what a network is made of and what it costs.

mod bare;
mod report;
mod table;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::source::{SetArgs, library, print};
use crate::checkpoint::{self, CheckpointError, StateDict};
use crate::network::Graph;
use crate::profile::{Checkpoint, Library};

/// Show the layers of a network: shapes, sizes, bytes at each bit-width
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A profile (a path or a name), or a file of weights
    #[arg(value_name = "PROFILE|CHECKPOINT")]
    pub target: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Print everything, however wide
    #[arg(long)]
    pub wide: bool,
    /// Overrides of the profile.
    #[command(flatten)]
    pub set: SetArgs,
}

/// Prints the inspection.
///
/// # Errors
/// For a profile or checkpoint that cannot be read, and for a checkpoint that is not the profile's network.
pub fn run(args: &Args) -> Result<ExitCode> {
    let library = library()?;
    if let Some(checkpoint) = bare_checkpoint(&args.target) {
        return inspect_bare(args, &checkpoint);
    }
    inspect_profile(args, &library)
}

/// The checkpoint that is meant instead of a profile: by its name's ending, or because it is no text.
fn bare_checkpoint(target: &str) -> Option<Checkpoint> {
    if let Some(name) = target.strip_prefix("builtin:") {
        return Some(Checkpoint::Builtin(name.to_owned()));
    }
    let endings = [".safetensors", ".pth", ".pth.tar", ".pt"];
    let lower = target.to_lowercase();
    let named = endings.iter().any(|ending| lower.ends_with(ending));
    named.then(|| Checkpoint::File(Path::new(target).to_owned()))
}

fn load(checkpoint: &Checkpoint) -> Result<StateDict, CheckpointError> {
    match checkpoint {
        Checkpoint::File(path) => checkpoint::load(path),
        Checkpoint::Builtin(name) => checkpoint::builtin(name),
    }
}

fn inspect_profile(args: &Args, library: &Library) -> Result<ExitCode> {
    let resolved = library.resolve(&args.target, &args.set.overrides()?)?;
    let graph = resolved.profile.graph()?;
    // The table needs no weights; weights that are there must be the network's.
    let checked = resolved
        .profile
        .checkpoint
        .as_ref()
        .map(|c| check(c, &graph));
    let missing = matches!(checked, Some(Err(CheckpointError::NotFound { .. })));
    let report = report::Inspection::of(&resolved, &graph, matches!(checked, Some(Ok(()))));
    let text = match (args.json, args.wide) {
        (true, _) => format!("{}\n", serde_json::to_string(&report)?),
        (false, wide) => table::text(&report, wide),
    };
    print(&text)?;
    match checked {
        Some(Err(error)) if missing => {
            eprintln!("note: {error}");
            Ok(ExitCode::SUCCESS)
        }
        Some(Err(error)) => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn check(checkpoint: &Checkpoint, graph: &Graph) -> Result<(), CheckpointError> {
    load(checkpoint)?.check(graph)
}

fn inspect_bare(args: &Args, checkpoint: &Checkpoint) -> Result<ExitCode> {
    let report = bare::Tensors::of(checkpoint, &load(checkpoint)?);
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string(&report)?),
        false => report.text(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
