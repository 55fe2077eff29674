//! The [`Evaluator`] that runs the network.
#![forbid(unsafe_code)]

mod accuracy;
mod batch_job;
mod drift;
mod order;
mod potentials;
mod profile;
mod statistics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tch::Kind;

use super::batches::{batch_size, leaks};
use super::cache::Values;
use super::calibration::{Calibrator, QuantizedLayers};
use super::compiled::{Compiled, OwnSums};
use super::drift::Means;
use super::footprint::{self, Fit, Footprint};
use super::heap::share_heap;
use super::predict::takes;
use super::record::spikes;
use super::{Device, Model, TorchError};
use crate::data::Splits;
use crate::evaluate::{
    Caches, Cancel, EvaluateError, Evaluator, ImageOrder, Job, LayerSource, Optimizations, Outcome,
    OutputError, Prober, Progress, Question, Split, Work,
};
use crate::network::Graph;
use crate::quant::fixed::Grid;
use crate::quant::{Allocation, BitWidth, Correction, QuantizedLayer, QuantizedStore, Quantizer};

/// Images of the drift whose spikes and class probabilities are compared with float's, unless told.
const COMPARED_IMAGES: usize = 16;
/// The least memory for quantized layers, in bytes.
const LEAST_FOR_LAYERS: u64 = 64 << 20;

/// The options of an evaluator. None changes an outcome, except that another device is another
/// [`Evaluator::numerics`].
#[derive(Clone, Debug, Default)]
pub struct TorchOptions {
    /// Where to run: `cpu` (or nothing) or `cuda:N`.
    pub device: String,
    /// Threads that evaluate; none: as many as there are cores.
    pub threads: Option<usize>,
    /// Evaluators that will share the device with this one ([`TorchEvaluator::another`]): memory is
    /// for all of them.
    pub others: usize,
    /// The optimizations.
    pub optimizations: Optimizations,
    /// Bytes of the caches: at most a quarter for quantized weights, the rest for values inside the
    /// network.
    pub cache_memory: u64,
    /// Images on which spikes and class probabilities are compared with the float network's, as far
    /// as its spikes fit a quarter of a GiB: a part of every drift's answer. Of the proxy split
    /// where the quantizer needs calibration images, else of these.
    pub proxy_images: Option<usize>,
    /// Images that drift is measured on, the first ones; none: all. Calibration images, or of the
    /// proxy split where the quantizer needs those.
    pub drift_images: Option<usize>,
    /// The quantizer; none: that of the model's scheme.
    pub quantizer: Option<Arc<dyn Quantizer>>,
    /// The order in which the images of the search split are asked for.
    pub search_order: ImageOrder,
    /// The bit-widths of a search: layers are quantized ahead of need at those next to the ones in
    /// use.
    pub menu: Vec<BitWidth>,
}

