//! The sequential correction: each layer's affine fitted to its inputs in the quantized network,
//! front to back over the calibration images.
//!
//! A layer's affine depends on its own integers and on the layers before it in the graph alone, so
//! it is kept by the same content hash as the value behind it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Calibrator, QuantizedLayers};
use crate::evaluate::{Cancel, EvaluateError};
use crate::network::{LayerId, NodeId};
use crate::quant::calibrated::OutputMoments;
use crate::quant::{Allocation, ChannelAffine, QuantizedLayer};
use crate::torch::TorchError;
use crate::torch::batches::{Batches, run};
use crate::torch::cache::{CachedValue, ContentHash, Dependencies, Values};
use crate::torch::executor::{StepExecutor, channel_sums};
use crate::torch::plan::{Source, Step};
use crate::torch::record::Record;
use crate::torch::value::Value;

/// The affines that have been fitted, by the content hash of their step.
#[derive(Debug)]
pub(super) struct Fitted {
    dependencies: Dependencies,
    affines: Mutex<HashMap<ContentHash, Arc<ChannelAffine>>>,
}

impl Fitted {
    pub(super) fn new(dependencies: Dependencies) -> Self {
        Fitted {
            dependencies,
            affines: Mutex::default(),
        }
    }

    fn get(&self, content: &ContentHash) -> Option<Arc<ChannelAffine>> {
        let affines = self.affines.lock().unwrap_or_else(PoisonError::into_inner);
        affines.get(content).cloned()
    }

    fn keep(&self, content: ContentHash, affine: Arc<ChannelAffine>) {
        let mut affines = self.affines.lock().unwrap_or_else(PoisonError::into_inner);
        affines.insert(content, affine);
    }
}

/// What is done about a step's value, for all batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    /// Its layer's affine is fitted.
    fit: bool,
    /// Its value is computed.
    compute: bool,
}

/// Values of one batch between steps, by node.
type Live = Vec<Option<Arc<CachedValue>>>;

/// One pass over the calibration images.
struct Pass<'a> {
    calibrator: &'a Calibrator,
    allocation: &'a Allocation,
    layers: QuantizedLayers,
    contents: Vec<ContentHash>,
    batches: Batches<'a>,
    values: Option<&'a Values>,
    /// Whether affines that were fitted before are used again.
    reuse: bool,
    /// Of every batch.
    live: Vec<Mutex<Live>>,
    cancel: &'a Cancel,
    ran: &'a AtomicU64,
}

