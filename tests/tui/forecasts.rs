//! What a change in the making would lose, before anything is evaluated.

use aq4svit::search::{Predictor, Tree};
use aq4svit::tui::model::View;
use aq4svit::tui::{Action, Change, Effect, Forecast, update};

use super::screens::screen;
use super::story::Play;

#[test]
fn every_change_is_predicted_at_once() {
    for size in [(80, 24), (160, 48)] {
        let mut play = Play::new(size);
        play.jobs(70);
        play.act(Action::View(View::Allocation));
        let mut last = None;
        for action in [
            Action::LowerBits,
            Action::LowerBits,
            Action::Down,
            Action::LowerBits,
        ] {
            play.act(action);
            let edit = play.model.edit.clone().unwrap();
            let forecast = play.model.forecast.clone().unwrap();
            assert_eq!(forecast.allocation, edit.preview);
            let predictor = Predictor::new(&play.model.tree).unwrap();
            let predicted = predictor.predict(&edit.preview);
            assert_eq!(forecast.predicted, predicted.predicted);
            assert_eq!(predicted.memory_bytes, edit.bytes);
            last = predicted.predicted;
        }
        // Told from what was measured of the node that it is made of.
        let estimate = last.unwrap();
        let parent = play.model.forecast.as_ref().unwrap().parent.unwrap();
        let measured = play.model.shown().unwrap().judgement().unwrap().drop();
        let shift = measured - parent.drop;
        let (low, high) = (estimate.low.unwrap(), estimate.high.unwrap());
        let text = match (high - low) / 2.0 > play.model.tree.max_drop() {
            true => String::from("cannot tell yet ("),
            false => format!(
                "predicted drop {:.2} ({:.2} to {:.2})",
                estimate.drop + shift,
                low + shift,
                high + shift
            ),
        };
        assert!(screen(&play).contains(&text), "{text}\n{}", screen(&play));
        insta::assert_snapshot!(format!("forecast_{}x{}", size.0, size.1), screen(&play));
        // Taken back, it is the node itself, which was measured.
        play.act(Action::Revert);
        play.act(Action::Up);
        play.act(Action::Revert);
        assert!(screen(&play).contains("measured at #"), "{}", screen(&play));
    }
}

#[test]
fn what_is_not_known_is_not_predicted() {
    let mut play = Play::new((80, 24));
    // The float network is evaluated; no candidate is.
    play.jobs(1);
    play.act(Action::View(View::Allocation));
    play.act(Action::LowerBits);
    assert!(screen(&play).contains("drop not known yet: 0 evaluations"));
    let allocation = play.model.edit.clone().unwrap().preview;
    let from = allocation.clone();
    let nothing = Forecast::of(&Tree::default(), Change { allocation, from });
    assert_eq!(
        (nothing.predicted, nothing.measured, nothing.measurements),
        (None, None, 0)
    );
    // A few measurements are not enough.
    while play.model.activity.counters().evaluations < 2 {
        play.jobs(1);
    }
    let n = play.model.forecast.as_ref().unwrap().measurements;
    assert!((1..6).contains(&n), "{n}");
    let text = format!("drop not known yet: {n} evaluation");
    assert!(screen(&play).contains(&text), "{}", screen(&play));
}

#[test]
fn a_late_answer_about_another_change_is_not_shown() {
    let mut play = Play::new((80, 24));
    play.jobs(70);
    play.act(Action::View(View::Allocation));
    play.act(Action::LowerBits);
    let late = play.model.forecast.clone().unwrap();
    let effects = update(&mut play.model, Action::LowerBits);
    assert!(matches!(effects.as_slice(), [Effect::Forecast(_)]));
    update(&mut play.model, Action::Forecast(late));
    assert!(
        screen(&play).contains("drop: predicting"),
        "{}",
        screen(&play)
    );
}
