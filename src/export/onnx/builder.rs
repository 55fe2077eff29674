//! An ONNX graph under construction.

use std::collections::HashMap;

use super::proto::{
    AttributeProto, Dimension, GraphProto, NodeProto, StringStringEntryProto, TensorAnnotation,
    TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use crate::export::manifest::Number;

/// The domain of QONNX's operations.
pub(super) const QONNX_DOMAIN: &str = "qonnx.custom_op.general";

/// The type of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dtype {
    F32 = 1,
    I8 = 3,
    I16 = 5,
    I64 = 7,
    Bool = 9,
    F64 = 11,
    I4 = 22,
}

/// A value with a name.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub name: String,
    pub dtype: Dtype,
    pub dims: Vec<usize>,
}

/// A node before its inputs and outputs are known.
pub(super) struct Kind {
    pub op: &'static str,
    pub attributes: Vec<AttributeProto>,
    pub domain: Option<&'static str>,
}

/// An operation of ONNX itself without attributes.
pub(super) fn op(op: &'static str) -> Kind {
    Kind {
        op,
        attributes: Vec::new(),
        domain: None,
    }
}

impl Kind {
    /// Adds an attribute that is a number.
    pub(super) fn int(mut self, name: &str, i: usize) -> Self {
        self.attributes.push(AttributeProto {
            name: Some(name.to_owned()),
            i: Some(i as i64),
            r#type: Some(2),
            ..AttributeProto::default()
        });
        self
    }

    /// Adds an attribute that is a text.
    pub(super) fn text(mut self, name: &str, s: &str) -> Self {
        self.attributes.push(AttributeProto {
            name: Some(name.to_owned()),
            s: Some(s.as_bytes().to_vec()),
            r#type: Some(3),
            ..AttributeProto::default()
        });
        self
    }

    /// Adds an attribute that is a list of numbers.
    pub(super) fn ints(mut self, name: &str, ints: &[usize]) -> Self {
        self.attributes.push(AttributeProto {
            name: Some(name.to_owned()),
            ints: ints.iter().map(|&i| i as i64).collect(),
            r#type: Some(7),
            ..AttributeProto::default()
        });
        self
    }

    /// An operation of QONNX.
    pub(super) fn of_qonnx(mut self) -> Self {
        self.domain = Some(QONNX_DOMAIN);
        self
    }
}

/// The graph so far.
#[derive(Default)]
pub(super) struct Builder {
    graph: GraphProto,
    /// Initializers that are made once.
    shared: HashMap<String, Value>,
    /// The nodes' names of the operation that is being written begin with this.
    pub scope: String,
    /// The version of the operations.
    opset: i64,
}

impl Builder {
    /// An empty graph.
    pub(super) fn new(opset: i64) -> Self {
        Builder {
            opset,
            ..Builder::default()
        }
    }

    /// A node of one output, which gets a name.
    pub(super) fn node(
        &mut self,
        kind: Kind,
        inputs: &[&Value],
        output: (impl Into<String>, Dtype, &[usize]),
    ) -> Value {
        let (name, dtype, dims) = output;
        let value = Value {
            name: name.into(),
            dtype,
            dims: dims.to_vec(),
        };
        self.nodes(kind, inputs, std::slice::from_ref(&value));
        value
    }

    /// A node of float numbers with an output of the same shape as its first input.
    pub(super) fn same(
        &mut self,
        name: &'static str,
        inputs: &[&Value],
        output: impl Into<String>,
    ) -> Value {
        let dims = inputs.first().map_or(Vec::new(), |v| v.dims.clone());
        self.node(op(name), inputs, (output, Dtype::F32, &dims))
    }

