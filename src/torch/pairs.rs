//! Operations that libtorch does as well as a native kernel would, and exactly (or rounded once) in
//! any order.
#![forbid(unsafe_code)]

use tch::{Kind, TchError, Tensor};

use super::buffer::Buffer;
use super::plan::{AverageWindow, Pairing};
use super::value::{Value, Wide};

/// The sum, mean or product of two values. One of them may be the same at every time step or have
/// one position.
pub(super) fn pair(pairing: Pairing, a: Wide<'_>, b: Wide<'_>) -> Result<Value, TchError> {
    let apply = |a: &Tensor, b: &Tensor| match pairing {
        Pairing::Sum => a.f_add(b),
        Pairing::Mean => a.f_add(b)?.f_mul_scalar(0.5),
        Pairing::Product => a.f_mul(b),
    };
    let data = match a.steps == b.steps {
        true => apply(a.tensor, b.tensor)?,
        false => apply(&by_step(a)?, &by_step(b)?)?.f_flatten(0, 1)?,
    };
    Ok(Value::new(Buffer::new(data), a.steps.max(b.steps)))
}

/// `[steps * images, ...]` as `[steps, images, ...]`.
fn by_step(x: Wide<'_>) -> Result<Tensor, TchError> {
    let mut size = x.tensor.size();
    let rows = size.first().copied().unwrap_or(0);
    let steps = x.steps.max(1) as i64;
    size.splice(..1, [steps, rows / steps]);
    x.tensor.f_reshape(size)
}

/// The maximum of a 3x3 window over tokens and the channels of a head.
pub(super) fn erode(x: Wide<'_>, heads: usize) -> Result<Value, TchError> {
    let size = x.tensor.size();
    let (rows, channels) = match size[..] {
        [rows, _, _, channels] => (rows, channels),
        _ => (0, 0),
    };
    let heads = heads.max(1) as i64;
    let largest = x
        .tensor
        .f_reshape([rows, -1, heads, channels / heads])?
        .f_transpose(1, 2)?
        .f_max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false)?
        .f_transpose(1, 2)?
        .f_contiguous()?
        .f_reshape(size)?;
    Ok(Value::new(Buffer::new(largest), x.steps))
}

/// The mean of a window's numbers, summed in f64 and rounded once; their sum where nothing
/// `divides` it.
pub(super) fn average_pool(
    x: Wide<'_>,
    window: AverageWindow,
    divides: bool,
) -> Result<Value, TchError> {
    let [kernel, stride, padding] =
        [window.kernel, window.stride, window.padding].map(|n| n as i64);
    let one = (!divides).then_some(1);
    let include = window.count_include_pad;
    let pooled = x
        .tensor
        .f_to_kind(Kind::Double)?
        .f_permute([0, 3, 1, 2])?
        .f_avg_pool2d(kernel, stride, padding, false, include, one)?
        .f_permute([0, 2, 3, 1])?
        .f_contiguous()?
        .f_to_kind(x.tensor.kind())?;
    Ok(Value::new(Buffer::new(pooled), x.steps))
}

/// The sum of whole numbers over positions.
pub(super) fn token_sum(x: Wide<'_>) -> Result<Value, TchError> {
    let sum = x
        .tensor
        .f_sum_dim_intlist([1, 2].as_slice(), true, None::<Kind>)?;
    Ok(Value::new(Buffer::new(sum), x.steps))
}
