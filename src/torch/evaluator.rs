//! The [`Evaluator`] that runs the network.
#![forbid(unsafe_code)]

mod potentials;
mod statistics;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tch::Kind;

use super::batches::{Batches, batch_size, leaks, run};
use super::cache::{Content, Place as BatchPlace, Values};
use super::drift::Means;
use super::executor::Executor;
use super::footprint::{self, Fit, Footprint};
use super::heap::share_heap;
use super::model::Compiled;
use super::predict::takes;
use super::record::spikes::{self, Spikes};
use super::record::{ChannelSums, Record};
use super::{Device, Model, TorchError};
use crate::data::{ImageSet, Splits};
use crate::evaluate::{
    Caches, Cancel, CorrectBits, Decided, EvaluateError, Evaluator, Job, Outcome, Prober, Progress,
    Proxies, Question, Split, StopRule, Tricks, Work,
};
use crate::network::Graph;
use crate::quant::Allocation;

/// How to evaluate. None of it changes an outcome, except that another device is another [`Evaluator::numerics`].
#[derive(Clone, Debug, Default)]
pub struct TorchOptions {
    /// Where to run: `cpu` (or nothing) or `cuda:N`.
    pub device: String,
    /// Threads that evaluate; none: as many as there are cores.
    pub threads: Option<usize>,
    /// Evaluators that will share the device with this one ([`TorchEvaluator::another`]): memory is for all of them.
    pub others: usize,
    /// What may be saved.
    pub tricks: Tricks,
    /// Bytes that may be kept between jobs: at most a quarter of it for quantized weights, the rest for values inside
    /// the network.
    pub cache_memory: u64,
    /// Calibration images on which spikes and class probabilities are compared with the float network's, as far as
    /// its spikes fit a quarter of a GiB: a part of every drift's answer.
    pub proxy_images: usize,
}

/// Evaluates with libtorch, batches side by side on several threads.
pub struct TorchEvaluator {
    network: Arc<Compiled<Model>>,
    device: Device,
    splits: Arc<Splits>,
    options: TorchOptions,
    batch: usize,
    threads: usize,
    /// Proxy images that there are and whose spikes fit.
    proxies: usize,
    /// What is not as it was asked for, and why.
    notes: Vec<String>,
    /// The float network on the calibration images.
    float: Arc<Mutex<Option<Arc<Means>>>>,
    /// Values inside the network; none where they are not kept.
    values: Option<Arc<Values>>,
    /// What was run for the job at hand, whatever becomes of it.
    ran: Ran,
}

/// Counts of work.
#[derive(Debug, Default)]
struct Ran {
    layer_forwards: AtomicU64,
    images: AtomicU64,
}

