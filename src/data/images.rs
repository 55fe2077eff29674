//! Images with labels, in a fixed order.

use std::sync::Arc;

use crate::network::Shape;

/// How pixels become numbers, per channel: `(pixel / 255 - mean) / std` in f32, the operations of torchvision's
/// `ToTensor` and `Normalize` in their order, so that a network sees bit for bit what it was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    /// Mean of each channel, on the scale 0 to 1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, likewise.
    pub std: Vec<f32>,
}

/// Labelled images of one shape in a fixed order. Splits of one data set share their pixels.
#[derive(Clone, Debug)]
pub struct ImageSet {
    shape: Shape,
    /// All images of the source, `[N, C, H, W]`.
    pixels: Arc<Vec<u8>>,
    /// Their labels, `[N]`.
    labels: Arc<Vec<u32>>,
    /// The images of this set, in its order.
    indices: Vec<u32>,
    normalisation: Normalisation,
}

impl ImageSet {
    /// Images `indices` of a source. The caller has checked that everything fits.
    pub(super) fn new(
        shape: Shape,
        pixels: Arc<Vec<u8>>,
        labels: Arc<Vec<u32>>,
        indices: Vec<u32>,
        normalisation: Normalisation,
    ) -> ImageSet {
        debug_assert_eq!(
            pixels.len(),
            labels.len() * shape.channels * shape.height * shape.width
        );
        debug_assert_eq!(normalisation.mean.len(), shape.channels);
        debug_assert_eq!(normalisation.std.len(), shape.channels);
        ImageSet {
            shape,
            pixels,
            labels,
            indices,
            normalisation,
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

    /// The shape of one image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How pixels become numbers.
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

    /// Writes image `i` of this set, normalised, as `[C, H, W]`.
    ///
    /// # Panics
    /// When `i` is not below [`ImageSet::len`], or `out` has another length than C * H * W.
    pub fn fill(&self, i: usize, out: &mut [f32]) {
        let pixels = self.pixels(i);
        assert_eq!(out.len(), pixels.len(), "an image of {:?}", self.shape);
        let plane = self.shape.height * self.shape.width;
        let channels = self.normalisation.mean.iter().zip(&self.normalisation.std);
        let planes = pixels.chunks_exact(plane).zip(out.chunks_exact_mut(plane));
        for ((pixels, out), (&mean, &std)) in planes.zip(channels) {
            for (value, &pixel) in out.iter_mut().zip(pixels) {
                *value = (f32::from(pixel) / 255.0 - mean) / std;
            }
        }
    }

    /// A digest of everything that this set feeds to a network: shape, pixels, labels, order, normalisation.
    pub fn fingerprint(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for size in [
            self.len(),
            self.shape.channels,
            self.shape.height,
            self.shape.width,
        ] {
            hasher.update(&(size as u64).to_le_bytes());
        }
        for value in self
            .normalisation
            .mean
            .iter()
            .chain(&self.normalisation.std)
        {
            hasher.update(&value.to_le_bytes());
        }
        for i in 0..self.len() {
            hasher.update(&self.label(i).to_le_bytes());
            hasher.update(self.pixels(i));
        }
        hasher.finalize()
    }

    fn pixels(&self, i: usize) -> &[u8] {
        let size = self.shape.channels * self.shape.height * self.shape.width;
        let start = self.source_index(i) * size;
        &self.pixels[start..start + size]
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
            mean: vec![mean, 0.25],
            std: vec![0.353, 2.0],
        };
        let pixels = vec![0, 255, 10, 20, 1, 2, 3, 4];
        ImageSet::new(
            shape,
            Arc::new(pixels),
            Arc::new(labels.to_vec()),
            indices,
            normalisation,
        )
    }

    #[test]
    fn pixels_are_normalised_per_channel() {
        let set = set(vec![1, 0], [5, 7], 0.286);
        let mut out = [0.0; 4];
        set.fill(1, &mut out);
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
