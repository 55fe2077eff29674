//! The evidence of the gate: what it counts, that nothing else decides, and that people are never
//! held back.

use crate::common::driver::Driver;
use crate::common::landscape::{LAYERS, landscape, settings, width};
use aq4svit::evaluate::{Outcome, Verdict, kendall, spearman};
use aq4svit::profile::{AccuracyDrop, ConstraintChange, GateConfig, GateMode, StrategyName};
use aq4svit::search::{
    CandidateId, Command, Engine, Event, GateDecision, GateEvidence, Group, Move, Proxy, Settings,
};
use proptest::prelude::*;

fn gated(mode: GateMode, limit: f64, audit: f64) -> Settings {
    Settings {
        gate: GateConfig {
            mode,
            limit,
            audit,
            warm_up: 4,
            ..GateConfig::default()
        },
        ..settings()
    }
}

fn to_drop(points: f64) -> Command {
    Command::Constrain {
        change: ConstraintChange {
            max_accuracy_drop: Some(AccuracyDrop::Points(points)),
            ..ConstraintChange::default()
        },
    }
}

/// A search with answers as they come out of `change`.
fn events(settings: &Settings, seed: u64, change: fn(Outcome) -> Outcome) -> Vec<Event> {
    let mut driver = Driver::new(settings.clone(), landscape(seed));
    let mut engine = Engine::new(settings.clone()).expect("no pins");
    let mut events = engine.start();
    while let Some(request) = engine.wanted(1).pop() {
        let outcome = change(driver.answer(&request.job));
        events.extend(engine.outcome(&request.job, outcome));
    }
    events
}

fn without_proxies(mut outcome: Outcome) -> Outcome {
    if let Outcome::Drift { proxies, .. } = &mut outcome {
        assert!(proxies.take().is_some());
    }
    outcome
}

#[test]
fn no_decision_reads_what_is_measured_beside_the_drift() {
    for (seed, strategy) in [
        (1, StrategyName::Greedy),
        (2, StrategyName::Beam),
        (3, StrategyName::Allocate),
    ] {
        let mut settings = gated(GateMode::Drift, 0.1, 0.05);
        settings.search.strategy = strategy;
        let with = events(&settings, seed, |outcome| outcome);
        let mut bare = with.clone();
        for event in &mut bare {
            if let Event::Measured { proxies, .. } = event {
                assert!(proxies.take().is_some(), "it is recorded");
            }
        }
        assert_eq!(bare, events(&settings, seed, without_proxies));
    }
}

#[test]
fn journals_without_proxies_are_read() {
    let event: Event = serde_json::from_str(
        r#"{"type":"measured","candidate":3,"drift":0.1,"added":0.0,"sites":[0.1],"cached":false}"#,
    )
    .expect("an old line");
    assert!(matches!(event, Event::Measured { proxies: None, .. }));
    let old = r#"{"mode":"adaptive","limit":0.1,"min_chance":0.1,"warm_up":12,"audit":0.05}"#;
    let config: GateConfig = serde_json::from_str(old).expect("an old gate");
    assert_eq!(config, GateConfig::default());
    // What fingerprints are made of stays as it was.
    assert_eq!(serde_json::to_string(&config).expect("plain data"), old);
}

