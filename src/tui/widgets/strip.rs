//! The bit-widths of all layers as a strip of cells, from the first layer to the last.

use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use crate::quant::{Allocation, BitWidth};
use crate::tui::model::Model;

/// The fewest cells that still say something.
pub const LEAST_STRIP: usize = 8;

/// A cell for each layer with its bit-width as a digit (`h` for 16 bits, `F` for float); where
/// there are more layers than columns, a cell shows the mean of its neighbours. Cells in which it
/// differs from `before` are underlined.
pub fn strip(
    model: &Model,
    allocation: &Allocation,
    before: Option<&Allocation>,
    columns: usize,
) -> Vec<Span<'static>> {
    let widths = &allocation.0;
    let cells = widths.len().min(columns);
    let cell = |at: usize| {
        let range = at * widths.len() / cells..(at + 1) * widths.len() / cells;
        let own = widths.get(range.clone()).unwrap_or_default();
        let other = before.and_then(|b| b.0.get(range));
        let mean = mean(own);
        let mut style = look(model, mean);
        if other.is_some_and(|other| other != own) {
            style = style.add_modifier(Modifier::UNDERLINED | Modifier::BOLD);
        }
        Span::styled(sign(mean), style)
    };
    (0..cells).map(cell).collect()
}

/// The colour of a mean width as that of a cell.
pub fn look(model: &Model, mean: f64) -> Style {
    let style = model.theme.heat(mean);
    match style.fg {
        Some(_) => style.add_modifier(Modifier::REVERSED),
        None => style,
    }
}

fn mean(widths: &[BitWidth]) -> f64 {
    let sum: f64 = widths.iter().map(|w| f64::from(w.bits())).sum();
    sum / widths.len().max(1) as f64
}

fn sign(mean: f64) -> String {
    match mean.round() as u8 {
        float if float > 16 => String::from("F"),
        half if half > 9 => String::from("h"),
        bits => bits.to_string(),
    }
}
