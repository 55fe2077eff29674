//! `aq4svit doctor`: whatever the machine lacks, an answer in words.

use std::process::Output;

use serde_json::Value;

use crate::common::demo::Demo;

/// The answer to `doctor --json`, which must not panic.
fn report(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains("panicked"), "{error}");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text).expect("one object of JSON");
    assert_eq!(report["type"], "doctor");
    let code = i32::from(report["ok"] == false);
    assert_eq!(output.status.code(), Some(code), "{text}");
    report
}

/// State and finding of a check.
fn check(report: &Value, name: &str) -> (String, String) {
    let checks = report["checks"].as_array().expect("a list");
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name} in {report}"));
    let text = |key: &str| check[key].as_str().expect("text").to_owned();
    (text("state"), text("found"))
}

#[test]
fn it_says_what_is_there() {
    let demo = Demo::new();
    let found = report(&demo.run(&["doctor", "--json", "--no-self-check"]));
    assert_eq!(found["ok"], cfg!(feature = "torch"), "{found}");
    let (state, runs) = check(&found, "runs");
    assert_eq!(state, "fine", "{runs}");
    assert!(runs.contains("can be made, writable"), "{runs}");
    assert_eq!(check(&found, "file locks").0, "fine");
    // The test's standard output is no terminal.
    assert_eq!(check(&found, "terminal").0, "lacking");
    assert!(!demo.path("data").exists(), "nothing is made");
    let (text, _) = demo.expect(
        i32::from(!cfg!(feature = "torch")),
        &["doctor", "--no-self-check"],
    );
    assert!(text.contains("lacking  terminal"), "{text}");
    if !cfg!(feature = "torch") {
        assert!(text.contains("built without it"), "{text}");
    }
}

#[test]
fn without_a_home_it_says_what_to_set() {
    let demo = Demo::new();
    let mut command = demo.command(&["doctor", "--json", "--no-self-check"]);
    command.env_clear().env("HOME", "");
    let found = report(&command.output().expect("the binary runs"));
    // A user of the system's list may have a home without the variable.
    if let Some(folders) = found["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|c| c["name"] == "folders")
    {
        assert_eq!(folders["state"], "failing");
        let advice = folders["to_do"].as_str().expect("advice");
        assert!(advice.contains("AQ4SVIT_DATA"), "{advice}");
    }
}

#[test]
fn folders_that_cannot_be_made_fail() {
    let demo = Demo::new();
    demo.write("file", b"");
    let mut command = demo.command(&["doctor", "--json", "--no-self-check"]);
    command.env("AQ4SVIT_DATA", demo.path("file/data"));
    let found = report(&command.output().expect("the binary runs"));
    assert_eq!(found["ok"], false);
    let (state, why) = check(&found, "runs");
    assert_eq!(state, "failing", "{why}");
    assert_eq!(check(&found, "results store").0, "lacking");
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_and_limits_are_named() {
    let demo = Demo::new();
    // Nobody can make files there, root included.
    let mut command = demo.command(&["doctor", "--json", "--no-self-check"]);
    command.env("AQ4SVIT_DATA", "/proc/aq4svit");
    let found = report(&command.output().expect("the binary runs"));
    assert_eq!(check(&found, "runs").0, "failing");

    let mut shell = std::process::Command::new("sh");
    let script = "ulimit -v 8000000; exec \"$0\" doctor --json --no-self-check";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_aq4svit")]);
    let found = report(&shell.output().expect("a shell"));
    let (_, limit) = check(&found, "address space (ulimit -v)");
    assert!(limit.contains(" of "), "{limit}");
}

/// (With libtorch, its mathematical library ends the process before the program begins.)
#[cfg(all(unix, not(feature = "torch")))]
#[test]
fn a_current_folder_that_is_gone_is_lacking() {
    let demo = Demo::new();
    let mut shell = std::process::Command::new("sh");
    let script = "mkdir gone; cd gone; rmdir ../gone; exec \"$0\" doctor --json --no-self-check";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_aq4svit")]);
    shell.current_dir(demo.folder.path());
    let found = report(&shell.output().expect("a shell"));
    assert_eq!(check(&found, "current folder").0, "lacking");
}

#[cfg(feature = "torch")]
#[test]
fn the_self_check_runs_on_the_demo() {
    let demo = Demo::new();
    let found = report(&demo.run(&["doctor", "--json"]));
    let (state, text) = check(&found, "self-check");
    assert_eq!(state, "fine", "{text}");
    assert!(text.contains("agree"), "{text}");
    let (state, text) = check(&found, "libtorch");
    assert_eq!(state, "fine", "{text}");
    assert!(text.contains("2.13"), "{text}");
    #[cfg(debug_assertions)]
    {
        let mut command = demo.command(&["doctor", "--json"]);
        command.env("AQ4SVIT_WRONG_ANSWERS", "1");
        let found = report(&command.output().expect("the binary runs"));
        assert_eq!(check(&found, "self-check").0, "failing");
    }
}
