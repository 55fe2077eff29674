//! The inner loop of the convolutions, over the vector instructions of a processor.
//!
//! Unsafe, because only some processors have the instructions: a value of a [`Simd`] type is the
//! proof that this one does.
#![allow(unsafe_code, reason = "instructions that only some processors have")]

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;

use super::Kernel;
use super::packed::{Floats, Operands, Packed, Reads};

/// A processor's instructions for sums of products of some operands, for 16 output channels at a
/// time. A value is the proof that the processor has them.
pub trait Simd: Copy {
    /// The number formats that are multiplied.
    type Operands: Operands;
    /// Accumulators of 16 output channels.
    type Sums: Copy;
    /// Weights of 16 output channels.
    type Weights: Copy;
    /// Sums of a few groups of inputs, in fewer bits where that is faster; else the accumulators.
    type Partial: Copy;

    /// The proof.
    ///
    /// # Safety
    /// The processor must have the instructions.
    unsafe fn new() -> Self;
    /// Runs a loop compiled for these instructions.
    fn launch(self, kernel: impl Kernel);
    /// Runs a block in tiles of as many positions as the registers hold.
    fn accumulate(self, block: BlockSums<'_, Self>);

    /// Sums that begin with a bias.
    ///
    /// # Safety
    /// As of [`Simd::new`], here and below.
    unsafe fn begin(self, bias: &[f32; 16]) -> Self::Sums;
    /// A vector of weights.
    ///
    /// # Safety
    /// See [`Simd::begin`].
    unsafe fn load(self, weights: &<Self::Operands as Operands>::Weights) -> Self::Weights;
    /// What the next few groups are added to.
    ///
    /// # Safety
    /// See [`Simd::begin`].
    unsafe fn partial(self, sums: Self::Sums) -> Self::Partial;
    /// `sums + inputs * weights`, with the same inputs for every output channel.
    ///
    /// # Safety
    /// See [`Simd::begin`].
    unsafe fn add(
        self,
        sums: Self::Partial,
        inputs: <Self::Operands as Operands>::Inputs,
        weights: Self::Weights,
    ) -> Self::Partial;
    /// The accumulators with what was added since [`Simd::partial`] made `partial` of them.
    ///
    /// # Safety
    /// See [`Simd::begin`].
    unsafe fn total(self, sums: Self::Sums, partial: Self::Partial) -> Self::Sums;
    /// Writes sums as f32.
    ///
    /// # Safety
    /// See [`Simd::begin`].
    unsafe fn store(self, sums: Self::Sums, to: &mut [f32; 16]);
}

/// A processor's instructions for f32, of which every output channel may have its own inputs.
pub trait SimdOwn: Simd<Operands = Floats> {
    /// `sums + inputs * weights`, with an input for every output channel.
    ///
    /// # Safety
    /// As of [`Simd::new`].
    unsafe fn add_own(
        self,
        sums: Self::Sums,
        inputs: Self::Weights,
        weights: Self::Weights,
    ) -> Self::Sums;
}

/// The sums of one block of output channels at some places of the input.
pub struct BlockSums<'a, S: Simd> {
    /// The proof of the instructions.
    pub simd: S,
    /// All weights.
    pub packed: &'a Packed<S::Operands>,
    /// The block's index.
    pub block: usize,
    /// The input with its border.
    pub input: &'a [<S::Operands as Operands>::Input],
    /// Numbers of a row of the input.
    pub line: usize,
    /// Where windows begin in the input.
    pub places: &'a [usize],
    /// `[places, channels]`.
    pub sums: &'a mut [f32],
}

impl<S: Simd> BlockSums<'_, S> {
    /// Vectors of 16 output channels.
    pub fn vectors(&self) -> usize {
        self.packed.blocks[self.block].vectors
    }

    /// Whether every output channel reads the input channel of its own number.
    pub fn is_depthwise(&self) -> bool {
        self.packed.reads == Reads::Own
    }
}

/// A block of `V` vectors, `M` places at a time.
pub(super) struct Tiles<'a, S: Simd, const M: usize, const V: usize>(pub BlockSums<'a, S>);

