//! Charts: the front, a budget along it, the course, sensitivity, the gauge.

use aq4svit::search::{Command, GateDecision, State};
use aq4svit::tui::Action;
use aq4svit::tui::model::{Pane, View};
use aq4svit::tui::theme::Theme;

use super::super::screens::screen;
use super::super::story::{Play, demo_settings, sent};
use super::{SIZES, finished};

#[test]
fn finding_7_a_budget_moves_along_the_predicted_front() {
    for size in SIZES {
        let mut play = Play::new(size);
        play.jobs(70);
        play.act(Action::View(View::Front));
        // Outside it the keys keep their meaning.
        let before = play.model.nodes.selected;
        play.act(Action::Bottom);
        assert_ne!(play.model.nodes.selected, before);
        play.act(Action::WhatIf);
        let budget = |play: &Play| play.model.what_if.as_ref().unwrap().budget;
        let start = budget(&play);
        let solution = |play: &Play| {
            let what_if = play.model.what_if.as_ref().unwrap();
            what_if.solution().unwrap().clone()
        };
        let first = solution(&play);
        for _ in 0..40 {
            play.act(Action::Left);
        }
        assert!(budget(&play) < start);
        let smaller = solution(&play);
        assert!(smaller.prediction.memory_bytes <= budget(&play));
        assert_ne!(smaller.allocation, first.allocation);
        let shown = screen(&play);
        assert!(shown.contains("within "), "{shown}");
        let effects = play.act(Action::Submit);
        let commands = sent(&effects);
        match commands.as_slice() {
            [Command::SetLayers { candidate, bits }] => {
                assert!(!bits.is_empty());
                let made = play.model.tree.candidates.last().unwrap();
                assert_eq!(made.parent, Some(*candidate));
                assert_eq!(made.allocation, smaller.allocation);
            }
            // It was measured already: the node is shown.
            [] => assert!(smaller.is_measured()),
            other => panic!("{other:?}"),
        }
        assert!(play.model.what_if.is_none());
    }
}

/// The front is made of what meets the constraint; the axes hold the band around the limit.
#[test]
fn finding_8_the_front_is_what_meets_the_constraint() {
    let mut play = finished((160, 48));
    play.act(Action::View(View::Front));
    let allowed = play.model.tree.max_drop();
    let points = &play.model.front.points;
    let best: Vec<_> = points.iter().filter(|p| p.best).collect();
    assert!(!best.is_empty() && best.iter().all(|p| p.met && p.drop <= allowed + 0.5));
    assert!(points.iter().any(|p| !p.met), "some fail");
    let (around, title) = (screen(&play), "accuracy (%) vs memory (log)");
    assert!(around.contains(title), "{around}");
    play.act(Action::Axes);
    assert_ne!(screen(&play), around, "everything is another picture");
    // The limit's line is drawn in the row of its label.
    let row = around
        .lines()
        .find(|line| line.contains('≥'))
        .expect("a label of the limit");
    let dots = row.chars().filter(|c| ('\u{2801}'..'\u{28ff}').contains(c));
    assert!(dots.count() > 20, "{row}");
}

#[test]
fn finding_8_the_course_of_the_search_has_a_chart() {
    let mut play = finished((160, 48));
    play.act(Action::View(View::Run));
    let shown = screen(&play);
    for words in [
        "History",
        "memory (log) over evaluations",
        "drop (pp) over evaluations",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let last = play.model.history.all().last().unwrap();
    assert_eq!(last.incumbent, play.model.tree.best().map(|c| c.bytes));
}

/// The layers' sensitivity as a map of layers and widths, and its worst first.
#[test]
fn finding_8_the_sensitivity_of_layers_is_a_map() {
    let mut play = finished((160, 48));
    play.act(Action::Cancel);
    play.act(Action::View(View::Allocation));
    assert!(screen(&play).contains("Sensitivity"), "{}", screen(&play));
    while play.model.focus != Pane::Heat {
        play.act(Action::FocusNext);
    }
    play.act(Action::Sort);
    let heat = &play.model.heat;
    let worst = |layer: &usize| {
        let values = heat.values[*layer].iter().flatten().copied();
        values.fold(f64::NEG_INFINITY, f64::max)
    };
    let order: Vec<f64> = heat.order.iter().map(worst).collect();
    assert!(order.windows(2).all(|w| w[0] >= w[1]), "{order:?}");
    assert!(!heat.is_empty());
}

#[test]
fn finding_11_a_failed_confirmation_is_no_success_in_the_table_of_the_gate() {
    let mut play = Play::new((160, 48));
    play.finish();
    play.act(Action::View(View::Gate));
    let refuted = |c: &&aq4svit::search::Candidate| {
        c.state() == State::Refuted && c.gate.is_some_and(|g| g.decision == GateDecision::Passed)
    };
    let Some(node) = play
        .model
        .tree
        .candidates
        .iter()
        .find(refuted)
        .map(|c| c.id)
    else {
        return;
    };
    let row = play
        .model
        .gate
        .shown
        .iter()
        .position(|id| *id == node)
        .unwrap();
    play.model.gate.scroll.cursor = row;
    play.act(Action::Resize(160, 47));
    let shown = screen(&play);
    let line = shown
        .lines()
        .find(|l| l.contains(&format!("{node} ")))
        .unwrap_or_default();
    assert!(line.contains("failed conf."), "{line}\n{shown}");
}

/// A memory budget, a chip's too, is a gauge in the header.
#[test]
fn finding_8_the_memory_limit_is_a_gauge() {
    let mut settings = demo_settings();
    settings.constraint.max_memory = Some(160 * 1024);
    let mut play = Play::with(Theme::colour(), settings, (160, 48));
    play.jobs(90);
    let incumbent = play.model.tree.best().expect("something fits");
    let share = format!(
        "{:.0} % of 160.0 KiB",
        100.0 * incumbent.bytes as f64 / 163_840.0
    );
    assert!(screen(&play).contains(&share), "{share}\n{}", screen(&play));
}
