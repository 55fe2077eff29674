//! A RepConv chain as one dense 3x3 convolution, in f64, whose matrix products are libtorch's.
//!
//! The chain is a 1x1 convolution W, batch norm (s1, t1), a depthwise 3x3 D, a 1x1 convolution V,
//! batch norms (s2, t2) and (s3, t3), all without bias, with what the first batch norm makes of 0
//! as padding. With `A[o, m] = s3 s2 V[o, m]`: `K[o, i, y, x] = sum_m A[o, m] D[m, y, x] s1[m] W[m,
//! i]`, padded by 0, and `bias[o] = sum_m A[o, m] t1[m] sum_yx D[m, y, x] + s3 t2 + t3`.

use tch::{TchError, Tensor};

use super::tensors::{Tensors, Weight, WeightAndBias};
use crate::network::{Layer, RepConv};
use crate::quant::ChannelAffine;
use crate::torch::TorchError;
use crate::torch::error::Context;

/// The weight `[C, C, 3, 3]` and the bias.
pub(super) fn merged<'a>(
    tensors: Tensors<'a>,
    layer: &Layer,
) -> Result<WeightAndBias<'a>, TorchError> {
    let c = layer.channels();
    let chain = RepConv::of(&layer.name);
    let weight = |name: &str, shape: &[usize]| tensors.wide(&format!("{name}.weight"), shape);
    let first = weight(&chain.first, &[c, c, 1, 1])?;
    let depthwise = weight(&chain.depthwise, &[c, 1, 3, 3])?;
    let second = weight(&chain.second, &[c, c, 1, 1])?;
    let norm = |name: &str| tensors.norm(name, c);
    let inner = ChannelAffine::identity(c).then(&norm(&chain.first_norm)?);
    let outer = ChannelAffine::identity(c)
        .then(&norm(&chain.second_norm)?)
        .then(&norm(&chain.third_norm)?);

    let mut bias = outer.shift;
    for (out, bias) in bias.iter_mut().enumerate() {
        for m in 0..c {
            let taps: f64 = depthwise[m * 9..][..9].iter().sum();
            *bias += outer.scale[out] * second[out * c + m] * taps * inner.shift[m];
        }
    }
    let kernel = || -> Result<Vec<f64>, TchError> {
        let matrix = |values: &[f64]| Tensor::f_from_slice(values)?.f_reshape([c as i64, -1]);
        let first = matrix(&first)?.f_mul(&matrix(&inner.scale)?)?;
        let second = matrix(&second)?.f_mul(&matrix(&outer.scale)?)?;
        let depthwise = matrix(&depthwise)?;
        let mut taps = Vec::with_capacity(9);
        for tap in 0..9 {
            let tap = depthwise.f_select(1, tap)?;
            taps.push(second.f_mul(&tap)?.f_matmul(&first)?);
        }
        Vec::try_from(&Tensor::f_stack(&taps, 2)?.f_reshape([-1])?)
    };
    let kernel = kernel().context(|| format!("merging the RepConv chain {}", layer.name))?;
    Ok((Weight::Computed(kernel), Some(bias)))
}
