//! With and without what is kept: not a bit differs.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tch::Kind;

use super::*;
use crate::evaluate::Split;
use crate::network::{Graph, ModelConfig};
use crate::quant::{Allocation, BitWidth};
use crate::torch::compiled::Compiled;
use crate::torch::executor::Executor;
use crate::torch::plan::Source;
use crate::torch::record::spikes::{Packed, Spikes};
use crate::torch::record::{ChannelSums, Record};
use crate::torch::testing::{Random, all, model};
use crate::torch::{Device, Model};

const IMAGES: usize = 2;
/// The images whose spikes are compared.
const PROXIES: usize = 1;

/// A run's logits, sums of potentials and spike flips (where they are recorded) and how many layers
/// ran.
fn run(
    executor: &Executor<'_>,
    (values, contents): (&Values, &[ContentHash]),
    compiled: &Compiled<&Model>,
    batch: usize,
    sums: Option<&Arc<Packed>>,
) -> (Vec<f64>, Vec<Vec<f64>>, u64) {
    let (graph, plan) = (compiled.graph(), compiled.plan());
    let mut record = record(graph, sums);
    let place = Place {
        split: Split::Search,
        batch,
        images: IMAGES,
    };
    let recall = values.recall(plan, contents, place, &mut record);
    let pixels = match recall.reads_image(plan) {
        true => pixels(graph, batch),
        false => Vec::new(),
    };
    let watch = &mut |_, _: &_| Ok(());
    let logits = executor.run_with(Some(&recall), &pixels, IMAGES, &mut record, watch);
    (logits.unwrap(), sites(record), recall.layers(plan))
}

fn record(graph: &Graph, sums: Option<&Arc<Packed>>) -> Record {
    match sums {
        Some(with) => {
            let spikes = Spikes::compared(Arc::clone(with));
            Record::Channels(ChannelSums::new(graph, IMAGES).with(spikes))
        }
        None => Record::Nothing,
    }
}

/// Sums of every site, and at their end the flips.
fn sites(record: Record) -> Vec<Vec<f64>> {
    let Record::Channels(mut sums) = record else {
        return Vec::new();
    };
    for (site, numbers) in sums.sites.iter_mut().enumerate() {
        numbers.push(sums.spikes.flips(site) as f64);
    }
    sums.sites
}

/// The float network's spikes.
fn float_spikes(compiled: &Compiled<&Model>, batch: usize) -> Arc<Packed> {
    let graph = compiled.graph();
    let float = Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
    let executor = compiled.executor(&float, &[]).unwrap();
    let sums = ChannelSums::new(graph, IMAGES).with(Spikes::packed(graph, PROXIES));
    let mut record = Record::Channels(sums);
    let pixels = pixels(graph, batch);
    executor
        .run(&pixels, IMAGES, &mut record, &mut |_, _| Ok(()))
        .unwrap();
    match record {
        Record::Channels(ChannelSums {
            spikes: Spikes::Packed(packed),
            ..
        }) => Arc::new(packed),
        _ => panic!("nothing was packed"),
    }
}

fn pixels(graph: &Graph, batch: usize) -> Vec<f32> {
    let shape = graph.input;
    let numbers = shape.channels * shape.height * shape.width * graph.frames().unwrap_or(1);
    Random(90 + batch as u64).many(IMAGES * numbers, -2.0, 2.0)
}

/// The same without anything kept.
fn fresh(
    executor: &Executor<'_>,
    graph: &Graph,
    batch: usize,
    sums: Option<&Arc<Packed>>,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut record = record(graph, sums);
    let pixels = pixels(graph, batch);
    let logits = executor.run(&pixels, IMAGES, &mut record, &mut |_, _| Ok(()));
    (logits.unwrap(), sites(record))
}

