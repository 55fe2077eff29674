//! `aq4svit predict`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use super::bits::Bits;
use super::device::DeviceArgs;
use super::source::SetArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one
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
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PrecisionArg {
    F32,
    F64,
}

#[cfg(feature = "torch")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    use std::sync::Arc;

    use anyhow::Context;

    use super::bits::allocation;
    use super::source::resolve;
    use crate::run::{fixed_layers, load_weights};

    use crate::torch::{
        Model, Precision, PredictOptions, predict_with, read_images, write_prediction,
    };

    let profile = resolve(&args.profile, &args.set)?.profile;
    let graph = profile.graph();
    let weights = load_weights(&profile)?;
    let allocation = allocation(&profile, &graph, &args.bits)?;
    let fixed = fixed_layers(&profile, &weights, &allocation)?;
    let layers = fixed.map_or(Vec::new(), |fixed| fixed.layers);
    let layers: Vec<_> = layers
        .into_iter()
        .map(|layer| layer.map(Arc::new))
        .collect();
    let device = args.device.device.parse()?;
    let input = args.input.display();
    let bytes =
        std::fs::read(&args.input).with_context(|| format!("cannot read --input {input}"))?;
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
    std::fs::write(&args.output, bytes)
        .with_context(|| format!("cannot write --output {}", args.output.display()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(not(feature = "torch"))]
pub(crate) fn run(_args: &Args) -> Result<ExitCode> {
    Err(crate::run::RunError::NoTorch.into())
}
