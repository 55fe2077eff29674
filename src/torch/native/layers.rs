//! Layers by native convolutions, with what follows the sums as their epilogue.
#![forbid(unsafe_code)]

use tch::Kind;

use super::neurons::{EpilogueUser, recorded};
use super::{
    Population, Record, TorchError, Value, fixed_rows, float_rows, numbers, numbers_mut, residual,
    signal_of,
};
use crate::kernels::{
    AffineEpilogue, ByteConv, Bytes, Conv, ConvInput, Epilogue, Extent, FloatConv, Floats,
    Operands, Packed, Target,
};
use crate::network::Shape;
use crate::torch::buffer::Buffer;
use crate::torch::weights::{Accumulation, AffineTensors};

/// A convolution that waits for its epilogue.
enum NativeConv<'a> {
    Bytes(ByteConv, Conv<'a, Bytes>),
    Floats(FloatConv, Conv<'a, Floats>),
}

impl<'a> NativeConv<'a> {
    /// `x` holds bytes where the accumulation is of bytes. None where it falls back to libtorch.
    fn new(
        x: &'a Value,
        accumulation: &'a Accumulation,
        to: Shape,
    ) -> Result<Option<Self>, TorchError> {
        Ok(match accumulation {
            Accumulation::Libtorch(_) => None,
            Accumulation::Bytes(kernel, packed) => {
                let input = ConvInput::Same(numbers(x.tensor())?);
                Some(NativeConv::Bytes(*kernel, conv(x, packed, input, to)))
            }
            Accumulation::Floats(kernel, packed) => {
                let input = match x.is_bytes() {
                    true => ConvInput::Bytes(numbers(x.tensor())?),
                    false => ConvInput::Same(numbers(x.tensor())?),
                };
                Some(NativeConv::Floats(*kernel, conv(x, packed, input, to)))
            }
        })
    }
}

fn conv<'a, O: Operands>(
    x: &Value,
    packed: &'a Packed<O>,
    input: ConvInput<'a, O::Input>,
    to: Shape,
) -> Conv<'a, O> {
    let map = |shape: Shape| match packed.is_row() {
        true => (1, shape.height * shape.width),
        false => (shape.height, shape.width),
    };
    let ((height, width), (out_height, out_width)) = (map(super::shape_of(x)), map(to));
    Conv {
        packed,
        steps: x.steps,
        images: images(x),
        height,
        width,
        out_height,
        out_width,
        input,
    }
}

fn images(x: &Value) -> usize {
    super::row_count(x) / x.steps.max(1)
}

impl EpilogueUser<f32> for NativeConv<'_> {
    fn with(self, epilogue: impl Epilogue<f32>) {
        match self {
            NativeConv::Bytes(kernel, conv) => kernel.launch(conv, epilogue),
            NativeConv::Floats(kernel, conv) => kernel.launch(conv, epilogue),
        }
    }
}

/// A layer and the neurons behind it. None where it falls back to libtorch.
pub(in crate::torch) fn firing_layer(
    x: &Value,
    accumulation: &Accumulation,
    population: &Population<'_>,
    record: &mut Record,
) -> Result<Option<Value>, TorchError> {
    let kind = match population.bytes {
        true => Kind::Uint8,
        false => Kind::Float,
    };
    let Some(conv) = NativeConv::new(x, accumulation, population.shape)? else {
        return Ok(None);
    };
    let own_residual = residual(population, kind)?;
    let population = &Population {
        residual: own_residual.as_ref().or(population.residual),
        ..*population
    };
    let (steps, images) = (population.steps, population.images);
    let mut out = Buffer::unset(steps * images, population.shape, kind)?;
    match kind {
        Kind::Uint8 => recorded::<f32, u8, _>(&mut out, population, record, conv)?,
        _ => recorded::<f32, f32, _>(&mut out, population, record, conv)?,
    }
    Ok(Some(Value::new(out, steps)))
}

/// A layer's sums, with an affine and a residual where there are any. None where it falls back to
/// libtorch.
pub(in crate::torch) fn layer(
    x: &Value,
    accumulation: &Accumulation,
    shape: Shape,
    affine: Option<&AffineTensors>,
    residual: Option<&Value>,
) -> Result<Option<Value>, TorchError> {
    let residual = residual.map(Value::wide).transpose()?;
    let residual_steps = residual.map_or(1, |r| r.steps);
    let residual = residual.map(|r| signal_of(r.tensor, r.steps)).transpose()?;
    let Some(conv) = NativeConv::new(x, accumulation, shape)? else {
        return Ok(None);
    };
    let (steps, images) = (x.steps.max(residual_steps), images(x));
    let mut out = Buffer::unset(steps * images, shape, Kind::Float)?;
    let extent = Extent {
        steps,
        images,
        channels: shape.channels,
    };
    let (float, fixed) = (float_rows(affine)?, fixed_rows(affine)?);
    let target = Target::new(extent, float, residual, numbers_mut(&mut out)?).onto(fixed);
    conv.with(AffineEpilogue(target));
    Ok(Some(Value::new(out, steps)))
}
