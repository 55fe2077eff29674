//! Short messages, above the footer at the right.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Text};
use ratatui::widgets::Clear;

use crate::tui::model::{Model, ToastKind};
use crate::tui::text;

/// Draws the messages, the newest lowest.
pub fn draw(model: &Model, frame: &mut Frame, footer: Rect) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let widest = usize::from(footer.width.saturating_sub(4)).min(72);
    let mut bottom = footer.y;
    let toasts: Vec<_> = model.toasts.iter().collect();
    for toast in toasts.into_iter().rev() {
        let (symbol, style) = match toast.kind {
            ToastKind::Good => (symbols.passed, palette.good),
            ToastKind::Note => (symbols.proposed, palette.text),
            ToastKind::Bad => ("!", palette.bad),
        };
        let style = style.add_modifier(Modifier::REVERSED);
        let lines = text::wrap(
            &format!("{symbol} {}", toast.text),
            widest.saturating_sub(2),
        );
        let width = lines.iter().map(|l| text::width(l)).max().unwrap_or(0) + 2;
        let height = lines.len() as u16;
        if bottom < height + 2 {
            break;
        }
        bottom -= height;
        // To the edge: a letter of what lies below would be read as its last one.
        let area = Rect {
            x: footer.right().saturating_sub(width as u16),
            y: bottom,
            width: width as u16,
            height,
        };
        frame.render_widget(Clear, area);
        let line = |line: &String| Line::raw(text::pad(&format!(" {line}"), width, false));
        let lines: Text = lines.iter().map(line).collect();
        frame.render_widget(lines.style(style), area);
    }
}
