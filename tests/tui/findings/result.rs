//! The end of a run, and what is said of its state.

use aq4svit::quant::BitWidth;
use aq4svit::search::{Command, Estimate, Prediction, State};
use aq4svit::tui::model::{Destination, Overlay, Status, View};
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{Action, Answer, Asked, Effect, Outcome, PredictedFront, update};

use super::super::screens::screen;
use super::super::story::{Play, demo_settings};
use super::{SIZES, finished, not_met};

#[test]
fn finding_2_the_end_of_a_run_is_a_card() {
    for size in SIZES {
        let mut play = finished(size);
        assert_eq!(play.model.overlay, Some(Overlay::Result));
        let result = play.model.tree.result().unwrap();
        let float = play
            .model
            .tree
            .settings
            .as_ref()
            .unwrap()
            .space
            .float_bytes();
        let factor = format!("{:.1}x smaller", float as f64 / result.bytes as f64);
        assert_eq!(play.model.nodes.selected, Some(result.id));
        let shown = screen(&play);
        let said = [
            factor.as_str(),
            "accuracy",
            "test",
            "uniform",
            "bits",
            "cost",
            "s save",
            "R report",
            "E export",
            "y copy",
            "n new run",
            "q quit",
        ];
        for words in said {
            assert!(shown.contains(words), "{words} at {size:?}:\n{shown}");
        }
        play.act(Action::Cancel);
        assert!(!screen(&play).contains(&factor), "it closes");
        play.act(Action::Result);
        assert!(screen(&play).contains(&factor), "it opens again");
        // What is not a key of the card closes it and does what it always does.
        play.act(Action::View(View::Front));
        assert_eq!(
            (play.model.overlay.clone(), play.model.view),
            (None, View::Front)
        );
    }
}

#[test]
fn finding_2_the_keys_of_the_card_do_what_they_say() {
    let mut play = finished((120, 40));
    assert_eq!(play.act(Action::Report), [Effect::Ask(Asked::Report)]);
    assert_eq!(play.model.overlay, Some(Overlay::Result), "it stays");
    play.act(Action::Answered(Answer::Report(Ok("/r/report".into()))));
    let toasts: Vec<_> = play.model.toasts.iter().map(|t| t.text.clone()).collect();
    assert!(
        toasts.contains(&"wrote /r/report/report.html".to_owned()),
        "{toasts:?}"
    );
    let copied = play.act(Action::ExportCommand);
    let command = "aq4svit export 2026-05-04-demo --out 2026-05-04-demo-package";
    assert!(matches!(copied.as_slice(), [Effect::Copy { text, .. }] if text == command));
    let copied = play.act(Action::Copy);
    assert!(matches!(copied.as_slice(), [Effect::Copy { text, .. }] if text.contains("[bits]")));
    play.act(Action::Result);
    play.act(Action::Save);
    let result = play.model.tree.result().unwrap().id;
    assert!(matches!(&play.model.overlay, Some(Overlay::Save(p)) if p.candidate == result));
    play.act(Action::Cancel);
    play.act(Action::NewRun);
    let Some(Outcome::Elsewhere(Destination::Profile(profile))) = &play.model.outcome else {
        panic!("{:?}", play.model.outcome);
    };
    assert!(profile.ends_with("best.toml"), "{profile}");
}

