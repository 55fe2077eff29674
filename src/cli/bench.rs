//! `aq4svit bench`: the effect of the optimizations, the gate and the strategies.

mod ablation;
mod gate;
mod run;
mod strategies;

use anyhow::{Context, Result};
use gate::Comparison;
use run::search;

use super::ExitCode;
use super::output::{json_line, note, print, show};
use super::source::{SetArgs, resolve};
use crate::profile::{DEFAULT, Profile};

/// Run the same search with each optimization off and compare: an ablation table
///
/// Every run is a separate process in an empty folder, one after the other. Times are ratios to the
/// run with all optimizations in the same round; with several rounds the medians.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one (the shipped `demo` when not given)
    #[arg(add = super::complete::profiles())]
    profile: Option<String>,
    #[command(flatten)]
    set: SetArgs,
    /// Evaluator threads (all cores when not given)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Compare the search with the adaptive gate and without a gate instead: its savings and its
    /// cost
    #[arg(long, conflicts_with = "rounds")]
    gate: bool,
    /// Compare the strategies instead: greedy, beam, allocate, and random search with as many
    /// evaluations
    ///
    /// Every strategy searches with every seed: bytes and saving of the result, its accuracy drop
    /// on the search and the test split, and the effort. Where an exhaustive search is possible
    /// (few groups at the finest of search.levels, or most of them pinned) it takes part, and the
    /// distance from the true optimum is shown.
    #[arg(long, conflicts_with_all = ["rounds", "gate"])]
    strategies: bool,
    /// Seeds to compare the strategies with
    ///
    /// Seed 0 is the profile as it stands; every other one draws other calibration and search
    /// images (data.split_seed) and other audits and random allocations (search.seed).
    #[arg(long, value_name = "N", default_value_t = 3, requires = "strategies", value_parser = clap::value_parser!(u8).range(1..))]
    seeds: u8,
    /// Print every row as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let profile = args.profile.as_deref().unwrap_or(DEFAULT);
    // Errors of the profile are reported here and not by every child.
    let resolved = resolve(profile, &args.set)?;
    let mut common = vec![profile.to_owned()];
    common.extend(args.set.set.iter().map(|set| format!("--set={set}")));
    common.extend(args.threads.map(|n| format!("--threads={n}")));
    if args.gate {
        return compare_gate(&common, args.json);
    }
    if args.strategies {
        return compare_strategies(&resolved.profile, &common, args);
    }
    ablation::run(&common, args.rounds, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn compare_gate(common: &[String], json: bool) -> Result<ExitCode> {
    let run = |mode: &str| {
        note(&format!("gate {mode}"));
        let mode = format!("gate.mode={mode}");
        search(common, &["--set", &mode]).with_context(|| format!("the search with {mode}"))
    };
    let comparison = Comparison::new(&run("adaptive")?, &run("off")?);
    show(json, &comparison, || comparison.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn compare_strategies(profile: &Profile, common: &[String], args: &Args) -> Result<ExitCode> {
    let comparison = strategies::Comparison::run(profile, common, args.seeds)?;
    match args.json {
        true => comparison.lines()?.iter().try_for_each(json_line)?,
        false => print(&comparison.to_string())?,
    }
    Ok(ExitCode::SUCCESS)
}
