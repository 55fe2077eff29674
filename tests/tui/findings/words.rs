//! Lines, labels, predictions, help, the list of commands.

use aq4svit::search::Group;
use aq4svit::tui::model::{Overlay, Pane, Setting, View};
use aq4svit::tui::{Action, Asked, Effect, update};

use super::super::screens::screen;
use super::super::story::Play;
use super::{SIZES, finished, type_in};

/// The drop is the most important number of a node: it is shown whatever the width is.
#[test]
fn finding_4_the_drop_is_never_left_out() {
    let mut play = finished((60, 16));
    play.act(Action::Cancel);
    let drop = play.model.shown().unwrap().judgement().unwrap().drop();
    let text = format!("drop       {drop:.2} pp");
    for columns in 60..200 {
        play.act(Action::Resize(columns, 40));
        let shown = screen(&play);
        assert!(shown.contains(&text), "{columns} columns:\n{shown}");
    }
}

/// Nothing of the header and of the panes of text is a label with nothing behind it.
#[test]
fn finding_4_no_line_vanishes() {
    let mut play = Play::new((60, 16));
    play.jobs(70);
    for columns in 60..170 {
        play.act(Action::Resize(columns, 40));
        for view in [View::Search, View::Run] {
            play.act(Action::View(view));
            for line in screen(&play).lines() {
                let labels = [
                    "drop",
                    "confirmed",
                    "screening",
                    "memory",
                    "speed",
                    "requests",
                ];
                for label in labels {
                    let bare = line.trim_matches(|c: char| !c.is_alphanumeric());
                    assert_ne!(bare, label, "{columns} columns: {line}");
                }
            }
        }
    }
}

/// A prediction whose interval is wider than the limit is no number: its rank is said only.
#[test]
fn finding_5_a_prediction_too_wide_to_tell_is_no_number() {
    let mut play = Play::new((160, 48));
    play.jobs(70);
    play.act(Action::View(View::Allocation));
    play.act(Action::LowerBits);
    let mut wide = play.model.forecast.clone().unwrap();
    let mut estimate = wide.predicted.expect("enough was evaluated");
    (estimate.low, estimate.high) = (Some(estimate.drop - 20.0), Some(estimate.drop + 20.0));
    wide.predicted = Some(estimate);
    update(&mut play.model, Action::Forecast(wide.clone()));
    let shown = screen(&play);
    assert!(shown.contains("cannot tell yet ("), "{shown}");
    assert!(!shown.contains("predicted drop"), "{shown}");
    // A narrow one is told, from the measured drop of the node it is made of.
    let parent = wide.parent.unwrap();
    estimate.drop = parent.drop + 0.25;
    (estimate.low, estimate.high) = (Some(estimate.drop - 0.1), Some(estimate.drop + 0.1));
    wide.predicted = Some(estimate);
    update(&mut play.model, Action::Forecast(wide));
    let node = play.model.shown().unwrap().judgement().unwrap().drop();
    let told = format!("predicted drop {:.2}", node + 0.25);
    assert!(screen(&play).contains(&told), "{told}\n{}", screen(&play));
}

#[test]
fn finding_14_the_list_of_commands_finds_what_is_meant() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    let first = |play: &mut Play, text: &str| {
        play.act(Action::Commands);
        type_in(play, text);
        let shown = screen(play);
        play.act(Action::Cancel);
        let lines: Vec<String> = shown.lines().map(str::to_owned).collect();
        let at = lines
            .iter()
            .position(|l| l.contains("┃ : "))
            .expect("the input");
        lines[at + 2].clone()
    };
    for (typed, found) in [
        ("report", "report"),
        ("pause", "pause"),
        ("theme li", "theme light"),
        ("stage2.0", "stage2.0"),
        ("runs", "runs"),
        ("compare 2026-05-03", "compare"),
    ] {
        let line = first(&mut play, typed);
        assert!(line.contains(found), "{typed}: {line}");
    }
    for typed in ["pus", "xyzzy"] {
        let line = first(&mut play, typed);
        assert!(
            line.contains("no command is called like that"),
            "{typed}: {line}"
        );
    }
    // What cannot be done now is no success.
    play.act(Action::Commands);
    type_in(&mut play, "result");
    play.act(Action::Submit);
    assert!(matches!(play.model.overlay, Some(Overlay::Commands(_))));
    assert!(screen(&play).contains("not now: the search goes on"));
}

