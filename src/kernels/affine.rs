//! Affines and sums, number by number.
#![forbid(unsafe_code)]

use super::Float;
use super::epilogue::{Epilogue, Series, Target};

/// The affine of a [`Target`], if it has one, and its residual; nothing between them. Onto a grid,
/// the sum is on it, too.
#[derive(Debug)]
pub struct AffineEpilogue<'a, F>(pub Target<'a, F, F>);

impl<F: Float> Epilogue<F> for AffineEpilogue<'_, F> {
    #[inline(always)]
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>) {
        let target = &mut self.0;
        let (first, step, residual) = target.place(image, start);
        for t in 0..target.extent.steps {
            let out = &mut target.out[t * step + first..][..length];
            if let Some(fixed) = &target.fixed {
                match x {
                    None => fixed.apply_in_place(out),
                    Some(x) => fixed.apply::<F, F>(x.at(t, length), out),
                }
                if let Some(residual) = &residual {
                    fixed.add(out, residual.at(t, length));
                }
                continue;
            }
            match (x, &target.affine) {
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
