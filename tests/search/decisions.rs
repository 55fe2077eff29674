//! The search engine on synthetic landscapes: decisions, invariants, steering, replay.

use crate::common::driver::{Driver, Forced};
use crate::common::landscape::{
    LAYERS, MAX_DROP, STRATEGIES, landscape, settings, settings_for, width,
};
use aq4svit::evaluate::{Cancel, Evaluator, Job, Landscape, Outcome, Question, Split};
use aq4svit::profile::{AccuracyDrop, GateMode, Level, Pin, Screen, Screening, StrategyName};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::search::{
    Candidate, CandidateId, CloseReason, ClosestInfeasible, Engine, Event, Judgement, Origin,
    Settings, State, StopReason, Tree,
};
use proptest::prelude::*;

/// Correct images of an allocation on the whole search split.
fn correct(landscape: &Landscape, allocation: &Allocation) -> i64 {
    let job = Job {
        allocation: allocation.clone(),
        question: Question::Accuracy {
            split: Split::Search,
            from: 0,
            to: 800,
            stop: None,
        },
    };
    let outcome = landscape
        .clone()
        .evaluate(&job, &Cancel::default(), &mut |_| {})
        .expect("a landscape answers")
        .0;
    match outcome {
        Outcome::Accuracy { correct } => correct.correct() as i64,
        other => panic!("{other:?}"),
    }
}

fn finished(settings: Settings, seed: u64) -> (Engine, Vec<Event>) {
    let mut driver = Driver::new(settings, landscape(seed));
    driver.finish();
    (driver.engine, driver.events)
}

#[test]
fn beam_and_allocate_come_nearer_to_the_optimum_than_greedy() {
    let mean = |strategy| {
        let ratio = |seed| {
            let mut settings = small(4);
            settings.search.strategy = strategy;
            let exact = Landscape::new(seed, 4, 16, 800, 300).without_sampling();
            let mut all = every_allocation(&settings);
            all.retain(|a| exact.drop(a) <= MAX_DROP);
            let optimum = all.iter().map(|a| settings.space.bytes(a)).min();
            let mut driver = Driver::new(settings, exact);
            driver.finish();
            driver.incumbent().bytes as f64 / optimum.expect("8 bits pass") as f64
        };
        (0..24).map(ratio).sum::<f64>() / 24.0
    };
    let (greedy, beam) = (mean(StrategyName::Greedy), mean(StrategyName::Beam));
    let allocate = mean(StrategyName::Allocate);
    assert!(beam < 1.06 && beam < greedy, "{beam}, greedy {greedy}");
    assert!(
        allocate < 1.06 && allocate < greedy,
        "{allocate}, greedy {greedy}"
    );
}

/// Four layers without the luck of a sample, and the fewest bytes that meet the constraint on the
/// whole search split.
fn with_optimum(settings: &Settings, seed: u64) -> (Landscape, u64) {
    let layers = settings.space.layers.len();
    let landscape = Landscape::new(seed, layers, 16, 800, 300);
    let float = correct(&landscape, &Allocation::uniform(layers, BitWidth::FLOAT));
    let all = every_allocation(settings);
    let met = all.iter().filter(|a| float - correct(&landscape, a) <= 12);
    let optimum = met.map(|a| settings.space.bytes(a)).min();
    (landscape, optimum.expect("8 bits pass"))
}

#[test]
fn exhaustive_finds_the_optimum_whatever_the_gate_and_the_screening_say() {
    for seed in 0..12 {
        let mut settings = small(4);
        settings.search.strategy = StrategyName::Exhaustive;
        settings.search.screen = Screen::First(50);
        settings.gate.mode = GateMode::Fixed;
        settings.gate.limit = 0.0;
        settings.gate.audit = 0.0;
        let (landscape, optimum) = with_optimum(&settings, seed);
        let mut driver = Driver::new(settings, landscape);
        driver.finish();
        assert_eq!(driver.incumbent().bytes, optimum, "seed {seed}");
        let enumerated = |c: &&Candidate| c.origin == Origin::Enumerated;
        let tried: Vec<u64> = driver
            .tree()
            .candidates
            .iter()
            .filter(enumerated)
            .map(|c| c.bytes)
            .collect();
        assert!(tried.is_sorted(), "fewest bytes first: {tried:?}");
        assert!(
            tried.iter().all(|bytes| *bytes <= optimum),
            "nothing larger is tried"
        );
    }
}

