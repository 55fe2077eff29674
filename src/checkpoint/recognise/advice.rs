//! The advice for a checkpoint that is not the model's.

use super::{Candidate, Mismatch, Recognition, Setting, Shapes, recognise};
use crate::network::Graph;

/// The advice for tensors that are not those of a graph; none where that is not a matter of their
/// names and shapes.
pub(in crate::checkpoint) fn advice(
    shapes: &Shapes,
    graph: &Graph,
    found: &Mismatch,
) -> Option<String> {
    if found.missing.is_empty() && found.unexpected.is_empty() && found.wrong_shape.is_empty() {
        return None;
    }
    let specs = graph
        .tensors
        .iter()
        .map(|t| (t.key.clone(), t.shape.clone()));
    let mut model = recognise(&specs.collect()).candidates;
    let model = (!model.is_empty()).then(|| model.remove(0));
    let file = recognise(shapes);
    match (file.candidates.as_slice(), &file.nearest) {
        ([], None) => Some(
            "no network of this program has such tensors: is it the right checkpoint?".to_owned(),
        ),
        ([], Some((nearest, differences))) => {
            Some(of_nearest(nearest, differences, model.as_ref()))
        }
        ([candidate, ..], _) => of_candidate(&file, candidate, model.as_ref(), &found.origin),
    }
}

/// The file is another network.
fn of_candidate(
    file: &Recognition,
    candidate: &Candidate,
    model: Option<&Candidate>,
    origin: &str,
) -> Option<String> {
    let changes = changes(candidate, model);
    if changes.is_empty() {
        return None;
    }
    let or = match file.candidates.get(1) {
        Some(other) => format!(" (or {})", other.name()),
        None => String::new(),
    };
    Some(format!(
        "the file is of {}{or}: in [model], set {}; `aq4svit inspect {origin}` prints the whole section",
        candidate.name(),
        changes.join(", ")
    ))
}

/// The file is no network of this program.
fn of_nearest(nearest: &Candidate, differences: &Mismatch, model: Option<&Candidate>) -> String {
    let counts = [
        (differences.missing.len(), "missing"),
        (differences.unexpected.len(), "too many"),
        (differences.wrong_shape.len(), "of other shapes"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{count} are {what}"))
        .collect();
    let mut text = format!(
        "no network of this program has exactly these tensors; the nearest is {} ({}), of whose tensors {}",
        nearest.name(),
        sizes(nearest),
        counts.join(" and ")
    );
    text.push_str(
        match differences.wrong_shape.is_empty() && differences.unexpected.is_empty() {
            true => ": the checkpoint is not whole",
            false => ": a mixture of checkpoints, or of a changed version of the network",
        },
    );
    let changes = changes(nearest, model);
    if !changes.is_empty() {
        text.push_str(&format!(
            "; the profile's [model] has other sizes too: {}",
            changes.join(", ")
        ));
    }
    text
}

/// The sizes of this network in words.
fn sizes(candidate: &Candidate) -> String {
    let named = ["family", "layout", "size"];
    let sizes = candidate.told().filter(|s| !named.contains(&s.key));
    sizes.map(text).collect::<Vec<_>>().join(", ")
}

/// The settings of a candidate that a model has otherwise.
fn changes(candidate: &Candidate, model: Option<&Candidate>) -> Vec<String> {
    let other = |s: &&Setting| model.is_none_or(|m| m.get(s.key) != Some(&s.value));
    candidate.told().filter(other).map(text).collect()
}

fn text(setting: &Setting) -> String {
    format!("{} = {}", setting.key, setting.value)
}
