//! Runs on a synthetic landscape: threads, journal, kill and resume, pause, faults, locks.

mod common;

use std::path::Path;
use std::time::Duration;

use aq4svit::evaluate::{
    Cancel, EvaluateError, Evaluator, Job, Landscape, Outcome, Progress, Work,
};
use aq4svit::journal::{Fingerprint, Journal, JournalError, Writer};
use aq4svit::profile::{Pin, Profile};
use aq4svit::run::{self, Command, Condition, Finished, Handle, Parts, RunError, Summary, Update};
use aq4svit::search::{CandidateId, Event, Settings, Tree};
use common::{settings, width};

const TEXT: &str = include_str!("../profiles/demo.toml");

/// A landscape that takes its time, so that commands meet running jobs, and may fail.
struct Slow {
    inner: Landscape,
    jobs: usize,
    fail_at: Option<(usize, Failure)>,
}

#[derive(Clone, Copy)]
enum Failure {
    Error,
    Panic,
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
            _ => {}
        }
        for _ in 0..4 {
            std::thread::sleep(Duration::from_micros(200));
            if cancel.is_cancelled() {
                return Err(EvaluateError::Cancelled);
            }
        }
        self.inner.evaluate(job, cancel, progress)
    }
    fn numerics(&self) -> String {
        self.inner.numerics()
    }
}

fn demo_settings() -> Settings {
    // The best profile is written with the demo's text, so the layers must be the demo's.
    let profile = Profile::parse(TEXT, "demo.toml".as_ref()).expect("it is shipped");
    let graph = profile.graph().expect("it is shipped");
    let mut settings = settings();
    settings.space = run::space(&profile, &graph);
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
    });
    Parts {
        text: TEXT.into(),
        origin: "test".into(),
        settings,
        fingerprint,
        evaluator,
    }
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
        assert_eq!(summary.condition, Condition::Finished);
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
        let graph = best.graph().expect("the demo's");
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
        Condition::Open
    );
    drop(handle);
    assert_eq!(
        Summary::read(root.path()).expect("readable").condition,
        Condition::Unfinished
    );
}

#[test]
fn pause_idles_the_evaluator_and_resume_goes_on() {
    let root = tempfile::tempdir().expect("a folder");
    let handle = run::launch(root.path(), parts(6, None)).expect("starts");
    follow(&handle, |tree, _| tree.candidates.len() > 3);
    handle.commands.send(Command::Pause).expect("it runs");
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
    let pin = Pin {
        pattern: "head".into(),
        min: width(8),
        max: width(8),
    };
    handle.commands.send(Command::Pin { pin }).expect("it runs");
    handle
        .commands
        .send(Command::Prune {
            candidate: CandidateId(999),
        })
        .expect("it runs");
    handle.commands.send(Command::Resume).expect("it runs");
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
