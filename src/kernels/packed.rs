//! A layer's weights as [`Conv`](super::Conv) reads them.
#![forbid(unsafe_code)]

use std::fmt::Debug;

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
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
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
    const NEEDS_VNNI: bool = false;
    const ZERO: [f32; 16] = [0.0; 16];
    #[inline(always)]
    fn groups(inputs: &[f32]) -> &[[f32; 1]] {
        inputs.as_chunks().0
    }
}

/// The weights `[out, in, k, k]` of a convolution without groups, by blocks of output channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed<O: Operands> {
    pub(super) window: Window,
    /// Input channels, and the same rounded up to whole groups.
    pub(super) inputs: usize,
    pub(super) padded_inputs: usize,
    /// Output channels.
    pub(super) channels: usize,
    /// What sums begin with, per output channel; none: 0.
    pub(super) bias: Option<Vec<f32>>,
    pub(super) blocks: Vec<Block<O>>,
}

/// Weights of some output channels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block<O: Operands> {
    /// The first output channel.
    pub first: usize,
    /// Vectors of 16 output channels: 1 to 4. Channels that do not exist have weight 0.
    pub vectors: usize,
    /// `[window row, column and group of input channels, vector]`.
    pub weights: Vec<O::Weights>,
}

impl<O: Operands> Packed<O> {
    /// Packs weights in blocks of up to `most` vectors, 1 to 4; none if their count is wrong.
    pub fn new(
        weights: &[O::Weight],
        channels: usize,
        window: Window,
        most: usize,
    ) -> Option<Self> {
        let taps = window.taps();
        let fan_in = weights.len().checked_div(channels)?;
        let inputs = fan_in.checked_div(taps)?;
        if inputs * taps * channels != weights.len() || window.stride == 0 || weights.is_empty() {
            return None;
        }
        let group = O::GROUP;
        let padded_inputs = inputs.next_multiple_of(group);
        let mut blocks = Vec::new();
        let mut first = 0;
        while first < channels {
            let vectors = match (channels - first).div_ceil(16) {
                left if left <= most => left.max(1),
                // Two blocks of nearly one size rather than a full one and a small one.
                left if left <= most + 1 => left.div_ceil(2),
                _ => most,
            };
            let mut packed = vec![O::ZERO; taps * padded_inputs / group * vectors];
            let rows = weights.chunks_exact(fan_in).skip(first);
            for (lane, row) in rows.take(16 * vectors).enumerate() {
                for (i, plane) in row.chunks_exact(taps).enumerate() {
                    for (tap, &weight) in plane.iter().enumerate() {
                        let at = tap * padded_inputs + i;
                        let vector = packed.get_mut(at / group * vectors + lane / 16)?;
                        let at = lane % 16 * group + at % group;
                        *vector.as_mut().get_mut(at)? = weight;
                    }
                }
            }
            blocks.push(Block {
                first,
                vectors,
                weights: packed,
            });
            first += 16 * vectors;
        }
        Some(Packed {
            window,
            inputs,
            padded_inputs,
            channels,
            bias: None,
            blocks,
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

    /// The same weights with a bias.
    pub fn with_bias(self, bias: Option<Vec<f32>>) -> Self {
        Packed { bias, ..self }
    }
}
