//! The network as rows: stages, blocks and layers, with the drift sites that belong to each.

use std::collections::BTreeSet;

use super::parts::{Part, parts};
use super::scroll::Scroll;
use crate::search::Space;

/// The allocation as shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllocationPane {
    /// All parts, each after what it belongs to.
    pub parts: Vec<Part>,
    /// Indices of the parts that are shown.
    pub rows: Vec<usize>,
    /// Cursor and window.
    pub scroll: Scroll,
    folded: BTreeSet<usize>,
    /// Only parts with these layers are shown.
    only: Option<Vec<usize>>,
}

impl AllocationPane {
    /// The rows of a network.
    pub fn new(space: &Space) -> Self {
        let mut pane = AllocationPane {
            parts: parts(space),
            ..AllocationPane::default()
        };
        pane.show();
        // The first layer: what the user most likely came to change.
        let first = pane
            .rows
            .iter()
            .position(|part| pane.parts[*part].is_layer());
        pane.scroll.cursor = first.unwrap_or(0);
        pane
    }
    /// The part under the cursor.
    pub fn current(&self) -> Option<&Part> {
        self.parts.get(*self.rows.get(self.scroll.cursor)?)
    }
    /// True when a part has parts of its own.
    pub fn has_parts(&self, part: usize) -> bool {
        let next = self.parts.get(part + 1);
        next.is_some_and(|p| p.parent == Some(part))
    }
    /// True when its parts are hidden.
    pub fn is_folded(&self, part: usize) -> bool {
        self.folded.contains(&part)
    }
    /// Shows only the parts with one of some layers; all without them.
    pub fn show_only(&mut self, layers: Option<Vec<usize>>) {
        if self.only != layers {
            self.only = layers;
            self.show();
        }
    }
    /// Moves the window up to what the row under the cursor belongs to, where both fit.
    pub fn show_parents(&mut self, height: usize) {
        let above = |row: usize| {
            let parent = self.parts.get(*self.rows.get(row)?)?.parent?;
            self.rows.iter().position(|part| *part == parent)
        };
        let top = std::iter::successors(Some(self.scroll.cursor), |row| above(*row)).last();
        let top = top.unwrap_or(0);
        if top < self.scroll.offset && self.scroll.cursor - top < height {
            self.scroll.offset = top;
        }
    }
    /// Shows or hides the parts of the row under the cursor; true when that changed anything.
    pub fn fold(&mut self, open: bool) -> bool {
        let Some(part) = self.rows.get(self.scroll.cursor).copied() else {
            return false;
        };
        let changed = self.has_parts(part)
            && if open {
                self.folded.remove(&part)
            } else {
                self.folded.insert(part)
            };
        if changed {
            self.show();
        }
        changed
    }
    /// Puts the cursor on a part, with all it belongs to unfolded.
    pub fn reveal(&mut self, part: usize) {
        let parent = |part: &usize| self.parts.get(*part)?.parent;
        let above: Vec<usize> = std::iter::successors(parent(&part), parent).collect();
        self.folded.retain(|folded| !above.contains(folded));
        self.show();
        if let Some(row) = self.rows.iter().position(|shown| *shown == part) {
            self.scroll.cursor = row;
        }
    }
    /// Moves the cursor to what the row under it belongs to.
    pub fn to_parent(&mut self) {
        let parent = self.current().and_then(|part| part.parent);
        if let Some(row) = self.rows.iter().position(|part| Some(*part) == parent) {
            self.scroll.cursor = row;
        }
    }

    fn show(&mut self) {
        let hidden = |part: usize| {
            let parent = |part: &usize| self.parts.get(*part)?.parent;
            std::iter::successors(parent(&part), parent).any(|p| self.folded.contains(&p))
        };
        let wanted = |part: &usize| match (&self.only, self.parts.get(*part)) {
            (Some(layers), Some(part)) => part.members.iter().any(|m| layers.contains(m)),
            _ => true,
        };
        self.rows = (0..self.parts.len())
            .filter(|part| !hidden(*part))
            .filter(wanted)
            .collect();
        self.scroll.cursor = self.scroll.cursor.min(self.rows.len().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::parts::tests::qkformer;

    #[test]
    fn folding_hides_and_the_cursor_stays_on_a_row() {
        let mut pane = AllocationPane::new(&qkformer());
        assert_eq!(
            pane.current().unwrap().label,
            "proj_conv",
            "the first layer"
        );
        pane.to_parent();
        assert_eq!(pane.current().unwrap().label, "patch_embed1");
        assert!(pane.fold(false) && !pane.fold(false));
        assert_eq!(pane.rows.len(), 7);
        pane.to_parent();
        assert!(pane.fold(false));
        assert_eq!(pane.rows.len(), 3);
        assert!(pane.fold(true));
        assert_eq!(pane.rows.len(), 7);
        pane.scroll.cursor = 6;
        assert!(!pane.fold(false), "a layer has nothing to fold");
    }
}
