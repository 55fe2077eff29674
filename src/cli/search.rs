//! `aq4svit search`, and `aq4svit` alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::ExitCode;
use super::commands::CommandArgs;
use super::front::{Begun, Front, RunArgs};
use super::output::note;
use super::prepared::prepared;
use super::recognised;
use super::results::ResultArgs;
use super::signals::Signals;
use super::source::{SetArgs, library, resolve};
use crate::checkpoint::recognise;
use crate::profile::{Checkpoint, DEFAULT, Paths, ResolvedProfile};
use crate::run::{self, EvaluatorOptions, RunError, RunLocation, SearchProblem, Source};
use crate::search::Unsearchable;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one
    ///
    /// Without one, the shipped demo (with --model-from: a profile of nothing but the checkpoint's
    /// network).
    #[arg(add = super::complete::profiles())]
    profile: Option<String>,
    /// Take the network from this checkpoint, instead of the profile's [model]
    ///
    /// The weights determine its family and most sizes; the others are assumed and reported. The
    /// images come from the profile or from --set data....
    #[arg(long, value_name = "CHECKPOINT")]
    model_from: Option<PathBuf>,
    #[command(flatten)]
    shown: RunArgs,
    #[command(flatten)]
    set: SetArgs,
    /// The run's own folder; must not hold a run or a profile yet
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Seed of all random choices (`search.seed`)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The demo in the interface.
pub(crate) fn demo(signals: Signals) -> Result<ExitCode> {
    Front::Interactive.check()?;
    begin(DEFAULT, &SetArgs::default())?.watch(Front::Interactive, signals)
}

/// Begins a search that the interface is to show.
pub(crate) fn begin(profile: &str, set: &SetArgs) -> Result<Begun> {
    let options = EvaluatorOptions {
        results: ResultArgs::default().folder(),
        self_check: true,
        ..EvaluatorOptions::default()
    };
    let (profile, commands) = (resolve(profile, set)?, CommandArgs::default());
    start(profile, None, &commands, options, Front::Interactive)
}

pub(crate) fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    let front = args.shown.front();
    front.check()?;
    let mut set = args.set.clone();
    set.set
        .extend(args.seed.map(|seed| format!("search.seed={seed}")));
    let profile = match &args.model_from {
        None => resolve(args.profile.as_deref().unwrap_or(DEFAULT), &set)?,
        Some(checkpoint) => with_model(args.profile.as_deref(), checkpoint, &set)?,
    };
    let (folder, options) = (args.run_dir.clone(), args.shown.options()?);
    start(profile, folder, &args.shown.commands, options, front)?.watch(front, signals)
}

/// A profile with the network of a checkpoint.
fn with_model(profile: Option<&str>, path: &Path, set: &SetArgs) -> Result<ResolvedProfile> {
    let overrides = set.overrides()?;
    let checkpoint = match path.to_str().and_then(|p| p.strip_prefix("builtin:")) {
        Some(name) => Checkpoint::Builtin(name.to_owned()),
        None => Checkpoint::File(path.to_owned()),
    };
    let contents = checkpoint.open(recognised::weights(&overrides))?;
    if let (Checkpoint::File(path), true) = (&checkpoint, contents.has_graph()) {
        return Ok(library()?.with_graph(profile, path, &overrides)?);
    }
    let recognition = recognise(&contents.shapes());
    let candidate = recognised::only(contents.origin(), &recognition, &overrides)?;
    let resolved = library()?.with_model(profile, candidate, &checkpoint, &overrides)?;
    for line in recognised::assumptions(candidate, &overrides) {
        note(&format!("note: {line}"));
    }
    Ok(resolved)
}

fn start(
    profile: ResolvedProfile,
    run_dir: Option<PathBuf>,
    commands: &CommandArgs,
    options: EvaluatorOptions,
    front: Front,
) -> Result<Begun> {
    let (name, title) = (profile.profile.name.clone(), profile.origin.title());
    let source = Source {
        text: profile.text,
        folder: profile.folder,
        file: profile.origin.file().map(Into::into),
        origin: profile.origin.to_string(),
    };
    let place = match run_dir {
        Some(folder) => RunLocation::Folder(folder),
        None => RunLocation::Below {
            root: Paths::from_env()?.runs(),
            name,
        },
    };
    let problem = SearchProblem::from(profile.profile);
    match problem.check() {
        // Reported now; the result of the run is the closest infeasible candidate.
        Err(RunError::Unsearchable(Unsearchable::Memory(why))) if front != Front::Interactive => {
            note(&format!("no allocation meets this constraint: {why}"));
        }
        possible => possible.with_context(|| title.clone())?,
    }
    let prepared = prepared(problem, false).with_context(|| title)?;
    let (script, script_errors) = commands.open(front)?;
    let handle = run::create(prepared, &source, &place, &options, script)?;
    Ok(Begun {
        handle,
        script_errors,
        options,
    })
}
