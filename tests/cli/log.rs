//! The diagnostic log, and reports of panics.

use std::fs;
use std::process::Output;

use crate::common::demo::Demo;

/// A search on the synthetic evaluator.
fn search(demo: &Demo, more: &[&str], variables: &[(&str, &str)]) -> Output {
    let first = ["search", "small.toml", "--headless", "--run-dir", "run"];
    let mut command = demo.command(&[&first[..], more].concat());
    command.env("AQ4SVIT_SYNTHETIC", "seed=7");
    command.envs(variables.iter().copied());
    command.output().expect("the binary runs")
}

/// The files of the log folder with their text, sorted.
fn files(demo: &Demo) -> Vec<(String, String)> {
    let entries = fs::read_dir(demo.path("data/log")).into_iter().flatten();
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("text");
        (name.into_owned(), text)
    };
    let mut files: Vec<_> = entries.map(file).collect();
    files.sort();
    files
}

/// The text of the day's log.
fn log(demo: &Demo) -> String {
    let files = files(demo);
    let is_log = |name: &str| name.starts_with("aq4svit.") && name.ends_with(".log");
    let mut logs = files.into_iter().filter(|(name, _)| is_log(name));
    logs.next().map_or_else(String::new, |(_, text)| text)
}

#[test]
fn the_log_holds_as_much_as_is_asked_for() {
    let demo = Demo::new();
    let ended = |output: Output| assert!(matches!(output.status.code(), Some(0 | 3)));
    ended(search(&demo, &["--log-level", "off"], &[]));
    assert_eq!(files(&demo), []);
    fs::remove_dir_all(demo.path("run")).expect("a run");
    ended(search(&demo, &[], &[]));
    let usual = log(&demo);
    assert!(usual.contains("a search"), "{usual}");
    assert!(usual.contains("the search ends"), "{usual}");
    assert!(!usual.contains("the drift of the bit-widths"), "{usual}");
    fs::remove_dir_all(demo.path("run")).expect("a run");
    ended(search(
        &demo,
        &["--no-result-cache"],
        &[("AQ4SVIT_LOG", "debug")],
    ));
    let more = log(&demo);
    assert!(more.starts_with(&usual), "lines are added");
    for word in [
        "--no-result-cache",
        "the drift of the bit-widths",
        "incumbent_changed",
    ] {
        assert!(more.contains(word), "{word}: {more}");
    }
    assert!(!more.contains('\u{1b}'));
    // What went wrong is in it, too.
    demo.expect(1, &["search", "nothing.toml", "--headless"]);
    assert!(log(&demo).contains("ERROR"));
    // A folder that cannot be written is no reason to stop.
    fs::remove_dir_all(demo.path("data/log")).expect("a log");
    demo.write("data/log", b"");
    demo.expect(0, &["profiles", "list"]);
}

#[test]
fn a_panic_leaves_a_report_that_names_the_run() {
    let demo = Demo::new();
    let output = search(&demo, &[], &[("AQ4SVIT_PANIC_AT_JOB", "5")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let reports: Vec<_> = files(&demo)
        .into_iter()
        .filter(|(name, _)| name.starts_with("crash-"))
        .collect();
    let [(name, report)] = &reports[..] else {
        panic!("one report: {reports:?}");
    };
    let resume = format!("aq4svit resume {}", demo.path("run").display());
    for word in ["a fault on demand, at job 5", "fault.rs", &resume] {
        assert!(report.contains(word), "{word}: {report}");
    }
    assert!(said.contains(name) && said.contains(&resume), "{said}");
    assert!(log(&demo).contains("a fault on demand"), "{}", log(&demo));
    // The command is as good as it looks.
    let mut resumed = demo.command(&["resume", "run", "--headless"]);
    resumed.env("AQ4SVIT_SYNTHETIC", "seed=7");
    let resumed = resumed.output().expect("the binary runs");
    assert!(matches!(resumed.status.code(), Some(0 | 3)));
}
