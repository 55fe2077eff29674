//! From a graph to the operations and sites of a manifest.

use super::error::ExportError;
use super::layers::{CHECKPOINT, number};
use super::manifest::operation::{self, ConstantOrder, Number, Operation, OperationKind, Site};
use super::sites;
use super::tensors::Tensor;
use crate::checkpoint::StateDict;
use crate::network::{self, ConstantLayout, Graph, LayerId, NodeId, Op, PerChannel, Shape, Tokens};
use crate::quant::fixed::{FixedNetwork, Form, Grid};
use crate::quant::{Allocation, ChannelAffine};

/// Sums of integers below this are exact in f32.
const EXACT: u128 = 1 << 24;

/// The operations of a network.
pub(super) struct Flow {
    pub operations: Vec<Operation>,
    /// In the graph's order, without what depends on tensors.
    pub sites: Vec<Site>,
    /// By layer, what the numbers of its input count.
    pub units: Vec<f64>,
    /// Trained constants that are added to values, each once.
    pub constants: Vec<Tensor>,
}

/// Reads a graph; batch norms and scales become part of the layers before them.
pub(super) fn flow(
    (graph, weights): (&Graph, &StateDict),
    allocation: &Allocation,
    fixed: Option<&FixedNetwork>,
) -> Result<Flow, ExportError> {
    let (got, want) = (allocation.len(), graph.layers.len());
    if got != want {
        return Err(ExportError::Layers { got, want });
    }
    if let Some(site) = graph.sites.iter().find(|s| s.batch_leak) {
        let site = site.name.clone();
        return Err(ExportError::BatchLeak { site });
    }
    let absorbers = graph.absorbers();
    let mut operations: Vec<Operation> = Vec::new();
    let mut place: Vec<usize> = Vec::new();
    let mut rounding: Vec<bool> = Vec::new();
    let mut sites: Vec<Option<Site>> = vec![None; graph.sites.len()];
    let mut units = vec![1.0; graph.layers.len()];
    let mut constants: Vec<Tensor> = Vec::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        let inputs = node.inputs.iter().map(|n| place[n.index()]);
        let inputs: Vec<usize> = inputs.collect();
        let is_absorbed = absorbers[i].is_some();
        if is_absorbed {
            place.extend(inputs.first());
            continue;
        }
        let exact = |layer: LayerId| graph.layer(layer).exact_at(allocation.get(layer));
        let from_inputs = inputs.iter().any(|&i| rounding[i]);
        let rounds = match node.op {
            _ if fixed.is_some() => false,
            Op::Layer(layer) => !exact(layer),
            Op::Neuron(_) => false,
            // Where several follow each other the search evaluates them as one.
            ref op if is_per_channel(op) => true,
            // Other tools add up real numbers in another order.
            Op::Scores { .. } | Op::Apply { .. } => {
                from_inputs || node.range == network::ValueRange::Real
            }
            Op::Attention { heads, tokens, .. } => {
                let sums = attention_bound(graph, &node.inputs, (heads, tokens));
                from_inputs || sums.is_none_or(|most| most >= EXACT)
            }
            _ => from_inputs,
        };
        if let Op::Layer(layer) = node.op
            && let Some(unit) = units.get_mut(layer.index())
        {
            let read = node.inputs.first().copied();
            *unit = read.map_or(1.0, |n| graph.node(n).scale);
        }
        if let Op::Neuron(id) = node.op
            && let Some(slot) = sites.get_mut(id.index())
        {
            let input = inputs.first().and_then(|&i| operations.get(i));
            let layer = input.and_then(|o| match &o.op {
                OperationKind::Layer(name) => Some(name.clone()),
                _ => None,
            });
            let neuron = weights.dynamics(&graph.site(id).neuron)?;
            let made = sites::site(graph, (id, &neuron), layer, from_inputs);
            *slot = Some(match fixed {
                None => made,
                Some(network) => {
                    let membrane = network.membrane(graph, id, &neuron)?;
                    sites::in_integers(made, network.site(id), membrane)
                }
            });
        }
        place.push(operations.len());
        rounding.push(rounds);
        let mut made = operation(graph, node, inputs);
        if let Op::AddConstant { key, layout } = &node.op
            && *layout != ConstantLayout::Channels
        {
            let tensor = match constants.iter().find(|t| t.name == constant_name(key)) {
                Some(known) => known.reference(),
                None => {
                    let tensor = constant(weights, key)?;
                    let reference = tensor.reference();
                    constants.push(tensor);
                    reference
                }
            };
            made.op = OperationKind::AddConstant {
                constant: tensor,
                order: match layout {
                    ConstantLayout::Tokens => ConstantOrder::PositionsFirst,
                    _ => ConstantOrder::ChannelsFirst,
                },
            };
        }
        if is_per_channel(&node.op) {
            made.op = channel_affine(weights, graph, node)?;
        }
        if let Op::HeadScale { heads, key, terms } = &node.op {
            let factors = weights.head_factors(key, *heads, *terms)?;
            let factors = factors.into_iter().map(|factor| factor as f32).collect();
            made.op = OperationKind::HeadScale { factors };
        }
        if let Some(network) = fixed {
            let id = NodeId(i as u32);
            (made.numbers, made.unit) = integers(node, (network.grid(id), network.form(id)));
        }
        operations.push(made);
    }
    Ok(Flow {
        operations,
        sites: sites.into_iter().flatten().collect(),
        units,
        constants,
    })
}

/// The name of a constant's tensor.
fn constant_name(key: &str) -> String {
    format!("{CHECKPOINT}{key}")
}

