//! Random and damaged files never panic, and views are gathered as PyTorch does it.

use std::fs;
use std::path::Path;

use aq4svit::checkpoint;
use proptest::prelude::*;

use super::pickles::{Pickle, View, f32s, legacy, modern, one_tensor};

fn sample(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/pytorch")
            .join(name),
    )
    .unwrap()
}

fn consistent(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(dict) = checkpoint::from_bytes(bytes, "damaged") {
        for (key, tensor) in dict.iter() {
            prop_assert_eq!(
                tensor.shape.iter().product::<usize>(),
                tensor.values.len(),
                "{}",
                key
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn random_operations_never_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let pickle = Pickle::new().raw(&body).stop();
        consistent(&modern(&pickle, &[("0", &[0; 16])]))?;
        consistent(&legacy(&pickle, &[("0", &[0; 16])]))?;
        consistent(&[b"PK\x03\x04", body.as_slice()].concat())?;
    }

    /// Operations that exist, in any order.
    #[test]
    fn known_operations_never_panic(body in prop::collection::vec(
        prop::sample::select(&b"(.012N\x88\x89K\x01M\x02\x00)t\x85\x86\x87]le}dasuqqhh\x94\x93R\x81\x92bQ\x8f\x90\x91"[..]),
        0..200,
    ), texts in prop::collection::vec(prop::sample::select(vec!["storage", "0", "model", "w"]), 0..4)) {
        let start = texts.iter().fold(Pickle::new().raw(b"("), |p, t| p.text(t));
        let start = start.global("torch", "FloatStorage").global("torch._utils", "_rebuild_tensor_v2");
        let pickle = start.global("collections", "OrderedDict").raw(&body).stop();
        consistent(&modern(&pickle, &[("0", &[0; 16])]))?;
    }

    #[test]
    fn damaged_files_never_panic(
        name in prop::sample::select(vec![
            "training.pth", "training-legacy.pth", "views.pth", "views-legacy.pth", "unknown.pth", "types-legacy.pth",
            "protocol-4.pth", "timm.pth.tar", "no-checksums.pth",
        ]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.2),
    ) {
        let mut bytes = sample(name);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        consistent(&bytes)?;
    }

    /// Any view of a storage gives the numbers that its strides say, or is refused.
    #[test]
    fn views_are_gathered(
        shape in prop::collection::vec(0u64..5, 0..4),
        strides in prop::collection::vec(0u64..9, 4),
        start in 0u64..9,
        old: bool,
    ) {
        let values: Vec<f32> = (0..40).map(|v| v as f32).collect();
        let numbers = f32s(&values);
        let strides = &strides[..shape.len()];
        let pickle = one_tensor("FloatStorage", "0", 40, View { start, shape: &shape, strides });
        let bytes = if old { legacy(&pickle, &[("0", &numbers)]) } else { modern(&pickle, &[("0", &numbers)]) };
        let count: u64 = shape.iter().product();
        let last = start + shape.iter().zip(strides).map(|(n, s)| n.saturating_sub(1) * s).sum::<u64>();
        match checkpoint::from_bytes(&bytes, "views") {
            Ok(dict) => {
                let expected: Vec<f32> = (0..count).map(|mut i| {
                    let mut at = start;
                    for (n, s) in shape.iter().zip(strides).rev() {
                        at += i % n * s;
                        i /= n;
                    }
                    at as f32
                }).collect();
                prop_assert_eq!(&dict.get("w").unwrap().values, &expected);
            }
            Err(error) => prop_assert!(count > 0 && last >= 40, "{}", error),
        }
    }
}
