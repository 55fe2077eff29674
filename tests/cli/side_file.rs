//! The file of quantized layers beside a saved profile: the same accuracy later, elsewhere and
//! without calibration images.

use std::fs;
use std::path::Path;

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
