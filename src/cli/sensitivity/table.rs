//! The sensitivity curves as text.

use std::path::Path;

use crate::run::{Curve, Interaction, Sensitivity};
use crate::search::Space;
use crate::text::table::columns;

/// The text of both curves with drop and drift of every layer at every bit-width, and of the
/// interaction.
pub(super) fn text(
    space: &Space,
    images: usize,
    measured: &[Sensitivity],
    interactions: &[Interaction],
    file: &Path,
) -> String {
    let titles = [
        (Curve::Lowered, "each layer lowered alone, all others float"),
        (
            Curve::Kept,
            "each layer kept as float alone, all others lowered",
        ),
    ];
    let row = |name: &str, curve, layer: Option<&str>| {
        let points = measured
            .iter()
            .filter(|s| s.curve == curve && s.layer.as_deref() == layer);
        let cells = points.map(|s| format!("{:.2} {:>6.3}", s.accuracy_drop, s.drift));
        [name.to_owned()].into_iter().chain(cells).collect()
    };
    let mut text = String::new();
    for (curve, title) in titles {
        let widths = interactions.iter().map(|i| format!("{} bits", i.bits));
        let mut rows: Vec<Vec<String>> = vec![[String::new()].into_iter().chain(widths).collect()];
        let layers = space.layers.iter().map(|l| l.name.as_str());
        rows.extend(layers.map(|name| row(name, curve, Some(name))));
        rows.retain(|row| row.len() > 1);
        rows.push(row("all together", Curve::Joint, None));
        text += &format!("{title}: accuracy drop in points on {images} images, and drift\n");
        text += &columns(&rows, "  ", |column| column > 0);
        text.push('\n');
    }
    text += "interaction: the cost of all layers together against the sum of their single costs\n";
    for i in interactions {
        text += &format!(
            "  {} bits  {:.2} points together, {:.2} the sum: {:+.2}; drift {:.3} together, {:.3} the sum\n",
            i.bits, i.joint_drop, i.sum_of_drops, i.interaction, i.joint_drift, i.sum_of_drifts,
        );
    }
    text + &format!("\nas lines of JSON: {}\n", file.display())
}
