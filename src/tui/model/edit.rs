//! Bit-widths of a group being changed by hand, before they are submitted.

use crate::profile::Pin;
use crate::quant::{Allocation, BitWidth};
use crate::search::{Candidate, CandidateId, Group, Move, Settings, Tree, nearest_allowed};

/// A change in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The node that the child is made of.
    pub candidate: CandidateId,
    /// What changes, and to which width.
    pub change: Move,
    /// Indices of the group's layers.
    pub members: Vec<usize>,
    /// Bit-widths of the child.
    pub preview: Allocation,
    /// Memory of the child.
    pub bytes: u64,
}

impl Edit {
    /// Starts a change of a group: one step down or up from where it is.
    pub fn start(tree: &Tree, parent: &Candidate, group: &Group, raise: bool) -> Option<Self> {
        let settings = tree.settings.as_deref()?;
        let members = settings.space.members(group);
        let widths = members.iter().filter_map(|m| parent.allocation.0.get(*m));
        let from = if raise { widths.min() } else { widths.max() };
        let mut edit = Edit {
            candidate: parent.id,
            change: Move {
                group: group.clone(),
                bits: *from?,
            },
            members,
            preview: parent.allocation.clone(),
            bytes: parent.bytes,
        };
        edit.step(tree, raise);
        Some(edit)
    }

    /// One step along the bit menu.
    pub fn step(&mut self, tree: &Tree, raise: bool) {
        let Some(settings) = tree.settings.as_deref() else {
            return;
        };
        let (menu, now) = (&settings.space.menu, self.change.bits);
        let next = if raise {
            menu.iter().find(|w| **w > now)
        } else {
            menu.iter().rev().find(|w| **w < now)
        };
        self.set(tree, next.copied().unwrap_or(now));
    }

    /// A width of the menu, chosen directly; false when the menu has it not.
    pub fn choose(&mut self, tree: &Tree, bits: u8) -> bool {
        let menu = tree.settings.as_deref().map(|s| s.space.menu.as_slice());
        let width = menu.unwrap_or_default().iter().find(|w| w.bits() == bits);
        match width.copied() {
            Some(width) => {
                self.set(tree, width);
                true
            }
            None => false,
        }
    }

    fn set(&mut self, tree: &Tree, bits: BitWidth) {
        self.change.bits = bits;
        if let (Some(settings), Some(parent)) = (tree.settings.as_deref(), tree.get(self.candidate))
        {
            self.preview = applied(settings, &tree.pins, &parent.allocation, &self.change);
            self.bytes = settings.space.bytes(&self.preview);
        }
    }
}

/// An allocation after a change by hand: each layer gets the width nearest to the one wanted that its pins allow.
fn applied(settings: &Settings, pins: &[Pin], from: &Allocation, change: &Move) -> Allocation {
    let mut to = from.clone();
    let Ok(allowed) = settings.allowed(pins) else {
        return to;
    };
    for member in settings.space.members(&change.group) {
        if let (Some(width), Some(allowed)) = (to.0.get_mut(member), allowed.get(member)) {
            *width = nearest_allowed(allowed, change.bits);
        }
    }
    to
}
