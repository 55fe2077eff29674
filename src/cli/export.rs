//! `aq4svit export`.

mod formats;
#[cfg(feature = "torch")]
mod golden;
#[cfg(feature = "torch")]
mod material;
#[cfg(feature = "torch")]
mod target;

use std::path::PathBuf;

use anyhow::Result;

use super::ExitCode;
use super::bits::Bits;
use super::device::DeviceArgs;
use super::results::ResultArgs;
use super::signals::Signals;
use super::source::SetArgs;
use crate::export::Format;

/// Write a network as a package: packed integers, everything that follows them, and golden outputs
///
/// The folder holds a manifest with a published schema, the bit-packed integers, scales, affines
/// and thresholds, and what the network does on some inputs: accumulators, spikes, logits. Another
/// program can run it without this one; `aq4svit verify DIR` checks it, `aq4svit evaluate DIR`
/// measures its accuracy. Golden inputs are the images of the search split whose first potentials
/// keep the widest distance from their thresholds, a file's, or drawn numbers where the profile has
/// no data. docs/export.md describes the format.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run (its id or its folder), whose result is written; or a profile: a file, or the name of
    /// a saved or shipped one
    #[arg(value_name = "RUN|PROFILE", add = super::complete::profiles_and_runs())]
    target: String,
    /// The folder to write; it must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the folder where it is a package
    #[arg(long)]
    force: bool,
    /// Formats, with commas between them; the package is always written
    #[arg(long, value_delimiter = ',', default_value = "package")]
    format: Vec<Format>,
    #[command(flatten)]
    words: formats::FormatArgs,
    /// Refuse layers that read real numbers or have float weights
    #[arg(long)]
    integer_only: bool,
    /// Golden inputs: a .safetensors file with the tensor `input` [B,C,H,W] f32, already normalised
    /// (event frames [B,T,C,H,W])
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// Number of golden inputs
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=1000))]
    golden_images: u16,
    /// Draw golden inputs with this seed, whatever images there are (0 where the profile has none)
    #[arg(long, value_name = "N", conflicts_with = "golden")]
    golden_seed: Option<u64>,
    /// Bit-widths over the profile's own, such as all=4,head=8 (layers, globs, or `all`)
    #[arg(long, value_name = "BITS")]
    bits: Vec<Bits>,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    results: ResultArgs,
}

#[cfg(feature = "torch")]
pub(crate) fn run(args: &Args, signals: &Signals) -> Result<ExitCode> {
    use super::bits::allocation;
    use super::output::{line, note};
    use crate::export::{Conversion, ExportError, Package, PackageFolder, Source, write_formats};

    let target = target::resolve(&args.target, &args.set)?;
    let resolved = target.profile;
    let graph = resolved.profile.graph();
    let allocation = allocation(&resolved.profile, &graph, &args.bits)?;
    // Says what is there before anything is computed.
    let folder = PackageFolder::begin(&args.out, args.force)?;
    let profile_text = target::profile_text(&resolved, &allocation, folder.target())?;
    let evidence = target::evidence(&resolved.profile, &graph, &allocation);
    let run = target.run.or_else(|| Some(evidence?.run.clone()));
    let material = material::read(args, &resolved.profile, &allocation, signals)?;
    let source = Source {
        profile: &resolved.profile,
        profile_text,
        weights: &material.weights,
        allocation: &allocation,
        layers: &material.layers,
        accuracy: evidence.map(target::accuracy).unwrap_or_default(),
        provenance: material.provenance(&resolved.profile, run),
    };
    let conversion;
    let mut package = {
        let package = Package::new(source.clone())?;
        conversion = Conversion::new(&source, &package)?;
        package
    };
    let real = package.real_layers();
    if args.integer_only && !real.is_empty() {
        return Err(ExportError::NotInteger(real).into());
    }
    golden::write(
        args,
        &mut package,
        (&source, &conversion),
        (&material, &folder),
        signals,
    )?;
    write_formats(&args.format, args.words.options(), &package, &folder)?;
    let shown = args.out.display().to_string();
    folder.finish(&package)?;
    for text in golden::notes(&package) {
        note(&text);
    }
    line(&golden::summary(&package, &shown))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(not(feature = "torch"))]
pub(crate) fn run(_args: &Args, _signals: &Signals) -> Result<ExitCode> {
    Err(crate::run::RunError::NoTorch.into())
}
