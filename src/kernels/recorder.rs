//! Observation of membrane potentials.
#![forbid(unsafe_code)]

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
