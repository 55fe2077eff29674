//! Moving around in the panes.

use crate::search::{Candidate, CandidateId, State};
use crate::tui::action::Action;
use crate::tui::layout::{Layout, order};
use crate::tui::model::{Fold, Model, Pane, Scroll, ToastKind, View};
use crate::tui::view::text_lines;

/// A key that moves, folds, jumps or filters.
pub fn key(model: &mut Model, action: &Action) {
    match action {
        Action::Up => step(model, -1),
        Action::Down => step(model, 1),
        Action::PageUp => step(model, -page(model)),
        Action::PageDown => step(model, page(model)),
        Action::Top => step(model, isize::MIN),
        Action::Bottom => step(model, isize::MAX),
        Action::Left if matches!(model.focus, Pane::Front | Pane::Points) => step(model, -1),
        Action::Right if matches!(model.focus, Pane::Front | Pane::Points) => step(model, 1),
        Action::Left if model.focus == Pane::Tree => fold_node(model),
        Action::Right if model.focus == Pane::Tree => unfold_node(model),
        Action::Toggle if model.focus == Pane::Tree => toggle_node(model),
        Action::Left if model.focus != Pane::Allocation => {}
        Action::Left if !model.allocation.fold(false) => model.allocation.to_parent(),
        Action::Right if model.focus == Pane::Allocation => {
            model.allocation.fold(true);
        }
        Action::Toggle if !model.allocation.fold(true) => {
            model.allocation.fold(false);
        }
        Action::Filter if model.focus == Pane::Log => model.log.next_level(),
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
        Action::ShowNode if matches!(model.focus, Pane::Gate | Pane::Scatter) => {
            let id = model.gate.decisions.get(model.gate.scroll.cursor).copied();
            jump(model, id, "no decision yet");
        }
        Action::ShowNode => {
            let point = model.front.points.get(model.front.scroll.cursor);
            jump(model, point.map(|p| p.id), "nothing is measured yet");
        }
        Action::JumpFailure => {
            let next = next_failure(model);
            jump(model, next, "no node has failed");
        }
        Action::Compare => compare(model),
        _ => {}
    }
}

/// Moves the cursor of the focused pane.
fn step(model: &mut Model, by: isize) {
    step_in(model, model.focus, by);
}

/// Moves the cursor of a pane.
pub fn step_in(model: &mut Model, pane: Pane, by: isize) {
    if let Some((mut scroll, len)) = list(model, pane) {
        scroll.step(by, len);
        move_to(model, pane, scroll.cursor);
    }
}

/// Where the cursor of a pane is.
pub fn cursor(model: &Model, pane: Pane) -> usize {
    list(model, pane).map_or(0, |(scroll, _)| scroll.cursor)
}

/// Cursor, window and length of a pane's list; a plot has those of the list beside it.
fn list(model: &Model, pane: Pane) -> Option<(Scroll, usize)> {
    let sites = model.tree.settings.as_ref();
    Some(match pane {
        Pane::Tree => (model.nodes.scroll, model.nodes.rows.len()),
        Pane::Allocation => (model.allocation.scroll, model.allocation.rows.len()),
        Pane::Gate | Pane::Scatter => (model.gate.scroll, model.gate.decisions.len()),
        Pane::Front | Pane::Points => (model.front.scroll, model.front.points.len()),
        Pane::Sites | Pane::Potentials => {
            (model.sites, sites.map_or(0, |s| s.space.sites.len() + 1))
        }
        Pane::Log => (model.log.scroll, model.log.len()),
        Pane::Details | Pane::Facts => {
            let scroll = if pane == Pane::Details {
                model.details
            } else {
                model.facts
            };
            let width = Layout::of(model).and_then(|l| l.list(pane))?.width;
            (scroll, text_lines(model, pane, width).len())
        }
    })
}

/// Puts the cursor of a pane on a row.
pub fn move_to(model: &mut Model, pane: Pane, row: usize) {
    match pane {
        Pane::Tree => model.nodes.select_row(row),
        Pane::Allocation => model.allocation.scroll.cursor = row,
        Pane::Gate | Pane::Scatter => model.gate.scroll.cursor = row,
        Pane::Front | Pane::Points => {
            model.front.scroll.cursor = row;
            if let Some(point) = model.front.points.get(row) {
                model.nodes.select(&model.tree, point.id);
            }
        }
        Pane::Sites | Pane::Potentials => model.sites.cursor = row,
        Pane::Details => model.details.cursor = row,
        Pane::Facts => model.facts.cursor = row,
        Pane::Log => model.log.scroll.cursor = row,
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
        model
            .toasts
            .push(ToastKind::Note, "no node to compare yet", model.clock);
        return;
    };
    let text = if model.compared == Some(id) {
        model.compared = None;
        format!("{id} is no longer compared")
    } else {
        model.compared = Some(id);
        format!("{id} is marked: select another node to compare it")
    };
    model.toasts.push(ToastKind::Note, text, model.clock);
}

pub fn page(model: &Model) -> isize {
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

pub fn jump(model: &mut Model, id: Option<CandidateId>, otherwise: &str) {
    match id.filter(|id| model.tree.get(*id).is_some()) {
        Some(id) => {
            model.nodes.select(&model.tree, id);
            if !order(model).contains(&Pane::Tree) {
                super::open(model, View::Search);
            }
            super::focus(model, Pane::Tree);
        }
        None => model.toasts.push(ToastKind::Note, otherwise, model.clock),
    }
}