#[test]
fn finding_15_help_begins_with_what_is_in_view_and_can_be_searched() {
    let mut play = Play::new((120, 40));
    play.jobs(40);
    play.act(Action::View(View::Gate));
    play.act(Action::Help);
    let shown = screen(&play);
    let at = |words: &str| {
        shown
            .find(words)
            .unwrap_or_else(|| panic!("{words}\n{shown}"))
    };
    assert!(at("This view: Gate") < at("Symbols") && at("Symbols") < at("the base:"));
    play.act(Action::Find);
    type_in(&mut play, "false rejection");
    let found = screen(&play);
    assert!(
        found.contains("false rejection rate") && !found.contains("This view"),
        "{found}"
    );
    play.act(Action::Submit);
    play.act(Action::Cancel);
    assert!(
        screen(&play).contains("This view"),
        "what was searched for goes first"
    );
    play.act(Action::Cancel);
    assert_eq!(play.model.overlay, None);
}

#[test]
fn finding_15_a_first_run_says_what_is_seen() {
    for size in [(60, 16), (80, 24), (120, 40)] {
        let mut play = Play::new(size);
        play.model.welcome = true;
        let shown = screen(&play);
        assert!(shown.contains("What you see, what to try"), "{shown}");
        // Any key closes it and does what it does; that it was read is kept.
        let effects = play.act(Action::View(View::Gate));
        let read = Setting::Welcome(Some(false));
        assert_eq!(effects, [Effect::Ask(Asked::Keep(read))]);
        assert_eq!((play.model.welcome, play.model.view), (false, View::Gate));
        play.model.welcome = true;
        play.act(Action::Submit);
        assert!(!play.model.welcome && play.model.overlay.is_none());
    }
}

/// The goal is a line, and work is seen from the first second.
#[test]
fn finding_15_the_goal_and_the_work_are_told_from_the_first_second() {
    for size in SIZES {
        let mut play = Play::new(size);
        play.jobs(0);
        let shown = screen(&play);
        assert!(shown.contains("smallest memory, drop ≤ 1.50"), "{shown}");
        assert!(
            shown.contains("float network") && shown.contains("2,000"),
            "{shown}"
        );
    }
}

#[test]
fn finding_18_labels_say_what_changed() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    play.act(Action::View(View::Allocation));
    play.act(Action::LowerBits);
    play.act(Action::Down);
    play.act(Action::LowerBits);
    play.act(Action::Submit);
    let made = play.model.tree.candidates.last().unwrap().clone();
    let title = play.model.title(made.id);
    assert!(
        title.contains("2 layers: ") && title.contains('→'),
        "{title}"
    );
}

#[test]
fn finding_18_only_what_differs_is_listed_and_parents_stay_in_view() {
    let mut play = Play::new((80, 24));
    play.jobs(70);
    play.act(Action::View(View::Allocation));
    let shown = screen(&play);
    assert!(
        shown.contains("network") && shown.contains("patch_embed1"),
        "{shown}"
    );
    let all = play.model.allocation.rows.len();
    play.act(Action::OnlyChanges);
    let few = play.model.allocation.rows.len();
    assert!(few < all && few > 0, "{few} of {all}");
    let node = play.model.shown().unwrap();
    let parent = play.model.tree.get(node.parent.unwrap()).unwrap();
    for row in &play.model.allocation.rows {
        let part = &play.model.allocation.parts[*row];
        let differs = |m: &usize| node.allocation.0[*m] != parent.allocation.0[*m];
        assert!(part.members.iter().any(differs), "{part:?}");
    }
    play.act(Action::OnlyChanges);
    assert_eq!(play.model.allocation.rows.len(), all);
}

/// Every row of the tree has its bit-widths as a strip where there is room.
#[test]
fn finding_18_a_row_of_the_tree_has_a_strip_of_bits() {
    let mut play = Play::new((120, 40));
    play.jobs(70);
    let node = play.model.shown().unwrap();
    let strip: String = node
        .allocation
        .0
        .iter()
        .map(|w| w.bits().to_string())
        .collect();
    assert!(screen(&play).contains(&strip), "{strip}\n{}", screen(&play));
}

/// A node of a group is found in the allocation by its name in the list of commands.
#[test]
fn finding_14_a_layer_is_a_target() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    play.act(Action::Commands);
    type_in(&mut play, "stage3.1.mlp.mlp2");
    play.act(Action::Submit);
    let group = Group::Layer("stage3.1.mlp.mlp2_conv".into());
    assert_eq!(play.model.part().unwrap().group, group);
    assert_eq!(play.model.focus, Pane::Allocation);
}