/// The evaluator on libtorch: batches side by side on several threads.
pub struct TorchEvaluator {
    network: Arc<Compiled<Model>>,
    device: Device,
    splits: Arc<Splits>,
    options: TorchOptions,
    batch: usize,
    threads: usize,
    /// Images that drift is measured on.
    drift_images: usize,
    /// Images of the proxy split that the evidence beside the drift is measured on; 0 where it is
    /// measured on the images of the drift.
    evidence_images: usize,
    /// Of the images of the evidence those whose spikes fit.
    proxies: usize,
    /// Options that were not met, and why.
    notes: Vec<String>,
    /// The float network on the images of the drift and of the evidence.
    float: Arc<Mutex<Option<Arc<Means>>>>,
    /// The search split in the order of the float network's margin, once it is known.
    ordered: Arc<Mutex<Option<Arc<order::Ordered>>>>,
    /// Makes quantized layers from calibration images; none where they need none.
    calibrator: Option<Arc<Calibrator>>,
    /// The only allocation that can be evaluated, and its layers; none where any can.
    fixed: Option<(Allocation, QuantizedLayers)>,
    /// Cached values inside the network; none where they are not cached.
    values: Option<Arc<Values>>,
    /// The allocation that was last evaluated.
    latest: Option<Allocation>,
    /// Work for the job at hand, wasted or not.
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
    /// An evaluator of a model on the images of some splits.
    ///
    /// # Errors
    /// [`EvaluateError::Setup`] where graph, weights and images do not fit each other or the device
    /// does not exist.
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
        for images in Split::ALL.iter().filter_map(|split| split.images(&splits)) {
            takes(graph, images.frames(), images.shape())?;
        }
        share_heap();
        let optimizations = options.optimizations;
        let network = Compiled::new(model, Kind::Float, device)?;
        let wanted = Fit {
            cache: match optimizations.weight_cache || optimizations.prefix_cache {
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
        let drift_images = options.drift_images.unwrap_or(usize::MAX);
        let drift_images = drift_images.min(splits.calibration.len());
        let calibrated = options.quantizer.is_some() || network.model().scheme.needs_images();
        let evidence_images = match calibrated {
            // Calibration has seen its own images.
            true => splits.evidence_images(options.proxy_images),
            false => 0,
        };
        let asked = match evidence_images {
            0 => options
                .proxy_images
                .unwrap_or(COMPARED_IMAGES)
                .min(drift_images),
            images => images,
        };
        let proxies = spikes::comparable(network.graph(), asked);
        let mut footprint = Footprint::of(network.graph(), network.plan());
        footprint.weights += spikes::bytes(network.graph(), proxies);
        let (fit, mut notes) = footprint.fit(wanted, leaks(network.graph()), free)?;
        if splits.shared > 0 {
            notes.push(format!(
                "proxy split: {} of its {} images are calibration images, because the source has no others left",
                splits.shared,
                splits.proxy.len()
            ));
        }
        if proxies < asked {
            notes.push(format!(
                "proxy images: {proxies} instead of {asked}: the float network's spikes on more would not fit"
            ));
        }
        let for_weights = if optimizations.weight_cache {
            fit.cache / 4
        } else {
            0
        };
        let network = network
            .with_static_stem(optimizations.static_stem)
            .with_integer_kernels(optimizations.integer_kernels)
            .with_weight_cache(for_weights);
        // Weights that do not fit are an error here and not in the middle of a run.
        network.executor(&float(network.graph()), &[])?;
        let network = Arc::new(network);
        let threads = (fit.threads / (1 + options.others)).max(1);
        let own = options.quantizer.clone();
        let needed = own.is_some() || network.model().scheme.needs_images();
        let calibrator = needed.then(|| {
            Arc::new(Calibrator::new(
                Arc::clone(&network),
                own.unwrap_or_else(|| network.model().scheme.quantizer()),
                splits.calibration.clone(),
                (fit.batch, fit.threads),
                for_weights.max(LEAST_FOR_LAYERS),
            ))
        });
        Ok(TorchEvaluator {
            batch: fit.batch,
            threads,
            drift_images,
            evidence_images,
            proxies,
            notes,
            values: (optimizations.prefix_cache && fit.cache > 0).then(|| {
                let budget = fit.cache - fit.cache / 4;
                let values = Values::new(network.graph(), network.plan(), budget);
                Arc::new(values.under(&network.model().scheme))
            }),
            device,
            network,
            splits,
            options,
            float: Arc::default(),
            ordered: Arc::default(),
            calibrator,
            fixed: None,
            latest: None,
            ran: Ran::default(),
        })
    }

    /// The same evaluator with a store of quantized layers that depend on calibration images; asked
    /// before any [`TorchEvaluator::another`] is made. No outcome depends on it.
    pub fn with_store(mut self, store: Arc<dyn QuantizedStore>) -> Self {
        if let Some(calibrator) = self.calibrator.as_mut().and_then(Arc::get_mut) {
            calibrator.keep_in(store);
        }
        self
    }

    /// The same evaluator with given quantized layers, their affines fixed, of the one allocation
    /// that it evaluates from now on beside the float network. It needs no calibration images.
    pub fn with_layers(
        mut self,
        allocation: Allocation,
        layers: Vec<Option<QuantizedLayer>>,
    ) -> Self {
        let layers = layers.into_iter().map(|layer| layer.map(Arc::new));
        self.fixed = Some((allocation, layers.collect()));
        self.calibrator = None;
        self
    }

    /// The same evaluator with the grids of fixed-point arithmetic, where they are not to follow
    /// from the weights; before anything is evaluated.
    ///
    /// # Errors
    /// [`EvaluateError::Setup`] where they do not fit the network.
    pub fn with_grids(self, grids: &[Grid]) -> Result<Self, EvaluateError> {
        let set = self.network.set_grids(grids);
        set.map_err(|e| EvaluateError::Setup(e.to_string()))?;
        Ok(self)
    }

    /// Another evaluator on the same device, which gives the same answers and may work at the same
    /// time: weights and caches are shared.
    pub fn another(&self, threads: Option<usize>) -> Self {
        TorchEvaluator {
            network: Arc::clone(&self.network),
            device: self.device,
            splits: Arc::clone(&self.splits),
            options: self.options.clone(),
            batch: self.batch,
            threads: threads.unwrap_or(self.threads).clamp(1, self.threads),
            drift_images: self.drift_images,
            evidence_images: self.evidence_images,
            proxies: self.proxies,
            notes: Vec::new(),
            float: Arc::clone(&self.float),
            ordered: Arc::clone(&self.ordered),
            calibrator: self.calibrator.clone(),
            fixed: self.fixed.clone(),
            values: self.values.clone(),
            latest: None,
            ran: Ran::default(),
        }
    }

    /// The quantized layers of an allocation, by layer: integers, scales, moments of the output
    /// and, with the sequential correction, affines. None for float layers, and an empty list where
    /// the quantizer needs no calibration images. What is missing is computed.
    ///
    /// # Errors
    /// [`EvaluateError`].
    pub fn quantized_layers(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<QuantizedLayers, EvaluateError> {
        self.check(allocation)?;
        self.layers(allocation, cancel)
    }

    /// Of every layer, the error of its output on the float network's inputs over the calibration
    /// images, relative to the output's variance; none for float layers, and an empty list where
    /// the quantizer needs no calibration images.
    ///
    /// # Errors
    /// [`EvaluateError`].
    pub fn output_errors(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<Vec<Option<f64>>, EvaluateError> {
        self.check(allocation)?;
        match &self.calibrator {
            Some(calibrator) => {
                // They do not depend on the affines.
                let layers = calibrator.layers(allocation, cancel)?;
                Ok(calibrator.output_errors(&layers)?)
            }
            None => Ok(Vec::new()),
        }
    }

    /// The error of every layer's output at its width, relative to the output's variance; where
    /// the quantizer knows no inputs, of its weights relative to their squares.
    fn layer_errors(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<Vec<f64>, EvaluateError> {
        let outputs = self.output_errors(allocation, cancel)?;
        let widths = allocation.0.iter().enumerate();
        let known = widths.map(|(layer, width)| match width.is_float() {
            true => Some(0.0),
            false => outputs.get(layer).copied().flatten(),
        });
        let known: Vec<Option<f64>> = known.collect();
        if let Some(all) = known.iter().copied().collect() {
            return Ok(all);
        }
        let layers = self.layers(allocation, cancel)?;
        let weights = self.network.layer_errors(allocation, &layers)?;
        let both = weights.into_iter().zip(known);
        Ok(both
            .map(|(weights, output)| output.unwrap_or(weights))
            .collect())
    }

    /// Images that run together.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The quantized layers of an allocation, where they depend on calibration images.
    fn layers(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<QuantizedLayers, EvaluateError> {
        if let Some((fixed, layers)) = &self.fixed {
            return match (allocation == fixed, allocation.is_float()) {
                (true, _) => Ok(layers.clone()),
                (false, true) => Ok(Vec::new()),
                (false, false) => Err(EvaluateError::Setup(String::from(
                    "quantized layers are known of another allocation alone",
                ))),
            };
        }
        let Some(calibrator) = &self.calibrator else {
            return Ok(Vec::new());
        };
        let layers = calibrator.layers(allocation, cancel)?;
        match self.network.model().scheme.correction {
            Correction::Sequential => {
                let (values, ran) = (self.values.as_deref(), &self.ran.layer_forwards);
                let reuse = self.options.optimizations.prefix_cache;
                calibrator.sequential(allocation, layers, (values, reuse), (cancel, ran))
            }
            Correction::None | Correction::Local => Ok(layers),
        }
    }

    /// Refuses the allocation of another network.
    fn check(&self, allocation: &Allocation) -> Result<(), EvaluateError> {
        let (got, want) = (allocation.len(), self.network.graph().layers.len());
        match got == want {
            true => Ok(()),
            false => Err(EvaluateError::WrongLayers { got, want }),
        }
    }

    /// The work since the last call.
    fn work(&self) -> Work {
        Work {
            layer_forwards: self.ran.layer_forwards.swap(0, Ordering::Relaxed),
            images: self.ran.images.swap(0, Ordering::Relaxed),
            calibration_seconds: self.calibrator.as_ref().map_or(0.0, |c| c.take_seconds()),
            ..Work::default()
        }
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
        self.ran = Ran::default();
        self.latest = Some(job.allocation.clone()).filter(|a| !a.is_float());
        match &job.question {
            &Question::Drift { images } => {
                let outcome = self.drift(&job.allocation, images, cancel, progress)?;
                Ok((outcome, self.work()))
            }
            Question::LayerErrors => {
                let errors = self.layer_errors(&job.allocation, cancel)?;
                Ok((Outcome::LayerErrors { errors }, self.work()))
            }
            &Question::Statistics { split, from, to } => {
                let images = (split, from..to);
                let counted = self.statistics_in(&job.allocation, images, cancel, progress)?;
                Ok((Outcome::Statistics(counted), self.work()))
            }
            &Question::Accuracy {
                split,
                from,
                to,
                ref stop,
            } => {
                let images = self.images_in(split, from..to)?;
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

    fn correction_images(&self) -> usize {
        match self.network.model().scheme.correction {
            Correction::Sequential if self.calibrator.is_some() => self.splits.calibration.len(),
            _ => 0,
        }
    }

    fn caches(&self) -> Caches {
        let weights = self.options.optimizations.weight_cache;
        Caches {
            values: self.values.as_ref().map(|values| values.usage()),
            weights: weights.then(|| self.network.weight_cache()),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn wasted_work(&mut self) -> Work {
        self.work()
    }

    fn work_ahead(&mut self, cancel: &Cancel) -> bool {
        let (Some(calibrator), Some(latest)) = (&self.calibrator, &self.latest) else {
            return false;
        };
        let wanted = (latest, self.options.menu.as_slice());
        self.options.optimizations.quantize_ahead
            && calibrator.make_ahead(wanted, self.threads, cancel)
    }

    fn latest_output_errors(&mut self) -> Vec<OutputError> {
        let calibrator = self.calibrator.as_ref();
        calibrator.map_or(Vec::new(), |c| c.take_errors())
    }

    fn prober(&self) -> Option<Box<dyn Prober>> {
        // One thread: a prober must not slow the search down.
        Some(Box::new(self.another(Some(1))))
    }

    fn layers(&self) -> Option<Arc<dyn LayerSource>> {
        self.calibrator.as_ref()?;
        Some(Arc::new(self.another(None)))
    }

    fn numerics(&self) -> String {
        let own = self.network.own_sums();
        let of = numerics(own, self.device, self.batch);
        match self.options.search_order {
            ImageOrder::Stratified => of,
            ImageOrder::Margin => format!("{of}, search images by margin"),
        }
    }
}

impl LayerSource for TorchEvaluator {
    fn quantized(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<Vec<Option<QuantizedLayer>>, EvaluateError> {
        self.check(allocation)?;
        let layers = self.layers(allocation, cancel)?;
        Ok(self.network.fixed(&layers)?)
    }
}

/// The number of threads: by default as many as cores.
fn threads(options: &TorchOptions) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, |n| n.get());
    options.threads.unwrap_or_else(cores).max(1)
}

/// The float network's allocation.
fn float(graph: &Graph) -> Allocation {
    Allocation::uniform(graph.layers.len(), BitWidth::FLOAT)
}

/// A name of everything that numbers depend on. `own`: real sums that our kernels make.
pub(super) fn numerics(own: Option<OwnSums>, device: Device, batch: usize) -> String {
    let floats = match own {
        None => "",
        Some(OwnSums::Plain) => "own f32 sums, ",
        Some(OwnSums::GroupsAndCounts) => "own f32 sums of groups and counts too, ",
    };
    let instructions = instruction_set();
    format!("kernels 2, {floats}libtorch 2.13, {instructions}, {device}, f32, batch {batch}")
}

/// The widest instruction set that libtorch may choose its kernels by.
pub(super) fn instruction_set() -> String {
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
