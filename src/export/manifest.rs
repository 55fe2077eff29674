//! The manifest of a package, format 1; format 2 where everything is computed in integers
//! ([below](#integer-arithmetic-format-2)).
//!
//! # Values and their order
//!
//! A value is `[S, C, H, W]` in numbers: S is 1 where it is the same at every time step
//! (`time_invariant`), else the time steps T; C channels; H rows and W columns, whose positions in
//! row-major order are a transformer's tokens. Every value is made by one operation
//! ([`Operation`]), from values of operations before it. Operation 0 is the input, the last one
//! the logits.
//!
//! # Arithmetic
//!
//! f32 and f64 are IEEE 754; every single operation is rounded to nearest, ties to even, and none
//! are fused. Numbers that count something are stored as integers: the value is `unit` times the
//! number. `unit` is for information only: affines and the scale of attention take it into
//! account.
//!
//! * *Layer*: `acc[o, y, x]` is the sum over inputs i of the group, rows j and columns k of the
//!   kernel of `w[o, i, j, k] * v[i, y * stride + j - padding, x * stride + k - padding]`, where
//!   what lies outside counts as 0. A layer with `exact` sums integers without rounding. Otherwise
//!   the products are f64, added one after the other from 0 on in the order i, j, k (k fastest),
//!   and the sum is rounded to f32; other orders agree to about 1e-6 of it. Then
//!   `y = a[o] * f32(acc) + b[o]` in f32: one product, one sum.
//! * *Neuron, leaky integrate-and-fire*: the state v begins with 0 and at every time step is
//!   `v + (x - v) * k` with `k = 1 / tau` where tau is a power of two, else `v + (x - v) / tau`, in
//!   f32. It fires, 1, where `v >= threshold`, else 0; where it fires, v becomes 0.
//! * *Neuron, spiking*: all other neurons with a state. It begins with 0, or with r of a hard
//!   reset to r; [`Charge`], [`Firing`] and [`Reset`] say what happens to it, in f32 and in the
//!   order that is written. A soft reset subtracts the threshold where the neuron fires, at once or
//!   (`soft-next`) from the next time step's potential after its charge.
//! * *Neuron, integer*: x clamped to 0 and `max`, then rounded: to the nearest with halves to even,
//!   or `floor(x + 0.5)`. There is no state.
//! * *Max-pool*: the largest number of the window; what lies outside never wins.
//! * *Average-pool*: the sum of the window in f64, padding as zeros, divided by the number of its
//!   positions (those of the padding included or not, as `count_include_pad` says), rounded to f32.
//! * *Add* `a + b`, *average* `(a + b) * 0.5`, *multiply* `a * b`, in f32.
//! * *Attention* of q, k, v: channels are split into `heads` runs of equal length; in each head
//!   `scale * sum_j q[n, j] * (sum_m k[m, j] * v[m, c])` for token n and channel c of v, m being
//!   the tokens that n sees ([`Tokens`]). The sums are in f64: of integers they are exact, of real
//!   numbers they are added in the order of m, then of j. They are rounded to f32 once and
//!   multiplied by f32(scale).
//! * *Head-sum*: the sum over the channels of each head. *Head-mask* of a mask (one channel for
//!   each head) and a value: their product. *Head-erode*: the largest number of a window of 3
//!   tokens by 3 channels of the same head, around the number; what lies outside never wins.
//! * *Slice*: of each of `heads` runs of channels `count` of them, from the run's channel `start`
//!   on. *Concat*: the first runs of all inputs one after the other, then the second ones, and so
//!   on.
//! * *Scores* of keys K and a value X: channel `h * P + p` at position n is the sum over channels j
//!   of head h of `K[j, p] * X[j, n]`, P being the positions of K. *Apply* of values V and a map A:
//!   channel c of head h at position n is the sum over positions p of V of
//!   `V[c, p] * A[h * P + p, n]`. Both in f64, in order, rounded to f32. *Head-scale*: each head's
//!   channels times its factor, in f32.
//! * *Add-constant*: the value plus the constant, in f32.
//! * *Token-sum*: the sum over positions. *Channel-mask* of a mask (one position) and a value:
//!   their product. *Token-mean*: the sum over positions in f64, in order, divided by their number
//!   and rounded to f32. *Token-time-sum*: the sum over time steps and, within each, positions, in
//!   f64, rounded to f32.
//!
//! # Integer arithmetic (format 2)
//!
//! With `network.affine = "fixed"` no real number is computed. Every value is made of integers;
//! `numbers` says what they stand for. `>>` is an arithmetic shift, which rounds down; products and
//! sums before it are exact; to saturate is to limit to the integers of the result's bits.
//!
//! * *Input*: `floor(x * 2^fraction + 1/2)`, saturated, of every number x of the image (f64 holds
//!   it exactly).
//! * *Layer*: `acc` as above, over integers. Row 0 of the affine holds words: the lowest 5 bits are
//!   the shift s plus 8, the upper 11 the multiplier m in two's complement. Row 1 holds offsets o;
//!   g is `guard`. The result is `m acc / 2^s + o / 2^g`, rounded once to the nearest integer,
//!   halves up, and saturated: with `t = max(s, g, 0)` it is
//!   `((m acc << (t - s)) + (o << (t - g)) + h) >> t`, h being `2^(t-1)`, 0 for t = 0.
//! * *Neurons* of input n: first, where `fixed.input` is given, its `m n / 2^s`, rounded and
//!   saturated likewise. Leaky integrate-and-fire: `v + (((x - v) K) >> r)` with multiplier K and
//!   shift r of `fixed.leak`; it fires where `v >= fixed.threshold`; where it fires, v becomes 0.
//!   Other neurons with a state: the leak of d is `(d K) >> r`; *integrate* `v + x`; *decay-input*
//!   v plus the leak of `x - (v - fixed.rest)`; *leak* v minus that of `v - fixed.rest`, plus x;
//!   *retain* v minus that of v, plus x; saturated; a reset as above, by `fixed.rest` and
//!   `fixed.subtracted` (of the next time step: after the charge, and saturated again).
//!   Integer neurons: x clamped to 0 and `max * 2^fraction`, divided by `2^fraction` and rounded as
//!   `halves` says.
//! * *Add*: where the result is fixed-point, its sum, saturated (spikes count `2^fraction` there).
//!   *Average*: `(a + b + 1) >> 1`. *Attention*: without its scale, *token-mean* and
//!   *average-pool*: the sum over positions, which are as many in every window; whoever reads them
//!   takes scale and number of positions into account. All others as above, over integers.
//!
//! # Packing
//!
//! Integer weights are in the order `[out, in / groups, rows, columns]` of
//! [`Layer::shape`](layer::Layer::shape). Each takes `bits` bits in two's complement, least
//! significant bit first, filling bytes from their least significant bit up; the end is filled up
//! to a byte with zeros. 1 bit: 1 is +1 and 0 is -1. So weight n begins at bit `n * bits`, bit m of
//! the tensor is bit `m % 8` of byte `m / 8`.

