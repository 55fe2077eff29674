//! The golden data of a graph file: what whoever wrote it saw the network do on one batch.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use safetensors::tensor::Dtype;

use super::CheckpointError;
use super::error::Format;
use super::input::Input;
use crate::network::{GOLDEN_PREFIX, Graph};

/// The most images of golden data: a check, not an evaluation.
const MAX_IMAGES: usize = 64;

/// Where a golden tensor's numbers are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GoldenEntry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// The first byte in the file.
    pub(super) offset: u64,
    /// The number of bytes.
    pub(super) bytes: u64,
}

/// What a network does on one batch, computed in f64 by whoever wrote its graph file.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenData {
    /// Number of images.
    pub batch: usize,
    /// `[batch, C, H, W]` (`[batch, T, C, H, W]` for frames).
    pub input: Vec<f32>,
    /// `[batch, classes]`.
    pub logits: Vec<f64>,
    /// By site of the graph, in its order.
    pub sites: Vec<GoldenSite>,
}

/// What the neurons of a site do, by time step.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenSite {
    /// Spikes (of integer neurons: levels) over batch and units.
    pub spikes: Vec<i64>,
    /// The mean potential before reset over batch and units, where the file has it.
    pub membrane_mean: Option<Vec<f64>>,
}

/// Reads the golden data of a graph.
pub(super) fn read(
    input: &mut Input,
    entries: &BTreeMap<String, GoldenEntry>,
    graph: &Graph,
    origin: &str,
) -> Result<GoldenData, CheckpointError> {
    let mut tensors = Tensors {
        input,
        entries,
        origin,
    };
    let (shape, steps) = (graph.input, graph.time_steps);
    let one: Vec<usize> = graph
        .frames()
        .into_iter()
        .chain([shape.channels, shape.height, shape.width])
        .collect();
    let batch = match tensors.entry("input")?.shape.split_first() {
        Some((&batch, rest)) if rest == one && (1..=MAX_IMAGES).contains(&batch) => batch,
        _ => {
            let found = &tensors.entry("input")?.shape;
            let why = format!(
                "golden.input has shape {found:?}, expected [B, {}] with B from 1 to {MAX_IMAGES}",
                one.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            return Err(tensors.corrupt(&why));
        }
    };
    let sized: Vec<usize> = [batch].into_iter().chain(one).collect();
    let images = tensors.numbers("input", Dtype::F32, &sized, f32::from_le_bytes)?;
    if images.iter().any(|x| !x.is_finite()) {
        return Err(tensors.corrupt("golden.input holds NaN or infinity"));
    }
    let classes = [batch, graph.classes];
    let logits = tensors.numbers("logits", Dtype::F64, &classes, f64::from_le_bytes)?;
    let mut sites = Vec::new();
    for site in &graph.sites {
        let name = format!("spikes.{}", site.name);
        let spikes = tensors.numbers(&name, Dtype::I64, &[steps], i64::from_le_bytes)?;
        let name = format!("membrane_mean.{}", site.name);
        let membrane_mean = match tensors.has(&name) {
            true => Some(tensors.numbers(&name, Dtype::F64, &[steps], f64::from_le_bytes)?),
            false => None,
        };
        sites.push(GoldenSite {
            spikes,
            membrane_mean,
        });
    }
    Ok(GoldenData {
        batch,
        input: images,
        logits,
        sites,
    })
}

/// Golden tensors by their names without the prefix.
struct Tensors<'a, 'b> {
    input: &'a mut Input<'b>,
    entries: &'a BTreeMap<String, GoldenEntry>,
    origin: &'a str,
}

impl<'a> Tensors<'a, '_> {
    fn corrupt(&self, why: &str) -> CheckpointError {
        CheckpointError::corrupt(self.origin, Format::Graph, why)
    }

    fn has(&self, name: &str) -> bool {
        self.entries.contains_key(&format!("{GOLDEN_PREFIX}{name}"))
    }

    fn entry(&self, name: &str) -> Result<&'a GoldenEntry, CheckpointError> {
        let key = format!("{GOLDEN_PREFIX}{name}");
        let found = self.entries.get(&key);
        found.ok_or_else(|| {
            self.corrupt(&format!(
                "it has no tensor {key}, of the golden data that a graph is checked by"
            ))
        })
    }

    /// The numbers of a tensor that has this type and shape.
    fn numbers<T, const N: usize>(
        &mut self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        number: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, CheckpointError> {
        let entry = self.entry(name)?;
        if entry.dtype != dtype || entry.shape != shape {
            let (found, found_shape) = (entry.dtype, &entry.shape);
            return Err(self.corrupt(&format!(
                "{GOLDEN_PREFIX}{name} is {found:?} {found_shape:?}, expected {dtype:?} {shape:?}"
            )));
        }
        let mut read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            self.input.seek(SeekFrom::Start(entry.offset))?;
            (&mut *self.input)
                .take(entry.bytes)
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|source| CheckpointError::read(self.origin, source))?;
        let count: usize = shape.iter().product();
        let numbers: Vec<T> = bytes
            .as_chunks::<N>()
            .0
            .iter()
            .map(|b| number(*b))
            .collect();
        match numbers.len() == count {
            true => Ok(numbers),
            false => Err(self.corrupt(&format!("{GOLDEN_PREFIX}{name} ends too early"))),
        }
    }
}
