//! The images of a run as one file, decoded: for a machine that does not have their source. The
//! file is one that [`super::tensors`] reads, with the splits in its metadata.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, Metadata, TensorView};
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::images::{ImageSet, Images, Normalisation};
use super::prefetch::Sample;
use super::splits::Splits;
use super::tensors;
use crate::network::NetworkInput;

/// The key of the metadata.
const KEY: &str = "splits";

/// The images of all splits, one after the other.
#[derive(Serialize, Deserialize)]
struct Description {
    sets: Vec<Set>,
    /// As [`Splits::shared`].
    shared: usize,
}

/// One split.
#[derive(Serialize, Deserialize)]
struct Set {
    name: String,
    images: usize,
    /// Of its source: decoded images count as these.
    fingerprint: String,
    unit: f32,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Splits {
    /// The splits with their names in a file.
    fn named(&self) -> impl Iterator<Item = (&'static str, &ImageSet)> {
        let all = [
            ("calibration", Some(&self.calibration)),
            ("search", Some(&self.search)),
            ("proxy", Some(&self.proxy)),
            ("certify", self.certify.as_ref()),
            ("test", self.test.as_ref()),
        ];
        all.into_iter().filter_map(|(name, set)| Some((name, set?)))
    }

    /// Bytes of all decoded images.
    pub fn decoded_bytes(&self) -> u64 {
        let of = |(_, set): (_, &ImageSet)| set.len() as u64 * set.sample_bytes() as u64;
        self.named().map(of).sum()
    }

    /// Writes all images, decoded, into a file. False where splits differ in the kind of their
    /// numbers, so that one file does not hold them.
    ///
    /// # Errors
    /// [`DataError`] for images that cannot be read, or a file that cannot be written.
    pub fn write_decoded(&self, path: &Path) -> Result<bool, DataError> {
        let (mut pixels, mut labels, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        let mut kinds = [false; 2];
        for (name, set) in self.named() {
            for place in 0..set.len() {
                match set.sample(place)? {
                    Sample::Bytes(bytes) => {
                        kinds[0] = true;
                        pixels.extend_from_slice(&bytes);
                    }
                    Sample::Floats(numbers) => {
                        kinds[1] = true;
                        pixels.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
                    }
                }
                labels.extend(set.label(place).to_le_bytes());
            }
            let Normalisation { unit, mean, std } = set.normalisation().clone();
            sets.push(Set {
                name: name.to_owned(),
                images: set.len(),
                fingerprint: set.fingerprint().to_hex().to_string(),
                unit,
                mean,
                std,
            });
        }
        let dtype = match kinds {
            [true, true] => return Ok(false),
            [_, true] => Dtype::F32,
            [_, false] => Dtype::U8,
        };
        let (count, set) = (labels.len() / 4, &self.search);
        let shape = set.shape();
        let mut sizes = vec![count];
        sizes.extend(set.frames());
        sizes.extend([shape.channels, shape.height, shape.width]);
        let shared = self.shared;
        let written = || -> std::io::Result<()> {
            let other = std::io::Error::other;
            let description = serde_json::to_string(&Description { sets, shared })?;
            let metadata = HashMap::from([(KEY.to_owned(), description)]);
            let images = TensorView::new(dtype, sizes, &pixels).map_err(other)?;
            let labels = TensorView::new(Dtype::U32, vec![count], &labels).map_err(other)?;
            let tensors = [("images", images), ("labels", labels)];
            let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(other)?;
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut aside = tempfile::NamedTempFile::new_in(folder)?;
            aside.write_all(&bytes)?;
            aside.persist(path)?;
            Ok(())
        };
        written().map_err(|source| DataError::Write {
            file: path.to_owned(),
            source,
        })?;
        Ok(true)
    }
}

/// Reads the splits of a file that [`Splits::write_decoded`] wrote, for a model.
///
/// # Errors
/// [`DataError::Format`] names the file and what does not fit.
pub(super) fn read(path: &Path, input: &NetworkInput) -> Result<Splits, DataError> {
    let wrong = |what: String| DataError::format(path, what);
    let opened = tensors::open(path, input.classes)?;
    if (opened.shape, opened.frames) != (input.shape, input.frames) {
        return Err(wrong(
            "its images are of another shape than the model's".into(),
        ));
    }
    let header: &Metadata = &opened.header;
    let text = header.metadata().as_ref().and_then(|all| all.get(KEY));
    let text = text.ok_or_else(|| wrong(format!("its metadata has no \"{KEY}\"")))?;
    let description: Description =
        serde_json::from_str(text).map_err(|e| wrong(format!("its splits are damaged: {e}")))?;
    let images = Images::Stored(Arc::new(opened.samples));
    let labels = Arc::new(opened.labels);
    let (mut from, mut sets) = (0_usize, HashMap::new());
    for set in description.sets {
        let to = from
            .checked_add(set.images)
            .filter(|to| *to <= labels.len());
        let range = to.and_then(|to| Some(u32::try_from(from).ok()?..u32::try_from(to).ok()?));
        let range = range.ok_or_else(|| wrong("it has fewer images than its splits".into()))?;
        let channels = input.shape.channels;
        let fine =
            |numbers: &[f32]| numbers.len() == channels && numbers.iter().all(|n| n.is_finite());
        if !(fine(&set.mean) && fine(&set.std) && set.unit.is_finite()) {
            return Err(wrong(format!(
                "the normalisation of its {} split is damaged",
                set.name
            )));
        }
        let fingerprint = blake3::Hash::from_hex(&set.fingerprint)
            .map_err(|e| wrong(format!("the fingerprint of its {} split: {e}", set.name)))?;
        let normalisation = Normalisation {
            unit: set.unit,
            mean: set.mean,
            std: set.std,
        };
        from = range.end as usize;
        let (shape, frames, labels) = (input.shape, input.frames, Arc::clone(&labels));
        let of = ImageSet::new(
            shape,
            frames,
            &images,
            labels,
            range.collect(),
            normalisation,
        );
        sets.insert(set.name, of.standing_for(fingerprint));
    }
    let mut need = |name: &str| {
        let set = sets.remove(name);
        set.ok_or_else(|| wrong(format!("it has no {name} split")))
    };
    Ok(Splits {
        calibration: need("calibration")?,
        search: need("search")?,
        proxy: need("proxy")?,
        shared: description.shared,
        certify: sets.remove("certify"),
        test: sets.remove("test"),
        skipped: Vec::new(),
        notes: Vec::new(),
    })
}
