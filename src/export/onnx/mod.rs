//! ONNX files of a whole network, in two flavours.
//!
//! * *QONNX* (opset 11, domain `qonnx.custom_op.general` 1): the integers of a layer as float
//!   numbers behind an `IntQuant` of scale 1 (1 bit: `BipolarQuant`), so that sums stay integers;
//!   the numbers of tensors in the words of FINN (`finn_datatype`).
//! * *QDQ* (opset 21): the integers in 4, 8 or 16 bits behind a `DequantizeLinear` by output
//!   channel. Its scale is a power of two, so that sums stay exact there, too.
//!
//! One file takes one image. Values are `[S, C, H, W]` as in the package: time steps are the first
//! dimension, and S is 1 where a value is the same at all of them. Neurons are unrolled over time
//! in the operations of [`the manifest`](super::manifest), each its own node, in its order. Tensors
//! are named as in golden files: `input`, `accumulator.LAYER`, `spikes.SITE`, `logits`.

mod builder;
mod heads;
mod layers;
mod membrane;
mod neurons;
mod operations;
pub mod proto;

use prost::Message;

use self::builder::{Builder, Dtype, QONNX_DOMAIN, Value, entry, unsigned};
use self::operations::Context;
use self::proto::{ModelProto, OperatorSetIdProto};
use super::error::ExportError;
use super::manifest::operation::{Operation, OperationKind};
use super::package::Package;

/// The largest message that readers of protobuf take.
const LARGEST: usize = i32::MAX as usize;

/// The flavour of an ONNX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Quantizers of QONNX, for FINN and others.
    Qonnx,
    /// `DequantizeLinear`, for ONNX Runtime and others.
    Qdq,
}

/// The outputs of an ONNX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// The logits, then the spikes of every site.
    Spikes,
    /// The logits only.
    Logits,
}

impl Flavour {
    /// The name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Flavour::Qonnx => "network.qonnx.onnx",
            Flavour::Qdq => "network.qdq.onnx",
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Qonnx => "qonnx",
            Flavour::Qdq => "onnx",
        }
    }

    fn opset(self) -> i64 {
        match self {
            Flavour::Qonnx => 11,
            Flavour::Qdq => 21,
        }
    }

    fn ir(self) -> i64 {
        match self {
            Flavour::Qonnx => 7,
            Flavour::Qdq => 10,
        }
    }
}

/// The bytes of an ONNX file.
///
/// # Errors
/// [`ExportError`]: a file larger than protobuf allows, or a manifest that does not fit its layers.
pub fn write(
    package: &Package,
    flavour: Flavour,
    outputs: Outputs,
) -> Result<Vec<u8>, ExportError> {
    let model = model(package, flavour, outputs)?;
    let bytes = model.encoded_len();
    if bytes > LARGEST {
        let file = flavour.file();
        return Err(ExportError::TooLarge { file, bytes });
    }
    Ok(model.encode_to_vec())
}

/// An ONNX file before it is bytes.
///
/// # Errors
/// [`ExportError`]: a manifest that does not fit its layers.
pub fn model(
    package: &Package,
    flavour: Flavour,
    outputs: Outputs,
) -> Result<ModelProto, ExportError> {
    let manifest = &package.manifest;
    let network = &manifest.network;
    let domains = [("", flavour.opset()), (QONNX_DOMAIN, 1)];
    let used = match flavour {
        Flavour::Qonnx => 2,
        Flavour::Qdq => 1,
    };
    let writer = Writer {
        package,
        flavour,
        builder: Builder::new(flavour.opset()),
        values: Vec::new(),
        spikes: Vec::new(),
    };
    let mut metadata = vec![
        entry("family", network.family.clone()),
        entry("time_steps", network.time_steps.to_string()),
    ];
    if let Some(preprocessing) = &manifest.preprocessing {
        let text = serde_json::to_string(preprocessing).unwrap_or_default();
        metadata.push(entry("preprocessing", text));
    }
    let imports = domains.iter().take(used);
    Ok(ModelProto {
        ir_version: Some(flavour.ir()),
        producer_name: Some(manifest.program.name.clone()),
        producer_version: Some(manifest.program.version.clone()),
        doc_string: Some(format!("{}: one image, all time steps", network.name)),
        graph: Some(writer.graph(outputs)?),
        opset_import: imports
            .map(|&(domain, version)| OperatorSetIdProto {
                domain: Some(domain.to_owned()),
                version: Some(version),
            })
            .collect(),
        metadata_props: metadata,
    })
}

/// Writes the operations of a package one after the other.
struct Writer<'a> {
    package: &'a Package,
    flavour: Flavour,
    builder: Builder,
    /// The value of each operation so far.
    values: Vec<Value>,
    /// The spikes of each site so far.
    spikes: Vec<Value>,
}

