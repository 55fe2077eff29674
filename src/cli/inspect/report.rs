//! The inspection of a profile's network as data.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::network::{Graph, Layer, LayerId, LayerKind};
use crate::profile::{Profile, ResolvedProfile};
use crate::quant::{Allocation, BitWidth, MemoryModel, saving_percent};

/// Bytes by bit-width; float is `"float"`.
pub type ByWidth = BTreeMap<String, u64>;

/// A profile's network: the object of `inspect --json`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "inspection")]
pub struct Inspection {
    /// The profile's name.
    pub profile: String,
    /// Where it comes from.
    pub origin: String,
    /// The family.
    pub family: &'static str,
    /// The layout, of families that publish several.
    pub layout: Option<&'static str>,
    /// Channels, rows and columns of an image or frame.
    pub input: [usize; 3],
    /// Time steps.
    pub time_steps: usize,
    /// Classes.
    pub classes: usize,
    /// The checkpoint, if one is given.
    pub checkpoint: Option<String>,
    /// True when it has been read and has the network's tensors.
    pub checkpoint_fits: bool,
    /// True when it is not there.
    #[serde(skip)]
    pub checkpoint_missing: bool,
    /// Trained parameters, dead ones included.
    pub parameters: u64,
    /// Weights of all layers.
    pub weights: u64,
    /// Multiply-accumulates of one image.
    pub macs: u64,
    /// The bit menu, then float.
    #[serde(skip)]
    pub widths: Vec<BitWidth>,
    /// Bytes of the whole network with every layer at one bit-width.
    pub uniform_bytes: ByWidth,
    /// Bytes of all weights alone.
    pub uniform_weight_bytes: ByWidth,
    /// Bytes that no allocation changes.
    pub fixed_bytes: u64,
    /// The effect of merging the RepConv chains, of networks that have them.
    pub repconv: Option<RepConvChains>,
    /// The memory of the profile's `[bits]`.
    pub allocation: Option<Found>,
    /// The layers in execution order.
    pub layers: Vec<LayerRow>,
    /// The neuron sites in execution order.
    pub sites: Vec<SiteRow>,
    /// State-dict keys that the network never uses.
    pub dead: Vec<String>,
}

/// The memory of a network with RepConv chains, every layer at one bit-width: as they are stored,
/// and each merged into one dense 3x3 convolution (`model.merge_repconv`).
#[derive(Debug, Serialize)]
pub struct RepConvChains {
    /// True when the profile merges them.
    pub merged: bool,
    /// Bytes of the whole network with the chains kept.
    pub factored_bytes: ByWidth,
    /// Bytes of the whole network with the chains merged.
    pub merged_bytes: ByWidth,
}

impl RepConvChains {
    fn of(profile: &Profile, widths: &[BitWidth]) -> Option<Self> {
        let mut model = profile.model.config()?.clone();
        let merged = *model.architecture.merge_repconv()?;
        let mut bytes = |merge: bool| -> Option<ByWidth> {
            *model.architecture.merge_repconv()? = merge;
            let graph = model.graph().ok()?;
            let memory = MemoryModel::of(&graph, profile.scheme.affine);
            let total = |w: &BitWidth| memory.total(&Allocation::uniform(graph.layers.len(), *w));
            Some(widths.iter().map(|w| (w.to_string(), total(w))).collect())
        };
        Some(RepConvChains {
            merged,
            factored_bytes: bytes(false)?,
            merged_bytes: bytes(true)?,
        })
    }
}

/// The memory of an allocation.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Bytes of the whole network.
    pub memory_bytes: u64,
    /// How much less than float, in percent.
    pub memory_saving_percent: f64,
    /// The same of the weights alone.
    pub weights_saving_percent: f64,
}

/// A layer.
#[derive(Debug, Serialize)]
pub struct LayerRow {
    /// Its stage.
    pub stage: String,
    /// Its block.
    pub block: String,
    /// Its name.
    pub layer: String,
    /// `conv`, `depthwise` or `linear`.
    pub kind: &'static str,
    /// The weight's shape.
    pub shape: Vec<usize>,
    /// Number of weights and, where the layer has them, biases.
    pub parameters: u64,
    /// Their share of the parameters of all layers, in percent.
    pub share_percent: f64,
    /// Multiply-accumulates of one image.
    pub macs: u64,
    /// Bytes of packed weights and affine at each bit-width of the menu and as float.
    pub bytes: ByWidth,
    /// The bit-widths of the menu at which all sums are exact integers.
    pub integer_exact: Vec<u8>,
    /// The bit-width in the profile's `[bits]`.
    pub bits: Option<BitWidth>,
    /// The root mean square error of the layer's output over the calibration images at each
    /// bit-width, relative to the output's standard deviation; where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_error: Option<BTreeMap<String, Option<f64>>>,
}