#[test]
fn finding_2_the_card_has_the_best_uniform_width_and_evaluates_what_is_not_known() {
    for size in SIZES {
        let mut play = finished(size);
        let layers = play.model.tree.result().unwrap().allocation.0.len();
        let width = |bits| BitWidth::new(bits).unwrap();
        let predicted = |drop: f64| Prediction {
            memory_bytes: 200_000,
            predicted: Some(Estimate {
                drop,
                low: Some(drop - 0.5),
                high: Some(drop + 0.5),
            }),
            measured: None,
        };
        let mut front = PredictedFront::of(&play.model.tree);
        let menu: Vec<BitWidth> = front.uniform.iter().map(|(width, _)| *width).collect();
        assert!(menu.is_sorted() && menu.len() > 1, "{menu:?}");
        let limit = play.model.tree.max_drop();
        front.uniform = vec![
            (width(1), predicted(limit + 9.0)),
            (width(2), predicted(limit - 0.25)),
            (width(3), predicted(0.0)),
        ];
        update(&mut play.model, Action::PredictedFront(front));
        let shown = screen(&play);
        assert!(shown.contains("2 bits, 195.3 KiB"), "{shown}");
        assert!(shown.contains("predicted drop"), "{shown}");
        let effects = play.act(Action::Uniform);
        let [Effect::Send(sent)] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        let Command::SetLayers { candidate, bits } = &sent.command else {
            panic!("{sent:?}");
        };
        let parent = &play.model.tree.get(*candidate).unwrap().allocation.0;
        let differing = parent.iter().filter(|w| **w != width(2)).count();
        assert!(bits.values().all(|w| *w == width(2)), "{bits:?}");
        assert!(bits.len() == differing && differing <= layers, "{bits:?}");
        // What is known to fail, or nothing was predicted of, is not offered.
        play.model.uniform.clear();
        assert!(play.model.cannot(&Action::Uniform).is_some());
    }
}

#[test]
fn finding_11_what_met_nothing_says_so_and_shows_the_closest() {
    for size in SIZES {
        let play = not_met(Theme::colour(), size);
        assert_eq!(play.model.status(), Status::NotMet);
        let shown = screen(&play);
        let closest = play.model.tree.closest_infeasible();
        assert!(
            shown.contains("NOT MET") && !shown.contains("● FINISHED"),
            "{shown}"
        );
        assert!(
            shown.contains(&format!("{} ", closest[0].candidate)),
            "{shown}"
        );
        assert!(shown.contains("too much"), "{shown}");
    }
}

/// The conclusion about a node agrees with the memory limit and with what runs.
#[test]
fn finding_11_the_verdict_agrees_with_the_limit_and_the_work() {
    let mut play = not_met(Theme::colour(), (160, 48));
    play.act(Action::Cancel);
    let tree = &play.model.tree;
    let large = tree
        .candidates
        .iter()
        .find(|c| c.state() == State::Confirmed && c.bytes > 70 * 1024);
    let large = large.expect("something confirmed is too large").id;
    play.act(Action::Top);
    while play.model.nodes.selected != Some(large) {
        play.act(Action::Down);
    }
    let shown = screen(&play);
    assert!(
        shown.contains("Exceeds the memory limit of 70.0 KiB"),
        "{shown}"
    );
    let mut first = Play::new((160, 48));
    while first
        .model
        .activity
        .work
        .and_then(|w| w.candidate)
        .is_none()
    {
        first.jobs(1);
    }
    let shown = screen(&first);
    assert!(shown.contains("Being evaluated now"), "{shown}");
}

#[test]
fn finding_16_the_test_split_is_a_state_with_an_exact_countdown() {
    let mut play = Play::new((120, 40));
    let mut seen = 0;
    while !play.story.engine.is_finished() {
        play.jobs(1);
        play.wait(500);
        if play
            .model
            .activity
            .work
            .is_some_and(|w| w.task == aq4svit::tui::model::Task::Test)
        {
            seen += 1;
            assert_eq!(play.model.status(), Status::Testing);
            let begun = play.story.begin();
            play.tell(begun[begun.len() - 1..].to_vec());
            let (least, most) = play.model.activity.time_left(&play.model.tree).unwrap();
            assert_eq!(least, most);
        }
    }
    assert!(seen > 0, "there is a test split");
}

#[test]
fn finding_16_a_beam_has_no_time_left_that_would_be_wrong() {
    let mut settings = demo_settings();
    settings.search.strategy = aq4svit::profile::StrategyName::Beam;
    let mut play = Play::with(Theme::colour(), settings, (120, 40));
    for _ in 0..60 {
        play.jobs(1);
        assert_eq!(play.model.activity.time_left(&play.model.tree), None);
    }
}
