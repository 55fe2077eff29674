//! Integers that depend on calibration images, and the statistics that they are made with.
#![forbid(unsafe_code)]

mod ahead;
mod inputs;
mod nearness;
mod sequential;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::batches::{Batches, run};
use super::cache::{Dependencies, Store};
use super::compiled::Compiled;
use super::plan::{Source, Step};
use super::record::Record;
use super::{Model, TorchError};
use crate::data::ImageSet;
use crate::evaluate::{Cancel, EvaluateError, OutputError};
use crate::network::LayerId;
use crate::quant::calibrated::{Gram, InputStatistics, OutputMoments};
use crate::quant::{
    Allocation, BitWidth, Correction, LayerWeights, QuantizedLayer, QuantizedStore, Quantizer,
    Resources, Weighting,
};
pub(super) use inputs::InputRecord;
use inputs::{Sums, empty};
pub(super) use nearness::NearnessRecord;
use sequential::Fitted;

/// Bytes of statistics that are kept at a time; one layer's may exceed it.
const STATISTICS_MEMORY: u64 = 1 << 30;

/// The quantized layers of an allocation, by layer; none for float layers, and where rounding needs
/// no images. An empty list has none at all.
pub type QuantizedLayers = Vec<Option<Arc<QuantizedLayer>>>;

/// The maker of quantized layers from calibration images. What it makes is a function of weights,
/// images and quantizer.
#[derive(Debug)]
pub(super) struct Calibrator {
    network: Arc<Compiled<Model>>,
    quantizer: Arc<dyn Quantizer>,
    images: ImageSet,
    batch: usize,
    threads: usize,
    store: Option<Arc<dyn QuantizedStore>>,
    state: Mutex<State>,
    fitted: Fitted,
    /// Nanoseconds of work that nobody has asked for yet.
    nanoseconds: AtomicU64,
}

#[derive(Debug)]
struct State {
    statistics: HashMap<usize, Arc<InputStatistics>>,
    layers: Store<(usize, BitWidth), Arc<QuantizedLayer>>,
    /// The errors of layers' outputs that nobody has asked for yet.
    errors: Vec<OutputError>,
}