fn constant(weights: &StateDict, key: &str) -> Result<Tensor, ExportError> {
    let known = weights.get(key);
    let known = known.ok_or_else(|| ExportError::Unfit(format!("tensor {key} is missing")))?;
    let (name, shape) = (constant_name(key), known.shape.clone());
    Ok(Tensor::f32(name, shape, &known.values))
}

/// What a package has as an affine of each channel, where no layer takes it in.
fn is_per_channel(op: &Op) -> bool {
    match op {
        Op::BatchNorm(_) | Op::ChannelScale(_) => true,
        Op::AddConstant { layout, .. } => *layout == ConstantLayout::Channels,
        _ => false,
    }
}

/// A batch norm, scale or constant that no layer takes in.
fn channel_affine(
    weights: &StateDict,
    graph: &Graph,
    node: &network::Node,
) -> Result<OperationKind, ExportError> {
    let identity = ChannelAffine::identity(node.shape.channels);
    let own = PerChannel::of(&node.op);
    let own = own.map(|own| weights.normalization(&own, node.shape.channels));
    let mut affine = own.transpose()?.iter().fold(identity, ChannelAffine::then);
    if let Op::AddConstant { key, layout } = &node.op {
        let one = Shape {
            height: 1,
            width: 1,
            ..node.shape
        };
        let constant = weights.constant(key, *layout, one)?;
        affine.shift = constant.into_iter().map(f64::from).collect();
    }
    // What the numbers of its input count.
    let unit = node.inputs.first().map_or(1.0, |n| graph.node(*n).scale);
    let affine = affine.of_unit(unit);
    let f32s = |numbers: Vec<f64>| numbers.into_iter().map(|x| x as f32).collect();
    Ok(OperationKind::ChannelAffine {
        factors: f32s(affine.scale),
        summands: f32s(affine.shift),
    })
}

/// What a value's integers stand for.
fn integers(node: &network::Node, (grid, form): (Option<Grid>, Form)) -> (Number, f64) {
    let unit = node.scale * form.factor;
    let number = match (grid, &node.op, node.range) {
        (Some(Grid { bits, fraction }), ..) => Number::Fixed { bits, fraction },
        (None, Op::Input, _) => Number::Fixed {
            bits: (form.most.log2() + 1.0) as u8,
            fraction: form.fraction,
        },
        (None, _, network::ValueRange::Integer(most)) => Number::Integer(most),
        (None, ..) => Number::Sum {
            most: form.most as u64,
            fraction: form.fraction,
        },
    };
    (number, unit)
}

/// The largest sum inside an attention; none where its inputs are not whole numbers.
fn attention_bound(
    graph: &Graph,
    inputs: &[NodeId],
    (heads, tokens): (usize, Tokens),
) -> Option<u128> {
    let mut largest = 1u128;
    for &input in inputs {
        let Number::Integer(most) = number(graph.node(input).range) else {
            return None;
        };
        largest = largest.checked_mul(u128::from(most))?;
    }
    let shape = graph.node(*inputs.first()?).shape;
    let terms = tokens.count(shape) * (shape.channels / heads.max(1));
    largest.checked_mul(terms as u128)
}

pub(super) fn sizes(shape: Shape) -> [usize; 3] {
    [shape.channels, shape.height, shape.width]
}

fn operation(graph: &Graph, node: &network::Node, inputs: Vec<usize>) -> Operation {
    let block = &graph.blocks[node.block.index()];
    Operation {
        op: kind(graph, &node.op),
        inputs,
        shape: sizes(node.shape),
        time_invariant: node.time_invariant,
        numbers: number(node.range),
        unit: node.scale,
        stage: graph.stages[block.stage.index()].name.clone(),
        block: block.name.clone(),
    }
}

fn kind(graph: &Graph, op: &Op) -> OperationKind {
    match *op {
        // Those are never asked for: layers take them in, their factors and constants are read.
        Op::Input
        | Op::BatchNorm(_)
        | Op::ChannelScale(_)
        | Op::HeadScale { .. }
        | Op::AddConstant { .. } => OperationKind::Input,
        Op::Layer(layer) => OperationKind::Layer(graph.layer(layer).name.clone()),
        Op::Neuron(site) => OperationKind::Neuron(graph.site(site).name.clone()),
        Op::MaxPool {
            kernel,
            stride,
            padding,
        } => OperationKind::MaxPool {
            kernel,
            stride,
            padding,
        },
        Op::Add => OperationKind::Add,
        Op::Average => OperationKind::Average,
        Op::Multiply => OperationKind::Multiply,
        Op::Attention {
            heads,
            scale,
            tokens,
        } => OperationKind::Attention {
            heads,
            scale,
            tokens: match tokens {
                Tokens::All => operation::Tokens::All,
                Tokens::Grid(stride) => operation::Tokens::Grid(stride),
                Tokens::Steps(chunk) => operation::Tokens::Steps(chunk),
            },
        },
        Op::AveragePool {
            kernel,
            stride,
            padding,
            count_include_pad,
        } => OperationKind::AveragePool {
            kernel,
            stride,
            padding,
            count_include_pad,
        },
        Op::HeadSum { heads } => OperationKind::HeadSum { heads },
        Op::HeadMask { heads } => OperationKind::HeadMask { heads },
        Op::HeadErode { heads } => OperationKind::HeadErode { heads },
        Op::Slice {
            heads,
            start,
            count,
        } => OperationKind::Slice {
            heads,
            start,
            count,
        },
        Op::Concat { heads } => OperationKind::Concat { heads },
        Op::Scores { heads } => OperationKind::Scores { heads },
        Op::Apply { heads } => OperationKind::Apply { heads },
        Op::TokenSum => OperationKind::TokenSum,
        Op::ChannelMask => OperationKind::ChannelMask,
        Op::TokenMean => OperationKind::TokenMean,
        Op::TokenTimeSum => OperationKind::TokenTimeSum,
    }
}
