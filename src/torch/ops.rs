//! The operations between the convolutions that are not left to libtorch (which does what is exact
//! in any order), as a trait with two implementations: native kernels for the CPU
//! ([`super::native`]) and plain tensor operations for every device ([`super::plain`]). Both give
//! the same numbers.
#![forbid(unsafe_code)]

use super::TorchError;
use super::heads::HeadProduct;
use super::plan::Pool;
use super::record::Record;
use super::value::{Operand, Value};
use super::weights::AffineTensors;
use crate::kernels::FixedDynamics;
use crate::network::{Dynamics, Shape, SiteId};

/// A neuron population and what is fused with it.
#[derive(Debug)]
pub(super) struct Population<'a> {
    pub site: SiteId,
    pub neuron: Dynamics,
    /// Whether the state runs on from image to image
    /// ([`Site::batch_leak`](crate::network::Site::batch_leak)).
    pub batch_leak: bool,
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    pub shape: Shape,
    /// Applied to the input.
    pub affine: Option<&'a AffineTensors>,
    /// The dynamics in fixed-point arithmetic, of neurons with a state.
    pub fixed: Option<FixedDynamics>,
    /// Added to the spikes.
    pub residual: Option<&'a Value>,
    /// Whether the result is to be stored as bytes.
    pub bytes: bool,
}

/// The operations. Values have [`Value`]'s layout.
pub(super) trait Ops: Sync {
    /// Gives back the memory of a value without further readers.
    fn release(&self, value: Value);
    /// `scale * x + shift` per channel where an affine is given, plus the residual where there is
    /// one.
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
    /// Products of two values per head, in f64 and rounded once.
    fn head_product(
        &self,
        product: HeadProduct,
        inputs: [&Value; 2],
        heads: usize,
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
