//! A layer's integer weights as [`Dot`](super::Dot) reads them.
#![forbid(unsafe_code)]

/// Where a convolution looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::torch) struct Window {
    /// Rows and columns.
    pub kernel: usize,
    /// Stride, both directions.
    pub stride: usize,
    /// Zero padding, both directions.
    pub padding: usize,
}

/// The weights `[out, in, k, k]` of a convolution without groups, by blocks of output channels. A vector holds `L` weights:
/// of 16 output channels and `L / 16` inputs.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::torch) struct Packed<W, const L: usize> {
    pub window: Window,
    /// Input channels, and the same rounded up to what a vector holds.
    pub inputs: usize,
    pub padded_inputs: usize,
    /// Output channels.
    pub channels: usize,
    /// What sums begin with, per output channel; none: 0.
    pub bias: Option<Vec<f32>>,
    pub blocks: Vec<Block<W, L>>,
}

/// Integers that fit a byte: vectors of 16 channels by 4 inputs.
pub(in crate::torch) type Bytes = Packed<i8, 64>;

/// Floating-point numbers: vectors of 16 channels.
pub(in crate::torch) type Floats = Packed<f32, 16>;

/// Weights of some output channels.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::torch) struct Block<W, const L: usize> {
    /// The first output channel.
    pub first: usize,
    /// Vectors of 16 output channels: 1 to 4. Channels that do not exist have weight 0.
    pub vectors: usize,
    /// `[window row, column and group of input channels, vector]`.
    pub weights: Vec<[W; L]>,
}

impl<W: Copy + Default, const L: usize> Packed<W, L> {
    /// Inputs of a vector.
    pub(in crate::torch) const GROUP: usize = L / 16;

    /// Packs weights in blocks of up to `most` vectors, 1 to 4; none if their number is wrong.
    pub(in crate::torch) fn new(
        weights: &[W],
        channels: usize,
        window: Window,
        most: usize,
    ) -> Option<Self> {
        let taps = window.kernel * window.kernel;
        let fan_in = weights.len().checked_div(channels)?;
        let inputs = fan_in.checked_div(taps)?;
        if inputs * taps * channels != weights.len() || window.stride == 0 || weights.is_empty() {
            return None;
        }
        let group = Self::GROUP;
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
            let mut packed = vec![[W::default(); L]; taps * padded_inputs / group * vectors];
            let rows = weights.chunks_exact(fan_in).skip(first);
            for (lane, row) in rows.take(16 * vectors).enumerate() {
                for (i, plane) in row.chunks_exact(taps).enumerate() {
                    for (tap, &weight) in plane.iter().enumerate() {
                        let at = tap * padded_inputs + i;
                        let vector = packed.get_mut(at / group * vectors + lane / 16)?;
                        *vector.get_mut(lane % 16 * group + at % group)? = weight;
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

    /// Bytes of memory.
    pub(in crate::torch) fn bytes(&self) -> usize {
        let weights: usize = self
            .blocks
            .iter()
            .map(|b| size_of_val(&b.weights[..]))
            .sum();
        weights + self.bias.as_ref().map_or(0, |b| size_of_val(&b[..]))
    }

    /// The same with a bias.
    pub(in crate::torch) fn with_bias(self, bias: Option<Vec<f32>>) -> Self {
        Packed { bias, ..self }
    }
}
