//! How a view divides its area among its panes. The user may drag the borders.

use ratatui::layout::{Constraint, Layout as Split, Rect};

/// The most borders that a view has.
pub const MOST_BORDERS: usize = 5;
/// The least columns and rows that a pane is dragged to.
const LEAST: (u16, u16) = (24, 4);

/// A border between two parts of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Border {
    /// The number within the view.
    pub index: usize,
    /// The cells where it can be dragged.
    pub line: Rect,
    /// The area of both parts together.
    pub whole: Rect,
    /// True when the parts stand side by side.
    pub columns: bool,
}

impl Border {
    /// The share in percent of the first part when the border is dragged to a column and row.
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

/// A division of an area among panes `P`.
#[derive(Clone, Copy)]
pub enum Plan<P: 'static> {
    /// An area given to a pane.
    One(P),
    /// An area given to the pane that the user last chose among all but the main one.
    Companion,
    /// An area divided in two.
    Two(Division<P>),
}

/// A division in two.
#[derive(Clone, Copy)]
pub struct Division<P: 'static> {
    /// Side by side, or one above the other.
    columns: bool,
    /// The number of the border.
    index: usize,
    /// The share of the first part in percent.
    share: u16,
    parts: &'static [Plan<P>; 2],
}

/// Two parts side by side.
pub const fn columns<P>(index: usize, share: u16, parts: &'static [Plan<P>; 2]) -> Plan<P> {
    let columns = true;
    Plan::Two(Division {
        columns,
        index,
        share,
        parts,
    })
}

/// Two parts one above the other.
pub const fn rows<P>(index: usize, share: u16, parts: &'static [Plan<P>; 2]) -> Plan<P> {
    let columns = false;
    Plan::Two(Division {
        columns,
        index,
        share,
        parts,
    })
}

/// The panes and borders of a plan, placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<P> {
    /// The panes with their frames.
    pub panes: Vec<(P, Rect)>,
    /// The borders.
    pub borders: Vec<Border>,
    /// True where one of the panes is the companion.
    pub has_companion: bool,
}

impl<P: Copy + 'static> Plan<P> {
    /// Places panes and borders in an area. Panes are `flat` where only a line above separates
    /// them; `shares` are those that the user chose.
    pub fn place(
        &self,
        area: Rect,
        companion: P,
        flat: bool,
        shares: &[Option<u16>; MOST_BORDERS],
    ) -> Placed<P> {
        let division = match self {
            Plan::One(pane) => return Placed::one(*pane, area),
            Plan::Companion => {
                return Placed {
                    has_companion: true,
                    ..Placed::one(companion, area)
                };
            }
            Plan::Two(division) => division,
        };
        let share = shares.get(division.index).copied().flatten();
        let (border, areas) = division.cut(area, flat, share.unwrap_or(division.share));
        let [a, b] = [0, 1].map(|i| division.parts[i].place(areas[i], companion, flat, shares));
        Placed {
            panes: [a.panes, b.panes].concat(),
            borders: [vec![border], a.borders, b.borders].concat(),
            has_companion: a.has_companion || b.has_companion,
        }
    }
}

impl<P> Placed<P> {
    fn one(pane: P, area: Rect) -> Self {
        Placed {
            panes: vec![(pane, area)],
            borders: Vec::new(),
            has_companion: false,
        }
    }
}

impl<P: 'static> Division<P> {
    fn cut(&self, area: Rect, flat: bool, share: u16) -> (Border, [Rect; 2]) {
        let (length, least) = if self.columns {
            (area.width, LEAST.0)
        } else {
            (area.height, LEAST.1)
        };
        let least = least.min(length / 2);
        let first = (u32::from(length) * u32::from(share) / 100) as u16;
        let first = first.clamp(least, length - least);
        let cut = [Constraint::Length(first), Constraint::Min(0)];
        let gap = u16::from(flat && self.columns);
        let split = match self.columns {
            true => Split::horizontal(cut),
            false => Split::vertical(cut),
        };
        let [a, b] = split.spacing(gap).areas(area);
        let line = match self.columns {
            true => Rect::new(b.x.saturating_sub(1), b.y, 2, b.height),
            false => Rect { height: 1, ..b },
        };
        let border = Border {
            index: self.index,
            line,
            whole: area,
            columns: self.columns,
        };
        (border, [a, b])
    }
}
