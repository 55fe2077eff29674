//! `aq4svit predict`.

use std::path::PathBuf;
#[cfg(feature = "torch")]
use std::sync::Arc;

#[cfg(feature = "torch")]
use anyhow::Context;
use anyhow::Result;
use clap::ValueEnum;

use super::ExitCode;
#[cfg(feature = "torch")]
use super::LARGEST_INPUT;
use super::bits::Bits;
use super::device::DeviceArgs;
#[cfg(feature = "torch")]
use super::prepared::{prepared_for, say_notes};
use super::results::ResultArgs;
use super::signals::Signals;
use super::source::SetArgs;
#[cfg(feature = "torch")]
use super::written;
#[cfg(feature = "torch")]
use crate::{
    checkpoint::StateDict,
    evaluate::Split,
    profile::{Checkpoint, Profile, ResolvedProfile},
    quant::{Allocation, QuantizedLayer},
    system::read_within,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one
    #[arg(add = super::complete::profiles())]
    profile: String,
    /// A .safetensors file with the tensor `input` [B,C,H,W] f32, already normalised (event frames
    /// [B,T,C,H,W])
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where to write `logits` [B,classes]
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Number format of the forward pass
    #[arg(long, default_value = "f32")]
    precision: PrecisionArg,
    /// Also write every block's output and every neuron site's spike counts and membrane potentials
    #[arg(long)]
    trace: bool,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PrecisionArg {
    F32,
    F64,
}

#[cfg(feature = "torch")]
pub(crate) fn run(args: &Args, signals: &Signals) -> Result<ExitCode> {
    use super::bits::allocation;
    use super::source::resolve;
    use crate::data::read_images;
    use crate::run::load_weights;
    use crate::torch::{Model, Precision, PredictOptions, predict_with, write_prediction};

    let resolved = resolve(&args.profile, &args.set)?;
    spares_what_is_read(args, &resolved)?;
    let profile = resolved.profile;
    let graph = profile.graph();
    let weights = load_weights(&profile)?;
    say_notes(weights.notes());
    let allocation = allocation(&profile, &graph, &args.bits)?;
    let layers = layers(args, &profile, &weights, &allocation, signals)?;
    let device = args.device.device.parse()?;
    let input = args.input.display();
    let bytes = read_within(&args.input, LARGEST_INPUT)
        .with_context(|| format!("cannot read --input {input}"))?;
    let images = read_images(&bytes, &graph).with_context(|| format!("--input {input}"))?;
    let precision = match args.precision {
        PrecisionArg::F32 => Precision::F32,
        PrecisionArg::F64 => Precision::F64,
    };
    let model = Model {
        graph,
        weights,
        scheme: profile.scheme,
    };
    let options = PredictOptions {
        precision,
        trace: args.trace,
        device,
        threads: args.device.threads.map_or(1, usize::from),
    };
    let prediction = predict_with(&model, (&allocation, &layers), &images, options)?;
    let bytes = write_prediction(&prediction)?;
    written::write("--output", &args.output, &bytes)?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses an output that would replace the profile, its checkpoint or the input.
#[cfg(feature = "torch")]
fn spares_what_is_read(args: &Args, resolved: &ResolvedProfile) -> Result<()> {
    let checkpoint = resolved.profile.checkpoint.as_ref();
    let read = [
        ("the profile", resolved.origin.file()),
        ("its checkpoint", checkpoint.and_then(Checkpoint::file)),
        ("--input", Some(args.input.as_path())),
    ];
    written::spare("--output", &args.output, &read)
}

/// The quantized layers to predict with where they depend on calibration images: those of the
/// profile's file if it holds the allocation, else calibrated with the profile's images. Nothing is
/// rounded to the nearest instead.
#[cfg(feature = "torch")]
fn layers(
    args: &Args,
    profile: &Profile,
    weights: &StateDict,
    allocation: &Allocation,
    signals: &Signals,
) -> Result<Vec<Option<Arc<QuantizedLayer>>>> {
    use crate::run::{fixed_layers, quantized_layers};

    if !profile.scheme.needs_images() || allocation.is_float() {
        return Ok(Vec::new());
    }
    let fixed = fixed_layers(profile, weights, allocation);
    let layers = match fixed.ok().flatten() {
        Some(fixed) => fixed.layers,
        None => {
            // Says why the file is not used, where there is one.
            let prepared = prepared_for(profile.clone(), (allocation, Split::Calibration))
                .context("the bit-widths are quantized with the calibration images of [data] (without them: --set quantizer.method=nearest)")?;
            let options = args.device.options(args.results);
            quantized_layers(prepared, &options, allocation, &signals.cancel())?
        }
    };
    Ok(layers.into_iter().map(|l| l.map(Arc::new)).collect())
}

#[cfg(not(feature = "torch"))]
pub(crate) fn run(_args: &Args, _signals: &Signals) -> Result<ExitCode> {
    Err(crate::run::RunError::NoTorch.into())
}
