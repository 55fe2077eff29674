//! The convolutions that families append.

use serde::{Deserialize, Serialize};

use super::super::WeightSource;

/// How the authors' code stores the weight of a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::network) enum Form {
    /// `nn.Conv2d`: `[O, I, k, k]`.
    #[default]
    Map,
    /// `nn.Conv1d` over tokens, kernel 1: `[O, I, 1]`.
    Sequence,
    /// `nn.Linear` over tokens: `[O, I]`.
    Matrix,
}

/// A convolution to append; square, at first padded to keep the size at stride 1 and without bias.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Conv {
    pub(super) out: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) groups: usize,
    pub(super) bias: bool,
    pub(super) form: Form,
    pub(super) source: WeightSource,
}

impl Conv {
    /// A convolution; the size is kept where the kernel is odd.
    pub(in crate::network) fn square(out: usize, kernel: usize) -> Self {
        Conv {
            out,
            kernel,
            stride: 1,
            padding: kernel / 2,
            groups: 1,
            bias: false,
            form: Form::Map,
            source: WeightSource::Stored,
        }
    }
    /// A 3x3 convolution.
    pub(in crate::network) fn three(out: usize) -> Self {
        Conv::square(out, 3)
    }
    /// A 1x1 convolution.
    pub(in crate::network) fn one(out: usize, form: Form) -> Self {
        Conv {
            form,
            ..Conv::square(out, 1)
        }
    }
    /// A depthwise convolution: every channel by itself.
    pub(in crate::network) fn depthwise(channels: usize, kernel: usize) -> Self {
        Conv::square(channels, kernel).groups(channels)
    }
    /// The same with inputs and outputs divided among groups.
    pub(in crate::network) fn groups(self, groups: usize) -> Self {
        Conv { groups, ..self }
    }
    /// How its weight is stored.
    pub(in crate::network) fn form(self) -> Form {
        self.form
    }
    /// The same with a weight stored otherwise.
    pub(in crate::network) fn with_form(self, form: Form) -> Self {
        Conv { form, ..self }
    }
    /// The same with a stride.
    pub(in crate::network) fn stride(self, stride: usize) -> Self {
        Conv { stride, ..self }
    }
    /// The same with another zero padding.
    pub(in crate::network) fn padding(self, padding: usize) -> Self {
        Conv { padding, ..self }
    }
    /// The same with a weight made of several tensors.
    pub(in crate::network) fn source(self, source: WeightSource) -> Self {
        Conv { source, ..self }
    }
    /// The same with or without a bias.
    pub(in crate::network) fn bias(self, bias: bool) -> Self {
        Conv { bias, ..self }
    }
}
