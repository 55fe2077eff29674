//! The choice of instructions: what this processor has, and loops compiled for it.
//!
//! Unsafe, because code that is compiled for an instruction set must run nowhere else.
#![allow(unsafe_code, reason = "code compiled for an instruction set")]

use std::marker::PhantomData;
use std::num::NonZeroUsize;

use super::Kernel;
use super::conv::{Conv, Run};
use super::epilogue::Epilogue;
use super::packed::{Bytes, Floats, Operands};
#[cfg(target_arch = "x86_64")]
use super::simd::{
    Simd,
    avx2::{Avx2, Avx2Bytes},
    avx512::{Avx512, Avx512Vnni},
};

/// Runs a loop with the widest instruction set this program is compiled for. Results do not depend
/// on it: the loops are element-wise and nothing is contracted.
pub fn launch(kernel: impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn with_avx512(kernel: impl Kernel) {
            kernel.run();
        }
        #[target_feature(enable = "avx2")]
        fn with_avx2(kernel: impl Kernel) {
            kernel.run();
        }
        if has_avx512() {
            // SAFETY: the processor has these parts of AVX-512, as was just asked.
            return unsafe { with_avx512(kernel) };
        }
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, as was just asked.
            return unsafe { with_avx2(kernel) };
        }
    }
    kernel.run();
}

/// [`launch`] for a loop that counts bits, which some processors do for whole vectors.
pub fn launch_counting(kernel: impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
        fn with_vector_counts(kernel: impl Kernel) {
            kernel.run();
        }
        if has_avx512() && std::is_x86_feature_detected!("avx512vpopcntdq") {
            // SAFETY: the processor has these parts of AVX-512, as was just asked.
            return unsafe { with_vector_counts(kernel) };
        }
    }
    launch(kernel);
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
}

/// An instruction set that convolutions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// AVX-512, for bytes with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl InstructionSet {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "AVX2",
        }
    }
}

/// A convolution that this processor can run; a value is the proof of its instructions. The sums of
/// all instruction sets are the same bit for bit: they add tap by tap with one rounding.
#[derive(Clone, Copy, Debug)]
pub struct ConvKernel<O> {
    set: InstructionSet,
    operands: PhantomData<O>,
}

/// Convolutions of whole numbers that fit bytes, summed exactly (AVX-512 VNNI; AVX2 where two
/// products fit 16 bits).
pub type ByteConv = ConvKernel<Bytes>;

/// Convolutions of f32 (AVX-512, or AVX2 with FMA).
pub type FloatConv = ConvKernel<Floats>;

impl<O: Operands> ConvKernel<O> {
    /// All convolutions that the processor can run, the best first.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let vnni = !O::NEEDS_VNNI || std::is_x86_feature_detected!("avx512vnni");
            all.extend((has_avx512() && vnni).then_some(InstructionSet::Avx512));
            all.extend(has_avx2().then_some(InstructionSet::Avx2));
        }
        let operands = PhantomData;
        all.into_iter()
            .map(|set| ConvKernel { set, operands })
            .collect()
    }

    /// The best of them.
    pub fn detect() -> Option<Self> {
        Self::all().first().copied()
    }

    /// The instructions.
    pub fn set(self) -> InstructionSet {
        self.set
    }

    /// The most vectors of 16 output channels in a block of weights: as many as registers hold
    /// with a few positions.
    pub fn vectors(self) -> usize {
        match self.set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => 4,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => 2,
        }
    }
}

impl ByteConv {
    /// Of numbers up to `input` times weights of up to `weight`, either sign, how many groups of
    /// inputs ([`Operands::GROUP`]) may be summed before accumulators of 32 bits are needed; none
    /// where not even one.
    pub fn narrow(self, input: u8, weight: u8) -> Option<NonZeroUsize> {
        match self.set {
            // They sum in 32 bits from the first on.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Some(NonZeroUsize::MAX),
            // Two products of a group go to one sum of 16 bits.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => {
                let pair = 2 * usize::from(input) * usize::from(weight);
                NonZeroUsize::new(i16::MAX as usize / pair.max(1))
            }
        }
    }

    /// Runs a convolution over integers for which sums are exact.
    pub fn launch(self, conv: Conv<'_, Bytes>, epilogue: impl Epilogue<f32>) {
        match self.set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => {
                // SAFETY: only `all` makes kernels, of what the processor has.
                run(unsafe { Avx512Vnni::new() }, conv, epilogue);
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => {
                // SAFETY: only `all` makes kernels, of what the processor has.
                run(unsafe { Avx2Bytes::new() }, conv, epilogue);
            }
        }
    }
}

impl FloatConv {
    /// Runs a convolution.
    pub fn launch(self, conv: Conv<'_, Floats>, epilogue: impl Epilogue<f32>) {
        match self.set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => {
                // SAFETY: only `all` makes kernels, of what the processor has.
                run(unsafe { Avx512::new() }, conv, epilogue);
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => {
                // SAFETY: only `all` makes kernels, of what the processor has.
                run(unsafe { Avx2::new() }, conv, epilogue);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn run<S: Simd>(simd: S, conv: Conv<'_, S::Operands>, epilogue: impl Epilogue<f32>) {
    simd.launch(Run {
        simd,
        conv,
        epilogue,
    });
}