impl Calibrator {
    /// The layers of an allocation with their affines fitted front to back. Layers that run are
    /// added to `ran`, once for each image. With `reuse`, affines that were fitted before are used
    /// again.
    pub(in crate::torch) fn sequential(
        &self,
        allocation: &Allocation,
        layers: QuantizedLayers,
        (values, reuse): (Option<&Values>, bool),
        (cancel, ran): (&Cancel, &AtomicU64),
    ) -> Result<QuantizedLayers, EvaluateError> {
        let graph = self.network.graph();
        let all = 0..self.images.len();
        let batches = Batches::new(graph, self.batch, &self.images, all);
        let nodes = graph.nodes.len();
        let live = batches.numbers().map(|_| Mutex::new(vec![None; nodes]));
        let mut pass = Pass {
            calibrator: self,
            allocation,
            layers,
            contents: self.fitted.dependencies.contents(allocation),
            live: live.collect(),
            batches,
            values,
            reuse,
            cancel,
            ran,
        };
        pass.run()?;
        Ok(pass.layers)
    }
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), EvaluateError> {
        let network = Arc::clone(&self.calibrator.network);
        let steps = &network.plan().steps;
        let work = self.work(steps);
        for (i, (step, work)) in steps.iter().zip(&work).enumerate() {
            if work.fit {
                self.fit(i, step)?;
            }
            if work.compute {
                self.compute(i, step)?;
            }
            for live in &self.live {
                let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
                for node in &step.release {
                    if let Some(place) = live.get_mut(node.index()) {
                        *place = None;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes known affines and values, and says what is left to do.
    fn work(&mut self, steps: &[Step]) -> Vec<Work> {
        let mut work = vec![Work::default(); steps.len()];
        for (i, (step, work)) in steps.iter().zip(&mut work).enumerate() {
            let content = self.contents.get(i).copied().unwrap_or_default();
            if let Some(layer) = self.quantized(step) {
                let known = self.calibrator.fitted.get(&content);
                match known.filter(|_| self.reuse) {
                    Some(affine) => self.set_affine(layer, &affine),
                    None => work.fit = true,
                }
            }
        }
        let mut wanted: Vec<NodeId> = Vec::new();
        for (i, step) in steps.iter().enumerate().rev() {
            let Some(work) = work.get_mut(i) else {
                continue;
            };
            work.compute = wanted.contains(&step.node) && (work.fit || !self.load(i, step));
            if work.fit || work.compute {
                wanted.extend(&step.inputs);
            }
            if work.compute {
                wanted.extend(&step.residual);
            }
        }
        work
    }

    /// The layer of a step, if it is quantized.
    fn quantized(&self, step: &Step) -> Option<LayerId> {
        match step.source {
            Source::Layer { layer, .. } => {
                let known = self.layers.get(layer.index())?.as_ref()?;
                (!known.moments.is_empty()).then_some(layer)
            }
            _ => None,
        }
    }

    fn set_affine(&mut self, layer: LayerId, affine: &ChannelAffine) {
        if let Some(Some(known)) = self.layers.get_mut(layer.index()) {
            let affine = Some(affine.clone());
            *known = Arc::new(QuantizedLayer {
                affine,
                ..QuantizedLayer::clone(known)
            });
        }
    }

    /// Takes a step's value of every batch from the cache; false where one is not there.
    fn load(&self, i: usize, step: &Step) -> bool {
        let (Some(values), Some(content)) = (self.values, self.contents.get(i)) else {
            return false;
        };
        let known: Option<Vec<_>> = self
            .batches
            .numbers()
            .map(|batch| values.calibration(content, batch))
            .collect();
        let Some(known) = known else { return false };
        for (live, value) in self.live.iter().zip(known) {
            put(live, step.node, value);
        }
        true
    }

    /// Fits the affine of a layer to its sums over all batches.
    fn fit(&mut self, i: usize, step: &Step) -> Result<(), EvaluateError> {
        let Some(layer) = self.quantized(step) else {
            return Ok(());
        };
        let channels = step.shape.channels;
        let (mut sums, mut squares, mut samples) = (vec![0.0; channels], vec![0.0; channels], 0.0);
        self.each_batch(
            (i, step),
            |executor, batch, values| {
                let images = self.batches.images(batch);
                let counted = self.batches.places(batch).len();
                let x = executor.accumulate(values)?;
                Ok(channel_sums(&x, images, counted)?)
            },
            |_, of: (Vec<f64>, Vec<f64>, u64)| {
                let pairs = sums.iter_mut().zip(of.0);
                pairs.for_each(|(sum, x)| *sum += x);
                let pairs = squares.iter_mut().zip(of.1);
                pairs.for_each(|(sum, x)| *sum += x);
                samples += of.2 as f64;
                Ok(())
            },
        )?;
        let Some(Some(known)) = self.layers.get(layer.index()) else {
            return Ok(());
        };
        let measured = known.moments.iter().zip(sums.iter().zip(&squares));
        let moments: Vec<OutputMoments> = measured
            .map(|(float, (sum, square))| {
                let mean = sum / samples;
                OutputMoments {
                    mean,
                    spread: (square / samples - mean * mean).max(0.0).sqrt(),
                    ..*float
                }
            })
            .collect();
        if moments
            .iter()
            .any(|m| !m.mean.is_finite() || !m.spread.is_finite())
        {
            let place = format!("the sums of {} on the calibration images are", step.name);
            return Err(EvaluateError::NotFinite { place });
        }
        let float = self.calibrator.network.float_affine(step)?;
        let float = ChannelAffine::clone(&float);
        let affine = Arc::new(float.corrected(&known.quantized.scales, &moments));
        if let Some(content) = self.contents.get(i) {
            self.calibrator.fitted.keep(*content, Arc::clone(&affine));
        }
        self.set_affine(layer, &affine);
        Ok(())
    }

    /// Computes a step's value of every batch.
    fn compute(&self, i: usize, step: &Step) -> Result<(), EvaluateError> {
        let graph = self.calibrator.network.graph();
        let range = graph.node(step.node).range;
        self.each_batch(
            (i, step),
            |executor, batch, values| {
                let images = self.batches.images(batch);
                let pixels = match step.source {
                    Source::Image => self.batches.pixels(batch)?,
                    _ => Vec::new(),
                };
                let value = executor.value(&pixels, images, values, &mut Record::Nothing)?;
                let packed = CachedValue::of(&value, range)?;
                packed.ok_or_else(|| not_on_a_cpu().into())
            },
            |batch, value| {
                let value = Arc::new(value);
                if let (Some(values), Some(content), false) = (
                    self.values,
                    self.contents.get(i),
                    step.source == Source::Image,
                ) {
                    values.keep_calibration(i, content, batch, &value);
                }
                if let Some(live) = self.live.get(batch) {
                    put(live, step.node, value);
                }
                Ok(())
            },
        )
    }

    /// Works on a step of every batch, on all threads, and commits in the order of batches.
    fn each_batch<R: Send>(
        &self,
        (i, step): (usize, &Step),
        work: impl Fn(&StepExecutor<'_>, usize, &mut [Option<Value>]) -> Result<R, EvaluateError> + Sync,
        mut commit: impl FnMut(usize, R) -> Result<(), EvaluateError>,
    ) -> Result<(), EvaluateError> {
        let network = &self.calibrator.network;
        let mut end = Ok(());
        run(
            self.batches.numbers(),
            self.calibrator.threads,
            self.cancel,
            || {
                tch::set_num_threads(1);
                Ok(network.step_executor(i, step, (self.allocation, &self.layers))?)
            },
            |executor, batch| {
                let mut values = self.read(step, batch)?;
                if matches!(step.source, Source::Layer { .. }) {
                    let images = self.batches.distinct(batch) as u64;
                    self.ran.fetch_add(images, Ordering::Relaxed);
                }
                work(executor, batch, &mut values)
            },
            |batch, result| match commit(batch, result) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    end = Err(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        end
    }

    /// The values that a step reads, of a batch.
    fn read(&self, step: &Step, batch: usize) -> Result<Vec<Option<Value>>, EvaluateError> {
        let mut values: Vec<Option<Value>> = Vec::new();
        values.resize_with(self.calibrator.network.graph().nodes.len(), || None);
        let Some(live) = self.live.get(batch) else {
            return Ok(values);
        };
        for node in step.inputs.iter().chain(&step.residual) {
            let kept = {
                let live = live.lock().unwrap_or_else(PoisonError::into_inner);
                live.get(node.index()).cloned().flatten()
            };
            if let (Some(kept), Some(place)) = (kept, values.get_mut(node.index())) {
                *place = Some(kept.value()?);
            }
        }
        Ok(values)
    }
}

fn put(live: &Mutex<Live>, node: NodeId, value: Arc<CachedValue>) {
    let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = live.get_mut(node.index()) {
        *place = Some(value);
    }
}

fn not_on_a_cpu() -> TorchError {
    TorchError::Input(
        "the sequential correction runs on the CPU alone; choose quantizer.correction = \"local\""
            .to_owned(),
    )
}
