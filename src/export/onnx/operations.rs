//! Everything between layers and neurons.

use super::builder::{Builder, Dtype, Value, op};
use crate::export::manifest::operation::{ConstantOrder, Number, Operation, Tokens};

/// Sums of whole numbers below this are exact in f32.
const EXACT: u128 = 1 << 24;

/// An operation on its way into a graph.
pub(super) struct Context<'a> {
    pub builder: &'a mut Builder,
    /// The name of its value; those on the way to it begin with it.
    pub name: String,
    /// Dimensions of its value.
    pub dims: Vec<usize>,
}

impl Context<'_> {
    pub(super) fn inner(&self, what: &str) -> String {
        format!("{}.{what}", self.name)
    }

    /// Max-pooling.
    pub(super) fn max_pool(
        self,
        x: &Value,
        (kernel, stride, padding): (usize, usize, usize),
    ) -> Value {
        let kind = op("MaxPool")
            .ints("kernel_shape", &[kernel; 2])
            .ints("pads", &[padding; 4])
            .ints("strides", &[stride; 2]);
        self.builder
            .node(kind, &[x], (self.name, Dtype::F32, &self.dims))
    }

    /// Average pooling.
    pub(super) fn average_pool(
        self,
        x: &Value,
        (kernel, stride, padding): (usize, usize, usize),
        count_include_pad: bool,
    ) -> Value {
        let kind = op("AveragePool")
            .int("count_include_pad", usize::from(count_include_pad))
            .ints("kernel_shape", &[kernel; 2])
            .ints("pads", &[padding; 4])
            .ints("strides", &[stride; 2]);
        self.builder
            .node(kind, &[x], (self.name, Dtype::F32, &self.dims))
    }

    /// `a + b` or `a * b`.
    pub(super) fn pair(self, kind: &'static str, a: &Value, b: &Value) -> Value {
        self.builder
            .node(op(kind), &[a, b], (self.name, Dtype::F32, &self.dims))
    }

    /// `x + c`, the same at every time step.
    pub(super) fn add_constant(self, x: &Value, numbers: &[f32], order: ConstantOrder) -> Value {
        let [_, channels, rows, columns] = four(&self.dims);
        let numbers = order.by_channel(numbers.to_vec(), channels);
        let name = format!("{}/{}", self.builder.scope, self.inner("constant"));
        let dims = [1, channels, rows, columns];
        let constant = self.builder.floats(name, &dims, &numbers);
        self.builder.same("Add", &[x, &constant], self.name)
    }

    /// `a x + b` of each channel.
    pub(super) fn channel_affine(self, x: &Value, factors: &[f32], summands: &[f32]) -> Value {
        let dims = [1, factors.len(), 1, 1];
        let scope = self.builder.scope.clone();
        let of = |what: &str| format!("{scope}/{}", self.inner(what));
        let (a, b) = (of("factors"), of("summands"));
        let factors = self.builder.floats(a, &dims, factors);
        let summands = self.builder.floats(b, &dims, summands);
        let scaled = (self.inner("scaled"), Dtype::F32, &self.dims[..]);
        let scaled = self.builder.node(op("Mul"), &[x, &factors], scaled);
        self.builder.same("Add", &[&scaled, &summands], self.name)
    }

    /// `(a + b) * 0.5`.
    pub(super) fn average(self, a: &Value, b: &Value) -> Value {
        let sum = (self.inner("sum"), Dtype::F32, &self.dims[..]);
        let sum = self.builder.node(op("Add"), &[a, b], sum);
        let half = self.builder.constant(0.5);
        self.builder.same("Mul", &[&sum, &half], self.name)
    }

    /// `scale * q (k^T v)` of each head, of the tokens that see each other.
    pub(super) fn attention(
        self,
        [q, k, v]: [(&Value, &Operation); 3],
        (heads, scale): (usize, f64),
        seen: Tokens,
    ) -> Value {
        let wide = is_wide([q.1, k.1, v.1], heads, seen);
        let split = |builder: &mut Builder, name: String, (x, _): (&Value, &Operation)| {
            let x = match wide {
                true => builder.cast(x, Dtype::F64, format!("{name}.f64")),
                false => x.clone(),
            };
            let x = together(builder, seen, &x, &name);
            let [times, channels, rows, columns] = four(&x.dims);
            let dims = [times, heads, channels / heads.max(1), rows * columns];
            builder.reshape(&x, &dims, name)
        };
        let [qn, kn, vn] = ["q", "k", "v"].map(|what| self.inner(what));
        let q = split(self.builder, qn, q);
        let k = split(self.builder, kn, k);
        let v = split(self.builder, vn, v);
        let ([qt, _, d, tokens], [kt, ..], [vt, _, vd, _]) =
            (four(&q.dims), four(&k.dims), four(&v.dims));
        let name = self.inner("k_transposed");
        let kind = op("Transpose").ints("perm", &[0, 1, 3, 2]);
        let dims = [kt, heads, tokens, d];
        let k = self.builder.node(kind, &[&k], (name, k.dtype, &dims));
        let dims = [kt.max(vt), heads, vd, d];
        let state = (self.inner("state"), k.dtype, &dims[..]);
        let state = self.builder.node(op("MatMul"), &[&v, &k], state);
        let times = kt.max(vt).max(qt);
        let dims = [times, heads, vd, tokens];
        let sums = (self.inner("sums"), k.dtype, &dims[..]);
        let mut sums = self.builder.node(op("MatMul"), &[&state, &q], sums);
        if wide {
            let name = self.inner("sums.f32");
            sums = self.builder.cast(&sums, Dtype::F32, name);
        }
        let joined = self.inner("joined");
        let joined = match seen {
            Tokens::All => self.builder.reshape(&sums, &self.dims, joined),
            _ => apart(self.builder, seen, &sums, (joined, &self.dims)),
        };
        let scale = self.builder.constant(scale as f32);
        self.builder.same("Mul", &[&joined, &scale], self.name)
    }

    /// The sum over the channels of each head.
    pub(super) fn head_sum(self, x: &Value, heads: usize) -> Value {
        let [times, channels, rows, columns] = four(&x.dims);
        let dims = [times, heads, channels / heads.max(1), rows * columns];
        let name = self.inner("heads");
        let split = self.builder.reshape(x, &dims, name);
        let name = self.inner("sum");
        let dims = [times, heads, 1, rows * columns];
        let sum = self.builder.reduce_sum(&split, &[2], (name, &dims));
        self.builder.reshape(&sum, &self.dims, self.name)
    }

    /// Each head's channels times its mask.
    pub(super) fn head_mask(self, mask: &Value, x: &Value, heads: usize) -> Value {
        let [times, channels, rows, columns] = four(&x.dims);
        let positions = rows * columns;
        let name = self.inner("heads");
        let dims = [times, heads, channels / heads.max(1), positions];
        let split = self.builder.reshape(x, &dims, name);
        let [mask_times, ..] = four(&mask.dims);
        let name = self.inner("mask");
        let dims = [mask_times, heads, 1, positions];
        let mask = self.builder.reshape(mask, &dims, name);
        let all = times.max(mask_times);
        let dims = [all, heads, channels / heads.max(1), positions];
        let product = (self.inner("product"), Dtype::F32, &dims[..]);
        let product = self.builder.node(op("Mul"), &[&split, &mask], product);
        self.builder.reshape(&product, &self.dims, self.name)
    }

    /// The largest number of a 3x3 window over a head's channels and tokens.
    pub(super) fn head_erode(self, x: &Value, heads: usize) -> Value {
        let [times, channels, rows, columns] = four(&x.dims);
        let dims = [times * heads, 1, channels / heads.max(1), rows * columns];
        let name = self.inner("heads");
        let split = self.builder.reshape(x, &dims, name);
        let kind = op("MaxPool")
            .ints("kernel_shape", &[3, 3])
            .ints("pads", &[1; 4])
            .ints("strides", &[1, 1]);
        let largest = (self.inner("largest"), Dtype::F32, &dims[..]);
        let largest = self.builder.node(kind, &[&split], largest);
        self.builder.reshape(&largest, &self.dims, self.name)
    }

    /// The sum over positions.
    pub(super) fn token_sum(self, x: &Value) -> Value {
        self.builder.reduce_sum(x, &[2, 3], (self.name, &self.dims))
    }

    /// The mean over positions: whole numbers exactly summed, others in f64.
    pub(super) fn token_mean(self, x: &Value, numbers: Number) -> Value {
        let [.., rows, columns] = four(&x.dims);
        let positions = rows * columns;
        let name = self.inner("sum");
        if is_exact(numbers, positions) {
            let sum = self.builder.reduce_sum(x, &[2, 3], (name, &self.dims));
            let count = self.builder.constant(positions as f32);
            return self.builder.same("Div", &[&sum, &count], self.name);
        }
        let wide = self.inner("f64");
        let wide = self.builder.cast(x, Dtype::F64, wide);
        let sum = self.builder.reduce_sum(&wide, &[2, 3], (name, &self.dims));
        let count = (positions as f64).to_le_bytes().to_vec();
        let name = self.inner("count");
        let count = self.builder.tensor(name, (Dtype::F64, &[]), count);
        let mean = (self.inner("mean"), Dtype::F64, &self.dims[..]);
        let mean = self.builder.node(op("Div"), &[&sum, &count], mean);
        self.builder.cast(&mean, Dtype::F32, self.name)
    }

    /// The sum over time steps and positions.
    pub(super) fn token_time_sum(self, x: &Value, numbers: Number) -> Value {
        let [times, _, rows, columns] = four(&x.dims);
        let axes = [0, 2, 3];
        if is_exact(numbers, times * rows * columns) {
            return self.builder.reduce_sum(x, &axes, (self.name, &self.dims));
        }
        let wide = self.inner("f64");
        let wide = self.builder.cast(x, Dtype::F64, wide);
        let name = self.inner("sum");
        let sum = self.builder.reduce_sum(&wide, &axes, (name, &self.dims));
        self.builder.cast(&sum, Dtype::F32, self.name)
    }
}

