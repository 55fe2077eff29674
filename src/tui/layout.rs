//! Where everything stands, from the size of the terminal and the focus alone, so that the update (scrolling, mouse)
//! and the view agree.

use ratatui::layout::{Constraint, Layout as Split, Rect};

use super::model::{Model, Pane};

/// Smallest terminal that can be drawn on.
pub const MIN_SIZE: (u16, u16) = (60, 16);

/// Where everything stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The header's lines.
    pub header: Rect,
    /// Panes with their frames.
    pub panes: Vec<(Pane, Rect)>,
    /// True when panes have a line above them only, instead of a box.
    pub flat: bool,
    /// The pane whose frame shows the tabs of the panes that share its place.
    pub tabbed: Option<Pane>,
    /// The line of keys.
    pub footer: Rect,
}

impl Layout {
    /// None when the terminal is too small.
    pub fn of(model: &Model) -> Option<Self> {
        let (columns, rows) = model.size;
        if columns < MIN_SIZE.0 || rows < MIN_SIZE.1 {
            return None;
        }
        let large = columns >= 110 && rows >= 32;
        let header_rows = if large { 6 } else { 4 };
        let [header, body, footer] = Split::vertical([
            Constraint::Length(header_rows),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(Rect::new(0, 0, columns, rows));
        let (panes, tabbed) = match (model.zoomed, large) {
            (true, _) => (vec![(model.focus, body)], None),
            (false, true) => (large_panes(body), None),
            (false, false) => (small_panes(body, model.companion), Some(model.companion)),
        };
        Some(Layout {
            header,
            panes,
            flat: rows < 32,
            tabbed,
            footer,
        })
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
        let at = ratatui::layout::Position::new(column, row);
        self.panes
            .iter()
            .find(|(_, r)| r.contains(at))
            .map(|(p, _)| *p)
    }
}

fn fixed_lines(pane: Pane, height: u16) -> u16 {
    match pane {
        Pane::Tree => u16::from(height > 4),
        Pane::Allocation => match height {
            14.. => 4,
            10.. => 2,
            _ => 1,
        },
        Pane::Gate => match height {
            8.. => 3,
            _ => 1,
        },
        Pane::Log => 0,
    }
}

fn large_panes(body: Rect) -> Vec<(Pane, Rect)> {
    match body.width {
        180.. => return wall_panes(body),
        ..150 => return band_panes(body),
        _ => {}
    }
    let [left, right] =
        Split::horizontal([Constraint::Percentage(57), Constraint::Percentage(43)]).areas(body);
    let log = (body.height / 4).clamp(7, 14);
    let [tree, log] = Split::vertical([Constraint::Min(0), Constraint::Length(log)]).areas(left);
    let gate = (body.height / 3).clamp(9, 20);
    let [allocation, gate] =
        Split::vertical([Constraint::Min(0), Constraint::Length(gate)]).areas(right);
    vec![
        (Pane::Tree, tree),
        (Pane::Allocation, allocation),
        (Pane::Gate, gate),
        (Pane::Log, log),
    ]
}

/// For a screen too narrow for two columns of numbers: tree and log over the whole width.
fn band_panes(body: Rect) -> Vec<(Pane, Rect)> {
    let log = (body.height / 5).clamp(6, 12);
    let [tree, middle, log] = Split::vertical([
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Length(log),
    ])
    .areas(body);
    let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
    let [allocation, gate] = Split::horizontal(halves).areas(middle);
    vec![
        (Pane::Tree, tree),
        (Pane::Allocation, allocation),
        (Pane::Gate, gate),
        (Pane::Log, log),
    ]
}

/// For a large screen: three columns, each list as high as possible.
fn wall_panes(body: Rect) -> Vec<(Pane, Rect)> {
    let [left, allocation, gate] = Split::horizontal([
        Constraint::Percentage(42),
        Constraint::Percentage(28),
        Constraint::Percentage(30),
    ])
    .areas(body);
    let log = (body.height / 4).clamp(7, 20);
    let [tree, log] = Split::vertical([Constraint::Min(0), Constraint::Length(log)]).areas(left);
    vec![
        (Pane::Tree, tree),
        (Pane::Allocation, allocation),
        (Pane::Gate, gate),
        (Pane::Log, log),
    ]
}

fn small_panes(body: Rect, companion: Pane) -> Vec<(Pane, Rect)> {
    let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
    // Wide and low: side by side.
    let [tree, other] = if body.width >= 120 {
        Split::horizontal(halves).spacing(1).areas(body)
    } else {
        Split::vertical(halves).areas(body)
    };
    vec![(Pane::Tree, tree), (companion, other)]
}