/// With every candidate that is held back audited, nothing is left to estimate.
#[test]
fn false_rejections_are_those_that_everything_audited_shows() {
    let mut known = 0;
    for seed in 0..12 {
        let mut driver = Driver::new(gated(GateMode::Fixed, 0.02, 1.0), landscape(seed));
        driver.finish();
        let tree = driver.tree();
        let count = |decision: GateDecision, verdict: Verdict| {
            let of = |c: &&aq4svit::search::Candidate| {
                c.gate.map(|g| g.decision) == Some(decision)
                    && c.screening.map(|j| j.verdict) == Some(verdict)
            };
            tree.candidates.iter().filter(of).count()
        };
        let evidence = GateEvidence::of(tree);
        let (met, not_met) = (Verdict::Met, Verdict::NotMet);
        let (passed, audited) = (GateDecision::Passed, GateDecision::Audited);
        assert_eq!(
            [
                evidence.passed.met,
                evidence.passed.not_met,
                evidence.audited.met,
                evidence.audited.not_met,
                evidence.held_back,
            ],
            [
                count(passed, met),
                count(passed, not_met),
                count(audited, met),
                count(audited, not_met),
                0,
            ]
        );
        let wrong = count(audited, met) as f64;
        let audits = count(audited, met) + count(audited, not_met);
        let all = wrong + count(passed, met) as f64;
        match evidence.false_rejection {
            None => assert!(audits < GateEvidence::ENOUGH_AUDITS),
            Some(share) => {
                known += 1;
                assert!((share.value - wrong / all).abs() < 1e-12);
                let bounds = share.low.zip(share.high).expect("an interval");
                assert!(bounds.0 <= share.value && share.value <= bounds.1);
            }
        }
    }
    assert!(known > 3, "{known}");
}

#[test]
fn every_proxy_is_compared_once_for_each_allocation() {
    let mut driver = Driver::new(gated(GateMode::Drift, 0.1, 0.05), landscape(4));
    driver.finish();
    let tree = driver.tree();
    let mut pairs: Vec<(Vec<u8>, f64, f64, f64)> = Vec::new();
    for candidate in &tree.candidates {
        if let (Some(drift), Some(judged)) = (candidate.drift, candidate.judgement()) {
            let of = candidate.allocation.bytes();
            let flips = candidate.proxies.and_then(|p| p.spike_flips);
            if judged.images > 0 && !pairs.iter().any(|p| p.0 == of) {
                pairs.push((of, drift, flips.expect("measured"), judged.drop()));
            }
        }
    }
    let evidence = GateEvidence::of(tree);
    assert_eq!(evidence.evaluated, pairs.len());
    let of = |proxy: Proxy| {
        let found = evidence.proxies.iter().find(|p| p.proxy == proxy);
        *found.expect("all are there")
    };
    let drifts: Vec<(f64, f64)> = pairs.iter().map(|p| (p.1, p.3)).collect();
    let flips: Vec<(f64, f64)> = pairs.iter().map(|p| (p.2, p.3)).collect();
    for (proxy, pairs) in [(Proxy::Drift, drifts), (Proxy::SpikeFlips, flips)] {
        assert_eq!(of(proxy).n, pairs.len());
        assert_eq!(of(proxy).spearman, spearman(&pairs));
        assert_eq!(of(proxy).kendall, kendall(&pairs));
    }
    assert!(evidence.correlation(Proxy::Drift).expect("many").value > 0.5);
}

/// A command at a share of the way.
fn steering() -> impl Strategy<Value = (usize, Command)> {
    let set = (
        0u32..60,
        0usize..LAYERS,
        prop::sample::select(vec![2u8, 3, 4, 6]),
    )
        .prop_map(|(candidate, layer, bits)| Command::SetBits {
            candidate: CandidateId(candidate),
            change: Move {
                group: Group::Layer(format!("stage{}.{}.layer{layer}", layer / 4, layer / 2)),
                bits: width(bits),
            },
        });
    let constrain = prop::sample::select(vec![0.5, 1.5, 3.0, 8.0]).prop_map(to_drop);
    (0usize..60, prop_oneof![4 => set, 1 => constrain])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the gate is like and whatever it decided before: from the moment a person asks for
    /// a candidate it is not held back any more, and it is judged (a constraint changed later may
    /// leave its verdict open again). And a candidate that was held back counts once, however often
    /// the gate had to decide on it.
    #[test]
    fn what_a_person_asks_for_is_never_held_back(
        seed in 0u64..1000,
        mode in prop::sample::select(vec![GateMode::Fixed, GateMode::Drift]),
        limit in prop::sample::select(vec![0.0, 0.02, 0.1]),
        audit in prop::sample::select(vec![0.0, 0.3]),
        mut commands in prop::collection::vec(steering(), 1..12),
    ) {
        let mut driver = Driver::new(gated(mode, limit, audit), landscape(seed));
        commands.sort_by_key(|c| c.0);
        let mut step = 0;
        for (at, command) in commands {
            while step < at && driver.step() {
                step += 1;
            }
            driver.command(command);
        }
        driver.finish();
        let (mut asked, mut judged) = (Vec::new(), Vec::new());
        for event in &driver.events {
            match event {
                Event::CommandAccepted { candidate: Some(candidate), .. } => asked.push(*candidate),
                Event::Gated { candidate, reason } if asked.contains(candidate) => {
                    prop_assert_eq!(reason.decision, GateDecision::Exempt, "{}", candidate);
                }
                Event::Screened { candidate, .. } => judged.push(*candidate),
                _ => {}
            }
        }
        for id in asked {
            prop_assert!(judged.contains(&id), "{} was not judged", id);
        }
        let held_back = driver.tree().candidates.iter().filter(|c| c.held_back).count();
        prop_assert_eq!(driver.engine.counters().gated, held_back as u64);
        prop_assert_eq!(GateEvidence::of(driver.tree()).held_back, held_back);
    }
}

