//! Convolutions by libtorch.
#![forbid(unsafe_code)]

use tch::{TchError, Tensor};

use crate::kernels::Window;

/// A convolution for libtorch.
#[derive(Debug)]
pub(super) struct Convolution {
    /// `[out, in / groups, k, k]`, channels innermost in memory.
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub window: Window,
    pub groups: i64,
    /// The input is multiplied by this first.
    pub input_factor: Option<f64>,
    /// Whether a GPU may multiply in TF32 (11 significant bits, f32 sums): where the sums are exact
    /// all the same.
    pub tf32: bool,
}

impl Convolution {
    fn strides(&self) -> [i64; 2] {
        [self.window.stride as i64; 2]
    }
    fn paddings(&self) -> [i64; 2] {
        [self.window.row_padding(), self.window.padding].map(|n| n as i64)
    }
}

/// Runs a convolution with the channels innermost throughout (measured: the fastest layout of
/// libtorch's CPU kernels).
pub(super) fn convolve(x: &Tensor, c: &Convolution) -> Result<Tensor, TchError> {
    if !c.window.is_row {
        return over_map(x, c);
    }
    // All positions are one row; they are a map again where as many are left.
    let size = x.size();
    let [rows, height, width, channels] = size[..] else {
        return over_map(x, c);
    };
    let y = over_map(&x.f_reshape([rows, 1, height * width, channels])?, c)?;
    match y.size()[..] {
        [_, _, left, out] if left == height * width => y.f_reshape([rows, height, width, out]),
        _ => Ok(y),
    }
}

fn over_map(x: &Tensor, c: &Convolution) -> Result<Tensor, TchError> {
    // Sums that f32 would round are of f64.
    let mut x = match c.weight.kind() == x.kind() {
        true => x.f_permute([0, 3, 1, 2])?,
        false => x.f_to_kind(c.weight.kind())?.f_permute([0, 3, 1, 2])?,
    };
    if let Some(factor) = c.input_factor {
        x = x.f_mul_scalar(factor)?;
    }
    let y = match x.device() {
        tch::Device::Cuda(_) => with_chosen_precision(&x, c)?,
        _ => {
            let (stride, padding) = (c.strides(), c.paddings());
            let bias = c.bias.as_ref();
            x.f_conv2d(&c.weight, bias, stride, padding, [1, 1], c.groups)?
        }
    };
    y.f_permute([0, 2, 3, 1])?.f_contiguous()
}

/// A convolution on a GPU: in TF32 where that is exact and nowhere else (libtorch's own default is
/// everywhere), always by the same algorithm.
fn with_chosen_precision(x: &Tensor, c: &Convolution) -> Result<Tensor, TchError> {
    let (transposed, benchmark, deterministic, cudnn) = (false, false, true, true);
    x.f_internal_convolution(
        &c.weight,
        c.bias.as_ref(),
        c.strides(),
        c.paddings(),
        [1, 1],
        transposed,
        [0, 0],
        c.groups,
        benchmark,
        deterministic,
        cudnn,
        c.tf32,
    )
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn a_gpus_form_of_a_convolution_is_the_same_operation() {
        let numbers =
            |n: i64| Tensor::arange(n, (Kind::Float, tch::Device::Cpu)).remainder(7.0) - 3.0;
        for (groups, bias) in [(1, true), (2, false)] {
            let convolution = Convolution {
                weight: numbers(6 * 4 / groups * 9).view([6, 4 / groups, 3, 3]),
                bias: bias.then(|| numbers(6)),
                window: Window::square(3, 2, 1),
                groups,
                input_factor: None,
                tf32: true,
            };
            let x = numbers(2 * 4 * 9 * 9).view([2, 4, 9, 9]);
            let one = with_chosen_precision(&x, &convolution).unwrap();
            let other = convolve(&x.permute([0, 2, 3, 1]), &convolution).unwrap();
            assert!(one.permute([0, 2, 3, 1]).equal(&other));
        }
    }
}
