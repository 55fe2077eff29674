//! Observation of membrane potentials.
#![forbid(unsafe_code)]

use super::{Float, Kernel, launch};

/// An observer of the pre-reset potentials of a neuron population (of integer neurons: their
/// inputs), tile by tile: images in order, for each the tiles of its positions in order, for each
/// the time steps in order. A tile is `[positions, channels]`.
pub trait Recorder<F> {
    /// One tile at one time step.
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]);
    /// The end of an image's tiles.
    fn end_of_image(&mut self, image: usize);
}

/// Records nothing.
impl<F> Recorder<F> for () {
    #[inline(always)]
    fn tile(&mut self, _: usize, _: usize, _: &[F]) {}
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}

/// Two recorders of the same potentials.
impl<F, A: Recorder<F>, B: Recorder<F>> Recorder<F> for (A, B) {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        self.0.tile(image, step, potentials);
        self.1.tile(image, step, potentials);
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        self.0.end_of_image(image);
        self.1.end_of_image(image);
    }
}

/// A recorder behind a pointer: what records many kinds of things is compiled once.
impl<F, R: Recorder<F> + ?Sized> Recorder<F> for &mut R {
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        (**self).tile(image, step, potentials);
    }
    fn end_of_image(&mut self, image: usize) {
        (**self).end_of_image(image);
    }
}

/// A recorder whose own loops have the widest instruction set, wherever it is called from.
#[derive(Debug)]
pub struct Launched<R>(pub R);

impl<F: Float, R: Recorder<F>> Recorder<F> for Launched<R> {
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        launch(Tile {
            recorder: &mut self.0,
            image,
            step,
            potentials,
        });
    }
    fn end_of_image(&mut self, image: usize) {
        launch(EndOfImage {
            recorder: &mut self.0,
            image,
            of: std::marker::PhantomData::<F>,
        });
    }
}

struct Tile<'a, F, R> {
    recorder: &'a mut R,
    image: usize,
    step: usize,
    potentials: &'a [F],
}

impl<F, R: Recorder<F>> Kernel for Tile<'_, F, R> {
    #[inline(always)]
    fn run(self) {
        self.recorder.tile(self.image, self.step, self.potentials);
    }
}

struct EndOfImage<'a, F, R> {
    recorder: &'a mut R,
    image: usize,
    of: std::marker::PhantomData<F>,
}

impl<F, R: Recorder<F>> Kernel for EndOfImage<'_, F, R> {
    #[inline(always)]
    fn run(self) {
        self.recorder.end_of_image(self.image);
    }
}
