//! Where everything stands, from the size of the terminal, the view and the focus alone, so that
//! the update (scrolling, mouse) and the drawing agree.

use ratatui::layout::{Constraint, Layout as Split, Position, Rect};
use strum::VariantArray;

use super::model::Model;
use super::views::{Border, LARGE, Pane, View};

/// The smallest terminal that can be drawn on.
pub const MIN_SIZE: (u16, u16) = (60, 16);

/// The areas of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The lines of the header.
    pub header: Rect,
    /// The names of the views, below the header.
    pub tabs: Vec<(View, Rect)>,
    /// The time line of a journal that is watched.
    pub slider: Option<Rect>,
    /// The panes with their frames.
    pub panes: Vec<(Pane, Rect)>,
    /// The borders that can be dragged.
    pub borders: Vec<Border>,
    /// True when panes have a line above them only, instead of a box.
    pub flat: bool,
    /// The pane whose frame shows the names of the panes that share its area.
    pub tabbed: Option<Pane>,
    /// The line of keys.
    pub footer: Rect,
}

/// The columns beside the slider: the time, the event, the speed.
pub const SLIDER_TEXT: u16 = 36;

impl Layout {
    /// The layout of a model; none when the terminal is too small.
    pub fn of(model: &Model) -> Option<Self> {
        let (columns, rows) = model.size;
        if columns < MIN_SIZE.0 || rows < MIN_SIZE.1 {
            return None;
        }
        let large = columns >= LARGE.0 && rows >= LARGE.1;
        let watching = model.replay.is_some();
        let [header, slider, tabs, body, footer] = Split::vertical([
            Constraint::Length(if large { 6 } else { 3 } + u16::from(model.banner().is_some())),
            Constraint::Length(u16::from(watching)),
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(Rect::new(0, 0, columns, rows));
        let mut layout = Layout {
            header,
            tabs: tab_areas(tabs),
            slider: watching.then_some(Rect {
                x: slider.x + 1,
                width: slider.width.saturating_sub(2 + SLIDER_TEXT),
                ..slider
            }),
            panes: Vec::new(),
            borders: Vec::new(),
            flat: rows < LARGE.1,
            tabbed: None,
            footer,
        };
        if model.zoomed {
            layout.panes.push((model.focus, body));
            return Some(layout);
        }
        let plan = &model.view.arrangement(model.size).plan;
        let shares = &model.shares[model.view.index()];
        let placed = plan.place(body, model.companion(), layout.flat, shares);
        layout.panes = placed.panes;
        layout.borders = placed.borders;
        layout.tabbed = placed.has_companion.then(|| model.companion());
        Some(layout)
    }

    /// The inside of a pane's frame, if the pane is shown.
    pub fn inside(&self, pane: Pane) -> Option<Rect> {
        let (_, frame) = self.panes.iter().find(|(p, _)| *p == pane)?;
        let sides = u16::from(!self.flat);
        Some(Rect {
            x: frame.x + sides,
            y: frame.y + 1,
            // A blank before the line at the right: numbers end there.
            width: frame.width.saturating_sub(3 * sides),
            height: frame.height.saturating_sub(1 + sides),
        })
    }

    /// The pane at a column and row.
    pub fn pane_at(&self, column: u16, row: u16) -> Option<Pane> {
        at(&self.panes, column, row)
    }

    /// The view whose name is at a column and row.
    pub fn tab_at(&self, column: u16, row: u16) -> Option<View> {
        at(&self.tabs, column, row)
    }

    /// The border at a column and row.
    pub fn border_at(&self, column: u16, row: u16) -> Option<Border> {
        let at = Position::new(column, row);
        self.borders.iter().find(|b| b.line.contains(at)).copied()
    }
}

fn at<T: Copy>(areas: &[(T, Rect)], column: u16, row: u16) -> Option<T> {
    let at = Position::new(column, row);
    areas.iter().find(|(_, r)| r.contains(at)).map(|(t, _)| *t)
}

/// ` 1 Search ` and so on, side by side; on a narrow terminal neighbours share the blank between
/// them.
fn tab_areas(line: Rect) -> Vec<(View, Rect)> {
    let width = |view: &View| view.name().len() as u16 + 4;
    let all: u16 = View::VARIANTS.iter().map(width).sum();
    let shared = u16::from(all > line.width);
    let mut x = line.x;
    let tab = |view: &View| {
        let width = width(view);
        let area = Rect { x, width, ..line }.intersection(line);
        x += width - shared;
        (*view, area)
    };
    View::VARIANTS.iter().map(tab).collect()
}
