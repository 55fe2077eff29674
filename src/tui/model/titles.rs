//! The names of candidates, levels and times.

use super::Model;
use crate::quant::BitWidth;
use crate::search::{Candidate, CandidateId, Origin, SpaceLayer};
use crate::tui::text;
use crate::tui::text::bytes;

/// The least columns in which a change still says what it changes.
const LEAST_CHANGE: usize = 10;

impl Model {
    /// A candidate in a few words: `#12 stage2 → 4`.
    pub fn title(&self, id: CandidateId) -> String {
        match self.tree.get(id) {
            Some(candidate) => format!("{id} {}", self.change(candidate)),
            None => id.to_string(),
        }
    }

    /// [`Model::title`] in at most `columns` columns; of what does not fit, the group's name gives
    /// way.
    pub fn title_in(&self, id: CandidateId, columns: usize) -> String {
        let number = id.to_string();
        let left = columns.saturating_sub(number.len() + 1);
        match self.tree.get(id) {
            // In fewer columns the change would be no more than its width.
            Some(candidate) if left >= LEAST_CHANGE.min(text::width(&self.change(candidate))) => {
                format!("{number} {}", self.change_in(candidate, left))
            }
            // A part of a number is another number.
            _ if number.len() > columns => String::new(),
            _ => number,
        }
    }

    /// What a candidate changed: `stage2 → 4`, `3 layers: stage1 6→4..5`, `allocation 77.8 KiB`, or
    /// `start`.
    pub fn change(&self, candidate: &Candidate) -> String {
        let plain = || text::change(candidate, self.theme.symbols.marks());
        if candidate.change.is_some() {
            return plain();
        }
        match candidate.origin {
            Origin::Front | Origin::Allocated | Origin::Enumerated => {
                format!("allocation {}", bytes(candidate.bytes))
            }
            Origin::Drawn => format!("draw {}", bytes(candidate.bytes)),
            Origin::Search | Origin::Manual | Origin::Pin => {
                self.several(candidate).unwrap_or_else(plain)
            }
            Origin::Start | Origin::Lowest | Origin::Probe => plain(),
        }
    }

    /// What differs from the parent: how many layers, what they have in common, from which widths to
    /// which.
    fn several(&self, candidate: &Candidate) -> Option<String> {
        let parent = self.tree.get(candidate.parent?)?;
        let layers = &self.tree.settings.as_deref()?.space.layers;
        let widths = parent.allocation.0.iter().zip(&candidate.allocation.0);
        let differ = layers.iter().zip(widths).filter(|(_, (a, b))| a != b);
        let differ: Vec<_> = differ.collect();
        let (first, ..) = differ.first()?;
        let common = |part: fn(&SpaceLayer) -> &str| {
            let same = differ.iter().all(|(l, _)| part(l) == part(first));
            same.then(|| format!(": {}", part(first)))
        };
        let block = common(|l| l.block.as_str());
        let place = block.or_else(|| common(|l| l.stage.as_str()));
        let range = |of: fn(&(&BitWidth, &BitWidth)) -> BitWidth| {
            let all = || differ.iter().map(|(_, pair)| of(pair));
            let (least, most) = (all().min(), all().max());
            match (least, most) {
                (Some(least), Some(most)) if least == most => least.to_string(),
                (Some(least), Some(most)) => format!("{least}..{most}"),
                _ => String::new(),
            }
        };
        let arrow = self.theme.symbols.arrow;
        let (n, plural) = (differ.len(), if differ.len() == 1 { "" } else { "s" });
        Some(format!(
            "{n} layer{plural}{} {}{arrow}{}",
            place.unwrap_or_default(),
            range(|(a, _)| **a),
            range(|(_, b)| **b)
        ))
    }

    /// [`Model::change`] in at most `columns` columns: `stage1…1_conv → 4`.
    pub fn change_in(&self, candidate: &Candidate, columns: usize) -> String {
        let (whole, ellipsis) = (self.change(candidate), self.theme.symbols.ellipsis);
        match &candidate.change {
            Some(change) if text::width(&whole) > columns => {
                let to = format!(" {} {}", self.theme.symbols.arrow, change.bits);
                let left = columns.saturating_sub(text::width(&to));
                let group = text::fit(&change.group.to_string(), left, ellipsis);
                text::cut(&(group + &to), columns, "")
            }
            _ => text::fit(&whole, columns, ellipsis),
        }
    }

    /// The level being searched.
    pub fn level(&self) -> Option<String> {
        let level = self.tree.level?;
        Some(format!("{level} level"))
    }

    /// The round of the search, once there is one.
    pub fn round(&self) -> Option<String> {
        let round = self.tree.round;
        (round > 0).then(|| format!("round {round}"))
    }

    /// A time of an entry as the time of day.
    pub fn time_of_day(&self, time: &str) -> String {
        match time.parse::<jiff::Timestamp>() {
            Ok(at) => {
                let zoned = at.to_zoned(self.zone.clone());
                zoned.strftime("%H:%M:%S").to_string()
            }
            Err(_) => String::from("--:--:--"),
        }
    }

    /// A candidate with the word of its state, for finding.
    pub fn title_and_state(&self, id: CandidateId) -> String {
        match self.tree.get(id) {
            Some(node) => format!("{} {}", self.title(id), self.theme.state(node.state()).1),
            None => String::new(),
        }
    }
}
