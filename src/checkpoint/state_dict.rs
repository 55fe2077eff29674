//! Named tensors and their check against a model.

use std::collections::{BTreeMap, HashSet};

use super::{CheckpointError, Mismatch, WrongShape, WrongValues};
use crate::network::{Graph, TensorSpec};

/// One tensor of floating-point numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorData {
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Its values, row-major; as many as the product of the shape.
    pub values: Vec<f32>,
}

/// The named tensors of a checkpoint, sorted by name.
#[derive(Clone, Debug, PartialEq)]
pub struct StateDict {
    origin: String,
    tensors: BTreeMap<String, TensorData>,
    /// Types of the tensors that are not floating-point; their values are never used.
    others: BTreeMap<String, String>,
}

impl StateDict {
    /// No tensors yet. `origin` names the checkpoint in messages.
    pub fn new(origin: &str) -> Self {
        StateDict {
            origin: origin.to_owned(),
            tensors: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }
    /// Where it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }
    /// A tensor by its key; none for one that is not floating-point.
    pub fn get(&self, key: &str) -> Option<&TensorData> {
        self.tensors.get(key)
    }
    /// All floating-point tensors in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorData)> {
        self.tensors.iter().map(|(key, t)| (key.as_str(), t))
    }
    /// Adds or replaces a floating-point tensor.
    pub fn insert(&mut self, key: String, tensor: TensorData) {
        self.others.remove(&key);
        self.tensors.insert(key, tensor);
    }
    /// Adds or replaces a tensor of another type, of which only the type's name is kept.
    pub(super) fn insert_other(&mut self, key: String, dtype: String) {
        self.tensors.remove(&key);
        self.others.insert(key, dtype);
    }
    /// True when there is a tensor of this key, of whatever type.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.tensors.contains_key(key) || self.others.contains_key(key)
    }

    /// Checks that these are the model's tensors: nothing missing, nothing unknown, right shapes, finite
    /// values, no negative variances. Dead tensors and batch-norm counters may be missing.
    ///
    /// # Errors
    /// [`CheckpointError::Mismatch`] with every difference.
    pub fn check(&self, graph: &Graph) -> Result<(), CheckpointError> {
        let mut found = Mismatch {
            origin: self.origin.clone(),
            ..Mismatch::default()
        };
        for spec in graph.tensors.iter().filter(|spec| !is_counter(spec)) {
            match (self.tensors.get(&spec.key), self.others.get(&spec.key)) {
                (Some(tensor), _) => {
                    if tensor.shape != spec.shape {
                        found.wrong_shape.push(WrongShape {
                            key: spec.key.clone(),
                            found: tensor.shape.clone(),
                            expected: spec.shape.clone(),
                        });
                    } else if !spec.dead {
                        found.wrong_values.extend(wrong_values(&spec.key, tensor));
                    }
                }
                (None, Some(dtype)) => {
                    found.not_float.push((spec.key.clone(), dtype.clone()));
                }
                (None, None) if spec.dead => {}
                (None, None) => found.missing.push(spec.key.clone()),
            }
        }
        let known: HashSet<&str> = graph.tensors.iter().map(|t| t.key.as_str()).collect();
        let keys = self.tensors.keys().chain(self.others.keys());
        found
            .unexpected
            .extend(keys.filter(|key| !known.contains(key.as_str())).cloned());
        if found.is_empty() {
            Ok(())
        } else {
            Err(CheckpointError::Mismatch(Box::new(found)))
        }
    }

    /// A hash, in hexadecimal, of everything the model uses: keys, shapes and values, in the model's order.
    /// Tensors that it does not use do not change it.
    pub fn fingerprint(&self, graph: &Graph) -> String {
        let mut hasher = blake3::Hasher::new();
        for spec in graph.tensors.iter().filter(|t| !t.dead && !is_counter(t)) {
            let Some(tensor) = self.tensors.get(&spec.key) else {
                continue;
            };
            // Lengths first, so that no two contents run together to the same bytes.
            hash_number(&mut hasher, spec.key.len());
            hasher.update(spec.key.as_bytes());
            hash_number(&mut hasher, tensor.shape.len());
            for &size in &tensor.shape {
                hash_number(&mut hasher, size);
            }
            hash_number(&mut hasher, tensor.values.len());
            for chunk in tensor.values.chunks(4096) {
                let bytes: Vec<u8> = chunk.iter().flat_map(|v| v.to_le_bytes()).collect();
                hasher.update(&bytes);
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn hash_number(hasher: &mut blake3::Hasher, number: usize) {
    hasher.update(&(number as u64).to_le_bytes());
}

/// Batch norm's count of training batches, which evaluation never reads.
fn is_counter(spec: &TensorSpec) -> bool {
    spec.key.ends_with(".num_batches_tracked")
}

fn wrong_values(key: &str, tensor: &TensorData) -> Option<WrongValues> {
    let wrong = |count, why| {
        (count > 0).then(|| WrongValues {
            key: key.to_owned(),
            count,
            of: tensor.values.len(),
            why,
        })
    };
    let not_finite = tensor.values.iter().filter(|v| !v.is_finite()).count();
    wrong(not_finite, "values are NaN or infinite").or_else(|| {
        if !key.ends_with(".running_var") {
            return None;
        }
        let negative = tensor.values.iter().filter(|&&v| v < 0.0).count();
        wrong(negative, "variances are negative")
    })
}