impl Writer<'_> {
    fn graph(mut self, outputs: Outputs) -> Result<proto::GraphProto, ExportError> {
        let network = &self.package.manifest.network;
        for (i, operation) in self.package.manifest.operations.iter().enumerate() {
            let value = self.operation(i, operation)?;
            self.values.push(value);
        }
        let unfit = || ExportError::Unfit("it has no operations".to_owned());
        let last = self.values.last().cloned().ok_or_else(unfit)?;
        let input = self.values.first().cloned().ok_or_else(unfit)?;
        self.builder.scope = "logits".to_owned();
        let dims = [1, network.classes];
        let logits = self.builder.reshape(&last, &dims, "logits");
        let spikes = match outputs {
            Outputs::Spikes => self.spikes,
            Outputs::Logits => Vec::new(),
        };
        let outputs: Vec<Value> = [logits].into_iter().chain(spikes).collect();
        Ok(self.builder.finish(&network.name, &input, &outputs))
    }

    fn operation(&mut self, index: usize, operation: &Operation) -> Result<Value, ExportError> {
        let manifest = &self.package.manifest;
        let wrong = |what: &str| ExportError::Unfit(format!("operation {index}: {what}"));
        let times = match operation.time_invariant {
            true => 1,
            false => manifest.network.time_steps,
        };
        let [channels, rows, columns] = operation.shape;
        let dims = vec![times, channels, rows, columns];
        let inputs: Option<Vec<&Value>> = operation
            .inputs
            .iter()
            .map(|&i| self.values.get(i))
            .collect();
        let inputs = inputs.ok_or_else(|| wrong("it reads a value that comes later"))?;
        let inputs: Vec<Value> = inputs.into_iter().cloned().collect();
        let value = match (&operation.op, &inputs[..]) {
            (OperationKind::Input, _) => Value {
                name: "input".to_owned(),
                dtype: Dtype::F32,
                dims,
            },
            (OperationKind::Layer(name), [x]) => {
                let entry = manifest.layers.iter().find(|l| l.name == *name);
                let layer = self.package.layers.iter().find(|l| l.name == *name);
                let pair = entry.zip(layer).ok_or_else(|| wrong("no such layer"))?;
                self.builder.scope.clone_from(name);
                layers::layer(&mut self.builder, self.flavour, pair, x, &dims)
            }
            (OperationKind::Neuron(name), [x]) => {
                let site = manifest.sites.iter().find(|s| s.name == *name);
                let site = site.ok_or_else(|| wrong("no such site"))?;
                self.builder.scope.clone_from(name);
                let steps = manifest.network.time_steps;
                let value = neurons::neurons(&mut self.builder, site, x, steps, &dims);
                self.spikes.push(value.clone());
                value
            }
            _ => {
                let value = self.between((index, operation), &inputs, dims);
                value.ok_or_else(|| wrong("another number of inputs"))?
            }
        };
        if self.flavour == Flavour::Qonnx
            && let Some(datatype) = unsigned(operation.numbers)
        {
            self.builder.annotate(&value.name, datatype);
        }
        Ok(value)
    }

    /// An operation that is neither layer nor neurons; none where it lacks inputs.
    fn between(
        &mut self,
        (index, operation): (usize, &Operation),
        inputs: &[Value],
        dims: Vec<usize>,
    ) -> Option<Value> {
        let name = format!("operation{index}");
        self.builder.scope = format!("{}/{name}", operation.block);
        let to = Context {
            builder: &mut self.builder,
            name,
            dims,
        };
        let source = |i: usize| {
            let at = *operation.inputs.get(i)?;
            self.package.manifest.operations.get(at)
        };
        let read = |i: usize| Some((inputs.get(i)?, source(i)?));
        Some(match (&operation.op, inputs) {
            (
                &OperationKind::MaxPool {
                    kernel,
                    stride,
                    padding,
                },
                [x],
            ) => to.max_pool(x, (kernel, stride, padding)),
            (OperationKind::Add, [a, b]) => to.pair("Add", a, b),
            (OperationKind::Multiply | OperationKind::ChannelMask, [a, b]) => to.pair("Mul", a, b),
            (OperationKind::Average, [a, b]) => to.average(a, b),
            (
                &OperationKind::Attention {
                    heads,
                    scale,
                    tokens,
                },
                [_, _, _],
            ) => to.attention([read(0)?, read(1)?, read(2)?], (heads, scale), tokens),
            (
                &OperationKind::AveragePool {
                    kernel,
                    stride,
                    padding,
                    count_include_pad,
                },
                [x],
            ) => to.average_pool(x, (kernel, stride, padding), count_include_pad),
            (&OperationKind::HeadSum { heads }, [x]) => to.head_sum(x, heads),
            (&OperationKind::HeadMask { heads }, [mask, x]) => to.head_mask(mask, x, heads),
            (&OperationKind::HeadErode { heads }, [x]) => to.head_erode(x, heads),
            (
                &OperationKind::Slice {
                    heads,
                    start,
                    count,
                },
                [x],
            ) => to.slice(x, heads, (start, count)),
            (&OperationKind::Concat { heads }, values) => to.concat(values, heads),
            (&OperationKind::Scores { heads }, [_, _]) => to.scores([read(0)?, read(1)?], heads),
            (&OperationKind::Apply { heads }, [_, _]) => to.apply([read(0)?, read(1)?], heads),
            (OperationKind::HeadScale { factors }, [x]) => to.head_scale(x, factors),
            (OperationKind::ChannelAffine { factors, summands }, [x]) => {
                to.channel_affine(x, factors, summands)
            }
            (OperationKind::AddConstant { constant, order }, [x]) => {
                let numbers = self.package.constants.get(&constant.tensor)?;
                to.add_constant(x, numbers, *order)
            }
            (OperationKind::TokenSum, [x]) => to.token_sum(x),
            (OperationKind::TokenMean, [x]) => to.token_mean(x, source(0)?.numbers),
            (OperationKind::TokenTimeSum, [x]) => to.token_time_sum(x, source(0)?.numbers),
            _ => return None,
        })
    }
}
