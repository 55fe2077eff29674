//! Leaky integrate-and-fire neurons.
#![forbid(unsafe_code)]

use super::{AffineRows, Drive, Float, Kernel, tile_positions};
use crate::torch::record::Recorder;

/// Leaky integrate-and-fire over all time steps in one sweep of memory:
/// `v += (x - v) / tau`, spike where `v >= threshold`, `v *= 1 - spike`; output spike (+ residual).
pub(in crate::torch) struct Lif<'a, F, R> {
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    pub channels: usize,
    pub tau: f64,
    pub threshold: f64,
    pub affine: Option<AffineRows<'a, F>>,
    pub drive: Drive<'a, F>,
    /// Added to the spikes: `Steps` or `Static`; `InPlace` means none.
    pub residual: Drive<'a, F>,
    /// `[steps, images, positions, channels]`.
    pub out: &'a mut [F],
    pub recorder: R,
}

impl<F: Float, R: Recorder<F>> Kernel for Lif<'_, F, R> {
    #[inline(always)]
    fn run(mut self) {
        let step = self.out.len() / self.steps.max(1);
        let image = step / self.images.max(1);
        let tile = tile_positions(self.channels) * self.channels;
        if image == 0 || tile == 0 {
            return;
        }
        let affine = self.affine.map(|a| a.tiled(tile_positions(self.channels)));
        let decay = Decay::new(self.tau);
        let threshold = F::of(self.threshold);
        let mut potential = vec![F::default(); tile];
        for i in 0..self.images {
            for start in (0..image).step_by(tile) {
                let length = tile.min(image - start);
                let first = i * image + start;
                let v = &mut potential[..length];
                v.fill(F::default());
                for t in 0..self.steps {
                    let now = t * step + first..t * step + first + length;
                    let x = self.drive.part(t * step, first, length);
                    let x = x.unwrap_or(&self.out[now.clone()]);
                    integrate(v, x, affine.as_ref(), decay);
                    self.recorder.tile(i, t, v);
                    let residual = self.residual.part(t * step, first, length);
                    fire(v, threshold, residual, &mut self.out[now]);
                }
            }
            self.recorder.end_of_image(i);
        }
    }
}

/// Division by tau. By a power of two it is the same as multiplying by the inverse, which is faster.
#[derive(Clone, Copy)]
enum Decay<F> {
    Times(F),
    Over(F),
}

impl<F: Float> Decay<F> {
    fn new(tau: f64) -> Self {
        let mantissa = tau.to_bits() & ((1 << 52) - 1);
        if mantissa == 0 && (1e-30..1e30).contains(&tau) {
            Decay::Times(F::of(1.0 / tau))
        } else {
            Decay::Over(F::of(tau))
        }
    }
}

#[inline(always)]
fn integrate<F: Float>(v: &mut [F], x: &[F], affine: Option<&(Vec<F>, Vec<F>)>, decay: Decay<F>) {
    let v = v.iter_mut().zip(x);
    match (affine, decay) {
        (None, Decay::Times(k)) => v.for_each(|(v, &x)| *v = *v + (x - *v) * k),
        (None, Decay::Over(tau)) => v.for_each(|(v, &x)| *v = *v + (x - *v) / tau),
        (Some((a, b)), decay) => {
            let v = v.zip(a).zip(b);
            match decay {
                Decay::Times(k) => {
                    v.for_each(|(((v, &x), &a), &b)| *v = *v + (x * a + b - *v) * k);
                }
                Decay::Over(tau) => {
                    v.for_each(|(((v, &x), &a), &b)| *v = *v + (x * a + b - *v) / tau);
                }
            }
        }
    }
}

#[inline(always)]
fn fire<F: Float>(v: &mut [F], threshold: F, residual: Option<&[F]>, out: &mut [F]) {
    let spike = |v: &mut F| {
        let s = if *v >= threshold {
            F::ONE
        } else {
            F::default()
        };
        *v = *v * (F::ONE - s);
        s
    };
    let v = v.iter_mut().zip(out);
    match residual {
        None => v.for_each(|(v, out)| *out = spike(v)),
        Some(residual) => v
            .zip(residual)
            .for_each(|((v, out), &r)| *out = r + spike(v)),
    }
}
