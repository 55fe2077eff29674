//! The parameters that a step is run with.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tch::Tensor;

use super::fixed::FixedStep;
use crate::kernels::{ByteConv, Bytes, FloatConv, Floats, Packed};
use crate::network::Dynamics;
use crate::quant::fixed::Grid;
use crate::torch::convolution::Convolution;

/// The per-channel affine `y = scale * x + shift`, `[channels]` each.
#[derive(Debug)]
pub(in crate::torch) struct AffineTensors {
    pub scale: Tensor,
    pub shift: Tensor,
    /// The grid that the result, in its steps, is rounded to; then both are f64.
    pub grid: Option<Grid>,
}

impl AffineTensors {
    /// A second handle to the same tensors.
    fn share(&self) -> Self {
        AffineTensors {
            scale: self.scale.shallow_clone(),
            shift: self.shift.shallow_clone(),
            grid: self.grid,
        }
    }
}

/// The way a layer accumulates.
#[derive(Debug)]
pub(in crate::torch) enum Accumulation {
    /// Falls back to libtorch.
    Libtorch(Convolution),
    /// A native convolution of whole numbers that fit bytes, exact.
    Bytes(ByteConv, Arc<Packed<Bytes>>),
    /// A native convolution of f32.
    Floats(FloatConv, Arc<Packed<Floats>>),
}

/// The parameters of one step.
#[derive(Debug, Default)]
pub(in crate::torch) struct Parameters {
    /// Of a layer.
    pub accumulation: Option<Accumulation>,
    pub affine: Option<AffineTensors>,
    /// What the step adds to its input: `[1, height, width, channels]`.
    pub constant: Option<Tensor>,
    /// Of the step's neurons.
    pub neuron: Option<Dynamics>,
    /// Where it is computed in fixed-point arithmetic.
    pub fixed: Option<FixedStep>,
    /// What keeps the sum with a residual on its grid, where no other affine does.
    pub sum: Option<AffineTensors>,
    pub(super) squares: Squares,
}

impl Parameters {
    /// Bytes of memory.
    pub(super) fn bytes(&self) -> u64 {
        let of = |t: &Tensor| t.numel() * t.kind().elt_size_in_bytes();
        let weights = self.accumulation.as_ref().map_or(0, |a| match a {
            Accumulation::Libtorch(c) => of(&c.weight) + c.bias.as_ref().map_or(0, of),
            Accumulation::Bytes(_, packed) => packed.bytes(),
            Accumulation::Floats(_, packed) => packed.bytes(),
        });
        let affine = self.affine.as_ref();
        let affine = affine.map_or(0, |a| of(&a.scale) + of(&a.shift));
        (weights + affine + self.constant.as_ref().map_or(0, of)) as u64
    }

    /// A second handle to the same tensors, which are never written to.
    pub(super) fn share(&self) -> Self {
        Parameters {
            accumulation: self.accumulation.as_ref().map(|a| match a {
                Accumulation::Libtorch(c) => Accumulation::Libtorch(Convolution {
                    weight: c.weight.shallow_clone(),
                    bias: c.bias.as_ref().map(Tensor::shallow_clone),
                    ..*c
                }),
                Accumulation::Bytes(products, packed) => {
                    Accumulation::Bytes(*products, Arc::clone(packed))
                }
                Accumulation::Floats(vectors, packed) => {
                    Accumulation::Floats(*vectors, Arc::clone(packed))
                }
            }),
            affine: self.affine.as_ref().map(AffineTensors::share),
            constant: self.constant.as_ref().map(Tensor::shallow_clone),
            neuron: self.neuron,
            fixed: self.fixed,
            sum: self.sum.as_ref().map(AffineTensors::share),
            squares: self.squares,
        }
    }
}

/// Sums of squares over a layer's weights: the quantization error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Squares {
    /// Of what quantization changes.
    pub changed: f64,
    /// Of the float weights.
    pub float: f64,
}

impl Squares {
    /// What is changed relative to the float weights; 0 where these are all zero.
    pub fn relative(self) -> f64 {
        match self.float > 0.0 {
            true => self.changed / self.float,
            false => 0.0,
        }
    }
}
