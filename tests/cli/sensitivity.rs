//! `aq4svit sensitivity` by the real binary.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::demo::Demo;
use serde_json::Value;

const COMMAND: &[&str] = &[
    "sensitivity",
    "small.toml",
    "--json",
    "--images",
    "24",
    "--set",
    "quantizer.bits=[2,4]",
    "--set",
    "data.calibration=10",
    "--no-result-cache",
    "--run-dir",
];

fn lines(out: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("every line is JSON");
    out.lines().map(parse).collect()
}

/// All lines but the last one, which says what it cost.
fn measured(lines: &[Value]) -> &[Value] {
    let (last, rest) = lines.split_last().expect("lines");
    assert_eq!(last["type"], "finished");
    rest
}

#[test]
fn both_curves_and_the_interaction_also_after_a_kill_and_in_a_report() {
    let demo = Demo::new();
    let (out, _) = demo.expect(0, &[COMMAND, &["whole"]].concat());
    let whole = lines(&out);
    let of_type =
        |kind: &str| -> Vec<&Value> { whole.iter().filter(|l| l["type"] == kind).collect() };
    let points = of_type("sensitivity");
    let on = |curve: &str| points.iter().filter(|p| p["curve"] == curve).count();
    let layers = on("lowered") / 2;
    assert!(layers > 20);
    assert_eq!(
        (on("joint"), on("lowered"), on("kept")),
        (2, 2 * layers, 2 * layers)
    );
    // An allocation measured by another command has the same result.
    let point = points
        .iter()
        .find(|p| p["curve"] == "kept" && p["layer"] == "head" && p["bits"] == 2)
        .expect("measured");
    let (out, _) = demo.expect(
        0,
        &[
            "evaluate",
            "small.toml",
            "--split",
            "search",
            "--json",
            "--bits",
            "all=2,head=float",
        ],
    );
    let evaluated = &lines(&out)[0];
    assert_eq!(point["memory_bytes"], evaluated["memory_bytes"]);
    // Sums are of the printed numbers.
    let interactions = of_type("interaction");
    assert_eq!(interactions.len(), 2);
    for interaction in interactions {
        let number = |v: &Value| v.as_f64().expect("a number");
        let sum: f64 = points
            .iter()
            .filter(|p| p["curve"] == "lowered" && p["bits"] == interaction["bits"])
            .map(|p| number(&p["accuracy_drop"]))
            .sum();
        assert!((sum - number(&interaction["sum_of_drops"])).abs() < 1e-9);
        let joint = points
            .iter()
            .find(|p| p["curve"] == "joint" && p["bits"] == interaction["bits"])
            .expect("measured");
        assert_eq!(joint["accuracy_drop"], interaction["joint_drop"]);
        let more = number(&interaction["joint_drop"]) - sum;
        assert!((more - number(&interaction["interaction"])).abs() < 1e-9);
    }

    // Killed in the middle, it goes on from there: what was told is not computed again.
    let command = [COMMAND, &["killed"]].concat();
    let mut child = demo
        .command(&command)
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let told = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(told.take(40).count(), 40);
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    let (out, _) = demo.expect(0, &command);
    let again = lines(&out);
    assert_eq!(measured(&again), measured(&whole));
    let forwards = |lines: &[Value]| {
        let finished = lines.last().expect("lines");
        finished["layer_forwards"].as_u64().expect("a number")
    };
    assert!(forwards(&again) < forwards(&whole) * 3 / 4);
    let (out, _) = demo.expect(0, &command);
    assert_eq!(forwards(&lines(&out)), 0);
    // Without --json the same as a table.
    let command: Vec<&str> = command.into_iter().filter(|a| *a != "--json").collect();
    let (table, _) = demo.expect(0, &command);
    for part in [
        "lowered alone",
        "kept as float",
        "interaction",
        "head",
        "2 bits",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }

    // A report of a search of the same network, images and quantizer holds the curves; of another
    // one it does not.
    let search = |bits: &'static str, folder: &'static str| {
        demo.expect(
            0,
            &[
                "search",
                "small.toml",
                "--headless",
                "--set",
                bits,
                "--set",
                "data.calibration=10",
                "--set",
                "search.levels=[\"network\"]",
                "--run-dir",
                folder,
            ],
        );
    };
    search("quantizer.bits=[2,4]", "same");
    search("quantizer.bits=[2,8]", "other");
    let report = ["report", "same", "--sensitivity", "whole"];
    let (text, _) = demo.expect(0, &report);
    for part in ["# small demo", "Each layer lowered alone", "Interaction"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    demo.expect(0, &[&report[..], &["--out", "paper"]].concat());
    let written = std::fs::read_to_string(demo.path("paper").join("report.md"));
    assert_eq!(written.expect("written"), text);
    let (json, _) = demo.expect(0, &[&report[..], &["--json"]].concat());
    let object = &lines(&json)[0];
    assert_eq!(object["type"], "report");
    let curves = object["sensitivity"]["measured"].as_array();
    assert_eq!(curves.map(Vec::len), Some(points.len()));
    let (_, err) = demo.expect(1, &["report", "other", "--sensitivity", "whole"]);
    assert!(err.contains("whole"), "{err}");
    let (text, _) = demo.expect(0, &["report", "other"]);
    assert!(!text.contains("lowered alone"));
}

#[test]
fn sigint_exits_with_130() {
    let demo = Demo::new();
    let mut child = demo
        .command(&[COMMAND, &["run"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut told = BufReader::new(child.stdout.take().expect("piped")).lines();
    told.nth(2).expect("lines").expect("text");
    let kill = format!("kill -INT {}", child.id());
    let killed = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status();
    assert!(killed.expect("sh").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("resumes from there"));
}
