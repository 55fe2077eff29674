//! Seconds of calibrated quantization:
//!
//! `cargo bench --bench calibration -- [WHAT ...] [--images 256] [--threads 2] [--bits 4,3,2,1]`
//!
//! WHAT is `layers`: single layers of growing size, from their statistics on (the factor of the
//! Hessian, and the integers of one width). Or a network: `demo` (`spikformer`, `sdt-v2`,
//! `spikformer-8-768`), with random weights and images: the statistics of all layers with the first
//! width, then each further width alone.

mod networks;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use aq4svit::evaluate::Cancel;
use aq4svit::quant::calibrated::{InputMoments, InputStatistics};
use aq4svit::quant::{
    Allocation, BitWidth, Correction, DAMPING, LayerWeights, Method, Resources, Scheme,
};
use aq4svit::torch::{Model, TorchEvaluator, TorchOptions};
use networks::{Random, config, images, weights};

struct Options {
    what: Vec<String>,
    images: usize,
    threads: usize,
    bits: Vec<u8>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        what: Vec::new(),
        images: 256,
        threads: std::thread::available_parallelism()?.get(),
        bits: vec![4, 3, 2, 1],
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => {}
            "--images" => options.images = value()?.parse()?,
            "--threads" => options.threads = value()?.parse()?,
            "--bits" => {
                let bits = value()?
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>();
                options.bits = bits?;
            }
            name => options.what.push(name.to_owned()),
        }
    }
    if options.what.is_empty() {
        options.what = ["layers", "demo", "spikformer"].map(str::to_owned).to_vec();
    }
    Ok(options)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    println!(
        "{} threads, {} calibration images",
        options.threads, options.images
    );
    for what in &options.what {
        match what.as_str() {
            "layers" => layers(&options)?,
            network => measure(network, &options)?,
        }
    }
    Ok(())
}

fn scheme() -> Scheme {
    Scheme {
        method: Method::Calibrated,
        correction: Correction::Local,
        ..Scheme::default()
    }
}

/// Layers of 256 channels and more and more inputs.
fn layers(options: &Options) -> Result<(), Box<dyn Error>> {
    const CHANNELS: usize = 256;
    println!("inputs channels bits seconds (8 bits with the factor of the Hessian)");
    for inputs in [64, 288, 576, 1152, 2304, 4608] {
        let mut random = Random(3);
        let values: Vec<f32> = (0..CHANNELS * inputs)
            .map(|_| random.between(-1.0, 1.0))
            .collect();
        let statistics = InputStatistics::new(vec![moments(inputs)], DAMPING)?;
        for bits in [&[8], options.bits.as_slice()].concat() {
            let layer = LayerWeights {
                name: "layer",
                channels: CHANNELS,
                values: &values,
            };
            let begin = Instant::now();
            let width = BitWidth::new(bits)?;
            scheme().quantizer().quantize(
                layer,
                width,
                Some(&statistics),
                Resources::threads(options.threads),
            )?;
            println!(
                "{inputs} {CHANNELS} {bits} {:.3}",
                begin.elapsed().as_secs_f64()
            );
        }
    }
    Ok(())
}

/// Moments of inputs that depend on their neighbours.
fn moments(inputs: usize) -> InputMoments {
    let rate = |i: usize| 0.05 + 0.2 * ((i * 37 % 101) as f64 / 101.0);
    let gram = (0..inputs * inputs).map(|at| {
        let (i, j) = (at / inputs, at % inputs);
        let near = 0.5f64.powi(i.abs_diff(j).min(60) as i32);
        let spread = (rate(i) * (1.0 - rate(i)) * rate(j) * (1.0 - rate(j))).sqrt();
        rate(i) * rate(j) + near * spread
    });
    InputMoments {
        mean: (0..inputs).map(rate).collect(),
        gram: gram.collect(),
    }
}

/// A network with random weights.
fn measure(name: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let config = config(name)?;
    let graph = config.graph()?;
    let layers = graph.layers.len();
    let folder = tempfile::tempdir()?;
    let splits = Arc::new(images(&config, &graph, (options.images, 1), folder.path())?);
    let model = Model {
        weights: weights(&graph),
        graph: graph.into(),
        scheme: scheme(),
    };
    let torch = TorchOptions {
        threads: Some(options.threads),
        cache_memory: 1 << 30,
        ..TorchOptions::default()
    };
    let evaluator = TorchEvaluator::new(model, splits, torch)?;
    let mut first = None;
    for &bits in &options.bits {
        let allocation = Allocation::uniform(layers, BitWidth::new(bits)?);
        let begin = Instant::now();
        evaluator.quantized_layers(&allocation, &Cancel::default())?;
        let seconds = begin.elapsed().as_secs_f64();
        match first {
            None => println!("{name}: statistics and {bits} bits {seconds:.2} s"),
            Some(_) => println!("{name}: {bits} bits {seconds:.2} s"),
        }
        first.get_or_insert(seconds);
    }
    Ok(())
}