    /// A node of any number of outputs.
    pub(super) fn nodes(&mut self, kind: Kind, inputs: &[&Value], outputs: &[Value]) {
        let number = self.graph.node.len();
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|v| v.name.clone()).collect(),
            output: outputs.iter().map(|v| v.name.clone()).collect(),
            name: Some(format!("{}/{}_{number}", self.scope, kind.op)),
            op_type: Some(kind.op.to_owned()),
            attribute: kind.attributes,
            domain: kind.domain.map(str::to_owned),
        });
        self.graph.value_info.extend(outputs.iter().map(info));
    }

    /// A tensor of float numbers.
    pub(super) fn floats(&mut self, name: String, dims: &[usize], numbers: &[f32]) -> Value {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(name, (Dtype::F32, dims), bytes)
    }

    /// A tensor of little-endian numbers.
    pub(super) fn tensor(
        &mut self,
        name: String,
        (dtype, dims): (Dtype, &[usize]),
        bytes: Vec<u8>,
    ) -> Value {
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: Some(dtype as i32),
            name: Some(name.clone()),
            raw_data: Some(bytes),
        });
        Value {
            name,
            dtype,
            dims: dims.to_vec(),
        }
    }

    /// A float number; equal ones are one tensor.
    pub(super) fn constant(&mut self, number: f32) -> Value {
        let name = format!("constant.{number:?}");
        if let Some(known) = self.shared.get(&name) {
            return known.clone();
        }
        let made = self.floats(name.clone(), &[], &[number]);
        self.shared.insert(name, made.clone());
        made
    }

    /// A list of whole numbers, such as a shape; equal ones are one tensor.
    pub(super) fn integers(&mut self, numbers: &[usize]) -> Value {
        let text: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let name = format!("integers.{}", text.join("x"));
        if let Some(known) = self.shared.get(&name) {
            return known.clone();
        }
        let bytes = numbers.iter().flat_map(|&x| (x as i64).to_le_bytes());
        let made = self.tensor(
            name.clone(),
            (Dtype::I64, &[numbers.len()]),
            bytes.collect(),
        );
        self.shared.insert(name, made.clone());
        made
    }

    /// A value in another shape.
    pub(super) fn reshape(&mut self, x: &Value, dims: &[usize], name: impl Into<String>) -> Value {
        let shape = self.integers(dims);
        self.node(op("Reshape"), &[x, &shape], (name, x.dtype, dims))
    }

    /// Cuts a value along its first dimension into pieces of 1.
    pub(super) fn split(&mut self, x: &Value, pieces: &[Value]) {
        let ones = vec![1; pieces.len()];
        let kind = op("Split").int("axis", 0);
        // The sizes became an input with opset 13.
        if self.opset < 13 {
            self.nodes(kind.ints("split", &ones), &[x], pieces);
        } else {
            let sizes = self.integers(&ones);
            self.nodes(kind, &[x, &sizes], pieces);
        }
    }

    /// The part of a value from one index of a dimension up to another.
    pub(super) fn slice(
        &mut self,
        x: &Value,
        (axis, from, to): (usize, usize, usize),
        output: (String, Dtype, &[usize]),
    ) -> Value {
        let [from, to, axis] = [from, to, axis].map(|number| self.integers(&[number]));
        self.node(op("Slice"), &[x, &from, &to, &axis], output)
    }

    /// A sum over dimensions, which stay as 1.
    pub(super) fn reduce_sum(
        &mut self,
        x: &Value,
        axes: &[usize],
        (name, dims): (String, &[usize]),
    ) -> Value {
        let kind = op("ReduceSum").int("keepdims", 1);
        // The axes became an input with opset 13.
        if self.opset < 13 {
            let kind = kind.ints("axes", axes);
            self.node(kind, &[x], (name, x.dtype, dims))
        } else {
            let axes = self.integers(axes);
            self.node(kind, &[x, &axes], (name, x.dtype, dims))
        }
    }

    /// A value in another type.
    pub(super) fn cast(&mut self, x: &Value, to: Dtype, name: impl Into<String>) -> Value {
        let kind = op("Cast").int("to", to as usize);
        self.node(kind, &[x], (name, to, &x.dims))
    }

    /// Notes which numbers a tensor holds, in the words of FINN.
    pub(super) fn annotate(&mut self, name: &str, datatype: String) {
        self.graph.quantization_annotation.push(TensorAnnotation {
            tensor_name: Some(name.to_owned()),
            quant_parameter_tensor_names: vec![entry("finn_datatype", datatype)],
        });
    }

    /// The graph with its inputs and outputs.
    pub(super) fn finish(mut self, name: &str, input: &Value, outputs: &[Value]) -> GraphProto {
        let is_output =
            |v: &ValueInfoProto| outputs.iter().any(|o| Some(&o.name) == v.name.as_ref());
        self.graph.value_info.retain(|v| !is_output(v));
        self.graph.name = Some(name.to_owned());
        self.graph.input = vec![info(input)];
        self.graph.output = outputs.iter().map(info).collect();
        self.graph
    }
}

/// The word of FINN for whole numbers from 0 on; none for real ones.
pub(super) fn unsigned(numbers: Number) -> Option<String> {
    match numbers {
        Number::Real | Number::Fixed { .. } | Number::Sum { .. } => None,
        Number::Integer(1) => Some("BINARY".to_owned()),
        Number::Integer(most) => Some(format!("UINT{}", (64 - most.leading_zeros()).max(1))),
    }
}

/// A pair of texts.
pub(super) fn entry(key: &str, value: impl Into<String>) -> StringStringEntryProto {
    StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.into()),
    }
}

fn info(value: &Value) -> ValueInfoProto {
    let dimension = |&d: &usize| Dimension {
        dim_value: Some(d as i64),
    };
    ValueInfoProto {
        name: Some(value.name.clone()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorType {
                elem_type: Some(value.dtype as i32),
                shape: Some(TensorShapeProto {
                    dim: value.dims.iter().map(dimension).collect(),
                }),
            }),
        }),
        doc_string: None,
    }
}
