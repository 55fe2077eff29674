//! A plot of characters: dots in Braille (or one sign per cell where there is no Unicode), lines
//! and signs.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

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
        let from = if from.is_finite() {
            from.max(1e-9)
        } else {
            1e-9
        };
        let to = if to.is_finite() {
            to.max(from * 1.01)
        } else {
            from * 10.0
        };
        let log = true;
        Axis { from, to, log }
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
    area: Rect,
    x: Axis,
    y: Axis,
    dots: BTreeMap<(u16, u16), (u8, Style)>,
    signs: BTreeMap<(u16, u16), (&'static str, Style)>,
}

/// Bits of the eight dots of a Braille cell, by column and row.
const BRAILLE: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl<'a> Plot<'a> {
    /// An empty plot.
    pub fn new(model: &'a Model, area: Rect, x: Axis, y: Axis) -> Self {
        Plot {
            model,
            area,
            x,
            y,
            dots: BTreeMap::new(),
            signs: BTreeMap::new(),
        }
    }

    /// The cell of a point, and the dot within it.
    fn place(&self, x: f64, y: f64) -> ((u16, u16), (usize, usize)) {
        let fine = |share: f64, cells: u16, per: u16| {
            let last = (cells * per).saturating_sub(1);
            (share * f64::from(last)).round() as u16
        };
        let dx = fine(self.x.share(x), self.area.width, 2);
        let dy = fine(1.0 - self.y.share(y), self.area.height, 4);
        ((dx / 2, dy / 4), (usize::from(dx % 2), usize::from(dy % 4)))
    }

    /// A dot.
    pub fn dot(&mut self, x: f64, y: f64, style: Style) {
        let (cell, (column, row)) = self.place(x, y);
        let dots = self.dots.entry(cell).or_insert((0, style));
        dots.0 |= BRAILLE[column][row];
        dots.1 = style;
    }

    /// A sign in the middle of its cell; a later one covers an earlier one.
    pub fn sign(&mut self, x: f64, y: f64, sign: &'static str, style: Style) {
        let (cell, _) = self.place(x, y);
        self.signs.insert(cell, (sign, style));
    }

    /// A dotted line across at a height.
    pub fn across(&mut self, y: f64, style: Style) {
        let (cell, (_, row)) = self.place(self.x.from, y);
        for x in 0..self.area.width {
            let dots = self.dots.entry((x, cell.1)).or_insert((0, style));
            dots.0 |= BRAILLE[0][row];
        }
    }

    /// A dotted line down at a value of x.
    pub fn down(&mut self, x: f64, style: Style) {
        let (cell, (column, _)) = self.place(x, self.y.from);
        for y in 0..self.area.height {
            let dots = self.dots.entry((cell.0, y)).or_insert((0, style));
            dots.0 |= BRAILLE[column][0] | BRAILLE[column][2];
        }
    }

    /// A step line through points: across to the next x, then to its y.
    pub fn steps(&mut self, points: &[(f64, f64)], style: Style) {
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = pair else { continue };
            let (a, b) = (self.x.share(*x0), self.x.share(*x1));
            let columns = ((b - a) * f64::from(self.area.width) * 2.0).ceil() as usize;
            for i in 0..=columns {
                let share = i as f64 / columns.max(1) as f64;
                self.dot(self.between(self.x, *x0, *x1, share), *y0, style);
            }
            let (a, b) = (self.y.share(*y0), self.y.share(*y1));
            let rows = ((b - a).abs() * f64::from(self.area.height) * 4.0).ceil() as usize;
            for i in 0..=rows {
                let share = i as f64 / rows.max(1) as f64;
                self.dot(*x1, self.between(self.y, *y0, *y1, share), style);
            }
        }
    }

    fn between(&self, axis: Axis, a: f64, b: f64, share: f64) -> f64 {
        if axis.log && a > 0.0 && b > 0.0 {
            a * (b / a).powf(share)
        } else {
            a + (b - a) * share
        }
    }

    /// Draws it.
    pub fn draw(self, frame: &mut Frame) {
        let ascii = self.model.theme.symbols.ascii;
        let at = |(x, y): (u16, u16)| Rect {
            x: self.area.x + x,
            y: self.area.y + y,
            width: 1,
            height: 1,
        };
        for (cell, (bits, style)) in &self.dots {
            let dot = if ascii {
                String::from(".")
            } else {
                char::from_u32(0x2800 + u32::from(*bits)).map_or(String::new(), String::from)
            };
            frame.render_widget(Span::styled(dot, *style), at(*cell));
        }
        for (cell, (sign, style)) in &self.signs {
            frame.render_widget(Span::styled(*sign, *style), at(*cell));
        }
    }
}