impl<S: Simd, const M: usize, const V: usize> Kernel for Tiles<'_, S, M, V> {
    #[allow(
        clippy::needless_range_loop,
        reason = "unrolled, so that sums stay in registers"
    )]
    #[inline(always)]
    fn run(self) {
        let BlockSums {
            simd,
            packed,
            block,
            input,
            line,
            places,
            sums,
        } = self.0;
        let block = &packed.blocks[block];
        let lines = packed.window.rows();
        // What is read without a gap: a row of the window, or a position's channels of the group.
        let (runs, run) = match packed.reads {
            Reads::Group(inputs) => (packed.window.kernel, inputs),
            Reads::All | Reads::Own => (1, packed.window.kernel * packed.padded_inputs),
        };
        let groups = run / S::Operands::GROUP;
        let weights = block.weights.as_chunks::<V>().0;
        let channels = packed.channels;
        let last = places.len().saturating_sub(1);
        // SAFETY: `simd` is the proof of the instructions, in the whole function.
        let begin: [_; V] = unsafe { begin(simd, packed, block.first) };
        for first in (0..places.len()).step_by(M) {
            // The last places are done twice rather than by other code.
            let mut rows = [last; M];
            for m in 0..M {
                rows[m] = (first + m).min(last);
            }
            let mut acc = [begin; M];
            for l in 0..lines * runs {
                let weights = &weights[l * groups..][..groups];
                let from = l / runs * line + l % runs * packed.padded_inputs + block.input;
                // Loops instead of closures: those are not always compiled in place.
                let mut inputs: [&[<S::Operands as Operands>::Inputs]; M] = [&[]; M];
                for m in 0..M {
                    let row = &input[places[rows[m]] + from..][..run];
                    inputs[m] = &S::Operands::groups(row)[..groups];
                }
                let mut next = 0;
                while next < groups {
                    let end = groups.min(next.saturating_add(packed.narrow));
                    // SAFETY: as above.
                    unsafe {
                        let mut partial = [[simd.partial(acc[0][0]); V]; M];
                        for m in 0..M {
                            for v in 0..V {
                                partial[m][v] = simd.partial(acc[m][v]);
                            }
                        }
                        for k in next..end {
                            let mut w = [simd.load(&weights[k][0]); V];
                            for v in 1..V {
                                w[v] = simd.load(&weights[k][v]);
                            }
                            for m in 0..M {
                                for v in 0..V {
                                    partial[m][v] = simd.add(partial[m][v], inputs[m][k], w[v]);
                                }
                            }
                        }
                        for m in 0..M {
                            for v in 0..V {
                                acc[m][v] = simd.total(acc[m][v], partial[m][v]);
                            }
                        }
                    }
                    next = end;
                }
            }
            for m in 0..M {
                let out = &mut sums[rows[m] * channels..][..channels][block.first..];
                // A group may end within a vector: what follows is another block's.
                let out = &mut out[..block.channels];
                // SAFETY: as above.
                unsafe { store(simd, &acc[m], out) };
            }
        }
    }
}

/// A block of `V` vectors of a depthwise convolution, `M` places at a time.
pub(super) struct OwnTiles<'a, S: SimdOwn, const M: usize, const V: usize>(pub BlockSums<'a, S>);

impl<S: SimdOwn, const M: usize, const V: usize> Kernel for OwnTiles<'_, S, M, V> {
    #[allow(
        clippy::needless_range_loop,
        reason = "unrolled, so that sums stay in registers"
    )]
    #[inline(always)]
    fn run(self) {
        let BlockSums {
            simd,
            packed,
            block,
            input,
            line,
            places,
            sums,
        } = self.0;
        let block = &packed.blocks[block];
        let (kernel, position) = (packed.window.kernel, packed.padded_inputs);
        let weights = block.weights.as_chunks::<V>().0;
        let channels = packed.channels;
        let last = places.len().saturating_sub(1);
        // SAFETY: `simd` is the proof of the instructions, in the whole function.
        let begin: [_; V] = unsafe { begin(simd, packed, block.first) };
        for first in (0..places.len()).step_by(M) {
            // The last places are done twice rather than by other code.
            let mut rows = [last; M];
            for m in 0..M {
                rows[m] = (first + m).min(last);
            }
            let mut acc = [begin; M];
            let mut from = [&input[..0]; M];
            for m in 0..M {
                from[m] = &input[places[rows[m]] + block.input..];
            }
            for (row, weights) in weights.chunks_exact(kernel).enumerate() {
                let mut windows = [&input[..0]; M];
                for m in 0..M {
                    windows[m] = &from[m][row * line..][..(kernel - 1) * position + 16 * V];
                }
                for (column, weights) in weights.iter().enumerate() {
                    // SAFETY: as above.
                    unsafe {
                        let mut w = [simd.load(&weights[0]); V];
                        for v in 1..V {
                            w[v] = simd.load(&weights[v]);
                        }
                        for m in 0..M {
                            let at = &windows[m][column * position..][..16 * V];
                            let at = at.as_chunks::<16>().0;
                            for v in 0..V {
                                acc[m][v] = simd.add_own(acc[m][v], simd.load(&at[v]), w[v]);
                            }
                        }
                    }
                }
            }
            for m in 0..M {
                let out = &mut sums[rows[m] * channels..][..channels][block.first..];
                let out = &mut out[..block.channels];
                // SAFETY: as above.
                unsafe { store(simd, &acc[m], out) };
            }
        }
    }
}

/// What the sums of a block begin with.
///
/// # Safety
/// As of [`Simd::new`].
#[inline(always)]
unsafe fn begin<S: Simd, const V: usize>(
    simd: S,
    packed: &Packed<S::Operands>,
    first: usize,
) -> [S::Sums; V] {
    let mut bias = [[0f32; 16]; V];
    let known = packed.bias.iter().flatten().skip(first);
    let all = bias.as_flattened_mut().iter_mut();
    all.zip(known).for_each(|(to, &from)| *to = from);
    // SAFETY: as of this function.
    bias.map(|bias| unsafe { simd.begin(&bias) })
}

/// Writes the sums of a block at one place, as far as its channels go.
///
/// # Safety
/// As of [`Simd::new`].
#[allow(
    clippy::needless_range_loop,
    reason = "unrolled, so that sums stay in registers"
)]
#[inline(always)]
unsafe fn store<S: Simd, const V: usize>(simd: S, sums: &[S::Sums; V], to: &mut [f32]) {
    for v in 0..V {
        let out = to.get_mut(16 * v..).unwrap_or_default();
        let mut all = [0f32; 16];
        match out.first_chunk_mut() {
            // SAFETY: as of this function.
            Some(out) => unsafe { simd.store(sums[v], out) },
            None => {
                // SAFETY: as of this function.
                unsafe { simd.store(sums[v], &mut all) };
                out.copy_from_slice(&all[..out.len()]);
            }
        }
    }
}
