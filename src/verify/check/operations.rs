//! Operations: order, shapes, time and ranges are what follows from those before.

use super::super::engine::{Kind, Shape, Step};
use super::super::error::VerifyError;
use super::{fixed, heads, input_count, most, wrong};
use crate::export::manifest::operation::{Number, Operation, OperationKind, SiteNeuron, Tokens};
use crate::export::manifest::{Layer, Manifest};

/// Sums of whole numbers below this are exact in f32.
const EXACT: u64 = 1 << 24;

/// Checks all operations in order.
pub(super) fn steps(manifest: &Manifest) -> Result<Vec<Step>, VerifyError> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut layers, mut sites) = (0, 0);
    for (i, operation) in manifest.operations.iter().enumerate() {
        let at = |part: &str| format!("operations[{i}].{part}");
        if !input_count(&operation.op).contains(&operation.inputs.len()) {
            let why = format!("it reads {} values", operation.inputs.len());
            return Err(wrong(at("inputs"), why));
        }
        if operation.inputs.iter().any(|&input| input >= i) {
            return Err(wrong(at("inputs"), "it reads a value that comes later"));
        }
        if (i == 0) != (operation.op == OperationKind::Input) {
            return Err(wrong(
                at("op"),
                "the first operation, and no other, is the input",
            ));
        }
        let inputs: Vec<&Operation> = operation
            .inputs
            .iter()
            .filter_map(|&input| manifest.operations.get(input))
            .collect();
        let kind = kind(&operation.op, (layers, sites));
        match kind {
            Kind::Layer(_) => layers += 1,
            Kind::Neuron(_) => sites += 1,
            _ => {}
        }
        let expected = Expected::of(manifest, &operation.op, kind, &inputs);
        let mut expected = expected.map_err(|why| wrong(at("op"), why))?;
        if fixed::is(manifest) {
            let numbers = fixed::numbers((manifest, kind), operation, &inputs, expected.numbers);
            expected.numbers = numbers.map_err(|why| wrong(at("numbers"), why))?;
        }
        compare(operation, &expected).map_err(|(part, why)| wrong(at(part), why))?;
        steps.push(Step {
            kind,
            inputs: operation.inputs.clone(),
            shape: operation.shape,
            times: match operation.time_invariant {
                true => 1,
                false => manifest.network.time_steps,
            },
            most: most(operation.numbers),
            numbers: operation.numbers,
            // Those that are added are read with the tensors.
            constants: match &operation.op {
                OperationKind::HeadScale { factors } => factors.clone(),
                OperationKind::ChannelAffine { factors, summands } => {
                    [factors.as_slice(), summands].concat()
                }
                _ => Vec::new(),
            },
            release: Vec::new(),
        });
    }
    for (field, used, there) in [
        ("layers", layers, manifest.layers.len()),
        ("sites", sites, manifest.sites.len()),
    ] {
        if used != there {
            let why = format!("operations use {used} of {there}, each must be used once");
            return Err(wrong(field, why));
        }
    }
    check_logits(manifest, &steps)?;
    release(&mut steps);
    Ok(steps)
}

fn check_logits(manifest: &Manifest, steps: &[Step]) -> Result<(), VerifyError> {
    let last = steps.last().map(|s| (s.shape, s.times));
    match last == Some(([manifest.network.classes, 1, 1], 1)) {
        true => Ok(()),
        false => Err(wrong(
            "operations",
            "the last one is not the logits of all classes",
        )),
    }
}

/// Notes in each step the values of which it is the last reader, or that have none.
fn release(steps: &mut [Step]) {
    let logits = steps.len().saturating_sub(1);
    let mut read_later = vec![false; steps.len()];
    for i in (0..steps.len()).rev() {
        let Some(step) = steps.get_mut(i) else {
            continue;
        };
        for value in step.inputs.iter().copied().chain([i]) {
            let later = read_later.get_mut(value);
            if value != logits && later.is_some_and(|l| !std::mem::replace(l, true)) {
                step.release.push(value);
            }
        }
    }
}

