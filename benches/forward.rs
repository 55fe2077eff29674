//! Images per second of networks with random weights, as the evaluator runs them, and where the
//! time goes:
//!
//! `cargo bench --bench forward -- [demo] [spikformer] [sdt-v2] [PROFILE]... [--bits 32,4]
//! [--threads 1] [--batches 2] [--seconds 2] [--kinds] [--evidence] [--graphs FOLDER]`
//!
//! A network is one of the three, or any shipped profile (`sdt-v1-imagenet-8-512`). `--batches`:
//! batches for each thread in one measurement. `images/s` is the best measurement, for other
//! programs only take time away; images per second of processor time are over all of them.
//! `--kinds` adds the share of each kind of operation with its multiply-accumulates per second,
//! what these are of the peak of such products (measured beside it, one thread) and bytes per
//! second; how fast the network could be at that peak; the rate at which neurons fire, and the most
//! memory that the program had.
//! `--evidence` adds what the drift and the other evidence about a candidate take, as a multiple of
//! a forward pass: the median of five rounds, in turn.
//! `--graphs` also writes each graph and the shapes of its tensors to `FOLDER/NAME.json`, of which
//! `benches/graph.py` makes the same network in PyTorch; `benches/compare.sh` runs both.

mod networks;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aq4svit::evaluate::{Cancel, Evaluator, Job, Optimizations, Question, Split};
use aq4svit::kernels::{
    AffineEpilogue, ByteConv, Bytes, Conv, ConvInput, Extent, FloatConv, Floats, Operands, Packed,
    Target, Window,
};
use aq4svit::network::{Graph, write_graph};
use aq4svit::quant::{Allocation, BitWidth, Scheme};
use aq4svit::torch::{Model, Products, StepTime, TorchEvaluator, TorchOptions};
use networks::{NETWORKS, config, images, weights};

/// No batch is larger.
const LARGEST_BATCH: usize = 32;

/// Memory for the quantized weights of one network.
const WEIGHTS: u64 = 8 << 30;

struct Options {
    networks: Vec<String>,
    bits: Vec<u8>,
    threads: usize,
    batches: usize,
    seconds: f64,
    kinds: bool,
    evidence: bool,
    graphs: Option<PathBuf>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        networks: Vec::new(),
        bits: vec![32, 4],
        threads: 1,
        batches: 2,
        seconds: 2.0,
        kinds: false,
        evidence: false,
        graphs: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => {}
            "--bits" => {
                options.bits = value()?
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
            }
            "--threads" => options.threads = value()?.parse()?,
            "--batches" => options.batches = value()?.parse()?,
            "--kinds" => options.kinds = true,
            "--evidence" => options.evidence = true,
            "--graphs" => options.graphs = Some(value()?.into()),
            "--seconds" => options.seconds = value()?.parse()?,
            name => options.networks.push(name.to_owned()),
        }
    }
    if options.networks.is_empty() {
        options.networks = NETWORKS[..3]
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
    }
    Ok(options)
}

/// Processor time of this program so far, where the system tells it (Linux): what other programs
/// take does not count.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    // Ticks of 10 ms in and for the program.
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse).collect();
    Some(ticks.ok()?.iter().sum::<f64>() / 100.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    for name in &options.networks {
        let config = config(name)?;
        let graph = config.graph()?;
        if let Some(folder) = &options.graphs {
            write(&graph, &folder.join(name).with_extension("json"))?;
        }
        let layers = graph.layers.len();
        let folder = tempfile::tempdir()?;
        let most = options.threads * options.batches * LARGEST_BATCH;
        let calibration = if options.evidence { most } else { 1 };
        let splits = Arc::new(images(&config, &graph, (calibration, most), folder.path())?);
        let model = Model {
            weights: weights(&graph),
            graph: graph.clone().into(),
            scheme: Scheme::default(),
        };
        // Weights are quantized once; what an earlier run computed inside the network is not used.
        let torch = TorchOptions {
            threads: Some(options.threads),
            optimizations: Optimizations {
                prefix_cache: false,
                ..Optimizations::ALL
            },
            cache_memory: WEIGHTS,
            ..TorchOptions::default()
        };
        let mut evaluator = TorchEvaluator::new(model, splits, torch)?;
        let batch = evaluator.batch();
        let count = options.threads * options.batches * batch;
        for &bits in &options.bits {
            let width = BitWidth::new(bits)?;
            let job = Job {
                allocation: Allocation::uniform(layers, width),
                question: Question::Accuracy {
                    split: Split::Search,
                    from: 0,
                    to: count,
                    stop: None,
                },
            };
            let mut run = || -> Result<Duration, Box<dyn Error>> {
                let begin = Instant::now();
                evaluator.evaluate(&job, &Cancel::default(), &mut |_| ())?;
                Ok(begin.elapsed())
            };
            // The first run quantizes and warms up.
            run()?;
            let (mut best, mut runs) = (Duration::MAX, 0);
            let (started, busy) = (Instant::now(), processor_seconds());
            while runs < 3 || started.elapsed().as_secs_f64() < options.seconds {
                best = best.min(run()?);
                runs += 1;
            }
            let busy = processor_seconds()
                .zip(busy)
                .map(|(end, begin)| end - begin);
            let busy = busy.map_or(f64::NAN, |busy| (runs * count) as f64 / busy);
            println!(
                "{name} {bits} {:.2} images/s {busy:.2} images/processor-second batch {batch} threads {}",
                count as f64 / best.as_secs_f64(),
                options.threads
            );
            if options.evidence && !width.is_float() {
                evidence(&mut evaluator, &job)?;
            }
            if options.kinds {
                kinds(&evaluator, &graph, &job.allocation)?;
            }
        }
    }
    Ok(())
}

