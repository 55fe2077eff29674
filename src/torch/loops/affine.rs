//! Affines and sums, number by number.
#![forbid(unsafe_code)]

use super::sweep::{Series, Tail};
use super::{AffineRows, Drive, Float, tile_positions};

/// `scale * x + shift` per channel where an affine is given, plus a residual where there is one.
pub(in crate::torch) struct Affine<'a, F> {
    steps: usize,
    images: usize,
    image: usize,
    affine: Option<(Vec<F>, Vec<F>)>,
    residual: Drive<'a, F>,
    out: &'a mut [F],
}

impl<'a, F: Float> Affine<'a, F> {
    /// `residual`: `Steps` or `Static`; `InPlace` means none. `out`: `[steps, images, positions, channels]`.
    pub(in crate::torch) fn new(
        (steps, images, channels): (usize, usize, usize),
        affine: Option<AffineRows<'_, F>>,
        residual: Drive<'a, F>,
        out: &'a mut [F],
    ) -> Self {
        Affine {
            steps,
            images,
            image: out.len() / (steps * images).max(1),
            affine: affine.map(|a| a.tiled(tile_positions(channels))),
            residual,
            out,
        }
    }
}

impl<F: Float> Tail<F> for Affine<'_, F> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let (first, step) = (image * self.image + start, self.images * self.image);
        let residual = self.residual.from(first, step);
        for t in 0..self.steps {
            let out = &mut self.out[t * step + first..][..length];
            match (x, &self.affine) {
                (None, None) => {}
                (None, Some((a, b))) => {
                    for ((x, &a), &b) in out.iter_mut().zip(a).zip(b) {
                        *x = *x * a + b;
                    }
                }
                (Some(x), None) => out.copy_from_slice(x.at(t, length)),
                (Some(x), Some((a, b))) => {
                    let x = x.at(t, length);
                    for (((out, &x), &a), &b) in out.iter_mut().zip(x).zip(a).zip(b) {
                        *out = x * a + b;
                    }
                }
            }
            if let Some(residual) = &residual {
                for (x, &r) in out.iter_mut().zip(residual.at(t, length)) {
                    *x = *x + r;
                }
            }
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}
