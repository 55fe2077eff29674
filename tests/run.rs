//! Runs on a synthetic landscape: threads, journal, kill and resume, pause, faults, locks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::landscape::{settings, width};
use aq4svit::evaluate::{
    Cancel, EvaluateError, Evaluator, Job, Landscape, LayerSource, Outcome, OutputError, Progress,
    Provenance, Work,
};
use aq4svit::journal::{Fingerprint, Journal, JournalError, Writer};
use aq4svit::profile::{AccuracyDrop, ConstraintChange, Pin, Profile};
use aq4svit::quant::{Allocation, BitWidth, QuantizedLayer};
use aq4svit::report::Report;
use aq4svit::run::{
    self, BEST, Command, Finished, Handle, Parts, RunError, RunStatus, ScheduledCommand, Script,
    SearchProblem, Summary, Update,
};
use aq4svit::search::{CandidateId, Engine, Event, Ledger, Settings, Tree};
use proptest::prelude::*;

const TEXT: &str = include_str!("../profiles/demo.toml");

/// A landscape that takes its time, so that commands meet running jobs, and may fail.
struct Slow {
    inner: Landscape,
    jobs: usize,
    fail_at: Option<(usize, Failure)>,
    /// Images of the last job, counted while it is not answered.
    spent: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Failure {
    Error,
    Panic,
    /// It never answers.
    Hang,
    /// The drift of site 2 is no number.
    NotANumber,
}

impl Evaluator for Slow {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        self.jobs += 1;
        match self.fail_at {
            Some((at, Failure::Error)) if at == self.jobs => {
                return Err(EvaluateError::Backend("no more memory".into()));
            }
            Some((at, Failure::Panic)) if at == self.jobs => panic!("injected"),
            Some((at, Failure::Hang)) if at == self.jobs => loop {
                std::thread::park();
            },
            _ => {}
        }
        for _ in 0..4 {
            std::thread::sleep(Duration::from_micros(200));
            if cancel.is_cancelled() {
                self.spent = 1_000_000;
                return Err(EvaluateError::Cancelled);
            }
        }
        let mut answer = self.inner.evaluate(job, cancel, progress);
        if let Some((at, Failure::NotANumber)) = self.fail_at
            && self.jobs >= at
            && let Ok((Outcome::Drift { sites, .. }, _)) = &mut answer
        {
            sites[2] = f64::NAN;
        }
        answer
    }
    fn numerics(&self) -> String {
        self.inner.numerics()
    }
    fn wasted_work(&mut self) -> Work {
        let images = std::mem::take(&mut self.spent);
        Work {
            images,
            layer_forwards: images,
            ..Work::default()
        }
    }
}

fn demo_settings() -> Settings {
    // The best profile is written with the demo's text, so the layers must be the demo's.
    let profile = Profile::parse(TEXT, "demo.toml".as_ref()).expect("it is shipped");
    let mut settings = settings();
    settings.space = SearchProblem::from(profile).space;
    settings
}

fn parts(seed: u64, fail_at: Option<(usize, Failure)>) -> Parts {
    let settings = demo_settings();
    let inner = Landscape::new(seed, settings.space.layers.len(), 16, 800, 300);
    let fingerprint = Fingerprint {
        weights: seed.to_string(),
        ..Fingerprint::default()
    };
    let evaluator = Box::new(Slow {
        inner,
        jobs: 0,
        fail_at,
        spent: 0,
    });
    Parts {
        text: TEXT.into(),
        origin: "test".into(),
        settings,
        fingerprint,
        evaluators: vec![evaluator],
        side_files: None,
        evaluation_timeout: None,
        crew: None,
        notes: Vec::new(),
    }
}

/// As [`parts`], with several evaluators.
fn team(seed: u64, workers: usize) -> Parts {
    let mut of_all = parts(seed, None);
    let others = (1..workers).flat_map(|_| parts(seed, None).evaluators);
    of_all.evaluators.extend(others);
    of_all
}

/// Reads updates until `until` says so or the run ends.
fn follow(handle: &Handle, mut until: impl FnMut(&Tree, &Update) -> bool) -> (Tree, Vec<Update>) {
    let (mut tree, mut updates) = (Tree::default(), Vec::new());
    while let Ok(update) = handle.updates.recv_timeout(Duration::from_secs(60)) {
        if let Update::Event(entry) = &update {
            tree.apply(&entry.event);
        }
        updates.push(update);
        if until(&tree, &updates[updates.len() - 1]) {
            break;
        }
    }
    (tree, updates)
}

fn to_end(handle: &Handle) -> (Tree, Vec<Update>) {
    follow(handle, |_, _| false)
}

fn journal_without_time(folder: &Path) -> Vec<Event> {
    Journal::read(folder)
        .expect("a journal")
        .events()
        .cloned()
        .collect()
}

