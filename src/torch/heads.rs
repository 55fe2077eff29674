//! Channels of heads, taken and put together, and products of two values per head.
#![forbid(unsafe_code)]

use tch::kind::Element;
use tch::{Kind, TchError, Tensor};

use super::TorchError;
use super::buffer::Buffer;
use super::error::Context;
use super::slices::{numbers, numbers_mut};
use super::value::Value;
use crate::kernels::{self, Float, Product, Stored, launch};

/// A product of two values per head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadProduct {
    /// Keys `[N', C]` and a value `[N, C]`: `[N, heads * N']`.
    Scores,
    /// Values `[N', C]` and a map `[N, heads * N']`: `[N, C]`.
    Apply,
}

/// Some channels of each head: how many, from which on.
pub(super) fn slice(
    x: &Value,
    heads: usize,
    (start, count): (usize, usize),
) -> Result<Value, TchError> {
    let [rows, height, width, channels] = sizes(x);
    let heads = heads.max(1) as i64;
    let part = x
        .tensor()
        .f_reshape([rows, height, width, heads, channels / heads])?
        .f_narrow(4, start as i64, count as i64)?
        .f_contiguous()?
        .f_reshape([rows, height, width, heads * count as i64])?;
    Ok(Value::new(Buffer::new(part), x.steps))
}

/// The channels of several values, head by head.
pub(super) fn concat(values: &[&Value], heads: usize) -> Result<Value, TorchError> {
    let steps = values.iter().map(|x| x.steps).max().unwrap_or(1);
    let all_bytes = values.iter().all(|x| x.is_bytes());
    let heads = heads.max(1) as i64;
    let mut parts = Vec::with_capacity(values.len());
    for x in values {
        let [rows, height, width, channels] = sizes(x);
        let stored = if all_bytes {
            x.tensor()
        } else {
            x.wide()?.tensor
        };
        let part = stored
            .f_reshape([rows, height, width, heads, channels / heads])
            .and_then(|part| match x.steps == steps {
                true => Ok(part),
                false => part.f_repeat([steps as i64, 1, 1, 1, 1]),
            });
        parts.push(part.context(|| "joining channels".to_owned())?);
    }
    let joined = Tensor::f_cat(&parts, 4).and_then(|x| x.f_flatten(3, 4));
    let joined = joined.context(|| "joining channels".to_owned())?;
    Ok(Value::new(Buffer::new(joined), steps))
}

/// A product by the native kernel.
pub(super) fn native(
    product: HeadProduct,
    [a, b]: [&Value; 2],
    heads: usize,
) -> Result<Value, TorchError> {
    fn run<F: Float + Element, X: Stored<F> + Element>(
        product: Product,
        [a, b]: [&Tensor; 2],
        out: &mut Buffer,
    ) -> Result<(), TorchError> {
        launch(kernels::HeadProduct::<F, X> {
            product,
            a: numbers(a)?,
            b: numbers(b)?,
            out: numbers_mut(out)?,
        });
        Ok(())
    }
    let ([rows_a, ha, wa, ca], [rows_b, height, width, cb]) = (sizes(a), sizes(b));
    let steps = a.steps.max(b.steps);
    let images = rows_b / b.steps.max(1) as i64;
    let at = |n: i64| n.max(0) as usize;
    let places = at(ha * wa);
    let heads = heads.max(1);
    let channels = match product {
        HeadProduct::Scores => heads * places,
        HeadProduct::Apply => at(ca),
    };
    let rows = |rows: i64| at(rows).max(1);
    let shape = Product {
        scores: product == HeadProduct::Scores,
        heads,
        places,
        positions: at(height * width),
        channels: [at(ca), at(cb), channels],
        rows: [rows(rows_a), rows(rows_b)],
    };
    let (a, b) = (a.wide()?.tensor, b.tensor());
    let size = [steps as i64 * images, height, width, channels as i64];
    let mut data = Buffer::of_size(&size, a.kind())?;
    match b.kind() {
        Kind::Double => run::<f64, f64>(shape, [a, b], &mut data)?,
        Kind::Uint8 => run::<f32, u8>(shape, [a, b], &mut data)?,
        _ => run::<f32, f32>(shape, [a, b], &mut data)?,
    }
    Ok(Value::new(data, steps))
}

