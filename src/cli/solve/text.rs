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
    let memory = bytes(prediction.memory_bytes);
    let _ = writeln!(text, "memory  {memory}: {saved:.2} % saved");
    let _ = writeln!(text, "drop    {}", drop(prediction));
    if let Some(part) = prediction.measured.filter(|m| !m.whole) {
        let _ = writeln!(
            text,
            "        measured on the first {} images: {:.2} points ({})",
            part.images, part.drop, part.candidate
        );
    }
    let measured = predictor.measurements();
    let _ = writeln!(
        text,
        "basis   {measured} accuracies that the run has measured"
    );
    let layers = settings.space.layers.iter().zip(&solution.allocation.0);
    let rows = layers.map(|(layer, bits)| vec![format!("  {}", layer.name), bits.to_string()]);
    text + &columns(&rows.collect::<Vec<_>>(), "  ", |_| false)
}

/// The text of a drop, with its basis.
fn drop(prediction: &Prediction) -> String {
    if let Some(measured) = prediction.measured.filter(|m| m.whole) {
        return format!(
            "{:.2} points, measured on the whole search split ({})",
            measured.drop, measured.candidate
        );
    }
    let Some(predicted) = prediction.predicted else {
        return "not known yet".to_owned();
    };
    let bounds = predicted.low.zip(predicted.high);
    let bounds = bounds.map(|(low, high)| format!(" ({low:.2} to {high:.2})"));
    let bounds = bounds.unwrap_or_default();
    format!("{:.2} points predicted{bounds}", predicted.drop)
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
