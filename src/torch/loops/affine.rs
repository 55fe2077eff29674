//! Affines and sums, number by number.
#![forbid(unsafe_code)]

use super::{AffineRows, Float, Kernel, tile_positions};

/// Where an operation's input comes from.
#[derive(Clone, Copy)]
pub(in crate::torch) enum Drive<'a, F> {
    /// The output slice holds it and is overwritten.
    InPlace,
    /// Another value for every time step.
    Steps(&'a [F]),
    /// The same value at every time step.
    Static(&'a [F]),
}

impl<'a, F> Drive<'a, F> {
    /// The same numbers as those of a sequence of steps.
    pub(in crate::torch) fn in_steps(self) -> Self {
        match self {
            Drive::Static(x) => Drive::Steps(x),
            other => other,
        }
    }
    /// `length` numbers from `start` on, of the time step that begins at `step`; none for `InPlace`.
    #[inline(always)]
    pub(super) fn part(&self, step: usize, start: usize, length: usize) -> Option<&'a [F]> {
        match self {
            Drive::InPlace => None,
            Drive::Steps(x) => Some(&x[step + start..][..length]),
            Drive::Static(x) => Some(&x[start..][..length]),
        }
    }
}

/// `scale * x + shift` per channel where an affine is given, plus a residual where there is one.
pub(in crate::torch) struct Affine<'a, F> {
    pub steps: usize,
    pub channels: usize,
    pub affine: Option<AffineRows<'a, F>>,
    /// x.
    pub drive: Drive<'a, F>,
    /// `Steps` or `Static`; `InPlace` means none.
    pub residual: Drive<'a, F>,
    /// `[steps, images, positions, channels]`.
    pub out: &'a mut [F],
}

impl<F: Float> Kernel for Affine<'_, F> {
    #[inline(always)]
    fn run(self) {
        let step = self.out.len() / self.steps.max(1);
        let tile = tile_positions(self.channels) * self.channels;
        if step == 0 || tile == 0 {
            return;
        }
        let affine = self.affine.map(|a| a.tiled(tile_positions(self.channels)));
        for (t, out) in self.out.chunks_exact_mut(step).enumerate() {
            for (i, out) in out.chunks_mut(tile).enumerate() {
                let (start, length) = (i * tile, out.len());
                if let Some(x) = self.drive.part(t * step, start, length) {
                    out.copy_from_slice(x);
                }
                if let Some((a, b)) = &affine {
                    for ((x, &a), &b) in out.iter_mut().zip(a).zip(b) {
                        *x = *x * a + b;
                    }
                }
                if let Some(residual) = self.residual.part(t * step, start, length) {
                    for (x, &r) in out.iter_mut().zip(residual) {
                        *x = *x + r;
                    }
                }
            }
        }
    }
}
