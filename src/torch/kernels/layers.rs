//! Layers by convolutions of our own: the sums and what follows them in one sweep.
#![forbid(unsafe_code)]

use tch::Kind;

use super::neurons::{Use, recorded};
use super::{
    Population, Record, TorchError, Value, drive_of, numbers, numbers_mut, residual, rows,
};
use crate::network::Shape;
use crate::torch::loops::{Affine, Bytes, Dot, Drive, Floats, Input, Tail};
use crate::torch::memory::{ByteProducts, Fresh, Vectors};
use crate::torch::weights::{AffineTensors, Sums};

/// A convolution that waits for its tail.
struct Convolve<'a> {
    numbers: Numbers<'a>,
    steps: usize,
    images: usize,
    from: Shape,
    to: Shape,
}

/// What is multiplied.
enum Numbers<'a> {
    Bytes(ByteProducts, &'a Bytes, Input<'a, u8>),
    Floats(Vectors, &'a Floats, Input<'a, f32>),
}

impl<'a> Convolve<'a> {
    /// `x` holds bytes where `sums` are of bytes. None where libtorch makes the sums.
    fn new(x: &'a Value, sums: &'a Sums, to: Shape) -> Result<Option<Self>, TorchError> {
        let size = x.tensor().size();
        let at = |i: usize| size.get(i).map_or(0, |&n| n as usize);
        let numbers = match sums {
            Sums::Libtorch(_) => return Ok(None),
            Sums::Bytes(products, packed) => {
                Numbers::Bytes(*products, packed, Input::Same(numbers(x.tensor())?))
            }
            Sums::Floats(vectors, packed) => {
                let input = match x.is_bytes() {
                    true => Input::Bytes(numbers(x.tensor())?),
                    false => Input::Same(numbers(x.tensor())?),
                };
                Numbers::Floats(*vectors, packed, input)
            }
        };
        Ok(Some(Convolve {
            numbers,
            steps: x.steps,
            images: at(0) / x.steps.max(1),
            from: Shape {
                height: at(1),
                width: at(2),
                channels: at(3),
            },
            to,
        }))
    }
}

impl Use<f32> for Convolve<'_> {
    fn with(self, tail: impl Tail<f32>) {
        macro_rules! dot {
            ($packed:expr, $input:expr) => {
                Dot {
                    packed: $packed,
                    steps: self.steps,
                    images: self.images,
                    height: self.from.height,
                    width: self.from.width,
                    out_height: self.to.height,
                    out_width: self.to.width,
                    input: $input,
                    tail,
                }
            };
        }
        match self.numbers {
            Numbers::Bytes(products, packed, input) => products.launch(dot!(packed, input)),
            Numbers::Floats(vectors, packed, input) => vectors.launch(dot!(packed, input)),
        }
    }
}

/// A layer and the neurons behind it. None where libtorch makes the sums.
pub(in crate::torch) fn firing_layer(
    x: &Value,
    sums: &Sums,
    population: &Population<'_>,
    record: &mut Record,
) -> Result<Option<Value>, TorchError> {
    let kind = match population.bytes {
        true => Kind::Uint8,
        false => Kind::Float,
    };
    let Some(convolve) = Convolve::new(x, sums, population.shape)? else {
        return Ok(None);
    };
    let own_residual = residual(population, kind)?;
    let population = &Population {
        residual: own_residual.as_ref().or(population.residual),
        ..*population
    };
    let (steps, images) = (population.steps, population.images);
    let mut out = Fresh::unset(steps * images, population.shape, kind)?;
    match kind {
        Kind::Uint8 => recorded::<f32, u8, _>(&mut out, population, record, convolve)?,
        _ => recorded::<f32, f32, _>(&mut out, population, record, convolve)?,
    }
    Ok(Some(Value::new(out, steps)))
}

/// A layer's sums, with an affine and a residual where there are any. None where libtorch makes the sums.
pub(in crate::torch) fn layer(
    x: &Value,
    sums: &Sums,
    shape: Shape,
    affine: Option<&AffineTensors>,
    residual: Option<&Value>,
) -> Result<Option<Value>, TorchError> {
    let residual = residual.map(Value::wide).transpose()?;
    let (residual, residual_steps) = match residual {
        Some(r) => (drive_of(Some(r.tensor), r.steps)?, r.steps),
        None => (Drive::InPlace, 1),
    };
    let Some(convolve) = Convolve::new(x, sums, shape)? else {
        return Ok(None);
    };
    let (steps, images) = (convolve.steps.max(residual_steps), convolve.images);
    let mut out = Fresh::unset(steps * images, shape, Kind::Float)?;
    let sizes = (steps, images, shape.channels);
    let affine = affine.map(rows).transpose()?;
    convolve.with(Affine::new(sizes, affine, residual, numbers_mut(&mut out)?));
    Ok(Some(Value::new(out, steps)))
}
