//! The file of quantized layers beside a profile: with it an allocation evaluates to the same
//! accuracy later, elsewhere and without calibration images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::RunError;
use super::prepare::{Prepared, model_hash};
use crate::checkpoint::{QuantizedFile, QuantizedFileError, StateDict};
use crate::evaluate::{Cancel, LayerSource};
use crate::profile::Profile;
use crate::quant::fixed::Grid;
use crate::quant::{Allocation, BitWidth, QuantizedLayer, Scheme};
use crate::system::read_at_most;

/// More than the largest network takes: a hundred million weights at 16 bits.
const LARGEST: u64 = 256 << 20;

const MODEL: &str = "model";
const WEIGHTS: &str = "weights";
const SCHEME: &str = "scheme";
const CALIBRATION: &str = "calibration_hash";

/// The quantized layers of the one allocation that a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedLayers {
    /// The allocation.
    pub allocation: Allocation,
    /// Its layers; none for float layers.
    pub layers: Vec<Option<QuantizedLayer>>,
    /// The grids of fixed-point arithmetic, where they do not follow from the weights.
    pub grids: Option<Vec<Grid>>,
}

/// The error of a file of quantized layers that does not answer for its profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SideFileError {
    /// It cannot be read.
    #[error("cannot read {} (quantizer.codes): {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{} (quantizer.codes) is larger than any network's file", .0.display())]
    TooLarge(PathBuf),
    /// It is damaged.
    #[error(transparent)]
    Damaged(#[from] QuantizedFileError),
    /// It was made from something else than what the profile names.
    #[error("{} (quantizer.codes) was made for another {field} ({found}) than the profile's ({expected})", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The part that differs.
        field: &'static str,
        /// The file's.
        found: String,
        /// The profile's.
        expected: String,
    },
    /// A layer of other sizes than the network's.
    #[error("{} (quantizer.codes): layer {layer} has other sizes than in the network", path.display())]
    Sizes {
        /// The file.
        path: PathBuf,
        /// The layer.
        layer: String,
    },
}

/// Makes the files of quantized layers of one network, its calibration images and one quantizer.
#[derive(Clone)]
pub struct SideFiles {
    source: Arc<dyn LayerSource>,
    about: BTreeMap<String, String>,
    /// Names of the layers.
    layers: Vec<String>,
}

impl std::fmt::Debug for SideFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SideFiles")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

impl SideFiles {
    /// A maker of files that tell `about` of their origin, with the names of the network's layers.
    pub fn new(
        source: Arc<dyn LayerSource>,
        about: BTreeMap<String, String>,
        layers: Vec<String>,
    ) -> Self {
        SideFiles {
            source,
            about,
            layers,
        }
    }

    /// The content of the file of an allocation, which is to lie at `path`; none where no layer is
    /// quantized. What lies there already and is of that allocation is taken.
    ///
    /// # Errors
    /// [`RunError`] where layers cannot be calibrated or written.
    pub fn content(
        &self,
        allocation: &Allocation,
        path: &Path,
    ) -> Result<Option<Vec<u8>>, RunError> {
        if allocation.is_float() {
            return Ok(None);
        }
        let name = path.display().to_string();
        if let Ok(Some(bytes)) = read_at_most(path, LARGEST)
            && let Ok(file) = QuantizedFile::from_bytes(&bytes, &name)
            && file.about == self.about
            && widths(&file, self.layers.iter()) == Some(allocation.clone())
        {
            return Ok(Some(bytes));
        }
        let quantized = self.source.quantized(allocation, &Cancel::default())?;
        let named = self.layers.iter().cloned().zip(quantized);
        let file = QuantizedFile {
            about: self.about.clone(),
            layers: named
                .filter_map(|(name, layer)| Some((name, layer?)))
                .collect(),
        };
        let bytes = file.to_bytes(&name).map_err(SideFileError::from)?;
        Ok(Some(bytes))
    }
}

/// What the files of a profile's allocations tell of their origin; the layers' source is to be
/// added.
#[derive(Clone, Debug)]
pub(super) struct SideFileOrigin {
    about: BTreeMap<String, String>,
    layers: Vec<String>,
}

