//! The line of keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::action::Action;
use crate::tui::keymap::{Hint, Scope, WATCH, steers};
use crate::tui::model::{Model, Overlay, Status};
use crate::tui::text;
use crate::tui::widgets::input_line;

/// Draws the keys that mean something here, those that can do nothing now dimmed. Help and quit
/// keep their place at the right.
pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    if let Some(Overlay::Find(prompt)) = &model.overlay {
        let line = input_line(model, "/", &prompt.text, usize::from(area.width));
        frame.render_widget(line, area);
        return;
    }
    let mut hints = match model.scope() {
        // The other keys of the panes are not of the card.
        scope @ (Scope::Result | Scope::Budget) => model.keymap.own_hints(scope),
        scope => model.keymap.hints(scope),
    };
    let watching = model.replay.is_some();
    let failed = model.activity.failed.is_some();
    let pauses = |h: &Hint| h.action == Action::Pause;
    let slides = |h: &Hint| h.section == WATCH;
    let ended = model.tree.finished.is_some();
    hints.retain(|h| match (watching, &h.action) {
        (_, Action::Retry) => failed,
        (_, Action::Skip) => model.activity.failed_at.is_some(),
        (_, Action::Result) => ended,
        (true, action) => !steers(action),
        (false, _) => !slides(h) && means_something(model, h),
    });
    // Who watches moves in time first of all; what has ended is looked at, what failed tried again.
    hints.sort_by_key(|h| {
        let first = match &h.action {
            Action::Result | Action::Retry => true,
            Action::Save => ended,
            _ => watching && (slides(h) || pauses(h)),
        };
        !first
    });
    undo_in_view(&mut hints);
    let (right, left): (Vec<Hint>, Vec<Hint>) = hints
        .into_iter()
        .partition(|h| matches!(h.action, Action::Help | Action::Quit));
    let right = spans(model, &right, usize::from(area.width));
    let right_width = right.iter().map(Span::width).sum::<usize>();
    let room = usize::from(area.width).saturating_sub(right_width);
    frame.render_widget(Line::from(spans(model, &left, room)), area);
    frame.render_widget(Line::from(right).right_aligned(), area);
}

/// What undo and redo would take back stands behind pausing: every terminal has room for it there.
fn undo_in_view(hints: &mut Vec<Hint>) {
    let takes_back = |h: &Hint| matches!(h.action, Action::Undo | Action::Redo);
    let pauses = |h: &Hint| matches!(h.action, Action::Pause | Action::Step);
    if let Some(at) = hints.iter().rposition(pauses) {
        let (undo, others): (Vec<Hint>, Vec<Hint>) = hints.drain(at + 1..).partition(takes_back);
        hints.extend(undo);
        hints.extend(others);
    }
}

/// True for a key that does something now, on a run of one's own.
fn means_something(model: &Model, hint: &Hint) -> bool {
    match hint.action {
        Action::Pause | Action::Stop | Action::TimeUp => model.is_live(),
        Action::Step => model.is_live() && model.tree.paused,
        Action::Undo => model.can_steer() && model.undone_next().is_some(),
        Action::Redo => model.can_steer() && model.redone_next().is_some(),
        _ => model.can_steer() || !steers(&hint.action),
    }
}

/// The keys of a scope, as many as fit.
pub fn hints_line(model: &Model, scope: Scope, columns: usize) -> Line<'static> {
    Line::from(spans(model, &model.keymap.hints(scope), columns))
}

/// Keys in as many lines as they need.
pub fn hint_lines(model: &Model, hints: &[Hint], columns: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for hint in hints {
        let spans = spans(model, std::slice::from_ref(hint), columns);
        let width: usize = spans.iter().map(Span::width).sum();
        match lines.last_mut() {
            Some(line) if line.width() + width <= columns => line.spans.extend(spans),
            _ => lines.push(Line::from(spans)),
        }
    }
    lines
}

fn spans(model: &Model, hints: &[Hint], columns: usize) -> Vec<Span<'static>> {
    let palette = &model.theme.palette;
    let (mut spans, mut used) = (Vec::new(), 0);
    for hint in hints {
        let mut text = words(model, hint);
        // A long command is named as far as there is room for other keys.
        if matches!(hint.action, Action::Undo | Action::Redo) {
            text = text::cut(&text, (columns / 3).max(6), model.theme.symbols.ellipsis);
        }
        let keys = hint.keys.join("/");
        let width = text::width(&keys) + text::width(&text) + 3;
        if used + width > columns {
            break;
        }
        used += width;
        let (key, said) = match model.cannot(&hint.action) {
            Some(_) => (palette.dim, palette.dim),
            None => (palette.key, palette.text),
        };
        spans.extend([
            Span::styled(format!(" {keys}"), key),
            Span::styled(format!(" {text} "), said),
        ]);
    }
    spans
}

/// The words of a key, with what it would do now.
fn words(model: &Model, hint: &Hint) -> String {
    let with = |of: Option<String>| of.map(|of| format!("{} {of}", hint.text));
    let named = match (&hint.action, model.status()) {
        (Action::Pause, Status::Paused | Status::Pausing) => Some(String::from("resume")),
        (Action::Pause, _) if model.replay.as_ref().is_some_and(|r| !r.playing) => {
            Some(String::from("play"))
        }
        (Action::Undo, _) => model.undone_next().map(|what| format!("undo: {what}")),
        (Action::Redo, _) => model.redone_next().map(|what| format!("redo: {what}")),
        (Action::Prune, _) if model.overlay.is_none() => {
            with(model.nodes.selected.map(|id| id.to_string()))
        }
        (Action::Follow, _) if !model.nodes.follow => with(Some(String::from("again"))),
        _ => None,
    };
    named.unwrap_or_else(|| hint.text.to_owned())
}
