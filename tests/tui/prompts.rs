//! Limits, pins by pattern and undo, as a person types them.

use aq4svit::profile::{AccuracyDrop, ConstraintChange, Pin, StrategyName};
use aq4svit::quant::BitWidth;
use aq4svit::search::{Command, State};
use aq4svit::tui::Action;
use aq4svit::tui::model::{Pane, View};

use super::screens::screen;
use super::story::{Play, sent};

fn typed(play: &mut Play, text: &str) {
    play.act(Action::EraseLine);
    text.chars().for_each(|c| {
        play.act(Action::Insert(c));
    });
}

fn toast(play: &Play) -> String {
    play.model.toasts.iter().map(|t| t.text.clone()).collect()
}

#[test]
fn limits_are_checked_as_they_are_typed_and_taken_back() {
    for size in [(80, 24), (160, 48)] {
        let mut play = Play::new(size);
        play.jobs(70);
        let before = play.model.tree.constraint;
        let incumbent = play.model.tree.incumbent;
        let stands = |play: &Play| {
            let nodes = play.model.tree.active();
            let nodes: Vec<_> = nodes
                .map(|c| (c.id, c.screening, c.confirmation, c.drift))
                .collect();
            (
                nodes,
                play.model.tree.base,
                play.model.tree.accepted.clone(),
            )
        };
        let stood = stands(&play);
        play.act(Action::Limits);
        insta::assert_snapshot!(format!("limits_{}x{}", size.0, size.1), screen(&play));
        typed(&mut play, "1.0 points");
        assert!(screen(&play).contains("! accuracy drop: write percentage points such as 1.0"));
        assert_eq!(play.act(Action::Submit), [], "what is wrong is not sent");
        assert!(play.model.overlay.is_some());
        typed(&mut play, "0.1");
        play.act(Action::Down);
        typed(&mut play, "80 kib");
        assert!(screen(&play).contains("! memory: write a size such as 80 KiB"));
        typed(&mut play, "80 KiB");
        insta::assert_snapshot!(format!("limits_typed_{}x{}", size.0, size.1), screen(&play));
        let change = ConstraintChange {
            max_accuracy_drop: Some(AccuracyDrop::Points(0.1)),
            max_memory: Some(Some(81_920)),
            ..ConstraintChange::default()
        };
        let effects = play.act(Action::Submit);
        assert_eq!(sent(&effects), [Command::Constrain { change }]);
        assert!(play.model.overlay.is_none());
        assert_eq!(play.model.tree.constraint, change.of(before));
        assert_ne!(play.model.tree.incumbent, incumbent, "it misses 0.1 points");
        assert_eq!(sent(&play.act(Action::Undo)), [Command::Undo]);
        assert_eq!(play.model.tree.constraint, before);
        assert_eq!(play.model.tree.incumbent, incumbent);
        assert_eq!(stands(&play), stood, "base and verdicts are as before");
        // Nothing typed, nothing sent.
        play.act(Action::Limits);
        assert_eq!(play.act(Action::Submit), []);
        assert!(play.model.overlay.is_none());
    }
}

#[test]
fn every_command_can_be_taken_back_by_a_key() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    assert_eq!(sent(&play.act(Action::Undo)), [Command::Undo]);
    assert!(toast(&play).contains("undo"), "refused: {}", toast(&play));
    play.act(Action::Bottom);
    play.act(Action::Prune);
    let id = play.model.nodes.selected.unwrap();
    assert!(play.model.tree.get(id).unwrap().pruned);
    assert!(screen(&play).contains(&format!("undo: prune {id}")));
    play.act(Action::Undo);
    assert!(!play.model.tree.get(id).unwrap().pruned);
    assert!(screen(&play).contains(&format!("redo: prune {id}")));
    play.act(Action::Redo);
    assert!(play.model.tree.get(id).unwrap().pruned);
    play.act(Action::Pause);
    play.act(Action::Undo);
    assert!(play.model.tree.paused, "a pause is no change of the search");
    assert!(!play.model.tree.get(id).unwrap().pruned);
}

#[test]
fn a_step_evaluates_one_candidate() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    play.act(Action::Pause);
    let judged = |play: &Play| {
        let all = play.model.tree.candidates.iter();
        all.map(|c| usize::from(c.screening.is_some()) + usize::from(c.confirmation.is_some()))
            .sum::<usize>()
    };
    let before = judged(&play);
    assert_eq!(sent(&play.act(Action::Step)), [Command::Step]);
    play.jobs(200);
    assert_eq!(judged(&play), before + 1);
    assert!(play.model.tree.paused);
}

