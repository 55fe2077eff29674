//! Images per second of three networks with random weights, as the evaluator runs them:
//!
//! `cargo bench --bench forward -- [demo] [spikformer] [sdt-v2] [--bits 32,4] [--threads 1] [--batches 2] [--seconds 2]`
//!
//! `--batches`: batches for each thread in one measurement. `images/s` is the best measurement, for other programs only take
//! time away; images per second of processor time are over all of them. `benches/compare.sh` runs the authors' PyTorch code
//! beside it.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aq4svit::checkpoint::{StateDict, TensorData};
use aq4svit::data::{self, DataConfig, DataSource, Splits, TensorFiles};
use aq4svit::evaluate::{Cancel, Evaluator, Job, Question, Split};
use aq4svit::network::{Architecture, Graph, Layout, ModelConfig};
use aq4svit::quant::{Allocation, BitWidth, Scheme};
use aq4svit::torch::{Model, TorchEvaluator, TorchOptions};

/// No batch is larger.
const LARGEST_BATCH: usize = 32;

const NETWORKS: [&str; 3] = ["demo", "spikformer", "sdt-v2"];

fn config(name: &str) -> Result<ModelConfig, String> {
    let layout = Layout::Cifar;
    let (architecture, image_size, in_channels, num_classes, num_heads) = match name {
        "demo" => {
            let architecture = Architecture::QkFormer {
                layout,
                embed_dims: 64,
                depths: 4,
                batch_leak: false,
            };
            (architecture, 28, 1, 10, 8)
        }
        "spikformer" => {
            let architecture = Architecture::Spikformer {
                layout,
                embed_dims: 384,
                depths: 4,
            };
            (architecture, 32, 3, 10, 12)
        }
        "sdt-v2" => {
            let architecture = Architecture::SdtV2 {
                embed_dims: [64, 128, 256, 360],
                strides: [2, 2, 2, 2, 1],
                kd: false,
                merge_repconv: false,
            };
            (architecture, 224, 3, 1000, 8)
        }
        other => return Err(format!("no network {other}: {}", NETWORKS.join(", "))),
    };
    Ok(ModelConfig {
        architecture,
        image_size,
        in_channels,
        num_classes,
        num_heads,
        mlp_ratio: 4,
        time_steps: 4,
    })
}

/// Pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (high - low) * ((z ^ z >> 31) >> 40) as f32 / (1 << 24) as f32
    }
}

/// Weights with which neurons fire.
fn weights(graph: &Graph) -> StateDict {
    let mut random = Random(1);
    let mut state = StateDict::new("random");
    for spec in &graph.tensors {
        let is_norm = spec.shape.len() == 1 && !spec.key.contains("head");
        let fan_in: usize = spec.shape.iter().skip(1).product();
        let bound = 1.0 / (fan_in.max(1) as f32).sqrt();
        let (low, high) = match spec.key.rsplit('.').next() {
            Some("running_var" | "weight") if is_norm => (0.5, 1.5),
            Some("running_mean") => (-0.2, 0.2),
            Some("bias") if is_norm => (0.0, 1.0),
            _ => (-bound, bound),
        };
        let count = spec.shape.iter().product();
        let values = (0..count).map(|_| random.between(low, high)).collect();
        let shape = spec.shape.clone();
        state.insert(spec.key.clone(), TensorData { shape, values });
    }
    state
}

/// Random images, through the same door as everybody's.
fn images(
    model: &ModelConfig,
    graph: &Graph,
    count: usize,
    folder: &Path,
) -> Result<Splits, Box<dyn Error>> {
    let input = graph.input;
    let shape = vec![count + 1, input.channels, input.height, input.width];
    let mut random = Random(2);
    let pixels: Vec<u8> = (0..shape.iter().product())
        .map(|_| random.between(0.0, 256.0) as u8)
        .collect();
    let labels = vec![0u8; 8 * (count + 1)];
    let images = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, shape, &pixels)?;
    let labels =
        safetensors::tensor::TensorView::new(safetensors::Dtype::I64, vec![count + 1], &labels)?;
    let file = folder.join("images.safetensors");
    safetensors::serialize_to_file([("images", images), ("labels", labels)], None, &file)?;
    let config = DataConfig {
        calibration: 1,
        search: count,
        mean: Some(vec![0.5; input.channels]),
        std: Some(vec![0.25; input.channels]),
        ..DataConfig::with_source(DataSource::Tensors(TensorFiles {
            file,
            test_file: None,
        }))
    };
    Ok(data::load(&config, folder, model)?)
}

struct Options {
    networks: Vec<String>,
    bits: Vec<u8>,
    threads: usize,
    batches: usize,
    seconds: f64,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        networks: Vec::new(),
        bits: vec![32, 4],
        threads: 1,
        batches: 2,
        seconds: 2.0,
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
            "--seconds" => options.seconds = value()?.parse()?,
            name => options.networks.push(name.to_owned()),
        }
    }
    if options.networks.is_empty() {
        options.networks = NETWORKS.map(str::to_owned).to_vec();
    }
    Ok(options)
}

/// Processor time of this program so far, where the system tells it (Linux): what other programs take does not count.
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
        let layers = graph.layers.len();
        let folder = tempfile::tempdir()?;
        let most = options.threads * options.batches * LARGEST_BATCH;
        let splits = Arc::new(images(&config, &graph, most, folder.path())?);
        let model = Model {
            weights: weights(&graph),
            graph,
            scheme: Scheme::default(),
        };
        let torch = TorchOptions {
            threads: Some(options.threads),
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
        }
    }
    Ok(())
}