pub mod facts;
pub mod golden;
pub mod layer;
pub mod operation;

use serde::{Deserialize, Serialize};

pub use facts::{
    Accuracy, Counted, Input, Network, Payload, Preprocessing, Program, Provenance, Resize,
};
pub use golden::{Golden, GoldenEntry, GoldenSource, SiteMargin};
pub use layer::{Accumulator, Layer, Scale, Span, TensorRef, Units};
pub use operation::{
    Charge, Factor, Firing, Leak, Number, Operation, OperationKind, Reset, Site, SiteFixed,
    SiteNeuron, Tokens,
};

/// The version of the format that this program writes and reads.
pub const FORMAT: u32 = 1;
/// The version of packages in integer arithmetic.
pub const FIXED_FORMAT: u32 = 2;
/// The name of their affines' number format.
pub const FIXED: &str = "fixed";
/// Potentials of a golden image that are nearer to a threshold than this (relative to it) can flip
/// a spike when a sum of real numbers is rounded otherwise.
pub const SAFE_MARGIN: f64 = 1e-4;
/// How far an accumulator of real numbers may be from the stored one: this times the larger of 1
/// and the stored one's magnitude.
pub const TOLERANCE: f64 = 1e-4;
/// The name of the file of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The name of the file of the tensors.
pub const WEIGHTS: &str = "weights.safetensors";

/// Everything that a reader of a package needs besides the tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format: 1, or 2 for integer arithmetic.
    pub format: u32,
    /// The program that wrote it.
    pub program: Program,
    /// The network.
    pub network: Network,
    /// How images were prepared; null where the profile has no data.
    pub preprocessing: Option<Preprocessing>,
    /// The profile's section `[data]`, its paths as in `profile.toml`; null where it has none.
    pub data: Option<serde_json::Value>,
    /// All operations in execution order; the first is the input, the last the logits.
    pub operations: Vec<Operation>,
    /// All layers in execution order.
    pub layers: Vec<Layer>,
    /// All populations of neurons in execution order.
    pub sites: Vec<Site>,
    /// The bytes of the package's tensors.
    pub payload: Payload,
    /// What the network does on some inputs.
    pub golden: Golden,
    /// Accuracies that were measured.
    pub accuracy: Vec<Accuracy>,
    /// Where all this comes from.
    pub provenance: Provenance,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a comment's lines are broken is nothing that a schema says.
    fn in_one_line(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(of) => {
                if let Some(serde_json::Value::String(text)) = of.get_mut("description") {
                    *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                }
                of.values_mut().for_each(in_one_line);
            }
            serde_json::Value::Array(of) => of.iter_mut().for_each(in_one_line),
            _ => {}
        }
    }

    /// The published schema is that of these types, their documentation included.
    #[test]
    fn the_schema_is_published() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/package.schema.json");
        let mut schema = schemars::schema_for!(Manifest);
        schema.insert("title".to_owned(), "Package of aq4svit, format 1".into());
        let mut schema = schema.to_value();
        in_one_line(&mut schema);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            published == text,
            "run UPDATE_DOCS=1 cargo test --no-default-features --lib export::manifest"
        );
    }
}
