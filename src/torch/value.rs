//! Values of the network as tensors.
#![forbid(unsafe_code)]

use std::cell::OnceCell;

use tch::{Kind, Tensor};

use super::TorchError;
use super::buffer::Buffer;
use super::slices::{numbers, numbers_mut};
use crate::kernels::{Convert, launch};

/// A value of the network: `[steps * images, height, width, channels]`, time-major. Whole numbers
/// up to 255 may be stored as bytes; everything else is f32 or f64.
#[derive(Debug)]
pub(super) struct Value {
    pub data: Buffer,
    /// Time steps it holds: 1 where it is the same at every time step.
    pub steps: usize,
    /// The same numbers as f32, made on demand.
    wide: OnceCell<Tensor>,
}

impl Value {
    pub(super) fn new(data: Buffer, steps: usize) -> Self {
        Value {
            data,
            steps,
            wide: OnceCell::new(),
        }
    }
    /// The numbers as they are stored.
    pub(super) fn tensor(&self) -> &Tensor {
        self.data.tensor()
    }
    /// Whether it is stored as bytes.
    pub(super) fn is_bytes(&self) -> bool {
        self.tensor().kind() == Kind::Uint8
    }
    /// The numbers as floating-point ones.
    pub(super) fn wide(&self) -> Result<Wide<'_>, TorchError> {
        let tensor = self.wide_tensor()?;
        let steps = self.steps;
        Ok(Wide { tensor, steps })
    }
    fn wide_tensor(&self) -> Result<&Tensor, TorchError> {
        if !self.is_bytes() {
            return Ok(self.tensor());
        }
        if let Some(known) = self.wide.get() {
            return Ok(known);
        }
        let copy = self.wide_copy()?.data.into_tensor();
        Ok(self.wide.get_or_init(|| copy))
    }
    /// A copy of bytes as f32.
    pub(super) fn wide_copy(&self) -> Result<Value, TorchError> {
        let mut data = Buffer::of_size(&self.tensor().size(), Kind::Float)?;
        launch(Convert::<u8, f32> {
            input: numbers(self.tensor())?,
            out: numbers_mut(&mut data)?,
        });
        Ok(Value::new(data, self.steps))
    }
    /// A copy as bytes of numbers that the caller knows to be whole, 0 to 255.
    pub(super) fn to_bytes(&self) -> Result<Value, TorchError> {
        let mut data = Buffer::of_size(&self.tensor().size(), Kind::Uint8)?;
        launch(Convert::<f32, u8> {
            input: numbers(self.tensor())?,
            out: numbers_mut(&mut data)?,
        });
        Ok(Value::new(data, self.steps))
    }
}

/// A value in floating-point numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide<'a> {
    pub tensor: &'a Tensor,
    pub steps: usize,
}

/// A value to read, or to overwrite when this is its last reader.
#[derive(Debug)]
pub(super) enum Operand<'a> {
    /// May be overwritten.
    Own(Value),
    /// Has later readers.
    Shared(&'a Value),
}

impl<'a> Operand<'a> {
    /// The numbers as floating-point ones.
    pub(super) fn wide(self) -> Result<Operand<'a>, TorchError> {
        if !self.value().is_bytes() {
            return Ok(self);
        }
        self.value().wide_copy().map(Operand::Own)
    }
    pub(super) fn value(&self) -> &Value {
        match self {
            Operand::Own(value) => value,
            Operand::Shared(value) => value,
        }
    }
    pub(super) fn tensor(&self) -> &Tensor {
        self.value().tensor()
    }
}
