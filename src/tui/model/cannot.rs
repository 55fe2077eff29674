//! What can be done now, and why not: keys, footer and list of commands read it.

use super::{Model, Pane};
use crate::search::Candidate;
use crate::tui::action::Action;
use crate::tui::keymap::steers;
use crate::tui::layout::Layout;

impl Model {
    /// Why an action can do nothing now; none where it can.
    pub fn cannot(&self, action: &Action) -> Option<&'static str> {
        let without = |is_there: bool, why| (!is_there).then_some(why);
        if self.replay.is_some() && steers(action) {
            return Some("this screen only watches: steer where the run is open");
        }
        if steers(action) && !self.can_steer() {
            return Some("the run has failed: try again first (!)");
        }
        let pruned = || self.tree.candidates.iter().any(|c| c.pruned);
        let node = self.shown().is_some();
        match action {
            Action::Pause if self.replay.is_none() => without(
                self.is_live(),
                "nothing is running: there is nothing to pause",
            ),
            Action::Stop | Action::TimeUp => without(self.is_live(), "the search is over already"),
            Action::Step => without(self.is_live(), "the search has finished"),
            Action::Redo => without(self.redone_next().is_some(), "nothing was undone"),
            Action::Undo => without(self.undone_next().is_some(), "nothing to undo"),
            Action::Prune => without(node, "no node is selected"),
            Action::ResumeBranch => without(pruned(), "no branch is pruned"),
            Action::Save | Action::Copy => without(node, "no node yet"),
            Action::Result => without(self.tree.finished.is_some(), "the search goes on"),
            Action::ExportCommand => {
                without(self.tree.result().is_some(), "nothing is confirmed yet")
            }
            Action::Uniform => without(
                self.uniform_left().is_some(),
                "every bit-width for all layers that may meet the constraint was evaluated",
            ),
            Action::JumpIncumbent => {
                without(self.tree.incumbent.is_some(), "nothing is confirmed yet")
            }
            Action::JumpBase => without(self.tree.base.is_some(), "there is no base yet"),
            Action::JumpRunning => {
                let running = self.activity.work.and_then(|w| w.candidate);
                without(running.is_some(), "no node is being evaluated")
            }
            Action::JumpFailure => {
                let failed = |c: &Candidate| {
                    let judged = c.judgement();
                    judged.is_some_and(|j| j.verdict == crate::evaluate::Verdict::NotMet)
                };
                without(
                    self.tree.candidates.iter().any(failed),
                    "no node has failed",
                )
            }
            Action::FindNext | Action::FindPrevious => {
                without(!self.find.text.is_empty(), "nothing was searched for")
            }
            Action::LowerBits | Action::RaiseBits | Action::Pin => without(
                self.row_is_shown(),
                "its row is not shown: 2 shows the allocation",
            ),
            Action::Probe => without(
                self.replay.is_none(),
                "there is no network here to look into",
            ),
            Action::Skip => without(self.activity.failed_at.is_some(), "no node was at work"),
            Action::Retry => without(self.activity.failed.is_some(), "the run has not failed"),
            _ => None,
        }
    }

    /// True where the row that bit-widths and pins are changed in can be seen: in the allocation,
    /// or as the layer of the chosen neuron site.
    pub fn row_is_shown(&self) -> bool {
        let shown = |pane| Layout::of(self).is_some_and(|l| l.inside(pane).is_some());
        shown(Pane::Allocation) || (self.focus == Pane::Sites && self.layer_of_site().is_some())
    }

    /// The part of the network that feeds the chosen neuron site.
    pub fn layer_of_site(&self) -> Option<usize> {
        let (site, _) = self.site()?;
        let mut parts = self.allocation.parts.iter();
        parts.position(|part| part.is_layer() && part.sites.contains(&site))
    }
}
