//! Leaky integrate-and-fire neurons.
#![forbid(unsafe_code)]

use super::sweep::{Series, Tail};
use super::{AffineRows, Drive, Float, Stored, tile_positions};
use crate::torch::record::Recorder;

/// Leaky integrate-and-fire over all time steps in one sweep of memory:
/// `v += (x - v) / tau`, spike where `v >= threshold`, `v *= 1 - spike`; output spike (+ residual).
pub(in crate::torch) struct Lif<'a, F, O, R> {
    steps: usize,
    images: usize,
    image: usize,
    decay: Decay<F>,
    threshold: F,
    affine: Option<(Vec<F>, Vec<F>)>,
    residual: Drive<'a, O>,
    out: &'a mut [O],
    recorder: R,
    /// Potentials of a tile.
    potential: Vec<F>,
}

impl<'a, F: Float, O, R> Lif<'a, F, O, R> {
    /// `residual`: `Steps` or `Static`; `InPlace` means none. `out`: `[steps, images, positions, channels]`.
    pub(in crate::torch) fn new(
        (steps, images, channels): (usize, usize, usize),
        (tau, threshold): (f64, f64),
        affine: Option<AffineRows<'_, F>>,
        residual: Drive<'a, O>,
        out: &'a mut [O],
        recorder: R,
    ) -> Self {
        let positions = tile_positions(channels);
        Lif {
            steps,
            images,
            image: out.len() / (steps * images).max(1),
            decay: Decay::new(tau),
            threshold: F::of(threshold),
            affine: affine.map(|a| a.tiled(positions)),
            residual,
            out,
            recorder,
            potential: vec![F::default(); positions * channels],
        }
    }
}

impl<F: Float, O: Stored<F>, R: Recorder<F>> Tail<F> for Lif<'_, F, O, R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let (first, step) = (image * self.image + start, self.images * self.image);
        let residual = self.residual.from(first, step);
        let v = &mut self.potential[..length];
        v.fill(F::default());
        for t in 0..self.steps {
            let out = &mut self.out[t * step + first..][..length];
            match x {
                Some(x) => integrate(v, x.at(t, length), self.affine.as_ref(), self.decay),
                None => integrate(v, out, self.affine.as_ref(), self.decay),
            }
            self.recorder.tile(image, t, v);
            let residual = residual.map(|r| r.at(t, length));
            fire(v, self.threshold, residual, out);
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        self.recorder.end_of_image(image);
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
fn integrate<F: Float, X: Stored<F>>(
    v: &mut [F],
    x: &[X],
    affine: Option<&(Vec<F>, Vec<F>)>,
    decay: Decay<F>,
) {
    let v = v.iter_mut().zip(x);
    match (affine, decay) {
        (None, Decay::Times(k)) => v.for_each(|(v, &x)| *v = *v + (x.get() - *v) * k),
        (None, Decay::Over(tau)) => v.for_each(|(v, &x)| *v = *v + (x.get() - *v) / tau),
        (Some((a, b)), decay) => {
            let v = v.zip(a).zip(b);
            match decay {
                Decay::Times(k) => {
                    v.for_each(|(((v, &x), &a), &b)| *v = *v + (x.get() * a + b - *v) * k);
                }
                Decay::Over(tau) => {
                    v.for_each(|(((v, &x), &a), &b)| *v = *v + (x.get() * a + b - *v) / tau);
                }
            }
        }
    }
}

#[inline(always)]
fn fire<F: Float, O: Stored<F>>(v: &mut [F], threshold: F, residual: Option<&[O]>, out: &mut [O]) {
    let spike = |v: &mut F| {
        let fires = *v >= threshold;
        *v = *v * (F::ONE - F::spike(fires));
        O::spike(fires)
    };
    let v = v.iter_mut().zip(out);
    match residual {
        None => v.for_each(|(v, out)| *out = spike(v)),
        Some(residual) => v
            .zip(residual)
            .for_each(|((v, out), &r)| *out = r + spike(v)),
    }
}