#[test]
fn two_runs_have_equal_journals_and_the_result_loads_again() {
    let root = tempfile::tempdir().expect("a folder");
    let folders = [root.path().join("a"), root.path().join("b")];
    for folder in &folders {
        let (tree, updates) = to_end(&run::launch(folder, parts(1, None)).expect("starts"));
        assert!(tree.finished.is_some());
        let totals = updates.iter().rev().find_map(|u| {
            if let Update::Totals(t) = u {
                Some(*t)
            } else {
                None
            }
        });
        let summary = Summary::read(folder).expect("a run");
        assert_eq!(summary.condition, RunStatus::Finished);
        assert_eq!(
            Some(summary.totals),
            totals,
            "what is read again is what was told"
        );
        let finished =
            Finished::new(&tree, summary.counters, summary.totals, folder).expect("finished");
        assert!(finished.is_met() && finished.layer_forwards <= finished.layer_forwards_plain);
        let best =
            Profile::load(finished.profile.as_deref().expect("a result")).expect("it loads again");
        let incumbent = tree.incumbent.and_then(|i| tree.get(i)).expect("a result");
        let graph = best.graph();
        assert_eq!(
            best.allocation(&graph).as_ref(),
            Some(&incumbent.allocation)
        );
    }
    assert_eq!(
        journal_without_time(&folders[0]),
        journal_without_time(&folders[1])
    );
}

#[test]
fn a_run_cut_at_any_line_ends_as_if_undisturbed() {
    let root = tempfile::tempdir().expect("a folder");
    let whole = root.path().join("whole");
    to_end(&run::launch(&whole, parts(2, None)).expect("starts"));
    let text = std::fs::read_to_string(whole.join("journal.jsonl")).expect("a journal");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for keep in (1..lines.len()).step_by(lines.len() / 9 + 1) {
        let cut = root.path().join(format!("cut{keep}"));
        std::fs::create_dir(&cut).expect("a folder");
        let torn = lines[keep].len() / 2;
        let text = lines[..keep].concat() + &lines[keep][..torn];
        std::fs::write(cut.join("journal.jsonl"), text).expect("space");
        let opened = Writer::resume(&cut).expect("a torn end is tolerated");
        let handle = run::relaunch(&cut, opened, parts(2, None)).expect("continues");
        assert_eq!(handle.history, keep - 1);
        to_end(&handle);
        assert_eq!(
            journal_without_time(&cut),
            journal_without_time(&whole),
            "cut after line {keep}"
        );
    }
}

#[test]
fn a_changed_ingredient_is_refused_with_both_sides() {
    let root = tempfile::tempdir().expect("a folder");
    drop(run::launch(root.path(), parts(3, None)).expect("starts"));
    let opened = Writer::resume(root.path()).expect("not open any more");
    let error = run::relaunch(root.path(), opened, parts(4, None))
        .expect_err("other weights")
        .to_string();
    assert!(error.contains("weights: 3 when it began, 4 now"), "{error}");
}

#[test]
fn a_run_folder_is_not_used_twice_nor_by_two() {
    let root = tempfile::tempdir().expect("a folder");
    let handle = run::launch(root.path(), parts(5, None)).expect("starts");
    let taken = run::launch(root.path(), parts(5, None));
    assert!(matches!(
        taken,
        Err(RunError::Journal(JournalError::Exists(_)))
    ));
    assert!(matches!(
        Writer::resume(root.path()),
        Err(JournalError::Locked(_))
    ));
    assert_eq!(
        Summary::read(root.path()).expect("readable").condition,
        RunStatus::Open
    );
    drop(handle);
    assert_eq!(
        Summary::read(root.path()).expect("readable").condition,
        RunStatus::Unfinished
    );
}

#[test]
fn pause_idles_the_evaluator_and_resume_goes_on() {
    let root = tempfile::tempdir().expect("a folder");
    let handle = run::launch(root.path(), parts(6, None)).expect("starts");
    follow(&handle, |tree, _| tree.candidates.len() > 3);
    handle
        .commands
        .send(Command::Pause.into())
        .expect("it runs");
    let (mut paused, mut idle) = (false, false);
    follow(&handle, |_, update| {
        paused |= matches!(update, Update::Event(e) if matches!(&e.event, Event::CommandAccepted { command: Command::Pause, .. }));
        idle |= paused && *update == Update::Idle;
        idle
    });
    assert!(
        handle
            .updates
            .recv_timeout(Duration::from_millis(100))
            .is_err(),
        "nothing happens while paused"
    );
    let pin = Pin::fixed("head", width(8));
    handle
        .commands
        .send(Command::Pin { pin }.into())
        .expect("it runs");
    handle
        .commands
        .send(
            Command::Prune {
                candidate: CandidateId(999),
            }
            .into(),
        )
        .expect("it runs");
    handle
        .commands
        .send(Command::Resume.into())
        .expect("it runs");
    let (_, updates) = to_end(&handle);
    let refused = |u: &Update| matches!(u, Update::Event(e) if matches!(&e.event, Event::CommandRefused { .. }));
    assert_eq!(updates.iter().filter(|u| refused(u)).count(), 1);
    assert!(
        Summary::read(root.path())
            .expect("a run")
            .tree
            .finished
            .is_some()
    );
}

#[test]
fn several_evaluators_write_the_journal_of_one() {
    let root = tempfile::tempdir().expect("a folder");
    let alone = root.path().join("1");
    to_end(&run::launch(&alone, team(19, 1)).expect("starts"));
    for workers in [2, 3, 5] {
        let folder = root.path().join(workers.to_string());
        let handle = run::launch(&folder, team(19, workers)).expect("starts");
        // Left and taken up again with other workers.
        follow(&handle, |tree, _| tree.candidates.len() > 8);
        drop(handle);
        let opened = Writer::resume(&folder).expect("intact");
        let (_, updates) =
            to_end(&run::relaunch(&folder, opened, team(19, workers - 1)).expect("continues"));
        assert!(failure(&updates).is_none());
        assert_eq!(
            journal_without_time(&folder),
            journal_without_time(&alone),
            "{workers} workers"
        );
        let plain = |folder: &Path| {
            let totals = Summary::read(folder).expect("a run").totals;
            totals.layer_forwards_plain
        };
        assert_eq!(plain(&folder), plain(&alone));
    }
}