fn kind(op: &OperationKind, (layers, sites): (usize, usize)) -> Kind {
    match *op {
        OperationKind::Input => Kind::Input,
        OperationKind::Layer(_) => Kind::Layer(layers),
        OperationKind::Neuron(_) => Kind::Neuron(sites),
        OperationKind::MaxPool {
            kernel,
            stride,
            padding,
        } => Kind::MaxPool {
            kernel,
            stride,
            padding,
        },
        OperationKind::Add => Kind::Add,
        OperationKind::Average => Kind::Average,
        OperationKind::Multiply => Kind::Multiply,
        OperationKind::AveragePool {
            kernel,
            stride,
            padding,
            count_include_pad,
        } => Kind::AveragePool {
            kernel,
            stride,
            padding,
            count_include_pad,
        },
        OperationKind::Attention {
            heads,
            scale,
            tokens,
        } => Kind::Attention {
            heads,
            scale,
            tokens,
        },
        OperationKind::HeadSum { heads } => Kind::HeadSum { heads },
        OperationKind::HeadMask { heads } => Kind::HeadMask { heads },
        OperationKind::HeadErode { heads } => Kind::HeadErode { heads },
        OperationKind::Slice {
            heads,
            start,
            count,
        } => Kind::Slice {
            heads,
            start,
            count,
        },
        OperationKind::Concat { heads } => Kind::Concat { heads },
        OperationKind::Scores { heads } => Kind::Scores { heads },
        OperationKind::Apply { heads } => Kind::Apply { heads },
        OperationKind::HeadScale { .. } => Kind::HeadScale,
        OperationKind::ChannelAffine { .. } => Kind::ChannelAffine,
        OperationKind::AddConstant { .. } => Kind::AddConstant,
        OperationKind::TokenSum => Kind::TokenSum,
        OperationKind::ChannelMask => Kind::ChannelMask,
        OperationKind::TokenMean => Kind::TokenMean,
        OperationKind::TokenTimeSum => Kind::TokenTimeSum,
    }
}

/// What an operation makes of its inputs.
struct Expected {
    shape: Shape,
    time_invariant: bool,
    numbers: Number,
}

fn compare(found: &Operation, expected: &Expected) -> Result<(), (&'static str, String)> {
    if found.shape != expected.shape || found.shape.contains(&0) {
        let why = format!("{:?}, expected {:?}", found.shape, expected.shape);
        return Err(("shape", why));
    }
    if found.time_invariant != expected.time_invariant {
        let why = format!("expected {}", expected.time_invariant);
        return Err(("time_invariant", why));
    }
    if found.numbers != expected.numbers {
        let why = format!("{:?}, expected {:?}", found.numbers, expected.numbers);
        return Err(("numbers", why));
    }
    match found.unit.is_finite() && found.unit > 0.0 {
        true => Ok(()),
        false => Err(("unit", "it is no positive number".to_owned())),
    }
}

impl Expected {
    fn of(
        manifest: &Manifest,
        op: &OperationKind,
        kind: Kind,
        inputs: &[&Operation],
    ) -> Result<Self, String> {
        let network = &manifest.network;
        let Some(last) = inputs.last() else {
            return Ok(Expected {
                shape: network.input.shape,
                time_invariant: !network.input.frames,
                numbers: Number::Real,
            });
        };
        let shapes: Vec<Shape> = inputs.iter().map(|o| o.shape).collect();
        let all_steps = match inputs.iter().any(|o| o.time_invariant) {
            true => 0,
            false => network.time_steps,
        };
        let shape = match kind {
            Kind::Layer(index) => layer_shape(manifest.layers.get(index), op, last.shape)?,
            Kind::Neuron(index) => {
                let site = manifest.sites.get(index).filter(|s| named(op, &s.name));
                site.ok_or("its site is not the next of `sites`")?.shape
            }
            Kind::HeadScale | Kind::ChannelAffine => scaled_shape(op, last.shape)?,
            Kind::Slice { .. } | Kind::Concat { .. } | Kind::Scores { .. } | Kind::Apply { .. } => {
                heads::shape(kind, &shapes)?
            }
            _ => shape_of(kind, &shapes, all_steps)?,
        };
        if matches!(kind, Kind::Neuron(_)) && shape != last.shape {
            return Err("its site has another shape than its input".to_owned());
        }
        let all_still = inputs.iter().all(|o| o.time_invariant);
        Ok(Expected {
            shape,
            time_invariant: match kind {
                Kind::Neuron(_) => false,
                Kind::TokenTimeSum => true,
                _ => all_still,
            },
            numbers: match numbers(manifest, kind, inputs) {
                Some(most) => Number::Integer(most),
                None => Number::Real,
            },
        })
    }
}

fn named(op: &OperationKind, name: &str) -> bool {
    match op {
        OperationKind::Layer(own) | OperationKind::Neuron(own) => own == name,
        _ => false,
    }
}

