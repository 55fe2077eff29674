//! Average pooling, and constants that are added.

use super::super::{ConstantLayout, NodeId, Op, Shape, ValueRange};
use super::{GraphBuilder, Value, window_count};

/// The window of an average pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::network) struct AverageWindow {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub count_include_pad: bool,
}

impl GraphBuilder {
    /// Channels of a value.
    pub(in crate::network) fn width(&self, x: NodeId) -> usize {
        self.node(x).shape.channels
    }

    /// Whether rows and columns of a value can be divided by 2.
    pub(in crate::network) fn is_even(&self, x: NodeId) -> bool {
        let Shape { height, width, .. } = self.node(x).shape;
        height.is_multiple_of(2) && width.is_multiple_of(2)
    }

    /// Average pooling. It keeps the unit of its numbers.
    pub(in crate::network) fn average_pool(&mut self, x: NodeId, window: AverageWindow) -> NodeId {
        let AverageWindow {
            kernel,
            stride,
            padding,
            count_include_pad,
        } = window;
        let value = self.value(x);
        let count = |length| window_count(length, kernel, stride, padding);
        let averaged = Value {
            shape: Shape {
                height: count(value.shape.height),
                width: count(value.shape.width),
                ..value.shape
            },
            range: ValueRange::Real,
            ..value
        };
        let op = Op::AveragePool {
            kernel,
            stride,
            padding,
            count_include_pad,
        };
        self.push(op, &[x], averaged)
    }

    /// The addition of a trained constant, whose tensor has `ones` dimensions of 1 before those of
    /// its layout.
    pub(in crate::network) fn add_constant(
        &mut self,
        x: NodeId,
        key: &str,
        (layout, ones): (ConstantLayout, usize),
    ) -> NodeId {
        let value = self.value(x);
        let dimensions = std::iter::repeat_n(1, ones).chain(layout.shape(value.shape));
        let shape: Vec<usize> = dimensions.collect();
        self.parameter(key.to_owned(), &shape);
        let op = Op::AddConstant {
            key: key.to_owned(),
            layout,
        };
        self.push(op, &[x], value.real())
    }
}
