//! Memory of CPU tensors as slices, and loops compiled for the instruction set at hand.
//!
//! This is the only file of the program with unsafe code, for just these two things.
#![allow(unsafe_code)]

use tch::{Device, Kind, Tensor};

use super::TorchError;
use super::error::Doing;
use super::loops::{Float, Kernel};
use crate::network::Shape;

/// Runs a loop with the widest instruction set this program is compiled for. Results do not depend on it: the loops are
/// element-wise and nothing is contracted.
pub(super) fn launch(kernel: impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2(kernel: impl Kernel) {
            kernel.run();
        }
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, as was just asked.
            return unsafe { with_avx2(kernel) };
        }
    }
    kernel.run();
}

fn usable<F: Float>(tensor: &Tensor) -> Result<(), TorchError> {
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
pub(super) fn numbers<F: Float>(tensor: &Tensor) -> Result<&[F], TorchError> {
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
pub(super) fn numbers_mut<F: Float>(tensor: &mut Fresh) -> Result<&mut [F], TorchError> {
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
    /// Zeros of a shape.
    pub(super) fn zeros(rows: usize, shape: Shape, kind: Kind) -> Result<Self, TorchError> {
        let size = [rows, shape.height, shape.width, shape.channels].map(|n| n as i64);
        Tensor::f_zeros(size, (kind, Device::Cpu))
            .map(Fresh)
            .doing(|| format!("allocating {rows} rows of {shape:?}"))
    }
    /// A copy in memory of its own.
    pub(super) fn copy_of(tensor: &Tensor) -> Result<Self, TorchError> {
        let copy = tensor.f_zeros_like().and_then(|mut copy| {
            copy.f_copy_(tensor)?;
            Ok(copy)
        });
        copy.map(Fresh).doing(|| "copying a value".to_owned())
    }
    /// The tensor.
    pub(super) fn tensor(&self) -> &Tensor {
        &self.0
    }
}
