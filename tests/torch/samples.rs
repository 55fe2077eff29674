//! Networks of operations and neurons that no family has, against plain loops.

use aq4svit::network::sample;
use aq4svit::quant::Scheme;
use aq4svit::torch::Model;

use super::naive::{Random, agrees, weights};

/// Float and quantized, in f64: logits, every spike, potentials and blocks.
#[test]
fn predict_is_what_a_sampled_graph_says() {
    let usual = (0..60).map(|seed| (seed, sample::graph(seed)));
    let unusual = (0..24).map(|seed| (seed, sample::unusual_graph(seed)));
    for (seed, graph) in usual.chain(unusual) {
        let graph = graph.unwrap();
        let mut random = Random(seed);
        let model = Model {
            weights: weights(&graph, &mut random),
            graph: graph.into(),
            scheme: Scheme::default(),
        };
        for widths in [&[32][..], &[4, 8, 2, 32, 1, 16]] {
            if let Err(error) = agrees(&model, &mut random, 2, widths) {
                panic!("seed {seed}, bits {widths:?}: {error}");
            }
        }
    }
}
