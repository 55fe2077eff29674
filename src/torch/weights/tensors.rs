//! The tensors of a checkpoint that parameters are made of.
#![forbid(unsafe_code)]

use crate::checkpoint::StateDict;
use crate::network::{Layer, PerChannel};
use crate::quant::Normalization;
use crate::torch::TorchError;

/// A layer's weight and bias.
pub(in crate::torch) type WeightAndBias<'a> = (Weight<'a>, Option<Vec<f64>>);

/// A layer's weight.
pub(in crate::torch) enum Weight<'a> {
    /// As the checkpoint has it.
    Stored(&'a [f32]),
    /// Made of several tensors.
    Computed(Vec<f64>),
}

impl Weight<'_> {
    /// The sum of all squares.
    pub(super) fn square(&self) -> f64 {
        match self {
            Weight::Stored(w) => w.iter().map(|&x| f64::from(x) * f64::from(x)).sum(),
            Weight::Computed(w) => w.iter().map(|x| x * x).sum(),
        }
    }

    /// The weight, rounded to f32 where it was computed.
    pub(in crate::torch) fn rounded(&self) -> std::borrow::Cow<'_, [f32]> {
        match self {
            Weight::Stored(w) => (*w).into(),
            Weight::Computed(w) => w.iter().map(|&x| x as f32).collect(),
        }
    }
}

/// Reads tensors, whose shapes must be those that the network needs.
#[derive(Clone, Copy)]
pub(super) struct Tensors<'a>(pub &'a StateDict);

impl<'a> Tensors<'a> {
    /// A layer's weight and bias.
    pub(super) fn stored(self, layer: &Layer) -> Result<WeightAndBias<'a>, TorchError> {
        let weight = self.tensor(&format!("{}.weight", layer.name), &layer.weight_shape)?;
        let bias = match layer.bias {
            true => Some(self.wide(&format!("{}.bias", layer.name), &[layer.channels()])?),
            false => None,
        };
        Ok((Weight::Stored(weight), bias))
    }

    /// A batch norm or a scale.
    pub(super) fn per_channel(
        self,
        operation: &PerChannel,
        channels: usize,
    ) -> Result<Normalization, TorchError> {
        match operation {
            PerChannel::BatchNorm(name) => self.norm(name, channels),
            PerChannel::Scale(key) => Ok(Normalization::scale(self.wide(key, &[channels])?)),
        }
    }

    /// A batch norm.
    pub(super) fn norm(self, name: &str, channels: usize) -> Result<Normalization, TorchError> {
        let part = |part: &str| self.wide(&format!("{name}.{part}"), &[channels]);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        Ok(Normalization::batch_norm(&gamma, beta, mean, &variance))
    }

    /// A tensor in f64.
    pub(super) fn wide(self, key: &str, shape: &[usize]) -> Result<Vec<f64>, TorchError> {
        let values = self.tensor(key, shape)?;
        Ok(values.iter().map(|&x| f64::from(x)).collect())
    }

    fn tensor(self, key: &str, shape: &[usize]) -> Result<&'a [f32], TorchError> {
        let wrong = |why: String| TorchError::Weights {
            key: key.to_owned(),
            why,
        };
        let tensor = self.0.get(key);
        let tensor = tensor.ok_or_else(|| wrong("is missing from the checkpoint".to_owned()))?;
        if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
            return Err(wrong(format!(
                "has shape {:?} in the checkpoint, the network needs {shape:?}",
                tensor.shape
            )));
        }
        Ok(&tensor.values)
    }
}
