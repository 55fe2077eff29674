//! The certificate of a result on synthetic landscapes.

use crate::common::driver::Driver;
use crate::common::landscape::{LAYERS, MAX_DROP, certified, landscape, settings};
use aq4svit::evaluate::{
    Cancel, Evaluator, Job, Landscape, Outcome, PairedDrop, Question, Split, Verdict,
};
use aq4svit::profile::{AccuracyDrop, ConstraintChange};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::search::{CandidateId, Certified, Command, Event, Settings};

const IMAGES: usize = 3000;

fn asked() -> Settings {
    certified(settings(), IMAGES)
}

fn driver(seed: u64) -> Driver {
    Driver::new(asked(), landscape(seed).with_certify(IMAGES))
}

fn is_certifying(driver: &Driver) -> bool {
    driver.wanted().is_some_and(|request| {
        matches!(
            request.job.question,
            Question::Accuracy {
                split: Split::Certify,
                ..
            }
        )
    })
}

fn to_drop(points: f64) -> Command {
    Command::Constrain {
        change: ConstraintChange {
            max_accuracy_drop: Some(AccuracyDrop::Points(points)),
            ..ConstraintChange::default()
        },
    }
}

/// The position of the first event that something holds of.
fn position(events: &[Event], of: impl Fn(&Event) -> bool) -> usize {
    events.iter().position(of).expect("such an event")
}

#[test]
fn a_ladder_is_fixed_before_its_first_look_and_stops_at_the_first_failure() {
    let mut failures = 0;
    for seed in 0..12 {
        let mut driver = driver(seed);
        driver.until("the certificate", is_certifying);
        let fixed = |e: &Event| matches!(e, Event::LadderFixed { .. });
        assert!(driver.events.last().is_some_and(fixed));
        assert!(driver.tree().certification.float.is_empty());
        driver.finish();
        let events = &driver.events;
        assert_eq!(events.iter().filter(|e| fixed(e)).count(), 1);
        let ladder = driver.tree().certification.ladder().expect("fixed").clone();
        assert!((ladder.error - 0.045).abs() < 1e-9 && ladder.limit == MAX_DROP);
        let mut tested = Vec::new();
        for event in events {
            if let Event::RungTested {
                candidate,
                test,
                bits,
                cached,
            } = event
            {
                let counted = PairedDrop::of(&driver.tree().certification.float, bits);
                assert_eq!(
                    (test.counted, counted.images, *cached),
                    (counted, IMAGES, false)
                );
                assert_eq!(test.bound, counted.upper_bound(ladder.error));
                assert_eq!(test.verdict == Verdict::Met, test.bound <= MAX_DROP);
                tested.push((*candidate, test.verdict));
            }
        }
        let failed = tested
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::NotMet);
        failures += failed.count();
        let rungs: Vec<CandidateId> = tested.iter().map(|(id, _)| *id).collect();
        assert_eq!(rungs, ladder.rungs[..tested.len()]);
        // What was certified is tested, and not what was left behind.
        let told = position(events, |e| matches!(e, Event::Certified { .. }));
        let Some(result) = driver.tree().result().map(|c| c.id) else {
            assert!(driver.tree().tested_float.is_none());
            continue;
        };
        let is_test =
            |e: &Event| matches!(e, Event::Tested { candidate: Some(id), .. } if *id == result);
        assert!(position(events, is_test) > told);
        assert!(driver.tree().tested().is_some());
    }
    assert!(
        failures >= 6,
        "{failures} of 12 ladders fail above the incumbent"
    );
}

/// The drop of an allocation on images that nothing else reads.
fn unseen(seed: u64, allocation: &Allocation) -> f64 {
    const MANY: usize = 40_000;
    let mut landscape = Landscape::new(seed, LAYERS, 16, 800, MANY);
    let mut correct = |allocation: &Allocation| {
        let question = Question::Accuracy {
            split: Split::Test,
            from: 0,
            to: MANY,
            stop: None,
        };
        let allocation = allocation.clone();
        let job = Job {
            allocation,
            question,
        };
        let answer = landscape.evaluate(&job, &Cancel::default(), &mut |_| ());
        match answer.expect("a landscape answers").0 {
            Outcome::Accuracy { correct } => correct,
            _ => panic!("an accuracy was asked for"),
        }
    };
    let float = correct(&Allocation::uniform(LAYERS, BitWidth::FLOAT));
    PairedDrop::of(&float, &correct(allocation)).points()
}

