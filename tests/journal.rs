//! Journals of earlier formats: read, replayed, reported and continued as those of today.

use std::path::{Path, PathBuf};

use aq4svit::journal::{FORMAT, Journal, Writer};
use aq4svit::run::{Finished, Summary};
use aq4svit::search::Engine;
use serde_json::Value;

/// A copy of a run of version 0.1.0.
fn earlier_run(folder: &Path) -> PathBuf {
    let run = folder.join("run");
    std::fs::create_dir(&run).expect("a folder");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/format-1");
    for file in ["journal.jsonl", "work.jsonl", "finished.json"] {
        std::fs::copy(data.join(file), run.join(file)).expect("test data");
    }
    run
}

#[test]
fn an_earlier_run_is_summed_up_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = earlier_run(folder.path());
    let summary = Summary::read(&run).expect("it is read");
    assert_eq!(summary.header.format, FORMAT);
    let finished = Finished::new(&summary.tree, summary.counters, summary.totals, &run);
    let mut finished = serde_json::to_value(finished.expect("it has ended")).expect("plain data");
    let object = finished.as_object_mut().expect("an object");
    object.remove("profile");
    // There were no certificates then.
    assert_eq!(object.remove("certified"), Some(Value::Null));
    let text = std::fs::read_to_string(run.join("finished.json")).expect("test data");
    let then: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(finished, then);
}

#[test]
fn an_earlier_run_follows_from_its_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Journal::read(&earlier_run(folder.path())).expect("it is read");
    let summary = Summary::of(folder.path(), journal.clone())
        .expect("whole")
        .0;
    let settings = summary.tree.settings.expect("it began");
    let mut engine = Engine::new(*settings).expect("possible");
    let missing = engine.replay(journal.events()).expect("it follows");
    assert_eq!(missing, []);
    assert!(engine.is_finished());
}

#[test]
fn a_continued_journal_is_upgraded_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = earlier_run(folder.path());
    let path = run.join("journal.jsonl");
    let text = std::fs::read_to_string(&path).expect("test data");
    let half: Vec<&str> = text.split_inclusive('\n').take(60).collect();
    // The program was killed in the middle of a line.
    std::fs::write(&path, half.concat() + "{\"seq\":60,").expect("space");
    let (journal, mut writer) = Writer::resume(&run).expect("it is read");
    assert_eq!(journal.entries.len(), 59);
    let event = journal.entries[58].event.clone();
    writer.append(vec![event], "t").expect("space");
    assert!(matches!(
        Writer::resume(&run),
        Err(aq4svit::journal::JournalError::Locked(_))
    ));
    drop(writer);
    let again = Journal::read(&run).expect("it is read");
    assert_eq!(again.header.format, FORMAT);
    assert!(!again.upgraded);
    assert_eq!(again.entries[..59], journal.entries);
    assert_eq!(again.entries.len(), 60);
}

#[test]
fn a_journal_of_a_newer_format_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = earlier_run(folder.path());
    let path = run.join("journal.jsonl");
    let text = std::fs::read_to_string(&path).expect("test data");
    std::fs::write(&path, text.replacen("\"format\":1", "\"format\":99", 1)).expect("space");
    let error = Summary::read(&run).expect_err("refused").to_string();
    assert!(
        error.contains("format 99") && error.contains("update"),
        "{error}"
    );
}
