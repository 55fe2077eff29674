//! Fixed-point arithmetic, in f64: every step is exact but the one rounding that is meant.
//!
//! Numbers are stored as what they stand for, n times the grid's step, which f32 holds exactly for
//! n of up to 24 bits.
#![forbid(unsafe_code)]

use super::epilogue::{Epilogue, Series, Target, Tiled};
use super::lif::fire;
use super::{Float, Kernel, Recorder, Stored, tile_positions};
use crate::network::{Charge, Reset};

/// The numbers of a grid: whole numbers of steps within limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// What a number of 1 stands for, a power of two.
    pub step: f64,
    /// The least number of steps.
    pub least: f64,
    /// The largest number of steps.
    pub most: f64,
}

impl Steps {
    /// A number of grid steps, rounded (halves up) and saturated, as what it stands for.
    #[inline(always)]
    fn nearest(self, n: f64) -> f64 {
        let n = (n + 0.5).floor();
        let n = if n > self.least { n } else { self.least };
        let n = if n < self.most { n } else { self.most };
        n * self.step
    }

    /// What a number of the grid stands for, saturated.
    #[inline(always)]
    fn saturated(self, x: f64) -> f64 {
        let (least, most) = (self.least * self.step, self.most * self.step);
        let x = if x > least { x } else { least };
        if x < most { x } else { most }
    }
}

/// The per-channel affine onto a grid: `scale * x + shift` grid steps, rounded once, halves up, and
/// saturated.
#[derive(Clone, Copy, Debug)]
pub struct FixedRows<'a> {
    /// One factor per channel.
    pub scale: &'a [f64],
    /// One summand per channel.
    pub shift: &'a [f64],
    /// The grid.
    pub grid: Steps,
}

/// [`FixedRows`], each repeated over several positions.
#[derive(Debug)]
pub(super) struct TiledFixed {
    rows: Tiled<f64>,
    steps: Steps,
}

impl FixedRows<'_> {
    pub(super) fn tiled(self, positions: usize) -> TiledFixed {
        TiledFixed {
            rows: (self.scale.repeat(positions), self.shift.repeat(positions)),
            steps: self.grid,
        }
    }
}

impl TiledFixed {
    /// The affine of some numbers.
    #[inline(always)]
    pub(super) fn apply<F: Float, X: Stored<F>>(&self, x: &[X], out: &mut [F]) {
        let rows = self.rows.0.iter().zip(&self.rows.1);
        for ((out, &x), (&a, &b)) in out.iter_mut().zip(x).zip(rows) {
            *out = F::of(self.steps.nearest(x.get().f64() * a + b));
        }
    }

    /// The affine of numbers that lie in the output.
    #[inline(always)]
    pub(super) fn apply_in_place<F: Float>(&self, out: &mut [F]) {
        let rows = self.rows.0.iter().zip(&self.rows.1);
        for (x, (&a, &b)) in out.iter_mut().zip(rows) {
            *x = F::of(self.steps.nearest(x.f64() * a + b));
        }
    }

    /// Adds numbers of the grid.
    #[inline(always)]
    pub(super) fn add<F: Float>(&self, out: &mut [F], more: &[F]) {
        for (x, &r) in out.iter_mut().zip(more) {
            *x = F::of(self.steps.saturated(x.f64() + r.f64()));
        }
    }
}

/// The dynamics of fixed-point neurons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedDynamics {
    /// The grid of the potential.
    pub grid: Steps,
    /// How potentials take in their input. Leaks are the part that is taken at a time step, exact
    /// in f64.
    pub charge: Charge<f64>,
    /// Firing threshold; potentials of the grid fire from it on.
    pub threshold: f64,
    /// The reset; a hard one to a number of the grid.
    pub reset: Reset,
    /// What a soft reset subtracts, a number of the grid.
    pub subtracted: f64,
    /// The grid that spikes and residual are added on, where the residual is on one.
    pub sum: Option<Steps>,
}

impl FixedDynamics {
    /// Potentials before the reset, from those after the last one and the inputs.
    #[inline(always)]
    fn charge<F: Float>(&self, v: &mut [F], x: &[F]) {
        match (self.charge, self.reset) {
            (Charge::DecayInput(leak), Reset::Hard(0.0)) => {
                let (step, factor) = (self.grid.step, leak / self.grid.step);
                for (v, &x) in v.iter_mut().zip(x) {
                    let before = v.f64();
                    *v = F::of(before + ((x.f64() - before) * factor).floor() * step);
                }
            }
            _ => self.charge_other(v, x),
        }
    }

    /// Those of other neurons than leaky integrate-and-fire. Not inlined, because this would make
    /// every convolution longer.
    #[inline(never)]
    fn charge_other<F: Float>(&self, v: &mut [F], x: &[F]) {
        let (grid, rest) = (self.grid, self.reset.rest());
        // Whole steps, rounded down.
        let down = |x: f64, factor: f64| (x * factor).floor() * grid.step;
        match self.charge {
            Charge::DecayInput(leak) if rest == 0.0 => {
                let factor = leak / grid.step;
                self.each(v, x, |v, x| v + down(x - v, factor));
            }
            Charge::DecayInput(leak) => {
                let factor = leak / grid.step;
                self.each(v, x, |v, x| {
                    grid.saturated(v + down(x - (v - rest), factor))
                });
            }
            Charge::Leak(leak) | Charge::Retain(leak) => {
                let factor = leak / grid.step;
                let to = match self.charge {
                    Charge::Leak(_) => rest,
                    _ => 0.0,
                };
                self.each(v, x, |v, x| grid.saturated(v - down(v - to, factor) + x));
            }
            Charge::Integrate => self.each(v, x, |v, x| grid.saturated(v + x)),
        }
    }

