//! The frame around a pane: its title, what is to be said of it, and whether it has the focus.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders};

use crate::tui::layout::Layout;
use crate::tui::model::{Model, Pane};
use crate::tui::panes::component;
use crate::tui::text;

const ASCII: border::Set = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
const ASCII_FOCUSED: border::Set = border::Set {
    horizontal_top: "=",
    horizontal_bottom: "=",
    vertical_left: "#",
    vertical_right: "#",
    ..ASCII
};

/// The lines of a frame; a heavier one has the focus.
pub fn borders(model: &Model, focused: bool) -> border::Set<'static> {
    match (model.theme.symbols.ascii, focused) {
        (true, true) => ASCII_FOCUSED,
        (true, false) => ASCII,
        (false, true) => border::THICK,
        (false, false) => border::ROUNDED,
    }
}

/// Draws a pane's frame.
pub fn draw(model: &Model, frame: &mut Frame, layout: &Layout, pane: Pane, area: Rect) {
    let palette = &model.theme.palette;
    let focused = model.focus == pane;
    let sides = match layout.flat {
        true => Borders::TOP,
        false => Borders::ALL,
    };
    let (border, info_style) = match focused {
        true => (palette.border_focused, palette.title),
        false => (palette.border, palette.dim),
    };
    let set = borders(model, focused);
    let block = Block::new().borders(sides).border_set(set);
    frame.render_widget(block.border_style(border), area);

    let room = area.width.saturating_sub(4);
    let title = match layout.tabbed {
        Some(tabbed) if tabbed == pane => tabs(model, pane, focused),
        _ => Line::from(title(model, pane, focused, false)),
    };
    let title_width = (title.width() as u16).min(room);
    let info_room = room.saturating_sub(title_width + 3);
    let columns = usize::from(info_room).saturating_sub(2);
    let info = component(pane).info(model, columns);
    let info = text::cut(&info, columns, model.theme.symbols.ellipsis);
    let line = Rect::new(area.x + 2, area.y, room, 1);
    frame.render_widget(title, line);
    let low = Rect::new(area.x + 2, area.bottom().saturating_sub(1), room, 1);
    let note = component(pane).footnote(model, room.saturating_sub(2));
    if let Some(mut note) = note.filter(|note| !layout.flat && note.width() > 0 && room > 20) {
        note.spans.insert(0, Span::raw(" "));
        note.spans.push(Span::raw(" "));
        frame.render_widget(note, low);
    }
    if !info.is_empty() && info_room > 8 {
        let info = Span::styled(format!(" {info} "), info_style);
        frame.render_widget(info.into_right_aligned_line(), line);
    }
}

fn title(model: &Model, pane: Pane, focused: bool, shown: bool) -> Span<'static> {
    let palette = &model.theme.palette;
    let style = match (focused, shown) {
        (true, _) => palette.title_focused,
        (false, true) => palette.strong,
        (false, false) => palette.title,
    };
    let name = component(pane).about().title;
    let name = if shown {
        format!("[{name}]")
    } else {
        format!(" {name} ")
    };
    Span::styled(name, style)
}

/// The panes that share a place: the one shown in brackets.
fn tabs(model: &Model, shown: Pane, focused: bool) -> Line<'static> {
    let tab = |pane: Pane| match pane == shown {
        true => title(model, pane, focused, true),
        false => title(model, pane, false, false).style(model.theme.palette.text),
    };
    let others = model.view.panes().iter().skip(1);
    Line::from(others.copied().map(tab).collect::<Vec<_>>())
}
