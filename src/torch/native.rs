//! The operations on CPU tensors by native [`kernels`](crate::kernels).
#![forbid(unsafe_code)]

mod layers;
mod neurons;

use std::ops::{Add, Mul};

use tch::kind::Element;
use tch::{Kind, Tensor};

use super::TorchError;
use super::buffer::Buffer;
use super::error::Context;
use super::heads::{self, HeadProduct};
use super::ops::{Native, Ops, Population};
use super::plan::Pool;
use super::record::Record;
use super::slices::{numbers, numbers_mut};
use super::value::{Operand, Value};
use super::weights::AffineTensors;
use crate::kernels::{
    AffineEpilogue, AffineRows, Attention, Elementwise, Extent, FixedRows, Float, HeadMask,
    HeadSum, MaxPool, Requantize, Signal, Stored, Target, TokenTimeSum, launch,
};
use crate::network::Shape;
pub(super) use layers::{firing_layer, layer};
use neurons::neurons;

/// Calls a generic function for the number format of a tensor of floating-point numbers.
macro_rules! by_kind {
    ($kind:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $kind {
            Kind::Double => $function::<f64>($($argument),*),
            _ => $function::<f32>($($argument),*),
        }
    };
}

/// Calls a generic function for the number format that is computed with and the one that numbers
/// are stored in.
macro_rules! by_storage {
    ($kind:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $kind {
            Kind::Double => $function::<f64, f64>($($argument),*),
            Kind::Uint8 => $function::<f32, u8>($($argument),*),
            _ => $function::<f32, f32>($($argument),*),
        }
    };
}

/// The floating-point format that goes with a stored one.
fn wide_kind(kind: Kind) -> Kind {
    match kind {
        Kind::Uint8 => Kind::Float,
        other => other,
    }
}

fn rows<F: Element>(affine: &AffineTensors) -> Result<AffineRows<'_, F>, TorchError> {
    Ok(AffineRows {
        scale: numbers(&affine.scale)?,
        shift: numbers(&affine.shift)?,
    })
}

/// A floating-point affine's numbers; none where there is none.
fn float_rows<F: Element>(
    affine: Option<&AffineTensors>,
) -> Result<Option<AffineRows<'_, F>>, TorchError> {
    let float = affine.filter(|affine| affine.grid.is_none());
    float.map(rows).transpose()
}

/// The numbers of an affine onto a grid; none where there is none.
fn fixed_rows(affine: Option<&AffineTensors>) -> Result<Option<FixedRows<'_>>, TorchError> {
    let Some((affine, grid)) = affine.and_then(|a| Some((a, a.grid?))) else {
        return Ok(None);
    };
    Ok(Some(FixedRows {
        scale: numbers(&affine.scale)?,
        shift: numbers(&affine.shift)?,
        grid: grid.steps(),
    }))
}

/// f64 sums, brought onto a grid as f32.
pub(super) fn requantize(x: &Value, affine: &AffineTensors) -> Result<Value, TorchError> {
    let Some(rows) = fixed_rows(Some(affine))? else {
        return Err(TorchError::Affine);
    };
    let mut data = Buffer::of_size(&x.tensor().size(), Kind::Float)?;
    launch(Requantize {
        channels: rows.scale.len(),
        rows,
        input: numbers(x.tensor())?,
        out: numbers_mut(&mut data)?,
    });
    Ok(Value::new(data, x.steps))
}

fn owned(x: Operand<'_>) -> Result<Value, TorchError> {
    match x {
        Operand::Own(value) => Ok(value),
        Operand::Shared(value) => Ok(Value::new(Buffer::copy_of(value.tensor())?, value.steps)),
    }
}

impl Ops for Native {
    fn release(&self, value: Value) {
        value.data.recycle();
    }

    fn affine(
        &self,
        x: Operand<'_>,
        affine: Option<&AffineTensors>,
        residual: Option<&Value>,
    ) -> Result<Value, TorchError> {
        fn run<F: Float + Element>(
            x: Option<&Value>,
            affine: Option<&AffineTensors>,
            residual: Option<&Tensor>,
            (steps, shape): (usize, Shape),
            residual_steps: usize,
            out: &mut Buffer,
        ) -> Result<(), TorchError> {
            let input = x.map(signal).transpose()?;
            let residual = residual.map(|r| signal_of(r, residual_steps)).transpose()?;
            let out = numbers_mut::<F>(out)?;
            let image = shape.height * shape.width * shape.channels;
            let extent = Extent {
                steps,
                images: out.len() / (steps * image).max(1),
                channels: shape.channels,
            };
            let (float, fixed) = (float_rows(affine)?, fixed_rows(affine)?);
            launch(Elementwise {
                images: extent.images,
                image,
                channels: shape.channels,
                input,
                epilogue: AffineEpilogue(Target::new(extent, float, residual, out).onto(fixed)),
            });
            Ok(())
        }
        let x = x.wide()?;
        let kind = x.tensor().kind();
        let shape = shape_of(x.value());
        let residual = residual.map(Value::wide).transpose()?;
        let residual_steps = residual.map_or(1, |r| r.steps);
        let residual = residual.map(|r| r.tensor);
        let steps = residual_steps.max(x.value().steps);
        let (x, mut data) = into_or_new(x, steps, shape, kind)?;
        let x = x.as_ref().map(Operand::value);
        let sizes = (steps, shape);
        by_kind!(
            kind,
            run(x, affine, residual, sizes, residual_steps, &mut data)
        )?;
        Ok(Value::new(data, steps))
    }

