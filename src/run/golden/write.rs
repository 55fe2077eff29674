//! A graph file made of a profile's network.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensorError};

use super::{Profile, RunError, StateDict, float_prediction};
use crate::checkpoint::RandomNumbers;
use crate::data::InputBatch;
use crate::network::{GOLDEN_PREFIX, GRAPH_KEY, Graph, write_graph};
use crate::quant::Scheme;
use crate::torch::{Model, Prediction};

/// Golden images that are written.
const IMAGES: usize = 2;

/// The content of a graph file.
#[derive(Debug)]
pub struct GraphFileContent {
    document: String,
    tensors: Vec<(String, Tensor)>,
}

#[derive(Debug)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Makes the graph file of a profile's network with these weights: their tensors under the authors'
/// keys, and golden data of two random images of a seed, computed in f64.
///
/// # Errors
/// [`RunError::Torch`] for weights that do not fit.
pub fn graph_file(
    profile: &Profile,
    weights: StateDict,
    seed: u64,
) -> Result<GraphFileContent, RunError> {
    let graph = profile.graph();
    let document = write_graph(&graph).map_err(|error| RunError::GraphFile(error.to_string()))?;
    let shape = graph.input;
    let numbers =
        IMAGES * graph.frames().unwrap_or(1) * shape.channels * shape.height * shape.width;
    let images = InputBatch {
        batch: IMAGES,
        frames: graph.frames(),
        shape,
        values: RandomNumbers::new(seed).between(numbers, -2.0, 2.0),
    };
    let model = Model {
        graph,
        weights,
        scheme: Scheme::default(),
    };
    let prediction = float_prediction(&model, &images)?;
    let mut tensors = golden(&images, &prediction);
    tensors.extend(stored(&model.graph, &model.weights));
    Ok(GraphFileContent { document, tensors })
}

impl GraphFileContent {
    /// The bytes of the file; `path` names it in messages.
    ///
    /// # Errors
    /// [`RunError::GraphFile`] for what the format cannot hold.
    pub fn to_bytes(self, path: &Path) -> Result<Vec<u8>, RunError> {
        let own = HashMap::from([(GRAPH_KEY.to_owned(), self.document)]);
        let failed = |error: SafeTensorError| {
            RunError::GraphFile(format!("cannot write {}: {error}", path.display()))
        };
        safetensors::serialize(self.tensors, Some(own)).map_err(failed)
    }
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The tensors that the network uses.
fn stored<'a>(
    graph: &'a Graph,
    weights: &'a StateDict,
) -> impl Iterator<Item = (String, Tensor)> + 'a {
    graph
        .tensors
        .iter()
        .filter(|spec| !spec.dead)
        .filter_map(|spec| {
            let data = weights.get(&spec.key)?;
            let tensor = Tensor {
                dtype: Dtype::F32,
                shape: data.shape.clone(),
                bytes: bytes(&data.values, f32::to_le_bytes),
            };
            Some((spec.key.clone(), tensor))
        })
}

fn golden(images: &InputBatch, found: &Prediction) -> Vec<(String, Tensor)> {
    let mut tensors = Vec::new();
    let mut add = |name: &str, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>| {
        let tensor = Tensor {
            dtype,
            shape,
            bytes,
        };
        tensors.push((format!("{GOLDEN_PREFIX}{name}"), tensor));
    };
    let shape = [
        images.shape.channels,
        images.shape.height,
        images.shape.width,
    ];
    let shape = [images.batch].into_iter().chain(images.frames).chain(shape);
    let values = bytes(&images.values, f32::to_le_bytes);
    add("input", Dtype::F32, shape.collect(), values);
    let shape = vec![found.batch, found.classes];
    add(
        "logits",
        Dtype::F64,
        shape,
        bytes(&found.logits, f64::to_le_bytes),
    );
    for site in found.trace.iter().flat_map(|trace| &trace.sites) {
        let shape = vec![site.spikes.len()];
        let spikes = bytes(&site.spikes, i64::to_le_bytes);
        add(
            &format!("spikes.{}", site.name),
            Dtype::I64,
            shape.clone(),
            spikes,
        );
        let means = bytes(&site.membrane_mean, f64::to_le_bytes);
        add(
            &format!("membrane_mean.{}", site.name),
            Dtype::F64,
            shape,
            means,
        );
    }
    tensors
}

fn bytes<T: Copy, const N: usize>(values: &[T], one: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&x| one(x)).collect()
}