#[test]
fn a_space_too_large_to_try_is_refused_with_its_size_and_a_way_out() {
    let mut large = settings_for(StrategyName::Exhaustive);
    large.search.levels.push(Level::Layer);
    let why = Engine::new(large.clone()).expect_err("5^8").to_string();
    assert!(why.contains("390625") && why.contains("[pins]"), "{why}");
    large.pins = vec![Pin::range("stage0.*", width(3), width(4))];
    let mut driver = Driver::new(large, landscape(3));
    let unpin = aq4svit::search::Command::Unpin {
        pattern: "stage0.*".into(),
    };
    assert!(driver.refused(unpin).contains("390625"));
    driver.finish();
    assert_eq!(driver.tree().finished, Some(StopReason::Complete));
}

#[test]
fn random_draws_as_often_as_asked_each_smaller_than_what_it_would_improve() {
    let mut sizes = Vec::new();
    for draws in [5, 40, 160] {
        let mut settings = settings_for(StrategyName::Random);
        settings.search.draws = draws;
        let mut driver = Driver::new(settings, landscape(4));
        driver.finish();
        let tree = driver.tree();
        let drawn: Vec<_> = tree
            .candidates
            .iter()
            .filter(|c| c.origin == Origin::Drawn)
            .collect();
        assert_eq!(drawn.len(), draws);
        let parent = |c: &&Candidate| driver.candidate(c.parent.expect("the base")).bytes;
        assert!(drawn.iter().all(|c| c.bytes < parent(c)));
        let all = drawn.iter().map(|c| &c.allocation);
        let different: std::collections::HashSet<_> = all.collect();
        assert_eq!(different.len(), draws, "no allocation is drawn twice");
        sizes.push(driver.incumbent().bytes);
    }
    assert!(sizes[2] < sizes[0], "{sizes:?}");
}

