//! Workers with the real evaluator.

use std::fs;

use serde_json::Value;

use crate::cluster::field::{Field, finished};

/// A result is evaluated with its quantized layers, wherever they are made: by a worker that has
/// neither weights nor images nor layers.
#[cfg(target_os = "linux")]
#[test]
fn a_result_is_evaluated_elsewhere_as_here() {
    let Some(field) = Field::start() else { return };
    let calibrated = "quantizer.method=\"calibrated\"";
    let search = [
        "search",
        "small.toml",
        "--json",
        "--set",
        calibrated,
        "--set",
        "quantizer.correction=\"sequential\"",
        "--set",
        "constraint.max_evaluations=1",
        "--run-dir",
        "run",
    ];
    finished(field.spawn(&search, ""));
    // Paths that mean other files to another process.
    let best = field.demo.path("run/best.toml");
    let text = fs::read_to_string(&best).unwrap();
    let here = field.demo.path("").display().to_string();
    assert!(
        text.contains("codes = \"best.codes.safetensors\""),
        "{text}"
    );
    let text = text
        .replace("\"best.codes", "\"/proc/self/cwd/run/best.codes")
        .replace("\"../", "\"/proc/self/cwd/")
        .replace(&here, "/proc/self/cwd/");
    fs::write(&best, text).unwrap();
    let evaluate = |more: &[&str]| -> Value {
        let first = ["evaluate", "run/best.toml", "--json", "--no-result-cache"];
        let output = field.spawn(&[&first[..], more].concat(), "").output();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{err}");
        let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
        for key in ["seconds", "images_per_second", "peak_memory_bytes"] {
            told.as_object_mut().unwrap().remove(key);
        }
        told
    };
    let alone = evaluate(&[]);
    let elsewhere = tempfile::tempdir().unwrap();
    let _worker = field.worker_elsewhere(elsewhere.path(), "");
    assert_eq!(evaluate(&["--cluster", "cluster.toml"]), alone);
    // Weights, layers and images.
    assert_eq!(
        fs::read_dir(elsewhere.path().join("files"))
            .unwrap()
            .count(),
        3
    );
}