#[test]
fn a_fault_matters_when_the_search_comes_to_it() {
    // One evaluator of two fails at everything: whatever it is given, the session ends with what it
    // found out.
    let root = tempfile::tempdir().expect("a folder");
    let mut of_two = team(20, 1);
    of_two
        .evaluators
        .extend(parts(20, Some((1, Failure::Error))).evaluators);
    let handle = run::launch(root.path(), of_two).expect("starts");
    let (tree, updates) = to_end(&handle);
    let why = failure(&updates).expect("the front end is told");
    assert!(why.contains("no more memory"), "{why}");
    assert!(tree.finished.is_none());
    drop(handle);
    let opened = Writer::resume(root.path()).expect("intact");
    to_end(&run::relaunch(root.path(), opened, team(20, 2)).expect("continues"));
    assert!(
        Summary::read(root.path())
            .expect("a run")
            .tree
            .finished
            .is_some()
    );
}

#[test]
fn faults_of_the_evaluator_end_the_session_and_lose_nothing() {
    for failure in [Failure::Error, Failure::Panic] {
        let root = tempfile::tempdir().expect("a folder");
        let handle = run::launch(root.path(), parts(7, Some((9, failure)))).expect("starts");
        let (tree, updates) = to_end(&handle);
        let failed = updates.iter().find_map(|u| {
            if let Update::Failed(why) = u {
                Some(why.clone())
            } else {
                None
            }
        });
        let why = failed.expect("the front end is told");
        assert!(
            why.contains(if matches!(failure, Failure::Error) {
                "no more memory"
            } else {
                "injected"
            }),
            "{why}"
        );
        assert!(tree.finished.is_none() && !tree.candidates.is_empty());
        drop(handle);
        let opened = Writer::resume(root.path()).expect("intact");
        to_end(&run::relaunch(root.path(), opened, parts(7, None)).expect("continues"));
        assert!(
            Summary::read(root.path())
                .expect("a run")
                .tree
                .finished
                .is_some()
        );
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_deleted_ends_the_session_and_is_named() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("run");
    let handle = run::launch(&folder, parts(3, None)).expect("it starts");
    let mut deleted = false;
    let (_, updates) = follow(&handle, |tree, _| {
        if !deleted && tree.candidates.len() > 2 {
            deleted = true;
            std::fs::remove_dir_all(&folder).expect("it is there");
        }
        false
    });
    assert!(deleted);
    let why = failure(&updates).expect("a message");
    assert!(why.contains("was deleted while it was searched"), "{why}");
    assert!(why.contains(&*folder.to_string_lossy()), "{why}");
}

#[test]
fn a_hung_evaluation_ends_the_session_and_loses_nothing() {
    let undisturbed = tempfile::tempdir().expect("a folder");
    to_end(&run::launch(undisturbed.path(), parts(7, None)).expect("starts"));
    let root = tempfile::tempdir().expect("a folder");
    let hangs = Parts {
        evaluation_timeout: Some(Duration::from_secs(2)),
        ..parts(7, Some((9, Failure::Hang)))
    };
    let handle = run::launch(root.path(), hangs).expect("starts");
    let (_, updates) = to_end(&handle);
    let failed = |update: &Update| match update {
        Update::Failed(why) => Some(why.clone()),
        _ => None,
    };
    let why = updates.iter().find_map(failed);
    let why = why.expect("the front end is told");
    let named = ["the evaluation of candidate", "for 2 s", "`aq4svit resume`"];
    assert!(named.iter().all(|part| why.contains(part)), "{why}");
    // The thread that hangs is not waited for.
    drop(handle);
    let opened = Writer::resume(root.path()).expect("intact");
    to_end(&run::relaunch(root.path(), opened, parts(7, None)).expect("continues"));
    let journals = [&undisturbed, &root].map(|run| journal_without_time(run.path()));
    assert_eq!(journals[0], journals[1]);
}

#[test]
fn an_unwritable_place_is_an_error_that_names_it() {
    let root = tempfile::tempdir().expect("a folder");
    let file = root.path().join("file");
    std::fs::write(&file, "").expect("space");
    let error = run::launch(&file.join("run"), parts(8, None))
        .expect_err("below a file")
        .to_string();
    assert!(
        error.contains("make the run folder") && error.contains("file"),
        "{error}"
    );
}

/// The message of the run's failure.
fn failure(updates: &[Update]) -> Option<&str> {
    updates.iter().find_map(|u| match u {
        Update::Failed(why) => Some(why.as_str()),
        _ => None,
    })
}

#[test]
fn a_drift_that_is_no_number_is_never_journalled() {
    let root = tempfile::tempdir().expect("a folder");
    let bad = Some((5, Failure::NotANumber));
    let handle = run::launch(root.path(), parts(9, bad)).expect("starts");
    let (tree, updates) = to_end(&handle);
    let site = &demo_settings().space.sites[2];
    let why = failure(&updates).expect("the front end is told");
    assert!(
        why.contains(&format!("neuron site {site}")) && why.contains("checkpoint"),
        "{why}"
    );
    assert!(tree.finished.is_none());
    drop(handle);
    let opened = Writer::resume(root.path()).expect("it can be read again");
    let (tree, _) = to_end(&run::relaunch(root.path(), opened, parts(9, None)).expect("continues"));
    assert!(tree.finished.is_some());
}

#[test]
fn nothing_in_a_run_folder_is_replaced() {
    for name in ["profile.toml", "best.toml", "work.jsonl"] {
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join(name);
        std::fs::write(&file, "mine").expect("space");
        let error = run::launch(root.path(), parts(10, None)).expect_err(name);
        assert!(matches!(error, RunError::Occupied { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(name) && text.contains("another folder"),
            "{text}"
        );
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "mine");
        assert_eq!(std::fs::read_dir(root.path()).expect("a folder").count(), 1);
    }
    // One that appears while the run goes on is not replaced either.
    let root = tempfile::tempdir().expect("a folder");
    let handle = run::launch(root.path(), parts(10, None)).expect("starts");
    let best = root.path().join("best.toml");
    std::fs::write(&best, "mine").expect("space");
    let (_, updates) = to_end(&handle);
    let why = failure(&updates).expect("the front end is told");
    assert!(why.contains("best.toml exists already"), "{why}");
    assert_eq!(std::fs::read_to_string(&best).expect("there"), "mine");
}

#[test]
fn a_run_that_cannot_begin_leaves_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("run");
    let mut bad = parts(11, None);
    let pin = |bits| Pin::fixed("head", width(bits));
    bad.settings.pins = vec![pin(7)];
    assert!(
        run::launch(&folder, bad).is_err(),
        "7 bits are not in the menu"
    );
    assert!(!folder.exists());
}

#[test]
fn a_folder_whose_journal_never_began_is_no_run() {
    let root = tempfile::tempdir().expect("a folder");
    let good = root.path().join("20260101-000000-good");
    to_end(&run::launch(&good, parts(12, None)).expect("starts"));
    for (name, text) in [
        ("20990101-000000-empty", ""),
        ("20990101-000001-torn", "{\"type\":\"jour"),
    ] {
        let folder = root.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("journal.jsonl"), text).expect("space");
    }
    std::fs::create_dir(root.path().join("20990101-000002-nothing")).expect("a folder");
    let listed: Vec<_> = run::list(root.path()).into_iter().map(|(f, _)| f).collect();
    assert_eq!(listed, std::slice::from_ref(&good));
    assert_eq!(run::find(root.path(), None).expect("the good one"), good);
}

