//! Memory that is used again: new memory must be zeroed and mapped first, which takes as long as a light operation on it.
#![forbid(unsafe_code)]

use std::cell::RefCell;

use tch::{Device, Kind, Tensor};

use crate::torch::TorchError;
use crate::torch::error::Doing;

/// The most bytes that a thread keeps.
const BYTES: usize = 32 << 20;

thread_local! {
    /// Values that nobody reads any more, the latest last.
    static SPARE: RefCell<Vec<Tensor>> = const { RefCell::new(Vec::new()) };
}

/// A contiguous tensor on the CPU to which no other handle exists, of numbers that are set to anything.
pub(super) fn take(size: &[i64], kind: Kind) -> Result<Tensor, TorchError> {
    let doing = || format!("allocating {size:?}");
    let count = size.iter().product::<i64>();
    let known = SPARE.with_borrow_mut(|spare| {
        let fits = |t: &Tensor| t.kind() == kind && t.numel() as i64 == count;
        let place = spare.iter().rposition(fits)?;
        Some(spare.remove(place))
    });
    let tensor = match known {
        Some(known) => known.f_view(size),
        None => Tensor::f_zeros(size, (kind, Device::Cpu)),
    };
    let tensor = tensor.doing(doing)?;
    // Where tests run, nobody gets away with reading what was there.
    #[cfg(debug_assertions)]
    let tensor = poisoned(tensor).doing(doing)?;
    Ok(tensor)
}

#[cfg(debug_assertions)]
fn poisoned(mut tensor: Tensor) -> Result<Tensor, tch::TchError> {
    match tensor.kind() {
        Kind::Uint8 => tensor.f_fill_(0xa5),
        _ => tensor.f_fill_(f64::NAN),
    }
}

/// Keeps a tensor to which no other handle exists; the oldest ones go when there are too many.
pub(super) fn keep(tensor: Tensor) {
    if tensor.device() != Device::Cpu || !tensor.is_contiguous() {
        return;
    }
    let bytes = |t: &Tensor| t.numel() * t.kind().elt_size_in_bytes();
    SPARE.with_borrow_mut(|spare| {
        spare.push(tensor);
        let mut total: usize = spare.iter().map(bytes).sum();
        let mut gone = 0;
        while total > BYTES {
            total -= spare.get(gone).map_or(total, bytes);
            gone += 1;
        }
        spare.drain(..gone.min(spare.len()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_for_as_many_numbers_and_is_bounded() {
        let tensor = take(&[2, 3, 4], Kind::Float).unwrap();
        let address = tensor.data_ptr();
        keep(tensor);
        assert_ne!(take(&[24], Kind::Uint8).unwrap().data_ptr(), address);
        let again = take(&[4, 6], Kind::Float).unwrap();
        assert_eq!((again.data_ptr(), again.size()), (address, vec![4, 6]));
        let other = take(&[4, 6], Kind::Float).unwrap();
        assert_ne!(other.data_ptr(), address);
        for _ in 0..3 {
            keep(Tensor::zeros(
                [BYTES as i64 / 2],
                (Kind::Uint8, Device::Cpu),
            ));
        }
        keep(Tensor::zeros(
            [BYTES as i64 + 1],
            (Kind::Uint8, Device::Cpu),
        ));
        SPARE.with_borrow(|spare| assert!(spare.is_empty()));
    }
}
