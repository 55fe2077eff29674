//! A layer's weights as [`Conv`](super::Conv) reads them.
#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::num::NonZeroUsize;

/// The window of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Columns; and rows, unless it is of one row.
    pub kernel: usize,
    /// Stride, both directions.
    pub stride: usize,
    /// Zero padding, both directions; not above and below one row.
    pub padding: usize,
    /// Whether it is of one row.
    pub is_row: bool,
}

impl Window {
    /// A window of as many rows as columns.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Window {
            kernel,
            stride,
            padding,
            is_row: false,
        }
    }
    /// A window of one row.
    pub fn row(kernel: usize, stride: usize, padding: usize) -> Self {
        Window {
            is_row: true,
            ..Window::square(kernel, stride, padding)
        }
    }
    /// Its rows.
    pub fn rows(self) -> usize {
        if self.is_row { 1 } else { self.kernel }
    }
    /// Zero padding above and below.
    pub fn row_padding(self) -> usize {
        if self.is_row { 0 } else { self.padding }
    }
    /// Its positions.
    pub fn taps(self) -> usize {
        self.rows() * self.kernel
    }
}

/// The number formats of a convolution.
pub trait Operands: Copy + Debug + PartialEq {
    /// An input.
    type Input: Copy + Debug + Default + From<u8>;
    /// A weight.
    type Weight: Copy;
    /// The inputs that one vector of weights is multiplied by.
    type Inputs: Copy;
    /// A vector of weights: of 16 output channels, for each the weights of a group of inputs.
    type Weights: Copy + Debug + PartialEq + AsMut<[Self::Weight]>;
    /// Inputs in a group.
    const GROUP: usize;
    /// Groups that may be summed at a time before accumulators, unless [`Packed::with_narrow`] says
    /// otherwise.
    const NARROW: usize;
    /// A vector of zeros.
    const ZERO: Self::Weights;
    /// The groups of a row of inputs.
    fn groups(inputs: &[Self::Input]) -> &[Self::Inputs];
    /// Whether AVX-512 multiplies these only with VNNI.
    const NEEDS_VNNI: bool;
}

/// Whole numbers that fit bytes, times integers that fit signed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes;

/// Floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floats;

impl Operands for Bytes {
    type Input = u8;
    type Weight = i8;
    type Inputs = [u8; 4];
    type Weights = [i8; 64];
    const GROUP: usize = 4;
    const NARROW: usize = 1;
    const NEEDS_VNNI: bool = true;
    const ZERO: [i8; 64] = [0; 64];
    #[inline(always)]
    fn groups(inputs: &[u8]) -> &[[u8; 4]] {
        inputs.as_chunks().0
    }
}

impl Operands for Floats {
    type Input = f32;
    type Weight = f32;
    type Inputs = [f32; 1];
    type Weights = [f32; 16];
    const GROUP: usize = 1;
    const NARROW: usize = usize::MAX;
    const NEEDS_VNNI: bool = false;
    const ZERO: [f32; 16] = [0.0; 16];
    #[inline(always)]
    fn groups(inputs: &[f32]) -> &[[f32; 1]] {
        inputs.as_chunks().0
    }
}

/// The weights `[out, in / groups, k, k]` of a convolution, by blocks of output channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed<O: Operands> {
    pub(super) window: Window,
    /// Input channels, and the same rounded up to what is read at a time.
    pub(super) inputs: usize,
    pub(super) padded_inputs: usize,
    /// Output channels.
    pub(super) channels: usize,
    pub(super) reads: Reads,
    /// What sums begin with, per output channel; none: 0.
    pub(super) bias: Option<Vec<f32>>,
    pub(super) blocks: Vec<Block<O>>,
    /// Groups of inputs that are summed in fewer bits at a time, where the instructions do.
    pub(super) narrow: usize,
}

/// The input channels that an output channel reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// All of them.
    All,
    /// Those of its group, so many.
    Group(usize),
    /// The one of its own number: a depthwise convolution.
    Own,
}

/// Weights of some output channels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block<O: Operands> {
    /// The first output channel, and how many there are.
    pub first: usize,
    pub channels: usize,
    /// The first input channel.
    pub input: usize,
    /// Vectors of 16 output channels: 1 to 4. Channels that do not exist have weight 0.
    pub vectors: usize,
    /// `[window row, column and group of input channels, vector]`.
    pub weights: Vec<O::Weights>,
}

