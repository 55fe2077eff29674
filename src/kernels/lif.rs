//! Neurons with a membrane potential.
#![forbid(unsafe_code)]

use super::epilogue::{Epilogue, Series, Target, Tiled};
use super::membrane::Membrane;
use super::{Float, Recorder, Stored};
use crate::network::{Charge, Firing, Rate, Reset, Spiking};

/// Neurons with a membrane potential over all time steps in one pass over memory; output spike
/// (+ residual). Leaky integrate-and-fire, `v += (x - v) / tau`, spike where `v >= threshold`,
/// `v *= 1 - spike`, has loops of its own.
#[derive(Debug)]
pub struct Lif<'a, F, O, R> {
    target: Target<'a, F, O>,
    dynamics: Dynamics<F>,
    recorder: R,
    /// Potentials of a tile.
    potential: Vec<F>,
    /// Inputs of a tile; empty for leaky integrate-and-fire.
    inputs: Vec<F>,
}

/// Leaky integrate-and-fire, or anything else.
#[derive(Clone, Copy, Debug)]
enum Dynamics<F> {
    Lif { decay: Decay<F>, threshold: F },
    Other(Membrane<F>),
}

impl<F: Float> Dynamics<F> {
    fn of(spiking: &Spiking<Rate>) -> Self {
        match *spiking {
            Spiking {
                charge: Charge::DecayInput(rate),
                threshold,
                firing: Firing::AtLeast,
                reset: Reset::Hard(0.0),
            } => Dynamics::Lif {
                decay: Decay::of(rate),
                threshold: F::of(threshold),
            },
            _ => Dynamics::Other(Membrane::new(spiking)),
        }
    }
}

impl<'a, F: Float, O: Copy, R> Lif<'a, F, O, R> {
    /// Neurons of some dynamics.
    pub fn new(target: Target<'a, F, O>, spiking: &Spiking<Rate>, recorder: R) -> Self {
        let dynamics = Dynamics::of(spiking);
        Lif {
            potential: target.scratch(),
            inputs: match dynamics {
                Dynamics::Lif { .. } => Vec::new(),
                Dynamics::Other(_) => target.scratch(),
            },
            target,
            dynamics,
            recorder,
        }
    }
}

impl<F: Float, O: Stored<F>, R: Recorder<F>> Lif<'_, F, O, R> {
    /// A tile of neurons that are not leaky integrate-and-fire. Not inlined, because this would
    /// make every convolution longer; few networks have such neurons.
    #[inline(never)]
    fn other(
        &mut self,
        membrane: Membrane<F>,
        image: usize,
        (start, length): (usize, usize),
        x: Option<Series<'_, F>>,
    ) {
        let target = &mut self.target;
        let (first, step, residual) = target.place(image, start);
        let v = &mut self.potential[..length];
        v.fill(membrane.rest);
        for t in 0..target.extent.steps {
            let out = &mut target.out[t * step + first..][..length];
            let affine = target.affine.as_ref();
            let inputs = &mut self.inputs[..length];
            match x {
                Some(x) => scaled(inputs, x.at(t, length), affine),
                None => scaled(inputs, out, affine),
            }
            membrane.charge(v, inputs);
            self.recorder.tile(image, t, v);
            membrane.fire(v, residual.map(|r| r.at(t, length)), out);
        }
    }
}

impl<F: Float, O: Stored<F>, R: Recorder<F>> Epilogue<F> for Lif<'_, F, O, R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let (decay, threshold) = match self.dynamics {
            Dynamics::Lif { decay, threshold } => (decay, threshold),
            Dynamics::Other(membrane) => return self.other(membrane, image, (start, length), x),
        };
        let target = &mut self.target;
        let (first, step, residual) = target.place(image, start);
        let v = &mut self.potential[..length];
        v.fill(F::default());
        for t in 0..target.extent.steps {
            let out = &mut target.out[t * step + first..][..length];
            let affine = target.affine.as_ref();
            match x {
                Some(x) => integrate(v, x.at(t, length), affine, decay),
                None => integrate(v, out, affine, decay),
            }
            self.recorder.tile(image, t, v);
            fire(v, threshold, residual.map(|r| r.at(t, length)), out);
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
pub(super) enum Decay<F> {
    Times(F),
    Over(F),
}

impl<F: Float> Decay<F> {
    pub(super) fn of(rate: Rate) -> Self {
        let Rate::OverTau(tau) = rate else {
            return Decay::Times(F::of(rate.leak()));
        };
        let mantissa = tau.to_bits() & ((1 << 52) - 1);
        if mantissa == 0 && (1e-30..1e30).contains(&tau) {
            Decay::Times(F::of(1.0 / tau))
        } else {
            Decay::Over(F::of(tau))
        }
    }
}

/// The affine of some numbers, written elsewhere.
#[inline(always)]
fn scaled<F: Float, X: Stored<F>>(inputs: &mut [F], x: &[X], affine: Option<&Tiled<F>>) {
    let inputs = inputs.iter_mut().zip(x);
    match affine {
        None => inputs.for_each(|(to, &x)| *to = x.get()),
        Some((a, b)) => {
            let rows = inputs.zip(a).zip(b);
            rows.for_each(|(((to, &x), &a), &b)| *to = x.get() * a + b);
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
