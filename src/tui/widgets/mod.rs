//! The pieces that panes, header, footer and dialogs are made of.

mod input;
mod pieces;
mod plot;
mod spark;
mod strip;

pub use input::{FIELD_NAME, field_line, input_line};
pub use pieces::{
    Sentence, bar, below, cell, cut_line, indented, labelled, line_area, number, row, spinner,
};
pub use plot::{Axis, Plot, draw_title};
pub use spark::sparkline;
pub use strip::{LEAST_STRIP, strip};
