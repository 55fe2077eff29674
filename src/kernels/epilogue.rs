//! What follows an accumulator: tile by tile, over all time steps while a tile is in the
//! first-level cache.
#![forbid(unsafe_code)]

use super::fixed::{FixedRows, TiledFixed};
use super::{Float, Kernel, tile_positions};

/// A value over time.
#[derive(Clone, Copy, Debug)]
pub enum Signal<'a, F> {
    /// Other numbers at every time step: `[steps, images, positions, channels]`.
    Varying(&'a [F]),
    /// The same numbers at every time step: `[images, positions, channels]`.
    Constant(&'a [F]),
}

impl<'a, F> Signal<'a, F> {
    /// The same numbers, read on from step to step.
    pub fn varying(self) -> Self {
        match self {
            Signal::Constant(x) => Signal::Varying(x),
            varying => varying,
        }
    }
    /// The numbers from `start` on, of a value of `step` numbers at each time step.
    #[inline(always)]
    fn series(self, start: usize, step: usize) -> Series<'a, F> {
        let (numbers, step) = match self {
            Signal::Varying(x) => (x, step),
            Signal::Constant(x) => (x, 0),
        };
        Series {
            numbers,
            start,
            step,
        }
    }
}

/// The numbers of some units at every time step.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a, F> {
    /// The memory that holds them.
    pub numbers: &'a [F],
    /// Where the first time step begins.
    pub start: usize,
    /// Numbers from one time step to the next: 0 where all are the same.
    pub step: usize,
}

impl<'a, F> Series<'a, F> {
    /// The first `length` numbers at a time step.
    #[inline(always)]
    pub fn at(&self, step: usize, length: usize) -> &'a [F] {
        &self.numbers[step * self.step + self.start..][..length]
    }
}

/// An operation on tiles of positions.
pub trait Epilogue<F> {
    /// Works on `length` numbers from number `start` of an image on, at every time step; without
    /// `x` they lie in the output.
    fn tile(&mut self, image: usize, start: usize, length: usize, x: Option<Series<'_, F>>);
    /// The end of an image's tiles.
    fn end_of_image(&mut self, image: usize);
}

/// An elementwise pass: an epilogue over a whole value that lies in memory.
#[derive(Debug)]
pub struct Elementwise<'a, F, E> {
    /// Images per time step.
    pub images: usize,
    /// Numbers of an image at one time step.
    pub image: usize,
    /// Channels.
    pub channels: usize,
    /// The value; without one it lies in the output.
    pub input: Option<Signal<'a, F>>,
    /// The operation.
    pub epilogue: E,
}

impl<F: Float, E: Epilogue<F>> Kernel for Elementwise<'_, F, E> {
    #[inline(always)]
    fn run(mut self) {
        let tile = tile_positions(self.channels) * self.channels;
        if self.image == 0 || tile == 0 {
            return;
        }
        for i in 0..self.images {
            for start in (0..self.image).step_by(tile) {
                let length = tile.min(self.image - start);
                let (first, step) = (i * self.image + start, self.images * self.image);
                let x = self.input.map(|input| input.series(first, step));
                self.epilogue.tile(i, start, length, x);
            }
            self.epilogue.end_of_image(i);
        }
    }
}

/// The per-channel affine `y = scale * x + shift`.
#[derive(Clone, Copy, Debug)]
pub struct AffineRows<'a, F> {
    /// One factor per channel.
    pub scale: &'a [F],
    /// One summand per channel.
    pub shift: &'a [F],
}

/// Scales and shifts, each repeated over several positions.
pub(super) type Tiled<F> = (Vec<F>, Vec<F>);

impl<F: Copy> AffineRows<'_, F> {
    /// Repeats both vectors over `positions`, to be applied to a run of positions at once.
    pub(super) fn tiled(self, positions: usize) -> Tiled<F> {
        (self.scale.repeat(positions), self.shift.repeat(positions))
    }
}

/// The outer sizes of `[steps, images, positions, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Time steps.
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    /// Channels.
    pub channels: usize,
}

/// The output of an epilogue, with the affine before and the residual after its operation.
#[derive(Debug)]
pub struct Target<'a, F, O> {
    pub(super) extent: Extent,
    /// Numbers of an image at one time step.
    image: usize,
    pub(super) affine: Option<Tiled<F>>,
    pub(super) fixed: Option<TiledFixed>,
    residual: Option<Signal<'a, O>>,
    pub(super) out: &'a mut [O],
}

impl<'a, F: Float, O: Copy> Target<'a, F, O> {
    /// The output `[steps, images, positions, channels]`, an affine of the input, and a value that
    /// is added to the result.
    pub fn new(
        extent: Extent,
        affine: Option<AffineRows<'_, F>>,
        residual: Option<Signal<'a, O>>,
        out: &'a mut [O],
    ) -> Self {
        Target {
            extent,
            image: out.len() / (extent.steps * extent.images).max(1),
            affine: affine.map(|a| a.tiled(tile_positions(extent.channels))),
            fixed: None,
            residual,
            out,
        }
    }

    /// The same with an affine onto a grid, where there is one, in place of any other.
    pub fn onto(self, fixed: Option<FixedRows<'_>>) -> Self {
        let positions = tile_positions(self.extent.channels);
        Target {
            fixed: fixed.map(|rows| rows.tiled(positions)),
            ..self
        }
    }

    /// Where a tile begins in the output, the numbers from one time step to the next, and the
    /// residual there.
    #[inline(always)]
    pub(super) fn place(
        &self,
        image: usize,
        start: usize,
    ) -> (usize, usize, Option<Series<'a, O>>) {
        let (first, step) = (image * self.image + start, self.extent.images * self.image);
        (first, step, self.residual.map(|r| r.series(first, step)))
    }

    /// Room for the numbers of a tile.
    pub(super) fn scratch(&self) -> Vec<F> {
        let channels = self.extent.channels;
        vec![F::default(); tile_positions(channels) * channels]
    }
}
