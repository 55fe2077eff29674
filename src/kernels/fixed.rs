//! Fixed-point arithmetic, in f64: every step is exact but the one rounding that is meant.
//!
//! Numbers are stored as what they stand for, n times the grid's step, which f32 holds exactly for
//! n of up to 24 bits.
#![forbid(unsafe_code)]

use super::epilogue::{Epilogue, Series, Target, Tiled};
use super::lif::fire;
use super::{Float, Kernel, Recorder, Stored, tile_positions};
use crate::quant::fixed::{Grid, Leak};

/// A grid's numbers, ready to compute with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// What a number of 1 stands for.
    step: f64,
    /// One over it.
    per_one: f64,
    least: f64,
    most: f64,
}

impl From<Grid> for Steps {
    fn from(grid: Grid) -> Self {
        Steps {
            step: grid.step(),
            per_one: 1.0 / grid.step(),
            least: grid.least() as f64,
            most: grid.most() as f64,
        }
    }
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
    pub grid: Grid,
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
            steps: self.grid.into(),
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
    pub grid: Grid,
    /// The leak.
    pub leak: Leak,
    /// Firing threshold; potentials of the grid are compared with it as it is.
    pub threshold: f64,
    /// The grid that spikes and residual are added on, where the residual is on one.
    pub sum: Option<Grid>,
}

/// Leaky integrate-and-fire on a grid: `v += floor((x - v) * leak)` in grid steps, spike where
/// `v >= threshold`, then `v = 0`; output spike (+ residual). The input must be on the grid; an
/// affine of the target brings it there.
#[derive(Debug)]
pub struct FixedLif<'a, F, O, R> {
    target: Target<'a, F, O>,
    steps: Steps,
    /// The leak, times the grid steps of 1.
    factor: f64,
    threshold: F,
    sum: Option<Steps>,
    recorder: R,
    /// Inputs and potentials of a tile.
    inputs: Vec<F>,
    potential: Vec<F>,
}

