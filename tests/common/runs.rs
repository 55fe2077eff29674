//! Runs of the real binary: what their journals say, and signals to their processes.

use std::path::Path;
use std::process::{Child, Command};

use serde_json::Value;

/// The journal without what may differ between equal runs: the first line, and `time`.
pub fn events(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("journal.jsonl")).expect("a journal");
    let without_time = |line: &str| {
        let mut event: Value = serde_json::from_str(line).expect("JSON");
        event.as_object_mut().expect("an object").remove("time");
        event
    };
    text.lines().skip(1).map(without_time).collect()
}

/// Sends a signal, by its name without `SIG`.
#[cfg(unix)]
pub fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status();
    assert!(sent.expect("kill").success());
}
