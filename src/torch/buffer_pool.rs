//! A pool of buffers per thread: new memory must be zeroed and mapped first, which takes as long as
//! a light operation on it.
#![forbid(unsafe_code)]

use std::cell::RefCell;

use tch::{Device, Kind, Tensor};

use super::TorchError;
use super::error::Context;

/// The most bytes in a thread's pool.
const BYTES: usize = 32 << 20;

thread_local! {
    /// Free buffers, the latest last.
    static POOL: RefCell<Vec<Tensor>> = const { RefCell::new(Vec::new()) };
}

/// A contiguous tensor on the CPU to which no other handle exists, with arbitrary contents.
pub(super) fn take(size: &[i64], kind: Kind) -> Result<Tensor, TorchError> {
    let context = || format!("allocating {size:?}");
    let count = size.iter().product::<i64>();
    let known = POOL.with_borrow_mut(|pool| {
        let fits = |t: &Tensor| t.kind() == kind && t.numel() as i64 == count;
        let place = pool.iter().rposition(fits)?;
        Some(pool.remove(place))
    });
    let tensor = match known {
        Some(known) => known.f_view(size),
        None => Tensor::f_zeros(size, (kind, Device::Cpu)),
    };
    let tensor = tensor.context(context)?;
    // Tests notice a read of what was there.
    #[cfg(debug_assertions)]
    let tensor = poisoned(tensor).context(context)?;
    Ok(tensor)
}

#[cfg(debug_assertions)]
fn poisoned(mut tensor: Tensor) -> Result<Tensor, tch::TchError> {
    match tensor.kind() {
        Kind::Uint8 => tensor.f_fill_(0xa5),
        _ => tensor.f_fill_(f64::NAN),
    }
}

/// Puts a tensor to which no other handle exists into the pool; the oldest ones go when there are
/// too many.
pub(super) fn put_back(tensor: Tensor) {
    if tensor.device() != Device::Cpu || !tensor.is_contiguous() {
        return;
    }
    let bytes = |t: &Tensor| t.numel() * t.kind().elt_size_in_bytes();
    POOL.with_borrow_mut(|pool| {
        pool.push(tensor);
        let mut total: usize = pool.iter().map(bytes).sum();
        let mut gone = 0;
        while total > BYTES {
            total -= pool.get(gone).map_or(total, bytes);
            gone += 1;
        }
        pool.drain(..gone.min(pool.len()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_for_as_many_numbers_and_is_bounded() {
        let tensor = take(&[2, 3, 4], Kind::Float).unwrap();
        let address = tensor.data_ptr();
        put_back(tensor);
        assert_ne!(take(&[24], Kind::Uint8).unwrap().data_ptr(), address);
        let again = take(&[4, 6], Kind::Float).unwrap();
        assert_eq!((again.data_ptr(), again.size()), (address, vec![4, 6]));
        let other = take(&[4, 6], Kind::Float).unwrap();
        assert_ne!(other.data_ptr(), address);
        for _ in 0..3 {
            put_back(Tensor::zeros(
                [BYTES as i64 / 2],
                (Kind::Uint8, Device::Cpu),
            ));
        }
        put_back(Tensor::zeros(
            [BYTES as i64 + 1],
            (Kind::Uint8, Device::Cpu),
        ));
        POOL.with_borrow(|pool| assert!(pool.is_empty()));
    }
}
