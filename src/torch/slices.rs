//! CPU tensors as slices.
//!
//! Unsafe, because libtorch hands out pointers.
#![allow(unsafe_code, reason = "libtorch hands out pointers")]

use tch::kind::Element;
use tch::{Device, Tensor};

use super::TorchError;
use super::buffer::Buffer;

fn usable<F: Element>(tensor: &Tensor) -> Result<(), TorchError> {
    if tensor.device() == Device::Cpu && tensor.kind() == F::KIND && tensor.is_contiguous() {
        return Ok(());
    }
    Err(TorchError::Libtorch {
        context: "looking at a tensor's memory".to_owned(),
        message: format!(
            "expected a contiguous {:?} tensor on the CPU, got {tensor:?}",
            F::KIND
        ),
    })
}

/// The numbers of a contiguous CPU tensor.
pub(super) fn numbers<F: Element>(tensor: &Tensor) -> Result<&[F], TorchError> {
    usable::<F>(tensor)?;
    if tensor.numel() == 0 {
        return Ok(&[]);
    }
    // SAFETY: the tensor is on the CPU, contiguous and of this kind, so `numel` numbers lie at its
    // pointer; they stay there as long as the tensor is borrowed. Nothing writes meanwhile: this
    // file is the only writer (libtorch is only asked for operations that make new tensors) and
    // writes through `numbers_mut` alone.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<F>(), tensor.numel()) })
}

/// The numbers of a buffer, to be changed.
pub(super) fn numbers_mut<F: Element>(buffer: &mut Buffer) -> Result<&mut [F], TorchError> {
    let tensor = buffer.tensor();
    usable::<F>(tensor)?;
    if tensor.numel() == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as in `numbers`; and a `Buffer` is the only handle to its memory, borrowed mutably
    // here.
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<F>(), tensor.numel()) })
}