/// A value `[T, C, H, W]` split into what sees each other: its dimensions in memory's order, and
/// the order in which they make rows of tokens `[groups, C, H', W']`.
fn parts(tokens: Tokens, dims: &[usize]) -> ([usize; 6], [usize; 6]) {
    let [times, channels, rows, columns] = four(dims);
    match tokens {
        Tokens::All => ([times, channels, rows, columns, 1, 1], [0, 1, 2, 3, 4, 5]),
        Tokens::Grid(stride) => {
            let (h, w) = (rows / stride.max(1), columns / stride.max(1));
            ([times, channels, h, stride, w, stride], [0, 3, 5, 1, 2, 4])
        }
        Tokens::Steps(chunk) => {
            let chunks = times / chunk.max(1);
            (
                [chunks, chunk, channels, rows, columns, 1],
                [0, 2, 1, 3, 4, 5],
            )
        }
    }
}

/// The dimensions of rows of tokens that see each other.
fn rows(tokens: Tokens, dims: &[usize]) -> [usize; 4] {
    let [times, channels, rows, columns] = four(dims);
    match tokens {
        Tokens::All => [times, channels, rows, columns],
        Tokens::Grid(stride) => {
            let n = stride.max(1);
            [times * n * n, channels, rows / n, columns / n]
        }
        Tokens::Steps(chunk) => {
            let n = chunk.max(1);
            [times / n, channels, n * rows, columns]
        }
    }
}

