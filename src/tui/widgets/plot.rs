//! A plot of characters: dots in Braille (or one sign per cell where there is no Unicode), lines
//! and signs.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::model::Model;
use crate::tui::text;

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    from: f64,
    to: f64,
    log: bool,
}

impl Axis {
    /// A straight axis; what lies outside is put at its end.
    pub fn linear(from: f64, to: f64) -> Self {
        let wide = (to - from).is_finite() && to > from;
        let to = if wide { to } else { from + 1.0 };
        let log = false;
        Axis { from, to, log }
    }

    /// An axis of powers; values at or below zero are put at its lower end.
    pub fn log(from: f64, to: f64) -> Self {
        let from = Some(from).filter(|f| f.is_finite());
        let from = from.map_or(1e-9, |f| f.max(1e-9));
        let to = Some(to).filter(|t| t.is_finite());
        let to = to.map_or(from * 10.0, |t| t.max(from * 1.01));
        let log = true;
        Axis { from, to, log }
    }

    /// Round values on the axis, about `most` of them: steps of 1, 2 or 5 times a power of ten.
    pub fn ticks(self, most: usize) -> Vec<f64> {
        let (low, high) = (self.from.min(self.to), self.from.max(self.to));
        let rough = (high - low) / most.max(1) as f64;
        if !rough.is_finite() || rough <= 0.0 {
            return Vec::new();
        }
        let power = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
        let step = steps
            .into_iter()
            .find(|s| *s >= rough)
            .unwrap_or(10.0 * power);
        let first = (low / step).ceil() as i64;
        let values = (first..).map(|n| n as f64 * step);
        values
            .take_while(|v| *v <= high + step * 1e-9)
            .take(most * 3 + 3)
            .collect()
    }

    /// 0 at the lower end, 1 at the upper one.
    fn share(self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        }
    }
}

/// Dots, lines and signs on two axes. The y axis grows upward.
pub struct Plot<'a> {
    model: &'a Model,
    /// The inside of the pane.
    inside: Rect,
    /// The place for the dots.
    area: Rect,
    x: Axis,
    y: Axis,
    dots: BTreeMap<(u16, u16), (u8, Style)>,
    signs: BTreeMap<(u16, u16), (&'static str, Style)>,
}

/// Bits of the eight dots of a Braille cell, by column and row.
const BRAILLE: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Columns that the labels of the y axis take.
const LABELS: u16 = 10;

/// A value and the label at its place on an axis.
pub type Label = (f64, String);

impl<'a> Plot<'a> {
    /// True where a pane has room for a plot.
    pub fn fits(inside: Rect) -> bool {
        inside.width >= LABELS + 12 && inside.height >= 5
    }

    /// The columns for the dots.
    pub fn columns(inside: Rect) -> u16 {
        inside.width.saturating_sub(LABELS)
    }

    /// An empty plot inside a pane that it fits.
    pub fn new(model: &'a Model, inside: Rect, x: Axis, y: Axis) -> Self {
        Plot {
            model,
            inside,
            area: Rect {
                x: inside.x + LABELS,
                y: inside.y + 1,
                width: Self::columns(inside),
                height: inside.height.saturating_sub(3),
            },
            x,
            y,
            dots: BTreeMap::new(),
            signs: BTreeMap::new(),
        }
    }

    /// The column and row of a point in dots.
    fn place(&self, x: f64, y: f64) -> (u16, u16) {
        let at = |share: f64, dots: u16| (share * f64::from(dots.saturating_sub(1))).round() as u16;
        let Rect { width, height, .. } = self.area;
        (
            at(self.x.share(x), 2 * width),
            at(1.0 - self.y.share(y), 4 * height),
        )
    }

    /// Sets a dot; a cell keeps its first style.
    fn set(&mut self, (x, y): (u16, u16), style: Style) -> &mut Style {
        let dots = self.dots.entry((x / 2, y / 4)).or_insert((0, style));
        dots.0 |= BRAILLE[usize::from(x % 2)][usize::from(y % 4)];
        &mut dots.1
    }

    /// A dot.
    pub fn dot(&mut self, x: f64, y: f64, style: Style) {
        *self.set(self.place(x, y), style) = style;
    }

    /// A sign in the middle of its cell; a later one covers an earlier one.
    pub fn sign(&mut self, x: f64, y: f64, sign: &'static str, style: Style) {
        let (x, y) = self.place(x, y);
        self.signs.insert((x / 2, y / 4), (sign, style));
    }

    /// A dotted line across at a height.
    pub fn across(&mut self, y: f64, style: Style) {
        let (_, y) = self.place(self.x.from, y);
        for x in 0..self.area.width {
            self.set((2 * x, y), style);
        }
    }

    /// A dotted line down at a value of x.
    pub fn down(&mut self, x: f64, style: Style) {
        let (x, _) = self.place(x, self.y.from);
        for y in 0..2 * self.area.height {
            self.set((x, 2 * y), style);
        }
    }

    /// Dotted lines through a point, to both axes.
    pub fn cross(&mut self, x: f64, y: f64, style: Style) {
        let (column, row) = self.place(x, y);
        for x in (0..column / 2).step_by(2) {
            self.set((2 * x, row), style);
        }
        for y in (row / 4 + 1)..self.area.height {
            self.set((column, 4 * y), style);
        }
    }