#[test]
fn the_latest_run_is_not_passed_over_because_it_cannot_be_read() {
    let root = tempfile::tempdir().expect("a folder");
    let good = root.path().join("20200101-000000-good");
    to_end(&run::launch(&good, parts(12, None)).expect("starts"));
    for text in [
        "{\"type\":\"journal\",\"format\":99}\n",
        "no journal at all\n",
    ] {
        let bad = root.path().join("20990101-000000-bad");
        std::fs::create_dir_all(&bad).expect("a folder");
        std::fs::write(bad.join("journal.jsonl"), text).expect("space");
        let error = run::find(root.path(), None)
            .expect_err("the latest")
            .to_string();
        for part in ["20990101-000000-bad", "line 1", "aq4svit resume RUN"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        // One that is older than the latest readable one is in nobody's way.
        let old = root.path().join("20100101-000000-bad");
        std::fs::rename(&bad, &old).expect("moved");
        assert_eq!(run::find(root.path(), None).expect("the good one"), good);
        std::fs::remove_dir_all(&old).expect("there");
    }
    // A damaged line further down: the header still says when it began.
    let text = std::fs::read_to_string(good.join("journal.jsonl")).expect("a journal");
    let damaged = root.path().join("damaged");
    std::fs::create_dir(&damaged).expect("a folder");
    let text = text.replace("\"time\":\"20", "\"time\":\"30");
    let text = text.replacen("\"type\":\"baseline\"", "\"type\":\"basline\"", 1);
    std::fs::write(damaged.join("journal.jsonl"), text).expect("space");
    let error = run::find(root.path(), None)
        .expect_err("the latest")
        .to_string();
    assert!(
        error.contains("damaged") && error.contains("line 3"),
        "{error}"
    );
}

/// The profile of the result as it is on disk.
fn best(folder: &Path) -> Option<Profile> {
    Profile::load(&folder.join("best.toml")).ok()
}

#[test]
fn the_result_is_on_disk_before_the_event_that_tells_of_it() {
    let root = tempfile::tempdir().expect("a folder");
    let handle = run::launch(root.path(), parts(13, None)).expect("starts");
    // Where it cannot be written, the event is not journalled.
    std::fs::create_dir(root.path().join("best.toml")).expect("space");
    let (_, updates) = to_end(&handle);
    assert!(failure(&updates).is_some());
    drop(handle);
    let confirmed = |e: &Event| matches!(e, Event::IncumbentChanged { .. });
    let journal = Journal::read(root.path()).expect("intact");
    assert!(!journal.events().any(confirmed));
    std::fs::remove_dir(root.path().join("best.toml")).expect("empty");
    let opened = Writer::resume(root.path()).expect("intact");
    let handle = run::relaunch(root.path(), opened, parts(13, None)).expect("continues");
    let mut seen = 0;
    follow(&handle, |tree, update| {
        if let Update::Event(entry) = update
            && confirmed(&entry.event)
        {
            // What is on disk may be newer than what is told, never older.
            let incumbent = tree.incumbent.and_then(|i| tree.get(i)).expect("told");
            let best = best(root.path()).expect("it loads");
            let graph = best.graph();
            let bytes = tree
                .settings
                .as_ref()
                .expect("started")
                .space
                .bytes(&best.allocation(&graph).expect("with [bits]"));
            assert!(bytes <= incumbent.bytes);
            seen += 1;
        }
        false
    });
    assert!(seen > 0);
}

#[test]
fn the_profile_of_the_result_follows_pins_and_goes_when_there_is_no_result() {
    let root = tempfile::tempdir().expect("a folder");
    let handle = run::launch(root.path(), parts(14, None)).expect("starts");
    follow(&handle, |tree, _| tree.incumbent.is_some());
    handle
        .commands
        .send(Command::Pause.into())
        .expect("it runs");
    let answered = |command: &Command| {
        follow(&handle, |_, update| {
            matches!(update, Update::Event(e)
                if matches!(&e.event, Event::CommandAccepted { command: c, .. } if c == command))
        })
        .0
    };
    answered(&Command::Pause);
    let pin = |min, max| Pin::range("head", width(min), width(max));
    let send = |command: Command| {
        handle
            .commands
            .send(command.clone().into())
            .expect("it runs");
        answered(&command);
    };
    send(Command::Pin { pin: pin(2, 8) });
    let pins = best(root.path()).expect("a result").pins;
    assert!(pins.contains(&pin(2, 8)), "{pins:?}");
    send(Command::Unpin {
        pattern: "head".into(),
    });
    assert!(best(root.path()).expect("a result").pins.is_empty());
    drop(handle);
    // A result that is no longer one, as a pin leaves it: the file goes.
    let tree = Summary::read(root.path()).expect("a run").tree;
    let incumbent = tree.incumbent.and_then(|i| tree.get(i)).expect("a result");
    let layer = incumbent.allocation.0.len() - 1;
    let other = if incumbent.allocation.0[layer] == width(8) {
        2
    } else {
        8
    };
    let opened = Writer::resume(root.path()).expect("intact");
    let handle = run::relaunch(root.path(), opened, parts(14, None)).expect("continues");
    let command = Command::Pin {
        pin: pin(other, other),
    };
    handle.commands.send(command.into()).expect("it runs");
    let mut pinned = false;
    follow(&handle, |tree, update| {
        let pin = |e: &Event| matches!(e, Event::CommandAccepted { command: Command::Pin { pin }, .. } if *pin == Pin::fixed("head", width(other)));
        pinned |= matches!(update, Update::Event(e) if pin(&e.event));
        pinned && tree.incumbent.is_none()
    });
    assert!(best(root.path()).is_none());
    assert!(!root.path().join("best.toml").exists());
}

#[test]
fn the_profile_of_a_finished_run_is_restored() {
    let root = tempfile::tempdir().expect("a folder");
    to_end(&run::launch(root.path(), parts(15, None)).expect("starts"));
    let path = root.path().join("best.toml");
    let text = std::fs::read_to_string(&path).expect("a result");
    std::fs::remove_file(&path).expect("there");
    let summary = Summary::read(root.path()).expect("a run");
    run::restore_best(&summary).expect("space");
    assert_eq!(std::fs::read_to_string(&path).expect("again"), text);
    // What is there is left alone.
    std::fs::write(&path, "mine").expect("space");
    run::restore_best(&summary).expect("nothing to do");
    assert_eq!(std::fs::read_to_string(&path).expect("there"), "mine");
}

/// An evaluator that has so much to do ahead of its jobs, and says what it has done.
struct Ahead {
    inner: Slow,
    pieces: usize,
    done: Arc<AtomicUsize>,
    errors: Vec<OutputError>,
}

impl Evaluator for Ahead {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        self.inner.evaluate(job, cancel, progress)
    }
    fn numerics(&self) -> String {
        self.inner.numerics()
    }
    fn work_ahead(&mut self, cancel: &Cancel) -> bool {
        if self.pieces == 0 || cancel.is_cancelled() {
            return false;
        }
        self.pieces -= 1;
        let layer = self.done.fetch_add(1, Ordering::SeqCst);
        self.errors.push(OutputError {
            layer,
            width: BitWidth::FLOAT,
            error: 0.5,
        });
        true
    }
    fn latest_output_errors(&mut self) -> Vec<OutputError> {
        std::mem::take(&mut self.errors)
    }
}

