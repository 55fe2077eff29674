//! Whole searches by the real binary on a small demo: result, determinism, interruption, resume.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::common::demo::Demo;
use crate::common::random::Random;
use crate::common::runs::events;
use serde_json::Value;

const SEARCH: &[&str] = &[
    "search",
    "small.toml",
    "--headless",
    "--json",
    "--seed",
    "0",
    "--no-result-cache",
];

fn with<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [first, more].concat()
}

fn last(out: &str) -> Value {
    serde_json::from_str(out.lines().last().expect("lines")).expect("JSON")
}

#[test]
fn a_search_ends_in_a_profile_that_evaluates_to_the_very_same_accuracy() {
    let demo = Demo::new();
    let (out, _) = demo.expect(0, &with(SEARCH, &["--run-dir", "run"]));
    let mut types = Vec::new();
    for line in out.lines() {
        let line: Value = serde_json::from_str(line).expect("every line is JSON");
        types.push(
            line["type"]
                .as_str()
                .expect("every object has a type")
                .to_owned(),
        );
    }
    assert_eq!(types.iter().filter(|t| *t == "finished").count(), 1);
    let finished = last(&out);
    for field in [
        "accuracy_float",
        "accuracy",
        "accuracy_drop",
        "accuracy_test_float",
        "accuracy_test",
        "memory_float_bytes",
        "memory_bytes",
        "memory_saving_percent",
        "weights_saving_percent",
        "evaluations",
        "cached",
        "drift_evaluations",
        "gated",
        "audited",
        "layer_forwards",
        "layer_forwards_plain",
        "seconds",
    ] {
        assert!(finished[field].is_number(), "{field}: {}", finished[field]);
    }
    assert_eq!(finished["type"], "finished");
    assert_eq!(finished["stop_reason"], "complete");
    assert!(finished["accuracy_drop"].as_f64() <= Some(8.0));
    assert!(finished["memory_saving_percent"].as_f64() >= Some(75.0));
    assert!(finished["layer_forwards"].as_u64() <= finished["layer_forwards_plain"].as_u64());

    let profile = finished["profile"].as_str().expect("a path");
    assert!(Path::new(profile).is_absolute());
    let (out, _) = demo.expect(0, &["evaluate", profile, "--split", "search", "--json"]);
    let evaluation = last(&out);
    assert_eq!(evaluation["type"], "evaluation");
    assert_eq!(evaluation["split"], "search");
    assert_eq!(evaluation["images"], 70);
    assert_eq!(evaluation["accuracy"], finished["accuracy"]);
    assert_eq!(evaluation["memory_bytes"], finished["memory_bytes"]);
    let (out, _) = demo.expect(0, &["evaluate", profile, "--json", "--bits", "all=float"]);
    assert_eq!(last(&out)["accuracy"], finished["accuracy_test_float"]);
    // The user's comments are kept, and data paths resolve from the run's folder.
    assert!(
        std::fs::read_to_string(profile)
            .expect("a profile")
            .contains("# a comment to keep")
    );

    // A finished run says its result again, with its code.
    let (again, _) = demo.expect(0, &["resume", "run", "--json"]);
    assert_eq!(last(&again), finished);
    let (lines, _) = demo.expect(0, &["resume", "run", "--headless"]);
    assert!(lines.contains("bytes"), "{lines}");
}

#[test]
fn the_same_seed_gives_the_same_journal_whatever_the_threads_and_tricks() {
    let demo = Demo::new();
    let (one, _) = demo.expect(0, &with(SEARCH, &["--run-dir", "a"]));
    demo.expect(0, &with(SEARCH, &["--run-dir", "b", "--threads", "1"]));
    let (plain, _) = demo.expect(0, &with(SEARCH, &["--run-dir", "c", "--plain"]));
    assert_eq!(events(&demo.path("a")), events(&demo.path("b")));
    assert_eq!(events(&demo.path("a")), events(&demo.path("c")));
    let (three, _) = demo.expect(0, &with(SEARCH, &["--run-dir", "d", "--workers", "3"]));
    assert_eq!(events(&demo.path("a")), events(&demo.path("d")));
    assert_eq!(
        last(&three)["layer_forwards_plain"],
        last(&one)["layer_forwards_plain"]
    );
    let (one, plain) = (last(&one), last(&plain));
    assert_eq!(
        plain["layer_forwards"], plain["layer_forwards_plain"],
        "--plain does what it says"
    );
    assert_eq!(plain["layer_forwards_plain"], one["layer_forwards_plain"]);
    assert!(one["layer_forwards"].as_u64() < plain["layer_forwards"].as_u64());
}

#[test]
fn every_switch_keeps_the_journal_and_the_count_of_plain_work() {
    let demo = Demo::new();
    let coarse = ["--set", "search.levels=[\"network\", \"stage\"]"];
    let few = ["--set", "quantizer.bits=[2, 4]"];
    for screening in ["exact", "sequential"] {
        let key = format!("search.screening={screening}");
        let run = |name: &str, switches: &[&str]| {
            let folder = format!("{screening}-{name}");
            let set = ["--set", &key, "--run-dir", &folder];
            let flags = [&coarse[..], &few, &set, switches].concat();
            let (out, _) = demo.expect(0, &with(SEARCH, &flags));
            (events(&demo.path(&folder)), last(&out))
        };
        let (journal, result) = run("all", &[]);
        let plain = result["layer_forwards_plain"].as_u64();
        for (name, switches) in [
            ("stop", &["--no-early-stop", "--no-prefix-cache"][..]),
            ("bits", &["--no-stored-bits", "--no-static-stem"]),
            ("weights", &["--no-weight-cache", "--cache-memory", "1 MiB"]),
            ("plain", &["--plain", "--threads", "1"]),
        ] {
            let (same, result) = run(name, switches);
            assert_eq!(same, journal, "{screening}, {name}");
            assert_eq!(result["layer_forwards_plain"].as_u64(), plain, "{name}");
            let early = &result["sequential"]["decided_early"];
            assert_eq!(early.as_u64().is_some_and(|n| n > 0), screening != "exact");
            if name == "plain" {
                assert_eq!(result["layer_forwards"].as_u64(), plain, "{screening}");
            }
        }
    }
}

