//! From a search to a package that verifies and evaluates.

use std::fs;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::Value;

use crate::common::demo::Demo;

fn last(out: &str) -> Value {
    serde_json::from_str(out.lines().last().expect("lines")).expect("JSON")
}

fn manifest(demo: &Demo, folder: &str) -> Value {
    let text = fs::read_to_string(demo.path(folder).join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("JSON")
}

/// Verifies a package; the report.
fn verified(demo: &Demo, folder: &str) -> Value {
    let report = last(
        &demo
            .expect(0, &["verify", folder, "--accumulator", "16", "--json"])
            .0,
    );
    assert_eq!(
        (&report["type"], &report["agrees"]),
        (&"verification".into(), &true.into())
    );
    assert_eq!(report["accumulator_bits"], 16);
    report
}

#[test]
fn a_result_becomes_a_package_that_verifies_and_evaluates_to_the_same() {
    let demo = Demo::calibrated();
    let levels = "search.levels=[\"network\"]";
    let search = [
        "search",
        "small.toml",
        "--json",
        "--run-dir",
        "run",
        "--set",
        levels,
    ];
    let finished = last(&demo.expect(0, &search).0);
    let export = ["export", "run", "--out", "package"];
    let (out, _) = demo.expect(0, &export);
    assert!(out.contains(&finished["memory_bytes"].to_string()), "{out}");
    let manifest = manifest(&demo, "package");
    assert_eq!(
        manifest["payload"]["memory_bytes"],
        finished["memory_bytes"]
    );
    assert_eq!(
        manifest["golden"]["images"]
            .as_array()
            .expect("images")
            .len(),
        4
    );
    assert_eq!(manifest["golden"]["source"]["split"], "search");
    for (i, (split, float, accuracy)) in [
        ("search", "accuracy_float", "accuracy"),
        ("test", "accuracy_test_float", "accuracy_test"),
    ]
    .into_iter()
    .enumerate()
    {
        let known = &manifest["accuracy"][i];
        assert_eq!(known["split"], split);
        assert_eq!(known["float"]["percent"], finished[float]);
        assert_eq!(known["quantized"]["percent"], finished[accuracy]);
    }
    assert_eq!(manifest["provenance"]["run"], "run");
    let report = verified(&demo, "package");
    assert_eq!(report["images"], 4);
    evidence_goes_along(&demo, &manifest["accuracy"]);

    // To the last image, without the calibration images and without the checkpoint's folder.
    let evaluate = |name: &str, split: &str| {
        last(
            &demo
                .expect(0, &["evaluate", name, "--json", "--split", split])
                .0,
        )
    };
    let expected = evaluate("run/best.toml", "test");
    let found = evaluate("package", "test");
    for key in [
        "correct",
        "images",
        "accuracy",
        "accuracy_float",
        "memory_bytes",
        "top5_correct",
    ] {
        assert_eq!(found[key], expected[key], "{key}");
    }
    for file in ["train-last5000-images.idx", "train-last5000-labels.idx"] {
        fs::remove_file(demo.path(file)).expect("a file");
    }
    assert_eq!(evaluate("package", "test")["correct"], expected["correct"]);
    let (_, err) = demo.expect(1, &["evaluate", "package", "--bits", "all=4"]);
    assert!(err.contains("--bits"), "{err}");

    // Nothing is written over, unless it is a package and that is wanted.
    let (_, err) = demo.expect(1, &export);
    assert!(err.contains("exists already"), "{err}");
    let (_, err) = demo.expect(1, &["export", "run", "--out", "run", "--force"]);
    assert!(err.contains("is no package"), "{err}");
    fs::write(demo.path("package/notes.txt"), "mine").expect("space");
    let again = ["export", "run", "--out", "package", "--force"];
    let (_, err) = demo.expect(1, &again);
    assert!(err.contains("is no package"), "{err}");
    fs::remove_file(demo.path("package/notes.txt")).expect("a file");
    let first = fs::read(demo.path("package/SHA256SUMS")).expect("a list");
    // Its own calibrated layers lie beside the run's result.
    let numbers: Vec<u8> = (0..2 * 28 * 28)
        .flat_map(|i| (((i * 37) % 101) as f32 / 50.0 - 1.0).to_le_bytes())
        .collect();
    let input = TensorView::new(Dtype::F32, vec![2, 1, 28, 28], &numbers).expect("a tensor");
    let input = safetensors::serialize([("input", input)], None).expect("a file");
    demo.write("inputs.safetensors", &input);
    let given = ["--golden", "inputs.safetensors"];
    demo.expect(0, &[&again[..], &given[..]].concat());
    let text = fs::read_to_string(demo.path("package/manifest.json")).expect("a manifest");
    assert!(text.contains("\"source\": \"file\""), "{text}");
    verified(&demo, "package");
    assert!(fs::read(demo.path("package/SHA256SUMS")).expect("a list") != first);
    let left = fs::read_dir(demo.folder.path()).expect("a folder");
    let left = left.map(|e| {
        e.expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    assert!(left.into_iter().all(|name| !name.contains("package-")));
}

/// What a run measured is in the packages of its saved result as well, and in none of another
/// allocation's.
fn evidence_goes_along(demo: &Demo, measured: &Value) {
    assert_eq!(measured.as_array().map(Vec::len), Some(2));
    for accuracy in ["float", "quantized"].map(|of| &measured[0][of]) {
        let [low, high] = [0, 1].map(|i| accuracy["interval"][i].as_f64().expect("a bound"));
        let percent = accuracy["percent"].as_f64().expect("a number");
        assert!(low < percent && percent < high, "{accuracy}");
    }
    let export = |name: &str, more: &[&str]| {
        let command = ["export", name, "--golden-images", "1", "--force", "--out"];
        demo.expect(0, &[&command[..], &["saved"], more].concat());
        manifest(demo, "saved")
    };
    let saved = export("run/best.toml", &[]);
    assert_eq!(&saved["accuracy"], measured);
    assert_eq!(saved["provenance"]["run"], "run");
    // It is not of what the search did, so that other settings of it change nothing.
    let saved = export("run", &["--set", "search.seed=5"]);
    assert_eq!(&saved["accuracy"], measured);
    let readme = fs::read_to_string(demo.path("saved/README.md")).expect("a page");
    assert!(readme.contains("## Accuracy"), "{readme}");
    for more in [["--bits", "head=float"], ["--set", "quantizer.affine=f32"]] {
        let other = export("run/best.toml", &more);
        assert_eq!(other["accuracy"], Value::Array(Vec::new()), "{more:?}");
        assert_eq!(other["provenance"]["run"], Value::Null);
    }
    fs::remove_dir_all(demo.path("saved")).expect("a folder");
}

#[test]
fn profiles_are_exported_with_what_is_not_integer_said() {
    let demo = Demo::new();
    let bits = [
        "export",
        "small.toml",
        "--bits",
        "all=4,head=float",
        "--out",
    ];
    let (_, err) = demo.expect(0, &[&bits[..], &["a", "--golden-images", "2"]].concat());
    assert!(
        err.contains("1 layer(s) are not quantized") && err.contains("head"),
        "{err}"
    );
    verified(&demo, "a");
    let evaluate = |arguments: &[&str]| {
        let more = ["--json", "--split", "test"];
        last(
            &demo
                .expect(0, &[&["evaluate"][..], arguments, &more[..]].concat())
                .0,
        )
    };
    let expected = evaluate(&["small.toml", "--bits", "all=4,head=float"]);
    let found = evaluate(&["a"]);
    assert_eq!(found["correct"], expected["correct"]);
    assert_eq!(found["accuracy_float"], Value::Null);
    let (_, err) = demo.expect(1, &[&bits[..], &["b", "--integer-only"]].concat());
    assert!(err.contains("head: its weights are float"), "{err}");
    assert!(
        err.contains("patch_embed1.proj_conv: it reads real numbers"),
        "{err}"
    );
    let leak = ["b", "--set", "model.batch_leak=true"];
    let (_, err) = demo.expect(1, &[&bits[..], &leak[..]].concat());
    assert!(err.contains("model.batch_leak = false"), "{err}");
    assert!(!demo.path("b").exists());
    // Golden inputs of another network, and none at all.
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/sdt-v1/reference.safetensors"
    );
    let (_, err) = demo.expect(1, &[&bits[..], &["b", "--golden", fixture]].concat());
    assert!(err.contains("--golden") && err.contains("shape"), "{err}");
    let profile = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/sdt-v1/profile.toml"
    );
    demo.expect(0, &["export", profile, "--bits", "all=4", "--out", "c"]);
    assert_eq!(manifest(&demo, "c")["golden"]["source"]["seed"], 0);
    verified(&demo, "c");
    let (_, err) = demo.expect(1, &["verify", "nowhere"]);
    assert!(err.contains("SHA256SUMS"), "{err}");
}

/// With fixed-point affines and membranes a search, its caches, its package and the package's
/// accuracy are those of integers.
#[test]
fn a_search_in_integer_arithmetic_becomes_a_package_of_integers() {
    let demo = Demo::calibrated();
    let set = [
        "--set",
        "search.levels=[\"network\"]",
        "--set",
        "quantizer.affine=fixed",
        "--set",
        "quantizer.membrane_bits=10",
    ];
    let search = |folder: &str, more: &[&str]| {
        let command = ["search", "small.toml", "--json", "--run-dir", folder];
        last(&demo.expect(0, &[&command[..], &set, more].concat()).0)
    };
    let finished = search("run", &[]);
    let plain = search("plain", &["--plain", "--no-result-cache"]);
    for key in ["accuracy", "accuracy_test", "memory_bytes", "evaluations"] {
        assert_eq!(finished[key], plain[key], "{key}");
    }
    let resumed = last(&demo.expect(0, &["resume", "run", "--headless", "--json"]).0);
    assert_eq!(resumed["accuracy"], finished["accuracy"]);
    demo.expect(0, &["export", "run", "--out", "package", "--integer-only"]);
    let manifest = manifest(&demo, "package");
    assert_eq!(manifest["format"], 2);
    assert_eq!(manifest["network"]["membrane_bits"], 10);
    assert_eq!(
        manifest["payload"]["memory_bytes"],
        finished["memory_bytes"]
    );
    let report = verified(&demo, "package");
    let layers = report["layers"].as_array().expect("layers");
    assert!(
        layers
            .iter()
            .all(|l| l["exact"] == true && l["differ"] == 0)
    );
    let correct = |name: &str| {
        let evaluate = ["evaluate", name, "--json", "--split", "test"];
        last(&demo.expect(0, &evaluate).0)["correct"].clone()
    };
    assert_eq!(correct("package"), correct("run/best.toml"));
    let onnx = ["export", "run", "--out", "other", "--format", "qonnx"];
    let (_, err) = demo.expect(1, &onnx);
    assert!(
        err.contains("--format qonnx") && err.contains("quantizer.affine"),
        "{err}"
    );
    assert!(!demo.path("other").exists());
    let float = ["--bits", "all=4,head=float"];
    let mixed = ["export", "run", "--out", "other"];
    let (_, err) = demo.expect(1, &[&mixed[..], &float].concat());
    assert!(err.contains("not quantized: head"), "{err}");
    let wide = [
        "evaluate",
        "small.toml",
        "--set",
        "quantizer.membrane_bits=10",
    ];
    let (_, err) = demo.expect(1, &wide);
    assert!(err.contains("quantizer.affine = \"fixed\""), "{err}");
}
