//! The card of a first run: what is seen, what to try. Any key closes it and does what it does.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear};

use super::frame::borders;
use crate::tui::model::Model;
use crate::tui::text;

const COLUMNS: u16 = 76;

/// Draws the card while it is wanted and nothing else lies over the panes.
pub fn draw(model: &Model, frame: &mut Frame) {
    if !model.welcome || model.overlay.is_some() {
        return;
    }
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let area = frame.area();
    let width = COLUMNS.min(area.width.saturating_sub(2));
    let room = usize::from(width.saturating_sub(4));
    let see = format!(
        "The search lowers the bit-widths of the layers and keeps what stays within the accuracy limit. Each row is a \
         candidate: {} is the base it works on, {} the smallest confirmed one, the result if it ended now.",
        symbols.base, symbols.incumbent
    );
    let mut lines: Vec<Line<'static>> =
        text::wrap(&see, room).into_iter().map(Line::from).collect();
    let tries = [
        (
            "arrows, 1-6",
            "look at candidates, and at them from six sides",
        ),
        ("p", "pause, look, resume: everything can be undone with u"),
        (
            "2, then - +",
            "change the bits of a layer by hand; enter evaluates it",
        ),
        ("c", "tighten or relax the limit while it runs"),
        ("?", "keys of this view, symbols, terms"),
    ];
    lines.push(Line::default());
    lines.extend(tries.map(|(key, what)| {
        Line::from(vec![
            Span::styled(text::pad(key, 13, false), palette.key),
            Span::raw(text::cut(what, room.saturating_sub(13), symbols.ellipsis)),
        ])
    }));
    let height = (lines.len() as u16 + 2).min(area.height.saturating_sub(2));
    // Above the keys, where the tree is not read yet.
    let at = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.bottom().saturating_sub(height + 1),
        width,
        height,
    };
    frame.render_widget(Clear, at);
    let block = Block::bordered()
        .border_set(borders(model, true))
        .border_style(palette.border_focused)
        .title(Line::styled(
            " What you see, what to try ",
            palette.title_focused,
        ))
        .title_bottom(Line::styled(" any key ", palette.dim).right_aligned());
    let inside = block.inner(at).inner(Margin::new(1, 0));
    frame.render_widget(block, at);
    frame.render_widget(Text::from(lines), inside);
}
