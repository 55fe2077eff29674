//! Channels of heads, taken and put together, and products of two values per head.

use super::builder::{Builder, Dtype, Value, op};
use super::operations::{Context, four};
use crate::export::manifest::operation::Operation;

impl Context<'_> {
    /// Some channels of each head.
    pub(super) fn slice(self, x: &Value, heads: usize, (start, count): (usize, usize)) -> Value {
        let [times, channels, rows, columns] = four(&x.dims);
        let name = self.inner("heads");
        let dims = [times, heads, channels / heads.max(1), rows * columns];
        let split = self.builder.reshape(x, &dims, name);
        let dims = [times, heads, count, rows * columns];
        let part = (self.inner("part"), x.dtype, &dims[..]);
        let part = self.builder.slice(&split, (2, start, start + count), part);
        self.builder.reshape(&part, &self.dims, self.name)
    }

    /// The channels of several values, head by head.
    pub(super) fn concat(self, values: &[Value], heads: usize) -> Value {
        let times = values.iter().map(|x| four(&x.dims)[0]).max().unwrap_or(1);
        let mut parts = Vec::new();
        let mut all = 0;
        for (i, x) in values.iter().enumerate() {
            let [own, channels, rows, columns] = four(&x.dims);
            let of_head = channels / heads.max(1);
            let name = self.inner(&format!("heads{i}"));
            let mut part = self
                .builder
                .reshape(x, &[own, heads, of_head, rows * columns], name);
            if own != times {
                let dims = [times, heads, of_head, rows * columns];
                let shape = self.builder.integers(&dims);
                let name = (self.inner(&format!("repeated{i}")), x.dtype, &dims[..]);
                part = self.builder.node(op("Expand"), &[&part, &shape], name);
            }
            all += of_head;
            parts.push(part);
        }
        let [_, _, rows, columns] = four(&self.dims);
        let dims = [times, heads, all, rows * columns];
        let joined = (self.inner("joined"), Dtype::F32, &dims[..]);
        let parts: Vec<&Value> = parts.iter().collect();
        let joined = self
            .builder
            .node(op("Concat").int("axis", 2), &parts, joined);
        self.builder.reshape(&joined, &self.dims, self.name)
    }

    /// `K^T X` of each head, in f64.
    pub(super) fn scores(
        self,
        [(keys, _), (x, _)]: [(&Value, &Operation); 2],
        heads: usize,
    ) -> Value {
        let [kn, xn] = ["keys", "value"].map(|what| self.inner(what));
        let keys = by_head(self.builder, keys, heads, kn);
        let x = by_head(self.builder, x, heads, xn);
        let ([times, _, d, places], [x_times, .., positions]) = (four(&keys.dims), four(&x.dims));
        let dims = [times, heads, places, d];
        let kind = op("Transpose").ints("perm", &[0, 1, 3, 2]);
        let transposed = (self.inner("keys_transposed"), Dtype::F64, &dims[..]);
        let keys = self.builder.node(kind, &[&keys], transposed);
        let dims = [times.max(x_times), heads, places, positions];
        self.product([&keys, &x], dims)
    }

    /// `V A` of each head, in f64.
    pub(super) fn apply(
        self,
        [(values, _), (map, _)]: [(&Value, &Operation); 2],
        heads: usize,
    ) -> Value {
        let [vn, mn] = ["values", "map"].map(|what| self.inner(what));
        let values = by_head(self.builder, values, heads, vn);
        let map = by_head(self.builder, map, heads, mn);
        let ([times, _, d, _], [map_times, .., positions]) = (four(&values.dims), four(&map.dims));
        let dims = [times.max(map_times), heads, d, positions];
        self.product([&values, &map], dims)
    }

    fn product(self, inputs: [&Value; 2], dims: [usize; 4]) -> Value {
        let sums = (self.inner("sums"), Dtype::F64, &dims[..]);
        let sums = self.builder.node(op("MatMul"), &inputs, sums);
        let name = self.inner("sums.f32");
        let sums = self.builder.cast(&sums, Dtype::F32, name);
        self.builder.reshape(&sums, &self.dims, self.name)
    }

    /// Each head's channels times its factor.
    pub(super) fn head_scale(self, x: &Value, factors: &[f32]) -> Value {
        let [times, channels, rows, columns] = four(&x.dims);
        let heads = factors.len();
        let name = self.inner("heads");
        let dims = [times, heads, channels / heads.max(1), rows * columns];
        let split = self.builder.reshape(x, &dims, name);
        let name = format!("{}/{}", self.builder.scope, self.inner("factors"));
        let factors = self.builder.floats(name, &[1, heads, 1, 1], factors);
        let name = self.inner("scaled");
        let scaled = self.builder.same("Mul", &[&split, &factors], name);
        self.builder.reshape(&scaled, &self.dims, self.name)
    }
}

/// `[times, heads, channels of a head, positions]` in f64.
fn by_head(builder: &mut Builder, x: &Value, heads: usize, name: String) -> Value {
    let wide = builder.cast(x, Dtype::F64, format!("{name}.f64"));
    let [times, channels, rows, columns] = four(&x.dims);
    let dims = [times, heads, channels / heads.max(1), rows * columns];
    builder.reshape(&wide, &dims, name)
}