impl SideFileOrigin {
    /// The origin of a prepared profile's files; none where quantized layers need no images.
    pub(super) fn of(prepared: &Prepared) -> Option<Self> {
        let Prepared {
            profile,
            weights,
            splits,
            ..
        } = prepared;
        let hash = prepared.calibration_hash()?;
        let graph = profile.graph();
        let seed = profile.data.as_ref().map_or(0, |data| data.split_seed);
        let about = [
            ("program", format!("aq4svit {}", env!("CARGO_PKG_VERSION"))),
            (MODEL, model_hash(profile)),
            (WEIGHTS, weights.fingerprint(&graph)),
            ("quantizer", profile.scheme.quantizer().id()),
            (SCHEME, scheme_text(&profile.scheme)),
            (CALIBRATION, hash),
            ("calibration_images", splits.calibration.len().to_string()),
            (
                "calibration_sampling",
                format!("training images, the same share of every class, data.split_seed {seed}"),
            ),
        ];
        Some(SideFileOrigin {
            about: about.map(|(key, value)| (key.to_owned(), value)).into(),
            layers: graph.layers.iter().map(|l| l.name.clone()).collect(),
        })
    }

    /// The maker of the files.
    pub(super) fn files(mut self, source: Arc<dyn LayerSource>, numerics: &str) -> SideFiles {
        self.about
            .insert("numerics".to_owned(), numerics.to_owned());
        SideFiles::new(source, self.about, self.layers)
    }
}

/// The layers of an allocation from the file that a profile names; none where it names no file, and
/// where the file is of other bit-widths or of another quantizer.
///
/// # Errors
/// [`SideFileError`] for a file that cannot be used.
pub fn fixed_layers(
    profile: &Profile,
    weights: &StateDict,
    allocation: &Allocation,
) -> Result<Option<FixedLayers>, SideFileError> {
    let Some(path) = profile
        .codes
        .as_ref()
        .filter(|_| profile.scheme.needs_images())
    else {
        return Ok(None);
    };
    let graph = profile.graph();
    let mut file = read(path)?;
    let about = |key: &str| file.about.get(key).map_or("", String::as_str);
    let same = |field: &'static str, key: &str, expected: &str| match about(key) == expected {
        true => Ok(()),
        false => Err(SideFileError::Differs {
            path: path.clone(),
            field,
            found: short(about(key)),
            expected: short(expected),
        }),
    };
    same("model", MODEL, &model_hash(profile))?;
    same("checkpoint", WEIGHTS, &weights.fingerprint(&graph))?;
    if let Some(hash) = &profile.calibration_hash {
        same("calibration set", CALIBRATION, hash)?;
    }
    let of_scheme = about(SCHEME) == scheme_text(&profile.scheme);
    let names = graph.layers.iter().map(|layer| &layer.name);
    if !of_scheme || widths(&file, names).as_ref() != Some(allocation) {
        return Ok(None);
    }
    let mut layers = Vec::new();
    for layer in &graph.layers {
        let known = file.layers.remove(&layer.name);
        let fits = |known: &QuantizedLayer| {
            known.affine.is_some()
                && known.quantized.channels == layer.channels()
                && known.quantized.values.len() == layer.weights()
        };
        if known.as_ref().is_some_and(|known| !fits(known)) {
            return Err(SideFileError::Sizes {
                path: path.clone(),
                layer: layer.name.clone(),
            });
        }
        layers.push(known);
    }
    Ok(Some(FixedLayers {
        allocation: allocation.clone(),
        layers,
        grids: None,
    }))
}

fn read(path: &Path) -> Result<QuantizedFile, SideFileError> {
    let bytes = read_at_most(path, LARGEST).map_err(|source| SideFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let bytes = bytes.ok_or_else(|| SideFileError::TooLarge(path.to_owned()))?;
    Ok(QuantizedFile::from_bytes(
        &bytes,
        &path.display().to_string(),
    )?)
}

/// The bit-widths of a file's layers; none where it has a layer that the network has not.
fn widths<'a>(file: &QuantizedFile, names: impl Iterator<Item = &'a String>) -> Option<Allocation> {
    let mut found = 0;
    let width = |name: &String| match file.layers.get(name) {
        Some(layer) => {
            found += 1;
            layer.quantized.width
        }
        None => BitWidth::FLOAT,
    };
    let widths = Allocation(names.map(width).collect());
    (found == file.layers.len()).then_some(widths)
}

/// All that the layers of an allocation depend on beside weights and images.
fn scheme_text(scheme: &Scheme) -> String {
    // Plain data always serialises; should it ever not, nothing equals it.
    serde_json::to_string(scheme).unwrap_or_else(|e| e.to_string())
}

/// The beginning of a hash.
fn short(hash: &str) -> String {
    match hash.is_empty() {
        true => "none".to_owned(),
        false => hash.chars().take(16).collect(),
    }
}