#[test]
fn a_killed_run_ends_with_the_allocation_of_an_undisturbed_one() {
    let demo = Demo::new();
    demo.expect(0, &with(SEARCH, &["--run-dir", "whole"]));
    let mut random = Random(0);
    let mut killed = demo.command(&with(SEARCH, &["--run-dir", "killed"]));
    for moment in 0..20 {
        let mut child = killed
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // A run has begun with its first event; later ones are killed whatever they do just then.
        let told = if moment == 0 { 1 } else { random.below(2) };
        lines.by_ref().take(told).for_each(drop);
        thread::sleep(Duration::from_millis(random.below(200) as u64));
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
        killed = demo.command(&["resume", "killed", "--headless", "--json"]);
    }
    let (out, _) = demo.expect(0, &["resume", "killed", "--headless", "--json"]);
    assert_eq!(events(&demo.path("killed")), events(&demo.path("whole")));
    assert_eq!(last(&out)["type"], "finished");
}

#[test]
fn signals_exit_with_130_and_the_latest_run_resumes() {
    let demo = Demo::slow();
    for signal in [
        "TERM", "INT", "USR1", "XCPU", "QUIT", "ALRM", "PWR", "RTMIN",
    ] {
        let mut child = demo
            .command(SEARCH)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        lines.nth(3).expect("events").expect("text");
        let kill = format!("kill -{signal} {}", child.id());
        assert!(
            std::process::Command::new("sh")
                .args(["-c", &kill])
                .status()
                .expect("sh")
                .success()
        );
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130), "{signal}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("aq4svit resume"));
    }
    let (list, _) = demo.expect(0, &["runs"]);
    assert_eq!(list.matches("unfinished").count(), 8, "{list}");
    demo.expect(0, &["resume", "--headless"]);
    let (list, _) = demo.expect(0, &["runs"]);
    assert_eq!(list.matches("unfinished").count(), 7, "{list}");
}

#[test]
fn what_nothing_meets_is_exit_code_3() {
    let demo = Demo::new();
    let (out, _) = demo.expect(
        3,
        &with(SEARCH, &["--set", "quantizer.bits=[1]", "--run-dir", "run"]),
    );
    let finished = last(&out);
    assert_eq!(finished["stop_reason"], "nothing_met");
    assert!(finished["memory_bytes"].is_null() && finished["profile"].is_null());
    demo.expect(3, &["resume", "run", "--json"]);
}

#[test]
fn what_a_run_rests_on_must_not_change() {
    let demo = Demo::new();
    demo.expect(
        0,
        &with(
            SEARCH,
            &["--run-dir", "run", "--set", "search.levels=[\"network\"]"],
        ),
    );
    let journal = demo.path("run").join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let cut: Vec<&str> = text.lines().take(9).collect();
    std::fs::write(&journal, cut.join("\n") + "\n").expect("space");
    let mut images = std::fs::read(demo.path("train-last5000-images.idx")).expect("data");
    images[16..].iter_mut().for_each(|pixel| *pixel ^= 1);
    demo.write("train-last5000-images.idx", &images);
    let (_, err) = demo.expect(1, &["resume", "run", "--headless"]);
    assert!(
        err.contains("data:") && err.contains("when it began") && err.contains("now"),
        "{err}"
    );
}

/// Threads, caches and an interruption change nothing where the integers depend on calibration
/// images.
#[test]
fn a_calibrated_search_gives_the_same_journal_whatever_the_threads_and_tricks() {
    let demo = Demo::calibrated();
    let few = [
        "search.levels=[\"network\"]",
        "quantizer.bits=[3, 8]",
        "search.screening=two-sided",
    ];
    let few: Vec<&str> = few.iter().flat_map(|set| ["--set", *set]).collect();
    for correction in ["local", "sequential"] {
        let key = format!("quantizer.correction={correction}");
        let flags = |folder: &str, more: &[&str]| -> Vec<String> {
            let set = ["--set", &key, "--run-dir", folder];
            let all = [SEARCH, &few, &set, more].concat();
            all.into_iter().map(str::to_owned).collect()
        };
        let run = |name: &str, more: &[&str]| {
            let folder = format!("{correction}-{name}");
            let flags = flags(&folder, more);
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let result = last(&demo.expect(0, &flags).0);
            let plain = result["layer_forwards_plain"].clone();
            if name == "plain" {
                assert_eq!(result["layer_forwards"], plain, "{correction}");
            }
            let events = events(&demo.path(&folder));
            (events, result["memory_bytes"].clone(), plain)
        };
        let whole = run("two", &["--threads", "2"]);
        assert_eq!(
            run("plain", &["--plain", "--threads", "1"]),
            whole,
            "{correction}"
        );
        let folder = format!("{correction}-killed");
        let flags = flags(&folder, &[]);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let mut child = demo
            .command(&flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        assert_eq!(lines.take(5).count(), 5);
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
        let arguments = [
            "resume",
            &folder,
            "--headless",
            "--json",
            "--no-result-cache",
        ];
        let resumed = last(&demo.expect(0, &arguments).0);
        assert_eq!(resumed["memory_bytes"], whole.1, "{correction}");
    }
}
