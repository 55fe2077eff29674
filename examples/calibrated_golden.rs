//! The calibrated quantizer against layers that another implementation has quantized.
//!
//! `cargo run --release --example calibrated_golden -- FILE...` reads safetensors files with
//! `weight` `[O, I]` (f32), `mean` `[I]`, `gram` `[I, I]`, `a` and `b` `[O]` (f64), and for every
//! width N `codes.N` `[O, I]` (i8), `scale.N`, `error.N`, `multiplier.N` and `shift.N` `[O]` (f64),
//! made with a damping of 1 %. For each width it prints the largest ratio of a row's error to the
//! stored one, the share of equal integers, and the largest difference between the stored affine
//! and the one that is fitted to the stored integers. It exits with 1 where a ratio exceeds 1.001
//! or a difference 1e-9.

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use aq4svit::quant::calibrated::{InputMoments, InputStatistics, OutputMoments};
use aq4svit::quant::{
    BitWidth, ChannelAffine, DAMPING, LayerWeights, Method, Quantized, Resources, Scheme,
};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// The largest ratio of errors.
const RATIO: f64 = 1.001;
/// The largest difference of multipliers and shifts, absolute up to 1 and relative above.
const DIFFERENCE: f64 = 1e-9;

fn main() -> Result<ExitCode> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        bail!("usage: calibrated_golden FILE...");
    }
    println!("file, bits: largest error ratio, equal integers, largest affine difference");
    let mut good = true;
    for file in &files {
        good &= compare(file).with_context(|| format!("file {file}"))?;
    }
    Ok(match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Whether all widths of a file keep to the bounds.
pub fn compare(file: &str) -> Result<bool> {
    let bytes = std::fs::read(file)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let weight = tensors.tensor("weight")?;
    let &[channels, fan_in] = weight.shape() else {
        bail!("weight must have the shape [O, I]");
    };
    let values = f32s(&weight)?;
    let get = |name: &str, numbers: usize| -> Result<Vec<f64>> {
        let found = f64s(&tensors.tensor(name)?).with_context(|| format!("tensor {name}"))?;
        ensure!(
            found.len() == numbers,
            "{name} has {} numbers, not {numbers}",
            found.len()
        );
        Ok(found)
    };
    let moments = InputMoments {
        mean: get("mean", fan_in)?,
        gram: get("gram", fan_in * fan_in)?,
    };
    let statistics = InputStatistics::new(vec![moments], DAMPING)?;
    let float = ChannelAffine::new(get("a", channels)?, Some(get("b", channels)?));
    let scheme = Scheme {
        method: Method::Calibrated,
        ..Scheme::default()
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let mut good = true;
    let mut widths = 0;
    for bits in 1..=8u8 {
        let Ok(codes) = tensors.tensor(&format!("codes.{bits}")) else {
            continue;
        };
        widths += 1;
        let width = BitWidth::new(bits)?;
        let golden = Quantized {
            width,
            channels,
            fan_in,
            values: i8s(&codes)?,
            scales: get(&format!("scale.{bits}"), channels)?,
        };
        ensure!(
            golden.values.len() == channels * fan_in,
            "codes.{bits} must be [O, I]"
        );
        let layer = LayerWeights {
            name: file,
            channels,
            values: &values,
        };
        let ours = scheme.quantizer().quantize(
            layer,
            width,
            Some(&statistics),
            Resources::threads(threads),
        )?;
        let errors = statistics.errors(&values, &ours);
        let stored = get(&format!("error.{bits}"), channels)?;
        let ratio = |(ours, golden): (&f64, &f64)| match *ours <= *golden {
            true if *golden == 0.0 => 1.0,
            _ => ours / golden,
        };
        let worst = errors.iter().zip(&stored).map(ratio).fold(0.0, f64::max);
        let equal = ours
            .values
            .iter()
            .zip(&golden.values)
            .filter(|(a, b)| a == b)
            .count();
        let moments = OutputMoments::of(&statistics, &values, &golden);
        let affine = float.clone().corrected(&golden.scales, &moments);
        let multiplier = get(&format!("multiplier.{bits}"), channels)?;
        let shift = get(&format!("shift.{bits}"), channels)?;
        let pairs = affine
            .scale
            .iter()
            .zip(&multiplier)
            .chain(affine.shift.iter().zip(&shift));
        let difference = pairs
            .map(|(a, b)| (a - b).abs() / b.abs().max(1.0))
            .fold(0.0, f64::max);
        let fits = worst <= RATIO && difference <= DIFFERENCE;
        println!(
            "{file}, {bits}: {worst:.6}, {:.2} %, {difference:.1e}{}",
            100.0 * equal as f64 / (channels * fan_in).max(1) as f64,
            if fits { "" } else { "  MISSED" },
        );
        good &= fits;
    }
    ensure!(widths > 0, "there are no tensors codes.1 to codes.8");
    Ok(good)
}

fn f32s(tensor: &TensorView<'_>) -> Result<Vec<f32>> {
    ensure!(
        tensor.dtype() == Dtype::F32,
        "must be of 32-bit floating-point numbers"
    );
    let words = tensor.data().as_chunks::<4>().0;
    Ok(words.iter().map(|&b| f32::from_le_bytes(b)).collect())
}

fn f64s(tensor: &TensorView<'_>) -> Result<Vec<f64>> {
    ensure!(
        tensor.dtype() == Dtype::F64,
        "must be of 64-bit floating-point numbers"
    );
    let words = tensor.data().as_chunks::<8>().0;
    Ok(words.iter().map(|&b| f64::from_le_bytes(b)).collect())
}

fn i8s(tensor: &TensorView<'_>) -> Result<Vec<i16>> {
    ensure!(tensor.dtype() == Dtype::I8, "integers must be of 8 bits");
    Ok(tensor.data().iter().map(|&b| i16::from(b as i8)).collect())
}
