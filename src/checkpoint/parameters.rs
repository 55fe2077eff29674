//! The parameters of layers and channelwise operations, out of a checkpoint's tensors.

use std::borrow::Cow;

use super::StateDict;
use super::repconv::Chain;
use crate::network::{ConstantLayout, Dynamics, Layer, Neuron, PerChannel, Shape, WeightSource};
use crate::quant::Normalization;

/// A tensor that is missing or has another shape than the network needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("weights: {key} {why}")]
pub struct WrongTensor {
    /// The state-dict key.
    pub key: String,
    /// What is wrong.
    pub why: String,
}

/// What is wrong with firing rates of 0.
pub(super) const NO_RATES: &str =
    "firing rates not above 0 (the network was saved before it saw training images)";

/// A layer's weight and bias.
pub type WeightAndBias<'a> = (Weight<'a>, Option<Vec<f64>>);

/// A layer's weight.
#[derive(Clone, Debug, PartialEq)]
pub enum Weight<'a> {
    /// As the checkpoint has it.
    Stored(&'a [f32]),
    /// Made of several tensors.
    Computed(Vec<f64>),
}

impl Weight<'_> {
    /// The sum of all squares.
    pub fn square(&self) -> f64 {
        match self {
            Weight::Stored(w) => w.iter().map(|&x| f64::from(x) * f64::from(x)).sum(),
            Weight::Computed(w) => w.iter().map(|x| x * x).sum(),
        }
    }

    /// The weight, rounded to f32 where it was computed.
    pub fn rounded(&self) -> Cow<'_, [f32]> {
        match self {
            Weight::Stored(w) => (*w).into(),
            Weight::Computed(w) => w.iter().map(|&x| x as f32).collect(),
        }
    }
}

impl StateDict {
    /// A layer's float weight and bias; those of a RepConv chain are merged.
    ///
    /// # Errors
    /// [`WrongTensor`] for a tensor that is missing or misshapen.
    pub fn weight_and_bias(&self, layer: &Layer) -> Result<WeightAndBias<'_>, WrongTensor> {
        let bias = self.bias(layer)?;
        let weight = match layer.source {
            WeightSource::MergedRepConv => Weight::Computed(Chain::of(self, layer)?.weight()),
            WeightSource::Stored => {
                let key = format!("{}.weight", layer.name);
                Weight::Stored(self.of_shape(&key, &layer.weight_shape)?)
            }
        };
        Ok((weight, bias))
    }

    /// A layer's bias alone; none where it has none.
    ///
    /// # Errors
    /// As [`StateDict::weight_and_bias`].
    pub fn bias(&self, layer: &Layer) -> Result<Option<Vec<f64>>, WrongTensor> {
        Ok(match layer.source {
            WeightSource::MergedRepConv => Some(Chain::of(self, layer)?.bias()),
            WeightSource::Stored if layer.bias => {
                Some(self.wide(&format!("{}.bias", layer.name), &[layer.channels()])?)
            }
            WeightSource::Stored => None,
        })
    }

    /// A batch norm or a scale.
    ///
    /// # Errors
    /// [`WrongTensor`] for a tensor that is missing or misshapen.
    pub fn normalization(
        &self,
        operation: &PerChannel,
        channels: usize,
    ) -> Result<Normalization, WrongTensor> {
        match operation {
            PerChannel::BatchNorm(name) => self.batch_norm(name, channels),
            PerChannel::Scale(key) => Ok(Normalization::scale(self.wide(key, &[channels])?)),
            &PerChannel::HeadScale {
                ref key,
                heads,
                terms,
            } => {
                let factors = self.head_factors(key, heads, terms)?.into_iter();
                let of_head = channels / heads.max(1);
                let factors = factors.flat_map(|factor| std::iter::repeat_n(factor, of_head));
                Ok(Normalization::scale(factors.collect()))
            }
        }
    }

    /// `1 / sqrt(rate * terms)` of each head, of the firing rates of a key.
    ///
    /// # Errors
    /// [`WrongTensor`] for rates that are missing, misshapen or not above 0.
    pub fn head_factors(
        &self,
        key: &str,
        heads: usize,
        terms: usize,
    ) -> Result<Vec<f64>, WrongTensor> {
        let rates = self.wide(key, &[1, 1, heads, 1, 1])?;
        if rates.iter().any(|&rate| !rate.is_finite() || rate <= 0.0) {
            return Err(WrongTensor {
                key: key.to_owned(),
                why: format!("has {NO_RATES}"),
            });
        }
        let factor = |rate: f64| 1.0 / (rate * terms as f64).sqrt();
        Ok(rates.into_iter().map(factor).collect())
    }

    /// Neurons with their numbers, a trained time constant among them.
    ///
    /// # Errors
    /// [`WrongTensor`] for a trained number that is missing, more than one, or not finite.
    pub fn dynamics(&self, neuron: &Neuron) -> Result<Dynamics, WrongTensor> {
        neuron.dynamics(|key| {
            let wrong = |why: String| WrongTensor {
                key: key.to_owned(),
                why,
            };
            let tensor = self.get(key);
            let tensor =
                tensor.ok_or_else(|| wrong("is missing from the checkpoint".to_owned()))?;
            match tensor.values[..] {
                [w] if w.is_finite() => Ok(f64::from(w)),
                [w] => Err(wrong(format!("holds {w}, not a finite number"))),
                _ => Err(wrong(format!(
                    "has shape {:?} in the checkpoint; a time constant is one number",
                    tensor.shape
                ))),
            }
        })
    }

    /// A constant that is added to a value of this shape: `[positions, channels]`.
    ///
    /// # Errors
    /// [`WrongTensor`] for a tensor that is missing or misshapen.
    pub fn constant(
        &self,
        key: &str,
        layout: ConstantLayout,
        value: Shape,
    ) -> Result<Vec<f32>, WrongTensor> {
        let known = self.get(key).map_or(&[][..], |t| &t.shape[..]);
        let wanted = layout.shape(value);
        // As many dimensions of 1 as there are before the others.
        let ones = known.len().saturating_sub(wanted.len());
        let shape: Vec<usize> = std::iter::repeat_n(1, ones).chain(wanted).collect();
        let values = self.of_shape(key, &shape)?;
        if layout == ConstantLayout::Tokens {
            return Ok(values.to_vec());
        }
        let (channels, positions) = (value.channels, value.height * value.width);
        if layout == ConstantLayout::Channels {
            return Ok(values.repeat(positions));
        }
        let places = (0..positions).flat_map(|n| (0..channels).map(move |c| c * positions + n));
        Ok(places.filter_map(|at| values.get(at)).copied().collect())
    }

    /// A batch norm by its name.
    pub(super) fn batch_norm(
        &self,
        name: &str,
        channels: usize,
    ) -> Result<Normalization, WrongTensor> {
        let part = |part: &str| self.wide(&format!("{name}.{part}"), &[channels]);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        Ok(Normalization::batch_norm(&gamma, beta, mean, &variance))
    }

    /// A tensor in f64.
    pub(super) fn wide(&self, key: &str, shape: &[usize]) -> Result<Vec<f64>, WrongTensor> {
        let values = self.of_shape(key, shape)?;
        Ok(values.iter().map(|&x| f64::from(x)).collect())
    }

    fn of_shape(&self, key: &str, shape: &[usize]) -> Result<&[f32], WrongTensor> {
        let wrong = |why: String| WrongTensor {
            key: key.to_owned(),
            why,
        };
        let tensor = self.get(key);
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
