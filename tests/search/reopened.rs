//! A search that has finished is opened again by what changes what it looks for.

use crate::common::driver::Driver;
use crate::common::landscape::{STRATEGIES, landscape, settings, settings_for};
use crate::search::steering::{layer, pin, set, stage, to_drop};
use crate::search::undo::{decided, replays};
use aq4svit::profile::{AccuracyDrop, ConstraintChange};
use aq4svit::search::{CandidateId, Command, Event, State, StopReason};

fn finishes(driver: &Driver) -> usize {
    let finished = |e: &&Event| matches!(e, Event::Finished { .. });
    driver.events.iter().filter(finished).count()
}

#[test]
fn another_limit_opens_every_search_again_and_its_undo_ends_it_as_it_was() {
    for strategy in STRATEGIES {
        let settings = settings_for(strategy);
        let mut driver = Driver::new(settings.clone(), landscape(5));
        driver.finish();
        assert!(!driver.tree().test_seen, "{strategy:?}");
        let (before, smallest) = (decided(driver.tree()), driver.incumbent().bytes);
        driver.accepted(to_drop(6.0));
        assert_eq!(driver.tree().finished, None, "{strategy:?}");
        assert!(driver.tree().test_seen, "the test split was looked at");
        driver.finish();
        assert_eq!(finishes(&driver), 2);
        assert!(driver.incumbent().bytes < smallest, "{strategy:?}");
        assert!(driver.tree().test_seen);
        driver.accepted(Command::Undo);
        assert_eq!(decided(driver.tree()), before, "{strategy:?}");
        assert!(driver.engine.is_finished());
        // That result was chosen before anything of the test split was known.
        assert!(!driver.tree().test_seen);
        driver.accepted(Command::Redo);
        driver.finish();
        assert!(driver.incumbent().bytes < smallest, "{strategy:?}");
        replays(&settings, &driver);
    }
}

#[test]
fn a_node_made_by_hand_is_evaluated_and_the_search_ends_again() {
    for strategy in STRATEGIES {
        let settings = settings_for(strategy);
        let mut driver = Driver::new(settings.clone(), landscape(3));
        driver.finish();
        let best = driver.incumbent().clone();
        let mut made = (0..8).filter_map(|i| match driver.command(set(best.id, layer(i), 2)) {
            Event::CommandAccepted { candidate, .. } => candidate,
            _ => None,
        });
        let made = made.next().expect("something new");
        driver.finish();
        assert!(driver.candidate(made).screening.is_some(), "{strategy:?}");
        assert_eq!(finishes(&driver), 2, "{strategy:?}");
        replays(&settings, &driver);
    }
}

#[test]
fn pins_and_resumed_branches_open_a_search_again() {
    let mut driver = Driver::new(settings(), landscape(4));
    driver.finish();
    let (free, base) = (driver.incumbent().bytes, driver.base().id);
    driver.accepted(Command::Pin {
        pin: pin("stage0.*", 6, 8),
    });
    driver.finish();
    assert!(driver.incumbent().bytes > free);
    driver.accepted(Command::Unpin {
        pattern: "stage0.*".into(),
    });
    driver.finish();
    driver.accepted(Command::Prune { candidate: base });
    driver.finish();
    driver.accepted(Command::ResumeBranch { candidate: base });
    assert!(!driver.engine.is_finished());
    driver.finish();
    assert!(driver.incumbent().bytes <= free);
    replays(&settings(), &driver);
}

#[test]
fn a_stopped_search_goes_on_when_that_is_undone_and_when_it_is_steered() {
    let mut free = Driver::new(settings(), landscape(2));
    free.finish();
    for undone in [true, false] {
        let mut driver = Driver::new(settings(), landscape(2));
        driver.until("a level", |d| {
            d.tree().level.is_some() && d.tree().round > 2
        });
        driver.accepted(Command::Stop);
        driver.finish();
        assert_eq!(driver.tree().finished, Some(StopReason::Stopped));
        assert!(driver.refused(Command::Pause).contains("has finished"));
        assert!(driver.refused(Command::Step).contains("has finished"));
        assert!(driver.refused(Command::Stop).contains("has finished"));
        driver.accepted(match undone {
            true => Command::Undo,
            false => set(CandidateId(0), stage(0), 6),
        });
        driver.finish();
        assert_eq!(driver.tree().finished, Some(StopReason::Complete));
        if undone {
            assert_eq!(driver.incumbent().allocation, free.incumbent().allocation);
        }
        replays(&settings(), &driver);
    }
}

#[test]
fn what_was_spent_has_to_be_raised_first() {
    let mut limited = settings();
    limited.constraint.max_evaluations = Some(9);
    let mut driver = Driver::new(limited.clone(), landscape(5));
    driver.finish();
    let why = driver.refused(set(CandidateId(0), stage(0), 6));
    assert!(why.contains("raise that"), "{why}");
    let more = |n| Command::Constrain {
        change: ConstraintChange {
            max_evaluations: Some(n),
            ..ConstraintChange::default()
        },
    };
    driver.accepted(more(Some(12)));
    driver.finish();
    assert_eq!(driver.tree().finished, Some(StopReason::MaxEvaluations));
    driver.accepted(more(None));
    driver.finish();
    assert_eq!(driver.tree().finished, Some(StopReason::Complete));
    assert_eq!(driver.incumbent().state(), State::Confirmed);
    replays(&limited, &driver);
}

#[test]
fn where_nothing_met_the_limit_other_pins_open_the_search_again() {
    for strategy in STRATEGIES {
        let mut settings = settings_for(strategy);
        settings.constraint.max_accuracy_drop = AccuracyDrop::Points(0.0);
        let mut driver = Driver::new(settings.clone(), landscape(0));
        driver.accepted(Command::Pin {
            pin: pin("stage0.*", 3, 3),
        });
        driver.finish();
        assert_eq!(driver.tree().finished, Some(StopReason::NothingMet));
        let tried = driver.tree().candidates.len();
        for widths in [2, 8] {
            driver.accepted(Command::Pin {
                pin: pin("stage0.*", widths, widths),
            });
            driver.finish();
        }
        assert!(driver.tree().candidates.len() > tried, "{strategy:?}");
        assert_eq!(driver.tree().finished, Some(StopReason::Complete));
        replays(&settings, &driver);
    }
}
