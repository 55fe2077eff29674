//! A trainer of small networks: any family that reads images, by libtorch's automatic
//! differentiation over the program's own graph, with surrogate gradients.
//!
//! `cargo run --release --example train -- PROFILE --images FILE --labels FILE --out FILE` trains
//! the network of a profile on an IDX data set (Fashion-MNIST is Debian's package
//! `dataset-fashion-mnist`) and writes the weights. The last 5,000 images are held back: the
//! program calibrates and searches on those. At the end the program's own executor runs the written
//! file on some of them, in f64, and its logits must be those of the trainer.

#[path = "train/forward.rs"]
mod forward;
#[path = "train/weights.rs"]
mod weights;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use aq4svit::checkpoint;
use aq4svit::data::{self, DataConfig, DataSource, IdxFiles, ImageSet, InputBatch, Loading};
use aq4svit::network::{Graph, ModelConfig};
use aq4svit::profile::Profile;
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::torch::{self, Device, Model, Precision, PredictOptions};
use clap::Parser;
use tch::nn::{self, OptimizerConfig};
use tch::{Kind, Reduction, Tensor};

use forward::Mode;
use weights::Weights;

/// Share of the label that is spread over all classes.
const LABEL_SMOOTHING: f64 = 0.1;
/// AdamW's decay of weights.
const WEIGHT_DECAY: f64 = 0.01;
/// Images of one pass without gradients.
const CHECKED_AT_ONCE: usize = 100;

/// The arguments.
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// The profile whose [model] is trained and whose mean and std prepare the images
    pub profile: PathBuf,
    /// Images in the IDX format, gzip or not
    #[arg(long)]
    pub images: PathBuf,
    /// Their labels
    #[arg(long)]
    pub labels: PathBuf,
    /// The file of weights to write
    #[arg(long)]
    pub out: PathBuf,
    /// Images at the end of the file that are not trained on
    #[arg(long, default_value_t = 5000)]
    pub held_back: usize,
    /// Passes over the images with one time step, before those with all of them
    #[arg(long, default_value_t = 4)]
    pub warm_up: usize,
    /// Passes over the images with all time steps
    #[arg(long, default_value_t = 2)]
    pub epochs: usize,
    /// Images of a step
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// The largest learning rate; it falls to 0 as a cosine, in either part
    #[arg(long, default_value_t = 2e-3)]
    pub rate: f64,
    /// Key of the initial weights and of the order of the images
    #[arg(long, default_value_t = 0)]
    pub seed: i64,
    /// Threads
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// Held-back images that the written file is checked on
    #[arg(long, default_value_t = 500)]
    pub check: usize,
}

/// The outcome of a training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The loss of each step.
    pub losses: Vec<f64>,
    /// Held-back images that were checked.
    pub checked: usize,
    /// How many of them the trainer classifies correctly.
    pub correct: usize,
    /// The largest difference between a logit of the trainer and of the program.
    pub difference: f64,
}

/// Images and labels as tensors.
struct Samples {
    images: Tensor,
    labels: Tensor,
}

impl Samples {
    fn load(set: &ImageSet) -> Result<Self> {
        let shape = set.shape();
        let mut numbers = vec![0f32; set.len() * set.numbers()];
        for (i, pixels) in numbers.chunks_exact_mut(set.numbers()).enumerate() {
            set.fill(i, pixels)?;
        }
        let labels: Vec<i64> = (0..set.len()).map(|i| i64::from(set.label(i))).collect();
        let size = [set.len(), shape.channels, shape.height, shape.width].map(|n| n as i64);
        Ok(Samples {
            images: Tensor::from_slice(&numbers).reshape(size),
            labels: Tensor::from_slice(&labels),
        })
    }

    fn len(&self) -> usize {
        self.labels.size().first().map_or(0, |&n| n as usize)
    }

    fn range(&self, from: usize, count: usize) -> Samples {
        let (from, count) = (from as i64, count as i64);
        Samples {
            images: self.images.narrow(0, from, count),
            labels: self.labels.narrow(0, from, count),
        }
    }

    fn chosen(&self, indices: &Tensor) -> Samples {
        Samples {
            images: self.images.index_select(0, indices),
            labels: self.labels.index_select(0, indices),
        }
    }
}

/// Trains, writes the weights and checks what was written.
pub fn run(args: &Args) -> Result<Trained> {
    tch::set_num_threads(i32::try_from(args.threads)?);
    tch::manual_seed(args.seed);
    let profile = Profile::load(&args.profile)?;
    let all = samples(args, &profile)?;
    let trained_on = all.len().saturating_sub(args.held_back);
    ensure!(
        trained_on >= args.batch && args.batch > 0,
        "{trained_on} images without the {} held back are fewer than a step takes",
        args.held_back
    );
    let training = all.range(0, trained_on);
    let graph = profile.graph();
    let one_step = ModelConfig {
        time_steps: 1,
        ..profile
            .model
            .config()
            .context("a family's network is trained")?
            .clone()
    };
    let store = nn::VarStore::new(tch::Device::Cpu);
    let weights = Weights::fresh(&graph, &store);
    let mut losses = Vec::new();
    for (graph, epochs) in [(&one_step.graph()?, args.warm_up), (&*graph, args.epochs)] {
        losses.extend(train(graph, &store, &weights, &training, (args, epochs))?);
    }
    weights.write(&args.out)?;
    let checked = args.check.min(args.held_back);
    let held_back = all.range(trained_on, checked);
    let own = logits_in_f64(&graph, &weights, &held_back)?;
    let program = logits_of_file(&profile, &args.out, &held_back, args.threads)?;
    let correct = own
        .argmax(1, false)
        .eq_tensor(&held_back.labels)
        .sum(Kind::Int64);
    Ok(Trained {
        losses,
        checked,
        correct: usize::try_from(correct.int64_value(&[]))?,
        difference: (own - program).abs().max().double_value(&[]),
    })
}

