//! Memory of CPU tensors as slices, and loops compiled for the instruction set at hand.
//!
//! Beside memory-mapped checkpoints this is the only file of the program with unsafe code, for just these two things and
//! one setting of the allocator.
#![allow(unsafe_code)]

mod spare;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m512, __m512i, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_storeu_ps};

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

/// The proof that this processor has the vectors that our convolutions are written for (AVX-512).
#[derive(Clone, Copy, Debug)]
pub(super) struct Vectors(());

impl Vectors {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if has_avx512() {
            return Some(Vectors(()));
        }
        None
    }
    /// Runs a convolution.
    pub(super) fn launch<S: Tail<f32>>(self, dot: Dot<'_, Floats, f32, S>) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: only `detect` makes `Vectors`, where the processor has all that `run` is compiled for.
        return unsafe { dot.run() };
        #[cfg(not(target_arch = "x86_64"))]
        let _ = dot;
    }
}

/// The proof that this processor also multiplies bytes and sums the products exactly (AVX-512 VNNI).
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteProducts(());

impl ByteProducts {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if has_avx512() && std::is_x86_feature_detected!("avx512vnni") {
            return Some(ByteProducts(()));
        }
        None
    }
    /// Runs a convolution over integers.
    pub(super) fn launch<S: Tail<f32>>(self, dot: Dot<'_, Bytes, u8, S>) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: only `detect` makes `ByteProducts`, where the processor has all that `run` is compiled for.
        return unsafe { dot.run() };
        #[cfg(not(target_arch = "x86_64"))]
        let _ = dot;
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
