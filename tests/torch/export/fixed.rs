//! Integer arithmetic end to end: every family is exported with fixed-point affines and membranes
//! and verified by the independent engine, every accumulator, spike and logit equal.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::damage::Exported;
use super::{FIXTURES, agrees, export};
use crate::common::python;

const EIGHT: [&str; 2] = ["quantizer.affine=fixed", "quantizer.membrane_bits=8"];
const TWELVE: [&str; 2] = ["quantizer.affine=fixed", "quantizer.membrane_bits=12"];
const SIXTEEN: [&str; 2] = ["quantizer.affine=fixed", "quantizer.membrane_bits=16"];

/// The fixtures that have integer arithmetic: factors of heads and products of real numbers do not.
fn in_integers() -> impl Iterator<Item = &'static str> {
    let has_one = |name: &&str| !name.starts_with("spikingresformer");
    FIXTURES.into_iter().filter(has_one)
}

#[test]
fn every_fixture_verifies_bit_for_bit() {
    for (i, name) in in_integers().enumerate() {
        let widths: &[u8] = [&[8][..], &[4], &[1, 3, 6, 2, 8, 5, 7]][i % 3];
        for set in [EIGHT, TWELVE, SIXTEEN] {
            let report = agrees(name, widths, &set);
            assert_eq!(report.from_stored_sums, 0, "{name}");
            for layer in &report.layers {
                assert!(layer.exact, "{name}: {layer:?}");
                assert_eq!(layer.largest_difference, 0.0, "{name}: {layer:?}");
                assert!(layer.peak_bits <= layer.worst_bits, "{name}: {layer:?}");
            }
            assert_eq!(report.logits.largest_difference, 0.0, "{name}");
        }
    }
    agrees(
        "sdt-v2",
        &[4],
        &[&TWELVE[..], &["model.merge_repconv=true"]].concat(),
    );
    agrees("spikformer-dvs", &[8, 16], &TWELVE);
}

/// A third implementation, in numpy, agrees as well.
#[test]
fn numpy_agrees() {
    let packages = match python::packages("python-packages.txt") {
        Ok(packages) => packages,
        Err(why) => return python::not_run("read_fixed_package.py", &why),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/read_fixed_package.py");
    let root = tempfile::tempdir().unwrap();
    let read = |folder: &Path| {
        let mut python = std::process::Command::new("python3");
        python.arg("-B").arg(&script).arg(folder);
        let output = python.env("PYTHONPATH", &packages).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), text + &error)
    };
    for (i, name) in in_integers().enumerate() {
        let folder = root.path().join(name);
        export(
            name,
            &[4, 8, 1, 5],
            &[EIGHT, TWELVE, SIXTEEN][i % 3],
            &folder,
        );
        let (agrees, text) = read(&folder);
        assert!(agrees && text.contains("agree"), "{name}: {text}");
    }
    // It does compare.
    let path = root.path().join("sdt-v1/golden/0.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
    let (agrees, text) = read(&root.path().join("sdt-v1"));
    assert!(!agrees, "{text}");
}

#[test]
fn a_manifest_in_integers_that_lies_is_told_by_field() {
    let exported = Exported::with("spikformer-dvs", &TWELVE);
    exported.tells(vec![
        ("/format", json!(1), "network.affine"),
        ("/format", json!(3), "format"),
        ("/network/affine", json!("f32"), "network.affine"),
        ("/network/membrane_bits", json!(40), "network.membrane_bits"),
        (
            "/operations/0/numbers",
            json!("real"),
            "operations[0].numbers",
        ),
        (
            "/operations/1/numbers",
            json!({"fixed": {"bits": 200, "fraction": 3}}),
            "operations[1].numbers",
        ),
        (
            "/operations/1/numbers",
            json!({"fixed": {"bits": 12, "fraction": -70}}),
            "operations[1].numbers",
        ),
        ("/operations/N/numbers", json!({"integer": 2}), "].numbers"),
        ("/layers/1/guard", json!(null), "layers[1].guard"),
        ("/layers/1/guard", json!(99), "layers[1].guard"),
        ("/layers/1/bits", json!(32), "layers[1]"),
        ("/layers/1/exact", json!(false), "layers[1].exact"),
        ("/layers/1/affine/dtype", json!("F16"), "layers[1].affine"),
        (
            "/layers/0/accumulator/worst/min",
            json!(0),
            "layers[0].accumulator",
        ),
        ("/sites/0/fixed", json!(null), "sites[0].fixed"),
        ("/sites/0/fixed/bits", json!(63), "sites[0].fixed"),
        ("/sites/0/fixed/fraction", json!(2), "sites[0].fixed"),
        ("/sites/0/fixed/leak/shift", json!(64), "sites[0].fixed"),
        ("/sites/0/fixed/leak/shift", json!(2), "sites[0].fixed"),
        ("/sites/0/fixed/leak", json!(null), "sites[0].fixed"),
        ("/sites/0/fixed/threshold", json!(1), "sites[0].fixed"),
        (
            "/sites/0/fixed/input",
            json!({"multiplier": 1, "shift": 90}),
            "sites[0].fixed",
        ),
    ]);
}
