//! The consistency of a graph: ids that exist, shapes and units that agree.

use super::{Graph, Layer, Op, Shape, Tokens, WeightSource};

/// Checks one node.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn check(graph: &Graph, index: usize) -> Result<(), String> {
    let Some(node) = graph.nodes.get(index) else {
        return Err("it does not exist".to_owned());
    };
    let expected = arity(&node.op, node.inputs.len());
    if node.inputs.len() != expected {
        return Err(format!("{} inputs, not {expected}", node.inputs.len()));
    }
    if node.inputs.iter().any(|i| i.index() >= index) {
        return Err("it reads a value that comes later".to_owned());
    }
    if node.block.index() >= graph.blocks.len() {
        return Err("its block does not exist".to_owned());
    }
    let inputs: Vec<Shape> = node.inputs.iter().map(|&i| graph.node(i).shape).collect();
    let shape = shape_of(graph, &node.op, &inputs)?;
    if shape != node.shape {
        return Err(format!("its shape is {shape:?}, not {:?}", node.shape));
    }
    if let Op::Attention { tokens, .. } = node.op {
        let of_every_step = || node.inputs.iter().all(|&i| !graph.node(i).time_invariant);
        fits_tokens(tokens, shape, graph.time_steps, of_every_step)?;
    }
    if [shape.channels, shape.height, shape.width].contains(&0) || graph.time_steps == 0 {
        return Err("it has no numbers".to_owned());
    }
    // Layers and attention take units into account, pooling and summing keep them; nothing else
    // knows them.
    let knows_units = matches!(
        node.op,
        Op::Layer(_)
            | Op::Attention { .. }
            | Op::MaxPool { .. }
            | Op::AveragePool { .. }
            | Op::TokenTimeSum
    );
    let has_unit = node.inputs.iter().any(|&i| graph.node(i).scale != 1.0);
    if !node.scale.is_finite() || node.scale <= 0.0 || (has_unit && !knows_units) {
        return Err("it reads or makes numbers of a scale that does not fit".to_owned());
    }
    Ok(())
}

/// Number of values that an operation reads, where it is given so many.
pub(super) fn arity(op: &Op, given: usize) -> usize {
    match op {
        Op::Input => 0,
        Op::Add
        | Op::Average
        | Op::Multiply
        | Op::HeadMask { .. }
        | Op::ChannelMask
        | Op::Scores { .. }
        | Op::Apply { .. } => 2,
        Op::Concat { .. } => given.max(2),
        Op::Attention { .. } => 3,
        _ => 1,
    }
}

/// The shape an operation makes of its inputs.
///
/// # Errors
/// Why they do not fit, in words.
pub(super) fn shape_of(graph: &Graph, op: &Op, inputs: &[Shape]) -> Result<Shape, String> {
    let first = inputs.first().copied().unwrap_or(graph.input);
    let vector = Shape {
        height: 1,
        width: 1,
        ..first
    };
    match *op {
        Op::Input | Op::BatchNorm(_) | Op::ChannelScale(_) | Op::AddConstant { .. } => Ok(first),
        Op::Neuron(site) => {
            let known = graph.sites.get(site.index());
            let site = known.ok_or("its neuron site does not exist")?;
            site.neuron.check()?;
            if site.shape != first {
                return Err("its neuron site has another shape".to_owned());
            }
            Ok(first)
        }
        Op::Layer(layer) => {
            let known = graph.layers.get(layer.index());
            layer_shape(known.ok_or("its layer does not exist")?, first)
        }
        Op::MaxPool {
            kernel,
            stride,
            padding,
        } if padding <= kernel / 2 => windows(first, first.channels, kernel, stride, padding),
        Op::AveragePool {
            kernel,
            stride,
            padding,
            ..
        } if padding <= kernel / 2 => windows(first, first.channels, kernel, stride, padding),
        Op::MaxPool { .. } | Op::AveragePool { .. } => {
            Err("its padding is wider than half its window".to_owned())
        }
        Op::Add | Op::Average | Op::Multiply => match inputs {
            [a, b] if a == b => Ok(first),
            _ => Err("its inputs have different shapes".to_owned()),
        },
        Op::Attention { heads, .. } => match inputs {
            [q, k, v] if q == k && (v.height, v.width) == (q.height, q.width) => {
                heads_divide(*q, heads)?;
                heads_divide(*v, heads)
            }
            _ => Err("q, k and v have different shapes".to_owned()),
        },
        Op::HeadErode { heads } | Op::HeadScale { heads, .. } => heads_divide(first, heads),
        Op::Slice {
            heads,
            start,
            count,
        } => {
            let of_head = heads_divide(first, heads)?.channels / heads;
            match start.checked_add(count).is_some_and(|end| end <= of_head) {
                true => Ok(Shape {
                    channels: heads * count,
                    ..first
                }),
                false => Err(format!("a head has only {of_head} channels")),
            }
        }
        Op::Concat { heads } => {
            let mut channels = 0usize;
            for x in inputs {
                if (x.height, x.width) != (first.height, first.width) {
                    return Err("its inputs have different positions".to_owned());
                }
                channels = channels.saturating_add(heads_divide(*x, heads)?.channels);
            }
            Ok(Shape { channels, ..first })
        }
        Op::Scores { heads } => match inputs {
            [keys, x] if keys.channels == x.channels => {
                heads_divide(*keys, heads)?;
                let channels = heads.saturating_mul(keys.height * keys.width);
                Ok(Shape { channels, ..*x })
            }
            _ => Err("keys and value have different channels".to_owned()),
        },
        Op::Apply { heads } => match inputs {
            [values, map] if map.channels == heads * values.height * values.width => {
                let channels = heads_divide(*values, heads)?.channels;
                Ok(Shape { channels, ..*map })
            }
            _ => Err("its map has other channels than values have positions".to_owned()),
        },
        Op::HeadSum { heads } => heads_divide(first, heads).map(|_| Shape {
            channels: heads,
            ..first
        }),
        Op::HeadMask { heads } => match inputs {
            [mask, value] => {
                heads_divide(*value, heads)?;
                let wanted = Shape {
                    channels: heads,
                    ..*value
                };
                masked(*mask, wanted, *value)
            }
            _ => Err("it needs a mask and a value".to_owned()),
        },
        Op::ChannelMask => match inputs {
            [mask, value] => {
                let wanted = Shape {
                    height: 1,
                    width: 1,
                    ..*value
                };
                masked(*mask, wanted, *value)
            }
            _ => Err("it needs a mask and a value".to_owned()),
        },
        Op::TokenSum | Op::TokenMean | Op::TokenTimeSum => Ok(vector),
    }
}

