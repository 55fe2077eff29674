//! The choice of the kernel that accumulates a layer.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::parameters::Accumulation;
use crate::kernels::{ByteConv, FloatConv, Packed, Window};
use crate::network::{Layer, ValueRange};
use crate::quant::BitWidth;

/// The native convolutions that this processor can run.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::torch) struct NativeKernels {
    pub bytes: Option<ByteConv>,
    pub floats: Option<FloatConv>,
    /// Whether sums that are exact in any order are left to libtorch. The others are accumulated
    /// alike in every mode, because their last digits depend on it.
    pub exact_by_libtorch: bool,
}

impl NativeKernels {
    /// All that the processor can run.
    pub(super) fn detect() -> Self {
        NativeKernels {
            bytes: ByteConv::detect(),
            floats: FloatConv::detect(),
            exact_by_libtorch: false,
        }
    }

    /// The accumulation over bytes of a layer whose sums are exact and whose inputs fit; else none.
    pub(super) fn bytes(
        &self,
        layer: &Layer,
        width: BitWidth,
        values: &[i16],
    ) -> Option<Accumulation> {
        let kernel = self.bytes?;
        let ValueRange::Integer(most) = layer.input else {
            return None;
        };
        let (window, groups) = geometry(layer);
        if !layer.exact_at(width) {
            return None;
        }
        let values = values.iter().map(|&q| i8::try_from(q));
        let values: Vec<i8> = values.collect::<Result<_, _>>().ok()?;
        let heaviest = values.iter().map(|q| q.unsigned_abs()).max()?;
        let narrow = kernel.narrow(u8::try_from(most).ok()?, heaviest)?;
        let packed = Packed::new(
            &values,
            (layer.channels(), groups),
            window,
            kernel.vectors(),
        )?;
        let packed = packed.with_narrow(narrow);
        Some(Accumulation::Bytes(kernel, Arc::new(packed)))
    }

    /// The accumulation over f32, where the processor has one.
    pub(super) fn floats(
        &self,
        layer: &Layer,
        weight: &[f32],
        bias: Option<&[f64]>,
    ) -> Option<Accumulation> {
        let kernel = self.floats?;
        let (window, groups) = geometry(layer);
        let packed = Packed::new(weight, (layer.channels(), groups), window, kernel.vectors())?;
        let bias = bias.map(|b| b.iter().map(|&x| x as f32).collect());
        Some(Accumulation::Floats(
            kernel,
            Arc::new(packed.with_bias(bias)),
        ))
    }
}

/// The window of a layer, and its groups.
pub(in crate::torch) fn geometry(layer: &Layer) -> (Window, usize) {
    let (kernel, stride, padding, groups) = layer.kind.window();
    let window = match layer.kind.is_1d() {
        true => Window::row(kernel, stride, padding),
        false => Window::square(kernel, stride, padding),
    };
    (window, groups)
}
