//! Numbers that mean nothing, or less than they seem to: each is said, by every command that would
//! show them.

use std::fs;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::Value;

use crate::common::demo::{Demo, first_items};

const SEARCH: &[&str] = &[
    "search",
    "small.toml",
    "--headless",
    "--json",
    "--run-dir",
    "run",
];

/// The demo's checkpoint with the numbers of some tensors changed.
fn change_weights(demo: &Demo, change: impl Fn(&str, f32) -> f32) {
    let path = demo.path("small.safetensors");
    let bytes = fs::read(&path).expect("the demo's network");
    let tensors = SafeTensors::deserialize(&bytes).expect("a checkpoint");
    let changed: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let data = match tensor.dtype() {
                Dtype::F32 => {
                    let numbers = tensor.data().as_chunks::<4>().0.iter();
                    let numbers = numbers.map(|b| change(name, f32::from_le_bytes(*b)));
                    numbers.flat_map(f32::to_le_bytes).collect()
                }
                _ => tensor.data().to_vec(),
            };
            (
                name.to_owned(),
                tensor.dtype(),
                tensor.shape().to_vec(),
                data,
            )
        })
        .collect();
    let views = changed.iter().map(|(name, dtype, shape, data)| {
        let view = TensorView::new(*dtype, shape.clone(), data);
        (name.as_str(), view.expect("as it was"))
    });
    fs::write(&path, serialize(views, None).expect("as it was")).expect("space");
}

#[test]
fn numbers_that_overflow_are_named_by_every_command() {
    let demo = Demo::new();
    change_weights(&demo, |name, x| {
        match name.ends_with("weight") && !name.contains("bn") {
            true => x * 1e38,
            false => x,
        }
    });
    let shape = vec![1, 1, 28, 28];
    let pixels: Vec<u8> = (0..784)
        .flat_map(|i| (i as f32 / 784.0).to_le_bytes())
        .collect();
    let input = TensorView::new(Dtype::F32, shape, &pixels).expect("an image");
    demo.write(
        "input.safetensors",
        &serialize([("input", input)], None).expect("a file"),
    );
    let commands: [&[&str]; 5] = [
        &["evaluate", "small.toml"],
        &["evaluate", "small.toml", "--bits", "all=8"],
        &[
            "predict",
            "small.toml",
            "--input",
            "input.safetensors",
            "--output",
            "o.safetensors",
        ],
        &["search", "small.toml", "--headless", "--run-dir", "run"],
        &[
            "export",
            "small.toml",
            "--bits",
            "all=8",
            "--out",
            "package",
        ],
    ];
    for command in commands {
        let (_, err) = demo.expect(1, command);
        assert!(
            err.contains("not finite") && err.contains("tensors of absurd size"),
            "{command:?}: {err}"
        );
        assert!(
            err.contains("neuron site") || err.contains("logits"),
            "{command:?}: {err}"
        );
    }
    assert!(!demo.path("o.safetensors").exists() && !demo.path("package").exists());
}

#[test]
fn a_silent_network_at_chance_is_reported_by_search_evaluate_and_report() {
    let demo = Demo::with_self_check();
    // No input reaches a threshold.
    change_weights(&demo, |name, x| {
        match name.ends_with("bias") || name.ends_with("weight") {
            true => x * 1e-6,
            false => x,
        }
    });
    let (out, err) = demo.expect(0, SEARCH);
    assert!(err.contains("neuron sites never fire"), "{err}");
    assert!(err.contains("is at chance for 10 classes"), "{err}");
    assert!(
        out.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{out}"
    );
    let (_, err) = demo.expect(0, &["evaluate", "small.toml"]);
    assert!(
        err.contains("never fire") && err.contains("at chance"),
        "{err}"
    );
    let (out, _) = demo.expect(0, &["report", "run", "--no-evaluation"]);
    let caveats = out.split_once("## Caveats").expect("a section").1;
    assert!(caveats.contains("is at chance for 10 classes"), "{out}");
}

#[test]
fn a_search_without_any_limit_says_that_the_smallest_wins() {
    let demo = Demo::new();
    let (_, err) = demo.expect(
        0,
        &[
            "search",
            "small.toml",
            "--headless",
            "--set",
            "constraint.max_accuracy_drop=any",
            "--run-dir",
            "run",
        ],
    );
    assert!(err.contains("no limit on accuracy drop or memory"), "{err}");
}