fn heads_divide(shape: Shape, heads: usize) -> Result<Shape, String> {
    if heads == 0 || !shape.channels.is_multiple_of(heads) {
        return Err(format!("{heads} heads do not divide {}", shape.channels));
    }
    Ok(shape)
}

fn masked(mask: Shape, wanted: Shape, value: Shape) -> Result<Shape, String> {
    if mask != wanted {
        return Err("mask and value do not fit".to_owned());
    }
    Ok(value)
}

fn layer_shape(layer: &Layer, from: Shape) -> Result<Shape, String> {
    let (kernel, stride, padding, groups) = layer.kind.window();
    let divides = |channels: usize| channels.is_multiple_of(groups);
    if groups == 0 || !divides(from.channels) || !divides(layer.channels()) {
        return Err(format!("{groups} groups do not divide the channels"));
    }
    let fits = layer.fan_in() == from.channels / groups * layer.kind.taps();
    let merged_fits = layer.source == WeightSource::Stored
        || (layer.channels(), kernel, groups) == (from.channels, 3, 1);
    if !fits || !merged_fits {
        let shape = &layer.weight_shape;
        return Err(format!("a weight of shape {shape:?} does not fit {from:?}"));
    }
    if !layer.kind.is_1d() {
        return windows(from, layer.channels(), kernel, stride, padding);
    }
    let (height, width) = layer.kind.map(from);
    let channels = layer.channels();
    let span = (width + 2 * padding).checked_sub(kernel);
    let tokens = span.and_then(|span| Some(span.checked_div(stride)? + 1));
    match tokens {
        Some(tokens) if tokens == width => Ok(Shape { channels, ..from }),
        Some(width) => Ok(Shape {
            channels,
            height,
            width,
        }),
        None => Err(format!(
            "a kernel of {kernel} tokens, stride {stride}, padding {padding} do not fit {width} tokens"
        )),
    }
}

/// Whether tokens of such values can be brought together.
fn fits_tokens(
    tokens: Tokens,
    shape: Shape,
    steps: usize,
    of_every_step: impl Fn() -> bool,
) -> Result<(), String> {
    let divides = |n: usize, of: usize| n > 0 && of.is_multiple_of(n);
    match tokens {
        Tokens::All => Ok(()),
        Tokens::Grid(stride) => match divides(stride, shape.height) && divides(stride, shape.width)
        {
            true => Ok(()),
            false => Err(format!(
                "a grid of stride {stride} does not divide {shape:?}"
            )),
        },
        Tokens::Steps(chunk) if !divides(chunk, steps) => Err(format!(
            "chunks of {chunk} time steps do not divide {steps}"
        )),
        Tokens::Steps(_) if !of_every_step() => {
            Err("attention over time steps reads what is the same at every one".to_owned())
        }
        Tokens::Steps(_) => Ok(()),
    }
}

/// The shape of as many channels after a window slides over positions.
fn windows(
    from: Shape,
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Result<Shape, String> {
    let count = |length: usize| {
        let span = (length + 2 * padding).checked_sub(kernel)?;
        Some(span.checked_div(stride)? + 1)
    };
    match (count(from.height), count(from.width)) {
        (Some(height), Some(width)) => Ok(Shape {
            channels,
            height,
            width,
        }),
        _ => Err(format!(
            "kernel {kernel}, stride {stride}, padding {padding} do not fit {from:?}"
        )),
    }
}
