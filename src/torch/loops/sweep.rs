//! What follows an accumulator: tile by tile, over all time steps while a tile is in the fastest cache.
#![forbid(unsafe_code)]

use super::{Float, Kernel, tile_positions};

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
    /// The numbers from `start` on, of a value of `step` numbers at each time step; none for `InPlace`.
    #[inline(always)]
    pub(super) fn from(&self, start: usize, step: usize) -> Option<Series<'a, F>> {
        let (numbers, step) = match *self {
            Drive::InPlace => return None,
            Drive::Steps(x) => (x, step),
            Drive::Static(x) => (x, 0),
        };
        Some(Series {
            numbers,
            start,
            step,
        })
    }
}

/// The numbers of some units at every time step.
#[derive(Clone, Copy)]
pub(in crate::torch) struct Series<'a, F> {
    pub numbers: &'a [F],
    /// Where the first time step begins.
    pub start: usize,
    /// Numbers from one time step to the next: 0 where all are the same.
    pub step: usize,
}

impl<'a, F> Series<'a, F> {
    #[inline(always)]
    pub(super) fn at(&self, step: usize, length: usize) -> &'a [F] {
        &self.numbers[step * self.step + self.start..][..length]
    }
}

/// What is done to a tile of positions.
pub(in crate::torch) trait Tail<F> {
    /// Works on `length` numbers from number `start` of an image on, at every time step; none: they lie in the output.
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>);
    /// All tiles of an image were done.
    fn end_of_image(&mut self, image: usize);
}

/// A tail over a whole value that lies in memory.
pub(in crate::torch) struct Sweep<'a, F, S> {
    pub images: usize,
    /// Numbers of an image at one time step.
    pub image: usize,
    pub channels: usize,
    pub drive: Drive<'a, F>,
    pub tail: S,
}

impl<F: Float, S: Tail<F>> Kernel for Sweep<'_, F, S> {
    #[inline(always)]
    fn run(mut self) {
        let tile = tile_positions(self.channels) * self.channels;
        if self.image == 0 || tile == 0 {
            return;
        }
        for i in 0..self.images {
            for start in (0..self.image).step_by(tile) {
                let length = tile.min(self.image - start);
                let step = self.images * self.image;
                let x = self.drive.from(i * self.image + start, step);
                self.tail.tile(i, start, length, x);
            }
            self.tail.end_of_image(i);
        }
    }
}
