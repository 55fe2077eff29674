//! What a run's measurements predict, on landscapes whose truth is known.

use crate::common::driver::Driver;
use crate::common::landscape::{LAYERS, landscape, settings, width};
use aq4svit::evaluate::{Verdict, spearman};
use aq4svit::profile::{Pin, StrategyName};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::search::{Predictor, Settings, Unsolved, Wanted};

fn searched(seed: u64, strategy: StrategyName) -> Driver {
    let mut settings = settings();
    settings.search.strategy = strategy;
    let mut driver = Driver::new(settings, landscape(seed));
    driver.finish();
    driver
}

/// Allocations spread over the whole space, always the same.
fn spread(count: u64, menu: &[BitWidth]) -> Vec<Allocation> {
    let mut state = 7u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..count)
        .map(|_| Allocation((0..LAYERS).map(|_| menu[next() % menu.len()]).collect()))
        .collect()
}

#[test]
fn predictions_go_with_the_truth_and_intervals_mostly_hold_it() {
    for (strategy, least) in [(StrategyName::Allocate, 0.9), (StrategyName::Greedy, 0.75)] {
        let (mut held, mut asked) = (0, 0);
        for seed in 0..6 {
            let driver = searched(seed, strategy);
            let truth = landscape(seed);
            let predictor = Predictor::new(driver.tree()).expect("a search has run");
            let all = spread(150, &settings().space.menu);
            let estimates: Vec<_> = all
                .iter()
                .map(|a| predictor.predict(a).predicted.expect("much is known"))
                .collect();
            let drops: Vec<f64> = all.iter().map(|a| truth.drop(a)).collect();
            let predicted = estimates.iter().map(|e| e.drop);
            let pairs: Vec<(f64, f64)> = predicted.zip(drops.iter().copied()).collect();
            let correlation = spearman(&pairs).expect("both vary").value;
            assert!(correlation > least, "{strategy:?} {seed}: {correlation}");
            // Near what the search has looked at, where its predictions are used.
            for (estimate, drop) in estimates.iter().zip(&drops).filter(|(_, d)| **d < 6.0) {
                let (low, high) = estimate.low.zip(estimate.high).expect("more than ten");
                asked += 1;
                held += usize::from((low..=high).contains(drop));
            }
        }
        assert!(
            asked > 50 && held * 10 > asked * 6,
            "{strategy:?}: {held} of {asked}"
        );
    }
}

#[test]
fn solving_is_exact_by_its_own_prediction_and_keeps_what_is_asked() {
    let driver = searched(3, StrategyName::Allocate);
    let predictor = Predictor::new(driver.tree()).expect("a search has run");
    let space = settings().space;
    let pin = Pin::range("stage0.*", width(3), width(6));
    let allowed = |a: &Allocation| {
        let layers = space.layers.iter().zip(&a.0);
        layers
            .filter(|(l, _)| l.stage == "stage0")
            .all(|(_, w)| (3..=6).contains(&w.bits()))
    };
    for max in [3100, 3500, 4200] {
        let wanted = Wanted {
            max_memory: Some(max),
            max_drop: None,
        };
        let solution = predictor
            .solve(wanted, std::slice::from_ref(&pin))
            .expect("possible");
        assert!(allowed(&solution.allocation));
        assert_eq!(
            solution.prediction.memory_bytes,
            space.bytes(&solution.allocation)
        );
        assert!(solution.prediction.memory_bytes <= max);
        let best = solution.prediction.drop().expect("known");
        // No other allocation that fits is predicted to do better.
        for other in spread(4000, &space.menu).iter().filter(|a| allowed(a)) {
            let prediction = predictor.predict(other);
            let better = prediction.predicted.is_some_and(|p| p.drop < best - 1e-9);
            assert!(!better || prediction.memory_bytes > max, "{other:?}");
        }
    }
    let none = Wanted {
        max_memory: Some(200),
        max_drop: None,
    };
    let error = predictor.solve(none, &[]).expect_err("impossible");
    assert!(matches!(error, Unsolved::NothingMeets(_)), "{error}");
    let conflict = [Pin::range("stage0.*", width(8), width(2))];
    assert!(matches!(
        predictor.solve(none, &conflict),
        Err(Unsolved::Pins(_))
    ));
}

#[test]
fn what_was_measured_is_taken_as_measured() {
    let driver = searched(1, StrategyName::Greedy);
    let tree = driver.tree();
    let predictor = Predictor::new(tree).expect("a search has run");
    let incumbent = driver.incumbent();
    let judgement = incumbent.confirmation.expect("confirmed");
    assert_eq!(judgement.verdict, Verdict::Met);
    let measured = predictor
        .predict(&incumbent.allocation)
        .measured
        .expect("measured");
    assert!(measured.whole && measured.drop == judgement.drop());
    let wanted = Wanted {
        max_memory: None,
        max_drop: Some(judgement.drop()),
    };
    let solution = predictor
        .solve(wanted, &[])
        .expect("the incumbent meets it");
    assert!(solution.prediction.memory_bytes <= incumbent.bytes);

    let front = predictor.front(&[], 30).expect("known");
    let bytes: Vec<u64> = front.iter().map(|p| p.prediction.memory_bytes).collect();
    assert!(bytes.windows(2).all(|p| p[0] >= p[1]) && bytes.len() > 20);
    let whole = |m: Option<aq4svit::search::Measured>| m.is_some_and(|m| m.whole);
    assert!(front.iter().any(|p| whole(p.prediction.measured)));
    assert!(front.iter().any(|p| p.prediction.measured.is_none()));
}

#[test]
fn before_anything_is_measured_nothing_is_predicted() {
    let mut driver = Driver::new(settings(), landscape(0));
    assert!(Predictor::new(driver.tree()).is_none());
    driver.until("a drift", |d| {
        d.tree().candidates.iter().any(|c| c.drift.is_some())
    });
    if let Some(predictor) = Predictor::new(driver.tree()) {
        let lowest = Allocation::uniform(LAYERS, width(2));
        let prediction = predictor.predict(&lowest);
        assert!(prediction.predicted.is_none() || predictor.measurements() > 0);
    }
    let _: &Settings = driver.tree().settings.as_deref().expect("started");
}
