//! One network by every kernel, in every mode: the same numbers.

use super::*;
use crate::network::Architecture;
use crate::quant::fixed::FixedError;
use crate::quant::{Allocation, BitWidth};
use crate::torch::compiled::Compiled;
use crate::torch::record::Activity;
use crate::torch::record::ChannelSums;
use crate::torch::record::spikes::{Packed, Spikes};
use crate::torch::testing::all;
use crate::torch::testing::{Random, model};

/// Logits, block outputs and a record of one run.
pub(super) fn run(
    executor: &Executor<'_>,
    mut record: Record,
) -> (Vec<f64>, Vec<Vec<f64>>, Record) {
    let shape = executor.graph.input;
    let frames = executor.graph.frames().unwrap_or(1);
    let pixels = 2 * frames * shape.channels * shape.height * shape.width;
    let pixels = Random(7).many(pixels, -2.0, 2.0);
    let mut blocks = Vec::new();
    let mut watch = |_, value: &Value| {
        blocks.push(floats(value.tensor())?);
        Ok(())
    };
    let logits = executor.run(&pixels, 2, &mut record, &mut watch).unwrap();
    (logits, blocks, record)
}

/// Bit for bit but for means of real numbers, which are rounded from f64 sums of another order.
#[test]
fn kernels_and_plain_tensor_operations_agree() {
    tch::set_num_threads(1);
    for config in all() {
        let model = model(&config, 1);
        for width in [BitWidth::FLOAT, BitWidth::new(3).unwrap()] {
            let allocation = Allocation::uniform(model.graph.layers.len(), width);
            for kind in [Kind::Float, Kind::Double] {
                let compiled = Compiled::new(&model, kind, Device::CPU).unwrap();
                let compiled = compiled.without(true, true);
                let native = compiled.executor(&allocation, &[]).unwrap();
                let plain = compiled
                    .executor(&allocation, &[])
                    .unwrap()
                    .with_plain_ops();
                let steps = || Record::steps(&model.graph);
                let (logits, blocks, record) = run(&native, steps());
                let (plain_logits, plain_blocks, plain_record) = run(&plain, steps());
                let tolerance = if kind == Kind::Float { 1e-6 } else { 1e-12 };
                for (a, b) in logits.iter().zip(&plain_logits) {
                    assert!((a - b).abs() <= tolerance, "{config:?}: {a} {b}");
                }
                assert_eq!(blocks, plain_blocks);
                let is_silent = |b: &Vec<f64>| b.iter().all(|&x| x == 0.0);
                assert!(!blocks.iter().any(is_silent), "{config:?}");
                same_steps(&record, &plain_record);
                // One of the two images counts.
                let sums = || ChannelSums::new(&model.graph, 1);
                let sums = || Record::Channels(sums().with(Spikes::packed(&model.graph, 1)));
                let (native, plain) = (run(&native, sums()).2, run(&plain, sums()).2);
                same_sums(&native, &plain);
                // Spikes are packed from potentials here and from what was emitted there.
                assert!(packed(native) == packed(plain), "{config:?}");
            }
        }
    }
}

#[test]
fn without_a_static_stem_it_runs_at_every_time_step_and_gives_the_same() {
    tch::set_num_threads(1);
    for config in all() {
        let model = model(&config, 1);
        let graph = &model.graph;
        let allocation = Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
        let compiled = || Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
        let (with, without) = (compiled(), compiled().with_static_stem(false));
        let (fast, slow) = (
            with.executor(&allocation, &[]).unwrap(),
            without.executor(&allocation, &[]).unwrap(),
        );
        let times = |executor: &Executor<'_>| -> Vec<usize> {
            let layers = executor.plan.steps.iter();
            let layers = layers.filter(|s| matches!(s.source, Source::Layer { .. }));
            layers.map(|s| executor.times(s)).collect()
        };
        assert!(times(&fast).iter().all(|&n| n == 1));
        // The first layer reads the image, which is the same at every time step unless it is
        // frames.
        let first = match graph.frames() {
            None => graph.time_steps,
            Some(_) => 1,
        };
        assert_eq!(times(&slow).first(), Some(&first), "{config:?}");
        assert_eq!(times(&slow).last(), Some(&1), "the head runs once");
        let steps = || Record::steps(graph);
        let (a, b) = (run(&fast, steps()), run(&slow, steps()));
        assert_eq!((a.0, a.1), (b.0, b.1), "{config:?}");
        same_steps(&a.2, &b.2);
    }
}

/// Whole numbers as bytes or as f32: not a bit differs, in any record.
#[test]
fn integers_agree_bit_for_bit_as_bytes_as_floats_and_by_libtorch() {
    tch::set_num_threads(1);
    for config in all() {
        let model = model(&config, 4);
        let layers = model.graph.layers.len();
        let widths = [2, 32, 8, 4, 16, 6].map(|b| BitWidth::new(b).unwrap());
        let mixed = widths.into_iter().cycle().take(layers);
        let allocations = [
            Allocation::uniform(layers, BitWidth::FLOAT),
            Allocation::uniform(layers, BitWidth::new(8).unwrap()),
            Allocation(mixed.collect()),
        ];
        let compiled = || Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
        let bytes = compiled();
        let others = [
            compiled().without(true, false),
            compiled().with_integer_kernels(false),
        ];
        let cases = allocations
            .iter()
            .flat_map(|allocation| others.iter().map(move |other| (allocation, other)));
        for (allocation, floats) in cases {
            let bytes = bytes.executor(allocation, &[]).unwrap();
            let floats = floats.executor(allocation, &[]).unwrap();
            let steps = || Record::steps(&model.graph);
            let (a, b) = (run(&bytes, steps()), run(&floats, steps()));
            assert_eq!((&a.0, &a.1), (&b.0, &b.1), "{config:?}");
            let (Record::Steps(a), Record::Steps(b)) = (a.2, b.2) else {
                panic!("not a trace");
            };
            assert_eq!(a, b);
            let sums = || ChannelSums::new(&model.graph, 2);
            let sums = || Record::Channels(sums().with(Spikes::packed(&model.graph, 2)));
            let (a, b) = (run(&bytes, sums()).2, run(&floats, sums()).2);
            let (Record::Channels(a), Record::Channels(b)) = (&a, &b) else {
                panic!("not channel sums");
            };
            assert_eq!(a.sites, b.sites);
            let (Spikes::Packed(a), Spikes::Packed(b)) = (&a.spikes, &b.spikes) else {
                panic!("no spikes");
            };
            assert!(a == b, "{config:?}");
            let activity = || Record::Activity(Activity::new(&model.graph, 1));
            let (a, b) = (run(&bytes, activity()).2, run(&floats, activity()).2);
            assert_eq!(format!("{a:?}"), format!("{b:?}"));
        }
    }
}