/// The shape of a value whose heads are scaled.
fn scaled_shape(op: &OperationKind, x: Shape) -> Result<Shape, String> {
    match op {
        OperationKind::HeadScale { factors }
            if !factors.is_empty()
                && x[0].is_multiple_of(factors.len())
                && factors.iter().all(|factor| factor.is_finite()) =>
        {
            Ok(x)
        }
        OperationKind::ChannelAffine { factors, summands } => {
            let mut numbers = factors.iter().chain(summands);
            let fits = [factors, summands]
                .iter()
                .all(|numbers| numbers.len() == x[0]);
            match fits && numbers.all(|number| number.is_finite()) {
                true => Ok(x),
                false => {
                    Err("it has not one finite factor and summand for each channel".to_owned())
                }
            }
        }
        _ => Err("its factors are not those of heads".to_owned()),
    }
}

fn layer_shape(layer: Option<&Layer>, op: &OperationKind, x: Shape) -> Result<Shape, String> {
    let layer = layer.filter(|l| named(op, &l.name));
    let layer = layer.ok_or("its layer is not the next of `layers`")?;
    let [out, inputs, rows, columns] = layer.shape;
    let channels = inputs.checked_mul(layer.groups);
    if layer.shape.contains(&0) || layer.groups == 0 || out % layer.groups != 0 {
        return Err("its layer has no shape".to_owned());
    }
    if channels != Some(x[0]) {
        return Err(format!("its layer reads other than {} channels", x[0]));
    }
    let (stride, padding) = (layer.stride, layer.padding);
    if layer.over_tokens {
        let positions = x[1].saturating_mul(x[2]);
        return match windows(positions, columns, stride, padding) {
            Some(_) if rows != 1 => Err("its layer's window has several rows".to_owned()),
            Some(count) if count == positions => Ok([out, x[1], x[2]]),
            Some(count) => Ok([out, 1, count]),
            None => Err("its layer's window does not fit".to_owned()),
        };
    }
    let (Some(height), Some(width)) = (
        windows(x[1], rows, stride, padding),
        windows(x[2], columns, stride, padding),
    ) else {
        return Err("its layer's window does not fit".to_owned());
    };
    Ok([out, height, width])
}

/// The number of places of a window; none where it fits nowhere.
fn windows(length: usize, kernel: usize, stride: usize, padding: usize) -> Option<usize> {
    let padded = padding.checked_mul(2)?.checked_add(length)?;
    let room = padded.checked_sub(kernel)?;
    room.checked_div(stride)?.checked_add(1)
}

/// `steps` are those of the values that are read; 0 where they differ.
fn shape_of(kind: Kind, inputs: &[Shape], steps: usize) -> Result<Shape, String> {
    let first = inputs.first().copied().unwrap_or_default();
    let last = inputs.last().copied().unwrap_or_default();
    let vector = [last[0], 1, 1];
    let divides = |heads: usize, channels: usize| heads > 0 && channels.is_multiple_of(heads);
    let fails = |why: &str| Err(why.to_owned());
    match kind {
        Kind::MaxPool {
            kernel,
            stride,
            padding,
        }
        | Kind::AveragePool {
            kernel,
            stride,
            padding,
            ..
        } => {
            // A window must never lie in the padding alone.
            if kernel == 0 || padding > kernel / 2 {
                return fails("its padding is wider than half its window");
            }
            let count = |length| windows(length, kernel, stride, padding);
            match (count(last[1]), count(last[2])) {
                (Some(height), Some(width)) => Ok([last[0], height, width]),
                _ => fails("its window does not fit"),
            }
        }
        Kind::Add | Kind::Average | Kind::Multiply if first != last => {
            fails("its inputs have different shapes")
        }
        Kind::Attention {
            heads,
            scale,
            tokens,
        } => {
            let [Some(q), Some(k)] = [inputs.first(), inputs.get(1)] else {
                return fails("it has no inputs");
            };
            let fits = divides(heads, q[0]) && divides(heads, last[0]);
            let grid = match tokens {
                Tokens::Grid(stride) => divides(stride, last[1]) && divides(stride, last[2]),
                Tokens::Steps(chunk) => steps > 0 && divides(chunk, steps),
                Tokens::All => true,
            };
            match q == k && q[1..] == last[1..] && fits && grid && scale.is_finite() {
                true => Ok(last),
                false => fails("q, k, v and heads do not fit each other"),
            }
        }
        Kind::HeadSum { heads } if divides(heads, last[0]) => Ok([heads, last[1], last[2]]),
        Kind::HeadMask { heads } if divides(heads, last[0]) => {
            match first == [heads, last[1], last[2]] {
                true => Ok(last),
                false => fails("its mask does not fit"),
            }
        }
        Kind::HeadErode { heads } if divides(heads, last[0]) => Ok(last),
        Kind::HeadSum { .. } | Kind::HeadMask { .. } | Kind::HeadErode { .. } => {
            fails("channels are not divided evenly among heads")
        }
        Kind::ChannelMask if first != vector => fails("its mask does not fit"),
        Kind::TokenSum | Kind::TokenMean | Kind::TokenTimeSum => Ok(vector),
        _ => Ok(last),
    }
}

