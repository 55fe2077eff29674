//! Named tensors and their check against a model.

use std::collections::BTreeMap;

use super::differences::{Found, Tensors, differences, is_counter, judge, shapes};
use super::parameters::NO_RATES;
use super::{CheckpointError, Shapes, WrongValues};
use crate::network::{Graph, Op};

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
    /// Keys of values that are no tensors but objects that were not built, with their classes.
    objects: BTreeMap<String, String>,
    /// What a person should know of how they were found.
    notes: Vec<String>,
}

impl StateDict {
    /// No tensors yet. `origin` names the checkpoint in messages.
    pub fn new(origin: &str) -> Self {
        StateDict {
            origin: origin.to_owned(),
            tensors: BTreeMap::new(),
            others: BTreeMap::new(),
            objects: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
    /// The origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }
    /// What a person should know of how the tensors were found, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
    /// Adds sentences to the notes.
    pub fn note(&mut self, sentences: impl IntoIterator<Item = String>) {
        self.notes.extend(sentences);
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
    /// Notes that a key has no tensor but an object of a class that is not built.
    pub(super) fn insert_object(&mut self, key: String, class: String) {
        self.objects.insert(key, class);
    }
    /// Keys and shapes of the floating-point tensors.
    pub fn shapes(&self) -> Shapes {
        shapes(self)
    }

    /// Checks that these are the model's tensors: nothing missing, nothing unknown, right shapes,
    /// finite values, no negative variances. Dead tensors and batch-norm counters may be missing.
    ///
    /// # Errors
    /// [`CheckpointError::Mismatch`] with every difference.
    pub fn check(&self, graph: &Graph) -> Result<(), CheckpointError> {
        let mut found = differences(self, graph);
        for spec in graph.tensors.iter().filter(|t| !t.dead && !is_counter(t)) {
            let tensor = self.tensors.get(&spec.key);
            let tensor = tensor.filter(|t| t.shape == spec.shape);
            let wrong = tensor.and_then(|t| wrong_values(&spec.key, t));
            found.wrong_values.extend(wrong);
        }
        for node in &graph.nodes {
            if let Op::HeadScale { key, .. } = &node.op
                && let Some(tensor) = self.tensors.get(key)
                && let count @ 1.. = tensor.values.iter().filter(|&&v| v <= 0.0).count()
            {
                found.wrong_values.push(WrongValues {
                    key: key.clone(),
                    count,
                    of: tensor.values.len(),
                    why: NO_RATES,
                });
            }
        }
        judge(found, self, graph)
    }

    /// A hash, in hexadecimal, of everything the model uses: keys, shapes and values, in the
    /// model's order. Tensors that it does not use do not change it.
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

impl Tensors for StateDict {
    fn origin(&self) -> &str {
        &self.origin
    }
    fn find(&self, key: &str) -> Found<'_> {
        if let Some(tensor) = self.tensors.get(key) {
            return Found::Float(&tensor.shape);
        }
        match (self.others.get(key), self.objects.get(key)) {
            (Some(dtype), _) => Found::Other(dtype),
            (None, Some(class)) => Found::Object(class),
            (None, None) => Found::Nothing,
        }
    }
    fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.tensors.keys().chain(self.others.keys());
        keys.map(String::as_str)
    }
}
