//! Memory of the executor's values.
#![forbid(unsafe_code)]

use tch::{Kind, Tensor};

use super::TorchError;
use super::buffer_pool as pool;
use super::error::Context;
use crate::network::Shape;

/// A pooled buffer: a tensor that is the only handle to its memory, such as the result of an
/// operation that allocates, or a value whose last reader this is.
#[derive(Debug)]
pub(super) struct Buffer(Tensor);

impl Buffer {
    /// Declares a tensor to be the only handle to its memory. Only the executor does, for values
    /// that it owns: it never keeps a second handle or view.
    pub(super) fn new(tensor: Tensor) -> Self {
        Buffer(tensor)
    }
    /// Memory for numbers of a shape, with arbitrary contents.
    pub(super) fn unset(rows: usize, shape: Shape, kind: Kind) -> Result<Self, TorchError> {
        let size = [rows, shape.height, shape.width, shape.channels].map(|n| n as i64);
        Buffer::of_size(&size, kind)
    }
    /// Memory for a tensor's size, with arbitrary contents.
    pub(super) fn of_size(size: &[i64], kind: Kind) -> Result<Self, TorchError> {
        pool::take(size, kind).map(Buffer)
    }
    /// A copy in memory of its own.
    pub(super) fn copy_of(tensor: &Tensor) -> Result<Self, TorchError> {
        let mut copy = pool::take(&tensor.size(), tensor.kind())?;
        copy.f_copy_(tensor)
            .context(|| "copying a value".to_owned())?;
        Ok(Buffer(copy))
    }
    /// Returns the memory to the pool.
    pub(super) fn recycle(self) {
        pool::put_back(self.0);
    }
    /// The tensor, which may be shared from now on.
    pub(super) fn into_tensor(self) -> Tensor {
        self.0
    }
    /// The tensor.
    pub(super) fn tensor(&self) -> &Tensor {
        &self.0
    }
}
