//! AVX2 and FMA: two vectors hold 16 output channels.

use std::arch::x86_64::*;

use super::{BlockSums, OwnTiles, Simd, SimdOwn, Tiles};
use crate::kernels::Kernel;
use crate::kernels::packed::{Bytes, Floats};

/// AVX2: products of bytes and signed bytes, two of which must fit 16 bits.
#[derive(Clone, Copy, Debug)]
pub struct Avx2Bytes(());

/// AVX2 and FMA: products of f32, each added with one rounding.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Simd for Avx2Bytes {
    type Operands = Bytes;
    type Sums = [__m256i; 2];
    type Weights = [__m256i; 2];
    /// Sums of pairs of products in 16 bits: `[channel, pair]`.
    type Partial = [__m256i; 2];

    unsafe fn new() -> Self {
        Avx2Bytes(())
    }
    #[inline(always)]
    fn launch(self, kernel: impl Kernel) {
        // SAFETY: `self` is the proof that the processor has these instructions.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn accumulate(self, block: BlockSums<'_, Self>) {
        match block.vectors() {
            2 => self.launch(Tiles::<_, 2, 2>(block)),
            _ => self.launch(Tiles::<_, 4, 1>(block)),
        }
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn begin(self, bias: &[f32; 16]) -> [__m256i; 2] {
        let [low, high] = load(bias);
        [_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high)]
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn load(self, weights: &[i8; 64]) -> [__m256i; 2] {
        let from: *const __m256i = weights.as_ptr().cast();
        // SAFETY: twice 32 bytes lie there; any alignment will do.
        unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] }
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn partial(self, _: [__m256i; 2]) -> [__m256i; 2] {
        [_mm256_setzero_si256(); 2]
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn add(
        self,
        sums: [__m256i; 2],
        inputs: [u8; 4],
        weights: [__m256i; 2],
    ) -> [__m256i; 2] {
        let inputs = _mm256_set1_epi32(i32::from_le_bytes(inputs));
        // As many fit 16 bits as `ByteConv::narrow` says.
        [
            _mm256_add_epi16(sums[0], _mm256_maddubs_epi16(inputs, weights[0])),
            _mm256_add_epi16(sums[1], _mm256_maddubs_epi16(inputs, weights[1])),
        ]
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn total(self, sums: [__m256i; 2], partial: [__m256i; 2]) -> [__m256i; 2] {
        let ones = _mm256_set1_epi16(1);
        [
            _mm256_add_epi32(sums[0], _mm256_madd_epi16(partial[0], ones)),
            _mm256_add_epi32(sums[1], _mm256_madd_epi16(partial[1], ones)),
        ]
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(self, [low, high]: [__m256i; 2], to: &mut [f32; 16]) {
        store([_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)], to);
    }
}

impl Simd for Avx2 {
    type Operands = Floats;
    type Sums = [__m256; 2];
    type Weights = [__m256; 2];
    type Partial = [__m256; 2];

    unsafe fn new() -> Self {
        Avx2(())
    }
    #[inline(always)]
    fn launch(self, kernel: impl Kernel) {
        // SAFETY: `self` is the proof that the processor has these instructions.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn accumulate(self, block: BlockSums<'_, Self>) {
        match (block.is_depthwise(), block.vectors()) {
            (false, 2) => self.launch(Tiles::<_, 2, 2>(block)),
            (false, _) => self.launch(Tiles::<_, 5, 1>(block)),
            (true, 2) => self.launch(OwnTiles::<_, 2, 2>(block)),
            (true, _) => self.launch(OwnTiles::<_, 5, 1>(block)),
        }
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn begin(self, bias: &[f32; 16]) -> [__m256; 2] {
        load(bias)
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn load(self, weights: &[f32; 16]) -> [__m256; 2] {
        load(weights)
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn partial(self, sums: [__m256; 2]) -> [__m256; 2] {
        sums
    }
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn add(self, sums: [__m256; 2], [input]: [f32; 1], weights: [__m256; 2]) -> [__m256; 2] {
        let inputs = _mm256_set1_ps(input);
        [
            _mm256_fmadd_ps(inputs, weights[0], sums[0]),
            _mm256_fmadd_ps(inputs, weights[1], sums[1]),
        ]
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn total(self, _: [__m256; 2], partial: [__m256; 2]) -> [__m256; 2] {
        partial
    }
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(self, sums: [__m256; 2], to: &mut [f32; 16]) {
        store(sums, to);
    }
}

impl SimdOwn for Avx2 {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn add_own(
        self,
        sums: [__m256; 2],
        inputs: [__m256; 2],
        weights: [__m256; 2],
    ) -> [__m256; 2] {
        [
            _mm256_fmadd_ps(inputs[0], weights[0], sums[0]),
            _mm256_fmadd_ps(inputs[1], weights[1], sums[1]),
        ]
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn run(kernel: impl Kernel) {
    kernel.run();
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(from: &[f32; 16]) -> [__m256; 2] {
    let from = from.as_ptr();
    // SAFETY: twice 8 numbers lie there; any alignment will do.
    unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store([low, high]: [__m256; 2], to: &mut [f32; 16]) {
    let to = to.as_mut_ptr();
    // SAFETY: twice 8 numbers have room there; any alignment will do.
    unsafe {
        _mm256_storeu_ps(to, low);
        _mm256_storeu_ps(to.add(8), high);
    }
}
