//! The calibrated quantizer: layers that another implementation quantized, and a quantizer from
//! outside the crate.

#[path = "../examples/calibrated_golden.rs"]
#[allow(dead_code, reason = "its main")]
mod calibrated_golden;
#[path = "../examples/own_quantizer.rs"]
#[allow(dead_code, reason = "its main")]
mod own_quantizer;

/// Error and affine of every row within the example's bounds (`tests/data/calibrated/README.md`).
#[test]
fn golden_layers_are_matched_or_bettered() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/calibrated");
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "safetensors") {
            let file = path.to_str().unwrap();
            assert!(calibrated_golden::compare(file).unwrap(), "{file}");
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}

#[test]
fn what_is_no_golden_layer_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.safetensors");
    std::fs::write(&file, b"no tensors").unwrap();
    assert!(calibrated_golden::compare(file.to_str().unwrap()).is_err());
}

#[test]
fn a_quantizer_from_outside_stands_between_nearest_and_calibrated() {
    let [nearest, own, calibrated] = own_quantizer::run().unwrap();
    assert!(
        calibrated < own && own < nearest,
        "{nearest} {own} {calibrated}"
    );
}