    fn max_pool(
        &self,
        x: &Value,
        from: Shape,
        pool: Pool,
        affine: Option<&AffineTensors>,
    ) -> Result<Value, TorchError> {
        fn run<X>(
            x: &Tensor,
            from: Shape,
            pool: Pool,
            affine: Option<&AffineTensors>,
            out: &mut Buffer,
        ) -> Result<(), TorchError>
        where
            X: Element + Copy + Default + PartialOrd + Add<Output = X> + Mul<Output = X>,
        {
            launch(MaxPool::<X> {
                height: from.height,
                width: from.width,
                channels: from.channels,
                kernel: pool.kernel,
                stride: pool.stride,
                padding: pool.padding,
                affine: affine.map(rows).transpose()?,
                input: numbers(x)?,
                out: numbers_mut(out)?,
                out_height: pool.shape.height,
                out_width: pool.shape.width,
            });
            Ok(())
        }
        let tensor = match affine {
            None => x.tensor(),
            Some(_) => x.wide()?.tensor,
        };
        let mut data = Buffer::unset(row_count(x), pool.shape, tensor.kind())?;
        match tensor.kind() {
            Kind::Uint8 => run::<u8>(tensor, from, pool, affine, &mut data)?,
            kind => by_kind!(kind, run(tensor, from, pool, affine, &mut data))?,
        }
        Ok(Value::new(data, x.steps))
    }

    fn neuron(
        &self,
        x: Operand<'_>,
        population: &Population<'_>,
        record: &mut Record,
    ) -> Result<Value, TorchError> {
        let x = x.wide()?;
        let out_kind = match population.bytes {
            true => Kind::Uint8,
            false => x.tensor().kind(),
        };
        // A state that runs on needs the input of every step in its place.
        let x = match (x.value().steps, population.batch_leak) {
            (1, true) => Operand::Own(repeated(x.value(), population.steps)?),
            _ => x,
        };
        let own_residual = residual(population, out_kind)?;
        let population = &Population {
            residual: own_residual.as_ref().or(population.residual),
            ..*population
        };
        let (input, mut data) = into_or_new(x, population.steps, population.shape, out_kind)?;
        let x = input.as_ref().map(Operand::value);
        by_storage!(out_kind, neurons(x, &mut data, population, record))?;
        if let Some(Operand::Own(used)) = input {
            self.release(used);
        }
        Ok(Value::new(data, population.steps))
    }