impl std::fmt::Debug for TorchEvaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TorchEvaluator")
            .field("options", &self.options)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl TorchEvaluator {
    /// Makes an evaluator of a model on some images.
    ///
    /// # Errors
    /// [`EvaluateError::Setup`] where graph, weights and images do not fit each other or the device does not exist.
    pub fn new(
        model: Model,
        splits: Arc<Splits>,
        options: TorchOptions,
    ) -> Result<Self, EvaluateError> {
        Self::make(model, splits, options).map_err(|e| EvaluateError::Setup(e.to_string()))
    }

    fn make(model: Model, splits: Arc<Splits>, options: TorchOptions) -> Result<Self, TorchError> {
        let device = match options.device.as_str() {
            "" => Device::CPU,
            name => name.parse()?,
        };
        let graph = &model.graph;
        for images in [
            Some(&splits.calibration),
            Some(&splits.search),
            splits.test.as_ref(),
        ]
        .into_iter()
        .flatten()
        {
            takes(graph, images.frames(), images.shape())?;
        }
        share_heap();
        let tricks = options.tricks;
        let network = Compiled::new(model, Kind::Float, device)?;
        let wanted = Fit {
            cache: match tricks.weight_cache || tricks.prefix_cache {
                true => options.cache_memory,
                false => 0,
            },
            threads: threads(&options) * (1 + options.others),
            batch: batch_size(network.graph(), device),
        };
        let free = match device {
            Device::CPU => footprint::available(),
            _ => None,
        };
        let asked = options.proxy_images.min(splits.calibration.len());
        let proxies = spikes::comparable(network.graph(), asked);
        let mut footprint = Footprint::of(network.graph(), network.plan());
        footprint.weights += spikes::bytes(network.graph(), proxies);
        let (fit, mut notes) = footprint.fit(wanted, leaks(network.graph()), free)?;
        if proxies < asked {
            notes.push(format!(
                "proxy images: {proxies} instead of {asked}: the float network's spikes on more would not fit"
            ));
        }
        let for_weights = if tricks.weight_cache {
            fit.cache / 4
        } else {
            0
        };
        let network = network
            .with_static_stem(tricks.static_stem)
            .with_integer_kernels(tricks.integer_kernels)
            .with_weight_cache(for_weights);
        // Weights that do not fit show here and not in the middle of a run.
        network.executor(&float(network.graph()))?;
        Ok(TorchEvaluator {
            batch: fit.batch,
            threads: (fit.threads / (1 + options.others)).max(1),
            proxies,
            notes,
            values: (tricks.prefix_cache && fit.cache > 0).then(|| {
                let budget = fit.cache - fit.cache / 4;
                Arc::new(Values::new(network.graph(), network.plan(), budget))
            }),
            device,
            network: Arc::new(network),
            splits,
            options,
            float: Arc::default(),
            ran: Ran::default(),
        })
    }

    /// Another evaluator on the same device, which gives the same answers and may work at the same time: weights and
    /// what is kept between jobs are shared.
    pub fn another(&self, threads: Option<usize>) -> Self {
        TorchEvaluator {
            network: Arc::clone(&self.network),
            device: self.device,
            splits: Arc::clone(&self.splits),
            options: self.options.clone(),
            batch: self.batch,
            threads: threads.unwrap_or(self.threads).clamp(1, self.threads),
            proxies: self.proxies,
            notes: Vec::new(),
            float: Arc::clone(&self.float),
            values: self.values.clone(),
            ran: Ran::default(),
        }
    }

    /// Images that run together.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Refuses the allocation of another network.
    fn check(&self, allocation: &Allocation) -> Result<(), EvaluateError> {
        let (got, want) = (allocation.len(), self.network.graph().layers.len());
        match got == want {
            true => Ok(()),
            false => Err(EvaluateError::WrongLayers { got, want }),
        }
    }

    fn split(&self, split: Split) -> Option<&ImageSet> {
        match split {
            Split::Calibration => Some(&self.splits.calibration),
            Split::Search => Some(&self.splits.search),
            Split::Test => self.splits.test.as_ref(),
        }
    }

    fn worker(&self, allocation: &Allocation) -> Result<Executor<'_>, EvaluateError> {
        // Batches run side by side instead of operations splitting themselves up: that is faster for small networks,
        // and sums do not depend on the number of threads.
        tch::set_num_threads(1);
        Ok(self.network.executor(allocation)?)
    }

    /// Runs a batch, as far as what is kept does not answer for it, and counts.
    fn run(
        &self,
        executor: &Executor<'_>,
        (batches, batch, split): (&Batches<'_>, usize, Split),
        contents: Option<&[Content]>,
        record: &mut Record,
    ) -> Result<Vec<f64>, EvaluateError> {
        let (plan, together) = (self.network.plan(), batches.images(batch));
        let place = BatchPlace {
            split,
            batch,
            images: batches.places(batch).len(),
        };
        let recall = self.values.as_ref().zip(contents);
        let recall = recall.map(|(values, contents)| values.recall(plan, contents, place, record));
        let pixels = match recall.as_ref().is_none_or(|r| r.reads_image(plan)) {
            true => batches.pixels(batch)?,
            false => Vec::new(),
        };
        let logits =
            executor.run_with(recall.as_ref(), &pixels, together, record, &mut |_, _| {
                Ok(())
            })?;
        let all = self.network.graph().layers.len() as u64;
        let layers = recall.map_or(all, |r| r.layers(plan));
        let images = batches.distinct(batch) as u64;
        let ran = &self.ran;
        ran.layer_forwards
            .fetch_add(images * layers, Ordering::Relaxed);
        ran.images
            .fetch_add(if layers > 0 { images } else { 0 }, Ordering::Relaxed);
        Ok(logits)
    }

    /// The contents under an allocation; none where nothing is to be kept. Nothing is asked twice of the test split.
    fn contents(&self, allocation: &Allocation, split: Split) -> Option<Vec<Content>> {
        let values = self.values.as_ref().filter(|_| split != Split::Test)?;
        Some(values.contents(allocation))
    }

    /// What was run since this was asked last.
    fn work(&self) -> Work {
        Work {
            layer_forwards: self.ran.layer_forwards.swap(0, Ordering::Relaxed),
            images: self.ran.images.swap(0, Ordering::Relaxed),
            ..Work::default()
        }
    }

    fn accuracy(
        &self,
        allocation: &Allocation,
        (split, images): (Split, &ImageSet),
        wanted: std::ops::Range<usize>,
        stop: Option<&StopRule>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<CorrectBits, EvaluateError> {
        let total = wanted.len();
        // Without stored results the images before are run again, and said nothing of.
        let first = wanted.start;
        let from = match self.options.tricks.stored_bits || wanted.is_empty() {
            true => first,
            false => 0,
        };
        let batches = Batches::new(self.network.graph(), self.batch, images, from..wanted.end);
        let classes = self.network.graph().classes;
        let mut bits = CorrectBits::new();
        let mut decided = stop.and_then(|s| s.decided(&bits));
        let early_stop = self.options.tricks.early_stop;
        let stops = |decided: Option<Decided>| decided.is_some_and(|d| early_stop || !d.certain);
        if stops(decided) {
            return Ok(bits);
        }
        let contents = self.contents(allocation, split);
        run(
            batches.numbers(),
            self.threads,
            cancel,
            || self.worker(allocation),
            |executor, batch| {
                let where_ = (&batches, batch, split);
                let contents = contents.as_deref();
                let logits = self.run(executor, where_, contents, &mut Record::Nothing)?;
                let places = batches.places(batch);
                let numbers = places.clone().map(|i| batch * self.batch + i);
                let logits = logits.chunks(classes.max(1)).skip(places.start);
                let wanted = numbers.zip(logits).filter(|(i, _)| *i >= first);
                let correct = wanted.map(|(i, logits)| {
                    let logits = finite(i, logits)?;
                    Ok(argmax(logits) == images.label(i) as usize)
                });
                correct.collect::<Result<CorrectBits, _>>()
            },
            |_, correct| {
                bits.extend(&correct);
                if decided.is_none() {
                    decided = stop.and_then(|s| s.decided(&bits));
                }
                progress(Progress {
                    done: bits.len(),
                    total,
                    correct: bits.correct(),
                });
                if stops(decided) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        if let Some(decided) = decided {
            bits.truncate(decided.images);
        }
        Ok(bits)
    }

    /// Runs all calibration images, and compares with `float`; without it this is the float network. `before` of `total`
    /// images are done when it starts.
    fn means(
        &self,
        allocation: &Allocation,
        float: Option<&Means>,
        cancel: &Cancel,
        (before, total): (usize, usize),
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Means, EvaluateError> {
        let images = &self.splits.calibration;
        let graph = self.network.graph();
        let batches = Batches::new(graph, self.batch, images, 0..images.len());
        let contents = self.contents(allocation, Split::Calibration);
        let mut means = Means::new(graph);
        let mut done = before;
        run(
            batches.numbers(),
            self.threads,
            cancel,
            || self.worker(allocation),
            |executor, batch| {
                let images = batches.places(batch).len();
                let proxies = self.proxies.saturating_sub(batch * self.batch).min(images);
                let spikes = match float {
                    _ if proxies == 0 => Spikes::Ignored,
                    None => Spikes::packed(graph, proxies),
                    Some(float) => match float.spikes(batch) {
                        Some(known) => Spikes::compared(Arc::clone(known)),
                        None => Spikes::Ignored,
                    },
                };
                let mut record = Record::Channels(ChannelSums::new(graph, images).with(spikes));
                let where_ = (&batches, batch, Split::Calibration);
                let mut logits = self.run(executor, where_, contents.as_deref(), &mut record)?;
                logits.truncate(images * graph.classes);
                Ok((record, logits))
            },
            |_, (record, logits)| {
                if let Record::Channels(sums) = record {
                    done += sums.images;
                    means.add(sums, &logits);
                }
                progress(Progress {
                    done,
                    total,
                    correct: 0,
                });
                ControlFlow::Continue(())
            },
        )?;
        Ok(means)
    }

    fn drift(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, EvaluateError> {
        let images = self.splits.calibration.len();
        // Whoever needs it first measures it; the others wait for that.
        let mut known = self.float.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = usize::from(known.is_none()) + usize::from(!allocation.is_float());
        let total = images * runs;
        let float = match &*known {
            Some(known) => Arc::clone(known),
            None => {
                let float = float(self.network.graph());
                let means = self.means(&float, None, cancel, (0, total), progress)?;
                Arc::clone(known.insert(Arc::new(means)))
            }
        };
        drop(known);
        let means = match allocation.is_float() {
            true => Arc::clone(&float),
            false => {
                let done = (total - images, total);
                Arc::new(self.means(allocation, Some(&float), cancel, done, progress)?)
            }
        };
        let graph = self.network.graph();
        let sites = means.drift(&float, graph);
        let (divergence, spike_flips) = means.proxies(&float, graph, self.proxies);
        let proxies = Proxies {
            max_drift: sites.iter().copied().fold(0.0, f64::max),
            weight_error: self.network.weight_error(allocation)?,
            divergence,
            spike_flips,
        };
        let outcome = Outcome::Drift {
            drift: sites.iter().sum::<f64>() / sites.len() as f64,
            sites,
            proxies: Some(proxies),
        };
        let names = graph.sites.iter().map(|s| s.name.as_str());
        outcome.finite(names)
    }
}

impl Evaluator for TorchEvaluator {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        self.check(&job.allocation)?;
        self.work();
        match &job.question {
            Question::Drift => {
                let outcome = self.drift(&job.allocation, cancel, progress)?;
                Ok((outcome, self.work()))
            }
            &Question::Accuracy {
                split,
                from,
                to,
                ref stop,
            } => {
                let images = self.split(split);
                let len = images.map_or(0, ImageSet::len);
                let out_of_range = EvaluateError::OutOfRange {
                    split,
                    from,
                    to,
                    len,
                };
                let images = images.ok_or_else(|| out_of_range.clone())?;
                if from > to || to > len {
                    return Err(out_of_range);
                }
                let correct = self.accuracy(
                    &job.allocation,
                    (split, images),
                    from..to,
                    stop.as_ref(),
                    cancel,
                    progress,
                )?;
                Ok((Outcome::Accuracy { correct }, self.work()))
            }
        }
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn caches(&self) -> Caches {
        let weights = self.options.tricks.weight_cache;
        Caches {
            values: self.values.as_ref().map(|values| values.usage()),
            weights: weights.then(|| self.network.weight_cache()),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn spent_in_vain(&mut self) -> Work {
        self.work()
    }

    fn prober(&self) -> Option<Box<dyn Prober>> {
        // One thread: who looks must not slow the search down.
        Some(Box::new(self.another(Some(1))))
    }

    fn numerics(&self) -> String {
        format!(
            "kernels 2, {}libtorch 2.13, {}, {}, f32, batch {}",
            match self.network.has_native_floats() {
                true => "own f32 sums, ",
                false => "",
            },
            instruction_set(),
            self.device,
            self.batch
        )
    }
}

/// Threads that are asked for: as many as cores where nobody says.
fn threads(options: &TorchOptions) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, |n| n.get());
    options.threads.unwrap_or_else(cores).max(1)
}

fn float(graph: &Graph) -> Allocation {
    Allocation::uniform(graph.layers.len(), crate::quant::BitWidth::FLOAT)
}

/// An image's logits, if they say something.
fn finite(image: usize, logits: &[f64]) -> Result<&[f64], EvaluateError> {
    match logits.iter().all(|x| x.is_finite()) {
        true => Ok(logits),
        false => Err(EvaluateError::NotFinite {
            place: format!("the logits of image {image} of the split are"),
        }),
    }
}

/// The class of the largest logit; the first of equals.
fn argmax(logits: &[f64]) -> usize {
    let mut best = 0;
    for (i, x) in logits.iter().enumerate() {
        if logits.get(best).is_some_and(|b| x > b) {
            best = i;
        }
    }
    best
}

/// The widest instruction set that libtorch may choose its kernels by.
fn instruction_set() -> String {
    let level = {
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx512f") {
                "avx512"
            } else if std::is_x86_feature_detected!("avx2") {
                "avx2"
            } else {
                "sse2"
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            "baseline"
        }
    };
    format!("{} {level}", std::env::consts::ARCH)
}
