//! The self-check at the start of a search: it changes nothing where it passes, and nothing begins
//! where it fails.

use crate::common::demo::Demo;
use crate::common::runs::events;

const SEARCH: &[&str] = &[
    "search",
    "small.toml",
    "--json",
    "--set",
    "search.levels=[\"network\"]",
    "--run-dir",
];

/// The result, without what depends on the clock.
fn result(out: &str) -> serde_json::Value {
    let line = out.lines().last().expect("a line");
    let mut result: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let object = result.as_object_mut().expect("an object");
    object.retain(|key, _| !key.contains("seconds") && key != "profile");
    result
}

#[test]
fn it_changes_neither_journal_nor_counters() {
    let demo = Demo::with_self_check();
    // With several threads, how many batches are in flight when a verdict is clear depends on time.
    let own = ["--no-result-cache", "--threads", "1"];
    let (with, _) = demo.expect(0, &[SEARCH, &["with"], &own].concat());
    let (without, _) = demo.expect(0, &[SEARCH, &["without", "--no-self-check"], &own].concat());
    assert_eq!(result(&with), result(&without));
    assert_eq!(events(&demo.path("with")), events(&demo.path("without")));
}

#[cfg(debug_assertions)]
#[test]
fn a_self_check_that_fails_begins_no_search() {
    let demo = Demo::with_self_check();
    let run = |arguments: &[&str]| {
        let mut command = demo.command(arguments);
        command.env("AQ4SVIT_WRONG_ANSWERS", "1");
        let output = command.output().expect("the binary runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    };
    let (code, error) = run(&[SEARCH, &["run"]].concat());
    assert_eq!(code, Some(1), "{error}");
    for part in ["self-check", "neuron site", "--plain", "aq4svit doctor"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!demo.path("run").exists());
    // The advice works, and so does asking for it.
    assert_eq!(run(&[SEARCH, &["plain", "--plain"]].concat()).0, Some(0));
    let (code, error) = run(&[SEARCH, &["unchecked", "--no-self-check"]].concat());
    assert_eq!(code, Some(0), "{error}");
    // A run is not continued either; it stays as it is.
    demo.expect(
        0,
        &[
            SEARCH,
            &["stopped", "--set", "constraint.max_evaluations=1"],
        ]
        .concat(),
    );
    let text = std::fs::read_to_string(demo.path("stopped/journal.jsonl")).expect("a journal");
    let cut: Vec<&str> = text.lines().take(4).collect();
    std::fs::write(demo.path("stopped/journal.jsonl"), cut.join("\n") + "\n").expect("space");
    let (code, error) = run(&["resume", "stopped", "--headless"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("self-check"), "{error}");
    let after = std::fs::read_to_string(demo.path("stopped/journal.jsonl")).expect("a journal");
    assert_eq!(after.lines().count(), 4);
}

/// What is reserved when the program starts takes most of the limit; the rest is too little. How
/// much that is depends on the machine: below, the loader or libtorch ends first.
#[cfg(target_os = "linux")]
#[test]
fn an_address_space_that_is_too_small_is_named() {
    let demo = Demo::new();
    let run = |limit: u32| {
        let mut shell = std::process::Command::new("sh");
        let script = format!(
            "ulimit -c 0; ulimit -v {limit}; exec \"$0\" search small.toml --headless --run-dir run"
        );
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_aq4svit")]);
        shell.current_dir(demo.folder.path());
        shell.env("AQ4SVIT_DATA", demo.path("data"));
        let output = shell.output().expect("a shell");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    };
    let mut answers = (550_000..1_000_000).step_by(50_000).map(run);
    let named = answers.find(|(_, error)| error.contains("ulimit -v"));
    let (code, error) = named.expect("a limit under which the program starts");
    assert_eq!(code, Some(1), "{error}");
    assert!(!demo.path("run").exists());
}
