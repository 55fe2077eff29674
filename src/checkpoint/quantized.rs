//! Files of quantized layers: integers, scales and what follows the sums, as `.safetensors`.
//!
//! Of layer `NAME`, with C output channels of F weights each:
//!
//! | tensor | type | shape | |
//! |---|---|---|---|
//! | `NAME.codes` | `I8`; `I16` above 8 bits | `[C, F]` | the integers |
//! | `NAME.scales` | `F64` | `[C]` | a weight is its integer times this |
//! | `NAME.multiplier`, `NAME.shift` | `F64` | `[C]` | the affine behind the sums, if fixed |
//! | `NAME.moments` | `F64` | `[C, 5]` | means and spreads over the calibration images, if known |
//!
//! The metadata hold the format's version, the bit-widths as JSON, what the caller adds, and a
//! BLAKE3 hash of all of it and of all tensors. The same content always gives the same bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::error::printable;
use super::safetensors::check_header;
use crate::quant::calibrated::OutputMoments;
use crate::quant::{BitWidth, ChannelAffine, Quantized, QuantizedLayer};

/// Raised when files mean something else than before.
const FORMAT: &str = "1";
const FORMAT_KEY: &str = "format";
const BITS: &str = "bits";
const HASH: &str = "blake3";
/// Bytes of the header's length.
const PREFIX: usize = 8;
const MOMENTS: usize = 5;

/// The content of a file of quantized layers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantizedFile {
    /// Metadata: what the layers were made from, by key.
    pub about: BTreeMap<String, String>,
    /// The layers by name.
    pub layers: BTreeMap<String, QuantizedLayer>,
}

/// The error of a file of quantized layers that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged: {field}: {why}")]
pub struct QuantizedFileError {
    /// The file.
    pub file: String,
    /// The part of it.
    pub field: String,
    /// What is wrong with that.
    pub why: String,
}

struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl QuantizedFile {
    /// The file's bytes.
    ///
    /// # Errors
    /// [`QuantizedFileError`] for layers that the format cannot hold; `file` names it.
    pub fn to_bytes(&self, file: &str) -> Result<Vec<u8>, QuantizedFileError> {
        let tensors = self.tensors();
        let failed = |why: String| error(file, "the file", &why);
        let views = tensors.iter().map(|t| {
            TensorView::new(t.dtype, t.shape.clone(), &t.bytes)
                .map(|view| (t.name.as_str(), view))
                .map_err(|e| error(file, &t.name, &e.to_string()))
        });
        let views: Vec<_> = views.collect::<Result<_, _>>()?;
        let mut metadata = self.about.clone();
        metadata.insert(FORMAT_KEY.to_owned(), FORMAT.to_owned());
        let bits = self
            .layers
            .iter()
            .map(|(name, l)| (name, l.quantized.width));
        let bits: BTreeMap<&String, BitWidth> = bits.collect();
        let bits = serde_json::to_string(&bits).map_err(|e| failed(e.to_string()))?;
        metadata.insert(BITS.to_owned(), bits);
        metadata.insert(HASH.to_owned(), hash(&metadata, &views));
        let mut bytes = safetensors::serialize(views, Some(metadata.into_iter().collect()))
            .map_err(|e| failed(e.to_string()))?;
        sort_header(&mut bytes);
        Ok(bytes)
    }

    /// Reads and checks a file's bytes. `file` names it in messages.
    ///
    /// # Errors
    /// [`QuantizedFileError`] for the first thing that is wrong.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, QuantizedFileError> {
        let header = |e: safetensors::SafeTensorError| error(file, "the header", &e.to_string());
        check_header(bytes).map_err(|why| error(file, "the header", &why))?;
        let (_, parsed) = SafeTensors::read_metadata(bytes).map_err(header)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(header)?;
        let metadata = parsed.metadata().clone().unwrap_or_default();
        let mut about: BTreeMap<String, String> = metadata.into_iter().collect();
        let mut take = |key: &str| {
            let value = about.remove(key);
            value.ok_or_else(|| error(file, &format!("metadata {key}"), "it is missing"))
        };
        let (said, format, bits) = (take(HASH)?, take(FORMAT_KEY)?, take(BITS)?);
        if format != FORMAT {
            let why = format!("version {format} is not {FORMAT}, which this program reads");
            return Err(error(file, "metadata format", &why));
        }
        let mut hashed = about.clone();
        hashed.insert(FORMAT_KEY.to_owned(), format);
        hashed.insert(BITS.to_owned(), bits.clone());
        let mut views = tensors.tensors();
        views.sort_by(|a, b| a.0.cmp(&b.0));
        if hash(&hashed, &views) != said {
            return Err(error(
                file,
                "metadata blake3",
                "it is not that of the content",
            ));
        }
        let bits: BTreeMap<String, BitWidth> = serde_json::from_str(&bits)
            .map_err(|e| error(file, "metadata bits", &e.to_string()))?;
        let layer = |(name, width): (String, BitWidth)| {
            let reading = Reading {
                file,
                tensors: &tensors,
                layer: &name,
            };
            let layer = reading.layer(width)?;
            Ok((name, layer))
        };
        Ok(QuantizedFile {
            layers: bits.into_iter().map(layer).collect::<Result<_, _>>()?,
            about,
        })
    }

    /// The tensors, sorted by name.
    fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        for (name, layer) in &self.layers {
            let (codes, channels) = (&layer.quantized, layer.quantized.channels);
            let mut add = |what: &str, dtype, shape, bytes| {
                tensors.push(Tensor {
                    name: format!("{name}.{what}"),
                    dtype,
                    shape,
                    bytes,
                });
            };
            let shape = vec![channels, codes.fan_in];
            match codes_type(codes.width) {
                Dtype::I8 => {
                    let bytes = codes.values.iter().map(|&q| (q as i8).to_le_bytes()[0]);
                    add("codes", Dtype::I8, shape, bytes.collect());
                }
                wide => {
                    let bytes = codes.values.iter().flat_map(|q| q.to_le_bytes());
                    add("codes", wide, shape, bytes.collect());
                }
            }
            add(
                "scales",
                Dtype::F64,
                vec![channels],
                bytes_of(&codes.scales),
            );
            if let Some(affine) = &layer.affine {
                let scale = bytes_of(&affine.scale);
                add("multiplier", Dtype::F64, vec![channels], scale);
                add("shift", Dtype::F64, vec![channels], bytes_of(&affine.shift));
            }
            if !layer.moments.is_empty() {
                let numbers: Vec<f64> = layer.moments.iter().flat_map(numbers).collect();
                let shape = vec![channels, MOMENTS];
                add("moments", Dtype::F64, shape, bytes_of(&numbers));
            }
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        tensors
    }
}

fn error(file: &str, field: &str, why: &str) -> QuantizedFileError {
    QuantizedFileError {
        file: file.to_owned(),
        field: printable(field, 200),
        why: printable(why, 200),
    }
}

fn codes_type(width: BitWidth) -> Dtype {
    match width.bits() {
        ..=8 => Dtype::I8,
        _ => Dtype::I16,
    }
}

