//! Integer neurons.
#![forbid(unsafe_code)]

use super::{AffineRows, Drive, Float, Kernel, tile_positions};
use crate::network::Halves;
use crate::torch::record::Recorder;

/// Integer neurons: `round(clamp(x, 0, max))` of `x = scale * x + shift`; output level (+ residual).
pub(in crate::torch) struct Levels<'a, F, R> {
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    pub channels: usize,
    pub level: Level<F>,
    pub affine: Option<AffineRows<'a, F>>,
    pub drive: Drive<'a, F>,
    /// Added to the levels: `Steps` or `Static`; `InPlace` means none.
    pub residual: Drive<'a, F>,
    /// `[steps, images, positions, channels]`.
    pub out: &'a mut [F],
    pub recorder: R,
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

impl<F: Float, R: Recorder<F>> Kernel for Levels<'_, F, R> {
    #[inline(always)]
    fn run(mut self) {
        let step = self.out.len() / self.steps.max(1);
        let image = step / self.images.max(1);
        let tile = tile_positions(self.channels) * self.channels;
        if image == 0 || tile == 0 {
            return;
        }
        let affine = self.affine.map(|a| a.tiled(tile_positions(self.channels)));
        for i in 0..self.images {
            for start in (0..image).step_by(tile) {
                let length = tile.min(image - start);
                let first = i * image + start;
                for t in 0..self.steps {
                    let out = &mut self.out[t * step + first..][..length];
                    if let Some(x) = self.drive.part(t * step, first, length) {
                        out.copy_from_slice(x);
                    }
                    if let Some((a, b)) = &affine {
                        for ((x, &a), &b) in out.iter_mut().zip(a).zip(b) {
                            *x = *x * a + b;
                        }
                    }
                    self.recorder.tile(i, t, out);
                    out.iter_mut().for_each(|x| *x = self.level.of(*x));
                    if let Some(residual) = self.residual.part(t * step, first, length) {
                        for (x, &r) in out.iter_mut().zip(residual) {
                            *x = *x + r;
                        }
                    }
                }
            }
            self.recorder.end_of_image(i);
        }
    }
}
