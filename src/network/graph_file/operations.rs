//! The forms that operations have in a document. What an operation says of its own (a window, a
//! number of heads) is what serde writes of [`Op`]; layers and neurons are spelled out here.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::check::{arity, shape_of};
use super::super::{
    ConstantLayout, Graph, Layer, LayerKind, MAX_PARAMETERS, Node, NodeId, Op, Shape, WeightSource,
};
use super::neurons::NeuronFields;
use super::{MAX_NAME, MAX_NUMBERS, MAX_SIZE};

/// A name or a key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

/// `conv`: a convolution.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConvFields {
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

/// `head-scale`: a factor for each head, of a buffer of firing rates.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadScaleFields {
    heads: usize,
    key: String,
    terms: usize,
}

/// `conv1d`: a 1-D convolution over tokens.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Conv1dFields {
    name: String,
    out: usize,
    kernel: usize,
    #[serde(default = "one")]
    stride: usize,
    #[serde(default)]
    padding: usize,
    #[serde(default)]
    bias: bool,
}

/// `add-constant`: a trained constant, whose tensor has so many dimensions of 1 first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstantFields {
    key: String,
    layout: ConstantLayout,
    #[serde(default)]
    ones: usize,
}

/// What attention is among where a document does not say.
const ALL_TOKENS: &str = "all";

fn one() -> usize {
    1
}

/// `linear`: a fully connected layer on a pooled vector.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinearFields {
    name: String,
    out: usize,
    bias: bool,
}

/// Appends the operation of a name with these fields.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(
    b: &mut GraphBuilder,
    name: &str,
    fields: &Map<String, Value>,
    inputs: &[NodeId],
    frames: bool,
) -> Result<NodeId, String> {
    fields.values().try_for_each(sound_value)?;
    let shapes: Vec<Shape> = inputs.iter().map(|&x| b.shape(x)).collect();
    let expect = |count: usize| match inputs.len() == count {
        true => Ok(()),
        false => Err(format!("{} inputs, not {count}", inputs.len())),
    };
    let first = |count: usize| {
        expect(count)?;
        let x = inputs.first().copied().zip(shapes.first().copied());
        x.ok_or_else(|| "it reads nothing".to_owned())
    };
    match name {
        "input" => {
            expect(0)?;
            match fields.is_empty() {
                true => Ok(b.input(frames)),
                false => Err("an input has no fields".to_owned()),
            }
        }
        "conv" => {
            let (x, from) = first(1)?;
            conv(b, x, from, parsed(fields)?)
        }
        "linear" => {
            let (x, from) = first(1)?;
            linear(b, x, from, parsed(fields)?)
        }
        "batch-norm" => {
            let (x, _) = first(1)?;
            let named: Named = parsed(fields)?;
            sound_name(&named.name)?;
            Ok(b.batch_norm(x, &named.name))
        }
        "channel-scale" => {
            let (x, from) = first(1)?;
            let named: Named = parsed(fields)?;
            sound_name(&named.name)?;
            b.parameter(named.name.clone(), &[from.channels]);
            Ok(b.channel_scale(x, &named.name))
        }
        "head-scale" => {
            let (x, from) = first(1)?;
            head_scale(b, x, from, parsed(fields)?)
        }
        "conv1d" => {
            let (x, from) = first(1)?;
            conv1d(b, x, from, parsed(fields)?)
        }
        "add-constant" => {
            let (x, _) = first(1)?;
            let ConstantFields { key, layout, ones } = parsed(fields)?;
            sound_name(&key)?;
            match ones <= 4 {
                true => Ok(b.add_constant(x, &key, (layout, ones))),
                false => Err(format!("ones = {ones} must be at most 4")),
            }
        }
        "neuron" => {
            let (x, _) = first(1)?;
            neurons(b, x, parsed(fields)?)
        }
        _ => {
            let op = operation(name, fields)?;
            expect(arity(&op, inputs.len()))?;
            let shape = shape_of(b.graph(), &op, &shapes)?;
            sound_shape(shape)?;
            sound_operation(&op)?;
            b.operation(op, inputs)
        }
    }
}

