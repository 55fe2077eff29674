//! Certified results by the real binary on a small demo.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::common::demo::Demo;
use crate::common::runs::events;
use serde_json::Value;

const SEARCH: &[&str] = &[
    "search",
    "small.toml",
    "--headless",
    "--json",
    "--no-result-cache",
    "--set",
    "search.levels=[\"network\", \"stage\"]",
    "--set",
    "constraint.confidence=0.9",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [SEARCH, more].concat()
}

fn last(out: &str) -> Value {
    serde_json::from_str(out.lines().last().expect("lines")).expect("JSON")
}

#[test]
fn the_result_is_what_was_certified_and_the_incumbent_stands_beside_it() {
    let demo = Demo::new();
    let sized = ["--set", "data.certify=220", "--run-dir", "whole"];
    let (out, _) = demo.expect(0, &with(&sized));
    let finished = last(&out);
    let certified = &finished["certified"];
    let number = |of: &Value, key: &str| of[key].as_f64().unwrap_or_else(|| panic!("{key}: {of}"));
    assert_eq!(certified["images"], 220);
    assert!(number(certified, "rungs") >= 1.0);
    assert!(number(certified, "bound") <= 8.0);
    assert!(number(certified, "accuracy_drop") < number(certified, "bound"));
    assert_eq!(certified["memory_bytes"], finished["memory_bytes"]);

    // The profile holds it, evaluates to it, and may be certified again.
    let profile = finished["profile"].as_str().expect("a path");
    assert!(profile.ends_with("best.toml"));
    let evaluate = |split: &str| {
        let (out, _) = demo.expect(0, &["evaluate", profile, "--split", split, "--json"]);
        last(&out)
    };
    let on = evaluate("certify");
    assert_eq!(on["images"], 220);
    let drop = number(&on, "accuracy_drop") - number(certified, "accuracy_drop");
    assert!(drop.abs() < 1e-9, "{on}");
    assert_eq!(evaluate("test")["accuracy"], finished["accuracy_test"]);
    let incumbent = &finished["incumbent"];
    if !incumbent.is_null() {
        assert!(incumbent["memory_bytes"].as_u64() < finished["memory_bytes"].as_u64());
        let path = incumbent["profile"].as_str().expect("a path");
        let (out, _) = demo.expect(0, &["evaluate", path, "--split", "search", "--json"]);
        assert_eq!(last(&out)["memory_bytes"], incumbent["memory_bytes"]);
    }
    let export = [
        "export",
        "whole",
        "--golden-images",
        "1",
        "--out",
        "package",
    ];
    demo.expect(0, &export);
    let text = std::fs::read_to_string(demo.path("package/manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&text).expect("JSON");
    let known = &manifest["accuracy"][2];
    assert_eq!(
        (&known["split"], &known["images"]),
        (&"certify".into(), &220.into())
    );
    assert_eq!(known["quantized"]["correct"], on["correct"]);
    let bound = number(known, "drop_bound") - number(certified, "bound");
    assert!(bound.abs() < 1e-3, "{known}");
    demo.expect(0, &["verify", "package"]);
    let (report, _) = demo.expect(0, &["report", "whole"]);
    assert!(report.contains("Certificate: on unseen images"), "{report}");

    // Workers change nothing, and neither does a kill between two rungs.
    let flags = [
        "--set",
        "data.certify=220",
        "--run-dir",
        "three",
        "--workers",
        "3",
    ];
    demo.expect(0, &with(&flags));
    assert_eq!(events(&demo.path("three")), events(&demo.path("whole")));
    let mut child = demo
        .command(&with(&["--set", "data.certify=220", "--run-dir", "killed"]))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut lines = lines.by_ref().map(|line| line.expect("text"));
    assert!(lines.any(|line| line.contains("\"rung_tested\"")));
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    let (out, _) = demo.expect(0, &["resume", "killed", "--headless", "--json"]);
    assert_eq!(events(&demo.path("killed")), events(&demo.path("whole")));
    assert_eq!(&last(&out)["certified"], certified);
}

#[test]
fn where_nothing_can_be_certified_that_is_said_with_exit_code_3() {
    let demo = Demo::new();
    let few = ["--set", "data.certify=20", "--run-dir", "few"];
    let (out, _) = demo.expect(3, &with(&few));
    let finished = last(&out);
    for null in ["certified", "profile", "memory_bytes", "accuracy_test"] {
        assert!(finished[null].is_null(), "{null}: {finished}");
    }
    assert!(finished["ladder"][0]["bound"].as_f64() > Some(8.0));
    let path = finished["incumbent"]["profile"].as_str().expect("a path");
    assert!(Path::new(path).exists() && !demo.path("few").join("best.toml").exists());
    let (lines, _) = demo.expect(3, &["resume", "few", "--headless"]);
    assert!(lines.contains("nothing could be certified"), "{lines}");

    let (_, error) = demo.expect(1, &with(&["--run-dir", "none"]));
    assert!(
        error.contains("constraint.confidence") && error.contains("set data.certify"),
        "{error}"
    );
}
