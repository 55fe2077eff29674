//! The names of candidates, levels and times.

use super::Model;
use crate::search::{Candidate, CandidateId};
use crate::tui::text;

/// The least columns in which a change still says what it changes.
const LEAST_CHANGE: usize = 10;

impl Model {
    /// A candidate in a few words: `#12 stage2 → 4`.
    pub fn title(&self, id: CandidateId) -> String {
        text::title(&self.tree, id, self.theme.symbols.marks())
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
        text::change(&self.tree, candidate, self.theme.symbols.marks())
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