/// Prints what the evidence about a candidate takes beside a forward pass.
fn evidence(evaluator: &mut TorchEvaluator, pass: &Job) -> Result<(), Box<dyn Error>> {
    let drift = Job {
        question: Question::Drift { images: None },
        ..pass.clone()
    };
    // For an image. The images of both are not the same number.
    let mut run = |job: &Job| -> Result<f64, Box<dyn Error>> {
        let begin = Instant::now();
        let (_, work) = evaluator.evaluate(job, &Cancel::default(), &mut |_| ())?;
        Ok(begin.elapsed().as_secs_f64() / work.images.max(1) as f64)
    };
    // The float network, once.
    run(&drift)?;
    let rounds = (0..5).map(|_| Ok(run(&drift)? / run(pass)?));
    let mut ratios = rounds.collect::<Result<Vec<f64>, Box<dyn Error>>>()?;
    ratios.sort_by(f64::total_cmp);
    println!(
        "  evidence takes {:.2} times as long as a forward pass",
        ratios[2]
    );
    Ok(())
}

/// Writes a graph and the shapes of its tensors.
fn write(graph: &Graph, file: &Path) -> Result<(), Box<dyn Error>> {
    let shapes: BTreeMap<&str, &[usize]> = graph
        .tensors
        .iter()
        .map(|t| (t.key.as_str(), t.shape.as_slice()))
        .collect();
    let graph: serde_json::Value = serde_json::from_str(&write_graph(graph)?)?;
    let both = serde_json::json!({ "graph": graph, "tensors": shapes });
    std::fs::write(file, both.to_string())?;
    Ok(())
}

/// A kind of operation in one network.
#[derive(Default)]
struct Kind {
    seconds: f64,
    macs: u64,
    bytes: u64,
}

/// Prints what each kind of operation takes, most first, and how fast the network could be at
/// most: if its layers ran at the peak of their products, and nothing else took time.
fn kinds(
    evaluator: &TorchEvaluator,
    graph: &Graph,
    allocation: &Allocation,
) -> Result<(), Box<dyn Error>> {
    let cancel = Cancel::default();
    // In turn, for the processor is not always as fast; the best of each.
    let total = |steps: &[StepTime]| steps.iter().map(|s| s.seconds).sum::<f64>();
    let mut peaks = Peaks::measure()?;
    let mut steps = evaluator.profile(allocation, Split::Search, &cancel)?;
    for _ in 1..5 {
        let again = evaluator.profile(allocation, Split::Search, &cancel)?;
        if total(&again) < total(&steps) {
            steps = again;
        }
        peaks = peaks.max(Peaks::measure()?);
    }
    let all = total(&steps);
    let mut kinds: BTreeMap<(&str, Option<Products>), Kind> = BTreeMap::new();
    for step in &steps {
        let kind = kinds.entry((&step.kind, step.products)).or_default();
        kind.seconds += step.seconds;
        kind.macs += step.macs;
        kind.bytes += step.bytes;
    }
    let limit = kinds.iter().map(|((_, products), kind)| {
        let products = products.map(|products| kind.macs as f64 / peaks.of(products));
        products.unwrap_or(0.0)
    });
    let limit: f64 = limit.sum();
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|(_, a), (_, b)| b.seconds.total_cmp(&a.seconds));
    println!(
        "  {:<24} {:<8} {:>9} {:>7} {:>8} {:>7} {:>7}",
        "kind", "products", "ms/image", "share", "GMAC/s", "of peak", "GB/s"
    );
    for (
        (kind, products),
        Kind {
            seconds,
            macs,
            bytes,
        },
    ) in kinds
    {
        let per_second = |count: u64| count as f64 / seconds.max(f64::MIN_POSITIVE);
        let (name, of_peak) = match products {
            None => ("", String::new()),
            Some(products) => {
                let share = 100.0 * per_second(macs) / peaks.of(products);
                let name = match products {
                    Products::Bytes => "bytes",
                    Products::Floats => "f32",
                    Products::Libtorch => "libtorch",
                };
                (name, format!("{share:.0}%"))
            }
        };
        println!(
            "  {kind:<24} {name:<8} {:>9.3} {:>6.1}% {:>8.1} {of_peak:>7} {:>7.2}",
            1e3 * seconds,
            100.0 * seconds / all.max(f64::MIN_POSITIVE),
            per_second(macs) / 1e9,
            per_second(bytes) / 1e9
        );
    }
    println!(
        "  peak {:.0} GMAC/s of bytes, {:.0} of f32: at most {:.2} images/s, of which this is {:.0}%",
        peaks.bytes / 1e9,
        peaks.floats / 1e9,
        1.0 / limit.max(f64::MIN_POSITIVE),
        100.0 * limit / all.max(f64::MIN_POSITIVE)
    );
    let counted = evaluator.statistics(allocation, Split::Search, &cancel, &mut |_| ())?;
    let rates = graph
        .sites
        .iter()
        .zip(&counted.spikes)
        .map(|(site, spikes)| {
            let shape = site.shape;
            let neurons = shape.channels * shape.height * shape.width * graph.time_steps;
            *spikes as f64 / (neurons * counted.images).max(1) as f64
        });
    let rates: Vec<f64> = rates.collect();
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    let (low, high) = rates
        .iter()
        .fold((f64::MAX, 0f64), |(l, h), r| (l.min(*r), h.max(*r)));
    println!(
        "  spikes for each neuron and time step: {mean:.3} on average, {low:.3} to {high:.3}; at most {} MiB",
        peak_memory() >> 20
    );
    Ok(())
}

