//! An operation appended as it is, for graphs that are read.

use super::super::{NodeId, Op};
use super::{AverageWindow, GraphBuilder};

impl GraphBuilder {
    /// Appends an operation that has nothing but its own numbers, on inputs of shapes that fit it.
    ///
    /// # Errors
    /// For an operation that has a method of its own here (layers, neurons and what has tensors),
    /// and for another number of inputs.
    pub(in crate::network) fn operation(
        &mut self,
        op: Op,
        inputs: &[NodeId],
    ) -> Result<NodeId, String> {
        Ok(match (op, inputs) {
            (
                Op::MaxPool {
                    kernel,
                    stride,
                    padding,
                },
                &[x],
            ) => self.max_pool(x, kernel, stride, padding),
            (Op::Add, &[a, b]) => self.add(a, b),
            (Op::Average, &[a, b]) => self.average(a, b),
            (
                Op::Attention {
                    heads,
                    scale,
                    tokens,
                },
                &[q, k, v],
            ) => self.attention_among(tokens, [q, k, v], heads, scale),
            (
                Op::AveragePool {
                    kernel,
                    stride,
                    padding,
                    count_include_pad,
                },
                &[x],
            ) => self.average_pool(
                x,
                AverageWindow {
                    kernel,
                    stride,
                    padding,
                    count_include_pad,
                },
            ),
            (Op::HeadSum { heads }, &[x]) => self.head_sum(x, heads),
            (Op::HeadErode { heads }, &[x]) => self.head_erode(x, heads),
            (op @ (Op::Multiply | Op::HeadMask { .. } | Op::ChannelMask), &[a, b]) => {
                self.product(op, a, b)
            }
            (
                Op::Slice {
                    heads,
                    start,
                    count,
                },
                &[x],
            ) => self.slice(x, heads, start, count),
            (Op::Concat { heads }, values @ [_, _, ..]) => self.concat(values, heads),
            (Op::Scores { heads }, &[keys, x]) => self.scores(keys, x, heads),
            (Op::Apply { heads }, &[values, map]) => self.apply(values, map, heads),
            (Op::TokenSum, &[x]) => self.token_sum(x),
            (Op::TokenMean, &[x]) => self.token_mean(x),
            (Op::TokenTimeSum, &[x]) => self.token_time_sum(x),
            (op, inputs) => {
                let count = inputs.len();
                return Err(format!("{op:?} of {count} values cannot be read as it is"));
            }
        })
    }
}