/// Evaluators work ahead while nothing is to be evaluated, and what they find is told; the journal
/// stays the same.
#[test]
fn work_is_done_ahead_in_a_pause_and_changes_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let plain = root.path().join("plain");
    to_end(&run::launch(&plain, parts(18, None)).expect("starts"));
    let done = Arc::new(AtomicUsize::new(0));
    let mut ahead = parts(18, None);
    ahead.evaluators = vec![Box::new(Ahead {
        inner: Slow {
            inner: Landscape::new(18, ahead.settings.space.layers.len(), 16, 800, 300),
            jobs: 0,
            fail_at: None,
            spent: 0,
        },
        pieces: 5,
        done: Arc::clone(&done),
        errors: Vec::new(),
    })];
    let folder = root.path().join("ahead");
    let handle = run::launch(&folder, ahead).expect("starts");
    follow(&handle, |tree, _| tree.candidates.len() > 2);
    handle
        .commands
        .send(Command::Pause.into())
        .expect("it listens");
    let mut told = Vec::new();
    follow(&handle, |_, update| {
        if let Update::OutputErrors(errors) = update {
            told.extend(errors.iter().map(|e| e.layer));
        }
        told.len() == 5
    });
    assert_eq!(told, [0, 1, 2, 3, 4]);
    handle
        .commands
        .send(Command::Resume.into())
        .expect("it listens");
    let (tree, _) = to_end(&handle);
    assert!(tree.finished.is_some());
    assert_eq!(done.load(Ordering::SeqCst), 5);
    let but_commands = |folder: &Path| -> Vec<Event> {
        let events = journal_without_time(folder).into_iter();
        let of_search = |e: &Event| !matches!(e, Event::CommandAccepted { .. });
        events.filter(of_search).collect()
    };
    assert_eq!(but_commands(&folder), but_commands(&plain));
}

