//! The frame around a pane: its title, what is to be said of it, and whether it has the focus.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders};

use crate::profile::GateMode;
use crate::tui::layout::Layout;
use crate::tui::model::{Filter, Model, Pane, View};
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
    let sides = if layout.flat {
        Borders::TOP
    } else {
        Borders::ALL
    };
    let style = if focused {
        palette.border_focused
    } else {
        palette.border
    };
    let block = Block::new()
        .borders(sides)
        .border_set(borders(model, focused))
        .border_style(style);
    frame.render_widget(block, area);

    let room = area.width.saturating_sub(4);
    let title = match layout.tabbed {
        Some(tabbed) if tabbed == pane => tabs(model, pane, focused),
        _ => Line::from(vec![title(model, pane, focused, false)]),
    };
    let title_width = (title.width() as u16).min(room);
    let line = Rect {
        x: area.x + 2,
        y: area.y,
        width: room,
        height: 1,
    };
    let info_room = room.saturating_sub(title_width + 3);
    let info = info(model, pane, usize::from(info_room).saturating_sub(2));
    frame.render_widget(
        title,
        Rect {
            width: title_width,
            ..line
        },
    );
    if !info.is_empty() && info_room > 8 {
        let info = format!(" {info} ");
        let width = text::width(&info) as u16;
        let style = if focused { palette.title } else { palette.dim };
        let at = Rect {
            x: line.right() - width,
            width,
            ..line
        };
        frame.render_widget(Span::styled(info, style), at);
    }
}

fn title(model: &Model, pane: Pane, focused: bool, shown: bool) -> Span<'static> {
    let palette = &model.theme.palette;
    let style = if focused {
        palette.title_focused
    } else if shown {
        palette.strong
    } else {
        palette.title
    };
    let text = if shown {
        format!("[{}]", pane.name())
    } else {
        format!(" {} ", pane.name())
    };
    Span::styled(text, style)
}

/// The panes that share a place: the one shown in brackets.
fn tabs(model: &Model, shown: Pane, focused: bool) -> Line<'static> {
    let others = View::Search.panes().iter().copied();
    let others = others.filter(|p| *p != Pane::Tree);
    let tab = |pane: Pane| {
        if pane == shown {
            title(model, pane, focused, true)
        } else {
            Span::styled(format!(" {} ", pane.name()), model.theme.palette.dim)
        }
    };
    Line::from(others.map(tab).collect::<Vec<_>>())
}

fn info(model: &Model, pane: Pane, columns: usize) -> String {
    let symbols = &model.theme.symbols;
    let dot = symbols.separator;
    let info = match pane {
        Pane::Tree => {
            let mut parts = vec![match model.tree.candidates.len() {
                1 => String::from("1 node"),
                n => format!("{n} nodes"),
            }];
            if model.nodes.filter != Filter::All {
                parts.push(model.nodes.filter.text().to_owned());
            }
            if model.nodes.follow {
                parts.push(String::from("following"));
            }
            parts.join(&format!(" {dot} "))
        }
        Pane::Allocation => match (model.shown(), model.other()) {
            (Some(node), Some(other)) if model.edit.is_none() => {
                format!("{} compared with {}", node.id, other.id)
            }
            (Some(node), _) => format!("of {}", model.title_in(node.id, columns.saturating_sub(3))),
            (None, _) => String::new(),
        },
        Pane::Gate => match model.tree.settings.as_ref().map(|s| s.gate) {
            Some(gate) => match gate.mode {
                GateMode::Adaptive => {
                    format!(
                        "adaptive {dot} chance {} {:.2} passes",
                        symbols.at_least, gate.min_chance
                    )
                }
                GateMode::Fixed => {
                    format!(
                        "fixed {dot} drift {} {} passes",
                        symbols.at_most,
                        text::drift(gate.limit)
                    )
                }
                GateMode::Off => String::from("off"),
            },
            None => String::new(),
        },
        Pane::Log => model.log.level().to_owned(),
        Pane::Details => match model.shown() {
            Some(node) => node.id.to_string(),
            None => String::new(),
        },
        Pane::Scatter => format!("{} evaluated", model.gate.evidence.evaluated),
        Pane::Points => format!("{} measured", model.front.points.len()),
        Pane::Front => {
            let best = model.front.points.iter().filter(|p| p.best).count();
            format!(
                "{} measured {dot} {best} on the front",
                model.front.points.len()
            )
        }
        Pane::Sites => match model.shown() {
            Some(node) => format!("of {}", model.title_in(node.id, columns.saturating_sub(3))),
            None => String::new(),
        },
        Pane::Potentials => {
            let site = model.site().map_or("", |(_, name)| name);
            text::fit(site, columns, symbols.ellipsis)
        }
        Pane::Facts => model.run.id.clone(),
    };
    text::cut(&info, columns, symbols.ellipsis)
}
