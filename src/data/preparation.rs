//! What is done to an image between decoding and the network: size, middle, grey.

use super::decode::Rgb;
use super::recipe::Recipe;
use super::resample::{Filter, Window, resize};

/// The preprocessing of a decoded image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preparation {
    recipe: &'static str,
    /// The shorter side after resizing, and the filter.
    resize: Option<(usize, Filter)>,
    /// Rows and columns of the result.
    size: usize,
    /// 3, or 1 for grey.
    channels: usize,
}

impl Preparation {
    /// The recipe's for a model.
    pub(super) fn new(recipe: &'static Recipe, size: usize, channels: usize) -> Preparation {
        let resize = recipe.resize.map(|r| (r.shorter(size), r.filter));
        Preparation {
            recipe: recipe.name,
            resize,
            size,
            channels,
        }
    }

    /// The same in a word, for file names and fingerprints.
    pub(super) fn key(&self) -> String {
        let resize = match self.resize {
            Some((shorter, filter)) => format!("{}{shorter}", filter.name()),
            None => "as-is".to_owned(),
        };
        format!("{resize}-crop{}-{}", self.size, self.channels)
    }

    /// Bytes of a prepared image.
    pub(super) fn bytes(&self) -> usize {
        self.channels * self.size * self.size
    }

    /// `[channels, size, size]` of an image; why not, where it is of a size that nothing is done
    /// about.
    pub(super) fn apply(&self, image: &Rgb) -> Result<Vec<u8>, String> {
        let from = (image.width, image.height);
        let cut = |length: usize| {
            let start = centre(length, self.size);
            start..start + self.size
        };
        let square;
        let pixels = match self.resize {
            Some((shorter, filter)) => {
                let to = resized(from, shorter);
                let window = Window {
                    columns: cut(to.0),
                    rows: cut(to.1),
                };
                square = resize(&image.pixels, from, to, &window, filter);
                &square
            }
            None if from == (self.size, self.size) => &image.pixels,
            None => {
                return Err(format!(
                    "it has {}x{} pixels, but the model takes {size}x{size} (model.image_size) and data.recipe = \
                     \"{}\" does not resize: name one that does, such as \"imagenet-224\"",
                    from.0,
                    from.1,
                    self.recipe,
                    size = self.size,
                ));
            }
        };
        let (colours, _) = pixels.as_chunks::<3>();
        Ok(match self.channels {
            1 => colours.iter().map(grey).collect(),
            _ => (0..3)
                .flat_map(|c| colours.iter().filter_map(move |rgb| rgb.get(c).copied()))
                .collect(),
        })
    }
}

/// Width and height with a given shorter side, the longer one rounded down (torchvision's
/// `Resize`).
fn resized((width, height): (usize, usize), shorter: usize) -> (usize, usize) {
    match width <= height {
        true => (shorter, shorter * height / width),
        false => (shorter * width / height, shorter),
    }
}

/// Where the middle `part` of a length begins: halves round to even (torchvision's `CenterCrop`).
fn centre(length: usize, part: usize) -> usize {
    let rest = length.saturating_sub(part);
    rest / 2 + usize::from(rest % 4 == 3)
}

/// Pillow's luma.
fn grey([r, g, b]: &[u8; 3]) -> u8 {
    let sum = 19595 * u32::from(*r) + 38470 * u32::from(*g) + 7471 * u32::from(*b) + 0x8000;
    (sum >> 16) as u8
}
