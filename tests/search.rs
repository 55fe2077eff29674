//! The search engine on synthetic landscapes: decisions, invariants, steering, replay.

mod common;

use std::collections::VecDeque;

use aq4svit::evaluate::{Cancel, Evaluator, Landscape, Outcome, Question, Split, Verdict};
use aq4svit::profile::{GateConfig, GateMode, Pin};
use aq4svit::quant::Allocation;
use aq4svit::search::{
    Command, Engine, Event, GateDecision, Group, Move, Settings, State, StopReason,
};
use common::{LAYERS, landscape, settings, width};
use proptest::prelude::{Strategy as _, *};

fn answer(evaluator: &mut Landscape, job: &aq4svit::evaluate::Job) -> Outcome {
    evaluator
        .evaluate(job, &Cancel::default(), &mut |_| {})
        .expect("a landscape answers")
        .0
}

/// Runs to the end; `commands` are given after so many outcomes.
fn run(
    engine: &mut Engine,
    evaluator: &mut Landscape,
    commands: &[(usize, Command)],
) -> Vec<Event> {
    let mut events = engine.start();
    let mut commands: VecDeque<_> = commands.iter().cloned().collect();
    for step in 0.. {
        assert!(step < 20_000, "the search does not end");
        while commands.front().is_some_and(|c| c.0 <= step) {
            let (_, command) = commands.pop_front().expect("just seen");
            events.extend(engine.command(command));
        }
        match engine.wanted(1).pop() {
            Some(request) => {
                let outcome = answer(evaluator, &request.job);
                events.extend(engine.outcome(&request.job, outcome));
            }
            None if engine.is_finished() => break,
            None if engine.tree().paused => events.extend(engine.command(Command::Resume)),
            None => panic!("nothing wanted, not finished, not paused"),
        }
    }
    events
}

fn finished(settings: Settings, seed: u64) -> (Engine, Vec<Event>) {
    let mut engine = Engine::new(settings).expect("no pins");
    let events = run(&mut engine, &mut landscape(seed), &[]);
    (engine, events)
}

fn check_invariants(engine: &Engine, events: &[Event], settings: &Settings) {
    let tree = engine.tree();
    // The tree is the fold of the events.
    let mut folded = aq4svit::search::Tree::default();
    events.iter().for_each(|e| folded.apply(e));
    assert_eq!(&folded, tree);
    let drop_limit = settings.constraint.max_accuracy_drop;
    for c in &tree.candidates {
        assert_eq!(c.bytes, settings.space.bytes(&c.allocation));
        if c.gate.is_some_and(|g| g.decision == GateDecision::HeldBack) {
            assert!(c.screening.is_none(), "{} was held back and screened", c.id);
        }
        if let Some(j) = c.confirmation.filter(|j| j.verdict == Verdict::Met) {
            assert_eq!(j.images, settings.search_images);
            assert!(j.drop() <= drop_limit + 1e-9);
        }
    }
    if let Some(incumbent) = tree.incumbent.and_then(|i| tree.get(i)) {
        assert_eq!(incumbent.state(), State::Confirmed);
        let conforming = |c: &&aq4svit::search::Candidate| {
            let allowed = settings.allowed(&tree.pins).expect("pins hold");
            c.allocation
                .0
                .iter()
                .zip(allowed)
                .all(|(w, a)| a.contains(w))
        };
        let confirmed = tree
            .candidates
            .iter()
            .filter(|c| c.state() == State::Confirmed)
            .filter(conforming);
        assert_eq!(
            confirmed.map(|c| c.bytes).min(),
            Some(incumbent.bytes),
            "the incumbent is the smallest confirmed"
        );
    }
}

#[test]
fn greedy_finds_a_small_allocation_that_holds_on_the_whole_split() {
    for seed in 0..12 {
        let settings = settings();
        let (engine, events) = finished(settings.clone(), seed);
        check_invariants(&engine, &events, &settings);
        let tree = engine.tree();
        let incumbent = tree
            .get(tree.incumbent.expect("8 bits pass"))
            .expect("in the tree");
        let best_uniform = [2, 3, 4, 6, 8]
            .map(|b| Allocation::uniform(LAYERS, width(b)))
            .into_iter()
            .filter(|a| landscape(seed).drop(a) <= 1.5)
            .map(|a| settings.space.bytes(&a))
            .min()
            .expect("8 bits pass");
        assert!(
            incumbent.bytes as f64 <= 1.05 * best_uniform as f64,
            "seed {seed}"
        );
        assert!(
            tree.tested.is_some() && tree.finished == Some(StopReason::Complete),
            "seed {seed}"
        );
    }
}