/// The best rates of products of one thread, in multiply-accumulates per second.
struct Peaks {
    bytes: f64,
    floats: f64,
}

impl Peaks {
    /// Measures a convolution whose operands stay in the cache: 3x3, 64 to 64 channels, 28x28.
    fn measure() -> Result<Self, Box<dyn Error>> {
        Ok(Peaks {
            bytes: Self::of_bytes()?,
            floats: Self::of_floats()?,
        })
    }

    fn of_bytes() -> Result<f64, Box<dyn Error>> {
        let Some(kernel) = ByteConv::detect() else {
            return Ok(f64::NAN);
        };
        let weights: Vec<i8> = (0..WEIGHTS_OF_PEAK).map(|i| (i % 15) as i8 - 7).collect();
        let packed = Packed::<Bytes>::new(&weights, (64, 1), WINDOW, kernel.vectors());
        let packed = packed.ok_or("these weights are packed")?;
        let packed = packed.with_narrow(kernel.narrow(1, 7).ok_or("sums of spikes are exact")?);
        let input = vec![1u8; INPUTS_OF_PEAK];
        Ok(rate(|out| {
            let target = Target::new(EXTENT, None, None, out);
            kernel.launch(conv(&packed, &input), AffineEpilogue(target));
        }))
    }

    fn of_floats() -> Result<f64, Box<dyn Error>> {
        let Some(kernel) = FloatConv::detect() else {
            return Ok(f64::NAN);
        };
        let weights = vec![0.5f32; WEIGHTS_OF_PEAK];
        let packed = Packed::<Floats>::new(&weights, (64, 1), WINDOW, kernel.vectors());
        let packed = packed.ok_or("these weights are packed")?;
        let input = vec![1f32; INPUTS_OF_PEAK];
        Ok(rate(|out| {
            let target = Target::new(EXTENT, None, None, out);
            kernel.launch(conv(&packed, &input), AffineEpilogue(target));
        }))
    }

    fn max(self, other: Self) -> Self {
        Peaks {
            bytes: self.bytes.max(other.bytes),
            floats: self.floats.max(other.floats),
        }
    }

    /// Of libtorch's products as of our own in f32: neither is faster by much.
    fn of(&self, products: Products) -> f64 {
        match products {
            Products::Bytes => self.bytes,
            Products::Floats | Products::Libtorch => self.floats,
        }
    }
}

const WINDOW: Window = Window::square(3, 1, 1);
const EXTENT: Extent = Extent {
    steps: 1,
    images: 1,
    channels: 64,
};
const WEIGHTS_OF_PEAK: usize = 64 * 64 * 9;
const INPUTS_OF_PEAK: usize = 28 * 28 * 64;

fn conv<'a, O: Operands>(packed: &'a Packed<O>, input: &'a [O::Input]) -> Conv<'a, O> {
    Conv {
        packed,
        steps: 1,
        images: 1,
        height: 28,
        width: 28,
        out_height: 28,
        out_width: 28,
        input: ConvInput::Same(input),
    }
}

/// Multiply-accumulates per second of the convolution, over a fifth of a second.
fn rate(mut run: impl FnMut(&mut [f32])) -> f64 {
    let mut out = vec![0f32; INPUTS_OF_PEAK];
    run(&mut out);
    let (begin, mut runs) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_millis(200) {
        run(&mut out);
        runs += 1;
    }
    (runs * INPUTS_OF_PEAK * 64 * 9) as f64 / begin.elapsed().as_secs_f64()
}

/// The most memory that this program had so far in bytes, where the system tells it (Linux).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0) << 10
}