impl<'a, F: Float, O: Copy, R> FixedLif<'a, F, O, R> {
    /// Neurons of some dynamics.
    pub fn new(target: Target<'a, F, O>, dynamics: FixedDynamics, recorder: R) -> Self {
        let steps = Steps::from(dynamics.grid);
        FixedLif {
            inputs: target.scratch(),
            potential: target.scratch(),
            target,
            factor: dynamics.leak.factor() * steps.per_one,
            steps,
            threshold: F::of(dynamics.threshold),
            sum: dynamics.sum.map(Steps::from),
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
        v.fill(F::default());
        for t in 0..target.extent.steps {
            let out = &mut target.out[t * step + first..][..length];
            match (x, &target.fixed) {
                (Some(x), Some(affine)) => affine.apply::<F, F>(x.at(t, length), inputs),
                (Some(x), None) => inputs.copy_from_slice(x.at(t, length)),
                (None, Some(affine)) => affine.apply::<F, O>(out, inputs),
                (None, None) => inputs.iter_mut().zip(&*out).for_each(|(i, x)| *i = x.get()),
            }
            for (v, &x) in v.iter_mut().zip(&*inputs) {
                let taken = ((x.f64() - v.f64()) * self.factor).floor();
                *v = F::of(v.f64() + taken * self.steps.step);
            }
            self.recorder.tile(image, t, v);
            let residual = residual.map(|r| r.at(t, length));
            fire(v, self.threshold, residual, out);
            if let Some(sum) = self.sum {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::{AffineEpilogue, Elementwise, Extent, Signal, launch};
    use crate::quant::ChannelAffine;
    use crate::quant::fixed::FixedAffine;

    /// Potentials in the order of time steps.
    struct Kept<'a>(&'a mut Vec<f32>);

    impl Recorder<f32> for Kept<'_> {
        fn tile(&mut self, _: usize, _: usize, potentials: &[f32]) {
            self.0.extend_from_slice(potentials);
        }
        fn end_of_image(&mut self, _: usize) {}
    }

    fn grid() -> impl Strategy<Value = Grid> {
        (4u8..=16, 0i32..14).prop_map(|(bits, fraction)| Grid { bits, fraction })
    }

    fn affine(grid: Grid, factors: &[f64], summands: &[f64]) -> Option<FixedAffine> {
        let affine = ChannelAffine::new(factors.to_vec(), Some(summands.to_vec()));
        FixedAffine::new(&affine, grid).ok()
    }

    /// Runs an epilogue over one image of 3 channels, one position and as many steps as there are.
    fn run(sums: &[f32], steps: usize, epilogue: impl Epilogue<f32>) {
        launch(Elementwise {
            images: 1,
            image: sums.len() / steps,
            channels: 3,
            input: Some(Signal::Varying(sums)),
            epilogue,
        });
    }

    proptest! {
        /// Neurons against integers alone: saturation, rounding, leak, threshold, reset, and the
        /// sum with a residual on a grid.
        #[test]
        fn neurons_are_those_of_integers(
            grid in grid(),
            factors in prop::collection::vec(-0.3f64..0.3, 3),
            summands in prop::collection::vec(-3.0f64..3.0, 3),
            tau in prop_oneof![Just(2.0), Just(1.0), Just(4.0), 1.0f64..9.0],
            threshold in 0.05f64..2.0,
            sums in prop::collection::vec(-300i32..300, 3 * 6),
            residual in prop::collection::vec(-9000i64..9000, 3 * 6),
            is_stream: bool,
        ) {
            let Some(affine) = affine(grid, &factors, &summands) else {
                return Ok(());
            };
            let (scale, shift) = affine.numbers();
            let rows = FixedRows { scale: &scale, shift: &shift, grid };
            let leak = Leak::of(tau).unwrap();
            let dynamics = FixedDynamics {
                grid,
                leak,
                threshold,
                sum: is_stream.then_some(grid),
            };
            let residual: Vec<i64> = residual.into_iter().map(|n| grid.saturate(n)).collect();
            let real = |n: i64| (n as f64 * grid.step()) as f32;
            let stream: Vec<f32> = residual.iter().map(|&n| real(n)).collect();
            let in_f32: Vec<f32> = sums.iter().map(|&x| x as f32).collect();
            let (mut out, mut potentials) = (vec![0f32; sums.len()], Vec::new());
            let extent = Extent { steps: 6, images: 1, channels: 3 };
            let added = is_stream.then_some(Signal::Varying(&stream[..]));
            let target = Target::new(extent, None, added, &mut out).onto(Some(rows));
            run(&in_f32, 6, FixedLif::new(target, dynamics, Kept(&mut potentials)));
            let mut v = [0i64; 3];
            for (i, &sum) in sums.iter().enumerate() {
                let c = i % 3;
                v[c] = leak.step(v[c], affine.apply(c, i64::from(sum)));
                prop_assert_eq!(potentials[i], real(v[c]));
                let fires = v[c] >= grid.threshold(threshold);
                let one = i64::from(fires) << grid.fraction;
                let expected = match is_stream {
                    false => if fires { 1.0 } else { 0.0 },
                    true => real(grid.saturate(residual[i] + one)),
                };
                prop_assert_eq!(out[i], expected);
                if fires {
                    v[c] = 0;
                }
            }
        }

        /// Streams, and sums of f64.
        #[test]
        fn affines_and_shortcuts_are_those_of_integers(
            grid in grid(),
            factors in prop::collection::vec(-0.3f64..0.3, 3),
            summands in prop::collection::vec(-3.0f64..3.0, 3),
            sums in prop::collection::vec(-3000i32..3000, 3 * 5),
            residual in prop::collection::vec(-40_000i64..40_000, 3 * 5),
        ) {
            let Some(affine) = affine(grid, &factors, &summands) else {
                return Ok(());
            };
            let (scale, shift) = affine.numbers();
            let rows = FixedRows { scale: &scale, shift: &shift, grid };
            let real = |n: i64| (n as f64 * grid.step()) as f32;
            let residual: Vec<i64> = residual.into_iter().map(|n| grid.saturate(n)).collect();
            let stream: Vec<f32> = residual.iter().map(|&n| real(n)).collect();
            let in_f32: Vec<f32> = sums.iter().map(|&x| x as f32).collect();
            let extent = Extent { steps: 5, images: 1, channels: 3 };
            let mut out = vec![0f32; sums.len()];
            let added = Some(Signal::Varying(&stream[..]));
            let target = Target::new(extent, None, added, &mut out).onto(Some(rows));
            run(&in_f32, 5, AffineEpilogue(target));
            let wide: Vec<f64> = sums.iter().map(|&x| f64::from(x)).collect();
            let mut alone = vec![0f32; sums.len()];
            launch(Requantize { channels: 3, rows, input: &wide, out: &mut alone });
            for (i, &sum) in sums.iter().enumerate() {
                let own = affine.apply(i % 3, sum.into());
                prop_assert_eq!(alone[i], real(own));
                prop_assert_eq!(out[i], real(grid.saturate(own + residual[i])));
            }
        }
    }
}
