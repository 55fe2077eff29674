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
use super::packed::{Operands, Packed};

/// A processor's instructions for sums of products of some operands, for 16 output channels at a
/// time. A value is the proof that the processor has them.
pub trait Simd: Copy {
    /// The number formats that are multiplied.
    type Operands: Operands;
    /// Accumulators of 16 output channels.
    type Sums: Copy;
    /// Weights of 16 output channels.
    type Weights: Copy;

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
    /// `sums + inputs * weights`, with the same inputs for every output channel.
    ///
    /// # Safety
    /// See [`Simd::begin`].
    unsafe fn add(
        self,
        sums: Self::Sums,
        inputs: <Self::Operands as Operands>::Inputs,
        weights: Self::Weights,
    ) -> Self::Sums;
    /// Writes sums as f32.
    ///
    /// # Safety
    /// See [`Simd::begin`].
    unsafe fn store(self, sums: Self::Sums, to: &mut [f32; 16]);
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
        let run = packed.window.kernel * packed.padded_inputs;
        let groups = run / S::Operands::GROUP;
        let weights = block.weights.as_chunks::<V>().0;
        let channels = packed.channels;
        let last = places.len().saturating_sub(1);
        let mut bias = [[0f32; 16]; V];
        let known = packed.bias.iter().flatten().skip(block.first);
        let all = bias.as_flattened_mut().iter_mut();
        all.zip(known).for_each(|(to, &from)| *to = from);
        // SAFETY: `simd` is the proof of the instructions, in the whole function.
        let begin = bias.map(|bias| unsafe { simd.begin(&bias) });
        for first in (0..places.len()).step_by(M) {
            // The last places are done twice rather than by other code.
            let mut rows = [last; M];
            for m in 0..M {
                rows[m] = (first + m).min(last);
            }
            let mut acc = [begin; M];
            for l in 0..lines {
                let weights = &weights[l * groups..][..groups];
                // Loops instead of closures: those are not always compiled in place.
                let mut inputs: [&[<S::Operands as Operands>::Inputs]; M] = [&[]; M];
                for m in 0..M {
                    let row = &input[places[rows[m]] + l * line..][..run];
                    inputs[m] = &S::Operands::groups(row)[..groups];
                }
                for (k, weights) in weights.iter().enumerate() {
                    // SAFETY: as above.
                    unsafe {
                        let mut w = [simd.load(&weights[0]); V];
                        for v in 1..V {
                            w[v] = simd.load(&weights[v]);
                        }
                        for m in 0..M {
                            for v in 0..V {
                                acc[m][v] = simd.add(acc[m][v], inputs[m][k], w[v]);
                            }
                        }
                    }
                }
            }
            for m in 0..M {
                for v in 0..V {
                    let channel = block.first + 16 * v;
                    let out = &mut sums[rows[m] * channels..][..channels][channel..];
                    let mut all = [0f32; 16];
                    match out.first_chunk_mut() {
                        // SAFETY: as above.
                        Some(out) => unsafe { simd.store(acc[m][v], out) },
                        None => {
                            // SAFETY: as above.
                            unsafe { simd.store(acc[m][v], &mut all) };
                            out.copy_from_slice(&all[..out.len()]);
                        }
                    }
                }
            }
        }
    }
}
