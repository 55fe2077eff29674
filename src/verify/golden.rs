//! The golden data of one image.

use std::path::Path;

use super::error::VerifyError;
use super::tensors::{LARGEST_HEADER, Tensors, read_at_most};
use crate::export::manifest::operation::OperationKind;
use crate::export::manifest::{GoldenEntry, MANIFEST, Manifest, SAFE_MARGIN};

/// What is stored of one image.
#[derive(Debug)]
pub(super) struct Golden {
    pub file: String,
    pub input: Vec<f32>,
    /// By layer.
    pub sums: Vec<Stored>,
    /// By site, `[T, C, H, W]`.
    pub spikes: Vec<Vec<u8>>,
    pub logits: Vec<f32>,
    /// Whether layers that are not exact go on with the stored sums.
    pub from_stored: bool,
    /// The class of the largest logit, as the manifest says.
    pub predicted: u32,
}

/// The stored sums of a layer.
#[derive(Debug)]
pub(super) enum Stored {
    Integers(Vec<i32>),
    Reals(Vec<f64>),
}

impl Stored {
    pub(super) fn len(&self) -> usize {
        match self {
            Stored::Integers(sums) => sums.len(),
            Stored::Reals(sums) => sums.len(),
        }
    }
}

/// The shape of every layer's sums, `[S, C, H, W]`, by the layer's name.
fn layer_shapes(manifest: &Manifest) -> Vec<[usize; 4]> {
    let operations = manifest.operations.iter();
    let of_layers = operations.filter(|o| matches!(o.op, OperationKind::Layer(_)));
    let steps = manifest.network.time_steps;
    let shape = |o: &crate::export::manifest::Operation| {
        let [c, h, w] = o.shape;
        [if o.time_invariant { 1 } else { steps }, c, h, w]
    };
    of_layers.map(shape).collect()
}

/// Reads the golden data of an image of a checked manifest.
pub(super) fn read(
    folder: &Path,
    manifest: &Manifest,
    index: usize,
    entry: &GoldenEntry,
) -> Result<Golden, VerifyError> {
    let shapes = layer_shapes(manifest);
    let steps = manifest.network.time_steps;
    let input = input_shape(manifest);
    let bytes = largest(manifest, &shapes, &input);
    let content = read_at_most(folder, &entry.file, bytes.saturating_add(LARGEST_HEADER))?;
    let tensors = Tensors::new(&entry.file, &content)?;
    let mut expected = 2;
    let mut sums = Vec::new();
    for (layer, shape) in manifest.layers.iter().zip(&shapes) {
        let name = format!("accumulator.{}", layer.name);
        sums.push(match layer.exact {
            true => Stored::Integers(tensors.i32(&name, shape)?),
            false => Stored::Reals(tensors.f64(&name, shape)?),
        });
        expected += 1;
    }
    let mut spikes = Vec::new();
    for site in &manifest.sites {
        let [c, h, w] = site.shape;
        spikes.push(tensors.u8(&format!("spikes.{}", site.name), &[steps, c, h, w])?);
        expected += 1;
    }
    if tensors.names().len() != expected {
        let why = "it holds tensors that belong to no layer and no site";
        return Err(VerifyError::wrong(&entry.file, "the header", why));
    }
    if entry.margin.is_some_and(|m| !m.is_finite() || m < 0.0) {
        let field = format!("golden.images[{index}].margin");
        return Err(VerifyError::wrong(MANIFEST, field, "it is no distance"));
    }
    Ok(Golden {
        input: tensors.f32("input", &input)?,
        logits: tensors.f32("logits", &[manifest.network.classes])?,
        file: entry.file.clone(),
        sums,
        spikes,
        from_stored: entry.margin.is_some_and(|margin| margin < SAFE_MARGIN),
        predicted: entry.predicted,
    })
}

fn input_shape(manifest: &Manifest) -> Vec<usize> {
    let input = &manifest.network.input;
    let frames = input.frames.then_some(manifest.network.time_steps);
    frames.into_iter().chain(input.shape).collect()
}

/// Bytes that the numbers of a file can take.
fn largest(manifest: &Manifest, layers: &[[usize; 4]], input: &[usize]) -> u64 {
    let count = |shape: &[usize]| {
        let sizes = shape.iter().map(|&n| n as u64);
        sizes.fold(1u64, u64::saturating_mul)
    };
    let of_layers = layers.iter().map(|shape| count(shape).saturating_mul(8));
    let steps = manifest.network.time_steps as u64;
    let of_sites = manifest.sites.iter();
    let of_sites = of_sites.map(|site| count(&site.shape).saturating_mul(steps));
    let rest = (count(input) + manifest.network.classes as u64).saturating_mul(4);
    of_layers.chain(of_sites).fold(rest, u64::saturating_add)
}
