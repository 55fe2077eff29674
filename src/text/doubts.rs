//! What makes the numbers of a run doubtful, as sentences.

use super::numbers::{count, points};
use crate::evaluate::at_chance;
use crate::profile::AccuracyDrop;
use crate::search::Tree;

/// The share of images on which two networks of nearly equal accuracy differ, in percent: it says
/// how finely a drop can be measured.
const DIFFER: f64 = 6.0;

/// Everything doubtful about a run, once the float network is evaluated; `classes` of the network,
/// where they are known.
pub fn of_run(tree: &Tree, classes: Option<usize>) -> Vec<String> {
    let (float, images) = (&tree.float, tree.float.len());
    if float.is_empty() {
        return Vec::new();
    }
    let chance = classes.and_then(|classes| at_chance(float.correct(), images, classes));
    [chance, too_coarse(tree, images), without_limit(tree)]
        .into_iter()
        .flatten()
        .collect()
}

/// A search split that is too small for the limit.
fn too_coarse(tree: &Tree, images: usize) -> Option<String> {
    let limit = tree.max_drop();
    let error = 1.96 * (DIFFER * 100.0 / images.max(1) as f64).sqrt();
    (limit.is_finite() && error > limit.max(0.0) && limit > 0.0).then(|| {
        format!(
            "{} search images cannot resolve a limit of {} pp (about \u{b1}{error:.1} pp): use more (data.search)",
            count(images as u64),
            points(limit)
        )
    })
}

/// A search whose result may have any accuracy.
fn without_limit(tree: &Tree) -> Option<String> {
    let limit = (
        tree.constraint.max_accuracy_drop,
        tree.constraint.max_memory,
    );
    (limit == (AccuracyDrop::Any, None)).then(|| {
        "no limit on accuracy drop or memory: the smallest bit-widths win, whatever their accuracy \
         (constraint.max_accuracy_drop)"
            .to_owned()
    })
}