fn packed(record: Record) -> Packed {
    match record {
        Record::Channels(ChannelSums {
            spikes: Spikes::Packed(packed),
            ..
        }) => packed,
        _ => panic!("no spikes"),
    }
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{a} {b}");
}

pub(super) fn same_steps(a: &Record, b: &Record) {
    let (Record::Steps(a), Record::Steps(b)) = (a, b) else {
        panic!("not a trace");
    };
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        assert_eq!(a.spikes, b.spikes);
        close(a.sum, b.sum);
        close(a.square, b.square);
    }
}

fn same_sums(a: &Record, b: &Record) {
    let (Record::Channels(a), Record::Channels(b)) = (a, b) else {
        panic!("not channel sums");
    };
    for (a, b) in a.sites.iter().zip(&b.sites) {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).for_each(|(&a, &b)| close(a, b));
    }
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let model = model(&all().remove(0), 2);
    let compiled = Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
    let float = Allocation::uniform(model.graph.layers.len(), BitWidth::FLOAT);
    let executor = compiled.executor(&float, &[]).unwrap();
    for (numbers, images) in [(0, 0), (10, 1), (3 * 16 * 16, 2)] {
        let pixels = vec![0.0; numbers];
        let result = executor.run(&pixels, images, &mut Record::Nothing, &mut |_, _| Ok(()));
        assert!(matches!(result, Err(TorchError::Input(_))));
    }
    let short = Allocation::uniform(3, BitWidth::FLOAT);
    assert!(matches!(
        compiled.executor(&short, &[]),
        Err(TorchError::Layers { got: 3, .. })
    ));
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let mut model = model(&all().remove(0), 3);
    let key = "patch_embed.proj_bn.running_var";
    let state = &mut model.weights;
    let mut tensor = state.get(key).unwrap().clone();
    tensor.shape = vec![1];
    tensor.values = vec![1.0];
    state.insert(key.to_owned(), tensor);
    let float = Allocation::uniform(model.graph.layers.len(), BitWidth::FLOAT);
    let compiled = Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
    let error = compiled.executor(&float, &[]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains(key), "{error}");
}

/// Fixed-point arithmetic: native kernels of every kind, plain tensor operations, and f64 instead
/// of f32, with potentials of 8 to 16 bits: not a bit differs.
#[test]
fn fixed_point_numbers_are_the_same_in_every_mode() {
    tch::set_num_threads(1);
    for (i, config) in all().into_iter().enumerate() {
        let bits = [8, 12, 16][i % 3];
        let mut model = model(&config, 1);
        model.scheme.affine = crate::quant::Affine::Fixed;
        model.scheme.membrane_bits = Some(bits);
        let layers = model.graph.layers.len();
        let widths = [2, 8, 4, 6, 1].map(|b| BitWidth::new(b).unwrap());
        let mixed = widths.into_iter().cycle().take(layers);
        let allocation = Allocation(mixed.collect());
        let compiled = |kind| Compiled::new(&model, kind, Device::CPU).unwrap();
        let own = compiled(Kind::Float);
        let executor = match own.executor(&allocation, &[]) {
            Ok(executor) => executor,
            // Products of real numbers, scaled head by head.
            Err(TorchError::Fixed(FixedError::Operation { .. }))
                if matches!(config.architecture, Architecture::SpikingResformer(_)) =>
            {
                continue;
            }
            Err(error) => panic!("{config:?}: {error}"),
        };
        let expected = run(&executor, Record::steps(&model.graph));
        let is_silent = |b: &Vec<f64>| b.iter().all(|&x| x == 0.0);
        assert!(!expected.1.iter().any(is_silent), "{config:?}");
        // Plain tensor operations know no bytes.
        for (other, modes) in [
            (compiled(Kind::Float).without(true, false), &[false][..]),
            (compiled(Kind::Float).without(true, true), &[false, true]),
            (compiled(Kind::Float).with_integer_kernels(false), &[false]),
            (compiled(Kind::Double), &[false, true]),
            (compiled(Kind::Float).with_static_stem(false), &[false]),
        ] {
            for &plain in modes {
                let executor = other.executor(&allocation, &[]).unwrap();
                let executor = if plain {
                    executor.with_plain_ops()
                } else {
                    executor
                };
                let (logits, blocks, record) = run(&executor, Record::steps(&model.graph));
                assert_eq!(logits, expected.0, "{config:?}, {bits} bits");
                assert!(blocks == expected.1, "{config:?}, {bits} bits");
                same_steps(&record, &expected.2);
            }
        }
    }
}
