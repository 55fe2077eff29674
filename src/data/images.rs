//! Images with labels, in a fixed order.
#![allow(
    clippy::indexing_slicing,
    reason = "places of images are the program's own; what a set is made of was checked"
)]

use std::sync::Arc;

use super::error::DataError;
use super::prefetch::{Prefetcher, Sample, SampleSource};
use crate::network::Shape;

/// How stored numbers become the network's, per channel: `(number / unit - mean) / std` in f32, the
/// operations of torchvision's `ToTensor` and `Normalize` in their order, so that a network sees
/// bit for bit what it was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    /// What 1 is stored as: 255 for pixels, 1 for event counts and floating-point numbers.
    pub unit: f32,
    /// Mean of each channel, after the division.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel.
    pub std: Vec<f32>,
}

impl Normalisation {
    fn apply(&self, numbers: impl Iterator<Item = f32>, plane: usize, out: &mut [f32]) {
        let channels = self.mean.iter().zip(&self.std).cycle();
        let mut numbers = numbers;
        for (out, (&mean, &std)) in out.chunks_exact_mut(plane.max(1)).zip(channels) {
            for (value, number) in out.iter_mut().zip(&mut numbers) {
                *value = (number / self.unit - mean) / std;
            }
        }
    }
}

/// Labelled images of one shape in a fixed order. Splits of one data set share their source. An
/// image may be a sequence of frames. Large data sets stay on disk: images are read, decoded and
/// resized ahead of who asks for them.
#[derive(Clone, Debug)]
pub struct ImageSet {
    shape: Shape,
    frames: Option<usize>,
    source: PixelSource,
    /// Labels of all images of the source.
    labels: Arc<Vec<u32>>,
    /// The images of this set, in its order.
    indices: Arc<Vec<u32>>,
    normalisation: Normalisation,
    /// What the images were read from, where that was another source.
    stands_for: Option<blake3::Hash>,
}

#[derive(Clone, Debug)]
enum PixelSource {
    /// All images of the source, `[N, C, H, W]`.
    Memory(Arc<Vec<u8>>),
    /// Images that are read when they are asked for.
    Stored {
        store: Arc<dyn SampleSource>,
        ahead: Arc<Prefetcher>,
    },
}

/// The images and labels of a source, from which sets are made.
#[derive(Clone, Debug)]
pub(super) enum Images {
    /// `[N, C, H, W]`.
    Memory(Arc<Vec<u8>>),
    /// On disk.
    Stored(Arc<dyn SampleSource>),
}

impl ImageSet {
    /// Images `indices` of a source. The caller has checked that everything fits.
    pub(super) fn new(
        shape: Shape,
        frames: Option<usize>,
        images: &Images,
        labels: Arc<Vec<u32>>,
        indices: Vec<u32>,
        normalisation: Normalisation,
    ) -> ImageSet {
        debug_assert_eq!(normalisation.mean.len(), shape.channels);
        debug_assert_eq!(normalisation.std.len(), shape.channels);
        let indices = Arc::new(indices);
        let source = match images {
            Images::Memory(pixels) => {
                debug_assert_eq!(
                    pixels.len(),
                    labels.len() * shape.channels * shape.height * shape.width
                );
                PixelSource::Memory(Arc::clone(pixels))
            }
            Images::Stored(store) => PixelSource::Stored {
                store: Arc::clone(store),
                ahead: Arc::new(Prefetcher::new(Arc::clone(store), Arc::clone(&indices))),
            },
        };
        ImageSet {
            shape,
            frames,
            source,
            labels,
            indices,
            normalisation,
            stands_for: None,
        }
    }

    /// The same images with the fingerprint of the set that they were decoded from.
    pub(super) fn standing_for(self, fingerprint: blake3::Hash) -> ImageSet {
        ImageSet {
            stands_for: Some(fingerprint),
            ..self
        }
    }

    /// The same images in another order: `order` has the place of each in this set.
    ///
    /// # Panics
    /// When a place is not below [`ImageSet::len`].
    pub fn reordered(&self, order: &[usize]) -> ImageSet {
        let indices = order.iter().map(|place| self.indices[*place]);
        let indices: Arc<Vec<u32>> = Arc::new(indices.collect());
        let source = match &self.source {
            PixelSource::Memory(pixels) => PixelSource::Memory(Arc::clone(pixels)),
            PixelSource::Stored { store, .. } => PixelSource::Stored {
                store: Arc::clone(store),
                ahead: Arc::new(Prefetcher::new(Arc::clone(store), Arc::clone(&indices))),
            },
        };
        ImageSet {
            source,
            indices,
            stands_for: None,
            ..self.clone()
        }
    }

