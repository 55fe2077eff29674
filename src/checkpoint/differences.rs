//! In what a checkpoint's tensors differ from a model's, by keys, shapes and types.

use std::collections::HashSet;

use super::recognise::advice;
use super::{CheckpointError, Mismatch, Shapes, WrongShape};
use crate::network::{Graph, TensorSpec};

/// What there is under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A floating-point tensor of this shape.
    Float(&'a [usize]),
    /// A tensor of another type.
    Other(&'a str),
    /// The placeholder of an object that is not built, of this class.
    Object(&'a str),
    Nothing,
}

/// Named tensors, read or not.
pub(super) trait Tensors {
    /// The origin.
    fn origin(&self) -> &str;
    /// Looks up a key.
    fn find(&self, key: &str) -> Found<'_>;
    /// The keys of all tensors.
    fn keys(&self) -> impl Iterator<Item = &str>;
}

/// Keys and shapes of the floating-point tensors.
pub(super) fn shapes(tensors: &impl Tensors) -> Shapes {
    let floats = tensors.keys().filter_map(|key| match tensors.find(key) {
        Found::Float(shape) => Some((key.to_owned(), shape.to_vec())),
        _ => None,
    });
    floats.collect()
}

/// An error that tells what to do, unless nothing differs, or only shapes of tensors that are never
/// used and tell nothing of the network either.
///
/// # Errors
/// [`CheckpointError::Mismatch`].
pub(super) fn judge(
    mut found: Mismatch,
    tensors: &impl Tensors,
    graph: &Graph,
) -> Result<(), CheckpointError> {
    if found.is_empty() {
        return Ok(());
    }
    found.advice = advice(&shapes(tensors), graph, &found);
    if found.is_harmless() && found.advice.is_none() {
        return Ok(());
    }
    Err(CheckpointError::Mismatch(Box::new(found)))
}

/// Compares. Dead tensors and batch-norm counters may be missing.
pub(super) fn differences(tensors: &impl Tensors, graph: &Graph) -> Mismatch {
    let mut found = Mismatch {
        origin: tensors.origin().to_owned(),
        ..Mismatch::default()
    };
    for spec in graph.tensors.iter().filter(|spec| !is_counter(spec)) {
        let key = || spec.key.clone();
        match tensors.find(&spec.key) {
            Found::Float(shape) if shape == spec.shape => {}
            Found::Float(shape) => found.wrong_shape.push(WrongShape {
                key: key(),
                found: shape.to_vec(),
                expected: spec.shape.clone(),
                unused: spec.dead,
            }),
            Found::Other(dtype) => found.not_float.push((key(), dtype.to_owned())),
            Found::Nothing | Found::Object(_) if spec.dead => {}
            Found::Object(class) => {
                let what = format!("made by {class}, which is not built");
                found.not_float.push((key(), what));
            }
            Found::Nothing => found.missing.push(key()),
        }
    }
    let known: HashSet<&str> = graph.tensors.iter().map(|t| t.key.as_str()).collect();
    let unexpected = tensors.keys().filter(|key| !known.contains(key));
    found.unexpected.extend(unexpected.map(str::to_owned));
    found
}

/// Batch norm's count of training batches, which evaluation never reads.
pub(super) fn is_counter(spec: &TensorSpec) -> bool {
    spec.key.ends_with(".num_batches_tracked")
}
