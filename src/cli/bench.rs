//! `aq4svit bench`: what each trick is worth.

mod child;
mod gate;
mod strategies;
mod table;

use std::process::ExitCode;

use anyhow::{Context, Result};
use child::{Measured, search};
use gate::Comparison;
use table::{Row, breakdown, table};

use super::output::{json_line, note, print};
use super::source::{SetArgs, resolve};
use crate::profile::{DEFAULT, Profile};

/// Run the same search with each trick off and compare: an ablation table
///
/// Every run is a process of its own in an empty folder, one after the other. Times are ratios to the run with all
/// tricks in the same round; with several rounds the medians.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one (the shipped `demo` when not given)
    profile: Option<String>,
    #[command(flatten)]
    set: SetArgs,
    /// Evaluator threads (all cores when not given)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Compare the search with the adaptive gate and without a gate instead: what it saves and what it costs
    #[arg(long, conflicts_with = "rounds")]
    gate: bool,
    /// Compare the strategies instead: greedy, beam, allocate, and random search with as many evaluations
    ///
    /// Every strategy searches with every seed: what it finds in bytes and saving, the accuracy drop on the search and the
    /// test split, and what that takes. Where an exhaustive search is possible (few groups at the finest of search.levels,
    /// or most of them pinned) it takes part, and the distance from the true optimum is shown.
    #[arg(long, conflicts_with_all = ["rounds", "gate"])]
    strategies: bool,
    /// Seeds to compare the strategies with
    ///
    /// Seed 0 is the profile as it stands; every other one draws other calibration and search images (data.split_seed) and
    /// other audits and random allocations (search.seed).
    #[arg(long, value_name = "N", default_value_t = 3, requires = "strategies", value_parser = clap::value_parser!(u8).range(1..))]
    seeds: u8,
    /// Print every row as a line of JSON
    #[arg(long)]
    json: bool,
}

/// A way to search: its name in the table, and the flags that ask for it. The first is what the others are compared
/// with.
const WAYS: [(&str, &[&str]); 12] = [
    ("all tricks", &[]),
    ("no prefix cache", &["--no-prefix-cache"]),
    ("prefix cache of 64 MiB", &["--cache-memory", "64MiB"]),
    ("no weight cache", &["--no-weight-cache"]),
    ("no static stem", &["--no-static-stem"]),
    ("no integer kernels", &["--no-integer-kernels"]),
    ("no early stop", &["--no-early-stop"]),
    ("no stored bits", &["--no-stored-bits"]),
    ("two workers", &["--workers", "2"]),
    ("plain", &["--plain"]),
    ("gate off", &["--set", "gate.mode=off"]),
    ("plain, gate off", &["--plain", "--set", "gate.mode=off"]),
];

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let profile = args.profile.as_deref().unwrap_or(DEFAULT);
    // What is wrong with it shows here and not in every child.
    let resolved = resolve(profile, &args.set)?;
    let mut common = vec![profile.to_owned()];
    common.extend(
        args.set
            .set
            .iter()
            .flat_map(|s| ["--set".to_owned(), s.clone()]),
    );
    let threads = args.threads.iter();
    common.extend(threads.flat_map(|n| ["--threads".to_owned(), n.to_string()]));
    if args.gate {
        return compare_gate(&common, args.json);
    }
    if args.strategies {
        return compare_strategies(&resolved.profile, &common, args);
    }
    let mut all: Vec<Vec<Measured>> = vec![Vec::new(); WAYS.len()];
    for round in 1..=args.rounds {
        for ((name, flags), runs) in WAYS.iter().zip(&mut all) {
            note(&format!("round {round} of {}: {name}", args.rounds));
            let measured =
                search(&common, flags).with_context(|| format!("the search with {name}"))?;
            runs.push(measured);
        }
    }
    let rows: Vec<Row> = WAYS
        .iter()
        .zip(&all)
        .filter_map(|((name, _), runs)| Row::new(name, runs, all.first()?))
        .collect();
    if args.json {
        rows.iter().try_for_each(json_line)?;
    } else {
        print(&table(&rows))?;
        if let Some(first) = all.first().and_then(|runs| runs.first()) {
            print(&breakdown(first))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compare_gate(common: &[String], json: bool) -> Result<ExitCode> {
    let run = |mode: &str| {
        note(&format!("gate {mode}"));
        let mode = format!("gate.mode={mode}");
        search(common, &["--set", &mode]).with_context(|| format!("the search with {mode}"))
    };
    let comparison = Comparison::new(&run("adaptive")?, &run("off")?);
    match json {
        true => json_line(&comparison)?,
        false => print(&comparison.to_string())?,
    }
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