#[test]
fn any_order_of_questions_under_any_budget_gives_the_same_bits() {
    tch::set_num_threads(1);
    for (i, config) in all().into_iter().enumerate() {
        // In fixed point a value behind float layers is another one in the float network.
        let in_fixed_point = in_fixed_point(&config).filter(|_| i % 3 == 1);
        let fixed = in_fixed_point.is_some();
        let model = in_fixed_point.unwrap_or_else(|| model(&config, 5));
        let compiled = Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
        let layers = model.graph.layers.len();
        let budgets = [0u64, 3_000, 60_000, 400_000, 1 << 30];
        // A walk of few changes, as a search does it: layer, width, batch, with sums or without.
        let step = (0..layers, 0usize..3, 0usize..2, any::<bool>());
        let walk = (
            prop::sample::select(budgets.to_vec()),
            prop::collection::vec(step, 1..12),
        );
        let float = [0, 1].map(|batch| float_spikes(&compiled, batch));
        let mut runner = TestRunner::new(Config {
            cases: 3,
            rng_seed: proptest::test_runner::RngSeed::Fixed(i as u64),
            ..Config::default()
        });
        let check = |(budget, walk): (u64, Vec<(usize, usize, usize, bool)>)| {
            let values = Values::new(&model.graph, compiled.plan(), budget).under(&model.scheme);
            let from = if fixed { 32 } else { 4 };
            let mut allocation = Allocation::uniform(layers, BitWidth::new(from).unwrap());
            for (layer, width, batch, sums) in walk {
                let sums = sums.then_some(&float[batch]);
                allocation.0[layer] = BitWidth::new([2, 4, 32][width]).unwrap();
                let executor = compiled.executor(&allocation, &[]).unwrap();
                let contents = values.contents(&allocation);
                let (logits, recorded, ran) =
                    run(&executor, (&values, &contents), &compiled, batch, sums);
                let expected = fresh(&executor, &model.graph, batch, sums);
                // A difference is far too long to print.
                prop_assert!(logits == expected.0, "the logits differ");
                let differs = recorded.iter().zip(&expected.1).position(|(a, b)| a != b);
                prop_assert_eq!(differs, None, "the sums of a site differ");
                prop_assert!(ran <= layers as u64);
            }
            Ok(())
        };
        if let Err(error) = runner.run(&walk, check) {
            panic!("{config:?}: {error}");
        }
    }
}

/// A network in fixed-point arithmetic, where it has one.
fn in_fixed_point(config: &ModelConfig) -> Option<Model> {
    let mut model = model(config, 5);
    model.scheme.affine = crate::quant::Affine::Fixed;
    model.scheme.membrane_bits = Some(12);
    let four = Allocation::uniform(model.graph.layers.len(), BitWidth::new(4).unwrap());
    let compiled = Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
    let has_one = compiled.fixed_network(&four).is_ok();
    drop(compiled);
    has_one.then_some(model)
}

/// What did not change is not run: nothing for the same question, and for a changed layer only what
/// it leads to.
#[test]
fn only_what_a_change_leads_to_is_run() {
    tch::set_num_threads(1);
    let mut any = false;
    for config in all() {
        let model = model(&config, 6);
        let graph = &model.graph;
        let compiled = Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
        let values = Values::new(graph, compiled.plan(), 1 << 30);
        let four = Allocation::uniform(graph.layers.len(), BitWidth::new(4).unwrap());
        let float = float_spikes(&compiled, 0);
        let layers = |allocation: &Allocation, sums: bool| {
            let sums = sums.then_some(&float);
            let executor = compiled.executor(allocation, &[]).unwrap();
            let contents = values.contents(allocation);
            run(&executor, (&values, &contents), &compiled, 0, sums).2
        };
        assert_eq!(layers(&four, false), graph.layers.len() as u64);
        assert_eq!(layers(&four, false), 0);
        // The potentials were not recorded: every layer that is computed together with neurons runs
        // once more, but no other.
        let again = layers(&four, true);
        assert!(again <= graph.layers.len() as u64);
        any |= again > 0;
        assert_eq!(layers(&four, true), 0);
        for changed in 0..graph.layers.len() {
            let mut other = four.clone();
            other.0[changed] = BitWidth::new(3).unwrap();
            // A step whose residual changes runs its own layer again, too.
            let mut reached = vec![false; graph.nodes.len()];
            let mut led_to = 0;
            for step in &compiled.plan().steps {
                let layer = match step.source {
                    Source::Layer { layer, .. } => Some(layer.index()),
                    _ => None,
                };
                let mut reads = step.inputs.iter().chain(&step.residual);
                let changes = reads.any(|i| reached[i.index()]) || layer == Some(changed);
                reached[step.node.index()] = changes;
                led_to += u64::from(layer.is_some() && changes);
            }
            assert_eq!(
                layers(&other, true),
                led_to,
                "{}",
                graph.layers[changed].name
            );
        }
    }
    assert!(any);
}