/// Layers that cannot be calibrated.
struct NoLayers;

impl LayerSource for NoLayers {
    fn quantized(
        &self,
        _: &Allocation,
        _: &Cancel,
    ) -> Result<Vec<Option<QuantizedLayer>>, EvaluateError> {
        Err(EvaluateError::Data("the images are gone".into()))
    }
}

/// A result without its file of quantized layers is told of; it is a result all the same.
#[test]
fn quantized_layers_that_cannot_be_saved_are_told_of() {
    let root = tempfile::tempdir().expect("a folder");
    let mut parts = parts(19, None);
    let names = parts.settings.space.layers.iter().map(|l| l.name.clone());
    let files = run::SideFiles::new(Arc::new(NoLayers), BTreeMap::new(), names.collect());
    parts.side_files = Some(files);
    let (tree, updates) = to_end(&run::launch(root.path(), parts).expect("starts"));
    assert!(tree.finished.is_some() && tree.incumbent.is_some());
    let notes: Vec<&String> = updates
        .iter()
        .filter_map(|u| match u {
            Update::Note(note) => Some(note),
            _ => None,
        })
        .collect();
    let [note] = notes.as_slice() else {
        panic!("{notes:?}")
    };
    assert!(
        note.contains("the images are gone") && note.contains("best.toml"),
        "{note}"
    );
    Profile::load(&root.path().join(BEST)).expect("it loads without the file");
}

#[test]
fn the_work_of_a_cancelled_job_counts() {
    let root = tempfile::tempdir().expect("a folder");
    let handle = run::launch(root.path(), parts(16, None)).expect("starts");
    follow(&handle, |tree, _| tree.candidates.len() > 2);
    // A job is cancelled by a pause, and at the latest by leaving.
    drop(handle);
    let images = Summary::read(root.path()).expect("a run").totals.images;
    assert!(images >= 1_000_000, "{images}");
}

#[test]
fn counts_are_the_same_whether_folded_or_told_at_the_end() {
    let root = tempfile::tempdir().expect("a folder");
    let (_, updates) = to_end(&run::launch(root.path(), parts(17, None)).expect("starts"));
    let told = updates.iter().find_map(|u| match u {
        Update::Event(entry) => match entry.event {
            Event::Finished {
                counters,
                plain_images,
                ..
            } => Some((counters, plain_images)),
            _ => None,
        },
        _ => None,
    });
    // Of an evaluator that runs image by image.
    let (mut tree, mut ledger) = (Tree::default(), Ledger::new(1));
    for event in journal_without_time(root.path()) {
        tree.apply(&event);
        ledger.apply(&event, &tree, Provenance::Computed);
    }
    assert_eq!(Some((ledger.counters(), ledger.plain_images())), told);
    let counters = Summary::read(root.path()).expect("a run").counters;
    assert_eq!(Some(counters), told.map(|(counters, _)| counters));
    // And before the end, too: what the events so far say.
    let text = std::fs::read_to_string(root.path().join("journal.jsonl")).expect("a journal");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let half = tempfile::tempdir().expect("a folder");
    let text = lines[..lines.len() / 2].concat();
    let evaluated = |line: &&&str| {
        (line.contains("\"type\":\"screened\"") || line.contains("\"type\":\"confirmed\""))
            && line.contains("\"cached\":false")
    };
    let expected = lines[..lines.len() / 2].iter().filter(evaluated).count();
    std::fs::write(half.path().join("journal.jsonl"), text).expect("space");
    let counters = Summary::read(half.path()).expect("a run").counters;
    assert!(expected > 0);
    assert_eq!(counters.evaluations, expected as u64);
}