/// What is certified exceeds the limit on unseen images hardly ever, the incumbent often.
#[test]
fn what_is_certified_holds_on_unseen_images() {
    let (mut wrong, mut optimistic) = (0, 0);
    for seed in 0..60 {
        let mut driver = driver(seed);
        driver.finish();
        let drop = |id| unseen(seed, &driver.candidate(id).allocation);
        let Some(result) = driver.tree().result().map(|c| c.id) else {
            continue;
        };
        wrong += usize::from(drop(result) > MAX_DROP);
        optimistic += usize::from(drop(driver.incumbent().id) > MAX_DROP);
    }
    assert!(wrong <= 4, "{wrong} of 60 certificates are wrong");
    assert!(
        optimistic > 2 * wrong,
        "{optimistic} of 60 incumbents exceed the limit"
    );
}

#[test]
fn nothing_is_certified_on_too_few_images() {
    let settings = certified(settings(), 20);
    let mut driver = Driver::new(settings, landscape(3).with_certify(20));
    driver.finish();
    let tree = driver.tree();
    assert_eq!(tree.certification.outcome, Some(Certified::Nothing));
    assert!(tree.result().is_none() && tree.incumbent.is_some());
    assert!(tree.tested().is_none() && tree.tested_float.is_none());
    let ladder = tree.certification.ladder().expect("fixed");
    assert_eq!(ladder.tests.len(), 1);
    assert!(ladder.tests[0].bound > MAX_DROP);
}

/// A person goes on after a rung has failed: what is certified then has a part of the error
/// probability that was left, and what was seen already is not evaluated again.
#[test]
fn later_ladders_share_the_error_that_is_left() {
    let mut seen = 0;
    for seed in 0..12 {
        let mut driver = driver(seed);
        let failed = |e: &Event| matches!(e, Event::RungTested { test, .. } if test.verdict == Verdict::NotMet);
        while !driver.events.iter().any(failed) && driver.step() {}
        if driver.engine.is_finished() {
            continue;
        }
        driver.accepted(to_drop(2.5));
        assert!(driver.tree().certification.outcome.is_none());
        driver.finish();
        let ladders = &driver.tree().certification.ladders;
        let errors: Vec<f64> = ladders.iter().map(|ladder| ladder.error).collect();
        assert_eq!(errors.len(), 2, "seed {seed}");
        assert!((errors[1] - 0.9 * (0.05 - errors[0])).abs() < 1e-9);
        assert_eq!(ladders[1].limit, 2.5);
        let looks = |id: CandidateId| {
            let of = |e: &&Event| matches!(e, Event::RungTested { candidate, cached: false, .. } if *candidate == id);
            driver.events.iter().filter(of).count()
        };
        assert!(ladders[1].rungs.iter().all(|id| looks(*id) <= 1));
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
}

/// A ladder that is given up before a rung failed has spent nothing, and one that still leads to
/// the result goes on.
#[test]
fn a_ladder_goes_on_or_is_given_up_without_a_loss() {
    let mut driver = driver(1);
    driver.until("a rung", |d| {
        d.tree()
            .certification
            .ladder()
            .is_some_and(|l| l.tests.len() == 1)
    });
    driver.accepted(Command::Pause);
    driver.accepted(Command::Resume);
    // What has passed already is pruned and resumed: the result stays the same.
    let top = driver
        .tree()
        .candidates
        .iter()
        .rfind(|c| c.children.is_empty());
    let top = top.expect("a leaf").id;
    driver.accepted(Command::Prune { candidate: top });
    driver.accepted(Command::Undo);
    driver.until("the certificate again", is_certifying);
    assert_eq!(driver.tree().certification.ladders.len(), 1);
    driver.accepted(to_drop(3.0));
    driver.finish();
    let ladders = &driver.tree().certification.ladders;
    assert_eq!(ladders.len(), 2);
    assert_eq!(ladders[0].error, ladders[1].error);
}

#[test]
fn certificates_cost_no_evaluations() {
    for seed in 0..4 {
        let mut plain = Driver::new(settings(), landscape(seed));
        plain.finish();
        let mut driver = driver(seed);
        driver.finish();
        assert_eq!(driver.engine.counters(), plain.engine.counters());
        assert_eq!(driver.tree().incumbent, plain.tree().incumbent);
    }
}
