//! The view that is shown and the pane that takes the keys.

use super::Model;
use crate::search::CandidateId;
use crate::tui::views::{Pane, View};

impl Model {
    /// The panes that the tab key goes through.
    pub fn order(&self) -> &'static [Pane] {
        self.view.arrangement(self.size).order
    }

    /// Gives the keys to a pane of the view.
    pub fn focus_on(&mut self, pane: Pane) {
        self.focus = pane;
        self.places[self.view.index()] = pane;
        if self.view.panes().iter().skip(1).any(|p| *p == pane)
            && let Some(companion) = self.companions.get_mut(self.view.index())
        {
            *companion = Some(pane);
        }
    }

    /// The pane of the view that is shown beside its main one where there is room for two only: the
    /// last one that had the keys.
    pub fn companion(&self) -> Pane {
        let chosen = self.companions.get(self.view.index()).copied().flatten();
        let first = self.view.panes().get(1).copied();
        chosen.or(first).unwrap_or(Pane::Details)
    }

    /// Gives the keys to the next pane, or to the one before.
    pub fn focus_step(&mut self, onward: bool) {
        let panes = self.order();
        let at = panes.iter().position(|p| *p == self.focus).unwrap_or(0);
        let by = if onward { 1 } else { panes.len() - 1 };
        self.focus_on(panes[(at + by) % panes.len()]);
    }

    /// Shows a view; the pane that had the focus there has it again.
    pub fn open(&mut self, view: View) {
        self.view = view;
        self.focus_on(self.places[view.index()]);
    }

    /// Gives the keys to a pane, in a view that has it: this one or `otherwise`.
    pub fn focus_in(&mut self, pane: Pane, otherwise: View) {
        if !self.order().contains(&pane) {
            self.open(otherwise);
        }
        self.focus_on(pane);
    }

    /// Selects a node in the tree; `otherwise` says why there is none.
    pub fn jump(&mut self, id: Option<CandidateId>, otherwise: &str) {
        match id.filter(|id| self.tree.get(*id).is_some()) {
            Some(id) => {
                self.nodes.select(&self.tree, id);
                self.focus_in(Pane::Tree, View::Search);
            }
            None => self.note(otherwise),
        }
    }
}