/// The largest whole number of a value; none where numbers are real.
fn numbers(manifest: &Manifest, kind: Kind, inputs: &[&Operation]) -> Option<u64> {
    let own = |i: usize| inputs.get(i).and_then(|o| most(o.numbers));
    let positions = inputs
        .first()
        .map_or(1, |o| (o.shape[1] * o.shape[2]) as u64);
    match kind {
        Kind::Neuron(site) => match manifest.sites.get(site)?.neuron {
            SiteNeuron::Lif { .. } | SiteNeuron::Spiking { .. } => Some(1),
            SiteNeuron::Integer { max, .. } => Some(max),
        },
        Kind::MaxPool { .. } | Kind::HeadErode { .. } => own(0),
        Kind::Add => Some(own(0)?.saturating_add(own(1)?)),
        Kind::Multiply | Kind::HeadMask { .. } | Kind::ChannelMask => {
            Some(own(0)?.saturating_mul(own(1)?))
        }
        Kind::HeadSum { heads } => {
            let channels = inputs.first()?.shape[0] / heads.max(1);
            Some(own(0)?.saturating_mul(channels as u64))
        }
        Kind::TokenSum => Some(own(0)?.saturating_mul(positions)),
        Kind::TokenTimeSum => {
            let still = inputs.first()?.time_invariant;
            let steps = if still {
                1
            } else {
                manifest.network.time_steps
            };
            Some(own(0)?.saturating_mul(positions.saturating_mul(steps as u64)))
        }
        Kind::Slice { .. } => own(0),
        Kind::Concat { .. } => {
            let all = inputs.iter().map(|o| most(o.numbers));
            all.reduce(|a, b| Some(a?.max(b?)))?
        }
        Kind::Scores { heads } => {
            let terms = inputs.first()?.shape[0] / heads.max(1);
            Some(own(0)?.saturating_mul(own(1)?).saturating_mul(terms as u64))
        }
        Kind::Apply { .. } => Some(own(0)?.saturating_mul(own(1)?).saturating_mul(positions)),
        Kind::Input
        | Kind::Layer(_)
        | Kind::Average
        | Kind::AveragePool { .. }
        | Kind::Attention { .. }
        | Kind::HeadScale
        | Kind::ChannelAffine
        | Kind::AddConstant
        | Kind::TokenMean => None,
    }
}

/// Of every operation, whether its value depends on how sums of real numbers are rounded.
pub(super) fn rounding(manifest: &Manifest) -> Vec<bool> {
    let mut rounds: Vec<bool> = Vec::new();
    let mut layers = manifest.layers.iter();
    for operation in &manifest.operations {
        let inputs = operation.inputs.iter().map(|&i| manifest.operations.get(i));
        let inputs: Vec<&Operation> = inputs.flatten().collect();
        let inherited = operation
            .inputs
            .iter()
            .any(|&i| rounds.get(i) == Some(&true));
        rounds.push(match operation.op {
            OperationKind::Layer(_) => layers.next().is_none_or(|layer| !layer.exact),
            OperationKind::Neuron(_) => false,
            OperationKind::ChannelAffine { .. } => true,
            OperationKind::Scores { .. } | OperationKind::Apply { .. } => {
                inherited || operation.numbers == Number::Real
            }
            OperationKind::Attention { heads, tokens, .. } => {
                let bound = attention_bound(&inputs, heads, tokens);
                inherited || bound.is_none_or(|most| most >= EXACT)
            }
            _ => inherited,
        });
    }
    rounds
}

/// The largest sum inside an attention.
pub(super) fn attention_bound(inputs: &[&Operation], heads: usize, tokens: Tokens) -> Option<u64> {
    let first = inputs.first()?.shape;
    let terms = [tokens.count(first[1], first[2]), first[0] / heads.max(1)];
    let numbers: Option<Vec<u64>> = inputs.iter().map(|o| most(o.numbers)).collect();
    let factors = terms.into_iter().map(|n| n as u64).chain(numbers?);
    Some(factors.fold(1, u64::saturating_mul))
}