    fn each<F: Float>(&self, v: &mut [F], x: &[F], charged: impl Fn(f64, f64) -> f64) {
        let next = match self.reset {
            Reset::SoftNext => self.subtracted,
            Reset::Hard(_) | Reset::Soft => 0.0,
        };
        for (v, &x) in v.iter_mut().zip(x) {
            let (before, mut after) = (v.f64(), charged(v.f64(), x.f64()));
            if next != 0.0 && before >= self.threshold {
                after = self.grid.saturated(after - next);
            }
            *v = F::of(after);
        }
    }

    /// The other resets than to 0.
    #[inline(never)]
    fn fire<F: Float, O: Stored<F>>(&self, v: &mut [F], residual: Option<&[O]>, out: &mut [O]) {
        let threshold = F::of(self.threshold);
        for (v, out) in v.iter_mut().zip(&mut *out) {
            let fires = *v >= threshold;
            *v = match (fires, self.reset) {
                (false, _) | (true, Reset::SoftNext) => *v,
                (true, Reset::Hard(rest)) => F::of(rest),
                (true, Reset::Soft) => F::of(v.f64() - self.subtracted),
            };
            *out = O::spike(fires);
        }
        for (out, &r) in out.iter_mut().zip(residual.into_iter().flatten()) {
            *out = r + *out;
        }
    }
}

/// Neurons on a grid, in grid steps; output spike (+ residual). Leaky integrate-and-fire is
/// `v += floor((x - v) * leak)`, spike where `v >= threshold`, then `v = 0`; what else there is
/// saturates. The input must be on the grid; an affine of the target brings it there.
#[derive(Debug)]
pub struct FixedLif<'a, F, O, R> {
    target: Target<'a, F, O>,
    dynamics: FixedDynamics,
    recorder: R,
    /// Inputs and potentials of a tile.
    inputs: Vec<F>,
    potential: Vec<F>,
}

impl<'a, F: Float, O: Copy, R> FixedLif<'a, F, O, R> {
    /// Neurons of some dynamics.
    pub fn new(target: Target<'a, F, O>, dynamics: FixedDynamics, recorder: R) -> Self {
        FixedLif {
            inputs: target.scratch(),
            potential: target.scratch(),
            target,
            dynamics,
            recorder,
        }
    }
}

impl<F: Float, O: Stored<F>, R: Recorder<F>> Epilogue<F> for FixedLif<'_, F, O, R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let target = &mut self.target;
        let (first, step, residual) = target.place(image, start);
        let v = &mut self.potential[..length];
        let inputs = &mut self.inputs[..length];
        v.fill(F::of(self.dynamics.reset.rest()));
        for t in 0..target.extent.steps {
            let out = &mut target.out[t * step + first..][..length];
            match (x, &target.fixed) {
                (Some(x), Some(affine)) => affine.apply::<F, F>(x.at(t, length), inputs),
                (Some(x), None) => inputs.copy_from_slice(x.at(t, length)),
                (None, Some(affine)) => affine.apply::<F, O>(out, inputs),
                (None, None) => inputs.iter_mut().zip(&*out).for_each(|(i, x)| *i = x.get()),
            }
            self.dynamics.charge(v, inputs);
            self.recorder.tile(image, t, v);
            let residual = residual.map(|r| r.at(t, length));
            match self.dynamics.reset {
                Reset::Hard(0.0) => fire(v, F::of(self.dynamics.threshold), residual, out),
                _ => self.dynamics.fire(v, residual, out),
            }
            if let Some(sum) = self.dynamics.sum {
                let limit = |x: &mut O| *x = O::put(F::of(sum.saturated(x.get().f64())));
                out.iter_mut().for_each(limit);
            }
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        self.recorder.end_of_image(image);
    }
}

/// The affine of f64 sums onto a grid, `[positions, channels]`.
#[derive(Debug)]
pub struct Requantize<'a> {
    /// Channels.
    pub channels: usize,
    /// The affine.
    pub rows: FixedRows<'a>,
    /// The sums.
    pub input: &'a [f64],
    /// As many numbers.
    pub out: &'a mut [f32],
}

impl Kernel for Requantize<'_> {
    #[inline(always)]
    fn run(self) {
        let tile = tile_positions(self.channels);
        let affine = self.rows.tiled(tile);
        let size = (tile * self.channels).max(1);
        for (x, out) in self.input.chunks(size).zip(self.out.chunks_mut(size)) {
            let rows = affine.rows.0.iter().zip(&affine.rows.1);
            for ((out, &x), (&a, &b)) in out.iter_mut().zip(x).zip(rows) {
                *out = affine.steps.nearest(x * a + b) as f32;
            }
        }
    }
}
