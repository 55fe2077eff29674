//! Rules that leave nothing to search: what the real binary says of them before a run starts.

#[path = "common/demo.rs"]
mod demo;

use demo::Demo;

/// Runs a headless search of the small demo with overrides, which must fail with 1 before it begins.
fn refused(demo: &Demo, set: &[&str]) -> String {
    let mut arguments = vec!["search", "small.toml", "--headless", "--run-dir", "run"];
    set.iter().for_each(|s| arguments.extend(["--set", s]));
    let (_, err) = demo.expect(1, &arguments);
    assert!(
        !demo.path("run").join("journal.jsonl").exists(),
        "no run begins: {set:?}"
    );
    err
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn pins_that_exclude_each_other_are_named() {
    let demo = Demo::new();
    says(
        &refused(&demo, &["pins.*=[2, 4]", "pins.head=[6, 8]"]),
        &["\"*\" (2 or 4)", "\"head\" (6 or 8)", "no width"],
    );
    says(
        &refused(
            &demo,
            &["pins.*=[2, 4]", "pins.h*=[4, 8]", "pins.head=[2, 8]"],
        ),
        &["\"*\" (2 or 4)", "\"h*\" (4 or 8)", "\"head\" (2 or 8)"],
    );
    says(
        &refused(&demo, &["pins.head=[7]"]),
        &["\"head\"", "7", "quantizer.bits"],
    );
    says(&refused(&demo, &["pins.head=[]"]), &["pins.head", "list"]);
    says(
        &refused(&demo, &["pins.head=[4, 9]"]),
        &["pins.head", "1 to 8"],
    );
}
