//! Answers and fronts as text.

use std::fmt::Write;

use crate::cli::numbers::{bytes, grouped};
use crate::quant::saving_percent;
use crate::search::{FrontPoint, Prediction, Predictor, Settings, Solution};

/// An answer: what it takes, what it loses and how that is known, and every layer's width.
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
            "        on the first {} images it was measured: {:.2} points ({})",
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

/// A drop with where it comes from.
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
            None => format!("{:.2} points predicted, how surely is unknown", p.drop),
        },
        None => "unknown".to_owned(),
    }
}

/// A front as a table.
pub(super) fn front(settings: &Settings, front: &[FrontPoint]) -> String {
    let mut text = format!("{:>14}  {:>7}  drop\n", "bytes", "saved");
    for point in front {
        let memory = point.prediction.memory_bytes;
        let saved = saving_percent(memory, settings.space.float_bytes());
        let _ = writeln!(
            text,
            "{:>14}  {saved:>5.2} %  {}",
            grouped(memory),
            drop(&point.prediction)
        );
    }
    text
}
