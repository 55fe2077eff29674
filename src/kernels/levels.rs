//! Integer neurons.
#![forbid(unsafe_code)]

use super::epilogue::{Epilogue, Series, Target};
use super::{Float, Recorder, Stored};
use crate::network::Halves;

/// Integer neurons: `round(clamp(x, 0, max))` of `x = scale * x + shift`; output level (+
/// residual).
#[derive(Debug)]
pub struct Levels<'a, F, O, R> {
    target: Target<'a, F, O>,
    level: Level<F>,
    recorder: R,
    /// Inputs of a tile.
    inputs: Vec<F>,
}

impl<'a, F: Float, O: Copy, R> Levels<'a, F, O, R> {
    /// Neurons of a rounding rule.
    pub fn new(target: Target<'a, F, O>, level: Level<F>, recorder: R) -> Self {
        Levels {
            inputs: target.scratch(),
            target,
            level,
            recorder,
        }
    }
}

/// The rounding of an integer neuron.
#[derive(Clone, Copy, Debug)]
pub struct Level<F> {
    /// The largest level.
    pub max: F,
    /// The rounding of halves.
    pub halves: Halves,
}

impl<F: Float> Level<F> {
    /// The level of an input.
    #[inline(always)]
    pub fn of(self, x: F) -> F {
        let x = if x > F::default() { x } else { F::default() };
        let x = if x < self.max { x } else { self.max };
        match self.halves {
            Halves::ToEven => x.half_even(),
            Halves::Up => (x + F::of(0.5)).floor(),
        }
    }
}

impl<F: Float, O: Stored<F>, R: Recorder<F>> Epilogue<F> for Levels<'_, F, O, R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let target = &mut self.target;
        let (first, step, residual) = target.place(image, start);
        for t in 0..target.extent.steps {
            let out = &mut target.out[t * step + first..][..length];
            let inputs = &mut self.inputs[..length];
            match x {
                Some(x) => inputs.copy_from_slice(x.at(t, length)),
                None => inputs.iter_mut().zip(&*out).for_each(|(i, x)| *i = x.get()),
            }
            if let Some(fixed) = &target.fixed {
                fixed.apply_in_place(inputs);
            } else if let Some((a, b)) = &target.affine {
                for ((x, &a), &b) in inputs.iter_mut().zip(a).zip(b) {
                    *x = *x * a + b;
                }
            }
            self.recorder.tile(image, t, inputs);
            let levels = out.iter_mut().zip(&*inputs);
            levels.for_each(|(out, &x)| *out = O::put(self.level.of(x)));
            if let Some(residual) = &residual {
                for (x, &r) in out.iter_mut().zip(residual.at(t, length)) {
                    *x = *x + r;
                }
            }
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        self.recorder.end_of_image(image);
    }
}
