//! The file of quantized layers beside a saved profile: the same accuracy later, elsewhere and
//! without calibration images.

use std::fs;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::Value;

use crate::common::demo::Demo;

const TRAINING: [&str; 2] = ["train-last5000-images.idx", "train-last5000-labels.idx"];

fn last(out: &str) -> Value {
    serde_json::from_str(out.lines().last().expect("lines")).expect("JSON")
}

/// A search over whole networks' widths; its result.
fn search(demo: &Demo, run: &str, more: &[&str]) -> Value {
    let arguments = [
        "search",
        "small.toml",
        "--json",
        "--set",
        "search.levels=[\"network\"]",
        "--set",
        "quantizer.bits=[3, 8]",
        "--run-dir",
        run,
    ];
    last(&demo.expect(0, &[&arguments[..], more].concat()).0)
}

/// What `evaluate` prints of a profile on a split, and what it says on standard error.
fn evaluate(demo: &Demo, profile: &str, split: &str, more: &[&str]) -> (Value, String) {
    let arguments = ["evaluate", profile, "--json", "--split", split];
    let (out, err) = demo.expect(0, &[&arguments[..], more].concat());
    (last(&out), err)
}

fn refused(demo: &Demo, arguments: &[&str], words: &[&str]) {
    let (_, err) = demo.expect(1, arguments);
    for word in words {
        assert!(err.contains(word), "{word}: {err}");
    }
}

fn remove_training_images(demo: &Demo) {
    for file in TRAINING {
        fs::remove_file(demo.path(file)).expect("a file");
    }
}

/// Moves a run's result into another folder, under its name.
fn move_to(demo: &Demo, run: &str, folder: &str) {
    fs::create_dir(demo.path(folder)).expect("a folder");
    for file in ["best.toml", "best.codes.safetensors"] {
        let from = demo.path(run).join(file);
        fs::rename(from, demo.path(folder).join(file)).expect("a file of the result");
    }
}

#[test]
fn a_result_evaluates_to_the_same_accuracy_elsewhere_and_without_calibration_images() {
    let demo = Demo::calibrated();
    for (run, set) in [
        ("local", "quantizer.correction=local"),
        ("sequential", "quantizer.correction=sequential"),
        ("corrected", "quantizer.method=nearest"),
    ] {
        let correction = "quantizer.correction=local";
        let more: &[&str] = match run {
            "corrected" => &["--set", set, "--set", correction],
            _ => &["--set", set],
        };
        let finished = search(&demo, run, more);
        let text = fs::read_to_string(demo.path(run).join("best.toml")).expect("a result");
        assert!(
            text.contains("codes = \"best.codes.safetensors\""),
            "{text}"
        );
        assert!(text.contains("calibration_hash = \""), "{text}");
        move_to(&demo, run, &format!("{run}-moved"));
        let profile = format!("{run}-moved/best.toml");
        for (split, field) in [("search", "accuracy"), ("test", "accuracy_test")] {
            let (told, err) = evaluate(&demo, &profile, split, &[]);
            assert_eq!(told["accuracy"], finished[field], "{run} {split}");
            assert!(!err.contains("note"), "{err}");
        }
    }
    remove_training_images(&demo);
    for run in ["local", "sequential", "corrected"] {
        let (finished, _) = demo.expect(0, &["resume", run, "--json"]);
        let (told, _) = evaluate(&demo, &format!("{run}-moved/best.toml"), "test", &[]);
        assert_eq!(told["accuracy"], last(&finished)["accuracy_test"], "{run}");
    }
}

