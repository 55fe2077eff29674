//! Networks of operations and neurons that no family has, by every kernel, in every mode.

use super::tests::{run, same_steps};
use super::*;
use crate::quant::fixed::FixedError;
use crate::quant::{Affine, Allocation, BitWidth};
use crate::torch::Model;
use crate::torch::compiled::Compiled;
use crate::torch::testing::sampled;

const SAMPLES: u64 = 24;

fn mixed(model: &Model) -> Allocation {
    let widths = [2, 8, 4, 6, 1].map(|b| BitWidth::new(b).unwrap());
    let layers = model.graph.layers.len();
    Allocation(widths.into_iter().cycle().take(layers).collect())
}

/// Spikes and levels of a run.
fn fired(record: &Record) -> i64 {
    match record {
        Record::Steps(sites) => sites.iter().flatten().map(|s| s.spikes).sum(),
        _ => 0,
    }
}

/// Kernels and plain tensor operations, in f32 and in f64; whole numbers as bytes and as f32.
#[test]
fn samples_are_the_same_in_every_mode() {
    tch::set_num_threads(1);
    for seed in 0..SAMPLES {
        let model = sampled(seed);
        let float = Allocation::uniform(model.graph.layers.len(), BitWidth::FLOAT);
        for allocation in [float, mixed(&model)] {
            let steps = || Record::steps(&model.graph);
            for kind in [Kind::Float, Kind::Double] {
                let compiled = Compiled::new(&model, kind, Device::CPU).unwrap();
                let compiled = compiled.without(true, true);
                let native = compiled.executor(&allocation, &[]).unwrap();
                let plain = compiled.executor(&allocation, &[]).unwrap();
                let plain = plain.with_plain_ops();
                let (a, b) = (run(&native, steps()), run(&plain, steps()));
                assert_eq!(a.1, b.1, "seed {seed}, {kind:?}");
                same_steps(&a.2, &b.2);
                assert!(fired(&a.2) > 0, "seed {seed}");
            }
            let compiled = || Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
            let bytes = compiled();
            let bytes = run(&bytes.executor(&allocation, &[]).unwrap(), steps());
            for other in [
                compiled().without(true, false),
                compiled().with_integer_kernels(false),
                compiled().with_static_stem(false),
            ] {
                let other = run(&other.executor(&allocation, &[]).unwrap(), steps());
                assert_eq!((&bytes.0, &bytes.1), (&other.0, &other.1), "seed {seed}");
                same_steps(&bytes.2, &other.2);
            }
        }
    }
}

/// The same in fixed-point arithmetic, of the networks that have one.
#[test]
fn samples_in_fixed_point_are_the_same_in_every_mode() {
    tch::set_num_threads(1);
    let mut computed = 0;
    for seed in 0..6 * SAMPLES {
        let mut model = sampled(seed);
        model.scheme.affine = Affine::Fixed;
        model.scheme.membrane_bits = Some([8, 12, 16][seed as usize % 3]);
        let allocation = mixed(&model);
        let compiled = |kind| Compiled::new(&model, kind, Device::CPU).unwrap();
        let own = compiled(Kind::Float);
        let executor = match own.executor(&allocation, &[]) {
            Ok(executor) => executor,
            // Constants, and means of windows of different sizes.
            Err(TorchError::Fixed(FixedError::Operation { .. })) => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        computed += 1;
        let expected = run(&executor, Record::steps(&model.graph));
        for (other, modes) in [
            (compiled(Kind::Float).without(true, false), &[false][..]),
            (compiled(Kind::Float).without(true, true), &[false, true]),
            (compiled(Kind::Double), &[false, true]),
        ] {
            for &plain in modes {
                let executor = other.executor(&allocation, &[]).unwrap();
                let executor = match plain {
                    true => executor.with_plain_ops(),
                    false => executor,
                };
                let (logits, blocks, record) = run(&executor, Record::steps(&model.graph));
                assert_eq!(logits, expected.0, "seed {seed}");
                assert!(blocks == expected.1, "seed {seed}");
                same_steps(&record, &expected.2);
            }
        }
    }
    assert!(computed > 8, "only {computed} have integer arithmetic");
}