/// A neuron site.
#[derive(Debug, Serialize)]
pub struct SiteRow {
    /// Its name.
    pub site: String,
    /// Its block.
    pub block: String,
    /// The firing threshold.
    pub threshold: f64,
    /// Channels, rows and columns.
    pub shape: [usize; 3],
}

impl Inspection {
    /// Looks at a profile and its graph.
    pub fn of(resolved: &ResolvedProfile, graph: &Graph, checkpoint_fits: bool) -> Self {
        let profile = &resolved.profile;
        let memory = MemoryModel::of(graph, profile.scheme.affine);
        let mut widths = profile.menu.clone();
        if !widths.contains(&BitWidth::FLOAT) {
            widths.push(BitWidth::FLOAT);
        }
        let allocation = profile.allocation(graph);
        let by_width = |bytes: &dyn Fn(&Allocation) -> u64| -> ByWidth {
            let uniform = |w: &BitWidth| Allocation::uniform(graph.layers.len(), *w);
            let pairs = widths.iter().map(|w| (w.to_string(), bytes(&uniform(w))));
            pairs.collect()
        };
        let rows = (0..graph.layers.len()).map(|i| {
            let id = LayerId(i as u32);
            let own = row(graph, id, &memory, &widths, allocation.as_ref());
            let all = widths
                .iter()
                .filter(|w| !w.is_float() && profile.scheme.fixed().is_some());
            let all: Vec<u8> = all.map(|w| w.bits()).collect();
            match all.is_empty() {
                true => own,
                // In integer arithmetic every sum is one of integers.
                false => LayerRow {
                    integer_exact: all,
                    ..own
                },
            }
        });
        Inspection {
            profile: profile.name.clone(),
            origin: resolved.describe(),
            family: profile.model.family(),
            layout: profile.model.input().layout,
            input: [graph.input.channels, graph.input.height, graph.input.width],
            time_steps: graph.time_steps,
            classes: graph.classes,
            checkpoint: profile.checkpoint.as_ref().map(ToString::to_string),
            checkpoint_fits,
            checkpoint_missing: false,
            parameters: graph.parameters(),
            weights: graph.layers.iter().map(|l| l.weights() as u64).sum(),
            macs: graph.layers.iter().map(|l| l.macs).sum(),
            uniform_bytes: by_width(&|a| memory.total(a)),
            uniform_weight_bytes: by_width(&|a| memory.weights_only(a)),
            fixed_bytes: memory.fixed_bytes(),
            repconv: RepConvChains::of(profile, &widths),
            allocation: allocation.as_ref().map(|a| Found {
                memory_bytes: memory.total(a),
                memory_saving_percent: saving_percent(memory.total(a), memory.float_total()),
                weights_saving_percent: saving_percent(
                    memory.weights_only(a),
                    memory.float_weights(),
                ),
            }),
            layers: rows.collect(),
            sites: graph.sites.iter().map(|s| site(graph, s)).collect(),
            dead: memory.dead().iter().map(|t| t.key.clone()).collect(),
            widths,
        }
    }
}

fn row(
    graph: &Graph,
    id: LayerId,
    memory: &MemoryModel,
    widths: &[BitWidth],
    allocation: Option<&Allocation>,
) -> LayerRow {
    let layer = graph.layer(id);
    let all: u64 = graph.layers.iter().map(parameters).sum();
    let stage = &graph.stages[graph.stage_of(layer.block).index()];
    let bytes = |w: &BitWidth| (w.to_string(), memory.layer_bytes(id, *w));
    let exact = widths.iter().filter(|w| layer.exact_at(**w));
    LayerRow {
        stage: stage.name.clone(),
        block: graph.blocks[layer.block.index()].name.clone(),
        layer: layer.name.clone(),
        kind: match layer.kind {
            LayerKind::Linear => "linear",
            LayerKind::Conv { groups, .. } if groups > 1 => "depthwise",
            LayerKind::Conv { .. } => "conv",
            LayerKind::Conv1d { .. } => "conv1d",
        },
        shape: layer.weight_shape.clone(),
        parameters: parameters(layer),
        share_percent: 100.0 * parameters(layer) as f64 / all.max(1) as f64,
        macs: layer.macs,
        bytes: widths.iter().map(bytes).collect(),
        integer_exact: exact.map(|w| w.bits()).collect(),
        bits: allocation.map(|a| a.get(id)),
        output_error: None,
    }
}

/// Weights and, where there are, biases.
fn parameters(layer: &Layer) -> u64 {
    let biases = if layer.bias { layer.channels() } else { 0 };
    (layer.weights() + biases) as u64
}

fn site(graph: &Graph, site: &crate::network::Site) -> SiteRow {
    SiteRow {
        site: site.name.clone(),
        block: graph.blocks[site.block.index()].name.clone(),
        threshold: site.neuron.threshold(),
        shape: [site.shape.channels, site.shape.height, site.shape.width],
    }
}
