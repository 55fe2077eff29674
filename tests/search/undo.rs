//! Undo and redo: the search is where it was before the command, and goes on as one that never had
//! it.

use crate::common::driver::Driver;
use crate::common::landscape::{STRATEGIES, certified, landscape, settings_for};
use crate::search::steering::{as_written, commands, to_drop};
use aq4svit::evaluate::{Landscape, Question, Split};
use aq4svit::profile::{AccuracyDrop, GateMode, Screening, StrategyName};
use aq4svit::quant::Allocation;
use aq4svit::search::{CandidateId, Command, Counters, Engine, Event, Judgement, Settings, Tree};
use proptest::prelude::*;

/// Everything that is decided in a search, candidates by their place among those that take part:
/// an undo leaves the numbers of those that it took out unused.
pub(super) fn decided(tree: &Tree) -> String {
    let places: std::collections::HashMap<CandidateId, usize> =
        tree.active().enumerate().map(|(i, c)| (c.id, i)).collect();
    let place = |id: &CandidateId| places[id];
    let all = |ids: &[CandidateId]| ids.iter().map(place).collect::<Vec<_>>();
    // Whether an answer was known already is no decision.
    let verdict = |j: Option<Judgement>| j.map(|j| Judgement { cached: false, ..j });
    let candidates: Vec<String> = tree
        .active()
        .map(|c| {
            let children: Vec<usize> = c
                .children
                .iter()
                .filter_map(|id| places.get(id))
                .copied()
                .collect();
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {} {}",
                c.parent.as_ref().map(place),
                children,
                c.change,
                c.origin,
                c.allocation,
                c.drift,
                c.added_drift,
                c.gate,
                c.held_back,
                c.state(),
                verdict(c.screening),
                verdict(c.confirmation),
                c.bits,
                c.pruned,
                c.cut
            )
        })
        .collect();
    format!(
        "{candidates:#?}\nbase {:?} accepted {:?} beam {:?} incumbent {:?} level {:?} round {} \
         pins {:?} constraint {:?} finished {:?}",
        tree.base.as_ref().map(place),
        all(&tree.accepted),
        all(&tree.beam),
        tree.incumbent.as_ref().map(place),
        tree.level,
        tree.round,
        tree.pins,
        tree.constraint,
        tree.finished,
    )
}

/// What is asked, wherever the known images of it end.
fn asked(driver: &Driver) -> Option<(Allocation, Option<(Split, usize)>)> {
    let job = driver.wanted()?.job;
    let of = match job.question {
        Question::Accuracy { split, to, .. } => Some((split, to)),
        Question::Drift { .. } | Question::LayerErrors | Question::Statistics { .. } => None,
    };
    Some((job.allocation, of))
}

fn steps(settings: &Settings, landscape: &Landscape) -> usize {
    let mut unsteered = Driver::new(settings.clone(), landscape.clone());
    (0..).take_while(|_| unsteered.step()).count()
}

/// Answers so many questions, going on where the search is paused.
fn run(driver: &mut Driver, steps: usize) {
    for _ in 0..steps {
        if driver.tree().paused && driver.wanted().is_none() {
            driver.accepted(Command::Resume);
        }
        driver.step();
    }
}