impl Calibrator {
    /// A calibrator that keeps quantized layers within `memory` bytes.
    pub(super) fn new(
        network: Arc<Compiled<Model>>,
        quantizer: Arc<dyn Quantizer>,
        images: ImageSet,
        (batch, threads): (usize, usize),
        memory: u64,
    ) -> Self {
        let dependencies = Dependencies::new(network.graph(), network.plan());
        let dependencies = dependencies.under(&network.model().scheme);
        Calibrator {
            fitted: Fitted::new(dependencies),
            network,
            quantizer,
            images,
            batch,
            threads,
            store: None,
            state: Mutex::new(State {
                statistics: HashMap::new(),
                layers: Store::new(memory),
                errors: Vec::new(),
            }),
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// Keeps what it makes in a store as well, and asks that first.
    pub(super) fn keep_in(&mut self, store: Arc<dyn QuantizedStore>) {
        self.store = Some(store);
    }

    /// The quantized layers of an allocation. What is missing is computed; others that ask
    /// meanwhile wait.
    ///
    /// # Errors
    /// [`EvaluateError`]: cancelled, images that cannot be read, activations that are not finite.
    pub(super) fn layers(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<QuantizedLayers, EvaluateError> {
        let mut state = self.lock();
        let begin = Instant::now();
        let mut layers: QuantizedLayers = vec![None; allocation.len()];
        let mut missing = Vec::new();
        for (layer, (place, &width)) in layers.iter_mut().zip(&allocation.0).enumerate() {
            if width.is_float() {
                continue;
            }
            *place = self.known(&mut state, layer, width);
            if place.is_none() {
                missing.push(layer);
            }
        }
        let made = self.make_all(&mut state, (&missing, allocation), &mut layers, cancel);
        if !missing.is_empty() {
            self.spent(begin);
        }
        made.map(|()| layers)
    }

    /// Makes missing layers of an allocation.
    fn make_all(
        &self,
        state: &mut State,
        (missing, allocation): (&[usize], &Allocation),
        layers: &mut QuantizedLayers,
        cancel: &Cancel,
    ) -> Result<(), EvaluateError> {
        let resources = Resources {
            threads: self.threads,
            cancelled: &|| cancel.is_cancelled(),
        };
        for chunk in self.chunks(missing) {
            let width = |layer: usize| allocation.get(LayerId(layer as u32));
            let measured = chunk.iter().copied().filter(|&l| self.measures(width(l)));
            self.measure(state, &measured.collect::<Vec<_>>(), cancel)?;
            for layer in chunk {
                let statistics = state.statistics.get(&layer).map(Arc::clone);
                let made = self.make((layer, width(layer)), statistics.as_deref(), resources)?;
                if let Some(place) = layers.get_mut(layer) {
                    *place = Some(self.keep(state, layer, made)?);
                }
            }
        }
        Ok(())
    }

    /// Whether the layers of a width are made from, or corrected by, the statistics of their input.
    fn measures(&self, width: BitWidth) -> bool {
        let corrects = self.network.model().scheme.correction != Correction::None;
        corrects || self.quantizer.needs_statistics(width)
    }

    /// Seconds of calibrating since they were last asked for.
    pub(super) fn take_seconds(&self) -> f64 {
        self.nanoseconds.swap(0, Ordering::Relaxed) as f64 / 1e9
    }

    fn spent(&self, begin: Instant) {
        let nanoseconds = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The errors of layers' outputs that became known since they were last asked for.
    pub(super) fn take_errors(&self) -> Vec<OutputError> {
        match self.state.try_lock() {
            Ok(mut state) => std::mem::take(&mut state.errors),
            // Somebody is calibrating; they are told the next time.
            Err(_) => Vec::new(),
        }
    }

    /// Of every layer, the error of its output on the float network's inputs, relative to the
    /// output's variance; none for float layers, and where it was made without statistics.
    ///
    /// # Errors
    /// [`TorchError`] for tensors that are missing or misshapen.
    pub(super) fn output_errors(
        &self,
        layers: &QuantizedLayers,
    ) -> Result<Vec<Option<f64>>, TorchError> {
        let error = |(layer, known): (usize, &Option<Arc<QuantizedLayer>>)| match known {
            Some(known) => self.output_error(layer, known),
            None => Ok(None),
        };
        layers.iter().enumerate().map(error).collect()
    }

    fn output_error(
        &self,
        layer: usize,
        known: &QuantizedLayer,
    ) -> Result<Option<f64>, TorchError> {
        let runs = |step: &&Step| match step.source {
            Source::Layer { layer: l, .. } => l.index() == layer,
            _ => false,
        };
        let step = self.network.plan().steps.iter().find(runs);
        let Some(step) = step.filter(|_| !known.moments.is_empty()) else {
            return Ok(None);
        };
        let float = self.network.float_affine(step)?;
        let error = OutputMoments::layer_error(&known.moments, &float.scale);
        Ok(Some(error))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Maps are whole between their methods.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A layer from memory, or from the store.
    fn known(
        &self,
        state: &mut State,
        layer: usize,
        width: BitWidth,
    ) -> Option<Arc<QuantizedLayer>> {
        if let Some(known) = state.layers.get(&(layer, width)) {
            return Some(Arc::clone(known));
        }
        let graph = self.network.graph();
        let named = graph.layers.get(layer)?;
        let mut loaded = self.store.as_ref()?.load(&named.name, width)?;
        let quantized = &loaded.quantized;
        let fits = quantized.width == width
            && quantized.channels == named.channels()
            && quantized.values.len() == named.weights();
        match self.measures(width) {
            true if loaded.moments.is_empty() => return None,
            true => {}
            // Others may have kept more than this quantizer looks at.
            false => loaded.moments.clear(),
        }
        fits.then(|| self.keep(state, layer, loaded).ok()).flatten()
    }

    /// Makes a layer at a width; with the statistics of its input where it takes them.
    fn make(
        &self,
        (layer, width): (usize, BitWidth),
        statistics: Option<&InputStatistics>,
        resources: Resources<'_>,
    ) -> Result<QuantizedLayer, TorchError> {
        let model = self.network.model();
        let named = model.graph.layer(LayerId(layer as u32));
        let statistics = statistics.filter(|_| self.measures(width));
        let weights = model.weights.weight_and_bias(named);
        let (weights, _) = weights.map_err(TorchError::from)?;
        let values = weights.rounded();
        let weights = LayerWeights {
            name: &named.name,
            channels: named.channels(),
            values: &values,
        };
        let quantized = self
            .quantizer
            .quantize(weights, width, statistics, resources)?;
        let moments = statistics.map(|s| OutputMoments::of(s, &values, &quantized));
        let made = QuantizedLayer {
            quantized: Arc::new(quantized),
            moments: moments.unwrap_or_default(),
            affine: None,
        };
        if let Some(store) = &self.store {
            store.keep(&named.name, &made);
        }
        Ok(made)
    }

    /// Puts a layer into memory.
    fn keep(
        &self,
        state: &mut State,
        layer: usize,
        made: QuantizedLayer,
    ) -> Result<Arc<QuantizedLayer>, TorchError> {
        let width = made.quantized.width;
        if let Some(variance) = self.output_error(layer, &made)? {
            state.errors.push(OutputError {
                layer,
                width,
                error: variance.sqrt(),
            });
        }
        let bytes = made.bytes();
        let made = Arc::new(made);
        // GPTQ takes the inputs of a channel squared for every channel.
        let cost = made.quantized.values.len() as f64 * made.quantized.fan_in as f64;
        state
            .layers
            .insert((layer, width), Arc::clone(&made), bytes, cost);
        Ok(made)
    }

    /// Layers in pieces whose statistics fit the memory; all in one where those of the whole
    /// network do.
    fn chunks(&self, layers: &[usize]) -> Vec<Vec<usize>> {
        let graph = self.network.graph();
        let size = |layer: usize| {
            let layer = graph.layers.get(layer);
            let (groups, inputs) = layer.map_or((0, 0), |l| (l.groups(), l.fan_in()));
            Gram::bytes(groups, inputs) + InputStatistics::bytes(inputs, groups)
        };
        let mut chunks: Vec<Vec<usize>> = Vec::new();
        let mut filled = u64::MAX;
        for &layer in layers {
            let bytes = size(layer);
            if filled.saturating_add(bytes) > STATISTICS_MEMORY {
                chunks.push(Vec::new());
                filled = 0;
            }
            filled += bytes;
            if let Some(chunk) = chunks.last_mut() {
                chunk.push(layer);
            }
        }
        chunks
    }

    /// Sees to the statistics of some layers. Where all layers' fit the memory, all are measured in
    /// the one pass; else those of other layers are given up.
    fn measure(
        &self,
        state: &mut State,
        layers: &[usize],
        cancel: &Cancel,
    ) -> Result<(), EvaluateError> {
        if layers
            .iter()
            .all(|layer| state.statistics.contains_key(layer))
        {
            return Ok(());
        }
        let all: Vec<usize> = (0..self.network.graph().layers.len()).collect();
        let chunks = self.chunks(&all);
        let wanted = match chunks.len() {
            1 => &all,
            _ => layers,
        };
        state.statistics.clear();
        let measured = self.statistics(wanted, cancel)?;
        state.statistics.extend(measured);
        Ok(())
    }

    /// The statistics of some layers' inputs, in one pass of the float network over the images.
    fn statistics(
        &self,
        layers: &[usize],
        cancel: &Cancel,
    ) -> Result<Vec<(usize, Arc<InputStatistics>)>, EvaluateError> {
        let graph = self.network.graph();
        let wanted = |layer: usize| layers.contains(&layer).then_some(LayerId(layer as u32));
        let all = (0..graph.layers.len()).map(|layer| empty(graph, wanted(layer)?));
        let sums: Arc<Sums> = Arc::new(all.map(|gram| gram.map(Mutex::new)).collect());
        let float = Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
        let batches = Batches::new(graph, self.batch, &self.images, 0..self.images.len());
        run(
            batches.numbers(),
            self.threads,
            cancel,
            || {
                tch::set_num_threads(1);
                Ok(self.network.executor(&float, &[])?)
            },
            |executor, index| {
                let counted = batches.places(index).len();
                let (pixels, images) = (batches.pixels(index)?, batches.images(index));
                let weights = match self.network.model().scheme.weighting {
                    Weighting::None => None,
                    Weighting::Threshold => {
                        let mut record = Record::Nearness(NearnessRecord::new(graph, images));
                        executor.run(&pixels, images, &mut record, &mut |_, _: &_| Ok(()))?;
                        match record {
                            Record::Nearness(nearness) => {
                                Some(nearness.of_layers(graph, self.network.plan()))
                            }
                            _ => None,
                        }
                    }
                };
                let inputs = InputRecord::new(Arc::clone(&sums), counted, weights);
                let mut record = Record::Inputs(inputs);
                executor.run(&pixels, images, &mut record, &mut |_, _: &_| Ok(()))?;
                Ok(match record {
                    Record::Inputs(inputs) => inputs.reals,
                    _ => Vec::new(),
                })
            },
            |_, reals| {
                for (layer, gram) in reals {
                    if let Some(Some(sums)) = sums.get(layer.index()) {
                        sums.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .add(&gram);
                    }
                }
                ControlFlow::Continue(())
            },
        )?;
        let damping = self.network.model().scheme.damping;
        let mut measured = Vec::new();
        for (layer, gram) in sums.iter().enumerate() {
            let Some(gram) = gram else { continue };
            let gram = gram.lock().unwrap_or_else(PoisonError::into_inner);
            let of = InputStatistics::new(gram.moments(), damping);
            let of = of.map_err(|_| EvaluateError::NotFinite {
                place: format!(
                    "the inputs of layer {} on the calibration images are",
                    graph.layer(LayerId(layer as u32)).name
                ),
            })?;
            measured.push((layer, Arc::new(of)));
        }
        Ok(measured)
    }
}
