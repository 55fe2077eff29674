//! `aq4svit inspect PROFILE|CHECKPOINT`: the layers of a network and their costs.

mod bare;
mod graph_file;
mod report;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::ExitCode;
use super::device::DeviceArgs;
use super::output::{note, print};
use super::prepared::{prepared, say_notes};
use super::recognised;
use super::results::ResultArgs;
use super::signals::Signals;
use super::source::{SetArgs, library, say};
use crate::checkpoint::{
    Candidate, CheckpointError, Recognition, is_checkpoint, recognise, taken_for,
};
use crate::network::Graph;
use crate::profile::{Checkpoint, Library, Profile, model_section};
use crate::quant::BitWidth;
use crate::run::{EvaluatorOptions, output_errors as output_errors_of};

/// Show the layers of a network: shapes, sizes, bytes at each bit-width
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A profile (a path or a name), or a file of weights
    #[arg(value_name = "PROFILE|CHECKPOINT", add = super::complete::profiles())]
    pub target: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Print everything, however wide
    #[arg(long)]
    pub wide: bool,
    /// Calibrate the quantizer on the profile's images, and show the relative error of each layer's
    /// output at each bit-width
    #[arg(long)]
    pub calibrated: bool,
    /// Write the network to a graph file (NAME.aq4.safetensors): graph, weights, golden data.
    /// Without weights these are random
    #[arg(long, value_name = "FILE", conflicts_with = "calibrated")]
    pub write_graph: Option<PathBuf>,
    /// Seed of the golden images, and of the weights where there are none
    #[arg(long, value_name = "N", requires = "write_graph")]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    pub results: ResultArgs,
    /// Overrides of the profile.
    #[command(flatten)]
    pub set: SetArgs,
}

/// Prints the inspection.
///
/// # Errors
/// For a profile or checkpoint that cannot be read, and for a checkpoint that is not the profile's
/// network.
pub fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    let library = library()?;
    if let Some(checkpoint) = bare_checkpoint(&args.target) {
        if args.calibrated {
            bail!(
                "--calibrated needs the images of a profile; {} has none",
                args.target
            );
        }
        return inspect_bare(args, &library, &checkpoint);
    }
    inspect_profile(args, &library, signals)
}

/// The checkpoint that an argument names instead of a profile, by its extension or its content.
pub(super) fn bare_checkpoint(target: &str) -> Option<Checkpoint> {
    if let Some(name) = target.strip_prefix("builtin:") {
        return Some(Checkpoint::Builtin(name.to_owned()));
    }
    let endings = [".safetensors", ".pth", ".pth.tar", ".pt", ".ckpt", ".bin"];
    let lower = target.to_lowercase();
    let named = endings.iter().any(|ending| lower.ends_with(ending));
    let path = Path::new(target);
    (named || is_checkpoint(path)).then(|| Checkpoint::File(path.to_owned()))
}

/// The relative errors of the layers' outputs at every integer bit-width up to 8 of the menu.
fn output_errors(
    profile: &Profile,
    options: &EvaluatorOptions,
    signals: Signals,
) -> Result<Vec<BTreeMap<String, Option<f64>>>> {
    profile.need_data()?;
    if !profile.scheme.needs_images() {
        bail!(
            "--calibrated needs quantizer.method = \"calibrated\" or a quantizer.correction; the profile has neither"
        );
    }
    let widths = profile.menu.iter().copied().filter(|w| w.bits() <= 8);
    let widths: Vec<BitWidth> = widths.collect();
    let prepared = prepared(profile.clone().into(), true)?;
    let errors = output_errors_of(prepared, options, &widths, &signals.cancel())?;
    let names = || widths.iter().map(ToString::to_string);
    Ok(errors
        .into_iter()
        .map(|layer| names().zip(layer).collect())
        .collect())
}

