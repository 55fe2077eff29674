//! The column of the errors of layers' outputs.

use ratatui::text::Span;

use crate::quant::{Allocation, BitWidth};
use crate::search::Settings;
use crate::tui::model::{Model, Part};
use crate::tui::widgets::number;

/// Columns of one error with its bit-width, such as `3:12.5`.
const CELL: usize = 8;
/// Columns of the error at the layer's own bit-width alone.
const OWN: usize = 8;
/// From so many columns on there is room for the error at the layer's bit-width, and for those at
/// the widths next to it as well.
const NARROW: u16 = 58;
const WIDE: u16 = 76;

/// How much of the errors is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// Nothing: there is no room, or nothing is known.
    Nothing,
    /// The error at the layer's own bit-width.
    Own,
    /// And those at the bit-widths next to it.
    Neighbours,
}

impl Errors {
    /// What there is room for in so many columns.
    pub fn of(model: &Model, columns: u16) -> Self {
        match columns {
            _ if model.output_errors.is_empty() => Errors::Nothing,
            WIDE.. => Errors::Neighbours,
            NARROW.. => Errors::Own,
            _ => Errors::Nothing,
        }
    }

    /// Columns that it takes.
    pub fn columns(self) -> usize {
        match self {
            Errors::Nothing => 0,
            Errors::Own => OWN,
            Errors::Neighbours => 3 * CELL,
        }
    }

    /// The title.
    pub fn title(self, model: &Model) -> Option<Span<'static>> {
        let dim = model.theme.palette.dim;
        match self {
            Errors::Nothing => None,
            Errors::Own => Some(number("error %", OWN, dim)),
            Errors::Neighbours => Some(number("bits: output error %", 3 * CELL, dim)),
        }
    }

    /// The errors of a part, where it is a layer.
    pub fn cells(
        self,
        model: &Model,
        settings: &Settings,
        part: &Part,
        allocation: &Allocation,
    ) -> Vec<Span<'static>> {
        let palette = &model.theme.palette;
        let layer = part.members.first().filter(|_| part.is_layer());
        let known = layer.and_then(|&layer| {
            let width = *allocation.0.get(layer)?;
            let menu = &settings.space.menu;
            Some(model.output_errors.around(layer, width, menu))
        });
        let (narrower, own, wider) = match known {
            Some(known) => (known.narrower, known.own, known.wider),
            None => (None, None, None),
        };
        let beside = |error: Option<(BitWidth, f64)>| {
            error.map_or(String::new(), |(width, error)| {
                format!("{}:{}", width.bits(), percent(error))
            })
        };
        match self {
            Errors::Nothing => Vec::new(),
            Errors::Own => {
                let own = own.map_or(String::new(), |(_, error)| percent(error));
                vec![number(&own, OWN, palette.text)]
            }
            Errors::Neighbours => vec![
                number(&beside(narrower), CELL, palette.dim),
                number(&beside(own), CELL, palette.text),
                number(&beside(wider), CELL, palette.dim),
            ],
        }
    }
}

/// A relative error in percent, in at most four characters below 1000 %.
fn percent(error: f64) -> String {
    match 100.0 * error {
        small if small < 9.995 => format!("{small:.2}"),
        some if some < 99.95 => format!("{some:.1}"),
        large => format!("{large:.0}"),
    }
}