/// All images of the files, prepared as the profile says.
fn samples(args: &Args, profile: &Profile) -> Result<Samples> {
    let files = (args.images.clone(), args.labels.clone());
    let source = DataSource::Idx(IdxFiles {
        train_images: args.images.clone(),
        train_labels: args.labels.clone(),
        test: Some(files),
    });
    let config = DataConfig {
        source,
        ..profile.need_data()?.clone()
    };
    // A test split keeps the order of its file.
    let loading = Loading {
        only_test: true,
        ..Loading::default()
    };
    let splits = data::load_with(&config, Path::new("."), &profile.model, loading)?;
    Samples::load(&splits.test.context("the files hold no images")?)
}

/// Trains for some epochs; the losses of all steps.
fn train(
    graph: &Graph,
    store: &nn::VarStore,
    weights: &Weights,
    samples: &Samples,
    (args, epochs): (&Args, usize),
) -> Result<Vec<f64>> {
    let mut optimizer = nn::AdamW {
        wd: WEIGHT_DECAY,
        ..nn::AdamW::default()
    }
    .build(store, args.rate)?;
    let steps = samples.len() / args.batch;
    let began = Instant::now();
    let mut losses = Vec::with_capacity(epochs * steps);
    for epoch in 0..epochs {
        let order = Tensor::randperm(samples.len() as i64, (Kind::Int64, tch::Device::Cpu));
        for step in 0..steps {
            let done = losses.len() as f64 / (epochs * steps) as f64;
            optimizer.set_lr(args.rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()));
            let chosen = order.narrow(0, (step * args.batch) as i64, args.batch as i64);
            let batch = samples.chosen(&chosen);
            let logits = forward::logits(graph, weights, &batch.images, Mode::Training)?;
            let (classes, mean) = (None::<&Tensor>, Reduction::Mean);
            let loss =
                logits.cross_entropy_loss(&batch.labels, classes, mean, -100, LABEL_SMOOTHING);
            optimizer.backward_step(&loss);
            losses.push(loss.double_value(&[]));
        }
        let last = losses.iter().rev().take(steps);
        println!(
            "T = {}, epoch {}: loss {:.4}, {:.0} s",
            graph.time_steps,
            epoch + 1,
            last.sum::<f64>() / steps as f64,
            began.elapsed().as_secs_f64()
        );
    }
    Ok(losses)
}

/// The trainer's own logits.
fn logits_in_f64(graph: &Graph, weights: &Weights, samples: &Samples) -> Result<Tensor> {
    let _no_grad = tch::no_grad_guard();
    let wide = weights.in_f64();
    let parts = (0..samples.len()).step_by(CHECKED_AT_ONCE).map(|from| {
        let count = CHECKED_AT_ONCE.min(samples.len() - from);
        let images = samples.range(from, count).images.to_kind(Kind::Double);
        forward::logits(graph, &wide, &images, Mode::Evaluation)
    });
    let parts = parts.collect::<Result<Vec<Tensor>>>()?;
    if parts.is_empty() {
        bail!("there is no held-back image to check the weights on");
    }
    Ok(Tensor::cat(&parts, 0))
}

/// The logits of the program, from the written file.
fn logits_of_file(
    profile: &Profile,
    file: &Path,
    samples: &Samples,
    threads: usize,
) -> Result<Tensor> {
    let graph = profile.graph();
    let model = Model {
        graph: graph.clone(),
        weights: checkpoint::load(file)?,
        scheme: profile.scheme,
    };
    let float = Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
    let options = PredictOptions {
        precision: Precision::F64,
        trace: false,
        device: Device::CPU,
        threads,
    };
    let mut logits = Vec::new();
    for from in (0..samples.len()).step_by(CHECKED_AT_ONCE) {
        let batch = CHECKED_AT_ONCE.min(samples.len() - from);
        let pixels = samples.range(from, batch).images;
        let images = InputBatch {
            batch,
            frames: None,
            shape: graph.input,
            values: Vec::<f32>::try_from(pixels.flatten(0, -1))?,
        };
        logits.extend(torch::predict(&model, &float, &images, options)?.logits);
    }
    Ok(Tensor::from_slice(&logits).reshape([-1, graph.classes as i64]))
}

fn main() -> Result<()> {
    let args = Args::parse();
    let trained = run(&args)?;
    println!(
        "{} of {} held-back images correct; logits differ from the program's by {:.1e} at most",
        trained.correct, trained.checked, trained.difference
    );
    ensure!(
        trained.difference < 1e-6,
        "the program computes other logits"
    );
    Ok(())
}
