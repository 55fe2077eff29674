//! Neurons of any charge, firing and reset; [`Lif`](super::Lif) has the common case of its own.
#![forbid(unsafe_code)]

use super::lif::Decay;
use super::{Float, Stored};
use crate::network::{Charge, Firing, Rate, Reset, Spiking};

/// The dynamics of a population in the number format that is computed in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membrane<F> {
    charge: Charging<F>,
    /// Where potentials begin and leak to.
    pub rest: F,
    threshold: F,
    firing: Firing,
    reset: Reset,
}

/// How potentials take in their input.
#[derive(Clone, Copy, Debug)]
enum Charging<F> {
    Integrate,
    DecayInput(Decay<F>),
    Leak(Decay<F>),
    /// What is kept.
    Retain(F),
}

impl<F: Float> Membrane<F> {
    pub(super) fn new(spiking: &Spiking<Rate>) -> Self {
        Membrane {
            charge: match spiking.charge {
                Charge::Integrate => Charging::Integrate,
                Charge::DecayInput(rate) => Charging::DecayInput(Decay::of(rate)),
                Charge::Leak(rate) => Charging::Leak(Decay::of(rate)),
                Charge::Retain(rate) => Charging::Retain(F::of(rate.kept())),
            },
            rest: F::of(spiking.reset.rest()),
            threshold: F::of(spiking.threshold),
            firing: spiking.firing,
            reset: spiking.reset,
        }
    }

    /// One time step's input: potentials before the reset. Not inlined, because this would make
    /// every convolution longer; few networks have such neurons.
    #[inline(never)]
    pub(super) fn charge(&self, v: &mut [F], x: &[F]) {
        let rest = self.rest;
        match self.charge {
            Charging::Integrate => self.each(v, x, |v, x| v + x),
            Charging::DecayInput(Decay::Times(k)) => {
                self.each(v, x, |v, x| v + (x - (v - rest)) * k);
            }
            Charging::DecayInput(Decay::Over(tau)) => {
                self.each(v, x, |v, x| v + (x - (v - rest)) / tau);
            }
            Charging::Leak(Decay::Times(k)) => self.each(v, x, |v, x| v - (v - rest) * k + x),
            Charging::Leak(Decay::Over(tau)) => self.each(v, x, |v, x| v - (v - rest) / tau + x),
            Charging::Retain(kept) => self.each(v, x, |v, x| v * kept + x),
        }
    }

    fn each(&self, v: &mut [F], x: &[F], charged: impl Fn(F, F) -> F) {
        let pairs = v.iter_mut().zip(x);
        match self.reset {
            Reset::Hard(_) | Reset::Soft => pairs.for_each(|(v, &x)| *v = charged(*v, x)),
            Reset::SoftNext => pairs.for_each(|(v, &x)| {
                let fired = self.firing.fires(*v, self.threshold);
                let next = charged(*v, x);
                *v = if fired { next - self.threshold } else { next };
            }),
        }
    }

    /// Spikes (+ residual), and potentials after the reset.
    #[inline(never)]
    pub(super) fn fire<O: Stored<F>>(&self, v: &mut [F], residual: Option<&[O]>, out: &mut [O]) {
        for (v, out) in v.iter_mut().zip(&mut *out) {
            let fires = self.firing.fires(*v, self.threshold);
            *v = match (fires, self.reset) {
                (false, _) | (true, Reset::SoftNext) => *v,
                (true, Reset::Hard(_)) => self.rest,
                (true, Reset::Soft) => *v - self.threshold,
            };
            *out = O::spike(fires);
        }
        for (out, &r) in out.iter_mut().zip(residual.into_iter().flatten()) {
            *out = r + *out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Potentials before the reset and spikes of one neuron over time, from the authors' formulas
    /// by hand.
    fn course(spiking: Spiking<Rate>, inputs: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let membrane = Membrane::new(&spiking);
        let mut v = [membrane.rest];
        let step = |x: &f64| {
            membrane.charge(&mut v, &[*x]);
            let potential = v[0];
            let mut out = [0.0];
            membrane.fire(&mut v, Some(&[10.0]), &mut out);
            (potential, out[0] - 10.0)
        };
        inputs.iter().map(step).unzip()
    }

    #[test]
    fn courses_by_hand() {
        let with = |charge, firing, reset| Spiking {
            charge,
            threshold: 1.0,
            firing,
            reset,
        };
        let two = Rate::OverTau(2.0);
        // Integrate-and-fire with a hard reset below 0; at the threshold it fires.
        let neuron = with(Charge::Integrate, Firing::AtLeast, Reset::Hard(-0.5));
        let (v, s) = course(neuron, &[0.75, 0.75, 1.0, 0.5]);
        assert_eq!(
            (v, s),
            (vec![0.25, 1.0, 0.5, 1.0], vec![0.0, 1.0, 0.0, 1.0])
        );
        // Above the threshold only, soft.
        let neuron = with(Charge::Integrate, Firing::Above, Reset::Soft);
        let (v, s) = course(neuron, &[1.0, 1.5, 0.0]);
        assert_eq!((v, s), (vec![1.0, 2.5, 1.5], vec![0.0, 1.0, 1.0]));
        // v + (x - (v + 0.5)) / 2 and v - (v + 0.5) / 2 + x from -0.5 on.
        let neuron = with(Charge::DecayInput(two), Firing::AtLeast, Reset::Hard(-0.5));
        let (v, s) = course(neuron, &[1.0, 3.0, 0.0]);
        assert_eq!((v, s), (vec![0.0, 1.25, -0.5], vec![0.0, 1.0, 0.0]));
        let neuron = with(Charge::Leak(two), Firing::AtLeast, Reset::Hard(-0.5));
        let (v, s) = course(neuron, &[1.0, 1.0, 0.0]);
        assert_eq!((v, s), (vec![0.5, 1.0, -0.5], vec![0.0, 1.0, 0.0]));
        // snnTorch: 0.5 v + x, the threshold taken off one step later.
        let neuron = with(
            Charge::Retain(Rate::Beta(0.5)),
            Firing::Above,
            Reset::SoftNext,
        );
        let (v, s) = course(neuron, &[2.0, 1.0, 0.25]);
        assert_eq!((v, s), (vec![2.0, 1.0, 0.75], vec![1.0, 0.0, 0.0]));
        // The same at once: (2 - 1) / 2 + 1.
        let neuron = with(Charge::Retain(two), Firing::Above, Reset::Soft);
        let (v, _) = course(neuron, &[2.0, 1.0, 0.25]);
        assert_eq!(v, [2.0, 1.5, 0.5]);
    }
}
