//! The sensitivity of layers at bit-widths, as a map of cells: the best evidence that there is.

use super::palette::{INK, PAPER, SOFT, cell};
use super::svg::{Anchor, Canvas, shortened, width};
use super::{Figure, WIDTH};
use crate::quant::BitWidth;
use crate::report::Report;
use crate::run::Curve;
use crate::text::numbers::points;

const ROW: f64 = 20.0;
/// The most characters of a name.
const NAME: usize = 34;

/// A map: rows of names, columns of bit-widths.
struct Map {
    title: &'static str,
    caption: String,
    rows: Vec<String>,
    columns: Vec<BitWidth>,
    /// By row, then by column.
    values: Vec<Vec<Option<f64>>>,
    shown: fn(f64) -> String,
}

/// The figure; none where nothing was measured of single layers.
pub(super) fn figure(report: &Report) -> Option<Figure> {
    let map = curves(report)
        .or_else(|| errors(report))
        .or_else(|| groups(report))?;
    let figure = Figure::new("sensitivity", map.title, map.caption.clone());
    figure.drawn(Some(map.draw()))
}

/// From the measurements of `aq4svit sensitivity`.
fn curves(report: &Report) -> Option<Map> {
    let curves = report.sensitivity.as_ref()?;
    let lowered = || curves.measured.iter().filter(|m| m.curve == Curve::Lowered);
    let rows: Vec<String> = report
        .records
        .layers
        .iter()
        .map(|l| l.name.clone())
        .collect();
    let columns = widths(lowered().map(|m| m.bits));
    let value = |row: &String, bits: &BitWidth| {
        let found = lowered().find(|m| m.layer.as_ref() == Some(row) && m.bits == *bits);
        found.map(|m| m.accuracy_drop)
    };
    let images = curves.float.images;
    Some(Map {
        title: "Accuracy drop of each layer lowered alone",
        caption: format!(
            "Percentage points, on {images} images of the search split; all other layers are float. Measured by `aq4svit \
             sensitivity`."
        ),
        values: fill(&rows, &columns, &value)?,
        rows,
        columns,
        shown: points,
    })
}

/// From the errors of the layers' outputs in the journal.
fn errors(report: &Report) -> Option<Map> {
    let records = &report.records;
    let rows: Vec<String> = records.layers.iter().map(|l| l.name.clone()).collect();
    let columns = widths(records.layer_errors.keys().copied());
    let place = |row: &String| rows.iter().position(|r| r == row);
    let value = |row: &String, bits: &BitWidth| {
        let errors = records.layer_errors.get(bits)?;
        errors.get(place(row)?).copied()
    };
    Some(Map {
        title: "Error of each layer's output by bit-width",
        caption: String::from(
            "The squared error of the layer's output on the float network's inputs, relative to the output's variance (of its \
             weights, where the quantizer needs no images), from the journal: evidence of the search, no accuracy. `aq4svit \
             sensitivity` measures the drop of each layer alone.",
        ),
        values: fill(&rows, &columns, &value)?,
        rows,
        columns,
        shown: short,
    })
}

/// From the candidates that changed a single group.
fn groups(report: &Report) -> Option<Map> {
    let single = &report.records.single_groups;
    let mut rows: Vec<String> = Vec::new();
    for (group, ..) in single {
        if !rows.contains(group) {
            rows.push(group.clone());
        }
    }
    let columns = widths(single.iter().map(|(_, bits, _)| *bits));
    let value = |row: &String, bits: &BitWidth| {
        let found = single
            .iter()
            .find(|(group, at, _)| group == row && at == bits);
        found.map(|(_, _, added)| *added)
    };
    Some(Map {
        title: "Drift that each group adds alone",
        caption: String::from(
            "Thresholds beyond the drift of the allocation that the group was changed in, from the journal: evidence of the \
             search, no accuracy. `aq4svit sensitivity` measures the drop of each layer alone.",
        ),
        values: fill(&rows, &columns, &value)?,
        rows,
        columns,
        shown: short,
    })
}

/// Bit-widths, each once, the largest first.
fn widths(all: impl Iterator<Item = BitWidth>) -> Vec<BitWidth> {
    let mut widths: Vec<BitWidth> = all.collect();
    widths.sort_unstable_by(|a, b| b.cmp(a));
    widths.dedup();
    widths
}

/// The values of a map; none where there is not one.
fn fill(
    rows: &[String],
    columns: &[BitWidth],
    value: &dyn Fn(&String, &BitWidth) -> Option<f64>,
) -> Option<Vec<Vec<Option<f64>>>> {
    let row = |row: &String| columns.iter().map(|bits| value(row, bits)).collect();
    let values: Vec<Vec<Option<f64>>> = rows.iter().map(row).collect();
    let is_any = values.iter().flatten().flatten().any(|v| v.is_finite());
    is_any.then_some(values)
}

/// A number in three digits.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => String::from("0"),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        v if v >= 0.0005 => format!("{value:.3}"),
        _ => format!("{value:.0e}"),
    }
}

impl Map {
    fn draw(&self) -> String {
        let longest = self
            .rows
            .iter()
            .map(|r| width(&shortened(r, NAME)))
            .fold(60.0, f64::max);
        let left = longest + 16.0;
        let wide = ((f64::from(WIDTH) - left - 8.0) / self.columns.len().max(1) as f64).min(84.0);
        let top = 28.0;
        let height = top + self.rows.len() as f64 * ROW + 8.0;
        let mut canvas = Canvas::default();
        canvas.cell((0.0, 0.0), (f64::from(WIDTH), height), &PAPER.hex(), "");
        for (c, bits) in self.columns.iter().enumerate() {
            let x = left + (c as f64 + 0.5) * wide;
            let title = bits.with_unit();
            canvas.text((x, top - 9.0), Anchor::Middle, &INK.hex(), &title);
        }
        let scale = self.scale();
        for (r, (name, values)) in self.rows.iter().zip(&self.values).enumerate() {
            let y = top + r as f64 * ROW;
            canvas.text(
                (left - 8.0, y + 14.0),
                Anchor::End,
                &SOFT.hex(),
                &shortened(name, NAME),
            );
            for (c, value) in values.iter().enumerate() {
                let Some(value) = value else { continue };
                let x = left + c as f64 * wide;
                let bits = self
                    .columns
                    .get(c)
                    .map_or_else(String::new, |bits| bits.with_unit());
                let (fill, ink) = cell(scale(*value));
                let tip = format!("{name} at {bits}: {value}");
                canvas.cell((x + 0.5, y + 0.5), (wide - 1.0, ROW - 1.0), &fill, &tip);
                canvas.text(
                    (x + wide / 2.0, y + 14.0),
                    Anchor::Middle,
                    ink,
                    &(self.shown)(*value),
                );
            }
        }
        canvas.finish(height)
    }

    /// The shade of a value: by its logarithm where values are positive and far apart.
    fn scale(&self) -> impl Fn(f64) -> f64 {
        let finite = || {
            self.values
                .iter()
                .flatten()
                .flatten()
                .copied()
                .filter(|v| v.is_finite())
        };
        let (low, high) = (
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        );
        let least = finite()
            .filter(|v| *v > 0.0)
            .fold(f64::INFINITY, f64::min)
            .max(high * 1e-5);
        let is_log = low >= 0.0 && high > 20.0 * least;
        move |value: f64| match is_log {
            true => (value.max(least) / least).ln() / (high / least).ln(),
            false => (value - low) / (high - low).max(f64::MIN_POSITIVE),
        }
    }
}
