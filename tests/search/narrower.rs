//! Accuracy that is not monotone in bits: what fails at one bit-width may pass at a lower one.

use crate::common::driver::{Driver, Forced};
use crate::common::landscape::{LAYERS, STRATEGIES, landscape, settings, settings_for, width};
use aq4svit::evaluate::{Cancel, Evaluator, Job, Landscape, Outcome, Question, Split};
use aq4svit::profile::{AccuracyDrop, GateMode, Level, Pin, Screen, Screening, StrategyName};
use aq4svit::quant::Allocation;
use aq4svit::search::{Candidate, Event, Group, Settings, StopReason};
use proptest::prelude::*;

/// Points that an allocation loses on the whole search split.
fn drop(landscape: &Landscape, allocation: &Allocation) -> f64 {
    let correct = |allocation: Allocation| {
        let question = Question::Accuracy {
            split: Split::Search,
            from: 0,
            to: 800,
            stop: None,
        };
        let job = Job {
            allocation,
            question,
        };
        let mut landscape = landscape.clone();
        let outcome = landscape.evaluate(&job, &Cancel::default(), &mut |_| {});
        match outcome.expect("a landscape answers").0 {
            Outcome::Accuracy { correct } => correct.correct() as f64,
            other => panic!("{other:?}"),
        }
    };
    let float = Allocation::uniform(allocation.len(), aq4svit::quant::BitWidth::FLOAT);
    (correct(float) - correct(allocation.clone())) / 8.0
}

/// The uniform allocations that meet the constraint on the whole search split.
fn uniform_met(settings: &Settings, landscape: &Landscape) -> Vec<Allocation> {
    let AccuracyDrop::Points(limit) = settings.constraint.max_accuracy_drop else {
        panic!("points");
    };
    let menu = settings.space.menu.iter();
    let mut uniform: Vec<Allocation> = menu.map(|w| Allocation::uniform(LAYERS, *w)).collect();
    uniform.retain(|a| {
        let fits = settings.constraint.fits(settings.space.bytes(a));
        fits && drop(landscape, a) <= limit
    });
    uniform
}

fn finished(settings: Settings, landscape: Landscape) -> Driver {
    let mut driver = Driver::new(settings, landscape);
    driver.finish();
    driver
}

/// A search of uniform widths alone, in which all is evaluated on the whole search split.
fn at_network(strategy: StrategyName) -> Settings {
    let mut settings = settings_for(strategy);
    settings.search.levels = vec![Level::Network];
    settings.search.screen = Screen::First(800);
    settings.gate.mode = GateMode::Off;
    settings
}

#[test]
fn every_strategy_finds_the_uniform_width_below_one_that_fails() {
    for strategy in STRATEGIES {
        for seed in 0..6 {
            let settings = at_network(strategy);
            let landscape = landscape(seed).with_unlucky(width(6), width(2));
            let met = uniform_met(&settings, &landscape);
            let smallest = met.iter().map(|a| settings.space.bytes(a)).min();
            let driver = finished(settings, landscape);
            let found = driver.incumbent().bytes;
            assert_eq!(Some(found), smallest, "{strategy:?} {seed}");
        }
    }
}

#[test]
fn a_group_that_fails_at_a_width_is_tried_below_it() {
    // The last layer fails at 6 and 4 bits and passes at 3; the others stay at 8.
    let mut settings = settings();
    settings.search.levels = vec![Level::Layer];
    settings.gate.mode = GateMode::Off;
    let others = ["stage0.*", "stage1.2.*", "stage1.3.layer6"];
    settings.pins = others.map(|of| Pin::range(of, width(8), width(8))).to_vec();
    let force = |a: &Allocation| {
        let last = a.0.last().filter(|last| !last.is_float())?;
        Some(match last.bits() {
            8 | 3 => Forced::Passes,
            _ => Forced::Fails,
        })
    };
    for strategy in [StrategyName::Greedy, StrategyName::Beam] {
        settings.search.strategy = strategy;
        let mut driver = Driver::forced(settings.clone(), landscape(0), Box::new(force));
        driver.finish();
        assert_eq!(driver.incumbent().allocation.0[LAYERS - 1], width(3));
    }
}

#[test]
fn what_is_not_tried_is_told_and_costs_little() {
    let mut told = 0;
    for seed in 0..12 {
        let mut settings = settings();
        settings.gate.mode = GateMode::Off;
        let driver = finished(settings, landscape(seed));
        let closed = |e: &Event| {
            matches!(
                e,
                Event::LevelClosed {
                    level: Level::Layer
                }
            )
        };
        let closed = driver.events.iter().rposition(closed).expect("a level");
        let judged = |c: &Candidate| c.judgement().is_some_and(|j| !j.cached);
        let behind = driver.events[closed..].iter().filter(|e| match e {
            Event::Screened { candidate, .. } => judged(driver.candidate(*candidate)),
            _ => false,
        });
        let behind = behind.count();
        assert!(behind <= 3 + 4, "{seed}: {behind}");
        for event in &driver.events {
            let Event::NotTried { moves, .. } = event else {
                continue;
            };
            told += 1;
            assert!(!moves.is_empty());
            let known = |group: &Group| !settings_members(&driver, group).is_empty();
            assert!(moves.iter().all(|m| known(&m.group)));
        }
    }
    assert!(told > 3, "{told} of 12 searches");
}

fn settings_members(driver: &Driver, group: &Group) -> Vec<usize> {
    let settings = driver.tree().settings.as_ref().expect("started");
    settings.space.members(group)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// "Nothing met the constraint" is said where no uniform width does, whatever the gate and the
    /// screening make of them; and what is found is no larger than a uniform width that meets it,
    /// where the screening cannot reject that: a looser limit, under which more of them do, never
    /// ends above the smallest of these.
    #[test]
    fn no_uniform_width_that_meets_the_constraint_is_missed(
        seed in 0u64..1000,
        strategy in prop::sample::select(STRATEGIES.to_vec()),
        unlucky in prop::sample::select(vec![(8u8, 3u8), (6, 2), (6, 3), (4, 2)]),
        points in prop::sample::select(vec![0.5, 1.0, 1.5, 3.0]),
        memory in prop::option::weighted(0.5, 1500u64..9000),
        levels in prop::sample::select(vec![1usize, 2, 4]),
        gate in prop::sample::select(vec![GateMode::Off, GateMode::Drift, GateMode::Adaptive]),
        screening in prop::sample::select(vec![Screening::Exact, Screening::Sequential, Screening::TwoSided]),
        whole in any::<bool>(),
    ) {
        let mut settings = settings_for(strategy);
        settings.search.levels.truncate(levels);
        settings.search.screening = screening;
        settings.gate.mode = gate;
        settings.constraint.max_accuracy_drop = AccuracyDrop::Points(points);
        settings.constraint.max_memory = memory;
        if whole {
            settings.search.screening = Screening::Exact;
            settings.search.screen = Screen::First(800);
        }
        let landscape = landscape(seed).with_unlucky(width(unlucky.0), width(unlucky.1));
        let met = uniform_met(&settings, &landscape);
        let driver = finished(settings.clone(), landscape);
        let bytes = |a: &Allocation| settings.space.bytes(a);
        let found = driver.tree().best().map(|c| c.bytes);
        match met.iter().map(bytes).min() {
            Some(smallest) if whole => prop_assert!(found.is_some_and(|f| f <= smallest), "{:?} {}", found, smallest),
            Some(_) => prop_assert!(found.is_some()),
            None => {}
        }
        if driver.tree().finished == Some(StopReason::NothingMet) {
            prop_assert!(met.is_empty(), "{:?}", met);
        }
    }
}