/// The same by tensor operations. In f32 the products are summed in f64 in any order: of f32
/// numbers and spikes that is exact but for numbers of very different size.
pub(super) fn plain(
    product: HeadProduct,
    [a, b]: [&Value; 2],
    heads: usize,
) -> Result<Value, TorchError> {
    let steps = a.steps.max(b.steps);
    let multiply = |x: &Tensor, y: &Tensor| -> Result<Tensor, TchError> {
        let by_head = |x: &Tensor, own: usize| -> Result<Tensor, TchError> {
            // [rows, heads, positions, channels of a head]
            let (rows, channels) = (x.size()[0], x.size()[3]);
            let heads = heads.max(1) as i64;
            let x = x.f_to_kind(Kind::Double)?;
            let x = x.f_reshape([rows, -1, heads, channels / heads])?;
            let x = x.f_transpose(1, 2)?;
            match own == steps {
                true => Ok(x),
                false => x.f_repeat([steps as i64, 1, 1, 1]),
            }
        };
        let (lines, factors) = (by_head(x, a.steps)?, by_head(y, b.steps)?);
        let lines = match product {
            HeadProduct::Scores => lines.f_transpose(2, 3)?,
            HeadProduct::Apply => lines,
        };
        let out = match y.kind() {
            Kind::Double => in_order(&factors, &lines)?,
            _ => factors.f_matmul(&lines)?,
        };
        let [_, height, width, _] = sizes(b);
        let out = out.f_to_kind(y.kind())?.f_transpose(1, 2)?.f_contiguous()?;
        let rows = out.size()[0];
        out.f_reshape([rows, height, width, -1])
    };
    let (x, y) = (a.wide()?.tensor, b.wide()?.tensor);
    let out = multiply(x, y).context(|| "a product of heads".to_owned())?;
    Ok(Value::new(Buffer::new(out), steps))
}

/// A product of matrices whose terms are added one after the other.
fn in_order(left: &Tensor, right: &Tensor) -> Result<Tensor, TchError> {
    let term = |i: i64| left.f_narrow(3, i, 1)?.f_mul(&right.f_narrow(2, i, 1)?);
    let mut sum = term(0)?;
    for i in 1..right.size()[2] {
        sum = sum.f_add(&term(i)?)?;
    }
    Ok(sum)
}

/// Rows, height, width and channels of a value.
fn sizes(x: &Value) -> [i64; 4] {
    let size = x.tensor().size();
    let at = |i: usize| size.get(i).copied().unwrap_or(1);
    [at(0), at(1), at(2), at(3)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    /// `[steps * images, 1, positions, channels]`.
    fn value(numbers: &[f32], steps: usize, [rows, positions, channels]: [i64; 3]) -> Value {
        let tensor = Tensor::from_slice(numbers).reshape([rows, 1, positions, channels]);
        Value::new(Buffer::new(tensor), steps)
    }

    fn read(x: &Value) -> Vec<f32> {
        Vec::try_from(&x.tensor().to_kind(Kind::Float).reshape([-1])).unwrap()
    }

    #[test]
    fn channels_are_taken_and_put_together_by_head() {
        let x = value(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 1, [1, 2, 4]);
        let part = slice(&x, 2, (1, 1)).unwrap();
        assert_eq!(read(&part), [1.0, 3.0, 5.0, 7.0]);
        let whole = slice(&x, 1, (1, 2)).unwrap();
        assert_eq!(read(&whole), [1.0, 2.0, 5.0, 6.0]);
        // Two steps beside what is the same at every step; bytes stay bytes beside bytes alone.
        let two = value(
            &[8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0],
            2,
            [2, 2, 2],
        );
        let joined = concat(&[&x, &two], 2).unwrap();
        assert_eq!(joined.steps, 2);
        let step = |a: f32| {
            [
                0.0,
                1.0,
                a,
                2.0,
                3.0,
                a + 1.0,
                4.0,
                5.0,
                a + 2.0,
                6.0,
                7.0,
                a + 3.0,
            ]
        };
        assert_eq!(read(&joined), [step(8.0), step(12.0)].concat());
        let bytes = two.to_bytes().unwrap();
        assert!(concat(&[&bytes, &bytes], 1).unwrap().is_bytes());
        let mixed = concat(&[&bytes, &two], 1).unwrap();
        assert_eq!(read(&mixed)[..4], [8.0, 9.0, 8.0, 9.0]);
    }

    #[test]
    fn kernels_and_tensor_operations_agree() {
        let mut random = Random(5);
        let (images, heads, of_head, places, positions) = (2, 3, 4, 5, 6);
        for (left, right) in [(1, 3), (3, 3), (3, 1)] {
            let mut many = |steps: usize, positions: usize, channels: usize, spikes: bool| {
                let count = steps * images * positions * channels;
                let mut numbers = random.many(count, -1.0, 1.0);
                if spikes {
                    numbers.iter_mut().for_each(|x| *x = x.signum().max(0.0));
                }
                let rows = (steps * images) as i64;
                value(&numbers, steps, [rows, positions as i64, channels as i64])
            };
            let real = many(left, places, heads * of_head, false);
            for (product, channels) in [
                (HeadProduct::Scores, heads * of_head),
                (HeadProduct::Apply, heads * places),
            ] {
                let spikes = many(right, positions, channels, true);
                let one = native(product, [&real, &spikes], heads).unwrap();
                let other = plain(product, [&real, &spikes], heads).unwrap();
                let bytes = spikes.to_bytes().unwrap();
                let of_bytes = native(product, [&real, &bytes], heads).unwrap();
                assert_eq!(read(&one), read(&of_bytes), "{product:?} of bytes");
                assert_eq!((one.steps, other.steps), (3, 3));
                assert_eq!(one.tensor().size(), other.tensor().size());
                assert_eq!(read(&one), read(&other), "{product:?}");
                assert!(read(&one).iter().any(|&x| x != 0.0));
            }
        }
    }
}
