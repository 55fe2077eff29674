//! Keys, prompts, messages, themes.

use aq4svit::run::Update;
use aq4svit::search::Command;
use aq4svit::tui::model::{Confirm, Destination, Overlay, Pane, Setting, View};
use aq4svit::tui::{Action, Answer, Asked, Effect, Outcome, Places};

use super::super::screens::screen;
use super::super::story::{Play, sent};
use super::type_in;

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
    let theme = Setting::Theme(play.model.theme.name);
    assert_eq!(effects, [Effect::Ask(Asked::Keep(theme))]);
    play.act(Action::Answered(Answer::Kept(Ok(
        "theme \"dark\", kept for the next time".into(),
    ))));
    assert!(screen(&play).contains("kept for the next time"));
    play.act(Action::Answered(Answer::Kept(Err(
        "the disk is full".into()
    ))));
    assert!(screen(&play).contains("not kept: the disk is full"));
}

/// Runs and profiles are found in the list of commands by a part of their names.
#[test]
fn finding_9_runs_and_profiles_are_in_the_list_of_commands() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    let asked = play.act(Action::Commands);
    assert_eq!(asked, [Effect::Ask(Asked::Places)]);
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    play.act(Action::Answered(Answer::Places(Places {
        runs: names(&["2026-05-04-demo", "2026-05-03-chip", "2026-05-02-demo"]),
        profiles: names(&["demo", "my-chip"]),
    })));
    type_in(&mut play, "open ");
    let shown = screen(&play);
    assert!(
        shown.contains("for 2026-05-03-chip") && shown.contains("for 2026-05-02-demo"),
        "{shown}"
    );
    assert!(
        !shown.contains("for 2026-05-04-demo"),
        "it is this one: {shown}"
    );
    type_in(&mut play, "chip");
    play.act(Action::Submit);
    let run = Destination::Run("/home/ada/.local/share/aq4svit/runs/2026-05-03-chip".into());
    let leave = Confirm::Leave(run);
    assert_eq!(play.model.overlay, Some(Overlay::Confirm(leave)));
    play.act(Action::Cancel);
    play.act(Action::Commands);
    type_in(&mut play, "compare 05-02");
    assert_eq!(
        play.act(Action::Submit),
        [Effect::Ask(Asked::Run("2026-05-02-demo".into()))]
    );
    play.act(Action::Commands);
    type_in(&mut play, "new chip");
    play.act(Action::Submit);
    let profile = Confirm::Leave(Destination::Profile("my-chip".into()));
    assert_eq!(play.model.overlay, Some(Overlay::Confirm(profile)));
}
