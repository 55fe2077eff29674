//! Steering by lines of JSON: `--commands`.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::common::demo::Demo;
use serde_json::{Value, json};

const SEARCH: &[&str] = &["search", "small.toml", "--json", "--no-result-cache"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [SEARCH, more].concat()
}

fn lines(out: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("every line is JSON");
    out.lines().map(parse).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|l| l["type"] == kind).collect()
}

fn without_time(out: &str) -> Vec<Value> {
    let mut lines = lines(out);
    lines.retain(|l| l.get("seq").is_some());
    for line in &mut lines {
        line.as_object_mut().expect("an object").remove("time");
    }
    lines
}

/// Types of events that are answers of the evaluator.
const ANSWERS: [&str; 4] = ["measured", "screened", "confirmed", "tested"];

#[test]
fn a_script_steers_at_the_same_moment_whatever_the_threads() {
    let demo = Demo::new();
    let script = r#"# pins first
{"command":"pin","pattern":"head","min":8,"max":8}
{"command":"set_bits","candidate":0,"group":{"level":"stage","name":"stage1"},"bits":4,"after":9}

{"command":"prune","candidate":999,"after":12}
{"command":"prune"
{"command":"stop","after":40}
{"command":"pause","after":100000}
"#;
    demo.write("script", script.as_bytes());
    let (out, err) = demo.expect(0, &with(&["--commands", "script", "--run-dir", "a"]));
    let all = lines(&out);
    let accepted = of_type(&all, "command_accepted");
    let commands: Vec<&Value> = accepted.iter().map(|l| &l["command"]).collect();
    assert_eq!(commands, ["pin", "set_bits", "stop"]);
    let refused = of_type(&all, "command_refused");
    assert_eq!(refused.len(), 1);
    assert!(refused[0]["why"].as_str().expect("words").contains("999"));
    // The first one comes before any answer, the others behind the event they wait for, before the
    // next answer.
    let answers = |from: u64, to: u64| {
        let between = |l: &&Value| l["seq"].as_u64().is_some_and(|s| from < s && s < to);
        let answer = |l: &&Value| ANSWERS.iter().any(|a| l["type"] == *a) && l["cached"] != true;
        all.iter().filter(between).filter(answer).count()
    };
    let seq = |l: &Value| l["seq"].as_u64().expect("a number");
    assert_eq!(seq(accepted[0]), 2);
    for (line, after) in [(accepted[1], 9), (refused[0], 12), (accepted[2], 40)] {
        assert!(seq(line) > after, "{line}");
        assert_eq!(answers(after, seq(line)), 0, "{line}");
    }
    // What is wrong is said in the stream and to people, and the search went on.
    let errors = of_type(&all, "command_error");
    let numbers: Vec<&Value> = errors.iter().map(|l| &l["line"]).collect();
    assert_eq!(numbers, [&json!(6), &json!(8)]);
    assert!(err.contains("line 6") && err.contains("line 8"), "{err}");
    let finished = all.last().expect("lines");
    assert_eq!(finished["type"], "finished");
    assert_eq!(finished["stop_reason"], "stopped");

    let (again, _) = demo.expect(
        0,
        &with(&["--commands", "script", "--run-dir", "b", "--threads", "1"]),
    );
    assert_eq!(without_time(&out), without_time(&again));
}

#[test]
fn standard_input_may_end_and_a_search_that_it_left_paused_goes_on() {
    let demo = Demo::new();
    let mut child = demo
        .command(&with(&["--commands", "-"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut input = child.stdin.take().expect("piped");
    input
        .write_all(b"{\"command\":\"pause\",\"after\":5}")
        .expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let all = lines(&String::from_utf8_lossy(&output.stdout));
    let accepted = of_type(&all, "command_accepted");
    let commands: Vec<&Value> = accepted.iter().map(|l| &l["command"]).collect();
    assert_eq!(commands, ["pause", "resume"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_and_a_growing_file_are_read_on_and_resumed_runs_are_steered_too() {
    let demo = Demo::slow();
    for kind in ["pipe", "file"] {
        let path = demo.path(kind);
        match kind {
            "pipe" => {
                let made = std::process::Command::new("mkfifo").arg(&path).status();
                assert!(made.expect("mkfifo").success());
            }
            _ => demo.write(kind, b""),
        }
        let mut child = demo
            .command(&with(&[
                "--commands",
                kind,
                "--run-dir",
                &format!("{kind}-run"),
            ]))
            .stdout(Stdio::piped())
            .spawn()
            .expect("runs");
        let append = |line: &str| {
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .expect("there");
            file.write_all(line.as_bytes()).expect("it reads");
        };
        // Every writer comes and goes.
        append("{\"command\":\"pause\"}\n");
        let mut out = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut next = |command: &str| {
            let text = format!("\"command\":\"{command}\"");
            out.by_ref()
                .map(|l| l.expect("text"))
                .find(|l| l.contains(&text))
                .expect("it is obeyed")
        };
        next("pause");
        append("{\"command\":\"resume\"}\n");
        next("resume");
        append("{\"command\":\"pause\"}\n");
        next("pause");
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
    }
    demo.write("script", b"{\"command\":\"stop\"}");
    let (out, _) = demo.expect(3, &["resume", "pipe-run", "--json", "--commands", "script"]);
    let all = lines(&out);
    assert_eq!(of_type(&all, "command_accepted")[0]["command"], "stop");
    assert_eq!(all.last().expect("lines")["stop_reason"], "stopped");

    // A finished run is steered on by commands alone.
    let resume = ["resume", "pipe-run", "--json"];
    let (again, _) = demo.expect(3, &resume);
    assert_eq!(again, out.lines().last().expect("lines").to_owned() + "\n");
    demo.write("script", b"{\"command\":\"pause\"}");
    let steered = [&resume[..], &["--commands", "script"]].concat();
    let (out, _) = demo.expect(3, &steered);
    assert_eq!(of_type(&lines(&out), "command_refused").len(), 1);
    // Before it was stopped it was paused.
    demo.write(
        "script",
        b"{\"command\":\"undo\"}\n{\"command\":\"resume\"}\n",
    );
    let (out, _) = demo.expect(0, &steered);
    let finished = lines(&out).pop().expect("lines");
    assert_eq!(finished["stop_reason"], "complete");
    assert!(finished.get("test_seen").is_none(), "{finished}");
    let mut child = demo
        .command(&[&resume[..], &["--commands", "-"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut input = child.stdin.take().expect("piped");
    std::thread::sleep(std::time::Duration::from_millis(300));
    input
        .write_all(b"{\"command\":\"constrain\",\"max_accuracy_drop\":30.0}")
        .expect("it waits");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let looser = lines(&out).pop().expect("lines");
    assert_eq!(looser["test_seen"], true, "{looser}");
    assert!(looser["memory_bytes"].as_u64() <= finished["memory_bytes"].as_u64());
}

#[test]
fn a_command_file_that_is_not_there_begins_no_run() {
    let demo = Demo::new();
    let (_, err) = demo.expect(1, &with(&["--commands", "nowhere", "--run-dir", "run"]));
    assert!(err.contains("--commands nowhere"), "{err}");
    assert!(!demo.path("run").exists());
    let (_, err) = demo.expect(2, &["search", "small.toml", "--commands", "-"]);
    assert!(err.contains("--headless"), "{err}");
}