/// A whole journal, made once.
fn whole_journal() -> &'static str {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| {
        let root = tempfile::tempdir().expect("a folder");
        to_end(&run::launch(root.path(), parts(18, None)).expect("starts"));
        std::fs::read_to_string(root.path().join("journal.jsonl")).expect("a journal")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Numbers of the journal replaced by others, hostile ones among them.
    #[test]
    fn no_changed_number_makes_a_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6), 1..6),
    ) {
        let mut text = whole_journal().to_owned();
        for (at, with) in changes {
            let digit = |i: &usize| text.as_bytes()[*i].is_ascii_digit()
                && !text.as_bytes()[i - 1].is_ascii_alphanumeric();
            let places: Vec<usize> = (1..text.len()).filter(digit).collect();
            let from = *at.get(&places);
            let to = from + text[from..].bytes().take_while(u8::is_ascii_digit).count();
            let with = ["0", "1", "7", "4294967295", "18446744073709551615", "9999999"][with];
            text.replace_range(from..to, with);
        }
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(root.path().join("journal.jsonl"), &text).expect("space");
        if let Ok(summary) = Summary::read(root.path()) {
            let Summary { tree, counters, totals, .. } = &summary;
            if let Some(finished) = Finished::new(tree, *counters, *totals, root.path()) {
                prop_assert!(!finished.to_string().is_empty());
            }
        }
        if let Ok(journal) = Journal::read(root.path()) {
            let mut engine = Engine::new(demo_settings()).expect("good settings");
            let _ = engine.replay(journal.events());
        }
    }
}

/// A second screen hears what the first one hears, at whatever moment it comes.
#[test]
fn a_follower_hears_the_whole_journal_as_it_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    let handle = run::launch(&run, parts(3, None)).expect("it starts");
    let few = |tree: &Tree, _: &Update| tree.candidates.len() > 3;
    follow(&handle, few);
    let heard = run::follow(&run).expect("it can be followed");
    to_end(&handle);
    drop(handle);
    let mut tree = Tree::default();
    while tree.finished.is_none() {
        match heard.recv_timeout(Duration::from_secs(60)) {
            Ok(Update::Event(entry)) => tree.apply(&entry.event),
            Ok(Update::Failed(why)) => panic!("{why}"),
            Ok(_) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(tree, Summary::read(&run).expect("a summary").tree);
    assert!(run::follow(folder.path()).is_err(), "there is no journal");
}

#[test]
fn a_report_holds_what_was_found_and_how() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("run");
    let handle = run::launch(&folder, parts(3, None)).expect("starts");
    let pin = Pin::fixed("head", width(4));
    handle
        .commands
        .send(Command::Pin { pin }.into())
        .expect("it listens");
    let refused = Command::Prune {
        candidate: CandidateId(4000),
    };
    handle.commands.send(refused.into()).expect("it listens");
    let (tree, _) = to_end(&handle);
    let journal = Journal::read(&folder).expect("a journal");
    let (summary, entries) = Summary::of(&folder, journal).expect("a run");
    let report = Report::new(&summary, &entries, None, None)
        .expect("no file")
        .expect("begun");
    let incumbent = tree.incumbent.and_then(|i| tree.get(i)).expect("a result");
    let object = serde_json::to_value(&report).expect("plain data");
    assert_eq!(object["type"], "report");
    assert_eq!(object["incumbent"]["memory_bytes"], incumbent.bytes);
    assert_eq!(object["finished"]["memory_bytes"], incumbent.bytes);
    let layers = object["allocation"].as_array().expect("a list");
    let number = |v: &serde_json::Value| v.as_u64().expect("a number");
    let settings = tree.settings.as_ref().expect("begun");
    let sum: u64 = layers.iter().map(|l| number(&l["memory_bytes"])).sum();
    assert_eq!(sum + settings.space.fixed_bytes, incumbent.bytes);
    let front = object["front"].as_array().expect("a list");
    let of = |basis: &str| front.iter().filter(|p| p["basis"] == basis).count();
    assert!(of("measured") > 0 && of("predicted") > 0);
    assert!(front.is_sorted_by_key(|p| std::cmp::Reverse(number(&p["memory_bytes"]))));
    let commands = object["commands"].as_array().expect("a list");
    let accepted: Vec<_> = commands.iter().map(|c| c["accepted"] == true).collect();
    assert_eq!(accepted, [true, false]);

    let text = report.to_string();
    for layer in &settings.space.layers {
        assert!(
            text.contains(&format!("| {} |", layer.name)),
            "{}",
            layer.name
        );
    }
    for part in [
        "pin head at 4",
        "refused: there is no candidate",
        "`head` 4",
        "Spearman",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = text.lines().collect();
    let uneven = lines
        .windows(2)
        .filter(|w| w.iter().all(|l| l.starts_with('|')) && columns(w[0]) != columns(w[1]));
    assert_eq!(uneven.count(), 0, "{text}");
}

fn to_drop(points: f64) -> Command {
    Command::Constrain {
        change: ConstraintChange {
            max_accuracy_drop: Some(AccuracyDrop::Points(points)),
            ..ConstraintChange::default()
        },
    }
}

fn resumed(folder: &Path, seed: u64, script: Script) -> Handle {
    let opened = Writer::resume(folder).expect("a journal");
    run::relaunch_with(folder, opened, parts(seed, None), script).expect("it goes on")
}

fn finishes(folder: &Path) -> usize {
    let events = journal_without_time(folder);
    let finished = |e: &&Event| matches!(e, Event::Finished { .. });
    events.iter().filter(finished).count()
}

/// Somebody steers a finished run; the program is killed in the middle of that, and the run ends as
/// one that was not.
#[test]
fn a_finished_run_is_steered_again_and_survives_a_kill() {
    let root = tempfile::tempdir().expect("a folder");
    let steered = |folder: &Path, kill: bool| {
        drop(to_end(
            &run::launch(folder, parts(4, None)).expect("starts"),
        ));
        let result = Summary::read(folder).expect("a run").tree;
        let handle = resumed(folder, 4, Script::interactive());
        let (tree, _) = follow(&handle, |tree, _| tree.finished.is_some());
        assert_eq!(tree.incumbent, result.incumbent);
        handle.commands.send(to_drop(6.0).into()).expect("it waits");
        let told = std::cell::Cell::new(0);
        let (tree, _) = follow(&handle, |_, update| match kill {
            true => {
                told.set(told.get() + usize::from(matches!(update, Update::Event(_))));
                told.get() > 12
            }
            false => {
                matches!(update, Update::Event(e) if matches!(e.event, Event::Finished { .. }))
            }
        });
        drop((tree, handle));
        if kill {
            assert_eq!(
                Summary::read(folder).expect("a run").condition,
                RunStatus::Unfinished
            );
            drop(to_end(&resumed(folder, 4, Script::default())));
        }
        let summary = Summary::read(folder).expect("a run");
        assert_eq!(summary.condition, RunStatus::Finished);
        let bytes = |tree: &Tree| tree.best().expect("an incumbent").bytes;
        assert!(bytes(&summary.tree) < bytes(&result));
        let finished = Finished::new(&summary.tree, summary.counters, summary.totals, folder);
        let finished = finished.expect("it has ended");
        assert!(finished.test_seen);
        assert!(finished.to_string().contains("no longer unseen"));
        assert_eq!(finishes(folder), 2);
        journal_without_time(folder)
    };
    let (undisturbed, killed) = (root.path().join("a"), root.path().join("b"));
    assert_eq!(steered(&undisturbed, false), steered(&killed, true));
}

/// Commands from a file open a finished run again, and without any it stays as it is.
#[test]
fn a_script_opens_a_finished_run_again() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("run");
    drop(to_end(
        &run::launch(&folder, parts(4, None)).expect("starts"),
    ));
    let before = journal_without_time(&folder);
    drop(to_end(&resumed(&folder, 4, Script::default())));
    assert_eq!(journal_without_time(&folder), before);
    let order = |line, after, command: Command| ScheduledCommand {
        line,
        after,
        command: command.into(),
    };
    // One is known, one is still to be read.
    let (late, receiver) = crossbeam_channel::unbounded();
    let script = Script::new(vec![order(1, 0, Command::Pause)], receiver).awaited();
    let handle = resumed(&folder, 4, script);
    late.send(order(2, 0, to_drop(6.0))).expect("it is read");
    late.send(order(3, 1_000_000, Command::Stop))
        .expect("it is read");
    drop(late);
    let mut handle = handle;
    drop(to_end(&handle));
    handle.stop();
    let unobeyed: Vec<usize> = handle.unobeyed.iter().map(|order| order.line).collect();
    assert_eq!(unobeyed, [3], "the search never came to that event");
    let after = journal_without_time(&folder);
    assert!(
        matches!(after[before.len()], Event::CommandRefused { .. }),
        "nothing to pause"
    );
    assert_eq!(finishes(&folder), 2);
    assert!(Summary::read(&folder).expect("a run").tree.test_seen);
}

