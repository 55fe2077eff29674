//! Lists, the log, two runs.

use aq4svit::quant::BitWidth;
use aq4svit::tui::model::{Pane, View};
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{Action, Answer, OtherRun};

use super::super::screens::screen;
use super::super::story::{Play, demo_settings};
use super::{SIZES, finished};

#[test]
fn finding_compare_two_runs_stand_beside_each_other() {
    for size in SIZES {
        let mut play = finished(size);
        let mut tree = play.model.tree.clone();
        let result = tree.result().unwrap().id;
        let three = BitWidth::new(3).unwrap();
        if let Some(node) = tree.candidates.get_mut(result.index()) {
            node.allocation.0[5] = three;
        }
        let other = OtherRun {
            id: "2026-05-03-demo".into(),
            counters: play.model.activity.counters(),
            seconds: 61.0,
            tree,
        };
        play.act(Action::Answered(Answer::Run(Ok(Box::new(other)))));
        let shown = screen(&play);
        for words in [
            "2026-05-03-demo",
            "1 of 32 layers differs",
            "1:01",
            "evaluations",
        ] {
            assert!(shown.contains(words), "{words}\n{shown}");
        }
        play.act(Action::Cancel);
        assert_eq!(
            (play.model.overlay.clone(), play.model.view),
            (None, View::Front)
        );
        play.act(Action::Answered(Answer::Run(Err(
            "there is no run x".into()
        ))));
        assert!(
            play.model
                .toasts
                .iter()
                .any(|t| t.text == "there is no run x")
        );
    }
}

/// A list is ordered by its columns: the decisions of the gate, the sites, the evaluated nodes.
#[test]
fn finding_smaller_lists_are_ordered_by_their_columns() {
    let mut play = finished((160, 48));
    play.act(Action::Cancel);
    play.act(Action::View(View::Gate));
    play.act(Action::FocusNext);
    play.act(Action::Sort);
    let tree = &play.model.tree;
    let drifts: Vec<f64> = play
        .model
        .gate
        .shown
        .iter()
        .filter_map(|id| tree.get(*id)?.drift)
        .collect();
    assert!(drifts.len() > 3 && drifts.windows(2).all(|w| w[0] >= w[1]));
    play.act(Action::View(View::Membranes));
    play.act(Action::Sort);
    let node = play.model.shown().unwrap();
    let first = play.model.site_at(0).unwrap().0;
    let most = node.site_drift.iter().copied().fold(0.0, f64::max);
    assert_eq!(node.site_drift[first], most);
    play.act(Action::View(View::Front));
    play.act(Action::Sort);
    let drops: Vec<f64> = play.model.front.points.iter().map(|p| p.drop).collect();
    assert!(drops.windows(2).all(|w| w[0] <= w[1]));
}

#[test]
fn finding_smaller_the_log_has_the_number_first_and_a_line_in_full() {
    let mut play = finished((120, 40));
    play.act(Action::Cancel);
    play.act(Action::View(View::Run));
    let line = play
        .model
        .log
        .iter()
        .find(|l| l.text.contains("passed screening"))
        .unwrap();
    let (before, _) = line.text.split_once(" pp, ").expect("the drop comes first");
    assert!(before.len() < 40, "{}", line.text);
    while play.model.focus != Pane::Log {
        play.act(Action::FocusNext);
    }
    play.act(Action::ShowNode);
    let last = play.model.log.iter().last().unwrap().text.clone();
    assert!(play.model.toasts.iter().any(|t| t.text == last));
}

/// Without Unicode no sign runs into a number.
#[test]
fn finding_smaller_no_ascii_sign_runs_into_a_number() {
    let theme = Theme {
        name: aq4svit::tui::theme::ThemeName::None,
        symbols: aq4svit::tui::theme::Symbols::ascii(),
        palette: aq4svit::tui::theme::Palette::monochrome(),
    };
    let mut play = Play::with(theme, demo_settings(), (120, 40));
    play.jobs(130);
    for line in screen(&play).lines().skip(7).take(12) {
        let glued = line.find(" #").is_none() && line.contains('#') && line.contains("KiB");
        assert!(!glued, "{line}");
    }
}
