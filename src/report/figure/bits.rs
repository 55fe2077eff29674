//! Bit-widths: a strip of all layers, and the weights of each stage by bit-width.

use std::collections::BTreeMap;

use super::palette::{INK, PAPER, SOFT, cell};
use super::svg::{Anchor, Canvas, characters, shortened, width};
use super::{Figure, WIDTH};
use crate::quant::BitWidth;
use crate::report::Report;
use crate::report::compare::Compared;
use crate::report::records::{LayerRecord, Records};
use crate::text::numbers::count;

/// The most cells in a row of a strip.
const ROW: usize = 32;
const LEFT: f64 = 8.0;
const INSIDE: f64 = WIDTH as f64 - 2.0 * LEFT;

/// The share by which a bit-width is shaded: even steps from 1 bit to 8, then 16 and float.
fn share(bits: BitWidth) -> f64 {
    match bits.is_float() {
        true => 1.0,
        false => (f64::from(bits.bits().min(9)) - 1.0) / 9.0,
    }
}

/// A bit-width in a cell: float is an F, which fits.
fn letter(bits: BitWidth) -> String {
    match bits.is_float() {
        true => String::from("F"),
        false => bits.to_string(),
    }
}

/// A canvas of a height, on paper.
fn canvas(height: f64) -> Canvas {
    let mut canvas = Canvas::default();
    canvas.cell((0.0, 0.0), (f64::from(WIDTH), height), &PAPER.hex(), "");
    canvas
}

/// A cell with the letter of a bit-width.
fn bit_cell(
    canvas: &mut Canvas,
    (x, y): (f64, f64),
    (w, h): (f64, f64),
    bits: BitWidth,
    tip: &str,
) {
    let (fill, ink) = cell(share(bits));
    canvas.cell((x + 0.5, y), ((w - 1.0).max(1.0), h), &fill, tip);
    let letter = letter(bits);
    if width(&letter) <= w + 2.0 {
        canvas.text(
            (x + w / 2.0, y + h / 2.0 + 4.0),
            Anchor::Middle,
            ink,
            &letter,
        );
    }
}

/// The strip of the result; none without a result.
pub(super) fn strip(report: &Report) -> Option<Figure> {
    const CELL: f64 = 28.0;
    const LINE: f64 = 74.0;
    let layers = &report.records.layers;
    report.records.result()?;
    let rows: Vec<&[LayerRecord]> = layers.chunks(ROW).collect();
    let height = rows.len() as f64 * LINE + 8.0;
    let mut canvas = canvas(height);
    let step = INSIDE / layers.len().clamp(1, ROW) as f64;
    for (r, row) in rows.iter().enumerate() {
        let top = r as f64 * LINE + 8.0;
        for (i, layer) in row.iter().enumerate() {
            let Some(bits) = layer.bits else { continue };
            let tip = format!(
                "{}: {bits} bits, {} weights",
                layer.name,
                count(layer.weights)
            );
            bit_cell(
                &mut canvas,
                (LEFT + i as f64 * step, top),
                (step, CELL),
                bits,
                &tip,
            );
        }
        let names = |of: fn(&LayerRecord) -> &str| spans(row.iter().map(of));
        let below = [
            (top + CELL + 16.0, names(|l| &l.block), SOFT),
            (top + CELL + 34.0, names(|l| &l.stage), INK),
        ];
        for (y, spans, colour) in below {
            for (name, from, to) in spans {
                let (x, wide) = (LEFT + from as f64 * step, (to - from) as f64 * step);
                canvas.line((x + 1.5, y - 12.5), (x + wide - 1.5, y - 12.5), colour);
                let short = shortened(&name, characters(wide - 2.0));
                let is_last = to == row.len();
                let (at, anchor, label) = match short.is_empty() && is_last {
                    // Where it is short it may reach to the left.
                    true => (x + wide, Anchor::End, shortened(&name, 6)),
                    false => (x + wide / 2.0, Anchor::Middle, short),
                };
                canvas.text((at, y), anchor, &colour.hex(), &label);
            }
        }
    }
    let figure = Figure::new(
        "bits",
        "Bit-widths of the layers",
        "Each cell is a layer in the order of the network, with its bit-width (F: float); below it its block and its stage.",
    );
    figure.drawn(Some(canvas.finish(height)))
}

/// Runs of equal names: the name, the first place and the place behind the last.
fn spans<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, usize, usize)> {
    let mut spans: Vec<(String, usize, usize)> = Vec::new();
    for (i, name) in names.enumerate() {
        match spans.last_mut() {
            Some((last, _, to)) if last == name => *to = i + 1,
            _ => spans.push((name.to_owned(), i, i + 1)),
        }
    }
    spans
}

