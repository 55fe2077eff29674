//! The pieces that panes, header, footer and dialogs are made of.

mod pieces;
mod plot;

pub use pieces::{Sentence, bar, cell, indented, labelled, line_area, number, row, spinner};
pub use plot::{Axes, Axis, Plot};