/// What is expected grows with what a search asks, and only searches by fronts can be told.
#[test]
fn a_search_takes_as_long_as_its_images_and_layers_do() {
    use aq4svit::profile::{Screening, StrategyName};
    use aq4svit::quant::{Method, Scheme};
    use aq4svit::run::{Expected, Rates};
    let profile = Profile::parse(TEXT, "demo.toml".as_ref()).expect("it is shipped");
    let (graph, calibrated) = (profile.graph(), profile.scheme);
    assert_eq!(calibrated.method, Method::Calibrated);
    let rates = Rates {
        float: 0.004,
        quantized: 0.002,
    };
    let mut settings = demo_settings();
    settings.search.strategy = StrategyName::Front;
    settings.search.screening = Screening::TwoSided;
    settings.search_images = 1700;
    settings.evidence_images = 256;
    let of =
        |settings: &Settings, scheme: &Scheme, rates| Expected::of(settings, &graph, scheme, rates);
    let expected = of(&settings, &calibrated, rates).expect("of a search by fronts");
    // 20 candidates: three over the whole split, which float sees as well, and 17 screened.
    let accuracy = 1700.0 * 0.004 + (3.0 * 1700.0 + 17.0 * 520.0) * 0.002;
    assert!((expected.search - accuracy).abs() < 1e-9);
    assert!(expected.quantizing > 0.0 && expected.evidence > 0.0);
    assert_eq!(expected.certificate, 0.0);
    // A machine of half the speed takes twice as long, for all parts.
    let slower = Rates {
        float: 0.008,
        quantized: 0.004,
    };
    let slower = of(&settings, &calibrated, slower).expect("as before");
    assert!((slower.seconds() - 2.0 * expected.seconds()).abs() < 1e-9);
    // Rounding to the nearest needs no time of its own.
    let nearest = Scheme {
        method: Method::Nearest,
        ..calibrated
    };
    let nearest = of(&settings, &nearest, rates).expect("as before");
    assert_eq!(nearest.quantizing, 0.0);
    settings.search.strategy = StrategyName::Greedy;
    assert!(of(&settings, &calibrated, rates).is_none());
}
