//! The trained networks of the tests.

use std::path::Path;
use std::sync::Arc;

use aq4svit::data;
use aq4svit::evaluate::{Cancel, Evaluator, Job, Outcome, Question, Split};
use aq4svit::profile::Profile;
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::torch::{Model, TorchEvaluator, TorchOptions};

/// Each network with how many of the first 500 test images it classifies correctly
/// (`tests/data/networks/README.md`).
const NETWORKS: [(&str, usize); 2] = [
    ("sdt-v1-fashion-mnist", 432),
    ("spikformer-fashion-mnist", 436),
];

#[test]
fn they_are_as_accurate_as_their_provenance_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/networks");
    for (name, expected) in NETWORKS {
        let profile = Profile::load(&folder.join(format!("{name}.toml"))).unwrap();
        let graph = profile.graph();
        let checkpoint = profile.need_checkpoint().unwrap();
        let checkpoint = checkpoint.open(profile.weights).unwrap();
        let model = Model {
            weights: checkpoint.read_for(&graph).unwrap(),
            graph: graph.clone(),
            scheme: profile.scheme,
        };
        let splits = data::load(profile.need_data().unwrap(), &folder, &profile.model).unwrap();
        let options = TorchOptions {
            threads: Some(2),
            ..TorchOptions::default()
        };
        let mut evaluator = TorchEvaluator::new(model, Arc::new(splits), options).unwrap();
        let job = Job {
            allocation: Allocation::uniform(graph.layers.len(), BitWidth::FLOAT),
            question: Question::Accuracy {
                split: Split::Test,
                from: 0,
                to: 500,
                stop: None,
            },
        };
        let answer = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
        let Outcome::Accuracy { correct } = answer.unwrap().0 else {
            panic!("not an accuracy");
        };
        // Another order of sums may change an image or two.
        let found = correct.correct();
        assert!(found.abs_diff(expected) <= 2, "{name}: {found} of 500");
    }
}