fn accepted(event: &Event) -> bool {
    matches!(event, Event::CommandAccepted { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    /// No outcome between a command and its undo: everything is as before, what is asked next, too,
    /// and the search goes on as one that never had the command. A redo brings back what the
    /// command did. Any number of commands, one after the other.
    #[test]
    fn an_undo_restores_what_was_before_the_command(
        seed in 0u64..1000,
        gate in prop::sample::select(vec![GateMode::Drift, GateMode::Adaptive, GateMode::Off]),
        drop in prop::sample::select(vec![0.3, 1.5, 1.5, 100.0]),
        strategy in prop::sample::select(STRATEGIES.to_vec()),
        screening in prop::sample::select(vec![Screening::Exact, Screening::Sequential, Screening::TwoSided]),
        budget in prop::option::weighted(0.3, 3u64..9),
        certify in prop::sample::select(vec![0usize, 400]),
        before in prop::collection::vec((0.0f64..1.0, commands()), 0..4),
        at in 0.0f64..1.1,
        undone in prop::collection::vec(commands(), 1..6),
    ) {
        let settings = some_settings(strategy, gate, drop, screening, budget);
        let settings = certified(settings, certify);
        let landscape = landscape(seed).with_certify(certify);
        let all = steps(&settings, &landscape);
        let prepared = || {
            let mut driver = Driver::new(settings.clone(), landscape.clone());
            for (share, command) in &before {
                run(&mut driver, (share * at * all as f64) as usize / before.len());
                driver.command(command.clone());
            }
            run(&mut driver, (at * all as f64) as usize / 2);
            driver
        };
        let (mut never, mut driver) = (prepared(), prepared());
        let mut states = Vec::new();
        for command in undone {
            let (state, paused) = (decided(driver.tree()), driver.tree().paused);
            let question = asked(&driver);
            if command.is_undoable() && accepted(&driver.command(command)) {
                states.push((state, question, paused));
            }
        }
        let mut done = Vec::new();
        for (state, question, paused) in states.iter().rev() {
            done.push(decided(driver.tree()));
            driver.accepted(Command::Undo);
            prop_assert_eq!(&decided(driver.tree()), state);
            // What was stopped while it was paused is paused again.
            prop_assert_eq!(driver.tree().paused, *paused);
            prop_assert_eq!(&asked(&driver), question);
            driver.check();
        }
        for state in done.iter().rev() {
            driver.accepted(Command::Redo);
            prop_assert_eq!(&decided(driver.tree()), state);
        }
        for _ in &done {
            driver.accepted(Command::Undo);
        }
        driver.finish();
        never.finish();
        prop_assert_eq!(decided(driver.tree()), decided(never.tree()));
        replays(&settings, &driver);
    }

    /// Outcomes between a command and its undo, and other commands that were undone before it: the
    /// search is where one comes to that never had the command and is given the same outcomes, and
    /// both end with the same. (But for limits on evaluations, which count what was spent, and for
    /// certificates, of which a failed one stays so.)
    #[test]
    fn after_an_undo_the_search_is_one_that_never_had_the_command(
        seed in 0u64..1000,
        gate in prop::sample::select(vec![GateMode::Drift, GateMode::Adaptive, GateMode::Off]),
        drop in prop::sample::select(vec![0.3, 1.5, 1.5, 100.0]),
        strategy in prop::sample::select(STRATEGIES.to_vec()),
        screening in prop::sample::select(vec![Screening::Exact, Screening::Sequential, Screening::TwoSided]),
        budget in prop::option::weighted(0.3, 3u64..9),
        before in prop::collection::vec((0.0f64..1.0, commands()), 0..3),
        at in 0.0f64..1.0,
        undone in prop::collection::vec((commands(), 0usize..60), 1..4),
    ) {
        let settings = some_settings(strategy, gate, drop, screening, budget);
        let landscape = landscape(seed);
        let all = steps(&settings, &landscape);
        let unlimited = |command: &Command| match command {
            Command::Constrain { change } => change.max_evaluations.is_none(),
            command => *command != Command::Stop,
        };
        let prepared = || {
            let mut driver = Driver::new(settings.clone(), landscape.clone());
            for (share, command) in before.iter().filter(|(_, c)| unlimited(c)) {
                run(&mut driver, (share * at * all as f64) as usize / before.len());
                driver.command(command.clone());
            }
            run(&mut driver, (at * all as f64) as usize / 2);
            if driver.tree().paused || driver.tree().stepping {
                driver.accepted(Command::Resume);
            }
            driver
        };
        let (mut never, mut driver) = (prepared(), prepared());
        let mut commands = 0;
        for (command, steps) in undone.iter().filter(|(c, _)| unlimited(c) && c.is_undoable()) {
            commands += usize::from(accepted(&driver.command(command.clone())));
            run(&mut driver, *steps);
        }
        for _ in 0..commands {
            driver.accepted(Command::Undo);
            driver.check();
        }
        let (goal, question) = (decided(driver.tree()), asked(&driver));
        let mut nearest = decided(never.tree());
        while (nearest != goal || asked(&never) != question) && never.step() {
            nearest = decided(never.tree());
        }
        if commands > 0 {
            prop_assert_eq!(&nearest, &goal);
            prop_assert_eq!(asked(&never), question);
        }
        driver.finish();
        never.finish();
        prop_assert_eq!(decided(driver.tree()), decided(never.tree()));
        replays(&settings, &driver);
    }
}

/// What is measured between a command and its undo is used when the search comes to it; what was
/// proposed in between takes part again under its number.
#[test]
fn what_was_measured_before_an_undo_is_not_measured_again() {
    let mut saved = 0;
    for strategy in STRATEGIES {
        let settings = settings_for(strategy);
        let mut never = Driver::new(settings.clone(), landscape(5));
        let mut driver = Driver::new(settings.clone(), landscape(5));
        let half = steps(&settings, &landscape(5)) / 2;
        run(&mut never, half);
        run(&mut driver, half);
        // A limit so near the old one that much of what is tried is the same.
        driver.accepted(to_drop(1.4));
        run(&mut driver, half / 2);
        driver.accepted(Command::Undo);
        let undone = |d: &Driver| d.tree().candidates.iter().filter(|c| c.undone).count();
        let taken_out = undone(&driver);
        driver.finish();
        never.finish();
        assert_eq!(decided(driver.tree()), decided(never.tree()));
        let (all, alone) = (driver.engine.counters(), never.engine.counters());
        let asked = |c: Counters| c.evaluations + c.drift_evaluations;
        let most = asked(alone) + half as u64 / 2;
        assert!(asked(all) <= most, "{strategy:?}: {all:?} {alone:?}");
        saved += most - asked(all);
        assert!(undone(&driver) <= taken_out, "{strategy:?}");
        replays(&settings, &driver);
    }
    assert!(saved > 10, "{saved} answers were used again");
}

fn some_settings(
    strategy: StrategyName,
    gate: GateMode,
    drop: f64,
    screening: Screening,
    budget: Option<u64>,
) -> Settings {
    let mut settings = settings_for(strategy);
    settings.gate.mode = gate;
    settings.constraint.max_accuracy_drop = AccuracyDrop::Points(drop);
    settings.search.screening = screening;
    if let Some(budget) = budget {
        settings.constraint.max_accuracy_drop = AccuracyDrop::Any;
        settings.constraint.max_memory = Some(budget * 1000);
    }
    settings
}

pub(super) fn replays(settings: &Settings, driver: &Driver) {
    let mut replayed = Engine::new(settings.clone()).expect("no pins");
    let missing = replayed.replay(&as_written(&driver.events));
    assert_eq!(missing, Ok(Vec::new()), "its own journal");
    assert_eq!(replayed.tree(), driver.tree());
    assert_eq!(replayed.counters(), driver.engine.counters());
}