/// Columns that the labels of the y axis take.
const LABELS: u16 = 8;

/// The place for the dots inside a pane, with labels at the left and below: of each axis the lower
/// end, the upper end and (where it lies apart from both) a marked value.
pub struct Axes {
    /// For the dots.
    pub area: Rect,
    inside: Rect,
}

impl Axes {
    /// Divides a pane's inside; none where there is no room for a plot.
    pub fn of(inside: Rect) -> Option<Self> {
        if inside.width < LABELS + 12 || inside.height < 5 {
            return None;
        }
        let area = Rect {
            x: inside.x + LABELS,
            y: inside.y + 1,
            width: inside.width - LABELS,
            height: inside.height - 3,
        };
        Some(Axes { area, inside })
    }

    /// A line of text above the plot.
    pub fn title(&self, frame: &mut Frame, line: ratatui::text::Line<'static>) {
        let at = Rect {
            x: self.inside.x + 1,
            width: self.inside.width.saturating_sub(1),
            height: 1,
            ..self.inside
        };
        frame.render_widget(line, at);
    }

    /// Labels of the y axis, by value.
    pub fn y_labels(&self, frame: &mut Frame, model: &Model, axis: Axis, labels: &[(f64, String)]) {
        let mut taken: Vec<u16> = Vec::new();
        for (value, label) in labels {
            let last = f64::from(self.area.height.saturating_sub(1));
            let y = self.area.y + ((1.0 - axis.share(*value)) * last).round() as u16;
            if taken.contains(&y) {
                continue;
            }
            taken.push(y);
            let at = Rect {
                x: self.inside.x,
                y,
                width: LABELS - 1,
                height: 1,
            };
            let text = text::pad(
                &text::cut(label, usize::from(LABELS - 1), ""),
                usize::from(LABELS - 1),
                true,
            );
            frame.render_widget(Span::styled(text, model.theme.palette.dim), at);
        }
    }

    /// Labels of the x axis, by value, and below them what it is.
    pub fn x_labels(
        &self,
        frame: &mut Frame,
        model: &Model,
        axis: Axis,
        labels: &[(f64, String)],
        name: &str,
    ) {
        let y = self.area.bottom();
        let mut taken: Vec<(u16, u16)> = Vec::new();
        for (value, label) in labels {
            let width = text::width(label) as u16;
            let last = f64::from(self.area.width.saturating_sub(1));
            let middle = self.area.x + (axis.share(*value) * last).round() as u16;
            let most = self.area.right().saturating_sub(width).max(self.area.x);
            let x = middle.saturating_sub(width / 2).clamp(self.area.x, most);
            if taken.iter().any(|(a, b)| x < *b + 1 && *a < x + width + 1) {
                continue;
            }
            taken.push((x, x + width));
            let at = Rect {
                x,
                y,
                width,
                height: 1,
            }
            .intersection(self.inside);
            frame.render_widget(Span::styled(label.clone(), model.theme.palette.dim), at);
        }
        let at = Rect {
            x: self.area.x,
            y: y + 1,
            width: self.area.width,
            height: 1,
        };
        let name = text::cut(name, usize::from(at.width), model.theme.symbols.ellipsis);
        let line = ratatui::text::Line::styled(name, model.theme.palette.dim).centered();
        frame.render_widget(line, at);
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

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
