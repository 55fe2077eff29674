//! Products of a layer's inputs, summed over samples: columns of patches as bits, counted in pairs.
#![forbid(unsafe_code)]

use super::{Kernel, Window};

/// Samples of a word.
pub const WORD: usize = 64;
/// Inputs are padded to a multiple of this.
pub const INPUTS: usize = 16;
/// Inputs that share the loads of [`INPUTS`] others.
const ROWS: usize = 4;

/// A value `[rows, height, width, channels]` as a convolution reads it.
#[derive(Clone, Copy, Debug)]
pub struct Patches {
    /// Kernel, stride and padding.
    pub window: Window,
    /// Channels of the value.
    pub channels: usize,
    /// Its height.
    pub height: usize,
    /// Its width.
    pub width: usize,
    /// Height of the result.
    pub out_height: usize,
    /// Width of the result.
    pub out_width: usize,
}

impl Patches {
    /// Inputs of a patch: taps times channels, the channels innermost.
    pub fn inputs(&self) -> usize {
        self.window.taps() * self.channels
    }

    /// Output positions of a row.
    pub fn positions(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Calls `visit(tap, offset)` for every tap of an output position that lies within the value:
    /// the offset is that of its channels within the row.
    #[inline(always)]
    pub fn taps(&self, position: usize, mut visit: impl FnMut(usize, usize)) {
        let Window {
            kernel,
            stride,
            padding,
            ..
        } = self.window;
        let (rows, row_padding) = (self.window.rows(), self.window.row_padding());
        let (oy, ox) = (position / self.out_width, position % self.out_width);
        for ky in 0..rows {
            let y = (oy * stride + ky).wrapping_sub(row_padding);
            if y >= self.height {
                continue;
            }
            for kx in 0..kernel {
                let x = (ox * stride + kx).wrapping_sub(padding);
                if x < self.width {
                    visit(ky * kernel + kx, (y * self.width + x) * self.channels);
                }
            }
        }
    }
}

/// One bit of the inputs of some samples, the samples in the bits of words.
#[derive(Debug)]
pub struct PackColumns<'a> {
    /// The rows whose positions are samples, each `[height, width, channels]`.
    pub rows: &'a [&'a [u8]],
    /// How they are read.
    pub patches: Patches,
    /// Which bit.
    pub bit: u32,
    /// The first sample, of rows times positions.
    pub first: usize,
    /// `[words, stride]`, all 0.
    pub words: &'a mut [u64],
    /// Words from one 64 samples to the next.
    pub stride: usize,
}

impl Kernel for PackColumns<'_> {
    #[inline(always)]
    fn run(self) {
        let positions = self.patches.positions().max(1);
        let channels = self.patches.channels;
        for (block, words) in self.words.chunks_exact_mut(self.stride).enumerate() {
            for bit in 0..WORD {
                let sample = self.first + block * WORD + bit;
                let Some(row) = self.rows.get(sample / positions) else {
                    return;
                };
                self.patches.taps(sample % positions, |tap, offset| {
                    let from = &row[offset..offset + channels];
                    let to = &mut words[tap * channels..][..channels];
                    for (word, &x) in to.iter_mut().zip(from) {
                        *word |= u64::from(x >> self.bit & 1) << bit;
                    }
                });
            }
        }
    }
}

/// The products of pairs of inputs, `sums[i, j] += weight * (samples in which a_i and b_j are 1)`,
/// in tiles on and above the diagonal.
#[derive(Debug)]
pub struct CountPairs<'a> {
    /// `[words, stride]`.
    pub words: &'a [u64],
    /// Words from one 64 samples to the next.
    pub stride: usize,
    /// Where a's and b's inputs begin, `inputs` of each.
    pub planes: (usize, usize),
    /// Inputs; a multiple of [`INPUTS`].
    pub inputs: usize,
    /// The weight.
    pub weight: f64,
    /// `[inputs, inputs]`.
    pub sums: &'a mut [f64],
}

impl Kernel for CountPairs<'_> {
    #[inline(always)]
    fn run(self) {
        let (a, b) = self.planes;
        for (tile, sums) in self.sums.chunks_exact_mut(ROWS * self.inputs).enumerate() {
            let i = tile * ROWS;
            for j in (i / INPUTS * INPUTS..self.inputs).step_by(INPUTS) {
                let mut counts = [[0u64; INPUTS]; ROWS];
                for words in self.words.chunks_exact(self.stride) {
                    let Some(x) = words[a + i..].first_chunk::<ROWS>() else {
                        return;
                    };
                    let Some(y) = words[b + j..].first_chunk::<INPUTS>() else {
                        return;
                    };
                    for (counts, x) in counts.iter_mut().zip(x) {
                        for (count, y) in counts.iter_mut().zip(y) {
                            *count += u64::from((x & y).count_ones());
                        }
                    }
                }
                for (sums, counts) in sums.chunks_exact_mut(self.inputs).zip(&counts) {
                    for (sum, &count) in sums[j..].iter_mut().zip(counts) {
                        *sum += self.weight * count as f64;
                    }
                }
            }
        }
    }
}