#[test]
fn what_a_changed_constraint_has_decided_again_counts_once() {
    let mut again = 0;
    for seed in 0..8 {
        let mut driver = Driver::new(gated(GateMode::Fixed, 0.03, 0.0), landscape(seed));
        driver.until("work for the gate", |d| d.engine.counters().gated >= 3);
        for points in [1.0, 1.5, 0.8, 2.0] {
            driver.command(to_drop(points));
            for _ in 0..12 {
                driver.step();
            }
        }
        driver.finish();
        let decided = |e: &&Event| matches!(e, Event::Gated { reason, .. } if reason.decision == GateDecision::HeldBack);
        let decisions = driver.events.iter().filter(decided).count() as u64;
        let held_back = driver.tree().candidates.iter().filter(|c| c.held_back);
        let held_back = held_back.count() as u64;
        assert_eq!(driver.engine.counters().gated, held_back);
        again += decisions - held_back;
    }
    assert!(again > 0, "nothing was decided again");
}

/// The model of the drop on searches of several landscapes: what it says before verdicts tells
/// those that meet the constraint from the others, and its intervals hold what is measured.
#[test]
fn the_model_of_the_drop_knows_what_it_does_not_know() {
    let (mut forecasts, mut covered, mut areas) = (0, 0.0, Vec::new());
    for seed in 0..8 {
        let mut settings = gated(GateMode::Adaptive, 0.1, 1.0);
        settings.gate.warm_up = 12;
        let mut driver = Driver::new(settings, landscape(seed));
        driver.finish();
        let of = GateEvidence::forecasts(driver.tree());
        forecasts += of.n;
        covered += of.covered.unwrap_or_default() * of.n as f64;
        areas.extend(of.area);
        for candidate in &driver.tree().candidates {
            let Some(reason) = candidate.gate else {
                continue;
            };
            if let Some(predicted) = reason.predicted {
                let (low, high) = predicted.low.zip(predicted.high).expect("an interval");
                assert!(
                    low <= predicted.drop && predicted.drop <= high,
                    "{reason:?}"
                );
                assert!(
                    (0.0..=1.0).contains(&reason.chance.expect("a chance")),
                    "{reason:?}"
                );
            }
            let rejected = matches!(
                reason.decision,
                GateDecision::HeldBack | GateDecision::Audited
            );
            assert!(!(rejected && reason.untrusted), "{reason:?}");
        }
    }
    assert!(forecasts > 60, "{forecasts}");
    let covered = covered / forecasts as f64;
    assert!(covered > 0.8, "{covered}");
    let area = areas.iter().sum::<f64>() / areas.len().max(1) as f64;
    assert!(areas.len() > 4 && area > 0.65, "{areas:?}");
}
