//! Sites: dynamics that can be computed, and what is derived from layers.

use std::collections::BTreeSet;

use super::super::engine::LayerNumbers;
use super::super::error::VerifyError;
use super::super::tensors::Tensors;
use super::{fixed, operations, wrong};
use crate::export::manifest::Manifest;
use crate::export::manifest::operation::{
    Charge, Leak, Number, OperationKind, Reset, Site, SiteNeuron,
};

/// The largest level of integer neurons: golden data store a byte.
const MOST_LEVELS: u64 = 255;

/// Checks all sites.
pub(super) fn sites(
    manifest: &Manifest,
    layers: &[LayerNumbers],
    tensors: &Tensors<'_>,
    used: &mut BTreeSet<String>,
) -> Result<(), VerifyError> {
    let rounding = operations::rounding(manifest);
    let of_sites = manifest.operations.iter();
    let of_sites = of_sites.filter(|o| matches!(o.op, OperationKind::Neuron(_)));
    for (i, (site, operation)) in manifest.sites.iter().zip(of_sites).enumerate() {
        let at = |part: &str| format!("sites[{i}].{part}");
        let fails = |part: &str, why: &str| Err(wrong(at(part), format!("{}: {why}", site.name)));
        if let Err(why) = dynamics(site.neuron) {
            return fails("neuron", why);
        }
        let input = operation.inputs.first().copied().unwrap_or_default();
        let read = manifest
            .operations
            .get(input)
            .map_or(Number::Real, |o| o.numbers);
        fixed::site(manifest, site, read)
            .map_err(|why| wrong(at("fixed"), format!("{}: {why}", site.name)))?;
        if rounding.get(input) != Some(&site.depends_on_rounding) {
            return fails("depends_on_rounding", "it does not follow from its input");
        }
        let layer = manifest.operations.get(input).and_then(|o| match &o.op {
            OperationKind::Layer(name) => Some(name),
            _ => None,
        });
        if layer != site.input_layer.as_ref() {
            return fails("input_layer", "its input is something else");
        }
        let index = layer.and_then(|name| manifest.layers.iter().position(|l| l.name == *name));
        let numbers = index.and_then(|index| layers.get(index));
        units(site, numbers, tensors, used)
            .map_err(|why| wrong(at("accumulator_units"), format!("{}: {why}", site.name)))?;
    }
    Ok(())
}

fn dynamics(neuron: SiteNeuron) -> Result<(), &'static str> {
    let is_positive = |x: f64| (x as f32).is_normal() && x > 0.0;
    match neuron {
        SiteNeuron::Lif {
            tau,
            threshold,
            reset,
        } => {
            if !is_positive(tau) || !is_positive(threshold) {
                return Err("tau and threshold must be positive numbers of f32");
            }
            match reset == 0.0 {
                true => Ok(()),
                false => Err("only a reset to 0 is known"),
            }
        }
        SiteNeuron::Spiking {
            charge,
            threshold,
            reset,
            ..
        } => {
            let leaks = match charge {
                Charge::Integrate => true,
                Charge::DecayInput(Leak::Over(n)) | Charge::Leak(Leak::Over(n)) => is_positive(n),
                Charge::DecayInput(Leak::Times(n)) | Charge::Leak(Leak::Times(n)) => {
                    is_positive(n) && n <= 1.0
                }
                Charge::Retain(kept) => (0.0..=1.0).contains(&kept),
            };
            let rests = match reset {
                Reset::Hard(rest) => (rest as f32).is_finite(),
                Reset::Soft | Reset::SoftNext => true,
            };
            match leaks && rests && is_positive(threshold) {
                true => Ok(()),
                false => Err("leak, threshold and reset must be numbers of f32 that make neurons"),
            }
        }
        SiteNeuron::Integer { max, norm, .. } => {
            match (1..=MOST_LEVELS).contains(&max) && norm > 0 {
                true => Ok(()),
                false => Err("the largest level must be 1 to 255, its norm positive"),
            }
        }
    }
}

/// Thresholds and offsets in accumulator units are those of the layer's affine.
fn units(
    site: &Site,
    layer: Option<&LayerNumbers>,
    tensors: &Tensors<'_>,
    used: &mut BTreeSet<String>,
) -> Result<(), String> {
    let Some(tensor) = site.units() else {
        return Ok(());
    };
    let (Some(layer), SiteNeuron::Lif { threshold, .. }) = (layer, site.neuron) else {
        return Err("no layer feeds its neurons directly".to_owned());
    };
    let shape = [2, layer.factor.len()];
    if tensor.dtype != "F64" || tensor.shape != shape {
        return Err(format!(
            "{} {:?}, expected F64 {shape:?}",
            tensor.dtype, tensor.shape
        ));
    }
    if tensors.place(&tensor.tensor) != Some(tensor.bytes) {
        return Err(format!("{} is not at those bytes", tensor.tensor));
    }
    if !used.insert(tensor.tensor.clone()) {
        return Err(format!("{} is used twice", tensor.tensor));
    }
    let numbers = tensors
        .f64(&tensor.tensor, &shape)
        .map_err(|e| e.to_string())?;
    let factors = || layer.factor.iter().map(|&a| f64::from(a));
    let offsets = layer.summand.iter().map(|&b| f64::from(b)).zip(factors());
    let expected = factors()
        .map(|a| threshold / a)
        .chain(offsets.map(|(b, a)| b / a));
    match expected.eq(numbers) {
        true => Ok(()),
        false => Err("they are not threshold / a and b / a".to_owned()),
    }
}
