//! How a view divides its place among its panes. A person may drag the borders.

use ratatui::layout::{Constraint, Layout as Split, Rect};

use crate::tui::model::{Model, Pane, View};

/// From so many columns on the search view has the gate beside it.
pub const WALL: u16 = 180;
/// No view has more borders.
pub const MOST_BORDERS: usize = 5;
/// A pane is never dragged smaller than this.
const LEAST: (u16, u16) = (24, 4);

/// A border between two parts of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Border {
    /// Its number within the view.
    pub index: usize,
    /// Where it can be taken hold of.
    pub line: Rect,
    /// Both parts together.
    pub whole: Rect,
    /// True when the parts stand side by side.
    pub columns: bool,
}

impl Border {
    /// The share in percent that the first part gets when the border is dragged to a column and row.
    pub fn share_at(&self, column: u16, row: u16) -> u16 {
        let (at, length) = if self.columns {
            (column.saturating_sub(self.whole.x), self.whole.width)
        } else {
            (row.saturating_sub(self.whole.y), self.whole.height)
        };
        (u32::from(at) * 100)
            .div_ceil(u32::from(length.max(1)))
            .clamp(1, 99) as u16
    }
}

/// A place divided.
pub enum Plan {
    /// Given to a pane.
    One(Pane),
    /// Divided in two.
    Two {
        /// Side by side, or one above the other.
        columns: bool,
        /// The border's number.
        index: usize,
        /// Percent for the first part.
        share: u16,
        /// The parts.
        parts: Box<(Plan, Plan)>,
    },
}

fn columns(index: usize, share: u16, a: Plan, b: Plan) -> Plan {
    two(true, index, share, a, b)
}

fn rows(index: usize, share: u16, a: Plan, b: Plan) -> Plan {
    two(false, index, share, a, b)
}

fn two(columns: bool, index: usize, share: u16, a: Plan, b: Plan) -> Plan {
    Plan::Two {
        columns,
        index,
        share,
        parts: Box::new((a, b)),
    }
}

/// The plan of a view at its size.
pub fn of(model: &Model, body: Rect, large: bool) -> Plan {
    use Pane::{
        Allocation, Details, Facts, Front, Gate, Log, Points, Potentials, Scatter, Sites, Tree,
    };
    use Plan::One;
    let wide = body.width >= 120;
    let pair = |across: u16, down: u16, a, b| {
        if wide {
            columns(0, across, One(a), One(b))
        } else {
            rows(1, down, One(a), One(b))
        }
    };
    match model.view {
        View::Search if large && body.width >= WALL => {
            let left = rows(1, 74, One(Tree), One(Log));
            let middle = rows(3, 36, One(Details), One(Allocation));
            let right = rows(4, 48, One(Scatter), One(Gate));
            columns(0, 42, left, columns(2, 49, middle, right))
        }
        View::Search if large && body.width >= 150 => {
            let left = rows(1, 74, One(Tree), One(Log));
            let right = rows(2, 38, One(Details), One(Allocation));
            columns(0, 57, left, right)
        }
        // Too narrow for two columns of numbers: tree and log over the whole width.
        View::Search if large => {
            let middle = columns(2, 50, One(Details), One(Allocation));
            let below = rows(1, 70, middle, One(Log));
            rows(0, 42, One(Tree), below)
        }
        View::Search => pair(50, 50, Tree, model.companion),
        View::Allocation if wide => {
            let right = rows(1, 55, One(Tree), One(Details));
            columns(0, 58, One(Allocation), right)
        }
        View::Allocation => rows(2, 66, One(Allocation), One(Tree)),
        View::Gate => pair(52, 58, Scatter, Gate),
        View::Front => pair(60, 60, Front, Points),
        View::Membranes => pair(50, 50, Sites, Potentials),
        View::Run => pair(50, 62, Facts, Log),
    }
}

impl Plan {
    /// Puts panes and borders into a place. `look` is whether panes are flat, and the shares a person chose.
    pub fn place(
        self,
        area: Rect,
        look: (bool, &[Option<u16>; MOST_BORDERS]),
        panes: &mut Vec<(Pane, Rect)>,
        borders: &mut Vec<Border>,
    ) {
        match self {
            Plan::One(pane) => panes.push((pane, area)),
            Plan::Two {
                columns,
                index,
                share,
                parts,
            } => {
                let (flat, shares) = look;
                let share = shares.get(index).copied().flatten().unwrap_or(share);
                let (length, least) = if columns {
                    (area.width, LEAST.0)
                } else {
                    (area.height, LEAST.1)
                };
                let least = least.min(length / 2);
                let first = (u32::from(length) * u32::from(share) / 100) as u16;
                let first = first.clamp(least, length - least);
                let cut = [Constraint::Length(first), Constraint::Min(0)];
                let [a, b] = if columns {
                    let gap = u16::from(flat);
                    Split::horizontal(cut).spacing(gap).areas(area)
                } else {
                    Split::vertical(cut).areas(area)
                };
                borders.push(Border {
                    index,
                    line: if columns {
                        Rect {
                            x: b.x.saturating_sub(1),
                            width: 2,
                            ..b
                        }
                    } else {
                        Rect { height: 1, ..b }
                    },
                    whole: area,
                    columns,
                });
                let (first, second) = *parts;
                first.place(a, look, panes, borders);
                second.place(b, look, panes, borders);
            }
        }
    }
}
