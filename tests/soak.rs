//! Long runs: steered at random for minutes, a search stays what its journal says, and its process
//! as large as it was.
//!
//! `make test-long` runs these for five minutes each; `AQ4SVIT_SOAK_SECONDS=3600 make test-long`
//! for an hour. One searches a landscape, with hundreds of commands a second; the other the demo,
//! whose network is evaluated, with a command each second.

use std::env;
use std::path::Path;
use std::time::{Duration, Instant};

use aq4svit::evaluate::Landscape;
use aq4svit::journal::{Fingerprint, Journal, Writer};
use aq4svit::profile::{AccuracyDrop, ConstraintChange, Pin, Profile};
use aq4svit::quant::BitWidth;
use aq4svit::run::{self, Command, Handle, Parts, SearchProblem, Update};
use aq4svit::search::{CandidateId, Event, Group, Move, Tree};

use crate::common::alone::{alone, resident};
use crate::common::landscape::settings;
use crate::common::random::Random;

const TEXT: &str = include_str!("../profiles/demo.toml");
/// How a run is steered.
#[derive(Clone, Copy)]
struct Pace {
    /// How long a session lasts before its run is opened anew.
    session: Duration,
    /// The time between two commands.
    pause: Duration,
}

/// Of a landscape, whose answers cost nothing.
const LANDSCAPE: Pace = Pace {
    session: Duration::from_secs(5),
    pause: Duration::from_millis(4),
};
/// Of a network that is evaluated.
#[cfg(feature = "torch")]
const DEMO: Pace = Pace {
    session: Duration::from_secs(60),
    pause: Duration::from_secs(1),
};
/// The longest time until a command is acknowledged.
const PROMPT: Duration = Duration::from_secs(2);

fn seconds() -> Duration {
    let given = env::var("AQ4SVIT_SOAK_SECONDS").ok();
    let given = given.and_then(|text| text.parse().ok());
    Duration::from_secs(given.unwrap_or(300))
}

/// What is done, at random.
struct Dice(Random);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0.below(most)
    }

    fn width(&mut self) -> BitWidth {
        let widths = [2, 3, 4, 5, 6, 8];
        BitWidth::new(widths[self.below(widths.len())]).expect("a width")
    }

    fn command(&mut self, tree: &Tree, layers: &[String]) -> Command {
        let candidate = CandidateId(self.below(tree.candidates.len()) as u32);
        let layer = layers[self.below(layers.len())].clone();
        match self.below(12) {
            0 => Command::Pause,
            1..=3 => Command::Resume,
            4 => Command::Prune { candidate },
            5 => Command::ResumeBranch { candidate },
            6 | 7 => Command::SetBits {
                candidate,
                change: Move {
                    group: Group::Layer(layer),
                    bits: self.width(),
                },
            },
            8 => Command::Pin {
                pin: Pin::list(layer, vec![self.width(), self.width()]),
            },
            9 => Command::Unpin { pattern: layer },
            10 => Command::Constrain {
                change: ConstraintChange {
                    max_accuracy_drop: Some(AccuracyDrop::Points(
                        0.5 + self.below(40) as f64 / 10.0,
                    )),
                    ..ConstraintChange::default()
                },
            },
            _ => match self.below(2) {
                0 => Command::Undo,
                _ => Command::Redo,
            },
        }
    }
}

fn parts(seed: u64) -> Parts {
    let profile = Profile::parse(TEXT, "demo.toml".as_ref()).expect("it is shipped");
    let mut settings = settings();
    settings.space = SearchProblem::from(profile).space;
    let landscape = Landscape::new(seed, settings.space.layers.len(), 16, 800, 300);
    Parts {
        text: TEXT.into(),
        origin: "soak".into(),
        settings,
        fingerprint: Fingerprint {
            weights: seed.to_string(),
            ..Fingerprint::default()
        },
        evaluators: vec![Box::new(landscape.clone()), Box::new(landscape)],
        side_files: None,
        evaluation_timeout: None,
        crew: None,
        notes: Vec::new(),
    }
}

/// What the sessions came to.
#[derive(Default)]
struct Course {
    events: usize,
    commands: usize,
    slowest: Duration,
    largest_event: u64,
}