    /// A step line through points: across to the next x, then to its y.
    pub fn steps(&mut self, points: &[(f64, f64)], style: Style) {
        let places: Vec<_> = points.iter().map(|(x, y)| self.place(*x, *y)).collect();
        for pair in places.windows(2) {
            let [(x0, y0), (x1, y1)] = *pair else {
                continue;
            };
            let across = (x0..=x1).map(|x| (x, y0));
            let down = (y0.min(y1)..=y0.max(y1)).map(|y| (x1, y));
            for place in across.chain(down) {
                *self.set(place, style) = style;
            }
        }
    }

    /// Draws it with a line above it and labels on its axes, of which earlier ones take the place
    /// of later ones; below the x axis stands what it is.
    pub fn draw(self, frame: &mut Frame, title: Line, x: &[Label], y: &[Label], name: &str) {
        draw_title(frame, self.inside, title);
        let ascii = self.model.theme.symbols.ascii;
        let buffer = frame.buffer_mut();
        let (left, top) = (self.area.x, self.area.y);
        for ((x, y), (bits, style)) in &self.dots {
            let braille = char::from_u32(0x2800 + u32::from(*bits)).filter(|_| !ascii);
            let dot = braille.unwrap_or('.').to_string();
            buffer.set_string(left + x, top + y, dot, *style);
        }
        for ((x, y), (sign, style)) in &self.signs {
            buffer.set_string(left + x, top + y, sign, *style);
        }
        self.label_y(frame, y);
        self.label_x(frame, x, name);
    }

    fn label_y(&self, frame: &mut Frame, labels: &[Label]) {
        let mut taken: Vec<u16> = Vec::new();
        for (value, label) in labels {
            // The row in which a dot of that value is drawn.
            let y = self.area.y + self.place(self.x.from, *value).1 / 4;
            // Labels one below the other read as one where there is room to keep them apart.
            let apart = if self.area.height >= 10 { 1 } else { 0 };
            if taken.iter().any(|t| t.abs_diff(y) <= apart) {
                continue;
            }
            taken.push(y);
            let label = text::cut(label, usize::from(LABELS - 1), "");
            let label = Line::styled(label, self.model.theme.palette.dim).right_aligned();
            frame.render_widget(label, Rect::new(self.inside.x, y, LABELS - 1, 1));
        }
    }

    fn label_x(&self, frame: &mut Frame, labels: &[Label], name: &str) {
        let (area, dim) = (self.area, self.model.theme.palette.dim);
        let mut taken: Vec<(u16, u16)> = Vec::new();
        for (value, label) in labels {
            let width = text::width(label) as u16;
            let middle = area.x + self.place(*value, self.y.from).0 / 2;
            let most = area.right().saturating_sub(width).max(area.x);
            let x = middle.saturating_sub(width / 2).clamp(area.x, most);
            if taken.iter().any(|(a, b)| x < *b + 1 && *a < x + width + 1) {
                continue;
            }
            taken.push((x, x + width));
            let at = Rect::new(x, area.bottom(), width, 1).intersection(self.inside);
            frame.render_widget(Span::styled(label.clone(), dim), at);
        }
        let ellipsis = self.model.theme.symbols.ellipsis;
        let name = text::cut(name, usize::from(area.width), ellipsis);
        let at = Rect::new(area.x, area.bottom() + 1, area.width, 1);
        frame.render_widget(Line::styled(name, dim).centered(), at);
    }
}

/// Draws the line above a plot.
pub fn draw_title(frame: &mut Frame, inside: Rect, line: Line) {
    let at = Rect {
        x: inside.x + 1,
        width: inside.width.saturating_sub(1),
        height: 1,
        ..inside
    };
    frame.render_widget(line, at);
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn ticks_are_round_and_few() {
        let rounded = |axis: Axis, most| -> Vec<f64> {
            let round = |v: f64| (v * 1e6).round() / 1e6;
            axis.ticks(most).into_iter().map(round).collect()
        };
        assert_eq!(
            rounded(Axis::linear(84.3, 88.1), 4),
            [85.0, 86.0, 87.0, 88.0]
        );
        assert_eq!(rounded(Axis::linear(0.0, 1.0), 4), [0.0, 0.5, 1.0]);
        assert_eq!(rounded(Axis::log(76.0, 196.0), 3), [100.0, 150.0]);
        for wild in [
            Axis::linear(f64::NAN, 1.0),
            Axis::log(f64::NAN, 0.0),
            Axis::linear(0.0, 1e300),
        ] {
            assert!(wild.ticks(4).len() < 16, "{wild:?}");
        }
    }

    #[test]
    fn axes_hold_whatever_comes() {
        let drift = Axis::log(0.01, 1.0);
        assert!((drift.share(0.1) - 0.5).abs() < 1e-12);
        assert_eq!((drift.share(0.0), drift.share(9.0)), (0.0, 1.0));
        let drop = Axis::linear(-1.0, 3.0);
        assert_eq!((drop.share(0.0), drop.share(-9.0)), (0.25, 0.0));
        for wild in [
            Axis::linear(1.0, 1.0),
            Axis::linear(f64::NAN, f64::INFINITY),
            Axis::log(f64::NAN, f64::NAN),
            Axis::log(-1.0, -2.0),
        ] {
            for value in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1.0] {
                assert!((0.0..=1.0).contains(&wild.share(value)), "{wild:?} {value}");
            }
        }
    }
}
