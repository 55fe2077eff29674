//! Answers of earlier runs, used by later ones: `--no-result-cache`.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::common::demo::Demo;
use crate::common::runs::events;
use serde_json::Value;

const SEARCH: &[&str] = &["search", "small.toml", "--json"];

fn search(demo: &Demo, more: &[&str]) -> Value {
    let (out, _) = demo.expect(0, &[SEARCH, more].concat());
    serde_json::from_str(out.lines().last().expect("lines")).expect("JSON")
}

fn number(finished: &Value, field: &str) -> u64 {
    finished[field].as_u64().expect(field)
}

#[test]
fn no_question_is_computed_twice_and_no_journal_shows_it() {
    let demo = Demo::new();
    let first = search(&demo, &["--run-dir", "first"]);
    let second = search(&demo, &["--run-dir", "second"]);
    assert_eq!(events(&demo.path("first")), events(&demo.path("second")));
    let asked = ["evaluations", "drift_evaluations", "cached"];
    let all: u64 = asked.iter().map(|f| number(&first, f)).sum();
    assert!(number(&first, "evaluations") > 0 && number(&first, "drift_evaluations") > 0);
    assert_eq!(asked.map(|f| number(&second, f)), [0, 0, all]);
    assert_eq!(number(&second, "layer_forwards"), 0);
    let plain = "layer_forwards_plain";
    assert_eq!(number(&second, plain), number(&first, plain));
    for field in [
        "accuracy",
        "accuracy_test",
        "memory_bytes",
        "gated",
        "audited",
    ] {
        assert_eq!(second[field], first[field], "{field}");
    }
    // A finished run says the same of itself again.
    let (again, _) = demo.expect(0, &["resume", "second", "--json"]);
    let again: Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!(again, second);
    let anew = search(&demo, &["--run-dir", "anew", "--no-result-cache"]);
    assert_eq!(
        asked.map(|f| number(&anew, f)),
        asked.map(|f| number(&first, f))
    );
    assert!(number(&anew, "layer_forwards") > 0);

    // Other limits ask some of the same questions.
    let looser = ["--set", "constraint.max_accuracy_drop=9.0", "--run-dir"];
    let with = search(&demo, &[&looser[..], &["with"]].concat());
    let without = search(
        &demo,
        &[&looser[..], &["without", "--no-result-cache"]].concat(),
    );
    assert_eq!(events(&demo.path("with")), events(&demo.path("without")));
    assert!(number(&with, "evaluations") < number(&without, "evaluations"));
    assert!(number(&with, "layer_forwards") < number(&without, "layer_forwards"));
    let total = |f: &Value| asked.iter().map(|a| number(f, a)).sum::<u64>();
    assert_eq!(total(&with), total(&without));

    // Without optimizations there is no memory either.
    let levels = [
        "--set",
        "search.levels=[\"network\"]",
        "--plain",
        "--run-dir",
        "plain",
    ];
    let plain = search(&demo, &levels);
    assert_eq!(plain["layer_forwards"], plain["layer_forwards_plain"]);
}

/// The files of an ending in the folder of results.
fn results(demo: &Demo, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(demo.path("data/results")).expect("results");
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|p| p.extension().is_some_and(|e| e == ending))
        .collect();
    paths.sort();
    paths
}

#[test]
fn kept_layers_change_no_journal_whatever_became_of_them() {
    let demo = Demo::calibrated();
    let run = |name: &str, more: &[&str]| {
        let few = ["--set", "search.levels=[\"network\"]", "--set"];
        let few = [&few[..], &["quantizer.bits=[3, 8]", "--run-dir", name]].concat();
        search(&demo, &[&few[..], more].concat());
        events(&demo.path(name))
    };
    let forget = || {
        for file in results(&demo, "answers") {
            std::fs::remove_file(file).expect("a file");
        }
    };
    let files = || -> Vec<(PathBuf, u64)> {
        let id = |p: &PathBuf| std::fs::metadata(p).expect("a file").ino();
        let layers = results(&demo, "layer").into_iter();
        layers.map(|path| (path.clone(), id(&path))).collect()
    };
    let empty = run("empty", &[]);
    let made = files();
    assert!(made.len() > 20, "{} layers", made.len());
    forget();
    assert_eq!(run("full", &[]), empty);
    assert_eq!(files(), made, "nothing was made again");
    for (path, _) in &made {
        let mut bytes = std::fs::read(path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).expect("space");
    }
    forget();
    assert_eq!(run("damaged", &[]), empty);
    assert!(files().iter().zip(&made).all(|(now, then)| now.1 != then.1));
    assert_eq!(run("absent", &["--no-result-cache"]), empty);
}

#[test]
fn other_calibration_images_or_another_quantizer_get_no_earlier_answers() {
    let demo = Demo::calibrated();
    // Beyond the first 64 calibration images the others, and those of the search, stay the same.
    let run = |set: &str, more: &[&str]| {
        let mut arguments = vec!["--set", "search.levels=[\"network\"]"];
        arguments.extend(["--set", "quantizer.bits=[3, 8]"]);
        arguments.extend(["--set", "data.search=80", "--set", "search.screen=40"]);
        arguments.extend(["--set", "data.calibration=70", "--set", set]);
        let name = format!("{set}{}", more.len());
        arguments.extend(["--run-dir", &name]);
        let finished = search(&demo, &[&arguments[..], more].concat());
        (number(&finished, "cached"), events(&demo.path(&name)))
    };
    run("search.seed=0", &[]);
    for set in [
        "data.calibration=90",
        "quantizer.damping=0.3",
        "quantizer.correction=none",
        "quantizer.correction=sequential",
        "quantizer.method=nearest",
    ] {
        let (cached, with) = run(set, &[]);
        assert_eq!(cached, 0, "{set}");
        assert_eq!(with, run(set, &["--no-result-cache"]).1, "{set}");
    }
    assert!(run("search.seed=1", &[]).0 > 0);
}

#[test]
fn a_run_that_cannot_go_on_says_what_of_it_still_applies() {
    let demo = Demo::new();
    let levels = ["--set", "search.levels=[\"network\"]", "--run-dir", "run"];
    search(&demo, &levels);
    let run = demo.path("run");
    let journal = run.join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let cut: Vec<&str> = text.lines().take(9).collect();
    std::fs::write(&journal, cut.join("\n") + "\n").expect("space");
    let profile = std::fs::read_to_string(run.join("profile.toml")).expect("a profile");
    let changed = profile.replace("max_accuracy_drop = 8.0", "max_accuracy_drop = 7.0");
    assert_ne!(profile, changed);
    std::fs::write(run.join("profile.toml"), changed).expect("space");
    let (_, err) = demo.expect(1, &["resume", "run", "--headless"]);
    assert!(
        err.contains("search settings:") && err.contains("now"),
        "{err}"
    );
    assert!(err.contains("of this run still appl"), "{err}");
}
