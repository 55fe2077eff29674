//! The curves as text.

use std::fmt::Write;
use std::path::Path;

use crate::run::{Curve, Interaction, Sensitivity};
use crate::search::Space;

/// Drop and drift of every layer at every width, for both curves, and the interaction.
pub(super) fn text(
    space: &Space,
    images: usize,
    measured: &[Sensitivity],
    interactions: &[Interaction],
    file: &Path,
) -> String {
    let mut text = String::new();
    let titles = [
        (Curve::Lowered, "each layer lowered alone, all others float"),
        (
            Curve::Kept,
            "each layer kept as float alone, all others lowered",
        ),
    ];
    let name = |s: &Sensitivity| s.layer.clone().unwrap_or_default();
    let layers = space.layers.iter().map(|l| l.name.chars().count());
    let width = layers.max().unwrap_or(0).max("all together".len());
    for (curve, title) in titles {
        let _ = writeln!(
            text,
            "{title}: accuracy drop in points on {images} images, and drift"
        );
        let _ = write!(text, "{:width$}", "");
        for interaction in interactions {
            let _ = write!(text, "  {:>14}", format!("{} bits", interaction.bits));
        }
        text.push('\n');
        for layer in &space.layers {
            let mut cells = measured
                .iter()
                .filter(|s| s.curve == curve && name(s) == layer.name)
                .peekable();
            if cells.peek().is_some() {
                row(&mut text, width, &layer.name, cells);
            }
        }
        let joint = measured.iter().filter(|s| s.curve == Curve::Joint);
        row(&mut text, width, "all together", joint);
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "interaction: what layers cost together beside the sum of each alone"
    );
    for i in interactions {
        let _ = writeln!(
            text,
            "{:>width$}  {:.2} points together, {:.2} the sum: {:+.2}; drift {:.3} together, {:.3} the sum",
            format!("{} bits", i.bits),
            i.joint_drop,
            i.sum_of_drops,
            i.interaction,
            i.joint_drift,
            i.sum_of_drifts,
        );
    }
    let _ = writeln!(text, "\nas lines of JSON: {}", file.display());
    text
}

fn row<'a>(
    text: &mut String,
    width: usize,
    name: &str,
    cells: impl Iterator<Item = &'a Sensitivity>,
) {
    let _ = write!(text, "{name:width$}");
    for cell in cells {
        let _ = write!(text, "  {:>7.2} {:>6.3}", cell.accuracy_drop, cell.drift);
    }
    text.push('\n');
}
