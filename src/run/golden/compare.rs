//! Golden data compared with what a network does.

use crate::checkpoint::GoldenData;
use crate::network::Graph;
use crate::torch::Prediction;

/// How far a logit or a mean potential may be, relative to its size where that is above 1.
const TOLERANCE: f64 = 1e-9;

/// The first difference in words, by block; none where golden data come out.
pub(super) fn difference(graph: &Graph, golden: &GoldenData, found: &Prediction) -> Option<String> {
    let sites = found.trace.iter().flat_map(|trace| &trace.sites);
    let mut compared = 0;
    for ((site, golden), found) in graph.sites.iter().zip(&golden.sites).zip(sites) {
        compared += 1;
        let block = graph.blocks.get(site.block.index());
        let block = block.map_or("", |block| block.name.as_str());
        let place = |step: usize| {
            format!(
                "block {block} is the first that differs: at its neurons {}, time step {step}",
                site.name
            )
        };
        let mut spikes = golden.spikes.iter().zip(&found.spikes).enumerate();
        if let Some((step, (golden, found))) = spikes.find(|(_, (golden, found))| golden != found) {
            return Some(format!(
                "{}, there are {found} spikes where the golden data have {golden}",
                place(step)
            ));
        }
        let means = golden.membrane_mean.iter().flatten();
        let mut means = means.zip(&found.membrane_mean).enumerate();
        if let Some((step, (golden, found))) =
            means.find(|(_, (golden, found))| !near(**golden, **found))
        {
            return Some(format!(
                "{}, the mean potential is {found} where the golden data have {golden}",
                place(step)
            ));
        }
    }
    if compared != graph.sites.len() {
        return Some("not every neuron site was seen".to_owned());
    }
    let head = graph
        .blocks
        .last()
        .map_or("head", |block| block.name.as_str());
    let mut logits = golden.logits.iter().zip(&found.logits).enumerate();
    let wrong = logits.find(|(_, (golden, found))| !near(**golden, **found));
    wrong.map(|(i, (golden, found))| {
        let (image, class) = (i / graph.classes.max(1), i % graph.classes.max(1));
        format!(
            "block {head} is the first that differs: the logit of class {class} of golden image {image} is {found} \
             where the golden data have {golden}"
        )
    })
}

/// False for what is no number, too.
fn near(golden: f64, found: f64) -> bool {
    (golden - found).abs() <= TOLERANCE * golden.abs().max(1.0)
}
