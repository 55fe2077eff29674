//! What a candidate is called.

use super::numbers::bytes;
use super::{Marks, origin};
use crate::quant::BitWidth;
use crate::search::{Candidate, Origin, SpaceLayer, Tree};

/// The change that made a candidate: `stage2 -> 4`; for other than single moves what differs from
/// its parent, `3 layers: stage1 6->4..5`, or what it is, `allocation 77.8 KiB`, `start`.
pub fn change(tree: &Tree, candidate: &Candidate, marks: Marks) -> String {
    if let Some(change) = &candidate.change {
        return format!("{} {} {}", change.group, marks.arrow, change.bits);
    }
    let plain = || origin(candidate.origin).title.to_owned();
    match candidate.origin {
        Origin::Front | Origin::Allocated | Origin::Enumerated => {
            format!("allocation {}", bytes(candidate.bytes))
        }
        Origin::Drawn => format!("draw {}", bytes(candidate.bytes)),
        Origin::Search | Origin::Manual | Origin::Pin => {
            several(tree, candidate, marks).unwrap_or_else(plain)
        }
        Origin::Start | Origin::Lowest | Origin::Probe => plain(),
    }
}

/// What differs from the parent: how many layers, what they have in common, from which widths to
/// which.
fn several(tree: &Tree, candidate: &Candidate, marks: Marks) -> Option<String> {
    let parent = tree.get(candidate.parent?)?;
    let layers = &tree.settings.as_deref()?.space.layers;
    let widths = parent.allocation.0.iter().zip(&candidate.allocation.0);
    let differ = layers.iter().zip(widths).filter(|(_, (a, b))| a != b);
    let differ: Vec<_> = differ.collect();
    let (first, ..) = differ.first()?;
    let common = |part: fn(&SpaceLayer) -> &str| {
        let same = differ.iter().all(|(layer, _)| part(layer) == part(first));
        same.then(|| format!(": {}", part(first)))
    };
    let block = common(|layer| layer.block.as_str());
    let place = block.or_else(|| common(|layer| layer.stage.as_str()));
    let range = |of: fn(&(&BitWidth, &BitWidth)) -> BitWidth| {
        let all = || differ.iter().map(|(_, pair)| of(pair));
        match (all().min(), all().max()) {
            (Some(least), Some(most)) if least == most => least.to_string(),
            (Some(least), Some(most)) => format!("{least}..{most}"),
            _ => String::new(),
        }
    };
    let (n, plural) = (differ.len(), if differ.len() == 1 { "" } else { "s" });
    Some(format!(
        "{n} layer{plural}{} {}{}{}",
        place.unwrap_or_default(),
        range(|(before, _)| **before),
        marks.arrow,
        range(|(_, now)| **now)
    ))
}