/// The weights of each stage by bit-width; none without a result.
pub(super) fn by_stage(report: &Report) -> Option<Figure> {
    const BAR: f64 = 24.0;
    const LINE: f64 = 36.0;
    report.records.result()?;
    let stages = stages(&report.records);
    let longest = stages
        .iter()
        .map(|(name, _)| width(&shortened(name, 24)))
        .fold(60.0, f64::max);
    let (left, right) = (LEFT + longest + 12.0, 120.0);
    let inside = f64::from(WIDTH) - left - right;
    let height = stages.len() as f64 * LINE + 10.0;
    let mut canvas = canvas(height);
    for (i, (name, by_bits)) in stages.iter().enumerate() {
        let top = i as f64 * LINE + 8.0;
        let middle = top + BAR / 2.0 + 4.0;
        let all: u64 = by_bits.values().fold(0, |a, b| a.saturating_add(*b));
        canvas.text(
            (left - 12.0, middle),
            Anchor::End,
            &INK.hex(),
            &shortened(name, 24),
        );
        let mut x = left;
        for (bits, weights) in by_bits {
            let part = *weights as f64 / all.max(1) as f64;
            let tip = format!(
                "{name}: {} weights ({:.1} %) at {}",
                count(*weights),
                100.0 * part,
                bits.with_unit()
            );
            bit_cell(&mut canvas, (x, top), (part * inside, BAR), *bits, &tip);
            x += part * inside;
        }
        let mean = by_bits
            .iter()
            .map(|(b, n)| f64::from(b.bits()) * *n as f64)
            .sum::<f64>()
            / all.max(1) as f64;
        let text = format!("mean {mean:.2} bits");
        canvas.text(
            (left + inside + 10.0, middle),
            Anchor::Start,
            &SOFT.hex(),
            &text,
        );
    }
    let figure = Figure::new(
        "bits-by-stage",
        "Weights of each stage by bit-width",
        "The length of a part is its share of the stage's weights; the mean counts every weight (float as 32 bits).",
    );
    figure.drawn(Some(canvas.finish(height)))
}

/// The weights of each stage by bit-width, in the network's order.
fn stages(records: &Records) -> Vec<(String, BTreeMap<BitWidth, u64>)> {
    let mut stages: Vec<(String, BTreeMap<BitWidth, u64>)> = Vec::new();
    for layer in &records.layers {
        let Some(bits) = layer.bits else { continue };
        let at = stages.iter().position(|(name, _)| *name == layer.stage);
        let at = at.unwrap_or_else(|| {
            stages.push((layer.stage.clone(), BTreeMap::new()));
            stages.len() - 1
        });
        if let Some((_, by_bits)) = stages.get_mut(at) {
            let weights = by_bits.entry(bits).or_default();
            *weights = weights.saturating_add(layer.weights);
        }
    }
    stages
}

/// The strips of several runs, one below the other; none where they are of different networks.
pub(super) fn compared(runs: &[Compared<'_>]) -> Option<Figure> {
    const CELL: f64 = 24.0;
    const LABEL: f64 = 20.0;
    let names = |run: &Compared<'_>| -> Vec<String> {
        run.report
            .records
            .layers
            .iter()
            .map(|l| l.name.clone())
            .collect()
    };
    let all = names(runs.first()?);
    if runs
        .iter()
        .any(|run| names(run) != all || run.report.records.result().is_none())
    {
        return None;
    }
    let rows = all.len().div_ceil(ROW);
    let block = LABEL + rows as f64 * (CELL + 4.0) + 10.0;
    let height = block * runs.len() as f64 + 4.0;
    let step = INSIDE / all.len().clamp(1, ROW) as f64;
    let mut canvas = canvas(height);
    for (r, run) in runs.iter().enumerate() {
        let top = r as f64 * block;
        let label = shortened(&run.label(), characters(INSIDE));
        canvas.text((LEFT, top + 15.0), Anchor::Start, &INK.hex(), &label);
        for (i, layer) in run.report.records.layers.iter().enumerate() {
            let Some(bits) = layer.bits else { continue };
            let (column, row) = ((i % ROW) as f64, (i / ROW) as f64);
            let at = (LEFT + column * step, top + LABEL + row * (CELL + 4.0));
            bit_cell(
                &mut canvas,
                at,
                (step, CELL),
                bits,
                &format!("{}: {}", layer.name, bits.with_unit()),
            );
        }
    }
    let figure = Figure::new(
        "compared-bits",
        "Bit-widths of the runs",
        "Each cell is a layer, in the order of the network and at the same place for every run.",
    );
    figure.drawn(Some(canvas.finish(height)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_runs_of_equal_names() {
        let found = spans(["a", "a", "b", "a"].into_iter());
        let found: Vec<(&str, usize, usize)> =
            found.iter().map(|(n, f, t)| (n.as_str(), *f, *t)).collect();
        assert_eq!(found, [("a", 0, 2), ("b", 2, 3), ("a", 3, 4)]);
    }
}
