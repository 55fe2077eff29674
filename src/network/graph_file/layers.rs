//! The forms that layers have in a document.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::{Layer, LayerKind, MAX_PARAMETERS, NodeId, Shape, WeightSource};
use super::bounds::{sound_name, sound_shape};

/// `conv`: a convolution.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConvFields {
    name: String,
    out: usize,
    kernel: usize,
    #[serde(default = "one")]
    stride: usize,
    #[serde(default)]
    padding: usize,
    #[serde(default = "one")]
    groups: usize,
    #[serde(default)]
    bias: bool,
    #[serde(default)]
    form: Form,
    #[serde(default)]
    source: WeightSource,
}

/// `conv1d`: a 1-D convolution over tokens.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conv1dFields {
    name: String,
    out: usize,
    kernel: usize,
    #[serde(default = "one")]
    stride: usize,
    #[serde(default)]
    padding: usize,
    #[serde(default = "one")]
    groups: usize,
    #[serde(default)]
    bias: bool,
}

fn one() -> usize {
    1
}

/// `linear`: a fully connected layer on a pooled vector.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinearFields {
    name: String,
    out: usize,
    bias: bool,
}

/// Appends a convolution.
pub(super) fn conv(
    b: &mut GraphBuilder,
    x: NodeId,
    from: Shape,
    fields: ConvFields,
) -> Result<NodeId, String> {
    let ConvFields {
        name,
        out,
        kernel,
        stride,
        padding,
        groups,
        bias,
        form,
        source,
    } = fields;
    sound_name(&name)?;
    if [out, kernel, stride, groups].contains(&0) {
        return Err("out, kernel, stride and groups are at least 1".to_owned());
    }
    if padding > kernel {
        return Err(format!(
            "its padding {padding} is wider than its kernel {kernel}"
        ));
    }
    if !from.channels.is_multiple_of(groups) || !out.is_multiple_of(groups) {
        return Err(format!(
            "{groups} groups do not divide {} and {out} channels",
            from.channels
        ));
    }
    let weights = [from.channels / groups, kernel, kernel]
        .iter()
        .try_fold(out, |n, &k| n.checked_mul(k));
    if weights.is_none_or(|n| n as u64 > MAX_PARAMETERS) {
        return Err(format!("its weight has more than {MAX_PARAMETERS} numbers"));
    }
    let count = |length: usize| Some((length + 2 * padding).checked_sub(kernel)? / stride + 1);
    match (count(from.height), count(from.width)) {
        (Some(height), Some(width)) => sound_shape(Shape {
            channels: out,
            height,
            width,
        })?,
        _ => return Err(format!("its kernel {kernel} is larger than {from:?}")),
    }
    let flat = form != Form::Map;
    if flat && (kernel, stride, groups) != (1, 1, 1) {
        return Err(
            "only a map has a window: kernel, stride and groups are 1 elsewhere".to_owned(),
        );
    }
    if source == WeightSource::MergedRepConv {
        let is_chain = (out, kernel, stride, padding, groups) == (from.channels, 3, 1, 1, 1);
        return match is_chain && bias && form == Form::Map {
            true => Ok(b.merged_repconv(x, &name, out)),
            false => Err(
                "a merged RepConv chain is a 3x3 convolution with a bias of as many channels"
                    .to_owned(),
            ),
        };
    }
    let conv = Conv::square(out, kernel).stride(stride).padding(padding);
    let conv = conv.groups(groups);
    Ok(b.conv(x, &name, conv.with_form(form).bias(bias)))
}

/// Appends a fully connected layer.
pub(super) fn linear(
    b: &mut GraphBuilder,
    x: NodeId,
    from: Shape,
    fields: LinearFields,
) -> Result<NodeId, String> {
    let LinearFields { name, out, bias } = fields;
    sound_name(&name)?;
    if (from.height, from.width) != (1, 1) {
        return Err(format!(
            "it needs a vector, not {from:?}: a linear layer on tokens is a conv of form \"matrix\""
        ));
    }
    let weights = out.checked_mul(from.channels);
    if out == 0 || weights.is_none_or(|n| n as u64 > MAX_PARAMETERS) {
        return Err(format!("out = {out} makes no weight"));
    }
    Ok(b.fully_connected(x, &name, out, bias))
}

/// Appends a 1-D convolution.
pub(super) fn conv1d(
    b: &mut GraphBuilder,
    x: NodeId,
    from: Shape,
    fields: Conv1dFields,
) -> Result<NodeId, String> {
    let Conv1dFields {
        name,
        out,
        kernel,
        stride,
        padding,
        groups,
        bias,
    } = fields;
    sound_name(&name)?;
    if [out, kernel, stride, groups].contains(&0) || padding > kernel {
        let why = "out, kernel, stride and groups are at least 1, padding at most the kernel";
        return Err(why.to_owned());
    }
    if !out.is_multiple_of(groups) || !from.channels.is_multiple_of(groups) {
        return Err(format!("{groups} groups do not divide the channels"));
    }
    let weights = out
        .checked_mul(from.channels / groups)
        .and_then(|n| n.checked_mul(kernel));
    if weights.is_none_or(|n| n as u64 > MAX_PARAMETERS) {
        return Err(format!("its weight has more than {MAX_PARAMETERS} numbers"));
    }
    let tokens = from.height * from.width;
    let Some(span) = (tokens + 2 * padding).checked_sub(kernel) else {
        return Err(format!(
            "its kernel {kernel} is longer than {tokens} tokens"
        ));
    };
    sound_shape(Shape {
        channels: out,
        height: 1,
        width: span / stride + 1,
    })?;
    let window = (kernel, stride, padding, groups);
    Ok(b.conv1d(x, &name, (out, bias), window))
}

/// The operation and the fields of a layer.
pub(super) fn fields(layer: &Layer) -> Option<(&'static str, Value)> {
    let (name, out, bias) = (layer.name.clone(), layer.channels(), layer.bias);
    match layer.kind {
        LayerKind::Linear => {
            let fields = LinearFields { name, out, bias };
            Some(("linear", serde_json::to_value(fields).ok()?))
        }
        LayerKind::Conv {
            kernel,
            stride,
            padding,
            groups,
        } => {
            let fields = ConvFields {
                name,
                out,
                kernel,
                stride,
                padding,
                groups,
                bias,
                form: match layer.weight_shape.len() {
                    2 => Form::Matrix,
                    3 => Form::Sequence,
                    _ => Form::Map,
                },
                source: layer.source,
            };
            Some(("conv", serde_json::to_value(fields).ok()?))
        }
        LayerKind::Conv1d {
            kernel,
            stride,
            padding,
            groups,
        } => {
            let fields = Conv1dFields {
                name,
                out,
                kernel,
                stride,
                padding,
                groups,
                bias,
            };
            Some(("conv1d", serde_json::to_value(fields).ok()?))
        }
    }
}
