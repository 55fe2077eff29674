//! The highest accuracy within a memory budget, on synthetic landscapes.

use crate::common::driver::{Driver, Forced};
use crate::common::landscape::{LAYERS, landscape, settings_for, width};
use aq4svit::profile::{AccuracyDrop, Constraint, StrategyName};
use aq4svit::quant::Allocation;
use aq4svit::search::{Settings, State, StopReason};

fn budgeted(strategy: StrategyName, budget: u64) -> Settings {
    let mut settings = settings_for(strategy);
    settings.constraint = Constraint {
        max_accuracy_drop: AccuracyDrop::Any,
        max_memory: Some(budget),
        ..Constraint::default()
    };
    settings
}

fn finished(settings: Settings, seed: u64) -> Driver {
    let mut driver = Driver::new(settings, landscape(seed));
    driver.finish();
    driver
}

fn lost(driver: &Driver) -> i64 {
    let incumbent = driver.incumbent();
    assert_eq!(incumbent.state(), State::Confirmed);
    driver.tree().float.correct() as i64 - incumbent.bits.correct() as i64
}

#[test]
fn every_strategy_looks_for_accuracy_instead_of_taking_the_first_that_fits() {
    let mut better = 0;
    for strategy in [
        StrategyName::Front,
        StrategyName::Greedy,
        StrategyName::Beam,
        StrategyName::Allocate,
    ] {
        for seed in 0..6 {
            let settings = budgeted(strategy, 4200);
            let space = settings.space.clone();
            let driver = finished(settings, seed);
            assert_eq!(driver.tree().finished, Some(StopReason::Complete));
            let result = driver.incumbent();
            assert!(result.bytes <= 4200);
            // The first that is confirmed: the widest uniform width that fits.
            let start = driver.tree().candidates.first().expect("a start");
            let widths = space.menu.iter().rev();
            let mut uniform = widths.map(|w| Allocation::uniform(LAYERS, *w));
            let first = uniform.find(|a| space.bytes(a) <= 4200).expect("one fits");
            assert_eq!(start.allocation, first);
            let of_start = driver.tree().float.correct() - start.bits.correct();
            assert!(lost(&driver) <= of_start as i64, "{strategy:?} {seed}");
            better += usize::from(lost(&driver) < of_start as i64);
        }
    }
    assert!(better >= 15, "better than uniform widths in {better} of 18");
}

#[test]
fn the_exhaustive_search_finds_what_no_other_beats() {
    for seed in 0..3 {
        let best = finished(budgeted(StrategyName::Exhaustive, 4200), seed);
        for strategy in [
            StrategyName::Greedy,
            StrategyName::Allocate,
            StrategyName::Random,
        ] {
            let mut settings = budgeted(strategy, 4200);
            settings.search.levels.truncate(3);
            let other = finished(settings, seed);
            assert!(lost(&best) <= lost(&other), "{strategy:?} {seed}");
        }
    }
}

#[test]
fn a_limit_on_evaluations_returns_the_best_found_by_then() {
    let all = finished(budgeted(StrategyName::Greedy, 4200), 3);
    let mut settings = budgeted(StrategyName::Greedy, 4200);
    settings.constraint.max_evaluations = Some(1);
    let one = finished(settings.clone(), 3);
    assert_eq!(one.tree().finished, Some(StopReason::MaxEvaluations));
    assert!(one.engine.counters().evaluations <= 1);
    settings.constraint.max_evaluations = Some(8);
    let eight = finished(settings, 3);
    assert!(lost(&eight) <= lost(&one) && lost(&all) <= lost(&eight));
}

#[test]
fn both_limits_ask_for_the_smallest_that_meets_both() {
    let mut settings = settings_for(StrategyName::Allocate);
    let free = finished(settings.clone(), 1);
    let bytes = free.incumbent().bytes;
    settings.constraint.max_memory = Some(bytes);
    let both = finished(settings.clone(), 1);
    assert_eq!(both.incumbent().bytes, bytes);
    // Nothing that is too large is a result.
    settings.constraint.max_memory = Some(bytes / 2);
    let none = finished(settings, 1);
    assert_eq!(none.tree().incumbent, None);
    assert_eq!(none.tree().finished, Some(StopReason::NothingMet));
    let nearest = none.tree().closest_infeasible();
    assert!(
        nearest
            .iter()
            .any(|m| m.over_bytes > 0 && m.over_drop == 0.0),
        "{nearest:?}"
    );
    let confirmed = none
        .tree()
        .candidates
        .iter()
        .filter(|c| c.state() == State::Confirmed);
    let fewest = confirmed
        .map(|c| c.bytes)
        .min()
        .expect("too large, but confirmed");
    assert!(nearest.iter().any(|m| m.memory_bytes <= fewest));
}

#[test]
fn where_everything_fails_the_smallest_drop_is_shown() {
    let mut settings = settings_for(StrategyName::Greedy);
    settings.constraint.max_accuracy_drop = AccuracyDrop::Points(1.5);
    let fails = |a: &Allocation| (!a.is_float()).then_some(Forced::Fails);
    let mut driver = Driver::forced(settings, landscape(1), Box::new(fails));
    driver.finish();
    assert_eq!(driver.tree().incumbent, None);
    let nearest = driver.tree().closest_infeasible();
    assert_eq!(nearest.len(), 1);
    assert!(nearest[0].over_drop > 0.0 && nearest[0].over_bytes == 0);
}

#[test]
fn a_budget_cut_in_mid_run_leaves_no_result_that_is_too_large() {
    let mut driver = Driver::new(budgeted(StrategyName::Beam, 5000), landscape(4));
    driver.until("a few are confirmed", |d| {
        d.engine.counters().evaluations > 6
    });
    let smaller = aq4svit::profile::ConstraintChange {
        max_memory: Some(Some(3300)),
        ..Default::default()
    };
    driver.accepted(aq4svit::search::Command::Constrain { change: smaller });
    driver.check();
    driver.finish();
    assert!(driver.incumbent().bytes <= 3300);
    assert!(
        driver
            .incumbent()
            .allocation
            .0
            .iter()
            .any(|w| *w > width(2))
    );
}
