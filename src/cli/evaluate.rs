//! `aq4svit evaluate`.

mod package;
mod report;

use anyhow::{Result, bail};
use clap::ValueEnum;

use self::package::ReadPackage;
use self::report::Evaluation;
use super::ExitCode;
use super::INTERRUPTED;
use super::bits::{Bits, allocation};
use super::device::DeviceArgs;
use super::output::{note, show};
use super::prepared::{prepared_for, prepared_with, say_notes};
use super::progress::bar;
use super::results::ResultArgs;
use super::signals::Signals;
use super::source::{SetArgs, resolve};
use crate::evaluate::{EvaluateError, Progress, Split, at_chance, of_activity, percent};
use crate::profile::ResolvedProfile;
use crate::quant::Allocation;
use crate::run::{self, Compared, Prepared, RunError, SplitStatistics};

/// Measure a profile's allocation: accuracy, firing rates, energy
///
/// Prints top-1 and top-5 accuracy with the 95 % Wilson interval, the accuracy of each class, the
/// memory, the speed, the firing rate of each neuron site, and the energy estimate that the field
/// quotes: 4.6 pJ for a multiply-accumulate and 0.9 pJ for an accumulate (a synaptic operation:
/// firing rate of a layer's input times its multiply-accumulates), the figures of 32-bit floating
/// point in 45 nm by M. Horowitz, ISSCC 2014. Layers that read real numbers count
/// multiply-accumulates, attention the accumulates of q (k^T v); memory accesses and bit-widths do
/// not enter.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one; or the folder of a package that
    /// `aq4svit export` wrote
    #[arg(add = super::complete::profiles())]
    profile: String,
    /// Which images (the test split where there is one, else the search split)
    #[arg(long)]
    split: Option<SplitArg>,
    /// Bit-widths over the profile's own, such as all=4,head=8 (layers, globs, or `all`)
    #[arg(long, value_name = "BITS")]
    bits: Vec<Bits>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    results: ResultArgs,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    cluster: super::cluster::ClusterArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitArg {
    Search,
    Test,
    Calibration,
    Proxy,
    Certify,
}

pub(crate) fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    let package = package::folder(&args.profile);
    let package = package.map(|folder| package::read(&folder, &args.set));
    let package = package.transpose()?;
    if package.is_some() && !args.bits.is_empty() {
        bail!("--bits: a package has the bit-widths that it was exported with");
    }
    #[cfg_attr(
        not(feature = "cluster"),
        allow(unused_mut, reason = "nothing else to ask")
    )]
    let mut options = args.device.options(args.results);
    #[cfg(feature = "cluster")]
    {
        options.cluster = args.cluster.options()?;
        if options.is_remote() && package.is_some() {
            bail!("--cluster: a package is evaluated on this machine: leave the option out");
        }
    }
    let profile = match &package {
        Some(package) => package.profile.clone(),
        None => resolve(&args.profile, &without_screening(&args.set))?,
    };
    let split = split(args, &profile)?;
    let (allocation, prepared) = prepare(args, profile, package.as_ref(), split)?;
    let splits = &prepared.splits;
    let images = split.images(splits).map_or(0, |images| images.len());
    let graph = prepared.profile.graph();
    let affine = prepared.profile.scheme.affine;
    let skipped = splits.skipped.len();

    let cancel = signals.cancel();
    let bar = bar(
        images as u64,
        "[{bar:24}] {pos}/{len} images, {msg}, {eta} left",
    );
    let mut progress = |p: Progress| {
        bar.set_position(p.done as u64);
        bar.set_message(format!("{:.2} %", percent(p.correct, p.done)));
    };
    let compared = match package {
        Some(_) => Compared::Alone,
        None => Compared::WithFloat,
    };
    let job = (&allocation, split, compared);
    let done = run::statistics(prepared, &options, job, &cancel, &mut progress);
    bar.finish_and_clear();
    let SplitStatistics {
        counted,
        float_correct,
        seconds,
    } = match done {
        Ok(done) => done,
        Err(RunError::Evaluate(EvaluateError::Cancelled)) => {
            note("interrupted");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(e) => return Err(e.into()),
    };
    let mut evaluation = Evaluation::new(&graph, affine, &allocation, (split, seconds), &counted);
    let of_package = |package: &ReadPackage| package.float_correct(split, counted.images);
    evaluation.compare(float_correct.or_else(|| of_package(package.as_ref()?)));
    evaluation.skipped = skipped;
    let chance = float_correct.and_then(|n| at_chance(n, counted.images, graph.classes));
    let activity = of_activity(&graph, &counted.firing_rates(&graph));
    say_notes(chance.as_slice());
    say_notes(&activity);
    show(args.json, &evaluation, || evaluation.text())?;
    Ok(ExitCode::SUCCESS)
}

/// A smaller search split than the profile screens on is no mistake here: nothing is screened.
fn without_screening(set: &SetArgs) -> SetArgs {
    let mut set = set.clone();
    let names = |key: &str| {
        set.set
            .iter()
            .any(|text| text.split('=').next() == Some(key))
    };
    if names("data.search") && !names("search.screen") {
        set.set.push("search.screen=1".to_owned());
    }
    set
}

/// The split that is asked for.
fn split(args: &Args, profile: &ResolvedProfile) -> Result<Split> {
    let data = profile.profile.need_data()?;
    let (has_test, certify) = (data.has_test(), data.certify);
    Ok(match (args.split, has_test) {
        (Some(SplitArg::Calibration), _) => Split::Calibration,
        (Some(SplitArg::Proxy), _) => Split::Proxy,
        (Some(SplitArg::Certify), _) if certify.is_none() => bail!(
            "{}: the data has no split to certify results on; set data.certify to a number of images",
            profile.origin
        ),
        (Some(SplitArg::Certify), _) => Split::Certify,
        (Some(SplitArg::Test), false) => bail!(
            "{}: the data has no test split; use --split search",
            profile.origin
        ),
        (Some(SplitArg::Test) | None, true) => Split::Test,
        (Some(SplitArg::Search) | None, _) => Split::Search,
    })
}

/// The allocation, and what it takes to evaluate it on a split.
fn prepare(
    args: &Args,
    profile: ResolvedProfile,
    package: Option<&ReadPackage>,
    split: Split,
) -> Result<(Allocation, Prepared)> {
    let Some(package) = package else {
        let graph = profile.profile.graph();
        let allocation = allocation(&profile.profile, &graph, &args.bits)?;
        let prepared = prepared_for(profile.profile, (&allocation, split))?;
        return Ok((allocation, prepared));
    };
    let given = (package.weights.clone(), package.fixed.clone());
    let allocation = package.fixed.allocation.clone();
    Ok((allocation, prepared_with(profile.profile, given, split)?))
}
