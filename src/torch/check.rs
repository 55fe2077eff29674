//! Whether a graph makes sense: ids exist, shapes agree. What is planned and run afterwards relies on it.
#![forbid(unsafe_code)]

use crate::network::{Graph, LayerKind, Op, Shape};

/// Checks that a node's ids exist and its shapes agree.
pub(super) fn check(graph: &Graph, index: usize) -> Result<(), String> {
    let node = &graph.nodes[index];
    let expected = match node.op {
        Op::Input => 0,
        Op::Add | Op::HeadMask { .. } => 2,
        Op::Attention { .. } => 3,
        _ => 1,
    };
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
    if [shape.channels, shape.height, shape.width].contains(&0) || graph.time_steps == 0 {
        return Err("it has no numbers".to_owned());
    }
    Ok(())
}

/// The shape an operation makes of its inputs.
fn shape_of(graph: &Graph, op: &Op, inputs: &[Shape]) -> Result<Shape, String> {
    let first = inputs.first().copied().unwrap_or(graph.input);
    let heads_divide = |shape: Shape, heads: usize| {
        if heads == 0 || !shape.channels.is_multiple_of(heads) {
            return Err(format!("{heads} heads do not divide {}", shape.channels));
        }
        Ok(())
    };
    let windows = |kernel: usize, stride: usize, padding: usize, channels: usize| {
        let count = |length: usize| {
            let span = (length + 2 * padding).checked_sub(kernel)?;
            Some(span.checked_div(stride)? + 1)
        };
        match (count(first.height), count(first.width)) {
            (Some(height), Some(width)) if padding <= kernel / 2 => Ok(Shape {
                channels,
                height,
                width,
            }),
            _ => Err(format!(
                "kernel {kernel}, stride {stride}, padding {padding} do not fit {first:?}"
            )),
        }
    };
    match *op {
        Op::Input | Op::BatchNorm(_) => Ok(first),
        Op::Neuron(site) => {
            let known = graph.sites.get(site.index());
            let site = known.ok_or("its neuron site does not exist")?;
            if site.shape != first {
                return Err("its neuron site has another shape".to_owned());
            }
            Ok(first)
        }
        Op::Layer(layer) => {
            let known = graph.layers.get(layer.index());
            let layer = known.ok_or("its layer does not exist")?;
            let (kernel, stride, padding, groups) = match layer.kind {
                LayerKind::Linear => (1, 1, 0, 1),
                LayerKind::Conv {
                    kernel,
                    stride,
                    padding,
                    groups,
                } => (kernel, stride, padding, groups),
            };
            if groups == 0 || first.channels % groups != 0 || layer.channels() % groups != 0 {
                return Err(format!("{groups} groups do not divide the channels"));
            }
            if layer.fan_in() != first.channels / groups * kernel * kernel {
                return Err(format!(
                    "a weight of shape {:?} does not fit {first:?}",
                    layer.weight_shape
                ));
            }
            windows(kernel, stride, padding, layer.channels())
        }
        Op::MaxPool {
            kernel,
            stride,
            padding,
        } => windows(kernel, stride, padding, first.channels),
        Op::Add => match inputs {
            [a, b] if a == b => Ok(first),
            _ => Err("its inputs have different shapes".to_owned()),
        },
        Op::Attention { heads, .. } => {
            if inputs.iter().any(|s| *s != first) {
                return Err("q, k and v have different shapes".to_owned());
            }
            heads_divide(first, heads).map(|()| first)
        }
        Op::HeadSum { heads } => heads_divide(first, heads).map(|()| Shape {
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
                if *mask != wanted {
                    return Err("mask and value do not fit".to_owned());
                }
                Ok(*value)
            }
            _ => Err("it needs a mask and a value".to_owned()),
        },
        Op::TokenTimeSum => Ok(Shape {
            height: 1,
            width: 1,
            ..first
        }),
    }
}
