//! Where everything stands, from the size of the terminal, the view and the focus alone, so that the update
//! (scrolling, mouse) and the view agree.

mod plan;

use ratatui::layout::{Constraint, Layout as Split, Position, Rect};

use super::model::{Model, Pane, View};
pub use plan::{Border, MOST_BORDERS};

/// Smallest terminal that can be drawn on.
pub const MIN_SIZE: (u16, u16) = (60, 16);

/// Where everything stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The header's lines.
    pub header: Rect,
    /// The views' names, below the header.
    pub tabs: Vec<(View, Rect)>,
    /// The time of a journal that is watched.
    pub slider: Option<Rect>,
    /// Panes with their frames.
    pub panes: Vec<(Pane, Rect)>,
    /// What can be dragged.
    pub borders: Vec<Border>,
    /// True when panes have a line above them only, instead of a box.
    pub flat: bool,
    /// The pane whose frame shows the names of the panes that share its place.
    pub tabbed: Option<Pane>,
    /// The line of keys.
    pub footer: Rect,
}

/// Columns beside the slider: the time, the event, the speed.
pub const SLIDER_TEXT: u16 = 36;

/// True where a terminal has room for boxes around panes and a header with labels.
fn is_large(size: (u16, u16)) -> bool {
    size.0 >= 110 && size.1 >= 32
}

/// The panes that the tab key goes through.
pub fn order(model: &Model) -> &'static [Pane] {
    const WALL: [Pane; 6] = [
        Pane::Tree,
        Pane::Details,
        Pane::Allocation,
        Pane::Scatter,
        Pane::Gate,
        Pane::Log,
    ];
    match model.view {
        View::Search if is_large(model.size) && model.size.0 >= plan::WALL => &WALL,
        view => view.panes(),
    }
}

impl Layout {
    /// None when the terminal is too small.
    pub fn of(model: &Model) -> Option<Self> {
        let (columns, rows) = model.size;
        if columns < MIN_SIZE.0 || rows < MIN_SIZE.1 {
            return None;
        }
        let large = is_large(model.size);
        let header_rows = if large { 5 } else { 3 };
        let watching = model.replay.is_some();
        let [header, slider, tabs, body, footer] = Split::vertical([
            Constraint::Length(header_rows),
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
            flat: rows < 32,
            tabbed: None,
            footer,
        };
        if model.zoomed {
            layout.panes.push((model.focus, body));
            return Some(layout);
        }
        let plan = plan::of(model, body, large);
        if model.view == View::Search && !large {
            layout.tabbed = Some(model.companion);
        }
        plan.place(
            body,
            (layout.flat, &model.shares[model.view.index()]),
            &mut layout.panes,
            &mut layout.borders,
        );
        Some(layout)
    }

    /// A pane's frame, if it is shown.
    pub fn pane(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(p, _)| *p == pane).map(|(_, r)| *r)
    }

    /// The inside of a pane's frame.
    pub fn inside(&self, frame: Rect) -> Rect {
        let sides = u16::from(!self.flat);
        Rect {
            x: frame.x + sides,
            y: frame.y + 1,
            // A blank before the line at the right: numbers end there.
            width: frame.width.saturating_sub(3 * sides),
            height: frame.height.saturating_sub(1 + sides),
        }
    }

    /// The rows of a pane's list: its inside without the lines that stay in place.
    pub fn list(&self, pane: Pane) -> Option<Rect> {
        let inside = self.inside(self.pane(pane)?);
        let above = fixed_lines(pane, inside.height);
        Some(Rect {
            y: inside.y + above,
            height: inside.height.saturating_sub(above),
            ..inside
        })
    }

    /// The lines of a pane that stay in place above its list.
    pub fn fixed(&self, pane: Pane) -> Option<Rect> {
        let inside = self.inside(self.pane(pane)?);
        let above = fixed_lines(pane, inside.height);
        Some(Rect {
            height: above.min(inside.height),
            ..inside
        })
    }

    /// The pane at a column and row.
    pub fn pane_at(&self, column: u16, row: u16) -> Option<Pane> {
        let at = Position::new(column, row);
        self.panes
            .iter()
            .find(|(_, r)| r.contains(at))
            .map(|(p, _)| *p)
    }

    /// The view whose name is at a column and row.
    pub fn tab_at(&self, column: u16, row: u16) -> Option<View> {
        let at = Position::new(column, row);
        let tab = self.tabs.iter().find(|(_, r)| r.contains(at));
        tab.map(|(view, _)| *view)
    }

    /// The border at a column and row.
    pub fn border_at(&self, column: u16, row: u16) -> Option<Border> {
        let at = Position::new(column, row);
        self.borders.iter().find(|b| b.line.contains(at)).copied()
    }
}

/// ` 1 Search ` and so on, side by side.
fn tab_areas(line: Rect) -> Vec<(View, Rect)> {
    let mut x = line.x;
    let tab = |view: View| {
        let width = view.name().len() as u16 + 4;
        let area = Rect { x, width, ..line }.intersection(line);
        x += width;
        (view, area)
    };
    View::ALL.into_iter().map(tab).collect()
}

fn fixed_lines(pane: Pane, height: u16) -> u16 {
    match pane {
        Pane::Tree | Pane::Points | Pane::Sites => u16::from(height > 4),
        Pane::Allocation => match height {
            14.. => 3,
            8.. => 2,
            _ => 1,
        },
        Pane::Gate => match height {
            17.. => 10,
            8.. => 3,
            _ => 1,
        },
        Pane::Log | Pane::Details | Pane::Facts => 0,
        // Plots have no list.
        Pane::Scatter | Pane::Front | Pane::Potentials => height,
    }
}
