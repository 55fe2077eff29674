//! Files and their tensors.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::VerifyError;

/// The longest header of a file of tensors that is read, in bytes.
pub(super) const LARGEST_HEADER: u64 = 16 << 20;

/// Reads a file of a package that may not be larger than `most` bytes.
pub(super) fn read_at_most(folder: &Path, name: &str, most: u64) -> Result<Vec<u8>, VerifyError> {
    let path = folder.join(name);
    let io = |source| VerifyError::Io {
        path: path.clone(),
        source,
    };
    // To open a pipe would wait for whoever writes into it.
    if !path.symlink_metadata().map_err(io)?.is_file() {
        return Err(VerifyError::wrong(
            name,
            "the file",
            "it is a link or no file",
        ));
    }
    let file = File::open(&path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size > most {
        let why = format!("{size} bytes are more than the {most} that it can need");
        return Err(VerifyError::wrong(name, "the file", why));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// A header that names no tensor twice: readers of other languages might take another one.
struct DistinctNames;

impl<'de> Deserialize<'de> for DistinctNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DistinctNames)
    }
}

impl<'de> Visitor<'de> for DistinctNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(twice) = seen.replace(name) {
                return Err(A::Error::custom(format!("tensor {twice} is there twice")));
            }
        }
        Ok(self)
    }
}

/// The tensors of one file.
pub(super) struct Tensors<'a> {
    file: &'a str,
    tensors: SafeTensors<'a>,
    /// Where their bytes begin.
    begin: u64,
    places: safetensors::tensor::Metadata,
}

impl<'a> Tensors<'a> {
    pub(super) fn new(file: &'a str, bytes: &'a [u8]) -> Result<Self, VerifyError> {
        let header =
            |e: safetensors::SafeTensorError| VerifyError::wrong(file, "the header", e.to_string());
        let said = bytes.first_chunk().map_or(0, |l| u64::from_le_bytes(*l));
        if said > LARGEST_HEADER {
            let why = format!("{said} bytes are more than it can need");
            return Err(VerifyError::wrong(file, "the header", why));
        }
        let (length, places) = SafeTensors::read_metadata(bytes).map_err(header)?;
        let text = bytes.get(8..length.saturating_add(8)).unwrap_or(&[]);
        serde_json::from_slice::<DistinctNames>(text)
            .map_err(|e| VerifyError::wrong(file, "the header", e.to_string()))?;
        Ok(Tensors {
            file,
            tensors: SafeTensors::deserialize(bytes).map_err(header)?,
            begin: (length as u64).saturating_add(8),
            places,
        })
    }

    /// Where a tensor lies in the file.
    pub(super) fn place(&self, name: &str) -> Option<[u64; 2]> {
        let (from, to) = self.places.info(name)?.data_offsets;
        let at = |x: usize| self.begin.saturating_add(x as u64);
        Some([at(from), at(to)])
    }

    /// Bytes before the tensors.
    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.tensors
            .names()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    fn wrong(&self, name: &str, why: String) -> VerifyError {
        VerifyError::wrong(self.file, format!("tensor {name}"), why)
    }

    /// A tensor of a type and a shape.
    fn need(
        &self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
    ) -> Result<TensorView<'_>, VerifyError> {
        let found = self.tensors.tensor(name);
        let found = found.map_err(|_| self.wrong(name, "it is missing".to_owned()))?;
        if found.dtype() != dtype || found.shape() != shape {
            let why = format!(
                "it is {:?} {:?}, expected {dtype:?} {shape:?}",
                found.dtype(),
                found.shape()
            );
            return Err(self.wrong(name, why));
        }
        Ok(found)
    }

    pub(super) fn u8(&self, name: &str, shape: &[usize]) -> Result<Vec<u8>, VerifyError> {
        Ok(self.need(name, Dtype::U8, shape)?.data().to_vec())
    }

    pub(super) fn i32(&self, name: &str, shape: &[usize]) -> Result<Vec<i32>, VerifyError> {
        let tensor = self.need(name, Dtype::I32, shape)?;
        let words = tensor.data().as_chunks::<4>().0.iter();
        Ok(words.map(|b| i32::from_le_bytes(*b)).collect())
    }

    pub(super) fn i16(&self, name: &str, shape: &[usize]) -> Result<Vec<i16>, VerifyError> {
        let tensor = self.need(name, Dtype::I16, shape)?;
        let words = tensor.data().as_chunks::<2>().0.iter();
        Ok(words.map(|b| i16::from_le_bytes(*b)).collect())
    }

    pub(super) fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, VerifyError> {
        let tensor = self.need(name, Dtype::F32, shape)?;
        let words = tensor.data().as_chunks::<4>().0.iter();
        self.finite(name, words.map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// F16 numbers, which are exact in f32.
    pub(super) fn f16(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, VerifyError> {
        let tensor = self.need(name, Dtype::F16, shape)?;
        let words = tensor.data().as_chunks::<2>().0.iter();
        let numbers = words.map(|b| half::f16::from_le_bytes(*b).to_f32());
        self.finite(name, numbers.collect())
    }

    fn finite(&self, name: &str, numbers: Vec<f32>) -> Result<Vec<f32>, VerifyError> {
        match numbers.iter().position(|x| !x.is_finite()) {
            None => Ok(numbers),
            Some(at) => Err(self.wrong(name, format!("number {at} is not finite"))),
        }
    }

    pub(super) fn f64(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, VerifyError> {
        let tensor = self.need(name, Dtype::F64, shape)?;
        let words = tensor.data().as_chunks::<8>().0.iter();
        let numbers: Vec<f64> = words.map(|b| f64::from_le_bytes(*b)).collect();
        match numbers.iter().position(|x| !x.is_finite()) {
            None => Ok(numbers),
            Some(at) => Err(self.wrong(name, format!("number {at} is not finite"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend([0; 2]);
        bytes
    }

    #[test]
    fn no_name_stands_twice() {
        let tensor = r#"{"dtype":"U8","shape":[2],"data_offsets":[0,2]}"#;
        let good = file(&format!(r#"{{"a":{tensor}}}"#));
        assert!(Tensors::new("f", &good).unwrap().u8("a", &[2]).is_ok());
        let bad = file(&format!(r#"{{"a":{tensor},"a":{tensor}}}"#));
        let error = Tensors::new("f", &bad).err().unwrap().to_string();
        assert!(
            error.starts_with("f: the header: tensor a is there twice"),
            "{error}"
        );
    }
}
