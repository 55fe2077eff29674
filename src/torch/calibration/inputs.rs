//! The sums of products of layers' inputs, observed while the network runs.

use std::sync::{Arc, Mutex, PoisonError};

use tch::Kind;

use super::nearness::LayerNearness;
use crate::kernels::Patches;
use crate::network::{Graph, LayerId, Op};
use crate::quant::calibrated::Gram;
use crate::torch::TorchError;
use crate::torch::error::Context;
use crate::torch::slices::numbers;
use crate::torch::value::Value;
use crate::torch::weights::geometry;

/// The sums of some layers, by layer; shared by all threads.
pub(in crate::torch) type Sums = Vec<Option<Mutex<Gram>>>;

/// Empty sums of a layer of a graph; none for a layer that no node runs.
pub(super) fn empty(graph: &Graph, layer: LayerId) -> Option<Gram> {
    let node = graph
        .nodes
        .iter()
        .find(|n| matches!(n.op, Op::Layer(l) if l == layer))?;
    let input = graph.node(*node.inputs.first()?).shape;
    let kind = graph.layer(layer).kind;
    let (window, groups) = geometry(graph.layer(layer));
    let ((height, width), (out_height, out_width)) = (kind.map(input), kind.map(node.shape));
    let patches = Patches {
        window,
        channels: input.channels,
        height,
        width,
        out_height,
        out_width,
    };
    Some(Gram::new(patches, groups))
}

/// The observation of the inputs of layers. Whole numbers go into the shared sums at once, because
/// their sums are exact in any order; those of real numbers are kept for the caller to add in the
/// order of batches.
#[derive(Debug)]
pub(in crate::torch) struct InputRecord {
    sums: Arc<Sums>,
    /// Images of the batch that count.
    images: usize,
    /// By layer, the weights of its output positions; none where all count alike.
    weights: Option<LayerNearness>,
    /// Layers with real inputs or weights.
    pub reals: Vec<(LayerId, Gram)>,
}

impl InputRecord {
    pub(super) fn new(sums: Arc<Sums>, images: usize, weights: Option<LayerNearness>) -> Self {
        InputRecord {
            sums,
            images,
            weights,
            reals: Vec::new(),
        }
    }

    /// Observes the input of a layer, of a batch of `batch` images.
    pub(in crate::torch) fn add(
        &mut self,
        layer: LayerId,
        x: &Value,
        batch: usize,
    ) -> Result<(), TorchError> {
        let Some(Some(sums)) = self.sums.get(layer.index()) else {
            return Ok(());
        };
        let lock = || sums.lock().unwrap_or_else(PoisonError::into_inner);
        let local = x.tensor().f_to_device(tch::Device::Cpu);
        let local = local.context(|| "copying a layer's input from the device".to_owned())?;
        let weights = self
            .weights
            .as_ref()
            .and_then(|w| w.get(layer.index())?.as_ref());
        if local.kind() == Kind::Uint8 && weights.is_none() {
            let rows = self.rows(numbers::<u8>(&local)?, x.steps, batch);
            lock().add_bytes(&rows);
            return Ok(());
        }
        let wide = local.f_to_kind(Kind::Float);
        let wide = wide.context(|| "reading a layer's input".to_owned())?;
        let rows = self.rows(numbers::<f32>(&wide)?, x.steps, batch);
        let mut own = lock().like();
        let weights = weights.map(|w| w.of_samples(x.steps, batch, self.images));
        own.add_reals(&rows, weights.as_deref());
        self.reals.push((layer, own));
        Ok(())
    }

    /// The rows of the images that count.
    fn rows<'a, T>(&self, values: &'a [T], steps: usize, batch: usize) -> Vec<&'a [T]> {
        let length = values.len() / (steps * batch).max(1);
        let rows = values.chunks_exact(length.max(1)).enumerate();
        let counts = |row: usize| row % batch.max(1) < self.images;
        rows.filter(|(row, _)| counts(*row))
            .map(|(_, x)| x)
            .collect()
    }
}
