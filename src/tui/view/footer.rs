//! The line of keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::action::Action;
use crate::tui::keymap::{Hint, Scope, WATCH, steers};
use crate::tui::model::{Model, Overlay, Status};
use crate::tui::text;
use crate::tui::widgets::input_line;

/// Draws the keys that mean something now. Help and quit keep their place at the right.
pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    if let Some(Overlay::Find(prompt)) = &model.overlay {
        let line = input_line(model, "/", &prompt.text, usize::from(area.width));
        frame.render_widget(line, area);
        return;
    }
    let mut hints = model.keymap.hints(model.scope());
    let watching = model.replay.is_some();
    let pauses = |h: &Hint| h.action == Action::Pause;
    let slides = |h: &Hint| h.section == WATCH;
    hints.retain(|h| match watching {
        true => !steers(&h.action),
        false => !slides(h) && means_something(model, h),
    });
    // Who watches moves in time first of all; what has ended is saved.
    let ended = model.tree.finished.is_some();
    hints.sort_by_key(|h| {
        let first = watching && (slides(h) || pauses(h));
        !(first || (ended && h.action == Action::Save))
    });
    let (right, left): (Vec<Hint>, Vec<Hint>) = hints
        .into_iter()
        .partition(|h| matches!(h.action, Action::Help | Action::Quit));
    let right = spans(model, &right, usize::from(area.width));
    let right_width = right.iter().map(Span::width).sum::<usize>();
    let room = usize::from(area.width).saturating_sub(right_width);
    frame.render_widget(Line::from(spans(model, &left, room)), area);
    frame.render_widget(Line::from(right).right_aligned(), area);
}

/// True for a key that does something now, on a run of one's own.
fn means_something(model: &Model, hint: &Hint) -> bool {
    match hint.action {
        Action::Pause | Action::Stop | Action::TimeUp => model.is_live(),
        Action::Step => model.is_live() && model.tree.paused,
        Action::Redo => model.can_steer() && !model.tree.redoable.is_empty(),
        _ => model.can_steer() || !steers(&hint.action),
    }
}

/// The word of a key, with what it is about where that changes.
fn words(model: &Model, hint: &Hint) -> String {
    let with = |of: Option<String>| of.map(|of| format!("{} {of}", hint.text));
    let named = match hint.action {
        Action::Undo => with(model.undone_next()),
        Action::Redo => with(model.redone_next()),
        _ => None,
    };
    match (&hint.action, model.status()) {
        (Action::Pause, Status::Paused | Status::Pausing) => String::from("resume"),
        (Action::Pause, _) if model.replay.as_ref().is_some_and(|r| !r.playing) => {
            String::from("play")
        }
        _ => named.unwrap_or_else(|| hint.text.to_owned()),
    }
}

/// The keys of a scope, as many as fit.
pub fn hints_line(model: &Model, scope: Scope, columns: usize) -> Line<'static> {
    Line::from(spans(model, &model.keymap.hints(scope), columns))
}

fn spans(model: &Model, hints: &[Hint], columns: usize) -> Vec<Span<'static>> {
    let palette = &model.theme.palette;
    let (mut spans, mut used) = (Vec::new(), 0);
    for hint in hints {
        let text = words(model, hint);
        let keys = hint.keys.join("/");
        let width = text::width(&keys) + text::width(&text) + 3;
        if used + width > columns {
            break;
        }
        used += width;
        spans.extend([
            Span::styled(format!(" {keys}"), palette.key),
            Span::styled(format!(" {text} "), palette.text),
        ]);
    }
    spans
}