/// Brings together the tokens that see each other.
fn together(builder: &mut Builder, tokens: Tokens, x: &Value, name: &str) -> Value {
    if tokens.is_all() {
        return x.clone();
    }
    let (parts, order) = parts(tokens, &x.dims);
    let cut = builder.reshape(x, &parts, format!("{name}.parts"));
    let dims = order.map(|i| parts[i]);
    let kind = op("Transpose").ints("perm", &order);
    let moved = (format!("{name}.moved"), x.dtype, &dims[..]);
    let moved = builder.node(kind, &[&cut], moved);
    builder.reshape(&moved, &rows(tokens, &x.dims), format!("{name}.together"))
}

/// The other way round, to a value of these dimensions.
fn apart(
    builder: &mut Builder,
    tokens: Tokens,
    x: &Value,
    (name, dims): (String, &[usize]),
) -> Value {
    let (parts, order) = parts(tokens, dims);
    let cut = builder.reshape(x, &order.map(|i| parts[i]), format!("{name}.parts"));
    let mut inverse = [0; 6];
    for (to, &from) in order.iter().enumerate() {
        inverse[from] = to;
    }
    let kind = op("Transpose").ints("perm", &inverse);
    let moved = (format!("{name}.moved"), x.dtype, &parts[..]);
    let moved = builder.node(kind, &[&cut], moved);
    builder.reshape(&moved, dims, name)
}

/// Whether a sum of so many numbers is exact in f32.
fn is_exact(numbers: Number, terms: usize) -> bool {
    match numbers {
        Number::Real | Number::Fixed { .. } | Number::Sum { .. } => false,
        Number::Integer(most) => u128::from(most) * (terms as u128) < EXACT,
    }
}

/// Whether the sums of an attention may be too large for f32.
fn is_wide(inputs: [&Operation; 3], heads: usize, tokens: Tokens) -> bool {
    let most = inputs.iter().map(|o| match o.numbers {
        Number::Integer(most) => u128::from(most),
        Number::Real | Number::Fixed { .. } | Number::Sum { .. } => EXACT,
    });
    let most = most.fold(1u128, u128::saturating_mul);
    let [channels, rows, columns] = inputs[0].shape;
    let terms = tokens.count(rows, columns) * (channels / heads.max(1));
    most.saturating_mul(terms as u128) >= EXACT
}

/// Four dimensions.
pub(super) fn four(dims: &[usize]) -> [usize; 4] {
    let at = |i: usize| dims.get(i).copied().unwrap_or(1);
    [at(0), at(1), at(2), at(3)]
}
