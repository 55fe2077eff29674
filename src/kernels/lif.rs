//! Leaky integrate-and-fire neurons.
#![forbid(unsafe_code)]

use super::epilogue::{Epilogue, Series, Target, Tiled};
use super::{Float, Recorder, Stored};

/// Leaky integrate-and-fire over all time steps in one pass over memory:
/// `v += (x - v) / tau`, spike where `v >= threshold`, `v *= 1 - spike`; output spike (+ residual).
#[derive(Debug)]
pub struct Lif<'a, F, O, R> {
    target: Target<'a, F, O>,
    decay: Decay<F>,
    threshold: F,
    recorder: R,
    /// Potentials of a tile.
    potential: Vec<F>,
}

impl<'a, F: Float, O: Copy, R> Lif<'a, F, O, R> {
    /// Neurons of a time constant and a threshold.
    pub fn new(target: Target<'a, F, O>, (tau, threshold): (f64, f64), recorder: R) -> Self {
        Lif {
            potential: target.scratch(),
            target,
            decay: Decay::new(tau),
            threshold: F::of(threshold),
            recorder,
        }
    }
}

impl<F: Float, O: Stored<F>, R: Recorder<F>> Epilogue<F> for Lif<'_, F, O, R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let target = &mut self.target;
        let (first, step, residual) = target.place(image, start);
        let v = &mut self.potential[..length];
        v.fill(F::default());
        for t in 0..target.extent.steps {
            let out = &mut target.out[t * step + first..][..length];
            match x {
                Some(x) => integrate(v, x.at(t, length), target.affine.as_ref(), self.decay),
                None => integrate(v, out, target.affine.as_ref(), self.decay),
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

/// Division by tau. By a power of two it is the same as multiplying by the inverse, which is
/// faster.
#[derive(Clone, Copy, Debug)]
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
    affine: Option<&Tiled<F>>,
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
pub(super) fn fire<F: Float, O: Stored<F>>(
    v: &mut [F],
    threshold: F,
    residual: Option<&[O]>,
    out: &mut [O],
) {
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