/// Steers a search until the session is over: what its updates say is what its journal says, and
/// what it holds itself.
fn session(handle: &mut Handle, pace: Pace, dice: &mut Dice, course: &mut Course) {
    let (begin, mut tree) = (Instant::now(), Tree::default());
    let take = |tree: &mut Tree, update: Update| match update {
        Update::Event(entry) => {
            tree.apply(&entry.event);
            let acknowledged = matches!(
                entry.event,
                Event::CommandAccepted { .. } | Event::CommandRefused { .. }
            );
            acknowledged
        }
        Update::Failed(why) => panic!("{why}"),
        _ => false,
    };
    // Those of earlier sessions, which acknowledge nothing of this one.
    for _ in 0..handle.history {
        let update = handle.updates.recv_timeout(PROMPT).expect("history");
        take(&mut tree, update);
    }
    while begin.elapsed() < pace.session {
        let command = dice.command(&tree, &handle.layers);
        let sent = Instant::now();
        if handle.commands.send(command.into()).is_err() {
            break;
        }
        course.commands += 1;
        loop {
            match handle.updates.recv_timeout(PROMPT) {
                Ok(update) => match take(&mut tree, update) {
                    true => break,
                    false => assert!(sent.elapsed() < PROMPT, "no acknowledgement"),
                },
                // It ended before the command arrived.
                Err(error) if error.is_disconnected() => break,
                Err(_) => panic!("no acknowledgement"),
            }
        }
        course.slowest = course.slowest.max(sent.elapsed());
        std::thread::sleep(pace.pause);
        while let Ok(update) = handle.updates.try_recv() {
            take(&mut tree, update);
        }
    }
    let summary = handle.summary().expect("it stops");
    while let Ok(update) = handle.updates.try_recv() {
        take(&mut tree, update);
    }
    let journal = Journal::read(&handle.folder).expect("a journal");
    let mut replayed = Tree::default();
    journal.events().for_each(|event| replayed.apply(event));
    assert_eq!(replayed, summary.tree, "the journal says something else");
    assert_eq!(tree, summary.tree, "the updates say something else");
    course.events += journal.entries.len() - handle.history;
    let file = std::fs::metadata(handle.folder.join("journal.jsonl")).expect("a journal");
    let each = file.len() / journal.entries.len().max(1) as u64;
    course.largest_event = course.largest_event.max(each);
}

/// Begins the run with this number in a folder, or goes on with it where it has begun.
type Open = fn(&Path, u64) -> Handle;

fn open_landscape(folder: &Path, seed: u64) -> Handle {
    if !folder.exists() {
        return run::launch(folder, parts(seed)).expect("it starts");
    }
    let opened = Writer::resume(folder).expect("a journal");
    run::relaunch(folder, opened, parts(seed)).expect("it goes on")
}

/// Rounded to the nearest, because calibration takes longer than a session in a program that is
/// compiled for tests. Nothing is answered by a results store, and what is kept between questions
/// soon fills its memory.
#[cfg(feature = "torch")]
fn open_demo(folder: &Path, _: u64) -> Handle {
    use aq4svit::run::{EvaluatorOptions, Prepared, RunLocation, Script, Source};

    let options = EvaluatorOptions {
        cache_memory: 64 << 20,
        ..EvaluatorOptions::default()
    };
    if folder.exists() {
        return run::resume(folder, &options, Script::default()).expect("it goes on");
    }
    let text = TEXT.replace("[quantizer]\n", "[quantizer]\nmethod = \"nearest\"\n");
    let profile = Profile::parse(&text, "demo.toml".as_ref()).expect("it is shipped");
    let prepared = Prepared::new(profile.into()).expect("it is shipped");
    let source = Source {
        text,
        folder: ".".into(),
        file: None,
        origin: "soak".into(),
    };
    let place = RunLocation::Folder(folder.into());
    run::create(prepared, &source, &place, &options, Script::default()).expect("it starts")
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes five minutes: make test-long"]
fn runs_that_are_steered_for_long_stay_what_their_journals_say() {
    alone(
        module_path!(),
        "runs_that_are_steered_for_long_stay_what_their_journals_say",
        || soak(open_landscape, LANDSCAPE),
    );
}

#[cfg(all(target_os = "linux", feature = "torch"))]
#[test]
#[ignore = "takes five minutes: make test-long"]
fn the_demo_steered_each_second_stays_what_its_journals_say() {
    alone(
        module_path!(),
        "the_demo_steered_each_second_stays_what_its_journals_say",
        || soak(open_demo, DEMO),
    );
}

/// Runs of three sessions.
#[cfg(target_os = "linux")]
fn soak(open: Open, pace: Pace) {
    let (begin, most) = (Instant::now(), seconds());
    let (mut dice, mut course) = (Dice(Random(1)), Course::default());
    let mut memory = Vec::new();
    for seed in 0.. {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..3 {
            let mut handle = open(&folder.path().join("run"), seed);
            session(&mut handle, pace, &mut dice, &mut course);
            drop(handle);
            memory.push(resident());
        }
        if begin.elapsed() >= most {
            break;
        }
    }
    // The allocator keeps what the largest run needed.
    let half = memory.len() / 2;
    let largest = |of: &[u64]| of.iter().copied().max().unwrap_or(0);
    let (before, after) = (largest(&memory[..half.max(1)]), largest(&memory[half..]));
    eprintln!(
        "{} sessions, three of each run, {} events, {} commands, the slowest acknowledged in {:?}; \
         {} bytes of a journal for each event at most; resident: {before} bytes at most in the first half, {after} in the second",
        memory.len(),
        course.events,
        course.commands,
        course.slowest,
        course.largest_event,
    );
    assert!(after < before + before / 4 + (16 << 20), "{memory:?}");
    assert!(course.largest_event < 8192, "{}", course.largest_event);
}