#[test]
fn no_question_is_asked_twice() {
    let mut engine = Engine::new(settings()).expect("no pins");
    let mut evaluator = landscape(3);
    let mut asked = Vec::new();
    engine.start();
    while let Some(request) = engine.wanted(1).pop() {
        assert!(!asked.contains(&request.job), "{:?}", request.job);
        asked.push(request.job.clone());
        let outcome = answer(&mut evaluator, &request.job);
        engine.outcome(&request.job, outcome);
    }
    assert!(engine.is_finished());
    let of = |split: Split| {
        let is = |q: &Question| matches!(q, Question::Accuracy { split: s, .. } if *s == split);
        asked.iter().filter(|j| is(&j.question)).count() as u64
    };
    assert_eq!(engine.counters().evaluations, of(Split::Search) - 1);
    assert_eq!(of(Split::Test), 2);
    assert_eq!(
        engine.counters().drift_evaluations,
        asked.len() as u64 - of(Split::Search) - of(Split::Test)
    );
}

#[test]
fn nothing_met_is_said() {
    let mut settings = settings();
    settings.constraint.max_accuracy_drop = -50.0;
    let (engine, events) = finished(settings, 1);
    assert_eq!(engine.tree().finished, Some(StopReason::NothingMet));
    assert_eq!(engine.tree().incumbent, None);
    assert!(!events.iter().any(|e| matches!(e, Event::Tested { .. })));
}

#[test]
fn every_uniform_width_is_tried_before_giving_up() {
    // A network whose 8 bits fail by bad luck while 6 pass: accuracy is not monotone in bits.
    let mut settings = settings();
    settings.test_images = 0;
    let mut engine = Engine::new(settings).expect("no pins");
    let mut evaluator = landscape(1);
    engine.start();
    while let Some(request) = engine.wanted(1).pop() {
        let unlucky = request.job.allocation == Allocation::uniform(LAYERS, width(8));
        let outcome = match answer(&mut evaluator, &request.job) {
            Outcome::Accuracy { correct } if unlucky => Outcome::Accuracy {
                correct: correct.iter().map(|_| false).collect(),
            },
            outcome => outcome,
        };
        engine.outcome(&request.job, outcome);
    }
    let tree = engine.tree();
    assert_eq!(tree.candidates[0].state(), State::Refuted);
    assert_eq!(
        tree.candidates[1].allocation,
        Allocation::uniform(LAYERS, width(6))
    );
    assert_eq!(tree.finished, Some(StopReason::Complete));
    assert!(tree.incumbent.is_some());
}

#[test]
fn a_memory_limit_that_is_not_reached_is_said() {
    let mut settings = settings();
    settings.constraint.max_memory = Some(200);
    let (engine, _) = finished(settings, 1);
    assert_eq!(engine.tree().finished, Some(StopReason::NothingMet));
    assert!(
        engine.tree().incumbent.is_some(),
        "the nearest miss is shown"
    );
}

#[test]
fn the_lowest_width_is_tried_first() {
    let mut settings = settings();
    settings.constraint.max_accuracy_drop = 100.0;
    let (engine, _) = finished(settings, 1);
    assert_eq!(engine.tree().finished, Some(StopReason::LowestPasses));
    let incumbent = engine
        .tree()
        .incumbent
        .and_then(|i| engine.tree().get(i))
        .expect("found");
    assert_eq!(incumbent.allocation, Allocation::uniform(LAYERS, width(2)));
    assert!(engine.counters().evaluations <= 3);
}

#[test]
fn a_start_that_fails_falls_back_to_the_largest_width() {
    let mut settings = settings();
    settings.start = Some(Allocation::uniform(LAYERS, width(2)));
    let (engine, events) = finished(settings.clone(), 4);
    check_invariants(&engine, &events, &settings);
    let second = &engine.tree().candidates[1];
    assert_eq!(second.allocation, Allocation::uniform(LAYERS, width(8)));
    assert!(engine.tree().incumbent.is_some());
}

#[test]
fn the_gate_holds_back_and_saves_evaluations() {
    let (with_gate, _) = finished(settings(), 5);
    let mut off = settings();
    off.gate.mode = GateMode::Off;
    let (without, _) = finished(off, 5);
    assert!(with_gate.counters().gated > 0);
    assert_eq!(without.counters().gated, 0);
    assert!(with_gate.counters().evaluations < without.counters().evaluations);
}