fn parsed<T: DeserializeOwned>(fields: &Map<String, Value>) -> Result<T, String> {
    T::deserialize(Value::Object(fields.clone())).map_err(|error| error.to_string())
}

/// An operation that serde reads.
fn operation(name: &str, fields: &Map<String, Value>) -> Result<Op, String> {
    if matches!(name, "layer") {
        return Err(
            "there is no operation \"layer\": layers are \"conv\" or \"linear\"".to_owned(),
        );
    }
    let mut fields = fields.clone();
    if name == "attention" && !fields.contains_key("tokens") {
        fields.insert("tokens".to_owned(), ALL_TOKENS.into());
    }
    let fields = &fields;
    let tagged = match fields.is_empty() {
        true => Value::String(name.to_owned()),
        false => Value::Object(
            [(name.to_owned(), Value::Object(fields.clone()))]
                .into_iter()
                .collect(),
        ),
    };
    let op: Op = serde_json::from_value(tagged)
        .map_err(|error| format!("there is no operation {name:?} with these fields ({error})"))?;
    // Serde passes over fields that it does not know; nothing is passed over here.
    let (_, known) = fields_of_operation(&op).ok_or("it cannot be written")?;
    match fields.keys().find(|key| !known.contains_key(*key)) {
        Some(unknown) => Err(format!("operation {name:?} has no field {unknown:?}")),
        None => Ok(op),
    }
}

/// The name and the fields of an operation as serde writes it.
fn fields_of_operation(op: &Op) -> Option<(String, Map<String, Value>)> {
    tagged(serde_json::to_value(op).ok()?)
}

/// The name and the fields of an enum's variant.
fn tagged(value: Value) -> Option<(String, Map<String, Value>)> {
    match value {
        Value::String(name) => Some((name, Map::new())),
        Value::Object(object) => match object.into_iter().next()? {
            (name, Value::Object(fields)) => Some((name, fields)),
            (name, Value::String(text)) => Some((
                name,
                [("name".to_owned(), text.into())].into_iter().collect(),
            )),
            _ => None,
        },
        _ => None,
    }
}

fn conv(
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

fn linear(
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

fn conv1d(
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
        bias,
    } = fields;
    sound_name(&name)?;
    if [out, kernel, stride].contains(&0) || padding > kernel {
        return Err("out, kernel and stride are at least 1, padding at most the kernel".to_owned());
    }
    let weights = out
        .checked_mul(from.channels)
        .and_then(|n| n.checked_mul(kernel));
    if weights.is_none_or(|n| n as u64 > MAX_PARAMETERS) {
        return Err(format!("its weight has more than {MAX_PARAMETERS} numbers"));
    }
    let tokens = from.height * from.width;
    let Some(span) = (tokens + 2 * padding).checked_sub(kernel) else {
        return Err(format!("its kernel {kernel} is longer than {tokens} tokens"));
    };
    sound_shape(Shape {
        channels: out,
        height: 1,
        width: span / stride + 1,
    })?;
    Ok(b.conv1d(x, &name, (out, bias), (kernel, stride, padding)))
}

fn head_scale(
    b: &mut GraphBuilder,
    x: NodeId,
    from: Shape,
    fields: HeadScaleFields,
) -> Result<NodeId, String> {
    let HeadScaleFields { heads, key, terms } = fields;
    sound_name(&key)?;
    if heads == 0 || terms == 0 || !from.channels.is_multiple_of(heads) {
        return Err(format!(
            "{heads} heads of sums of {terms} terms do not fit {from:?}"
        ));
    }
    b.buffer(key.clone(), &[1, 1, heads, 1, 1]);
    Ok(b.head_scale(x, heads, &key, terms))
}

fn neurons(b: &mut GraphBuilder, x: NodeId, fields: NeuronFields) -> Result<NodeId, String> {
    sound_name(&fields.name)?;
    let y = b.neuron(x, &fields.name, fields.neuron()?);
    if fields.batch_leak {
        b.leak();
    }
    Ok(y)
}

fn positive(what: &str, value: f64) -> Result<(), String> {
    match value.is_finite() && value > 0.0 && value <= 1e6 {
        true => Ok(()),
        false => Err(format!(
            "{what} = {value} must be above 0 and at most 1000000"
        )),
    }
}

fn sound_operation(op: &Op) -> Result<(), String> {
    match op {
        Op::Attention { scale, .. } => positive("scale", *scale),
        _ => Ok(()),
    }
}

/// A size of anything is bounded, and so is a text.
fn sound_value(value: &Value) -> Result<(), String> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::INFINITY);
            match number.abs() <= MAX_SIZE as f64 {
                true => Ok(()),
                false => Err(format!("{number} is larger than {MAX_SIZE}")),
            }
        }
        Value::Array(values) => values.iter().try_for_each(sound_value),
        Value::Object(fields) => fields.values().try_for_each(sound_value),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

