//! The forms that operations have in a document. What an operation says of its own (a window, a
//! number of heads) is what serde writes of [`Op`]; layers and neurons are spelled out here.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::builder::GraphBuilder;
use super::super::check::{arity, shape_of};
use super::super::{ConstantLayout, Graph, Node, NodeId, Op, Shape};
use super::bounds::{positive, sound_name, sound_shape, sound_value};
use super::layers::{self, conv, conv1d, linear};
use super::neurons::NeuronFields;

/// A name or a key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

/// `head-scale`: a factor for each head, of a buffer of firing rates.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadScaleFields {
    heads: usize,
    key: String,
    terms: usize,
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

fn sound_operation(op: &Op) -> Result<(), String> {
    match op {
        Op::Attention { scale, .. } => positive("scale", *scale),
        _ => Ok(()),
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
            let (op, fields) = layers::fields(graph.layers.get(id.index())?)?;
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
            let ones = tensor
                .shape
                .len()
                .checked_sub(layout.shape(node.shape).len())?;
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