#[test]
fn pins_hold_in_every_candidate() {
    let mut settings = settings();
    settings.pins = vec![
        Pin {
            pattern: "stage0.0.layer1".into(),
            min: width(8),
            max: width(8),
        },
        Pin {
            pattern: "stage1.*".into(),
            min: width(4),
            max: width(8),
        },
    ];
    let (engine, events) = finished(settings.clone(), 2);
    check_invariants(&engine, &events, &settings);
    for c in &engine.tree().candidates {
        assert_eq!(c.allocation.0[1], width(8));
        assert!(c.allocation.0[4..].iter().all(|w| *w >= width(4)));
    }
}

#[test]
fn a_manual_child_is_judged_next_and_never_held_back() {
    let mut settings = settings();
    settings.gate = GateConfig {
        mode: GateMode::Fixed,
        limit: 0.0,
        audit: 0.0,
        ..GateConfig::default()
    };
    let mut engine = Engine::new(settings).expect("no pins");
    let mut evaluator = landscape(6);
    engine.start();
    while engine.tree().base.is_none() {
        let request = engine.wanted(1).pop().expect("not finished");
        let outcome = answer(&mut evaluator, &request.job);
        engine.outcome(&request.job, outcome);
    }
    let change = Move {
        group: Group::Layer("stage1.3.layer7".into()),
        bits: width(6),
    };
    let base = engine.tree().base.expect("just seen");
    let events = engine.command(Command::SetBits {
        candidate: base,
        change: change.clone(),
    });
    assert!(
        matches!(&events[0], Event::CommandAccepted { .. }),
        "{events:?}"
    );
    let made = engine.tree().candidates.last().expect("made").id;
    for _ in 0..2 {
        let request = engine.wanted(1).pop().expect("a question");
        assert_eq!(
            request.candidate,
            Some(made),
            "the manual child comes first"
        );
        let outcome = answer(&mut evaluator, &request.job);
        engine.outcome(&request.job, outcome);
    }
    let made = engine.tree().get(made).expect("there");
    assert_eq!(made.gate.map(|g| g.decision), Some(GateDecision::Exempt));
    assert!(made.screening.is_some());
    let again = engine.command(Command::SetBits {
        candidate: base,
        change,
    });
    assert!(matches!(&again[0], Event::CommandRefused { .. }));
}

#[test]
fn a_pruned_base_gives_way_and_resuming_brings_it_back() {
    let mut engine = Engine::new(settings()).expect("no pins");
    let mut evaluator = landscape(7);
    engine.start();
    let accepted = |e: &Engine| {
        e.tree()
            .base
            .and_then(|b| e.tree().get(b))
            .is_some_and(|b| b.parent.is_some())
    };
    while !accepted(&engine) || engine.tree().level.is_none() {
        let request = engine.wanted(1).pop().expect("not finished");
        let outcome = answer(&mut evaluator, &request.job);
        engine.outcome(&request.job, outcome);
    }
    let base = engine.tree().base.expect("accepted");
    let parent = engine.tree().get(base).and_then(|b| b.parent);
    assert!(matches!(
        engine.command(Command::Prune { candidate: base })[0],
        Event::CommandAccepted { .. }
    ));
    assert_eq!(engine.tree().base, parent);
    assert!(matches!(
        engine.command(Command::Prune { candidate: base })[0],
        Event::CommandRefused { .. }
    ));
    assert!(matches!(
        engine.command(Command::ResumeBranch { candidate: base })[0],
        Event::CommandAccepted { .. }
    ));
    while engine.tree().base != Some(base) {
        let request = engine.wanted(1).pop().expect("the branch takes part again");
        let outcome = answer(&mut evaluator, &request.job);
        engine.outcome(&request.job, outcome);
    }
}

#[test]
fn a_pin_set_during_the_run_binds_the_result() {
    let settings = settings();
    let pin = Pin {
        pattern: "stage0.*".into(),
        min: width(6),
        max: width(8),
    };
    for seed in 0..8 {
        let mut engine = Engine::new(settings.clone()).expect("no pins");
        let events = run(
            &mut engine,
            &mut landscape(seed),
            &[(25, Command::Pin { pin: pin.clone() })],
        );
        check_invariants(&engine, &events, &settings);
        let incumbent = engine
            .tree()
            .incumbent
            .and_then(|i| engine.tree().get(i))
            .expect("8 bits pass");
        assert!(
            incumbent.allocation.0[..4].iter().all(|w| *w >= width(6)),
            "seed {seed}"
        );
    }
}