pub(super) fn sound_shape(shape: Shape) -> Result<(), String> {
    let sizes = [shape.channels, shape.height, shape.width];
    let numbers = sizes.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
    match numbers {
        Some(1..=MAX_NUMBERS) => Ok(()),
        _ => Err(format!(
            "its shape {sizes:?} has no number or more than {MAX_NUMBERS}"
        )),
    }
}

/// Checks a name or key.
pub(super) fn sound_name(name: &str) -> Result<(), String> {
    let sound = !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    match sound {
        true => Ok(()),
        false => {
            let start: String = name.chars().take(40).collect();
            Err(format!(
                "{start:?} is no name: one has 1 to {MAX_NAME} bytes and no control character"
            ))
        }
    }
}

/// The name and the fields of a node; none for one that refers to a layer or site that is not
/// there.
pub(super) fn write(graph: &Graph, node: &Node) -> Option<(String, Map<String, Value>)> {
    let named = |op: &str, fields: Value| match fields {
        Value::Object(fields) => Some((op.to_owned(), fields)),
        _ => None,
    };
    match &node.op {
        Op::Layer(id) => {
            let (op, fields) = layer_fields(graph.layers.get(id.index())?)?;
            named(op, fields)
        }
        Op::Neuron(id) => {
            let site = graph.sites.get(id.index())?;
            let fields = NeuronFields::of(&site.name, &site.neuron, site.batch_leak);
            named("neuron", serde_json::to_value(fields).ok()?)
        }
        Op::Attention {
            heads,
            scale,
            tokens,
        } => {
            // The document's scale is of values, the graph's of the numbers that stand for them.
            let units: f64 = node.inputs.iter().map(|&i| graph.node(i).scale).product();
            let op = Op::Attention {
                heads: *heads,
                scale: without(units, *scale),
                tokens: *tokens,
            };
            let (op, mut fields) = fields_of_operation(&op)?;
            if fields.get("tokens").and_then(Value::as_str) == Some(ALL_TOKENS) {
                fields.remove("tokens");
            }
            Some((op, fields))
        }
        Op::AddConstant { key, layout } => {
            let tensor = graph.tensors.iter().find(|t| t.key == *key)?;
            let ones = tensor.shape.len().checked_sub(layout.shape(node.shape).len())?;
            let fields = ConstantFields {
                key: key.clone(),
                layout: *layout,
                ones,
            };
            named("add-constant", serde_json::to_value(fields).ok()?)
        }
        op => fields_of_operation(op),
    }
}

/// The factor that gives `product` with `units`.
fn without(units: f64, product: f64) -> f64 {
    let near = product / units;
    let candidates = [near, near.next_up(), near.next_down()];
    let exact = candidates.into_iter().find(|c| c * units == product);
    exact.unwrap_or(near)
}

fn layer_fields(layer: &Layer) -> Option<(&'static str, Value)> {
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
            ..
        } => {
            let fields = Conv1dFields {
                name,
                out,
                kernel,
                stride,
                padding,
                bias,
            };
            Some(("conv1d", serde_json::to_value(fields).ok()?))
        }
    }
}
