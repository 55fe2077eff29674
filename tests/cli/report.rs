//! `report` of a search by the real binary, and the evidence that its result is saved with.

use std::fs;

use crate::common::demo::Demo;
use serde_json::Value;

fn json(demo: &Demo, arguments: &[&str]) -> Value {
    let (out, _) = demo.expect(0, arguments);
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn a_report_is_written_and_its_result_carries_its_evidence() {
    let demo = Demo::new();
    let search = [
        "search",
        "small.toml",
        "--json",
        "--set",
        "search.levels=[\"network\"]",
    ];
    let (out, _) = demo.expect(0, &[&search[..], &["--run-dir", "run"]].concat());
    let finished: Value = serde_json::from_str(out.lines().last().expect("lines")).expect("JSON");

    let shown = json(&demo, &["profiles", "show", "run/best.toml", "--json"]);
    let evidence = &shown["evidence"];
    assert_eq!(evidence["valid"], true, "{evidence}");
    assert_eq!(evidence["run"], "run");
    assert_eq!(evidence["memory_bytes"], finished["memory_bytes"]);
    assert_eq!(shown["memory_bytes"], finished["memory_bytes"]);
    for (split, field) in [("search", "accuracy"), ("test", "accuracy_test")] {
        let accuracy = evidence[split]["accuracy"].as_f64().expect("a number");
        let found = finished[field].as_f64().expect("a number");
        assert!(
            (accuracy - found).abs() < 1e-4,
            "{split}: {accuracy} {found}"
        );
        let bounds = ["low", "high"].map(|b| evidence[split][b].as_f64().expect("a number"));
        assert!(bounds[0] <= accuracy && accuracy <= bounds[1]);
    }
    // It is what `evaluate` finds again.
    let again = json(
        &demo,
        &["evaluate", "run/best.toml", "--split", "search", "--json"],
    );
    assert_eq!(again["correct"], evidence["search"]["correct"]);
    assert_eq!(again["images"], evidence["search"]["images"]);

    demo.expect(0, &["report", "run", "--out", "paper", "--activity"]);
    for file in [
        "report.html",
        "report.md",
        "candidates.csv",
        "layers.csv",
        "figures/potentials.svg",
    ] {
        assert!(demo.path("paper").join(file).is_file(), "{file}");
    }
    let text = fs::read_to_string(demo.path("paper/report.json")).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let energy = &report["activity"]["energy"];
    let of = |network: &str| energy[network]["energy_joules"].as_f64().expect("a number");
    assert!(of("float") > 0.0 && of("result") > 0.0, "{energy}");
    assert_eq!(energy["layers"].as_array().map(Vec::len), Some(32));
    assert_eq!(report["stored"]["valid"], true);
    // The same operations as `evaluate` counts.
    let counted = json(
        &demo,
        &[
            "evaluate",
            "run/best.toml",
            "--split",
            "calibration",
            "--json",
        ],
    );
    assert_eq!(counted["energy_joules"], energy["result"]["energy_joules"]);

    stale(&demo);
}

/// Evidence is stale once the bit-widths are others, and a new search does not take it along.
fn stale(demo: &Demo) {
    let best = fs::read_to_string(demo.path("run/best.toml")).expect("a result");
    let line = best
        .lines()
        .find(|l| l.starts_with("head = "))
        .expect("the head");
    let changed = best.replace(
        line,
        if line == "head = 8" {
            "head = 4"
        } else {
            "head = 8"
        },
    );
    fs::write(demo.path("run/changed.toml"), &changed).expect("space");
    let shown = json(demo, &["profiles", "show", "run/changed.toml", "--json"]);
    assert_eq!(shown["evidence"]["valid"], false);
    let (table, _) = demo.expect(0, &["profiles", "show", "run/changed.toml", "--table"]);
    assert!(table.contains("evidence  stale"), "{table}");

    let levels = "search.levels=[\"network\"]";
    let again = [
        "search",
        "run/best.toml",
        "--json",
        "--set",
        levels,
        "--set",
    ];
    demo.expect(
        0,
        &[&again[..], &["search.seed=1", "--run-dir", "again"]].concat(),
    );
    let profile = fs::read_to_string(demo.path("again/profile.toml")).expect("a profile");
    assert!(!profile.contains("[evidence]"), "{profile}");
    let shown = json(demo, &["profiles", "show", "again/best.toml", "--json"]);
    assert_eq!(shown["evidence"]["run"], "again");
    assert_eq!(shown["evidence"]["valid"], true);

    fs::write(demo.path("run/best.toml"), changed).expect("space");
    let (text, _) = demo.expect(0, &["report", "run", "--compare", "again"]);
    assert!(
        text.contains("is stale") && text.contains("## Comparison"),
        "{text}"
    );
}