fn inspect_profile(args: &Args, library: &Library, signals: Signals) -> Result<ExitCode> {
    let resolved = library.resolve(&args.target, &args.set.overrides()?)?;
    say(&resolved);
    let graph = resolved.profile.graph();
    // The table needs no weights; weights that exist must be the network's.
    let checkpoint = resolved.profile.checkpoint.as_ref();
    let checked = checkpoint.map(|c| check(c, &resolved.profile, &graph));
    let missing = matches!(checked, Some(Err(CheckpointError::NotFound { .. })));
    let mut report = report::Inspection {
        checkpoint_missing: missing,
        ..report::Inspection::of(&resolved, &graph, matches!(checked, Some(Ok(()))))
    };
    if args.calibrated {
        let options = args.device.options(args.results);
        let errors = output_errors(&resolved.profile, &options, signals)?;
        for (layer, errors) in report.layers.iter_mut().zip(errors) {
            layer.output_error = Some(errors);
        }
    }
    if let (Some(file), false) = (
        &args.write_graph,
        matches!(checked, Some(Err(_))) && !missing,
    ) {
        graph_file::write(&resolved.profile, missing, file, args.seed.unwrap_or(0))?;
    }
    let text = match (args.json, args.wide) {
        (true, _) => format!("{}\n", serde_json::to_string(&report)?),
        (false, wide) => table::text(&report, wide),
    };
    print(&text)?;
    match checked {
        Some(Err(error)) if missing => {
            note(&format!("note: {error}"));
            Ok(ExitCode::SUCCESS)
        }
        Some(Err(error)) => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Checks the weights of a profile, and says what a person should know of them.
fn check(checkpoint: &Checkpoint, profile: &Profile, graph: &Graph) -> Result<(), CheckpointError> {
    let weights = checkpoint.open(profile.weights)?.read_for(graph)?;
    say_notes(weights.notes());
    say_notes(taken_for(profile.model.family()).as_slice());
    Ok(())
}

fn inspect_bare(args: &Args, library: &Library, checkpoint: &Checkpoint) -> Result<ExitCode> {
    let overrides = args.set.overrides()?;
    let contents = checkpoint.open(recognised::weights(&overrides))?;
    if let (Checkpoint::File(path), true) = (checkpoint, contents.has_graph()) {
        return inspect_graph(args, library, path);
    }
    if args.write_graph.is_some() {
        bail!(
            "--write-graph needs a profile that says the network of {}",
            args.target
        );
    }
    let shapes = contents.shapes();
    let recognition = recognise(&shapes);
    let left = recognised::left(&recognition, &overrides);
    let bare = bare::Bare::of(checkpoint, &contents, &shapes, &recognition, &left);
    let [only] = left.as_slice() else {
        print(&match args.json {
            true => bare.json(None)?,
            false => undecided(&bare, &recognition, &left, checkpoint, args.wide)?,
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let resolved = library.with_model(None, only, checkpoint, &overrides)?;
    let graph = resolved.profile.graph();
    // Recognised by floating-point tensors; the file may have others.
    let fits = match contents.check(&graph) {
        Ok(()) => "every key and shape fits",
        Err(_) => "every floating-point tensor has its key and shape, but the file does not fit",
    };
    let checked = contents.read_for(&graph);
    let report = report::Inspection::of(&resolved, &graph, checked.is_ok());
    print(&match args.json {
        true => bare.json(Some(&report))?,
        false => {
            let model = resolved.text.find("[model]").unwrap_or(0);
            format!(
                "{}Network: {}; {fits}.\n{}{}\n{}\n{}{}",
                bare.head(),
                only.name(),
                bare.cannot_tell(),
                bare.profiles(),
                &resolved.text[model..],
                table::text(&report, args.wide),
                if args.wide {
                    bare.list()
                } else {
                    String::new()
                }
            )
        }
    })?;
    checked?;
    Ok(ExitCode::SUCCESS)
}

/// A graph file says its network itself.
fn inspect_graph(args: &Args, library: &Library, path: &Path) -> Result<ExitCode> {
    let resolved = library.with_graph(None, path, &args.set.overrides()?)?;
    let graph = resolved.profile.graph();
    let checkpoint = Checkpoint::File(path.to_owned());
    let checked = check(&checkpoint, &resolved.profile, &graph);
    if let (Some(file), Ok(())) = (&args.write_graph, &checked) {
        graph_file::write(&resolved.profile, false, file, args.seed.unwrap_or(0))?;
    }
    let report = report::Inspection::of(&resolved, &graph, checked.is_ok());
    print(&match args.json {
        true => format!("{}\n", serde_json::to_string(&report)?),
        false => {
            let model = resolved.text.find("[model]").unwrap_or(0);
            format!(
                "{}: a graph file.\n{}\n{}",
                path.display(),
                &resolved.text[model..],
                table::text(&report, args.wide)
            )
        }
    })?;
    checked?;
    Ok(ExitCode::SUCCESS)
}

/// The tensors of a checkpoint of an unknown network, and the networks that it may be.
fn undecided(
    bare: &bare::Bare,
    recognition: &Recognition,
    left: &[&Candidate],
    checkpoint: &Checkpoint,
    wide: bool,
) -> Result<String> {
    let mut text = bare.head();
    // Of a file that is nearly a network's, what differs is of interest.
    if wide || recognition.nearest.is_none() {
        text.push_str(&format!("\n{}\n", bare.list()));
    }
    text.push_str(&bare.undecided(recognition, left));
    text.push_str(&bare.cannot_tell());
    for candidate in left {
        let section = model_section(candidate, checkpoint)?;
        text.push_str(&format!("\n{}\n", section.trim_end()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
