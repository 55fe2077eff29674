//! Integer neurons.
#![forbid(unsafe_code)]

use super::sweep::{Series, Tail};
use super::{AffineRows, Drive, Float, Stored, tile_positions};
use crate::network::Halves;
use crate::torch::record::Recorder;

/// Integer neurons: `round(clamp(x, 0, max))` of `x = scale * x + shift`; output level (+ residual).
pub(in crate::torch) struct Levels<'a, F, O, R> {
    steps: usize,
    images: usize,
    image: usize,
    level: Level<F>,
    affine: Option<(Vec<F>, Vec<F>)>,
    residual: Drive<'a, O>,
    out: &'a mut [O],
    recorder: R,
    /// Inputs of a tile.
    inputs: Vec<F>,
}

impl<'a, F: Float, O, R> Levels<'a, F, O, R> {
    /// `residual`: `Steps` or `Static`; `InPlace` means none. `out`: `[steps, images, positions, channels]`.
    pub(in crate::torch) fn new(
        (steps, images, channels): (usize, usize, usize),
        level: Level<F>,
        affine: Option<AffineRows<'_, F>>,
        residual: Drive<'a, O>,
        out: &'a mut [O],
        recorder: R,
    ) -> Self {
        let positions = tile_positions(channels);
        Levels {
            steps,
            images,
            image: out.len() / (steps * images).max(1),
            level,
            affine: affine.map(|a| a.tiled(positions)),
            residual,
            out,
            recorder,
            inputs: vec![F::default(); positions * channels],
        }
    }
}

/// How an integer neuron rounds.
#[derive(Clone, Copy)]
pub(in crate::torch) struct Level<F> {
    pub max: F,
    pub halves: Halves,
}

impl<F: Float> Level<F> {
    /// The level of an input.
    #[inline(always)]
    pub(in crate::torch) fn of(self, x: F) -> F {
        let x = if x > F::default() { x } else { F::default() };
        let x = if x < self.max { x } else { self.max };
        match self.halves {
            Halves::ToEven => x.half_even(),
            Halves::Up => (x + F::of(0.5)).floor(),
        }
    }
}

impl<F: Float, O: Stored<F>, R: Recorder<F>> Tail<F> for Levels<'_, F, O, R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let (first, step) = (image * self.image + start, self.images * self.image);
        let residual = self.residual.from(first, step);
        for t in 0..self.steps {
            let out = &mut self.out[t * step + first..][..length];
            let inputs = &mut self.inputs[..length];
            match x {
                Some(x) => inputs.copy_from_slice(x.at(t, length)),
                None => inputs.iter_mut().zip(&*out).for_each(|(i, x)| *i = x.get()),
            }
            if let Some((a, b)) = &self.affine {
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
