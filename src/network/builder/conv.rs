//! The convolutions that families append.

/// How the authors' code stores the weight of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::network) enum Form {
    /// `nn.Conv2d`: `[O, I, k, k]`.
    Map,
    /// `nn.Conv1d` over tokens, kernel 1: `[O, I, 1]`.
    Sequence,
    /// `nn.Linear` over tokens: `[O, I]`.
    Matrix,
}

/// A convolution to append; square, padded to keep the size at stride 1.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Conv {
    pub(super) out: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) bias: bool,
    pub(super) form: Form,
}

impl Conv {
    /// A 3x3 convolution with padding 1, without bias.
    pub(in crate::network) fn three(out: usize) -> Self {
        Conv {
            out,
            kernel: 3,
            stride: 1,
            bias: false,
            form: Form::Map,
        }
    }
    /// A 1x1 convolution without bias.
    pub(in crate::network) fn one(out: usize, form: Form) -> Self {
        Conv {
            out,
            kernel: 1,
            stride: 1,
            bias: false,
            form,
        }
    }
    /// How its weight is stored.
    pub(in crate::network) fn form(self) -> Form {
        self.form
    }
    /// The same with a stride.
    pub(in crate::network) fn stride(self, stride: usize) -> Self {
        Conv { stride, ..self }
    }
    /// The same with or without a bias.
    pub(in crate::network) fn bias(self, bias: bool) -> Self {
        Conv { bias, ..self }
    }
}
