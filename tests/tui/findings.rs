//! What a demanding user pointed at: a test for each finding, named after it. `docs/terminal.md`
//! lists them.

use aq4svit::quant::BitWidth;
use aq4svit::run::Update;
use aq4svit::search::{Command, GateDecision, Group, State};
use aq4svit::tui::model::{Confirm, Destination, Overlay, Pane, Status, View};
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{
    Action, Answer, Asked, Effect, OtherRun, Outcome, PredictedFront, as_text, update, view,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::screens::{draw, screen};
use super::story::{Play, demo_settings, model, sent};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn finished(size: (u16, u16)) -> Play {
    let mut play = Play::new(size);
    play.finish();
    play
}

/// A search with a limit that nothing can meet.
pub fn not_met(theme: Theme, size: (u16, u16)) -> Play {
    let mut settings = demo_settings();
    settings.constraint.max_memory = Some(70 * 1024);
    settings.constraint.max_evaluations = Some(20);
    let mut play = Play::with(theme, settings, size);
    play.finish();
    play
}

fn type_in(play: &mut Play, text: &str) {
    text.chars().for_each(|c| drop(play.act(Action::Insert(c))));
}

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
fn finding_7_a_budget_moves_along_the_predicted_front() {
    for size in SIZES {
        let mut play = Play::new(size);
        play.jobs(70);
        play.act(Action::View(View::Front));
        // Outside it the keys keep their meaning.
        let before = play.model.nodes.selected;
        play.act(Action::Bottom);
        assert_ne!(play.model.nodes.selected, before);
        assert_eq!(play.act(Action::WhatIf), [Effect::PredictFront]);
        let front = PredictedFront::of(&play.model.tree);
        update(&mut play.model, Action::PredictedFront(front));
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
fn finding_10_nothing_is_shown_for_a_stale_size() {
    let mut play = Play::new((120, 40));
    play.jobs(70);
    // The terminal has shrunk, and its event has not come yet.
    let stale = as_text(draw(&play.model, (80, 24)).backend().buffer());
    assert!(!stale.contains("enlarge"), "{stale}");
    play.act(Action::Resize(80, 24));
    let shown = screen(&play);
    assert_eq!(stale.lines().next(), shown.trim_end().lines().next());
}

#[test]
fn finding_10_below_the_minimum_there_is_a_status() {
    let mut play = Play::new((80, 24));
    play.jobs(70);
    for size in [(50, 12), (59, 3), (30, 1), (20, 5)] {
        play.act(Action::Resize(size.0, size.1));
        let shown = screen(&play);
        let first = shown.lines().next().unwrap_or_default();
        assert!(first.contains("RUNNING"), "{size:?}: {shown}");
    }
    play.act(Action::Resize(1, 1));
    screen(&play);
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

#[test]
fn finding_12_after_looking_around_a_failed_run_is_tried_again() {
    let mut play = Play::new((80, 24));
    play.jobs(20);
    let message =
        "cannot write /a/very/long/path/to/the/run/journal.jsonl: No space left on device";
    play.tell(vec![Update::Failed(message.into())]);
    assert!(
        !screen(&play).contains("skip the node"),
        "a full disk is no fault of a node"
    );
    play.act(Action::Cancel);
    let shown = screen(&play);
    assert!(shown.contains("! try again"), "{shown}");
    assert!(
        shown.contains("No space left on device"),
        "the reason is not cut: {shown}"
    );
    for action in [Action::Retry, Action::Pause, Action::JumpRunning] {
        play.act(action);
        assert!(matches!(play.model.overlay, Some(Overlay::Failure { .. })));
        play.act(Action::Cancel);
    }
    play.act(Action::Retry);
    assert_eq!(play.act(Action::Retry), [Effect::Retry { skip: None }]);
}

#[test]
fn finding_13_no_key_changes_a_row_that_is_not_shown() {
    let mut play = Play::new((80, 24));
    play.jobs(40);
    for action in [Action::Pin, Action::LowerBits, Action::RaiseBits] {
        play.act(Action::View(View::Front));
        assert_eq!(sent(&play.act(action.clone())), []);
        assert!(play.model.edit.is_none(), "{action:?}");
        assert_eq!(play.model.focus, Pane::Allocation, "the row is shown first");
    }
    play.act(Action::LowerBits);
    assert!(play.model.edit.is_some(), "the next press changes it");
}

/// At a neuron site the keys change the layer that feeds it.
#[test]
fn finding_13_a_site_is_its_layer() {
    let mut play = Play::new((160, 48));
    play.jobs(40);
    play.act(Action::View(View::Membranes));
    for _ in 0..7 {
        play.act(Action::Down);
    }
    let part = play.model.layer_of_site().expect("a layer feeds the site");
    let group = play.model.allocation.parts[part].group.clone();
    play.act(Action::LowerBits);
    assert_eq!(play.model.part().unwrap().group, group);
    assert_eq!(play.model.edit.as_ref().unwrap().moves[0].group, group);
}

#[test]
fn finding_13_pruning_the_base_asks_and_names_it() {
    let mut play = Play::new((120, 40));
    play.jobs(60);
    let base = play.model.tree.base.unwrap();
    assert!(
        screen(&play).contains(&format!("prune {base}")),
        "the footer names it"
    );
    assert_eq!(sent(&play.act(Action::Prune)), []);
    assert_eq!(
        play.model.overlay,
        Some(Overlay::Confirm(Confirm::Prune(base)))
    );
    assert!(screen(&play).contains(&format!("Prune {base}")));
    play.act(Action::Cancel);
    assert!(!play.model.tree.get(base).unwrap().pruned);
    play.act(Action::Prune);
    assert_eq!(
        sent(&play.act(Action::Submit)),
        [Command::Prune { candidate: base }]
    );
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
        assert_eq!(effects, [Effect::Ask(Asked::Welcomed)]);
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

#[test]
fn finding_19_what_is_typed_first_takes_the_place_of_what_was_proposed() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    play.act(Action::PinPattern);
    type_in(&mut play, "stage3.*");
    let Some(Overlay::Fields(prompt)) = &play.model.overlay else {
        panic!("{:?}", play.model.overlay);
    };
    assert_eq!(prompt.fields.all[0].input(), "stage3.*");
}

#[test]
fn finding_19_enter_and_escape_are_the_first_keys_of_a_change() {
    let mut play = Play::new((60, 18));
    play.jobs(40);
    play.act(Action::View(View::Allocation));
    play.act(Action::LowerBits);
    let footer = screen(&play).lines().last().unwrap_or_default().to_owned();
    assert!(
        footer.starts_with(" enter evaluate it now  esc cancel"),
        "{footer}"
    );
}

#[test]
fn finding_19_a_click_on_the_name_of_a_hidden_pane_shows_it() {
    let mut play = Play::new((80, 24));
    play.jobs(40);
    let shown = screen(&play);
    let (row, line) = shown
        .lines()
        .enumerate()
        .find(|(_, l)| l.contains("[Node] Allocation"))
        .expect("names of panes");
    let column = line.chars().take_while(|c| *c != 'A').count();
    play.act(Action::Click(column as u16, row as u16));
    assert_eq!(play.model.focus, Pane::Allocation);
    assert!(screen(&play).contains("[Allocation]"));
}

#[test]
fn finding_19_messages_never_cover_what_is_asked() {
    let mut play = Play::new((80, 24));
    play.jobs(20);
    play.act(Action::Help);
    let before = screen(&play);
    play.model.note("a message");
    play.model.note("another one");
    assert_eq!(screen(&play), before);
}

#[test]
fn finding_20_a_float_network_at_chance_is_said_at_the_top() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    assert_eq!(play.model.banner(), None, "the demo is fine");
    let images = play.model.tree.float.len();
    let guesses: Vec<bool> = (0..images).map(|n| n % 10 == 0).collect();
    let mut bits = aq4svit::evaluate::CorrectBits::new();
    guesses.into_iter().for_each(|correct| bits.push(correct));
    play.model.tree.float = bits;
    play.model.run.classes = Some(10);
    let shown = screen(&play);
    assert!(shown.contains("is at chance for 10 classes"), "{shown}");
    play.act(Action::Resize(80, 24));
    assert!(screen(&play).contains("is at chance"));
}

#[test]
fn finding_20_a_split_too_small_for_the_limit_is_said_at_the_top() {
    let mut settings = demo_settings();
    settings.search_images = 40;
    settings.search.screen = aq4svit::profile::Screen::First(20);
    settings.constraint.max_accuracy_drop = aq4svit::profile::AccuracyDrop::Points(5.0);
    let mut play = Play::with(Theme::colour(), settings, (120, 40));
    play.jobs(3);
    let shown = screen(&play);
    assert!(
        shown.contains("40 search images cannot resolve a limit of 5.00 pp"),
        "{shown}"
    );
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

/// Another run is reached without leaving the program; a running search asks first.
#[test]
fn finding_9_other_runs_are_reached_without_leaving() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    play.act(Action::Runs);
    let leave = Confirm::Leave(Destination::Start);
    assert_eq!(play.model.overlay, Some(Overlay::Confirm(leave)));
    play.act(Action::Cancel);
    assert_eq!(play.model.outcome, None);
    play.act(Action::Commands);
    type_in(&mut play, "open 2026-05-03-demo");
    play.act(Action::Submit);
    play.act(Action::Submit);
    let Some(Outcome::Elsewhere(Destination::Run(folder))) = &play.model.outcome else {
        panic!("{:?}", play.model.outcome);
    };
    assert!(
        folder.ends_with("runs/2026-05-03-demo"),
        "{}",
        folder.display()
    );
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

/// The themes keep what matters less readable: no dimming on a light or dark ground of their own.
#[test]
fn finding_19_the_light_theme_is_readable() {
    use aq4svit::tui::theme::Palette;
    for palette in [Palette::light(), Palette::dark()] {
        assert!(palette.dim.fg.is_some() && palette.dim.add_modifier.is_empty());
        assert_ne!(palette.dim.fg, palette.ground.bg);
    }
}

#[test]
fn finding_19_the_chosen_theme_is_kept() {
    let mut play = Play::new((80, 24));
    let effects = play.act(Action::NextTheme);
    assert_eq!(effects, [Effect::Ask(Asked::Theme(play.model.theme.name))]);
    play.act(Action::Answered(Answer::Kept(Ok(
        "theme \"dark\", kept for the next time".into(),
    ))));
    assert!(screen(&play).contains("kept for the next time"));
    play.act(Action::Answered(Answer::Kept(Err(
        "the disk is full".into()
    ))));
    assert!(screen(&play).contains("not kept: the disk is full"));
}

/// A small terminal, and one whose network is unknown, draw whatever lies over the panes.
#[test]
fn every_dialog_is_drawn_at_every_size() {
    for size in [(1, 1), (20, 5), (60, 16), (61, 17), (80, 24), (200, 60)] {
        let mut play = Play::new((120, 40));
        play.finish();
        play.act(Action::Resize(size.0, size.1));
        for overlay in [Overlay::Result, Overlay::Runs] {
            play.model.overlay = Some(overlay);
            screen(&play);
        }
        let blank = model(Theme::colour(), size);
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal.draw(|frame| view(&blank, frame)).unwrap();
    }
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
