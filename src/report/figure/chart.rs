//! Charts: axes with titles and a grid by `plotters`, marks and lines upon them, legends above.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::palette::{Colour, GRID, INK, PAPER, SOFT};
use super::svg::width;
use super::{TEXT, WIDTH};

/// The back end of `plotters` writes text smaller than it is told, by this factor.
const SMALLER: f64 = 1.24;

/// A drawing under way.
pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Drawing into a text does not fail; the types of `plotters` say it might.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// The pixels to the left of the inside of a chart.
pub(super) const LEFT: i32 = 66;

/// The shape of a mark, which alone tells kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A filled circle.
    Dot,
    /// Two crossed lines.
    Cross,
    /// The outline of a square.
    Square,
    /// The outline of a large circle.
    Ring,
    /// A line.
    Line,
    /// A broken line.
    Dashes,
}

/// An entry of a legend.
pub(super) type Entry<'a> = (Mark, Colour, &'a str);

/// The element `svg` of a height that something draws; none where that fails.
pub(super) fn svg(height: u32, draw: impl FnOnce(&Root<'_>) -> Drawn) -> Option<String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        root.fill(&PAPER.rgb()).ok()?;
        draw(&root).ok()?;
        root.present().ok()?;
    }
    Some(text)
}

/// The style of text.
fn font(colour: Colour) -> TextStyle<'static> {
    let size = f64::from(TEXT) * SMALLER;
    ("sans-serif", size).into_font().color(&colour.rgb())
}

/// Text at a pixel.
pub(super) fn text(
    root: &Root<'_>,
    at: (i32, i32),
    anchor: HPos,
    colour: Colour,
    content: &str,
) -> Drawn {
    let style = font(colour);
    let style = style.pos(Pos::new(anchor, VPos::Center));
    root.draw(&Text::new(content.to_owned(), at, style))
}

/// A mark at a pixel.
pub(super) fn mark(root: &Root<'_>, (x, y): (i32, i32), shape: Mark, colour: Colour) -> Drawn {
    let line = colour.rgb().stroke_width(2);
    match shape {
        Mark::Dot => root.draw(&Circle::new((x, y), 4, colour.rgb().filled())),
        Mark::Cross => {
            root.draw(&PathElement::new(
                vec![(x - 4, y - 4), (x + 4, y + 4)],
                line,
            ))?;
            root.draw(&PathElement::new(
                vec![(x - 4, y + 4), (x + 4, y - 4)],
                line,
            ))
        }
        Mark::Square => root.draw(&Rectangle::new([(x - 4, y - 4), (x + 4, y + 4)], line)),
        Mark::Ring => root.draw(&Circle::new((x, y), 9, line)),
        Mark::Line => root.draw(&PathElement::new(vec![(x - 11, y), (x + 11, y)], line)),
        Mark::Dashes => dashed(root, &[(x - 11, y), (x + 11, y)], colour),
    }
}

