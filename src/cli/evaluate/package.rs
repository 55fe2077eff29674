//! A package as something to evaluate: its integers and affines in place of a checkpoint.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::checkpoint::{self, StateDict, TensorData};
use crate::cli::source::{SetArgs, resolve};
use crate::evaluate::Split;
use crate::export::CHECKPOINT;
use crate::export::manifest::{
    Layer as Entry, MANIFEST, Manifest, Number, Operation, OperationKind, WEIGHTS,
};
use crate::network::{Graph, LayerId, NodeId, Op, TensorSpec};
use crate::profile::ResolvedProfile;
use crate::quant::fixed::{FixedNetwork, Grid, Part};
use crate::quant::{Allocation, BitWidth, ChannelAffine, Quantized, QuantizedLayer};
use crate::run::FixedLayers;
use crate::verify;

/// A package that was read.
pub(super) struct ReadPackage {
    pub profile: ResolvedProfile,
    /// Stands for the checkpoint, where layers are float.
    pub weights: StateDict,
    /// The integers and affines.
    pub fixed: FixedLayers,
    manifest: Manifest,
}

/// The folder of a package, if that is what an argument names.
pub(super) fn folder(argument: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(argument);
    folder.join(MANIFEST).is_file().then_some(folder)
}

/// Reads a package, its hashes and manifest checked.
pub(super) fn read(folder: &Path, set: &SetArgs) -> Result<ReadPackage> {
    let package = verify::read(folder)?;
    let profile = folder.join("profile.toml");
    let profile = resolve(&profile.display().to_string(), set)
        .context("the package's profile says how to prepare images")?;
    let graph = profile.profile.graph();
    let layers = graph.layers.iter().zip(&package.manifest.layers);
    let same = |(layer, entry): (&crate::network::Layer, &Entry)| {
        layer.name == entry.name && layer.weight_shape == entry.weight_shape
    };
    if graph.layers.len() != package.manifest.layers.len() || !layers.clone().all(same) {
        bail!(
            "{}: profile.toml is of another network than {MANIFEST}",
            folder.display()
        );
    }
    let file = checkpoint::load(&folder.join(WEIGHTS))?;
    let mut widths = Vec::new();
    let mut fixed = Vec::new();
    let arithmetic = fixed_arithmetic(&package.manifest, &graph)?;
    for (index, (layer, entry)) in layers.enumerate() {
        let width = BitWidth::new(entry.bits)?;
        widths.push(width);
        let integers = package.integers(index).zip(package.affine(index));
        fixed.push(integers.map(|(codes, (factor, summand))| {
            let wide = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x)).collect();
            QuantizedLayer {
                quantized: std::sync::Arc::new(Quantized {
                    width,
                    channels: layer.channels(),
                    fan_in: layer.fan_in(),
                    values: codes.to_vec(),
                    // The affine holds what follows the integers.
                    scales: vec![1.0; layer.channels()],
                }),
                moments: Vec::new(),
                affine: Some(real(
                    ChannelAffine {
                        scale: wide(factor),
                        shift: wide(summand),
                    },
                    (&graph, LayerId(index as u32)),
                    arithmetic.as_ref(),
                )),
            }
        }));
    }
    Ok(ReadPackage {
        weights: weights(&graph, &file),
        profile,
        fixed: FixedLayers {
            allocation: Allocation(widths),
            layers: fixed,
            grids: arithmetic.map(|network| network.parts().to_vec()),
        },
        manifest: package.manifest,
    })
}

impl ReadPackage {
    /// Images of a split that the float network classified correctly, where that was measured on as
    /// many.
    pub(super) fn float_correct(&self, split: Split, images: usize) -> Option<usize> {
        let known = self.manifest.accuracy.iter();
        let mut known = known.filter(|a| a.split == split.name() && a.images == images as u64);
        usize::try_from(known.next()?.float.correct).ok()
    }
}

/// The integer arithmetic of a package that has one.
fn fixed_arithmetic(manifest: &Manifest, graph: &Graph) -> Result<Option<FixedNetwork>> {
    let Some(bits) = manifest.network.membrane_bits else {
        return Ok(None);
    };
    let grid = |part: &Part| {
        // A part begins with a layer.
        let first = part.nodes.first().map(|&n| &graph.node(n).op);
        let Some(Op::Layer(layer)) = first else {
            return None;
        };
        let name = &graph.layer(*layer).name;
        let is_own = |o: &&Operation| matches!(&o.op, OperationKind::Layer(own) if own == name);
        match manifest.operations.iter().find(is_own)?.numbers {
            Number::Fixed { bits, fraction } => Some(Grid { bits, fraction }),
            _ => None,
        }
    };
    let grids: Option<Vec<Grid>> = Part::all(graph, bits).iter().map(grid).collect();
    let grids = grids.with_context(|| format!("{MANIFEST}: layers without a grid"))?;
    Ok(Some(FixedNetwork::new(graph, bits, &grids)?))
}

/// The affine over what a layer's sums count. In integer arithmetic a package has it over integers,
/// in numbers of the result's grid.
fn real(
    stored: ChannelAffine,
    (graph, layer): (&Graph, LayerId),
    arithmetic: Option<&FixedNetwork>,
) -> ChannelAffine {
    let at = graph.nodes.iter().position(|n| n.op == Op::Layer(layer));
    let known = arithmetic.zip(at).and_then(|(network, at)| {
        let read = *graph.nodes.get(at)?.inputs.first()?;
        Some((network.grid(NodeId(at as u32))?, network.form(read)))
    });
    let Some((grid, form)) = known else {
        return stored;
    };
    let one = form.factor * f64::from(-form.fraction).exp2();
    let all = |numbers: Vec<f64>, factor: f64| numbers.iter().map(|x| x * factor).collect();
    ChannelAffine {
        scale: all(stored.scale, grid.step() / one),
        shift: all(stored.shift, grid.step()),
    }
}

/// The tensors of float layers as the checkpoint had them. Those of quantized layers are not in the
/// package and not computed with: what stands for them has the right shapes and is harmless.
fn weights(graph: &Graph, file: &StateDict) -> StateDict {
    let mut weights = StateDict::new(file.origin());
    for spec in graph.tensors.iter().filter(|t| !t.dead) {
        let own = file
            .get(&spec.key)
            .or_else(|| file.get(&format!("{CHECKPOINT}{}", spec.key)));
        let tensor = own.filter(|t| t.shape == spec.shape).cloned();
        weights.insert(spec.key.clone(), tensor.unwrap_or_else(|| harmless(spec)));
    }
    weights
}

/// Zeros, and ones for what is divided by.
fn harmless(spec: &TensorSpec) -> TensorData {
    let value = match spec.key.ends_with("running_var") {
        true => 1.0,
        false => 0.0,
    };
    TensorData {
        shape: spec.shape.clone(),
        values: vec![value; spec.shape.iter().product()],
    }
}
