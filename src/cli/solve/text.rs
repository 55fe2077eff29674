//! Solutions and fronts as text.

use std::fmt::Write;

use crate::quant::saving_percent;
use crate::search::{Prediction, Predictor, Settings, Solution};
use crate::text::numbers::{bytes_in_full as bytes, count};
use crate::text::table::columns;

/// The text of a solution: memory, drop with its basis, and the bit-width of every layer.
pub(super) fn answer(
    settings: &Settings,
    predictor: &Predictor<'_>,
    solution: &Solution,
    saved: f64,
) -> String {
    let mut text = String::new();
    let prediction = &solution.prediction;
    let _ = writeln!(
        text,
        "memory  {}: {saved:.2} % saved",
        bytes(prediction.memory_bytes)
    );
    let _ = writeln!(text, "drop    {}", drop(prediction));
    if let Some(part) = prediction.measured.filter(|m| !m.whole) {
        let _ = writeln!(
            text,
            "        measured on the first {} images: {:.2} points ({})",
            part.images, part.drop, part.candidate
        );
    }
    let _ = writeln!(
        text,
        "basis   {} accuracies that the run has measured",
        predictor.measurements()
    );
    let layers = &settings.space.layers;
    let width = layers.iter().map(|l| l.name.chars().count()).max();
    for (layer, bits) in layers.iter().zip(&solution.allocation.0) {
        let _ = writeln!(
            text,
            "  {:width$}  {bits}",
            layer.name,
            width = width.unwrap_or(0)
        );
    }
    text
}

/// The text of a drop, with its basis.
fn drop(prediction: &Prediction) -> String {
    if let Some(measured) = prediction.measured.filter(|m| m.whole) {
        return format!(
            "{:.2} points, measured on the whole search split ({})",
            measured.drop, measured.candidate
        );
    }
    match prediction.predicted {
        Some(p) => match p.low.zip(p.high) {
            Some((low, high)) => format!(
                "{:.2} points predicted, {low:.2} to {high:.2} likely",
                p.drop
            ),
            None => format!("{:.2} points predicted, uncertainty unknown", p.drop),
        },
        None => "unknown".to_owned(),
    }
}

/// The table of a front.
pub(super) fn front(settings: &Settings, front: &[Solution]) -> String {
    let row = |point: &Solution| {
        let memory = point.prediction.memory_bytes;
        let saved = saving_percent(memory, settings.space.float_bytes());
        vec![
            count(memory),
            format!("{saved:.2} %"),
            drop(&point.prediction),
        ]
    };
    let titles = ["bytes", "saved", "drop"].map(str::to_owned).into();
    let rows: Vec<_> = [titles].into_iter().chain(front.iter().map(row)).collect();
    columns(&rows, "  ", |column| column < 2)
}
