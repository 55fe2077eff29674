//! The operations of the families' attentions. All of them work on spikes of scale 1, except
//! [`GraphBuilder::attention`].

use super::super::{NodeId, Op, Shape, Tokens};
use super::{GraphBuilder, Value, scaled, vector};

impl GraphBuilder {
    /// Spiking self-attention `scale * q (k^T v)`. The scale need not be an integer, so the value
    /// counts as real.
    pub(in crate::network) fn attention(
        &mut self,
        qkv: [NodeId; 3],
        heads: usize,
        scale: f64,
    ) -> NodeId {
        self.attention_among(Tokens::All, qkv, heads, scale)
    }

    /// The same among some of the tokens.
    pub(in crate::network) fn attention_among(
        &mut self,
        tokens: Tokens,
        qkv: [NodeId; 3],
        heads: usize,
        scale: f64,
    ) -> NodeId {
        let [q, k, v] = qkv.map(|x| self.value(x));
        let value = Value {
            time_invariant: q.time_invariant && k.time_invariant && v.time_invariant,
            ..v
        };
        let scale = scale * (q.scale * k.scale * v.scale);
        let op = Op::Attention {
            heads,
            scale,
            tokens,
        };
        self.push(op, &qkv, value.real())
    }

    /// The sum over each head's channels.
    pub(in crate::network) fn head_sum(&mut self, x: NodeId, heads: usize) -> NodeId {
        let value = self.value(x);
        let sum = Value {
            range: scaled(value.range, (value.shape.channels / heads) as u64),
            shape: Shape {
                channels: heads,
                ..value.shape
            },
            ..value
        };
        self.push(Op::HeadSum { heads }, &[x], sum)
    }

    /// A product of two values, the second of which has the product's shape.
    pub(in crate::network) fn product(&mut self, op: Op, a: NodeId, b: NodeId) -> NodeId {
        let product = self.both(a, b, u64::saturating_mul);
        self.push(op, &[a, b], product)
    }

    /// The sum over positions at every time step.
    pub(in crate::network) fn token_sum(&mut self, x: NodeId) -> NodeId {
        let value = self.value(x);
        let sum = Value {
            range: scaled(value.range, (value.shape.height * value.shape.width) as u64),
            shape: vector(value.shape),
            ..value
        };
        self.push(Op::TokenSum, &[x], sum)
    }

    /// `count` channels of each head, from its channel `start` on.
    pub(in crate::network) fn slice(
        &mut self,
        x: NodeId,
        heads: usize,
        start: usize,
        count: usize,
    ) -> NodeId {
        let value = self.value(x);
        let shape = Shape {
            channels: heads * count,
            ..value.shape
        };
        let op = Op::Slice {
            heads,
            start,
            count,
        };
        self.push(op, &[x], value.shaped(shape))
    }

    /// The channels of two or more values of as many positions, head by head.
    pub(in crate::network) fn concat(&mut self, values: &[NodeId], heads: usize) -> NodeId {
        let mut parts = values.iter().map(|&x| self.value(x));
        let Some(mut joined) = parts.next() else {
            return NodeId(0);
        };
        for part in parts {
            joined.shape.channels += part.shape.channels;
            joined.range = super::combine(joined.range, part.range, u64::max);
            joined.time_invariant &= part.time_invariant;
        }
        self.push(Op::Concat { heads }, values, joined)
    }

    /// `K^T X` per head, of the keys and a value.
    pub(in crate::network) fn scores(&mut self, keys: NodeId, x: NodeId, heads: usize) -> NodeId {
        let from = self.node(keys).shape;
        let shape = Shape {
            channels: heads * from.height * from.width,
            ..self.node(x).shape
        };
        let sum = self.head_products(keys, x, from.channels / heads);
        self.push(Op::Scores { heads }, &[keys, x], sum.shaped(shape))
    }

    /// `V A` per head, of values and a map as [`scores`](Self::scores) makes it.
    pub(in crate::network) fn apply(
        &mut self,
        values: NodeId,
        map: NodeId,
        heads: usize,
    ) -> NodeId {
        let from = self.node(values).shape;
        let shape = Shape {
            channels: from.channels,
            ..self.node(map).shape
        };
        let sum = self.head_products(values, map, from.height * from.width);
        self.push(Op::Apply { heads }, &[values, map], sum.shaped(shape))
    }

    /// Sums of so many products.
    fn head_products(&self, a: NodeId, b: NodeId, terms: usize) -> Value {
        let product = self.both(a, b, u64::saturating_mul);
        Value {
            range: scaled(product.range, terms as u64),
            ..product
        }
    }

    /// The largest number of a 3x3 window over tokens and a head's channels.
    pub(in crate::network) fn head_erode(&mut self, x: NodeId, heads: usize) -> NodeId {
        let value = self.value(x);
        self.push(Op::HeadErode { heads }, &[x], value)
    }
}
