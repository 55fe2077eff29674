//! Bit-widths being changed by hand, before they are submitted.

use std::collections::BTreeMap;

use crate::profile::Pin;
use crate::quant::{Allocation, BitWidth};
use crate::search::{Candidate, CandidateId, Command, Group, Move, Settings, Tree};

/// Changes in the making: any number of groups of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The node that the child is made of.
    pub candidate: CandidateId,
    /// What changes, in order; a later change wins where two overlap.
    pub moves: Vec<Move>,
    /// Bit-widths of the child.
    pub preview: Allocation,
    /// Memory of the child.
    pub bytes: u64,
    /// What was asked to be predicted, and how much the run had measured then.
    pub asked: Option<(Allocation, u64)>,
}

impl Edit {
    /// Starts changing a node.
    pub fn new(parent: &Candidate) -> Self {
        Edit {
            candidate: parent.id,
            moves: Vec::new(),
            preview: parent.allocation.clone(),
            bytes: parent.bytes,
            asked: None,
        }
    }

    /// A group one step along the bit menu: up from its smallest width, down from its largest.
    pub fn step(&mut self, tree: &Tree, group: &Group, raise: bool) {
        let Some(settings) = tree.settings.as_deref() else {
            return;
        };
        let wanted = self.moves.iter().rev().find(|m| m.group == *group);
        let members = settings.space.members(group);
        let widths = members.iter().filter_map(|m| self.preview.0.get(*m));
        let extreme = if raise { widths.min() } else { widths.max() };
        let Some(now) = wanted.map(|m| m.bits).or(extreme.copied()) else {
            return;
        };
        let mut menu = settings.space.menu.iter();
        let next = match raise {
            true => menu.find(|w| **w > now),
            false => menu.rfind(|w| **w < now),
        };
        self.set(tree, group, next.copied().unwrap_or(now));
    }

    /// A width of the menu, chosen directly; false when the menu has it not.
    pub fn choose(&mut self, tree: &Tree, group: &Group, bits: u8) -> bool {
        let menu = tree.settings.as_deref().map(|s| s.space.menu.as_slice());
        let width = menu.unwrap_or_default().iter().find(|w| w.bits() == bits);
        let found = width.copied();
        if let Some(width) = found {
            self.set(tree, group, width);
        }
        found.is_some()
    }

    /// Takes the changes of a group's layers back; false when there were none.
    pub fn revert(&mut self, tree: &Tree, group: &Group) -> bool {
        let before = self.moves.len();
        self.moves.retain(|m| m.group != *group);
        self.apply(tree);
        self.moves.len() != before
    }

    /// Layers whose width differs from the node's, with their new widths.
    pub fn changed(&self, tree: &Tree) -> BTreeMap<String, BitWidth> {
        let (Some(settings), Some(parent)) = (tree.settings.as_deref(), tree.get(self.candidate))
        else {
            return BTreeMap::new();
        };
        let layers = settings.space.layers.iter();
        let widths = parent.allocation.0.iter().zip(&self.preview.0);
        layers
            .zip(widths)
            .filter(|(_, (before, now))| before != now)
            .map(|(layer, (_, now))| (layer.name.clone(), *now))
            .collect()
    }

    /// What to tell the search; none when nothing would change.
    pub fn command(&self, tree: &Tree) -> Option<Command> {
        let bits = self.changed(tree);
        if bits.is_empty() {
            return None;
        }
        Some(match self.moves.as_slice() {
            [change] => Command::SetBits {
                candidate: self.candidate,
                change: change.clone(),
            },
            _ => Command::SetLayers {
                candidate: self.candidate,
                bits,
            },
        })
    }

    fn set(&mut self, tree: &Tree, group: &Group, bits: BitWidth) {
        self.moves.retain(|m| m.group != *group);
        let group = group.clone();
        self.moves.push(Move { group, bits });
        self.apply(tree);
    }

    fn apply(&mut self, tree: &Tree) {
        let (Some(settings), Some(parent)) = (tree.settings.as_deref(), tree.get(self.candidate))
        else {
            return;
        };
        self.preview = parent.allocation.clone();
        for change in &self.moves {
            self.preview = applied(settings, &tree.pins, &self.preview, change);
        }
        self.bytes = settings.space.bytes(&self.preview);
    }
}

/// An allocation after a change by hand: each layer gets the width nearest to the one wanted that
/// its pins allow.
fn applied(settings: &Settings, pins: &[Pin], from: &Allocation, change: &Move) -> Allocation {
    let Ok(domains) = settings.domains(pins) else {
        return from.clone();
    };
    domains.with(from, &settings.space.members(&change.group), change.bits)
}
