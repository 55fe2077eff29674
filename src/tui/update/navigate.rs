//! Moving around in the panes.

use crate::search::CandidateId;
use crate::tui::action::Action;
use crate::tui::layout::Layout;
use crate::tui::model::{Fold, Model, Pane, ToastKind};

/// A key that moves, folds, jumps or filters.
pub fn key(model: &mut Model, action: &Action) {
    match action {
        Action::Up => step(model, -1),
        Action::Down => step(model, 1),
        Action::PageUp => step(model, -page(model)),
        Action::PageDown => step(model, page(model)),
        Action::Top => step(model, isize::MIN),
        Action::Bottom => step(model, isize::MAX),
        Action::Left if model.focus == Pane::Tree => fold_node(model),
        Action::Right if model.focus == Pane::Tree => unfold_node(model),
        Action::Toggle if model.focus == Pane::Tree => toggle_node(model),
        Action::Left if !model.allocation.fold(false) => model.allocation.to_parent(),
        Action::Right => {
            model.allocation.fold(true);
        }
        Action::Toggle if !model.allocation.fold(true) => {
            model.allocation.fold(false);
        }
        Action::Filter if model.focus == Pane::Log => model.log.toggle_brief(),
        Action::Filter => {
            model.nodes.filter = model.nodes.filter.next();
            model.nodes.stale = true;
        }
        Action::Follow => {
            model.nodes.follow = !model.nodes.follow;
            model.nodes.stale = true;
        }
        Action::JumpIncumbent => jump(model, model.tree.incumbent, "nothing is confirmed yet"),
        Action::JumpBase => jump(model, model.tree.base, "there is no base yet"),
        Action::JumpRunning => {
            let running = model.activity.work.and_then(|w| w.candidate);
            jump(model, running, "no node is being evaluated");
        }
        Action::ShowNode => {
            let id = model.gate.decisions.get(model.gate.scroll.cursor).copied();
            jump(model, id, "no decision yet");
        }
        _ => {}
    }
}

/// Moves the cursor of the focused pane.
fn step(model: &mut Model, by: isize) {
    step_in(model, model.focus, by);
}

/// Moves the cursor of a pane.
pub fn step_in(model: &mut Model, pane: Pane, by: isize) {
    match pane {
        Pane::Tree => {
            let mut scroll = model.nodes.scroll;
            scroll.step(by, model.nodes.rows.len());
            model.nodes.select_row(scroll.cursor);
        }
        Pane::Allocation => model
            .allocation
            .scroll
            .step(by, model.allocation.rows.len()),
        Pane::Gate => model.gate.scroll.step(by, model.gate.decisions.len()),
        Pane::Log => {
            let len = model.log.len();
            model.log.scroll.step(by, len);
        }
    }
}

fn page(model: &Model) -> isize {
    let list = Layout::of(model).and_then(|l| l.list(model.focus));
    list.map_or(1, |r| (r.height as isize - 1).max(1))
}

fn fold_node(model: &mut Model) {
    let Some(row) = model.nodes.row().copied() else {
        return;
    };
    let parent = model.tree.get(row.id).and_then(|c| c.parent);
    match (row.fold, parent) {
        (Fold::Open, _) => model.nodes.fold(row.id, false),
        (_, Some(parent)) => model.nodes.select(&model.tree, parent),
        _ => {}
    }
}

fn unfold_node(model: &mut Model) {
    let Some(row) = model.nodes.row().copied() else {
        return;
    };
    match row.fold {
        Fold::Closed(_) => model.nodes.fold(row.id, true),
        Fold::Open => model.nodes.select_row(model.nodes.scroll.cursor + 1),
        Fold::Leaf => {}
    }
}

fn toggle_node(model: &mut Model) {
    if let Some(row) = model.nodes.row().copied() {
        match row.fold {
            Fold::Open => model.nodes.fold(row.id, false),
            Fold::Closed(_) => model.nodes.fold(row.id, true),
            Fold::Leaf => {}
        }
    }
}

fn jump(model: &mut Model, id: Option<CandidateId>, otherwise: &str) {
    match id.filter(|id| model.tree.get(*id).is_some()) {
        Some(id) => {
            model.nodes.select(&model.tree, id);
            model.focus = Pane::Tree;
        }
        None => model.toasts.push(ToastKind::Note, otherwise, model.clock),
    }
}
