//! Memory of CPU tensors as slices, and loops compiled for the instruction set at hand.
//!
//! Beside memory-mapped checkpoints this is the only file of the program with unsafe code, for just these two things and
//! one setting of the allocator.
#![allow(unsafe_code, reason = "see each block")]

mod spare;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_storeu_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_storeu_ps,
};

use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use super::TorchError;
use super::error::Doing;
use super::loops::{Bytes, Dot, Floats, Kernel, Tail};
use crate::network::Shape;

/// Has all threads share one heap. By default the system's allocator gives threads heaps of their own, and what one
/// thread frees is not used by the others: with threads that come and go with each job, the values that are kept took
/// up to twice their bytes (measured on the demo: 2.7 GB resident for 1.5 GB, 1.4 GB with one heap).
pub(super) fn share_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` only changes a number that the allocator reads when it would make another heap; it may be
    // called at any time. Where it refuses, everything works as before.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Runs a loop with the widest instruction set this program is compiled for. Results do not depend on it: the loops are
/// element-wise and nothing is contracted.
pub(super) fn launch(kernel: impl Kernel) {
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

/// The instruction sets that our convolutions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Set {
    /// Output channels that are worked on at once, in vectors of 16: as many as registers hold with a few positions.
    fn vectors(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 4,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 2,
        }
    }
}

/// The proof that this processor has the vectors of one of our convolutions (AVX-512, or AVX2 with FMA). Their sums are the
/// same bit for bit: both add tap by tap with one rounding.
#[derive(Clone, Copy)]
pub(super) struct Vectors(Set);

impl std::fmt::Debug for Vectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Debug for ByteProducts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Vectors {
    /// Asks the processor: all that it has, the best first.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(has_avx512().then_some(Vectors(Set::Avx512)));
            all.extend(has_avx2().then_some(Vectors(Set::Avx2)));
        }
        all
    }
    /// The best.
    pub(super) fn detect() -> Option<Self> {
        Vectors::all().first().copied()
    }
    /// Vectors that a block of weights should hold at most.
    pub(super) fn vectors(self) -> usize {
        self.0.vectors()
    }
    /// Runs a convolution.
    pub(super) fn launch<S: Tail<f32>>(self, dot: Dot<'_, Floats, f32, S>) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `all` makes `Vectors`, where the processor has all that this is compiled for.
            Set::Avx512 => unsafe { dot.run_avx512() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: likewise.
            Set::Avx2 => unsafe { dot.run_avx2() },
        }
    }
}

/// The proof that this processor also multiplies bytes and sums the products exactly (AVX-512 VNNI; AVX2 where two
/// products fit 16 bits).
#[derive(Clone, Copy)]
pub(super) struct ByteProducts(Set);

impl ByteProducts {
    /// Asks the processor: all that it has, the best first.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let vnni = has_avx512() && std::is_x86_feature_detected!("avx512vnni");
            all.extend(vnni.then_some(ByteProducts(Set::Avx512)));
            all.extend(has_avx2().then_some(ByteProducts(Set::Avx2)));
        }
        all
    }
    /// The best.
    pub(super) fn detect() -> Option<Self> {
        ByteProducts::all().first().copied()
    }
    /// Vectors that a block of weights should hold at most.
    pub(super) fn vectors(self) -> usize {
        self.0.vectors()
    }
    /// Whether sums are exact of numbers up to `input` times weights of up to `weight`, either sign.
    pub(super) fn are_exact(self, input: u8, weight: u8) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => true,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 2 * i32::from(input) * i32::from(weight) <= i32::from(i16::MAX),
        }
    }
    /// Runs a convolution over integers for which sums are exact.
    pub(super) fn launch<S: Tail<f32>>(self, dot: Dot<'_, Bytes, u8, S>) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `all` makes `ByteProducts`, where the processor has all that this is compiled for.
            Set::Avx512 => unsafe { dot.run_avx512() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: likewise.
            Set::Avx2 => unsafe { dot.run_avx2() },
        }
    }
}

/// Reads two vectors of bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_halves(from: &[i8; 64]) -> [__m256i; 2] {
    let from: *const __m256i = from.as_ptr().cast();
    // SAFETY: twice 32 bytes lie there; any alignment will do.
    unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] }
}

/// Reads two vectors of numbers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_float_halves(from: &[f32; 16]) -> [__m256; 2] {
    let from = from.as_ptr();
    // SAFETY: twice 8 numbers lie there; any alignment will do.
    unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
}

/// Writes two vectors of numbers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store_halves(to: &mut [f32; 16], numbers: [__m256; 2]) {
    let to = to.as_mut_ptr();
    // SAFETY: twice 8 numbers have room there; any alignment will do.
    unsafe {
        _mm256_storeu_ps(to, numbers[0]);
        _mm256_storeu_ps(to.add(8), numbers[1]);
    }
}

/// Reads a vector of bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(from: &[i8; 64]) -> __m512i {
    // SAFETY: 64 bytes lie there; any alignment will do.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

/// Reads a vector of numbers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_floats(from: &[f32; 16]) -> __m512 {
    // SAFETY: 16 numbers lie there; any alignment will do.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

/// Writes a vector of numbers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store(to: &mut [f32; 16], numbers: __m512) {
    // SAFETY: 16 numbers have room there; any alignment will do.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), numbers) }
}

fn usable<F: Element>(tensor: &Tensor) -> Result<(), TorchError> {
    if tensor.device() == Device::Cpu && tensor.kind() == F::KIND && tensor.is_contiguous() {
        return Ok(());
    }
    Err(TorchError::Libtorch {
        doing: "looking at a tensor's memory".to_owned(),
        message: format!(
            "expected a contiguous {:?} tensor on the CPU, got {tensor:?}",
            F::KIND
        ),
    })
}

/// A tensor's numbers.
pub(super) fn numbers<F: Element>(tensor: &Tensor) -> Result<&[F], TorchError> {
    usable::<F>(tensor)?;
    if tensor.numel() == 0 {
        return Ok(&[]);
    }
    // SAFETY: the tensor is on the CPU, contiguous and of this kind, so `numel` numbers lie at its pointer; they stay
    // there as long as the tensor is borrowed. Nobody writes meanwhile: this file is the only writer (libtorch is only
    // asked for operations that make new tensors) and writes through `numbers_mut` alone.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<F>(), tensor.numel()) })
}

/// A tensor's numbers, to be changed. The caller must have made the tensor and kept no other handle to its memory
/// ([`Fresh`]).
pub(super) fn numbers_mut<F: Element>(tensor: &mut Fresh) -> Result<&mut [F], TorchError> {
    usable::<F>(&tensor.0)?;
    if tensor.0.numel() == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as in `numbers`; and a `Fresh` tensor is the only handle to its memory, borrowed mutably here.
    Ok(
        unsafe {
            std::slice::from_raw_parts_mut(tensor.0.data_ptr().cast::<F>(), tensor.0.numel())
        },
    )
}

/// A tensor whose memory nobody else sees: the result of an operation that allocates, or such a value whose last
/// reader this is.
#[derive(Debug)]
pub(super) struct Fresh(Tensor);

impl Fresh {
    /// Declares a tensor to be the only handle to its memory. Only the executor does, for values that it owns: it never
    /// keeps a second handle or view.
    pub(super) fn new(tensor: Tensor) -> Self {
        Fresh(tensor)
    }
    /// Memory for numbers of a shape, which hold anything: whoever asks for it writes all of them.
    pub(super) fn unset(rows: usize, shape: Shape, kind: Kind) -> Result<Self, TorchError> {
        let size = [rows, shape.height, shape.width, shape.channels].map(|n| n as i64);
        Fresh::of_size(&size, kind)
    }
    /// The same for a tensor's size.
    pub(super) fn of_size(size: &[i64], kind: Kind) -> Result<Self, TorchError> {
        spare::take(size, kind).map(Fresh)
    }
    /// The same for the shape of a tensor.
    pub(super) fn unset_like(tensor: &Tensor, kind: Kind) -> Result<Self, TorchError> {
        spare::take(&tensor.size(), kind).map(Fresh)
    }
    /// Keeps the memory for the next value of as many numbers.
    pub(super) fn recycle(self) {
        spare::keep(self.0);
    }
    /// The tensor, which may be shared from now on.
    pub(super) fn into_tensor(self) -> Tensor {
        self.0
    }
    /// A copy in memory of its own.
    pub(super) fn copy_of(tensor: &Tensor) -> Result<Self, TorchError> {
        let mut copy = spare::take(&tensor.size(), tensor.kind())?;
        copy.f_copy_(tensor)
            .doing(|| "copying a value".to_owned())?;
        Ok(Fresh(copy))
    }
    /// The tensor.
    pub(super) fn tensor(&self) -> &Tensor {
        &self.0
    }
}