impl<O: Operands> Packed<O> {
    /// Packs weights in blocks of up to `most` vectors, 1 to 4; none if their count is wrong, and
    /// where the channels of a group cannot be read by themselves: their number must be a multiple
    /// of [`Operands::GROUP`].
    pub fn new(
        weights: &[O::Weight],
        (channels, groups): (usize, usize),
        window: Window,
        most: usize,
    ) -> Option<Self> {
        let taps = window.taps();
        let fan_in = weights.len().checked_div(channels)?;
        let own = fan_in.checked_div(taps)?;
        let outputs = channels.checked_div(groups)?;
        let all = own * taps * channels == weights.len() && outputs * groups == channels;
        if !all || window.stride == 0 || weights.is_empty() {
            return None;
        }
        let inputs = own * groups;
        let (reads, padded_inputs) = match (groups, own, outputs) {
            (1, _, _) => (Reads::All, inputs.next_multiple_of(O::GROUP)),
            // Positions an odd number of vectors apart: else those of a window share few sets of
            // the cache.
            (_, 1, 1) if O::GROUP == 1 => (Reads::Own, 16 * (inputs.div_ceil(16) | 1)),
            _ if own % O::GROUP == 0 => (Reads::Group(own), inputs),
            _ => return None,
        };
        // Channels of a block read the same inputs, or each its own.
        let (at_a_time, inputs_of_block) = match reads {
            Reads::All => (channels, padded_inputs),
            Reads::Group(own) => (outputs, own),
            Reads::Own => (channels, 1),
        };
        let mut blocks = Vec::new();
        for group in 0..channels / at_a_time {
            let (mut first, end) = (group * at_a_time, (group + 1) * at_a_time);
            while first < end {
                let vectors = match (end - first).div_ceil(16) {
                    left if left <= most => left.max(1),
                    // Two blocks of nearly one size rather than a full one and a small one.
                    left if left <= most + 1 => left.div_ceil(2),
                    _ => most,
                };
                let rows = weights.chunks_exact(fan_in).take(end).skip(first);
                blocks.push(Block {
                    first,
                    channels: (16 * vectors).min(end - first),
                    input: if reads == Reads::Own {
                        first
                    } else {
                        group * own
                    },
                    vectors,
                    weights: pack::<O>(rows.take(16 * vectors), vectors, taps, inputs_of_block)?,
                });
                first += 16 * vectors;
            }
        }
        Some(Packed {
            window,
            inputs,
            padded_inputs,
            channels,
            reads,
            bias: None,
            blocks,
            narrow: O::NARROW,
        })
    }

    /// Whether the window is of one row.
    pub fn is_row(&self) -> bool {
        self.window.is_row
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let weights: usize = self
            .blocks
            .iter()
            .map(|b| size_of_val(&b.weights[..]))
            .sum();
        weights + self.bias.as_ref().map_or(0, |b| size_of_val(&b[..]))
    }

    /// The same weights, so many groups of inputs of which may be summed at a time in as many bits
    /// as two products have.
    pub fn with_narrow(self, groups: NonZeroUsize) -> Self {
        let narrow = groups.get();
        Packed { narrow, ..self }
    }

    /// The same weights with a bias.
    pub fn with_bias(self, bias: Option<Vec<f32>>) -> Self {
        Packed { bias, ..self }
    }
}

/// The weights of a block: of each output channel a row `[inputs, taps]`.
fn pack<'a, O: Operands>(
    rows: impl Iterator<Item = &'a [O::Weight]>,
    vectors: usize,
    taps: usize,
    inputs: usize,
) -> Option<Vec<O::Weights>>
where
    O::Weight: 'a,
{
    let group = O::GROUP;
    let mut packed = vec![O::ZERO; taps * inputs / group * vectors];
    for (lane, row) in rows.enumerate() {
        for (i, plane) in row.chunks_exact(taps).enumerate() {
            for (tap, &weight) in plane.iter().enumerate() {
                let at = tap * inputs + i;
                let vector = packed.get_mut(at / group * vectors + lane / 16)?;
                let at = lane % 16 * group + at % group;
                *vector.as_mut().get_mut(at)? = weight;
            }
        }
    }
    Some(packed)
}