#[test]
fn what_was_not_measured_is_null_and_not_zero() {
    let demo = Demo::new();
    let arguments = [
        "search",
        "small.toml",
        "--headless",
        "--set",
        "constraint.max_seconds=0",
    ];
    let (out, err) = demo.expect(3, &[&arguments[..], &["--json"]].concat());
    let finished: Value =
        serde_json::from_str(out.lines().last().expect("lines")).expect("the result");
    assert_eq!(finished["type"], "finished");
    assert_eq!(finished["accuracy_float"], Value::Null, "{err}");
    let (out, _) = demo.expect(3, &arguments);
    assert!(
        out.contains("nothing was measured") && !out.contains("0.00 %"),
        "{out}"
    );
}

#[test]
fn labels_of_one_class_and_test_images_of_the_search_are_told() {
    let demo = Demo::new();
    let labels = fs::read(demo.path("train-last5000-labels.idx")).expect("labels");
    let mut one = labels.clone();
    one.get_mut(8..).expect("labels").fill(7);
    demo.write("one.idx", &one);
    let set = "data.train_labels=one.idx";
    let (_, err) = demo.expect(
        0,
        &["evaluate", "small.toml", "--split", "search", "--set", set],
    );
    assert!(
        err.contains("search split: all of its 70 images are of class 7"),
        "{err}"
    );
    // The test images are the first of the training images.
    let images = fs::read(demo.path("train-last5000-images.idx")).expect("images");
    demo.write("test-images.idx", &first_items(&images, 600));
    demo.write("test-labels.idx", &first_items(&labels, 600));
    let (_, err) = demo.expect(
        0,
        &["search", "small.toml", "--headless", "--run-dir", "run"],
    );
    assert!(
        err.contains("test split: ") && err.contains("are test images, too"),
        "{err}"
    );
}

#[test]
fn a_smaller_search_split_than_is_screened_on_is_evaluated() {
    let demo = Demo::new();
    let set = ["--split", "search", "--set", "data.search=30"];
    let (out, _) = demo.expect(0, &[&["evaluate", "small.toml"][..], &set].concat());
    assert!(out.contains("of 30 images of the search split"), "{out}");
}

#[test]
fn pixels_on_another_scale_are_told() {
    let demo = Demo::new();
    for set in ["data.mean=[128]", "data.std=[58]"] {
        let (_, err) = demo.expect(0, &["evaluate", "small.toml", "--set", set]);
        assert!(err.contains("check data.mean, data.std"), "{set}: {err}");
    }
    let (_, err) = demo.expect(0, &["evaluate", "small.toml"]);
    assert!(!err.contains("data.mean"), "{err}");
}

#[test]
fn a_changed_digit_of_a_journal_is_found() {
    let demo = Demo::new();
    demo.expect(0, SEARCH);
    let path = demo.path("run/journal.jsonl");
    let text = fs::read_to_string(&path).expect("a journal");
    let line = text
        .lines()
        .position(|l| l.contains("\"type\":\"screened\""));
    let line = line.expect("a screening");
    let changed = |(i, text): (usize, &str)| match i == line {
        true => text.replacen("\"correct\":", "\"correct\":1", 1) + "\n",
        false => format!("{text}\n"),
    };
    let damaged: String = text.lines().enumerate().map(changed).collect();
    assert_ne!(damaged, text);
    fs::write(&path, damaged).expect("space");
    for command in [
        &["resume", "run", "--headless"][..],
        &["report", "run", "--no-evaluation"],
    ] {
        let (_, err) = demo.expect(1, command);
        let place = format!("line {}: its check sum is another", line + 1);
        assert!(err.contains(&place), "{command:?}: {err}");
    }
    // A work log is for information: what is damaged in it is left out.
    fs::write(&path, &text).expect("space");
    let work = demo.path("run/work.jsonl");
    let log = fs::read_to_string(&work).expect("a work log");
    let forwards = |log: &str| {
        fs::write(&work, log).expect("space");
        let (out, _) = demo.expect(0, &["resume", "run", "--json"]);
        let finished: Value =
            serde_json::from_str(out.lines().last().expect("lines")).expect("JSON");
        finished["layer_forwards"].as_u64().expect("a count")
    };
    let damaged = log.replacen("\"layer_forwards\":", "\"layer_forwards\":9", 1);
    assert!(forwards(&damaged) <= forwards(&log));
}
