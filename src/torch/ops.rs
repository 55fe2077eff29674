//! The operations between the convolutions that are the executor's own (libtorch does what is exact in any order), as a trait with two implementations:
//! fused loops for the CPU ([`super::kernels`]) and plain tensor operations for every device ([`super::plain`]).
//! Both give the same numbers.
#![forbid(unsafe_code)]

use std::cell::OnceCell;

use tch::{Kind, Tensor};

use super::TorchError;
use super::loops::Convert;
use super::memory::{Fresh, launch, numbers, numbers_mut};
use super::plan::Pool;
use super::record::Record;
use super::weights::AffineTensors;
use crate::network::{Neuron, Shape, SiteId};

/// A value of the network: `[steps * images, height, width, channels]`, time-major. Whole numbers up to 255 may be stored
/// as bytes; everything else is f32 or f64.
#[derive(Debug)]
pub(super) struct Value {
    pub data: Fresh,
    /// Time steps it holds: 1 where it is the same at every time step.
    pub steps: usize,
    /// The same numbers as f32, once somebody asked.
    wide: OnceCell<Tensor>,
}

impl Value {
    pub(super) fn new(data: Fresh, steps: usize) -> Self {
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
    /// A value of its own as f32, of bytes.
    pub(super) fn wide_copy(&self) -> Result<Value, TorchError> {
        let mut data = Fresh::unset_like(self.tensor(), Kind::Float)?;
        launch(Convert::<u8, f32> {
            input: numbers(self.tensor())?,
            out: numbers_mut(&mut data)?,
        });
        Ok(Value::new(data, self.steps))
    }
    /// The same whole numbers, which the caller knows to be 0 to 255, as bytes.
    pub(super) fn to_bytes(&self) -> Result<Value, TorchError> {
        let mut data = Fresh::unset_like(self.tensor(), Kind::Uint8)?;
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

/// A value to read, or to use up when nobody reads it later.
#[derive(Debug)]
pub(super) enum Operand<'a> {
    /// May be overwritten.
    Own(Value),
    /// Somebody reads it later.
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

/// A neuron population and what is fused with it.
#[derive(Debug)]
pub(super) struct Population<'a> {
    pub site: SiteId,
    pub neuron: Neuron,
    /// Whether the state runs on from image to image ([`Site::batch_leak`](crate::network::Site::batch_leak)).
    pub batch_leak: bool,
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    pub shape: Shape,
    /// Applied to the input.
    pub affine: Option<&'a AffineTensors>,
    /// Added to the spikes.
    pub residual: Option<&'a Value>,
    /// Whether the result is to be stored as bytes.
    pub bytes: bool,
}

/// The operations. Values have [`Value`]'s layout.
pub(super) trait Ops: Sync {
    /// A value that nobody reads any more.
    fn release(&self, value: Value);
    /// `scale * x + shift` per channel where an affine is given, plus the residual where there is one.
    fn affine(
        &self,
        x: Operand<'_>,
        affine: Option<&AffineTensors>,
        residual: Option<&Value>,
    ) -> Result<Value, TorchError>;
    /// Max-pooling, of `scale * x + shift` where an affine is given.
    fn max_pool(
        &self,
        x: &Value,
        from: Shape,
        pool: Pool,
        affine: Option<&AffineTensors>,
    ) -> Result<Value, TorchError>;
    /// Neurons over all time steps: spikes, plus the residual.
    fn neuron(
        &self,
        x: Operand<'_>,
        population: &Population<'_>,
        record: &mut Record,
    ) -> Result<Value, TorchError>;
    /// Sum over each head's channels; `shape` is the result's.
    fn head_sum(&self, x: &Value, shape: Shape) -> Result<Value, TorchError>;
    /// Each head's channels of a value times the head's mask.
    fn head_mask(&self, mask: &Value, x: Operand<'_>, heads: usize) -> Result<Value, TorchError>;
    /// `scale * q (k^T v)` per head; `shape` is v's and the result's.
    fn attention(
        &self,
        qkv: [&Value; 3],
        shape: Shape,
        heads: usize,
        scale: f64,
    ) -> Result<Value, TorchError>;
    /// Mean over positions: `[rows, 1, 1, channels]`.
    fn token_mean(&self, x: &Value) -> Result<Value, TorchError>;
    /// Sum over positions and time steps: `[images, 1, 1, channels]`.
    fn token_time_sum(&self, x: &Value) -> Result<Value, TorchError>;
}

/// The CPU kernels.
#[derive(Debug)]
pub(super) struct Native;

/// Tensor operations only.
#[derive(Debug)]
pub(super) struct Plain;