#[test]
fn another_seed_draws_other_allocations() {
    let drawn = |seed| {
        let mut settings = settings_for(StrategyName::Random);
        settings.search.seed = seed;
        let (engine, _) = finished(settings, 4);
        let all = engine.tree().candidates.clone();
        let drawn = all.into_iter().filter(|c| c.origin == Origin::Drawn);
        drawn.map(|c| c.allocation).collect::<Vec<_>>()
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn a_beam_of_one_is_greedy() {
    for seed in 0..6 {
        let mut narrow = settings();
        narrow.search.strategy = StrategyName::Beam;
        narrow.search.beam_width = 1;
        let (_, beam) = finished(narrow, seed);
        let (_, greedy) = finished(settings(), seed);
        assert_eq!(beam[1..], greedy[1..]);
    }
}

#[test]
fn every_finer_level_saves_memory() {
    let bytes = |levels: &[Level]| -> Vec<u64> {
        let search = |seed| {
            let mut settings = settings();
            settings.search.levels = levels.to_vec();
            let mut driver = Driver::new(settings, landscape(seed));
            driver.finish();
            assert_eq!(driver.tree().finished, Some(StopReason::Complete));
            assert!(driver.tree().tested().is_some());
            driver.incumbent().bytes
        };
        (0..12).map(search).collect()
    };
    let coarse = bytes(&[Level::Network]);
    let fine = bytes(&[Level::Network, Level::Stage, Level::Block, Level::Layer]);
    let smaller = coarse.iter().zip(&fine).filter(|(c, f)| f < c).count();
    assert!(coarse.iter().zip(&fine).all(|(c, f)| f <= c));
    assert!(smaller >= 10, "{coarse:?} {fine:?}");
}

/// The first layers of the synthetic network alone, few enough to try everything.
fn small(layers: usize) -> Settings {
    let mut settings = settings();
    settings.space.layers.truncate(layers);
    settings
}

/// Every allocation of the menu's widths.
fn every_allocation(settings: &Settings) -> Vec<Allocation> {
    let mut all = vec![Vec::new()];
    for _ in &settings.space.layers {
        let longer = |a: &Vec<_>| {
            settings
                .space
                .menu
                .iter()
                .map(|w| [a.as_slice(), &[*w]].concat())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all.into_iter().map(Allocation).collect()
}

#[test]
fn greedy_comes_near_the_true_optimum() {
    for gate in [GateMode::Off, GateMode::Drift, GateMode::Adaptive] {
        let mut ratios = Vec::new();
        for seed in 0..12 {
            let mut settings = small(4);
            settings.gate.mode = gate;
            let landscape = Landscape::new(seed, 4, 16, 800, 300);
            let float = correct(&landscape, &Allocation::uniform(4, BitWidth::FLOAT));
            let meets = |a: &Allocation| float - correct(&landscape, a) <= 12;
            let all = every_allocation(&settings);
            let optimum = all
                .iter()
                .filter(|a| meets(a))
                .map(|a| settings.space.bytes(a))
                .min();
            let mut driver = Driver::new(settings, landscape.clone());
            driver.finish();
            let found = driver.incumbent();
            assert!(meets(&found.allocation), "seed {seed}");
            ratios.push(found.bytes as f64 / optimum.expect("8 bits pass") as f64);
        }
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        assert!(ratios.iter().all(|r| (1.0..1.4).contains(r)), "{ratios:?}");
        assert!(mean < 1.15, "{ratios:?}");
    }
}

#[test]
fn no_question_is_asked_twice() {
    let mut driver = Driver::new(settings(), landscape(3));
    let mut asked = Vec::new();
    while let Some(request) = driver.wanted() {
        assert!(!asked.contains(&request.job), "{:?}", request.job);
        asked.push(request.job);
        driver.step();
    }
    assert!(driver.engine.is_finished());
    let of = |split: Split| {
        let is = |q: &Question| matches!(q, Question::Accuracy { split: s, .. } if *s == split);
        asked.iter().filter(|j| is(&j.question)).count() as u64
    };
    let counters = driver.engine.counters();
    assert_eq!(counters.evaluations, of(Split::Search) - 1);
    assert_eq!(of(Split::Test), 2);
    assert_eq!(
        counters.drift_evaluations,
        asked.len() as u64 - of(Split::Search) - of(Split::Test)
    );
}

#[test]
fn nothing_met_is_said() {
    let mut settings = settings();
    settings.constraint.max_accuracy_drop = AccuracyDrop::Points(-50.0);
    let (engine, events) = finished(settings, 1);
    assert_eq!(engine.tree().finished, Some(StopReason::NothingMet));
    assert_eq!(engine.tree().incumbent, None);
    assert!(!events.iter().any(|e| matches!(e, Event::Tested { .. })));
}

#[test]
fn every_uniform_width_is_tried_before_giving_up() {
    // A network whose 8 bits fail by bad luck while 6 pass: accuracy is not monotone in bits.
    let unlucky = Allocation::uniform(LAYERS, width(8));
    let force = move |a: &Allocation| (*a == unlucky).then_some(Forced::Fails);
    let mut driver = Driver::forced(settings(), landscape(1), Box::new(force));
    driver.finish();
    let tree = driver.tree();
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
    assert_eq!(engine.tree().incumbent, None, "a result keeps to the limit");
    let nearest = engine.tree().closest_infeasible();
    let too_large = |m: &ClosestInfeasible| m.over_bytes > 0 && m.over_drop == 0.0;
    assert!(nearest.iter().any(too_large), "{nearest:?}");
}

#[test]
fn where_nothing_fits_in_a_budget_only_the_smallest_is_looked_at() {
    for strategy in STRATEGIES {
        let mut settings = small(4);
        settings.search.strategy = strategy;
        settings.constraint.max_accuracy_drop = AccuracyDrop::Any;
        settings.constraint.max_memory = Some(1);
        let mut driver = Driver::new(settings, Landscape::new(1, 4, 16, 800, 300));
        driver.finish();
        let tree = driver.tree();
        assert_eq!(tree.finished, Some(StopReason::NothingMet), "{strategy:?}");
        assert_eq!((tree.incumbent, tree.candidates.len()), (None, 1));
        let smallest = &tree.candidates[0];
        assert_eq!(smallest.allocation, Allocation::uniform(4, width(2)));
        let misses = tree.closest_infeasible();
        assert_eq!(misses[0].over_bytes, smallest.bytes - 1);
        assert_eq!(driver.engine.counters().evaluations, 1);
    }
}

#[test]
fn what_tries_allocations_goes_on_where_no_uniform_width_passes() {
    for strategy in [StrategyName::Exhaustive, StrategyName::Random] {
        let mut settings = small(3);
        settings.search.levels = vec![Level::Layer];
        settings.search.strategy = strategy;
        settings.search.draws = 200;
        let uniform = |a: &Allocation| !a.is_float() && a.0.iter().all(|w| *w == a.0[0]);
        let force = move |a: &Allocation| uniform(a).then_some(Forced::Fails);
        let landscape = Landscape::new(1, 3, 16, 800, 300);
        let float = correct(&landscape, &Allocation::uniform(3, BitWidth::FLOAT));
        let all = every_allocation(&settings);
        let met = |a: &&Allocation| !uniform(a) && float - correct(&landscape, a) <= 12;
        let best = all
            .iter()
            .filter(met)
            .map(|a| settings.space.bytes(a))
            .min();
        let mut driver = Driver::forced(settings, landscape, Box::new(force));
        driver.finish();
        assert_eq!(driver.tree().finished, Some(StopReason::Complete));
        if strategy == StrategyName::Exhaustive {
            assert_eq!(Some(driver.incumbent().bytes), best);
        }
    }
}

#[test]
fn where_every_allocation_fails_all_are_tried_and_that_is_said() {
    let mut settings = small(2);
    settings.search.levels = vec![Level::Layer];
    settings.search.strategy = StrategyName::Exhaustive;
    let count = every_allocation(&settings).len();
    let landscape = Landscape::new(1, 2, 16, 800, 300);
    let mut driver = Driver::forced(
        settings,
        landscape,
        Box::new(|a| (!a.is_float()).then_some(Forced::Fails)),
    );
    driver.finish();
    assert_eq!(driver.tree().finished, Some(StopReason::NothingMet));
    assert_eq!(driver.tree().candidates.len(), count);
}

#[test]
fn the_lowest_width_is_tried_first() {
    let mut settings = settings();
    settings.constraint.max_accuracy_drop = AccuracyDrop::Points(100.0);
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
    let (engine, _) = finished(settings, 4);
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
        Pin::fixed("stage0.0.layer1", width(8)),
        Pin::range("stage1.*", width(4), width(8)),
    ];
    settings
        .pins
        .push(Pin::list("*.layer6", vec![width(4), width(8)]));
    let (engine, _) = finished(settings.clone(), 2);
    for c in &engine.tree().candidates {
        assert!([width(4), width(8)].contains(&c.allocation.0[6]));
        assert_eq!(c.allocation.0[1], width(8));
        assert!(c.allocation.0[4..].iter().all(|w| *w >= width(4)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Several questions under way at once, answered in any order, change nothing.
    #[test]
    fn order_of_arrival_changes_nothing(
        seed in 0u64..1000,
        strategy in prop::sample::select(STRATEGIES.to_vec()),
        order in prop::collection::vec(0usize..7, 400)) {
        let settings = settings_for(strategy);
        let one = finished(settings.clone(), seed).1;
        let mut driver = Driver::new(settings, landscape(seed));
        for pick in order.into_iter().cycle() {
            let mut wanted = driver.engine.wanted(5);
            if wanted.is_empty() {
                break;
            }
            let request = wanted.swap_remove(pick % wanted.len());
            let outcome = driver.answer(&request.job);
            driver.events.extend(driver.engine.outcome(&request.job, outcome));
        }
        prop_assert_eq!(one, driver.events);
    }
}

/// How many times all evaluators, equally fast, have to answer.
fn turns(settings: &Settings, seed: u64, workers: usize) -> usize {
    let mut driver = Driver::new(settings.clone(), landscape(seed));
    for turn in 0.. {
        let wanted = driver.engine.wanted(workers);
        if wanted.is_empty() {
            assert!(driver.engine.is_finished());
            return turn;
        }
        assert!(wanted.len() <= workers);
        for request in wanted {
            let outcome = driver.answer(&request.job);
            driver.engine.outcome(&request.job, outcome);
        }
    }
    unreachable!("a search ends")
}

#[test]
fn several_evaluators_take_fewer_turns() {
    for strategy in [
        StrategyName::Greedy,
        StrategyName::Beam,
        StrategyName::Allocate,
    ] {
        let mut settings = settings();
        settings.search.strategy = strategy;
        let all = |workers| -> usize { (0..10).map(|seed| turns(&settings, seed, workers)).sum() };
        let (one, two, four) = (all(1), all(2), all(4));
        println!("{strategy:?}: {one} {two} {four}");
        assert!(
            4 * two < 3 * one,
            "{strategy:?}: {two} turns of two, {one} of one"
        );
        assert!(
            2 * four < one,
            "{strategy:?}: {four} turns of four, {one} of one"
        );
    }
}

#[test]
fn sequential_screening_runs_fewer_images_and_what_it_finds_is_confirmed_on_all() {
    let screenings = |events: &[Event]| -> Vec<Judgement> {
        let judgement = |e: &Event| match e {
            Event::Screened { judgement, .. } if !judgement.cached => Some(*judgement),
            _ => None,
        };
        events.iter().filter_map(judgement).collect()
    };
    let mean = |of: &[Judgement]| {
        of.iter().map(|j| j.images).sum::<usize>() as f64 / of.len().max(1) as f64
    };
    for strategy in [
        StrategyName::Greedy,
        StrategyName::Beam,
        StrategyName::Allocate,
    ] {
        let (mut exact, mut sequential) = (Vec::new(), Vec::new());
        for seed in 0..10 {
            let mut settings = settings();
            settings.search.strategy = strategy;
            settings.search.screen = Screen::First(600);
            exact.extend(screenings(&finished(settings.clone(), seed).1));
            settings.search.screening = Screening::Sequential;
            let (engine, events) = finished(settings.clone(), seed);
            sequential.extend(screenings(&events));
            for event in &events {
                if let Event::Confirmed { judgement, .. } = event {
                    assert!(!judgement.sequential);
                }
            }
            let result = engine.tree().incumbent.and_then(|i| engine.tree().get(i));
            let confirmed = result.and_then(|c| c.confirmation).expect("a result");
            assert_eq!(confirmed.images, settings.search_images);
            let mut again = Engine::new(settings).expect("no pins");
            again.replay(&events).expect("its own journal");
            assert_eq!(again.tree(), engine.tree());
        }
        assert!(exact.iter().all(|j| !j.sequential));
        assert!(sequential.iter().any(|j| j.sequential));
        let (all, few) = (mean(&exact), mean(&sequential));
        assert!(
            few < 0.8 * all,
            "{strategy:?}: {few} images instead of {all}"
        );
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

#[test]
fn a_changed_value_in_a_journal_is_named() {
    let (_, mut events) = finished(settings(), 8);
    let changed = events.iter_mut().find_map(|e| match e {
        Event::Proposed { bytes, .. } => Some(bytes),
        _ => None,
    });
    *changed.expect("a proposal") += 1;
    let error = Engine::new(settings())
        .expect("no pins")
        .replay(&events)
        .expect_err("a value is another one");
    assert!(error.found.starts_with("proposed.bytes = "), "{error}");
    assert!(error.expected.starts_with("proposed.bytes = "), "{error}");
}

#[test]
fn another_name_of_the_profile_and_other_words_change_nothing() {
    let mut driver = Driver::new(settings(), landscape(8));
    driver.accepted(aq4svit::search::Command::Pause);
    driver.finish();
    let mut events = driver.events.clone();
    for event in &mut events {
        if let Event::CommandAccepted { note, .. } = event {
            note.push_str(", as an older version put it");
        }
    }
    let mut renamed = settings();
    renamed.name = "another".into();
    let mut engine = Engine::new(renamed).expect("no pins");
    engine.replay(&events).expect("the same search");
    assert!(engine.is_finished());
}

/// The incumbent's bytes and the smallest that a base could become, at every closing of a group for
/// that reason.
fn closings(events: &[Event], why: CloseReason) -> Vec<(Tree, CandidateId)> {
    let mut tree = Tree::default();
    let mut found = Vec::new();
    for event in events {
        tree.apply(event);
        if let Event::GroupClosed { base, reason, .. } = event
            && *reason == why
        {
            found.push((tree.clone(), *base));
        }
    }
    found
}

#[test]
fn what_cannot_beat_the_incumbent_is_not_expanded_and_that_is_said() {
    let mut closed = 0;
    for seed in 0..24 {
        let mut settings = settings_for(StrategyName::Beam);
        settings.search.levels = vec![Level::Layer];
        let (engine, events) = finished(settings, seed);
        for (then, base) in closings(&events, CloseReason::CannotBeat) {
            closed += 1;
            // At the last level nothing more is made of it.
            let before = then.get(base).expect("in the tree").children.len();
            let after = engine.tree().get(base).expect("in the tree");
            let made = after.children.iter().skip(before);
            let made = made.filter_map(|c| engine.tree().get(*c));
            let of_level = |c: &&Candidate| c.origin == Origin::Search;
            assert_eq!(made.filter(of_level).count(), 0, "seed {seed}, {base}");
            // And what the search has in the end is no larger than that allowed.
            let tree = engine.tree();
            let result = tree.incumbent.and_then(|i| tree.get(i)).expect("a result");
            assert!(result.bytes <= after.bytes, "seed {seed}, {base}");
        }
    }
    assert!(closed > 0, "it happens");
}

#[test]
fn a_beam_does_not_try_what_failed_wider_in_every_layer() {
    let mut closed = 0;
    for seed in 0..12 {
        let (_, events) = finished(settings_for(StrategyName::Beam), seed);
        closed += closings(&events, CloseReason::WiderFailed).len();
        let (_, events) = finished(settings(), seed);
        assert!(
            closings(&events, CloseReason::WiderFailed).is_empty(),
            "greedy is as it was"
        );
    }
    assert!(closed > 0, "it happens");
}

/// Front on landscapes: about as small as greedy, with fewer evaluations, and never larger than the
/// smallest uniform bit-width that meets the constraint by more than a little.
#[test]
fn front_is_as_small_as_greedy_with_fewer_evaluations() {
    let (mut bytes, mut evaluations) = (0.0, 0.0);
    for seed in 0..12 {
        let of = |strategy| {
            let mut settings = settings_for(strategy);
            settings.search.screening = Screening::TwoSided;
            let engine = finished(settings, seed).0;
            let incumbent = engine.tree().best().expect("8 bits pass").bytes;
            (incumbent as f64, engine.counters().evaluations as f64)
        };
        let (front, greedy) = (of(StrategyName::Front), of(StrategyName::Greedy));
        bytes += front.0 / greedy.0 / 12.0;
        evaluations += front.1 / greedy.1 / 12.0;
    }
    assert!(bytes < 1.06, "{bytes} of greedy's bytes");
    assert!(evaluations < 0.9, "{evaluations} of greedy's evaluations");
}