#[test]
fn without_the_file_the_images_must_be_those_that_the_profile_names() {
    let demo = Demo::calibrated();
    let finished = search(&demo, "run", &[]);
    let best = "run/best.toml";
    let codes = demo.path("run/best.codes.safetensors");
    let whole = fs::read(&codes).expect("a file of the result");

    // Other images: what the file holds it answers, what must be calibrated is refused by name.
    let others = ["--set", "data.calibration=30"];
    let (told, _) = evaluate(&demo, best, "test", &others);
    assert_eq!(told["accuracy"], finished["accuracy_test"]);
    let words = ["quantizer.calibration_hash", "data.calibration"];
    let other_bits = [&["evaluate", best, "--bits", "all=8"], &others[..]].concat();
    refused(&demo, &other_bits, &words);
    let again = [&["search", best, "--headless"], &others[..]].concat();
    refused(&demo, &again, &words);
    let anyway = ["--set", "quantizer.calibration_hash=\"\""];
    evaluate(
        &demo,
        best,
        "test",
        &[&["--bits", "all=8"], &others[..], &anyway].concat(),
    );
    // The same images: other widths are calibrated, and a search starts from the profile's.
    evaluate(&demo, best, "test", &["--bits", "all=8"]);
    let stopped = [
        "--set",
        "constraint.max_evaluations=1",
        "--run-dir",
        "again",
    ];
    demo.run(&[&["search", best, "--headless"], &stopped[..]].concat());
    let text = fs::read_to_string(demo.path("again/profile.toml")).expect("a run");
    assert!(
        text.contains("calibration_hash") && !text.contains("codes ="),
        "{text}"
    );

    // A damaged or missing file is told of, and its layers are made again.
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 16;
    fs::write(&codes, &damaged).expect("space");
    let (told, err) = evaluate(&demo, best, "test", &[]);
    assert_eq!(told["accuracy"], finished["accuracy_test"]);
    assert!(err.contains("best.codes.safetensors is damaged"), "{err}");
    fs::remove_file(&codes).expect("a file");
    let (told, err) = evaluate(&demo, best, "test", &[]);
    assert_eq!(told["accuracy"], finished["accuracy_test"]);
    assert!(
        err.contains("cannot read") && err.contains("best.codes.safetensors"),
        "{err}"
    );
    let missing = [&["evaluate", best, "--split", "test"], &others[..]].concat();
    refused(&demo, &missing, &["best.codes.safetensors", words[0]]);

    // Without images every change of a byte is an error, or changes nothing.
    remove_training_images(&demo);
    refused(
        &demo,
        &["evaluate", best],
        &["best.codes.safetensors", TRAINING[0]],
    );
    let length = whole.len();
    for at in [0, 9, 100, length / 9, length / 3, length - 700, length - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&codes, &damaged).expect("space");
        refused(&demo, &["evaluate", best], &["best.codes.safetensors"]);
    }
    check_whole(&demo, &codes, &whole, best, &finished);
}

fn check_whole(demo: &Demo, codes: &Path, whole: &[u8], best: &str, finished: &Value) {
    fs::write(codes, whole).expect("space");
    let (told, _) = evaluate(demo, best, "test", &[]);
    assert_eq!(told["accuracy"], finished["accuracy_test"]);
    refused(
        demo,
        &["evaluate", best, "--split", "search"],
        &[TRAINING[0]],
    );
}

/// `predict` takes the layers of the profile's file, else those that the calibration images give;
/// it never rounds to the nearest instead.
#[test]
fn predictions_are_of_calibrated_layers_at_any_bit_width() {
    let demo = Demo::calibrated();
    search(&demo, "run", &[]);
    let pixels: Vec<u8> = (0..784u32)
        .flat_map(|i| (i as f32 / 784.0).to_le_bytes())
        .collect();
    let view = TensorView::new(Dtype::F32, vec![1, 1, 28, 28], &pixels).expect("its size");
    let input = safetensors::serialize([("input", view)], None).expect("small");
    demo.write("input.safetensors", &input);
    let predict = |more: &[&str]| -> (i32, Vec<u8>, String) {
        let arguments = ["predict", "run/best.toml", "--input", "input.safetensors"];
        let output = demo.run(&[&arguments[..], &["--output", "out"], more].concat());
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let logits = fs::read(demo.path("out")).unwrap_or_default();
        let _ = fs::remove_file(demo.path("out"));
        (output.status.code().unwrap_or(-1), logits, err)
    };
    let (code, of_file, err) = predict(&[]);
    assert!(code == 0 && err.is_empty(), "{err}");
    let (_, nearest, _) = predict(&[
        "--set",
        "quantizer.method=nearest",
        "--set",
        "quantizer.correction=none",
    ]);
    assert_ne!(nearest, of_file);
    let (code, others, err) = predict(&["--bits", "all=4"]);
    assert!(code == 0 && !others.is_empty(), "{err}");
    // The same layers, made from the images.
    let codes = demo.path("run/best.codes.safetensors");
    fs::rename(&codes, demo.path("codes")).expect("a file of the result");
    let (code, made_again, err) = predict(&[]);
    assert!(code == 0 && err.contains("best.codes.safetensors"), "{err}");
    assert_eq!(made_again, of_file);
    fs::rename(demo.path("codes"), &codes).expect("a file");

    remove_training_images(&demo);
    assert_eq!(predict(&[]).1, of_file);
    let (code, logits, err) = predict(&["--bits", "all=4"]);
    assert!(code == 1 && logits.is_empty(), "nothing is rounded instead");
    assert!(
        err.contains(TRAINING[0]) && err.contains("calibration images"),
        "{err}"
    );
    let float = predict(&["--bits", "all=float"]);
    assert!(float.0 == 0 && !float.1.is_empty(), "{}", float.2);
}