fn bytes_of(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn numbers(m: &OutputMoments) -> [f64; MOMENTS] {
    [
        m.float_mean,
        m.float_spread,
        m.mean,
        m.spread,
        m.correlation,
    ]
}

fn moments([float_mean, float_spread, mean, spread, correlation]: [f64; MOMENTS]) -> OutputMoments {
    OutputMoments {
        float_mean,
        float_spread,
        mean,
        spread,
        correlation,
    }
}

/// The BLAKE3 hash of metadata and tensors, which are sorted by name; lengths first, so that no two
/// contents run together to the same bytes.
fn hash<S: AsRef<str>>(
    metadata: &BTreeMap<String, String>,
    tensors: &[(S, TensorView<'_>)],
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for (key, value) in metadata {
        part(key.as_bytes());
        part(value.as_bytes());
    }
    for (name, view) in tensors {
        part(name.as_ref().as_bytes());
        part(format!("{:?} {:?}", view.dtype(), view.shape()).as_bytes());
        part(view.data());
    }
    hasher.finalize().to_hex().to_string()
}

/// Sorts the header's keys: the writer's hash map puts the metadata into another order every time.
fn sort_header(bytes: &mut [u8]) {
    let Some((length, rest)) = bytes.split_first_chunk_mut::<PREFIX>() else {
        return;
    };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let Some(header) = rest.get_mut(..length) else {
        return;
    };
    let sorted = serde_json::from_slice::<serde_json::Value>(header).map(|json| json.to_string());
    // Only the order differs; what is left of the header is padding.
    if let Ok(sorted) = sorted
        && sorted.len() <= header.len()
    {
        header.fill(b' ');
        for (to, from) in header.iter_mut().zip(sorted.bytes()) {
            *to = from;
        }
    }
}

/// One layer on its way out of a file.
struct Reading<'a> {
    file: &'a str,
    tensors: &'a SafeTensors<'a>,
    layer: &'a str,
}

impl Reading<'_> {
    fn layer(&self, width: BitWidth) -> Result<QuantizedLayer, QuantizedFileError> {
        let Some(q_max) = width.q_max() else {
            return Err(self.wrong("codes", "float is no integer width"));
        };
        let codes = self.need("codes", codes_type(width))?;
        let &[channels, fan_in] = codes.shape() else {
            return Err(self.wrong("codes", "they have another shape than [C, F]"));
        };
        let values: Vec<i16> = match codes.dtype() {
            Dtype::I8 => {
                let bytes = codes.data().iter();
                bytes.map(|b| i16::from(i8::from_le_bytes([*b]))).collect()
            }
            _ => {
                let bytes = codes.data().as_chunks::<2>().0.iter();
                bytes.map(|b| i16::from_le_bytes(*b)).collect()
            }
        };
        let fits = |q: &i16| match width.bits() {
            1 => q.unsigned_abs() == 1,
            _ => u32::from(q.unsigned_abs()) <= q_max,
        };
        if let Some(q) = values.iter().find(|q| !fits(q)) {
            let why = format!("{q} is no integer of {width} bits");
            return Err(self.wrong("codes", &why));
        }
        let scales = self.floats("scales", &[channels])?;
        let scales = scales.ok_or_else(|| self.wrong("scales", "they are missing"))?;
        let multiplier = self.floats("multiplier", &[channels])?;
        let shift = self.floats("shift", &[channels])?;
        let affine = match (multiplier, shift) {
            (Some(scale), Some(shift)) => Some(ChannelAffine { scale, shift }),
            (None, None) => None,
            _ => return Err(self.wrong("multiplier and shift", "one of them is missing")),
        };
        let known = self
            .floats("moments", &[channels, MOMENTS])?
            .unwrap_or_default();
        let known = known.as_chunks::<MOMENTS>().0.iter();
        Ok(QuantizedLayer {
            quantized: Arc::new(Quantized {
                width,
                channels,
                fan_in,
                values,
                scales,
            }),
            moments: known.map(|m| moments(*m)).collect(),
            affine,
        })
    }

    fn wrong(&self, what: &str, why: &str) -> QuantizedFileError {
        error(self.file, &format!("{}.{what}", self.layer), why)
    }

    /// A tensor of a type.
    fn need(&self, what: &str, dtype: Dtype) -> Result<TensorView<'_>, QuantizedFileError> {
        let tensor = self.tensors.tensor(&format!("{}.{what}", self.layer));
        let tensor = tensor.map_err(|_| self.wrong(what, "it is missing"))?;
        match tensor.dtype() == dtype {
            true => Ok(tensor),
            false => Err(self.wrong(what, &format!("it is of type {}", tensor.dtype()))),
        }
    }

    /// Finite numbers of a shape; none where there is no such tensor.
    fn floats(&self, what: &str, shape: &[usize]) -> Result<Option<Vec<f64>>, QuantizedFileError> {
        let name = format!("{}.{what}", self.layer);
        if self.tensors.tensor(&name).is_err() {
            return Ok(None);
        }
        let tensor = self.need(what, Dtype::F64)?;
        if tensor.shape() != shape {
            let why = format!("its shape is {:?} instead of {shape:?}", tensor.shape());
            return Err(self.wrong(what, &why));
        }
        let chunks = tensor.data().as_chunks::<8>().0.iter();
        let numbers: Vec<f64> = chunks.map(|b| f64::from_le_bytes(*b)).collect();
        match numbers.iter().all(|x| x.is_finite()) {
            true => Ok(Some(numbers)),
            false => Err(self.wrong(what, "a number is not finite")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layer(bits: u8, affine: bool) -> QuantizedLayer {
        let width = BitWidth::new(bits).expect("a width");
        let q = width.q_max().map_or(1, |q| q as i16);
        let of = |x: f64| vec![x, -x];
        QuantizedLayer {
            quantized: Arc::new(Quantized {
                width,
                channels: 2,
                fan_in: 3,
                values: vec![q, -q, q, -q, -q, q],
                scales: of(0.125),
            }),
            moments: match affine {
                true => Vec::new(),
                false => vec![moments([1.0, 2.0, 3.0, 4.0, 0.5]); 2],
            },
            affine: affine.then(|| ChannelAffine {
                scale: of(0.1),
                shift: of(1.0 / 3.0),
            }),
        }
    }

    fn file() -> QuantizedFile {
        let layers = [(1, true), (2, false), (8, true), (16, false)];
        let layers = layers.map(|(bits, affine)| (format!("l{bits}"), layer(bits, affine)));
        let about = ["calibration", "quantizer", "numerics"];
        QuantizedFile {
            about: about
                .map(|key| (key.to_owned(), format!("the {key}")))
                .into(),
            layers: layers.into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_bytes_are_reproducible() {
        let bytes = file().to_bytes("f").expect("small");
        assert_eq!(QuantizedFile::from_bytes(&bytes, "f"), Ok(file()));
        for _ in 0..8 {
            assert_eq!(file().to_bytes("f").expect("small"), bytes);
        }
        let empty = QuantizedFile::default();
        let bytes = empty.to_bytes("f").expect("small");
        assert_eq!(QuantizedFile::from_bytes(&bytes, "f"), Ok(empty));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |change: &dyn Fn(&mut QuantizedLayer), words: &[&str]| {
            let mut file = file();
            change(file.layers.get_mut("l2").expect("a layer"));
            let bytes = file.to_bytes("f").expect("small");
            let error = QuantizedFile::from_bytes(&bytes, "x.safetensors").expect_err("wrong");
            let text = error.to_string();
            for word in words.iter().chain(&["x.safetensors", "l2."]) {
                assert!(text.contains(word), "{word}: {text}");
            }
        };
        refused(
            &|l| Arc::make_mut(&mut l.quantized).values[1] = 2,
            &["codes", "2 bits"],
        );
        refused(
            &|l| Arc::make_mut(&mut l.quantized).scales[0] = f64::NAN,
            &["scales", "finite"],
        );
        refused(&|l| l.moments[1].mean = f64::INFINITY, &["moments"]);
        let mut one = file();
        let l1 = one.layers.get_mut("l1").expect("a layer");
        Arc::make_mut(&mut l1.quantized).values[0] = 0;
        let bytes = one.to_bytes("f").expect("small");
        assert!(QuantizedFile::from_bytes(&bytes, "f").is_err());
    }

    proptest! {
        /// A changed byte either changes nothing that is read, or is an error.
        #[test]
        fn damage_never_goes_unseen(at in any::<prop::sample::Index>(), mask in 1u8..) {
            let mut bytes = file().to_bytes("f").expect("small");
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            if let Ok(read) = QuantizedFile::from_bytes(&bytes, "f") {
                prop_assert_eq!(read, file());
            }
        }

        #[test]
        fn a_cut_is_an_error(at in any::<prop::sample::Index>()) {
            let bytes = file().to_bytes("f").expect("small");
            let at = at.index(bytes.len());
            prop_assert!(QuantizedFile::from_bytes(&bytes[..at], "f").is_err());
        }
    }
}