    /// A set of no image of the same source.
    pub(super) fn without_images(&self) -> ImageSet {
        ImageSet {
            indices: Arc::default(),
            stands_for: None,
            ..self.clone()
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The shape of one image, or of one frame.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of frames of each image; none for still images.
    pub fn frames(&self) -> Option<usize> {
        self.frames
    }

    /// How many numbers an image has: `[C, H, W]`, or `[T, C, H, W]` where it is a sequence.
    pub fn numbers(&self) -> usize {
        self.frames.unwrap_or(1) * self.shape.channels * self.plane()
    }

    fn plane(&self) -> usize {
        self.shape.height * self.shape.width
    }

    /// How stored numbers become the network's.
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// The class of image `i` of this set, from 0.
    ///
    /// # Panics
    /// When `i` is not below [`ImageSet::len`].
    pub fn label(&self, i: usize) -> u32 {
        self.labels[self.indices[i] as usize]
    }

    /// Where image `i` of this set is in its source.
    ///
    /// # Panics
    /// When `i` is not below [`ImageSet::len`].
    pub fn source_index(&self, i: usize) -> usize {
        self.indices[i] as usize
    }

    /// Writes image `i` of this set, normalised, as `[C, H, W]` (`[T, C, H, W]` for frames).
    ///
    /// # Errors
    /// For an image on disk that can no longer be read.
    ///
    /// # Panics
    /// When `i` is not below [`ImageSet::len`], or `out` has another length than
    /// [`ImageSet::numbers`].
    pub fn fill(&self, i: usize, out: &mut [f32]) -> Result<(), DataError> {
        assert_eq!(out.len(), self.numbers(), "an image of {:?}", self.shape);
        let plane = self.plane();
        let bytes = |bytes: &[u8], out: &mut [f32]| {
            let numbers = bytes.iter().map(|b| f32::from(*b));
            self.normalisation.apply(numbers, plane, out);
        };
        match &self.source {
            PixelSource::Memory(all) => bytes(self.pixels(all, i), out),
            PixelSource::Stored { ahead, .. } => match ahead.get(i)? {
                Sample::Bytes(sample) => bytes(&sample, out),
                Sample::Floats(sample) => {
                    self.normalisation.apply(sample.into_iter(), plane, out);
                }
            },
        }
        Ok(())
    }

    /// Bytes of one image as it is stored.
    pub(super) fn sample_bytes(&self) -> usize {
        match &self.source {
            PixelSource::Memory(_) => self.numbers(),
            PixelSource::Stored { store, .. } => store.sample_bytes(),
        }
    }

    /// Image `i` of this set as it is stored.
    ///
    /// # Errors
    /// As [`ImageSet::fill`].
    pub(super) fn sample(&self, i: usize) -> Result<Sample, DataError> {
        match &self.source {
            PixelSource::Memory(all) => Ok(Sample::Bytes(self.pixels(all, i).to_vec())),
            PixelSource::Stored { ahead, .. } => ahead.get(i),
        }
    }

    /// A digest of the content of image `i` of this set; none of one on disk that was not checked.
    ///
    /// # Panics
    /// When `i` is not below [`ImageSet::len`].
    pub(super) fn digest(&self, i: usize) -> Option<blake3::Hash> {
        match &self.source {
            PixelSource::Memory(all) => Some(blake3::hash(self.pixels(all, i))),
            PixelSource::Stored { store, .. } => store.digest(self.indices[i]),
        }
    }

    /// A digest of everything that this set feeds to a network: shape, pixels, labels, order,
    /// normalisation. Of images on disk it takes the content of their files and what is done to
    /// them; it reads none of them.
    pub fn fingerprint(&self) -> blake3::Hash {
        if let Some(known) = self.stands_for {
            return known;
        }
        let mut hasher = blake3::Hasher::new();
        for size in [
            self.len(),
            self.shape.channels,
            self.shape.height,
            self.shape.width,
        ] {
            hasher.update(&(size as u64).to_le_bytes());
        }
        let normalisation = &self.normalisation;
        for value in normalisation.mean.iter().chain(&normalisation.std) {
            hasher.update(&value.to_le_bytes());
        }
        if let PixelSource::Stored { store, .. } = &self.source {
            hasher.update(store.preparation().as_bytes());
            hasher.update(&normalisation.unit.to_le_bytes());
            hasher.update(&(self.frames.unwrap_or(0) as u64).to_le_bytes());
        }
        for i in 0..self.len() {
            hasher.update(&self.label(i).to_le_bytes());
            match &self.source {
                PixelSource::Memory(all) => hasher.update(self.pixels(all, i)),
                PixelSource::Stored { store, .. } => {
                    let digest = store.digest(self.indices[i]);
                    hasher.update(digest.as_ref().map_or(&[], |d| d.as_bytes()))
                }
            };
        }
        hasher.finalize()
    }

    fn pixels<'a>(&self, all: &'a [u8], i: usize) -> &'a [u8] {
        let size = self.shape.channels * self.plane();
        let start = self.source_index(i) * size;
        &all[start..start + size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(indices: Vec<u32>, labels: [u32; 2], mean: f32) -> ImageSet {
        let shape = Shape {
            channels: 2,
            height: 1,
            width: 2,
        };
        let normalisation = Normalisation {
            unit: 255.0,
            mean: vec![mean, 0.25],
            std: vec![0.353, 2.0],
        };
        let pixels = vec![0, 255, 10, 20, 1, 2, 3, 4];
        ImageSet::new(
            shape,
            None,
            &Images::Memory(Arc::new(pixels)),
            Arc::new(labels.to_vec()),
            indices,
            normalisation,
        )
    }

    #[test]
    fn pixels_are_normalised_per_channel() {
        let set = set(vec![1, 0], [5, 7], 0.286);
        let mut out = [0.0; 4];
        set.fill(1, &mut out).unwrap();
        assert_eq!(
            out,
            [
                (0.0_f32 - 0.286) / 0.353,
                (1.0_f32 - 0.286) / 0.353,
                (10.0_f32 / 255.0 - 0.25) / 2.0,
                (20.0_f32 / 255.0 - 0.25) / 2.0
            ]
        );
        assert_eq!((set.label(0), set.label(1), set.source_index(0)), (7, 5, 1));
    }

    #[test]
    fn fingerprints_tell_content_and_order_apart() {
        let first = set(vec![0, 1], [5, 7], 0.286).fingerprint();
        assert_eq!(set(vec![0, 1], [5, 7], 0.286).fingerprint(), first);
        for other in [
            set(vec![1, 0], [5, 7], 0.286),
            set(vec![0], [5, 7], 0.286),
            set(vec![0, 1], [5, 8], 0.286),
            set(vec![0, 1], [5, 7], 0.285),
        ] {
            assert_ne!(other.fingerprint(), first);
        }
    }
}
