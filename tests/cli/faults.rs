//! Faults of the machine in the middle of a search: a clock that jumps, a program that stands
//! still, memory that runs out. The run that is resumed ends like one that nothing disturbed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::demo::Demo;
use crate::common::runs::{events, signal};

const SEARCH: &[&str] = &[
    "search",
    "small.toml",
    "--headless",
    "--json",
    "--seed",
    "0",
    "--no-result-cache",
    "--run-dir",
];

fn in_folder(name: &str) -> Vec<&str> {
    [SEARCH, &[name]].concat()
}

/// Starts a search and waits until it has told so many events; those that follow are read and
/// dropped.
fn begun(demo: &Demo, arguments: &[&str], told: usize) -> Child {
    let mut command = demo.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    lines.nth(told).expect("it goes on").expect("text");
    thread::spawn(move || lines.count());
    child
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let demo = Demo::new();
    demo.expect(0, &in_folder("whole"));
    let run = "data/runs/jumped";
    let mut child = begun(&demo, &in_folder(run), 14);
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    // The past, the future, and the past again.
    let path = demo.path(run).join("journal.jsonl");
    let text = fs::read_to_string(&path).expect("a journal");
    let times = [
        "1970-01-01T00:00:00Z",
        "2199-12-31T23:59:59Z",
        "2001-09-09T01:46:40Z",
    ];
    let jumped: String = text
        .split_inclusive('\n')
        .zip(times.iter().cycle())
        .map(|(line, to)| {
            let at = line.find("\"time\":\"").expect("every line has a time") + 8;
            let end = at + line[at..].find('"').expect("a text");
            format!("{}{to}{}", &line[..at], &line[end..])
        })
        .collect();
    fs::write(&path, jumped).expect("space");
    let (out, _) = demo.expect(0, &["runs"]);
    assert!(
        out.contains("jumped") && out.contains("unfinished"),
        "{out}"
    );
    demo.expect(0, &["resume", run, "--headless"]);
    assert_eq!(events(&demo.path(run)), events(&demo.path("whole")));
    demo.expect(0, &["report", run, "--out", "report"]);
}

#[test]
fn a_program_that_stands_still_for_a_while_goes_on() {
    let demo = Demo::new();
    demo.expect(0, &in_folder("whole"));
    let mut child = begun(&demo, &in_folder("stopped"), 8);
    for _ in 0..3 {
        signal(&child, "STOP");
        thread::sleep(Duration::from_millis(700));
        signal(&child, "CONT");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(child.wait().expect("it ends").success());
    assert_eq!(events(&demo.path("stopped")), events(&demo.path("whole")));
}

/// With libtorch its libraries must not end the program before it begins.
#[cfg(target_os = "linux")]
#[test]
fn a_current_folder_that_was_deleted_is_named_where_it_is_needed() {
    let demo = Demo::new();
    let profile = demo.path("small.toml");
    let from_nowhere = |arguments: &str| {
        let script = format!("mkdir gone && cd gone && rmdir ../gone && exec \"$0\" {arguments}");
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                &script,
                env!("CARGO_BIN_EXE_aq4svit"),
                profile.to_str().expect("Unicode"),
            ])
            .current_dir(demo.folder.path())
            .env("AQ4SVIT_CONFIG", demo.path("config"))
            .env("AQ4SVIT_DATA", demo.path("data"));
        let output = command.output().expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    // What needs no current folder works.
    let (code, out, error) = from_nowhere("profiles list");
    assert!(code == Some(0) && out.contains("demo"), "{code:?}: {error}");
    let (code, _, error) = from_nowhere("inspect \"$1\"");
    assert_eq!(code, Some(0), "{error}");
    let (code, _, error) = from_nowhere("inspect small.toml");
    assert!(
        code == Some(1) && error.contains("small.toml"),
        "{code:?}: {error}"
    );
    let (code, _, error) = from_nowhere("doctor");
    assert!(code.is_some() && !error.contains("terminate"), "{error}");
}

/// What a process may use is taken from it in the middle of its search, down to what it has.
#[cfg(target_os = "linux")]
#[test]
fn memory_that_runs_out_in_the_middle_of_a_search_loses_nothing() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let demo = Demo::slow();
    demo.expect(0, &in_folder("whole"));
    let mut child = begun(&demo, &in_folder("starved"), 6);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.split_whitespace().next()?.parse::<u64>().ok());
    let limit = Rlimit {
        current: size.map(|kib| kib * 1024),
        maximum: None,
    };
    assert!(limit.current.is_some(), "{status}");
    let pid = Pid::from_child(&child);
    prlimit(Some(pid), Resource::As, limit).expect("one's own process");
    let ended = child.wait().expect("it ends");
    let mut error = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut error)
        .expect("text");
    if !ended.success() {
        // By an error of its own or an abort of libtorch's, but never without a word.
        assert!(
            error.contains("memory") || error.contains("alloc"),
            "{ended}: {error}"
        );
        demo.expect(0, &["resume", "starved", "--headless"]);
    }
    assert_eq!(events(&demo.path("starved")), events(&demo.path("whole")));
}
