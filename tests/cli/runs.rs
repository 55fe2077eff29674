//! Runs as a person leaves and finds them: folders, files of one's own, pauses, pipes, signals.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::common::demo::Demo;
use crate::common::runs::signal;
use serde_json::Value;

const SHORT: &[&str] = &[
    "search",
    "small.toml",
    "--json",
    "--set",
    "search.levels=[\"network\"]",
];

fn with<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [first, more].concat()
}

fn start(demo: &Demo, arguments: &[&str]) -> Child {
    let mut command = demo.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary runs")
}

/// Reads so many lines of standard output; what follows is not read by anybody.
fn read_lines(child: &mut Child, count: usize) {
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(lines.take(count).count(), count);
}

/// Waits for the end, which must be with 130 and no panic; returns standard error.
fn interrupted(child: Child) -> String {
    let Output { status, stderr, .. } = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(130), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    err
}

fn last(out: &str) -> Value {
    serde_json::from_str(out.lines().last().expect("lines")).expect("JSON")
}

/// The folders of all runs.
fn runs(demo: &Demo) -> Vec<PathBuf> {
    let entries = fs::read_dir(demo.path("data/runs")).expect("a folder");
    let mut runs: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    runs.sort();
    runs
}

#[test]
fn a_persons_own_files_are_never_replaced() {
    let demo = Demo::new();
    for name in ["profile.toml", "best.toml"] {
        let folder = demo.path("mine");
        fs::create_dir(&folder).expect("space");
        fs::write(folder.join(name), "mine").expect("space");
        let (_, err) = demo.expect(1, &with(SHORT, &["--run-dir", "mine"]));
        assert!(
            err.contains(name) && err.contains("another folder"),
            "{err}"
        );
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
        assert_eq!(
            fs::read_to_string(folder.join(name)).expect("there"),
            "mine"
        );
        fs::remove_dir_all(folder).expect("there");
    }
    // The profile itself in the folder, whatever it is called.
    let before = fs::read_to_string(demo.path("small.toml")).expect("a profile");
    let (_, err) = demo.expect(1, &with(SHORT, &["--run-dir", "."]));
    assert!(
        err.contains("small.toml") && err.contains("another folder"),
        "{err}"
    );
    let after = fs::read_to_string(demo.path("small.toml")).expect("a profile");
    assert!(after == before && !demo.path("journal.jsonl").exists());
}

#[test]
fn searches_of_the_same_second_do_not_meet() {
    let demo = Demo::slow();
    let mut children: Vec<Child> = (0..3).map(|_| start(&demo, SHORT)).collect();
    for child in &mut children {
        read_lines(child, 1);
    }
    for child in children {
        interrupted(child);
    }
    let runs = runs(&demo);
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert!(runs.iter().all(|r| r.join("journal.jsonl").exists()));
}

#[test]
fn a_run_left_paused_goes_on_without_the_interface() {
    let demo = Demo::new();
    demo.expect(0, &with(SHORT, &["--run-dir", "run"]));
    let journal = demo.path("run/journal.jsonl");
    let text = fs::read_to_string(&journal).expect("a journal");
    // Cut where the search waits for an answer.
    let is_answer = |line: &str| line.contains("\"type\":\"screened\"");
    let cut = text.lines().position(is_answer).expect("a screening");
    let mut lines: Vec<&str> = text.lines().take(cut).collect();
    let pause = format!(
        r#"{{"seq":{cut},"time":"2026-01-01T00:00:00Z","type":"command_accepted","command":"pause","note":"paused"}}"#
    );
    lines.push(&pause);
    fs::write(&journal, lines.join("\n") + "\n").expect("space");
    let (out, _) = demo.expect(0, &["resume", "run", "--json"]);
    assert!(out.contains("\"command\":\"resume\""), "{out}");
    let text = fs::read_to_string(&journal).expect("a journal");
    assert!(text.contains("\"command\":\"resume\""), "it is journalled");
    assert_eq!(last(&out)["type"], "finished");
}

#[test]
fn a_reader_who_leaves_interrupts_the_run() {
    let demo = Demo::slow();
    let mut child = start(&demo, &with(SHORT, &["--run-dir", "my run"]));
    read_lines(&mut child, 1);
    let err = interrupted(child);
    let folder = demo.path("my run");
    assert!(
        err.contains(&format!("`aq4svit resume '{}'`", folder.display())),
        "{err}"
    );
    // The hint works as it stands.
    demo.expect(0, &["resume", &folder.display().to_string(), "--json"]);
}

#[test]
fn the_hint_names_the_run_by_its_id_where_that_finds_it() {
    let demo = Demo::slow();
    let mut child = start(&demo, SHORT);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    lines.nth(1).expect("events").expect("text");
    signal(&child, "HUP");
    let err = interrupted(child);
    let id = runs(&demo)[0].file_name().expect("named").to_owned();
    let id = id.to_str().expect("ASCII");
    assert!(err.contains(&format!("`aq4svit resume {id}`")), "{err}");
    demo.expect(0, &["resume", id, "--json"]);
}

#[test]
fn signals_before_anything_is_watched_are_130_too() {
    let demo = Demo::slow();
    let pipe = demo.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    for (arguments, name) in [
        (&["search", "pipe", "--headless"][..], "TERM"),
        (&["search", "pipe", "--json"], "INT"),
        (&["evaluate", "pipe"], "HUP"),
        (
            &["predict", "demo", "--input", "pipe", "--output", "o"],
            "TERM",
        ),
    ] {
        let child = start(&demo, arguments);
        // Opened once the program waits for what it reads.
        let _writer = OpenOptions::new().write(true).open(&pipe).expect("a pipe");
        signal(&child, name);
        interrupted(child);
    }
    assert!(!demo.path("data/runs").exists());
    // And while it evaluates.
    let profile = fs::read_to_string(demo.path("small.toml")).expect("a profile");
    // So that it takes longer than this test waits.
    let profile = profile.replace("time_steps = 2", "time_steps = 256");
    let child = start(&demo, &["evaluate", "pipe", "--split", "search"]);
    fs::write(&pipe, profile).expect("it reads");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    signal(&child, "TERM");
    interrupted(child);
}

#[test]
fn the_counts_of_a_run_are_those_of_its_result() {
    let demo = Demo::new();
    let (out, _) = demo.expect(0, SHORT);
    let finished = last(&out);
    let (rows, _) = demo.expect(0, &["runs", "--json"]);
    assert_eq!(last(&rows)["evaluations"], finished["evaluations"]);
    // A result that got lost is written again when it is asked for.
    let profile = finished["profile"].as_str().expect("a path");
    fs::remove_file(profile).expect("there");
    demo.expect(0, &["resume", "--json"]);
    demo.expect(0, &["inspect", profile]);
}

#[test]
fn the_latest_run_is_not_passed_over() {
    let demo = Demo::new();
    demo.expect(0, SHORT);
    let bad = demo.path("data/runs/20990101-000000-bad");
    fs::create_dir(&bad).expect("space");
    fs::write(bad.join("journal.jsonl"), "").expect("space");
    // A run that never began is no run.
    demo.expect(0, &["resume", "--json"]);
    fs::write(bad.join("journal.jsonl"), "{}\n").expect("space");
    let (_, err) = demo.expect(1, &["resume", "--json"]);
    assert!(err.contains("20990101-000000-bad"), "{err}");
}
