//! Steps: one candidate is evaluated, and the search pauses again. What is asked for in a pause.

use crate::common::driver::Driver;
use crate::common::landscape::{STRATEGIES, landscape, settings, settings_for};
use crate::search::steering::{layer, set};
use crate::search::undo::{decided, replays};
use aq4svit::search::{Command, Event};

/// Evaluations of candidates among events: those that no earlier result answered.
fn evaluated(events: &[Event]) -> usize {
    let evaluated = |e: &&Event| match e {
        Event::Screened { judgement, .. } | Event::Confirmed { judgement, .. } => !judgement.cached,
        Event::RungTested { cached, .. } => !cached,
        Event::Tested { candidate, .. } => candidate.is_some(),
        _ => false,
    };
    events.iter().filter(evaluated).count()
}

#[test]
fn steps_evaluate_one_candidate_each_and_decide_as_a_search_that_runs() {
    for strategy in STRATEGIES {
        let settings = settings_for(strategy);
        let mut running = Driver::new(settings.clone(), landscape(6));
        running.finish();
        let mut driver = Driver::new(settings.clone(), landscape(6));
        driver.accepted(Command::Pause);
        while !driver.engine.is_finished() {
            let before = driver.events.len();
            driver.accepted(Command::Step);
            while driver.step() {}
            let ended = driver.engine.is_finished();
            let one = evaluated(&driver.events[before..]);
            assert!(one == 1 || (ended && one == 0), "{strategy:?}: {one}");
            assert!(driver.tree().paused || ended);
        }
        assert_eq!(decided(driver.tree()), decided(running.tree()));
        replays(&settings, &driver);
    }
}

#[test]
fn a_pause_or_a_resume_ends_a_step() {
    let mut driver = Driver::new(settings(), landscape(6));
    driver.until("a base", |d| d.tree().base.is_some());
    driver.accepted(Command::Step);
    assert!(driver.tree().stepping);
    driver.accepted(Command::Pause);
    assert!(driver.tree().paused && !driver.tree().stepping && driver.wanted().is_none());
    driver.accepted(Command::Step);
    driver.accepted(Command::Resume);
    let before = driver.events.len();
    driver.until("more than one is evaluated", |d| {
        evaluated(&d.events[before..]) > 1
    });
}

#[test]
fn what_is_made_by_hand_in_a_pause_is_evaluated_at_once_and_nothing_else() {
    for strategy in STRATEGIES {
        let settings = settings_for(strategy);
        let mut driver = Driver::new(settings.clone(), landscape(6));
        driver.until("a base", |d| d.tree().base.is_some());
        driver.accepted(Command::Pause);
        assert_eq!(driver.wanted(), None);
        let base = driver.base().id;
        driver.accepted(set(base, layer(7), 6));
        let made = driver.tree().candidates.last().expect("made").id;
        while let Some(request) = driver.wanted() {
            assert_eq!(request.candidate, Some(made), "{strategy:?}");
            driver.step();
        }
        assert!(driver.candidate(made).judgement().is_some(), "{strategy:?}");
        assert!(driver.tree().paused);
        driver.finish();
        replays(&settings, &driver);
    }
}