    fn head_sum(&self, x: &Value, shape: Shape) -> Result<Value, TorchError> {
        fn run<F: Float + Element, X: Stored<F> + Element>(
            x: &Tensor,
            out: &mut Buffer,
        ) -> Result<(), TorchError> {
            let (input, out) = (numbers(x)?, numbers_mut::<F>(out)?);
            launch(HeadSum::<F, X> {
                width: input.len() / out.len().max(1),
                input,
                out,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let mut data = Buffer::unset(row_count(x), shape, wide_kind(kind))?;
        by_storage!(kind, run(x.tensor(), &mut data))?;
        Ok(Value::new(data, x.steps))
    }

    fn head_mask(&self, mask: &Value, x: Operand<'_>, _heads: usize) -> Result<Value, TorchError> {
        fn run<X>(mask: &Tensor, x: &mut Buffer) -> Result<(), TorchError>
        where
            X: Element + Copy + Mul<Output = X>,
        {
            let (mask, values) = (numbers(mask)?, numbers_mut::<X>(x)?);
            launch(HeadMask::<X> {
                width: values.len() / mask.len().max(1),
                mask,
                values,
            });
            Ok(())
        }
        // Spikes masked by spikes stay bytes.
        if x.value().is_bytes() && mask.is_bytes() {
            let mut x = owned(x)?;
            run::<u8>(mask.tensor(), &mut x.data)?;
            return Ok(x);
        }
        let (mut x, mask) = (owned(x.wide()?)?, mask.wide()?.tensor);
        by_kind!(x.tensor().kind(), run(mask, &mut x.data))?;
        Ok(x)
    }

    fn attention(
        &self,
        qkv: [&Value; 3],
        shape: Shape,
        heads: usize,
        scale: f64,
    ) -> Result<Value, TorchError> {
        fn run<F: Float + Element, X: Stored<F> + Element>(
            [q, k, v]: [&Tensor; 3],
            (channels, shape): (usize, Shape),
            heads: usize,
            scale: f64,
            out: &mut Buffer,
        ) -> Result<(), TorchError> {
            launch(Attention::<F, X> {
                tokens: shape.height * shape.width,
                heads,
                channels,
                v_channels: shape.channels,
                scale,
                q: numbers(q)?,
                k: numbers(k)?,
                v: numbers(v)?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let [q, k, v] = qkv;
        let tensors = match qkv.iter().all(|x| x.is_bytes()) {
            true => [q.tensor(), k.tensor(), v.tensor()],
            false => [q.wide()?.tensor, k.wide()?.tensor, v.wide()?.tensor],
        };
        let kind = tensors[0].kind();
        let mut data = Buffer::unset(row_count(q), shape, wide_kind(kind))?;
        let shapes = (shape_of(q).channels, shape);
        by_storage!(kind, run(tensors, shapes, heads, scale, &mut data))?;
        Ok(Value::new(data, q.steps))
    }

    fn head_product(
        &self,
        product: HeadProduct,
        inputs: [&Value; 2],
        heads: usize,
    ) -> Result<Value, TorchError> {
        heads::native(product, inputs, heads)
    }

    fn token_time_sum(&self, x: &Value) -> Result<Value, TorchError> {
        fn run<F: Float + Element, X: Stored<F> + Element>(
            x: &Value,
            images: usize,
            channels: usize,
            out: &mut Buffer,
        ) -> Result<(), TorchError> {
            launch(TokenTimeSum::<F, X> {
                divisor: 1.0,
                images,
                channels,
                steps: x.steps,
                input: numbers(x.tensor())?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let images = row_count(x) / x.steps.max(1);
        let shape = vector(shape_of(x));
        let mut data = Buffer::unset(images, shape, wide_kind(kind))?;
        by_storage!(kind, run(x, images, shape.channels, &mut data))?;
        Ok(Value::new(data, 1))
    }

    fn token_mean(&self, x: &Value) -> Result<Value, TorchError> {
        fn run<F: Float + Element, X: Stored<F> + Element>(
            x: &Value,
            from: Shape,
            out: &mut Buffer,
        ) -> Result<(), TorchError> {
            launch(TokenTimeSum::<F, X> {
                divisor: (from.height * from.width) as f64,
                images: row_count(x),
                channels: from.channels,
                steps: 1,
                input: numbers(x.tensor())?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let (kind, from) = (x.tensor().kind(), shape_of(x));
        let mut data = Buffer::unset(row_count(x), vector(from), wide_kind(kind))?;
        by_storage!(kind, run(x, from, &mut data))?;
        Ok(Value::new(data, x.steps))
    }
}

/// The shape of a value for one image and time step.
fn shape_of(x: &Value) -> Shape {
    let size = x.tensor().size();
    let at = |i: usize| size.get(i).map_or(0, |&n| n as usize);
    Shape {
        height: at(1),
        width: at(2),
        channels: at(3),
    }
}

fn vector(shape: Shape) -> Shape {
    Shape {
        height: 1,
        width: 1,
        ..shape
    }
}

/// The memory to write a result of `steps` time steps to: that of x where it may be overwritten,
/// has as many and is stored as the result is, else new memory, and x to read from.
fn into_or_new(
    x: Operand<'_>,
    steps: usize,
    shape: Shape,
    kind: Kind,
) -> Result<(Option<Operand<'_>>, Buffer), TorchError> {
    match x {
        Operand::Own(value) if value.steps == steps && value.tensor().kind() == kind => {
            Ok((None, value.data))
        }
        x => {
            let images = row_count(x.value()) / x.value().steps.max(1);
            let data = Buffer::unset(steps * images, shape, kind)?;
            Ok((Some(x), data))
        }
    }
}

/// The residual of a population, stored as the result is and with numbers for every step where the
/// state runs on; none where the value can be used as it is.
fn residual(population: &Population<'_>, kind: Kind) -> Result<Option<Value>, TorchError> {
    let Some(known) = population.residual else {
        return Ok(None);
    };
    let stored = match (known.is_bytes(), kind == Kind::Uint8) {
        (true, false) => Some(known.wide_copy()?),
        (false, true) => Some(known.to_bytes()?),
        _ => None,
    };
    if population.batch_leak && known.steps == 1 {
        return repeated(stored.as_ref().unwrap_or(known), population.steps).map(Some);
    }
    Ok(stored)
}

/// A value that is the same at every time step, written out for each of them.
fn repeated(x: &Value, steps: usize) -> Result<Value, TorchError> {
    let data = x.tensor().f_repeat([steps as i64, 1, 1, 1]);
    let data = data.context(|| "repeating a value".to_owned())?;
    Ok(Value::new(Buffer::new(data), steps))
}

fn signal<F: Element>(value: &Value) -> Result<Signal<'_, F>, TorchError> {
    signal_of(value.tensor(), value.steps)
}

fn signal_of<F: Element>(tensor: &Tensor, steps: usize) -> Result<Signal<'_, F>, TorchError> {
    let numbers = numbers(tensor)?;
    Ok(match steps {
        1 => Signal::Constant(numbers),
        _ => Signal::Varying(numbers),
    })
}

fn row_count(x: &Value) -> usize {
    x.tensor().size().first().map_or(0, |&n| n as usize)
}