/// A broken line through pixels.
pub(super) fn dashed(root: &Root<'_>, points: &[(i32, i32)], colour: Colour) -> Drawn {
    const ON: f64 = 6.0;
    const OFF: f64 = 4.0;
    for pair in points.windows(2) {
        let [(x1, y1), (x2, y2)] = [pair[0], pair[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
        let length = (x2 - x1).hypot(y2 - y1).max(1.0);
        let at = |d: f64| {
            let share = (d / length).min(1.0);
            let point = (x1 + (x2 - x1) * share, y1 + (y2 - y1) * share);
            (point.0.round() as i32, point.1.round() as i32)
        };
        let dashes = (length / (ON + OFF)).ceil() as usize;
        for start in (0..dashes).map(|i| i as f64 * (ON + OFF)) {
            let dash = vec![at(start), at(start + ON)];
            root.draw(&PathElement::new(dash, colour.rgb().stroke_width(2)))?;
        }
    }
    Ok(())
}

/// A legend from a pixel to the right, in as many rows as it takes; the height that it took.
pub(super) fn legend(
    root: &Root<'_>,
    (left, top): (i32, i32),
    entries: &[Entry<'_>],
) -> Drawn<i32> {
    const ROW: i32 = 20;
    let (mut x, mut y) = (left, top + ROW / 2);
    for (shape, colour, label) in entries {
        let wide = 34 + width(label) as i32;
        if x > left && x + wide > WIDTH as i32 {
            (x, y) = (left, y + ROW);
        }
        mark(root, (x + 12, y), *shape, *colour)?;
        text(root, (x + 28, y), HPos::Left, INK, label)?;
        x += wide + 12;
    }
    Ok(y + ROW / 2 - top)
}

/// An axis as `plotters` takes it: shares from 0 to 1, with labelled ticks.
#[derive(Clone, Debug)]
struct Scale(Vec<(f64, String)>);

impl Scale {
    fn of(axis: &Axis) -> Self {
        let tick = |tick: f64| (axis.share(tick), axis.label(tick));
        Scale(axis.ticks().into_iter().map(tick).collect())
    }

    /// Without the labels that would touch the one before, on an axis of so many pixels.
    fn apart(mut self, wide: u32) -> Self {
        let mut end = f64::NEG_INFINITY;
        for (share, label) in &mut self.0 {
            let (at, half) = (*share * f64::from(wide), width(label) / 2.0);
            match at - half > end {
                true => end = at + half,
                false => label.clear(),
            }
        }
        self
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, share: &f64, (from, to): (i32, i32)) -> i32 {
        (f64::from(from) + share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.0.iter().map(|(share, _)| *share).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..1.0
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, share: &f64) -> String {
        let found = self.0.iter().find(|(tick, _)| tick == share);
        found.map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// The inside of a chart: where values are in pixels.
pub(super) struct Panel<'a, 'b> {
    pub root: &'a Root<'b>,
    pub x: Axis,
    pub y: Axis,
    columns: (i32, i32),
    rows: (i32, i32),
}

impl<'a, 'b> Panel<'a, 'b> {
    /// Draws the axes of a chart between two corners, with a title where there is one.
    pub fn new(
        root: &'a Root<'b>,
        [(left, top), (right, bottom)]: [(i32, i32); 2],
        title: &str,
        (x, y): (Axis, Axis),
    ) -> Drawn<Self> {
        let above = if title.is_empty() { 8 } else { 30 };
        let columns = (left + LEFT, right - 14);
        let rows = (top + above, bottom - 44);
        let panel = Panel {
            root,
            x,
            y,
            columns,
            rows,
        };
        if !title.is_empty() {
            text(root, (columns.0, top + 16), HPos::Left, INK, title)?;
        }
        panel.axes((left + 6, bottom - 2))?;
        Ok(panel)
    }

    /// The axes: `plotters` draws grid, ticks, labels and titles.
    fn axes(&self, (left, bottom): (i32, i32)) -> Drawn {
        let (columns, rows) = (self.columns, self.rows);
        let size = |from: i32, to: i32| (to - from).max(1) as u32;
        let (wide, high) = (size(columns.0, columns.1), size(rows.0, bottom));
        let all = size(left, columns.1);
        let area = self.root.clone().shrink((left, rows.0), (all, high));
        let mut chart = ChartBuilder::on(&area)
            .x_label_area_size(size(rows.1, bottom))
            .y_label_area_size(size(left, columns.0))
            .build_cartesian_2d(Scale::of(&self.x).apart(wide), Scale::of(&self.y))?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID.rgb())
            .light_line_style(TRANSPARENT)
            .axis_style(SOFT.rgb())
            .label_style(font(SOFT))
            .axis_desc_style(font(INK))
            .x_desc(self.x.title.clone())
            .y_desc(self.y.title.clone())
            .draw()
    }

    /// The pixel of a point, held within the chart.
    pub fn at(&self, x: f64, y: f64) -> (i32, i32) {
        let place = |share: f64, (from, to): (i32, i32)| {
            let share = if share.is_finite() {
                share.clamp(0.0, 1.0)
            } else {
                1.0
            };
            (f64::from(from) + share * f64::from(to - from)).round() as i32
        };
        let (top, bottom) = self.rows;
        (
            place(self.x.share(x), self.columns),
            place(self.y.share(y), (bottom, top)),
        )
    }

    /// A mark at a point.
    pub fn mark(&self, x: f64, y: f64, shape: Mark, colour: Colour) -> Drawn {
        mark(self.root, self.at(x, y), shape, colour)
    }

    /// A line through points.
    pub fn line(&self, points: impl IntoIterator<Item = (f64, f64)>, colour: Colour) -> Drawn {
        let pixels: Vec<(i32, i32)> = points.into_iter().map(|(x, y)| self.at(x, y)).collect();
        let style = colour.rgb().stroke_width(2);
        self.root.draw(&PathElement::new(pixels, style))
    }

    /// A line that goes on level until the next point.
    pub fn steps(&self, points: &[(f64, f64)], colour: Colour) -> Drawn {
        let corner = |pair: &[(f64, f64)]| [pair[0], (pair[1].0, pair[0].1)];
        let corners = points.windows(2).flat_map(corner);
        self.line(corners.chain(points.last().copied()), colour)
    }

    /// A broken line from side to side at a value, where it is in the chart.
    pub fn level(&self, y: f64, colour: Colour) -> Drawn {
        if !(0.0..=1.0).contains(&self.y.share(y)) {
            return Ok(());
        }
        let (left, right) = self.x.range();
        dashed(self.root, &[self.at(left, y), self.at(right, y)], colour)
    }

    /// A broken line from bottom to top at a value, where it is in the chart.
    pub fn upright(&self, x: f64, colour: Colour) -> Drawn {
        if !(0.0..=1.0).contains(&self.x.share(x)) {
            return Ok(());
        }
        let (low, high) = self.y.range();
        dashed(self.root, &[self.at(x, low), self.at(x, high)], colour)
    }
}
