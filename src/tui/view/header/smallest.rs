//! What a terminal too small for panes shows: the status of the run, and what is needed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::status_look;
use crate::tui::layout::MIN_SIZE;
use crate::tui::model::Model;
use crate::tui::text::{self, bytes, points};
use crate::tui::widgets::cut_line;

/// Draws a line of status, and more where there are lines for it.
pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let columns = usize::from(area.width);
    let (sign, style) = status_look(model);
    let mut status = vec![Span::styled(format!("{sign} {}", model.status()), style)];
    if let Some(node) = model.tree.result() {
        status.push(Span::styled(
            format!(" {}", bytes(node.bytes)),
            palette.strong,
        ));
        let drop = node
            .judgement()
            .map(|j| format!(" drop {}", points(j.drop())));
        status.extend(drop.map(Span::raw));
    }
    if let Some((_, most)) = model.time_left().filter(|_| model.is_live()) {
        status.push(Span::raw(format!(" ETA {}", text::duration(most))));
    }
    let (least_columns, least_rows) = MIN_SIZE;
    let needed = format!(
        "{}x{} of {least_columns}x{least_rows}: please enlarge it",
        area.width, area.height
    );
    let mut lines = vec![Line::from(status)];
    let working = model
        .activity
        .work
        .map(|w| Line::styled(w.task.text(), palette.busy));
    lines.extend(working);
    lines.push(Line::styled(needed, palette.dim));
    if model.is_live() {
        lines.push(Line::styled(
            "q quits, ctrl-c too; the search continues",
            palette.dim,
        ));
    }
    let lines = lines
        .into_iter()
        .map(|line| cut_line(line, columns, symbols.ellipsis));
    frame.render_widget(Text::from_iter(lines), area);
}
