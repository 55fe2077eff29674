//! AVX-512: a vector holds 16 output channels.

use std::arch::x86_64::*;

use super::{BlockSums, OwnTiles, Simd, SimdOwn, Tiles};
use crate::kernels::Kernel;
use crate::kernels::packed::{Bytes, Floats};

/// AVX-512 VNNI: products of bytes and signed bytes, summed in 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Vnni(());

/// AVX-512: products of f32, each added with one rounding.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

/// The sums of a block, in tiles that fit the 32 vector registers.
#[inline(always)]
fn accumulate<S: Simd>(simd: S, block: BlockSums<'_, S>) {
    match block.vectors() {
        4 => simd.launch(Tiles::<_, 6, 4>(block)),
        3 => simd.launch(Tiles::<_, 8, 3>(block)),
        2 => simd.launch(Tiles::<_, 8, 2>(block)),
        _ => simd.launch(Tiles::<_, 12, 1>(block)),
    }
}

impl Simd for Avx512Vnni {
    type Operands = Bytes;
    type Sums = __m512i;
    type Weights = __m512i;
    type Partial = __m512i;

    unsafe fn new() -> Self {
        Avx512Vnni(())
    }
    #[inline(always)]
    fn launch(self, kernel: impl Kernel) {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn run(kernel: impl Kernel) {
            kernel.run();
        }
        // SAFETY: `self` is the proof that the processor has these instructions.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn accumulate(self, block: BlockSums<'_, Self>) {
        accumulate(self, block);
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn begin(self, bias: &[f32; 16]) -> __m512i {
        _mm512_cvtps_epi32(load(bias))
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load(self, weights: &[i8; 64]) -> __m512i {
        // SAFETY: 64 bytes lie there; any alignment will do.
        unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) }
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn partial(self, sums: __m512i) -> __m512i {
        sums
    }
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn add(self, sums: __m512i, inputs: [u8; 4], weights: __m512i) -> __m512i {
        let inputs = _mm512_set1_epi32(i32::from_le_bytes(inputs));
        _mm512_dpbusd_epi32(sums, inputs, weights)
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn total(self, _: __m512i, partial: __m512i) -> __m512i {
        partial
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn store(self, sums: __m512i, to: &mut [f32; 16]) {
        store(_mm512_cvtepi32_ps(sums), to);
    }
}

impl Simd for Avx512 {
    type Operands = Floats;
    type Sums = __m512;
    type Weights = __m512;
    type Partial = __m512;

    unsafe fn new() -> Self {
        Avx512(())
    }
    #[inline(always)]
    fn launch(self, kernel: impl Kernel) {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn run(kernel: impl Kernel) {
            kernel.run();
        }
        // SAFETY: `self` is the proof that the processor has these instructions.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn accumulate(self, block: BlockSums<'_, Self>) {
        if !block.is_depthwise() {
            return accumulate(self, block);
        }
        match block.vectors() {
            4 => self.launch(OwnTiles::<_, 5, 4>(block)),
            3 => self.launch(OwnTiles::<_, 6, 3>(block)),
            2 => self.launch(OwnTiles::<_, 8, 2>(block)),
            _ => self.launch(OwnTiles::<_, 12, 1>(block)),
        }
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn begin(self, bias: &[f32; 16]) -> __m512 {
        load(bias)
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load(self, weights: &[f32; 16]) -> __m512 {
        load(weights)
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn partial(self, sums: __m512) -> __m512 {
        sums
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn add(self, sums: __m512, [input]: [f32; 1], weights: __m512) -> __m512 {
        _mm512_fmadd_ps(_mm512_set1_ps(input), weights, sums)
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn total(self, _: __m512, partial: __m512) -> __m512 {
        partial
    }
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn store(self, sums: __m512, to: &mut [f32; 16]) {
        store(sums, to);
    }
}

impl SimdOwn for Avx512 {
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn add_own(self, sums: __m512, inputs: __m512, weights: __m512) -> __m512 {
        _mm512_fmadd_ps(inputs, weights, sums)
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(from: &[f32; 16]) -> __m512 {
    // SAFETY: 16 numbers lie there; any alignment will do.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(numbers: __m512, to: &mut [f32; 16]) {
    // SAFETY: 16 numbers have room there; any alignment will do.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), numbers) }
}