#[test]
fn a_pin_by_pattern_says_what_it_holds() {
    let mut play = Play::new((80, 24));
    play.jobs(40);
    play.act(Action::View(View::Allocation));
    assert_eq!(play.model.focus, Pane::Allocation);
    play.act(Action::PinPattern);
    insta::assert_snapshot!("pin_of_a_row", screen(&play));
    typed(&mut play, "stage3.*");
    play.act(Action::Down);
    typed(&mut play, "7");
    assert!(
        screen(&play).contains("! pin \"stage3.*\" allows 7"),
        "{}",
        screen(&play)
    );
    typed(&mut play, "four");
    assert!(screen(&play).contains("! bit-widths: write 8, or 4-8"));
    typed(&mut play, "4-8");
    insta::assert_snapshot!("pin_by_pattern", screen(&play));
    let width = |bits| BitWidth::new(bits).unwrap();
    let pin = Pin::range("stage3.*", width(4), width(8));
    let effects = play.act(Action::Submit);
    assert_eq!(sent(&effects), [Command::Pin { pin: pin.clone() }]);
    assert_eq!(play.model.tree.pins, [pin]);
    // The same prompt takes it back.
    play.act(Action::PinPattern);
    typed(&mut play, "stage3.*");
    play.act(Action::Down);
    typed(&mut play, "any");
    let pattern = String::from("stage3.*");
    assert_eq!(
        sent(&play.act(Action::Submit)),
        [Command::Unpin { pattern }]
    );
    assert!(play.model.tree.pins.is_empty());
}

#[test]
fn a_prompt_refuses_what_the_search_would_refuse() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    // Every layer is pinned: few enough to try them all only as long as that holds.
    let settings = play.model.tree.settings.as_mut().unwrap();
    settings.search.strategy = StrategyName::Exhaustive;
    let eight = BitWidth::new(8).unwrap();
    play.model.tree.pins = vec![Pin::fixed("*", eight)];
    play.act(Action::PinPattern);
    typed(&mut play, "*");
    play.act(Action::Down);
    for widths in ["2-8", "any"] {
        typed(&mut play, widths);
        let shown = screen(&play);
        assert!(
            shown.contains("! an exhaustive search would try"),
            "{shown}"
        );
        assert_eq!(play.act(Action::Submit), []);
    }
    play.act(Action::Cancel);
    play.act(Action::Limits);
    play.act(Action::Down);
    typed(&mut play, "10");
    let shown = screen(&play);
    assert!(shown.contains("10 bytes"), "{shown}");
    assert_eq!(play.act(Action::Submit), []);
}

#[test]
fn every_command_of_the_search_has_an_entry_or_a_key() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    // There is something to undo; without it the list would say so.
    play.act(Action::Pin);
    for (name, expected) in [
        ("pause", Command::Pause),
        ("undo", Command::Undo),
        ("time up", Command::TimeUp),
    ] {
        play.act(Action::Commands);
        name.chars().for_each(|c| {
            play.act(Action::Insert(c));
        });
        let mut effects = play.act(Action::Submit);
        if expected == Command::TimeUp {
            assert_eq!(effects, [], "it ends the search: asked first");
            assert!(screen(&play).contains("End as if the time limit were reached"));
            effects = play.act(Action::Submit);
        }
        assert_eq!(sent(&effects), [expected]);
    }
    let tree = &play.model.tree;
    assert!(
        tree.finished.is_some()
            || tree
                .candidates
                .iter()
                .any(|c| c.state() == State::Confirmed)
    );
}

#[test]
fn a_finished_search_is_steered_again() {
    let mut play = Play::new((80, 24));
    play.finish();
    for action in [Action::Pause, Action::Step] {
        assert_eq!(play.act(action), []);
        assert!(toast(&play).contains("the search has finished"));
    }
    assert_eq!(play.act(Action::TimeUp), []);
    assert!(toast(&play).contains("the search is over"));
    play.act(Action::Limits);
    typed(&mut play, "3.0");
    let effects = play.act(Action::Submit);
    assert!(matches!(sent(&effects)[..], [Command::Constrain { .. }]));
    assert_eq!(play.model.tree.finished, None);
    assert!(play.model.is_live());
    play.act(Action::Undo);
    assert!(play.model.tree.finished.is_some());
}