fn commands() -> impl proptest::strategy::Strategy<Value = Command> {
    let candidate = (0u32..40).prop_map(aq4svit::search::CandidateId);
    let bits = prop::sample::select(vec![2u8, 3, 4, 5, 6, 8]).prop_map(width);
    let group = prop_oneof![
        Just(Group::Network),
        (0usize..3).prop_map(|i| Group::Stage(format!("stage{i}"))),
        (0usize..8).prop_map(|i| Group::Layer(format!("stage{}.{}.layer{i}", i / 4, i / 2))),
    ];
    let pattern =
        prop::sample::select(vec!["stage0.*", "stage1.2.*", "stage1.3.layer7", "nothing"]);
    prop_oneof![
        Just(Command::Pause),
        Just(Command::Resume),
        candidate
            .clone()
            .prop_map(|candidate| Command::Prune { candidate }),
        candidate
            .clone()
            .prop_map(|candidate| Command::ResumeBranch { candidate }),
        (candidate, group, bits.clone()).prop_map(|(candidate, group, bits)| Command::SetBits {
            candidate,
            change: Move { group, bits }
        }),
        (pattern.clone(), bits.clone(), bits).prop_map(|(pattern, a, b)| Command::Pin {
            pin: Pin {
                pattern: pattern.into(),
                min: a.min(b),
                max: a.max(b)
            }
        }),
        pattern.prop_map(|pattern| Command::Unpin {
            pattern: pattern.into()
        }),
        Just(Command::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever people command and whenever: the search ends, pruned candidates are not evaluated, the incumbent meets
    /// the constraint and the pins, and the journal replays to the same state from any point.
    #[test]
    fn steering_keeps_the_invariants_and_replays(
        seed in 0u64..1000,
        gate in prop::sample::select(vec![GateMode::Adaptive, GateMode::Off]),
        mut steering in prop::collection::vec((0usize..90, commands()), 0..10),
        cut in 0.0f64..1.0,
    ) {
        steering.sort_by_key(|s| s.0);
        let mut settings = settings();
        settings.gate.mode = gate;
        let mut engine = Engine::new(settings.clone()).expect("no pins");
        let events = run(&mut engine, &mut landscape(seed), &steering);
        check_invariants(&engine, &events, &settings);

        let mut pruned_since = vec![false; engine.tree().candidates.len()];
        let mut tree = aq4svit::search::Tree::default();
        for event in &events {
            if let Event::Screened { candidate, .. } | Event::Measured { candidate, .. } | Event::Confirmed { candidate, .. } = event {
                prop_assert!(!pruned_since[candidate.index()], "{candidate} was pruned and is evaluated");
            }
            tree.apply(event);
            for c in &tree.candidates {
                pruned_since[c.id.index()] = c.pruned;
            }
        }

        // Cut anywhere, as `kill -9` does; the rest of the run is the same.
        let at = (events.len() as f64 * cut) as usize;
        let mut resumed = Engine::new(settings).expect("no pins");
        let mut all: Vec<Event> = events[..at].to_vec();
        all.extend(resumed.replay(&events[..at]).expect("its own journal"));
        let rest = &events[all.len()..];
        let later: Vec<Command> = rest.iter().filter_map(|e| match e {
            Event::CommandAccepted { command, .. } | Event::CommandRefused { command, .. } => Some(command.clone()),
            _ => None,
        }).collect();
        if later.is_empty() {
            let mut evaluator = landscape(seed);
            while let Some(request) = resumed.wanted(1).pop() {
                let outcome = answer(&mut evaluator, &request.job);
                all.extend(resumed.outcome(&request.job, outcome));
            }
            prop_assert_eq!(&all, &events);
            prop_assert_eq!(resumed.tree(), engine.tree());
        }
    }

    /// Several questions under way at once, answered in any order, change nothing.
    #[test]
    fn order_of_arrival_changes_nothing(seed in 0u64..1000, order in prop::collection::vec(0usize..7, 400)) {
        let one = finished(settings(), seed).1;
        let mut engine = Engine::new(settings()).expect("no pins");
        let mut evaluator = landscape(seed);
        let mut events = engine.start();
        for pick in order.into_iter().cycle() {
            let mut wanted = engine.wanted(5);
            if wanted.is_empty() {
                break;
            }
            let request = wanted.swap_remove(pick % wanted.len());
            let outcome = answer(&mut evaluator, &request.job);
            events.extend(engine.outcome(&request.job, outcome));
        }
        prop_assert_eq!(one, events);
    }
}

#[test]
fn a_journal_that_is_not_of_this_search_is_refused() {
    let (_, mut events) = finished(settings(), 8);
    let at = events
        .iter()
        .position(|e| matches!(e, Event::RoundOpened { .. }))
        .expect("rounds");
    events.remove(at);
    let error = Engine::new(settings())
        .expect("no pins")
        .replay(&events)
        .expect_err("an event is missing");
    assert_eq!(
        (error.at, error.expected.as_str()),
        (at + 1, "round_opened")
    );
}