/// `solve` confirms on a run with a test split, and saves its quantized layers with the profile.
#[test]
fn a_solution_is_confirmed_and_saved_with_its_layers() {
    let demo = Demo::calibrated();
    search(&demo, "run", &[]);
    let solve = ["solve", "run", "--max-drop", "any", "--json"];
    let more = ["--pin", "head=8", "--save", "solved", "--confirm"];
    let output = demo.run(&[&solve[..], &more].concat());
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !err.contains("note"), "{err}");
    let confirmed = last(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(confirmed["type"], "confirmed");
    let codes = demo.path("config/profiles/solved.codes.safetensors");
    assert!(codes.exists(), "{err}");
    let (told, err) = evaluate(&demo, "solved", "search", &[]);
    assert_eq!(told["accuracy"], confirmed["accuracy"]);
    assert!(!err.contains("note"), "{err}");

    // Without the images it is saved all the same, and what is missing is said.
    remove_training_images(&demo);
    let output = demo.run(&[&solve[..], &["--pin", "head=8", "--save", "bare"]].concat());
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && err.contains(TRAINING[0]),
        "{err}"
    );
    assert!(demo.path("config/profiles/bare.toml").exists());
    assert!(!demo.path("config/profiles/bare.codes.safetensors").exists());
}

/// A report says how the result was quantized and what rounding to the nearest would have cost.
#[test]
fn a_report_compares_the_result_with_rounding_to_the_nearest() {
    let demo = Demo::calibrated();
    search(&demo, "run", &[]);
    let report = |more: &[&str]| {
        last(
            &demo
                .expect(0, &[&["report", "run", "--json"], more].concat())
                .0,
        )
    };
    let set = [
        "--set",
        "quantizer.method=nearest",
        "--set",
        "quantizer.correction=none",
        "--set",
        "quantizer.affine=f16",
    ];
    let (nearest, _) = evaluate(&demo, "run/best.toml", "search", &set);
    let quantizer = &report(&[])["quantizer"];
    assert_eq!(quantizer["method"], "calibrated");
    assert_eq!(quantizer["correction"], "local");
    assert_eq!(quantizer["calibration"]["images"], 20);
    let text = fs::read_to_string(demo.path("run/best.toml")).expect("a result");
    let hash = quantizer["calibration"]["hash"].as_str().expect("a hash");
    assert!(
        text.contains(&format!("calibration_hash = \"{hash}\"")),
        "{text}"
    );
    let seconds = quantizer["calibration"]["seconds"].as_f64();
    assert!(seconds.is_some_and(|s| s > 0.0), "{quantizer}");
    for field in ["images", "correct", "accuracy", "accuracy_drop"] {
        assert_eq!(quantizer["nearest"][field], nearest[field], "{field}");
    }
    let (text, _) = demo.expect(0, &["report", "run"]);
    assert!(
        text.contains("rounded to the nearest") && text.contains(hash),
        "{text}"
    );

    // Layers that an earlier run has made took no time.
    search(&demo, "again", &[]);
    let (again, _) = demo.expect(0, &["report", "again", "--json", "--no-evaluation"]);
    let quantizer = &last(&again)["quantizer"];
    assert_eq!(quantizer["nearest"]["not_measured"], "--no-evaluation");

    remove_training_images(&demo);
    let quantizer = &report(&[])["quantizer"];
    let why = quantizer["nearest"]["not_measured"]
        .as_str()
        .expect("a reason");
    assert!(why.contains(TRAINING[0]), "{why}");
}

/// `evaluate` takes the layers that earlier commands have made, and keeps its own.
#[test]
fn an_evaluation_takes_and_keeps_quantized_layers() {
    let demo = Demo::calibrated();
    let kept = || {
        let files = fs::read_dir(demo.path("data/results"))
            .into_iter()
            .flatten();
        let layers = files
            .flatten()
            .filter(|f| f.path().extension().is_some_and(|e| e == "layer"));
        layers.count()
    };
    let bits = ["--bits", "all=3"];
    let alone = ["--bits", "all=3", "--no-result-cache"];
    let (without, _) = evaluate(&demo, "small.toml", "test", &alone);
    assert_eq!(kept(), 0);
    let (first, _) = evaluate(&demo, "small.toml", "test", &bits);
    let layers = first["layers"].as_array().expect("a list").len();
    assert_eq!(kept(), layers);
    let (second, _) = evaluate(&demo, "small.toml", "test", &bits);
    assert_eq!(kept(), layers);
    assert_eq!(
        [&without["accuracy"], &first["accuracy"]],
        [&second["accuracy"]; 2]
    );
}
