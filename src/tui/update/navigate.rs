//! Moving around in the panes.

use crate::search::{Candidate, CandidateId, State};
use crate::tui::action::Action;
use crate::tui::layout::Layout;
use crate::tui::model::Model;
use crate::tui::panes;

/// A key that moves or jumps; any other is the focused pane's.
pub fn key(model: &mut Model, action: &Action) {
    let pane = panes::list(model.focus);
    match action {
        Action::Up => pane.step(model, -1),
        Action::Down => pane.step(model, 1),
        Action::PageUp => pane.step(model, -page(model)),
        Action::PageDown => pane.step(model, page(model)),
        Action::Top => pane.step(model, isize::MIN),
        Action::Bottom => pane.step(model, isize::MAX),
        Action::Follow => {
            model.nodes.follow = !model.nodes.follow;
            model.nodes.stale = true;
        }
        Action::JumpIncumbent => model.jump(model.tree.incumbent, "nothing is confirmed yet"),
        Action::JumpBase => model.jump(model.tree.base, "there is no base yet"),
        Action::JumpRunning => {
            let running = model.activity.work.and_then(|w| w.candidate);
            model.jump(running, "no node is being evaluated");
        }
        Action::JumpFailure => model.jump(next_failure(model), "no node has failed"),
        Action::Compare => compare(model),
        action => pane.act(model, action),
    }
}

/// The failed node after the selected one, by number; the first one after the last.
fn next_failure(model: &Model) -> Option<CandidateId> {
    let failed = |c: &&Candidate| matches!(c.state(), State::Failed | State::Refuted);
    let all = || model.tree.candidates.iter().filter(failed).map(|c| c.id);
    let after = model.nodes.selected;
    all().find(|id| Some(*id) > after).or_else(|| all().next())
}

/// Marks the selected node, so that others are compared with it; or removes the mark.
fn compare(model: &mut Model) {
    let Some(id) = model.nodes.selected else {
        return model.note("no node to compare yet");
    };
    let marked = model.compared != Some(id);
    model.compared = marked.then_some(id);
    model.note(match marked {
        true => format!("{id} is marked: select another node to compare it"),
        false => format!("{id} is no longer compared"),
    });
}

/// The rows of a page of the focused pane.
pub fn page(model: &Model) -> isize {
    let area = Layout::of(model).and_then(|l| panes::area(model, &l, model.focus));
    area.map_or(1, |a| (a.list.height as isize - 1).max(1))
}
