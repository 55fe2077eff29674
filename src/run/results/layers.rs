//! Quantized layers of earlier runs, which depend on calibration images: one file for each layer
//! and bit-width.
//!
//! Several programs may use the folder at once. A file that is missing, damaged or another layer's
//! is passed over; the layer is made again. Nothing that goes wrong with a file is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::folder::replace;
use super::hash;
use crate::checkpoint::QuantizedFile;
use crate::quant::{BitWidth, QuantizedLayer, QuantizedStore};
use crate::system::make_room;
use crate::system::read_at_most;

/// All files of a folder together; beyond it the least recently used ones are removed.
const LARGEST_FOLDER: u64 = 512 << 20;
/// The largest file that is read; a network's largest layer has a few million weights.
const LARGEST_FILE: u64 = 256 << 20;
const ENDING: &str = "layer";
const CONTEXT: &str = "context";

/// The quantized layers of one network, its calibration images and one quantizer, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFolder {
    folder: PathBuf,
    context: String,
    largest: u64,
}

impl LayerFolder {
    /// The layers of a context ([`super::Contexts::layers`]) in a folder; it is made where it is
    /// missing.
    pub fn open(folder: &Path, context: &str) -> Self {
        LayerFolder::bounded(folder, context, LARGEST_FOLDER)
    }

    fn bounded(folder: &Path, context: &str, largest: u64) -> Self {
        let _ = fs::create_dir_all(folder);
        LayerFolder {
            folder: folder.to_owned(),
            context: context.to_owned(),
            largest,
        }
    }

    fn path(&self, layer: &str, width: BitWidth) -> PathBuf {
        // Names of layers may hold what names of files may not.
        let name = hash(&(&self.context, layer, width));
        self.folder.join(format!("{name}.{ENDING}"))
    }

    fn read(&self, layer: &str, width: BitWidth) -> Option<QuantizedLayer> {
        let path = self.path(layer, width);
        let bytes = read_at_most(&path, LARGEST_FILE).ok()??;
        let mut file = QuantizedFile::from_bytes(&bytes, ENDING).ok()?;
        let of_this = file.about.get(CONTEXT) == Some(&self.context);
        let found = file.layers.remove(layer).filter(|_| of_this)?;
        // What was used lately is removed last.
        if let Ok(file) = fs::File::options().append(true).open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        (found.quantized.width == width).then_some(found)
    }
}

impl QuantizedStore for LayerFolder {
    fn load(&self, layer: &str, width: BitWidth) -> Option<QuantizedLayer> {
        self.read(layer, width)
    }

    fn keep(&self, layer: &str, quantized: &QuantizedLayer) {
        let file = QuantizedFile {
            about: [(CONTEXT.to_owned(), self.context.clone())].into(),
            layers: [(layer.to_owned(), quantized.clone())].into(),
        };
        let path = self.path(layer, quantized.quantized.width);
        if let Ok(bytes) = file.to_bytes(ENDING)
            && replace(&path, &bytes).is_ok()
        {
            make_room((&self.folder, ENDING), &path, self.largest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::quant::{LayerWeights, Nearest, Quantizer, Resources, Scheme};

    fn width(bits: u8) -> BitWidth {
        BitWidth::new(bits).expect("a width")
    }

    fn layer(bits: u8) -> QuantizedLayer {
        let weights = LayerWeights {
            name: "a/b",
            channels: 2,
            values: &[0.5, -0.25, 1.0, 0.125],
        };
        let nearest =
            Nearest(Scheme::default()).quantize(weights, width(bits), None, Resources::threads(1));
        QuantizedLayer {
            quantized: Arc::new(nearest.expect("finite weights")),
            moments: Vec::new(),
            affine: None,
        }
    }

    #[test]
    fn layers_are_found_again_by_context_name_and_width() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LayerFolder::open(folder.path(), "c");
        assert_eq!(store.load("a/b", width(3)), None);
        store.keep("a/b", &layer(3));
        let again = LayerFolder::open(folder.path(), "c");
        assert_eq!(again.load("a/b", width(3)), Some(layer(3)));
        assert_eq!(again.load("a/b", width(4)), None);
        assert_eq!(again.load("a", width(3)), None);
        // Other images or another quantizer are another context.
        let other = LayerFolder::open(folder.path(), "d");
        assert_eq!(other.load("a/b", width(3)), None);
        // A file under another's name is not its own.
        fs::copy(again.path("a/b", width(3)), other.path("a/b", width(3))).expect("space");
        assert_eq!(other.load("a/b", width(3)), None);
    }

    #[test]
    fn damaged_files_are_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LayerFolder::open(folder.path(), "c");
        store.keep("a/b", &layer(2));
        let path = store.path("a/b", width(2));
        let whole = fs::read(&path).expect("just written");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            fs::write(&path, &damaged).expect("space");
            let found = store.load("a/b", width(2));
            assert!(
                found.is_none() || found == Some(layer(2)),
                "damaged at {at}"
            );
            fs::write(&path, &whole[..at]).expect("space");
            assert_eq!(store.load("a/b", width(2)), None, "cut at {at}");
        }
        store.keep("a/b", &layer(2));
        assert_eq!(store.load("a/b", width(2)), Some(layer(2)));
    }

    #[test]
    fn folders_stay_small_and_a_missing_one_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LayerFolder::bounded(folder.path(), "c", 1500);
        for bits in 1..=8 {
            store.keep("a/b", &layer(bits));
        }
        let sizes = fs::read_dir(folder.path()).expect("a folder").flatten();
        let total: u64 = sizes.map(|e| e.metadata().map_or(0, |m| m.len())).sum();
        assert!(total <= 1500 && total > 0, "{total}");
        assert_eq!(store.load("a/b", width(8)), Some(layer(8)));
        assert!((1..8).any(|bits| store.load("a/b", width(bits)).is_none()));
        let blocked = LayerFolder::open(&folder.path().join("x\0y"), "c");
        blocked.keep("a/b", &layer(3));
        assert_eq!(blocked.load("a/b", width(3)), None);
    }
}
