//! What was steered: undo by name, the commands given, settings, and what that does to the time.

use aq4svit::profile::ConstraintChange;
use aq4svit::run::{ScheduledCommand, Update};
use aq4svit::search::{Command, Event};
use aq4svit::tui::model::{Overlay, Pane, Setting, Status, View};
use aq4svit::tui::theme::{SymbolSet, Symbols, ThemeName};
use aq4svit::tui::{Action, Asked, Effect, Outcome, update};

use super::super::screens::screen;
use super::super::story::{Play, sent};
use super::{SIZES, finished, type_in};

fn footer(play: &Play) -> String {
    screen(play).lines().last().unwrap_or_default().to_owned()
}

/// Prunes the last node, and returns the words for that.
fn prune(play: &mut Play) -> String {
    play.act(Action::Bottom);
    let node = play.model.nodes.selected.expect("a node");
    play.act(Action::Prune);
    assert!(play.model.tree.get(node).unwrap().pruned);
    format!("prune {node}")
}

#[test]
fn finding_1_the_footer_names_what_undo_and_redo_take_back() {
    for size in SIZES {
        let mut play = Play::new(size);
        play.jobs(40);
        assert!(!footer(&play).contains("undo:"), "nothing was done");
        let pruned = prune(&mut play);
        let undo = format!("u undo: {pruned}");
        assert!(footer(&play).contains(&undo), "{size:?}: {}", footer(&play));
        // A pause is nothing that undo takes back.
        play.act(Action::Pause);
        play.tell(vec![Update::Idle]);
        assert_eq!(play.model.status(), Status::Paused);
        assert!(footer(&play).contains(&undo), "{size:?}: {}", footer(&play));
        play.act(Action::Undo);
        assert_eq!(play.model.status(), Status::Paused, "it does not resume");
        let redo = format!("U redo: {pruned}");
        let shown = footer(&play);
        assert!(
            shown.contains(&redo) && !shown.contains("undo:"),
            "{size:?}: {shown}"
        );
        play.act(Action::Redo);
        assert!(footer(&play).contains(&undo), "{size:?}: {}", footer(&play));
    }
}

/// A command with a long name leaves room for the other keys.
#[test]
fn finding_1_a_long_command_is_named_as_far_as_there_is_room() {
    let mut play = Play::new((80, 24));
    play.jobs(40);
    play.act(Action::View(View::Allocation));
    play.act(Action::LowerBits);
    play.act(Action::Submit);
    let shown = footer(&play);
    assert!(
        shown.contains("u undo: set ") && shown.contains("p pause"),
        "{shown}"
    );
    assert!(shown.contains("? help  q quit"), "{shown}");
}

/// What is sent is taken back first, also before it is answered.
#[test]
fn finding_1_the_footer_knows_what_is_on_its_way() {
    let mut play = Play::new((120, 40));
    play.jobs(40);
    let pruned = prune(&mut play);
    play.act(Action::Undo);
    let again = update(&mut play.model, Action::Redo);
    assert_eq!(sent(&again), [Command::Redo]);
    assert!(
        footer(&play).contains(&format!("u undo: {pruned}")),
        "{}",
        footer(&play)
    );
    play.answer(&again);
    assert!(footer(&play).contains(&format!("u undo: {pruned}")));
}

#[test]
fn finding_1_a_stop_is_taken_back_from_the_card_of_the_result() {
    let mut play = Play::new((80, 24));
    play.jobs(40);
    play.act(Action::Stop);
    play.act(Action::Submit);
    while play.model.tree.finished.is_none() {
        play.jobs(1);
    }
    assert_eq!(play.model.overlay, Some(Overlay::Result));
    assert!(screen(&play).contains("u undo: stop"), "{}", screen(&play));
    play.act(Action::Undo);
    assert_eq!(play.model.overlay, None);
    assert_eq!(play.model.tree.finished, None, "it goes on");
    // Where nothing was done, nothing is offered.
    assert!(!screen(&finished((80, 24))).contains("u undo"));
}

/// Which groups are open is not known until the next level: no time that would be too short.
#[test]
fn finding_16_there_is_no_time_left_after_an_undo() {
    let mut play = Play::new((120, 40));
    let left = |play: &Play| play.model.activity.time_left(&play.model.tree);
    while left(&play).is_none() {
        play.jobs(1);
    }
    let levels = &play.model.tree.settings.as_ref().unwrap().search.levels;
    assert_ne!(
        play.model.tree.level,
        levels.last().copied(),
        "another level follows"
    );
    for action in [Action::Undo, Action::Redo] {
        if action == Action::Undo {
            prune(&mut play);
        }
        play.act(action);
        assert_eq!(left(&play), None);
    }
    while left(&play).is_none() {
        assert_eq!(
            play.model.tree.finished, None,
            "known again at the next level"
        );
        play.jobs(1);
    }
}

#[test]
fn finding_command_log_every_command_with_its_answer() {
    let mut play = Play::new((120, 40));
    play.jobs(40);
    let pruned = prune(&mut play);
    // One of a script, and one that is refused.
    let by_script = play.story.command(Command::Pause);
    play.tell(by_script);
    let root = play.model.tree.candidates[0].id;
    let refused = play.story.command(Command::Prune { candidate: root });
    let why = refused.iter().find_map(|update| match update {
        Update::Event(entry) => match &entry.event {
            Event::CommandRefused { why, .. } => Some(why.clone()),
            _ => None,
        },
        _ => None,
    });
    let why = why.expect("the start is never pruned");
    play.tell(refused);
    play.act(Action::View(View::Run));
    while play.model.focus != Pane::Commands {
        play.act(Action::FocusNext);
    }
    play.act(Action::Zoom);
    let shown = screen(&play);
    for said in [
        format!("interface  {pruned}"),
        String::from("script     pause"),
        format!("refused: {why}"),
        String::from("3 given"),
    ] {
        assert!(shown.contains(&said), "{said}\n{shown}");
    }
    play.act(Action::Top);
    let copied = play.act(Action::CopyCommand);
    let [Effect::Copy { text, .. }] = copied.as_slice() else {
        panic!("{copied:?}");
    };
    let read = ScheduledCommand::parse(1, text).unwrap().unwrap();
    let last = play.model.tree.undoable.last().unwrap();
    assert_eq!(read.command.command, last.command, "it can be given again");
}

#[test]
fn finding_settings_are_shown_changed_and_kept() {
    for size in SIZES {
        let mut play = Play::new(size);
        play.jobs(10);
        play.act(Action::Settings);
        let shown = screen(&play);
        for said in ["Settings", "[terminal]", "[automatic]", "ask first"] {
            assert!(shown.contains(said), "{said} at {size:?}\n{shown}");
        }
        let kept = |effects: Vec<Effect>| match effects.as_slice() {
            [Effect::Ask(Asked::Keep(setting))] => Some(*setting),
            [] => None,
            other => panic!("{other:?}"),
        };
        let theme = Setting::Theme(ThemeName::Dark);
        assert_eq!(kept(play.act(Action::CursorRight)), Some(theme));
        assert_eq!(play.model.theme.name, ThemeName::Dark);
        assert_eq!(kept(play.act(Action::Down)), None, "only another row");
        play.act(Action::CursorRight);
        let ascii = Setting::Symbols(Some(SymbolSet::Ascii));
        assert_eq!(kept(play.act(Action::CursorRight)), Some(ascii));
        assert!(screen(&play).is_ascii(), "{}", screen(&play));
        let automatic = Setting::Symbols(None);
        assert_eq!(kept(play.act(Action::CursorRight)), Some(automatic));
        assert_eq!(play.model.theme.symbols, Symbols::unicode());
        play.act(Action::Cancel);
        assert_eq!(play.model.overlay, None);
    }
}

#[test]
fn finding_settings_questions_can_be_left_out_where_nothing_is_lost() {
    let mut play = Play::new((120, 40));
    play.jobs(40);
    play.act(Action::Settings);
    play.act(Action::Up);
    let kept = play.act(Action::CursorRight);
    assert_eq!(kept, [Effect::Ask(Asked::Keep(Setting::Confirm(false)))]);
    play.act(Action::Cancel);
    let base = play.model.tree.base.unwrap();
    play.act(Action::JumpBase);
    play.act(Action::Prune);
    assert_eq!(play.model.overlay, None);
    assert!(
        play.model.tree.get(base).unwrap().pruned,
        "undo brings it back"
    );
    // That cannot be undone: it is asked all the same.
    play.act(Action::TimeUp);
    assert!(matches!(play.model.overlay, Some(Overlay::Confirm(_))));
    play.act(Action::Cancel);
    play.act(Action::Quit);
    assert_eq!(play.model.outcome, Some(Outcome::Quit));
}

/// A search that goes on after its result was tested has seen the test split.
#[test]
fn finding_3_a_test_split_that_was_seen_before_is_said_so() {
    for size in SIZES {
        let mut play = finished(size);
        play.act(Action::Cancel);
        assert!(screen(&play).contains("test split"));
        assert!(!screen(&play).contains("seen before"));
        let change = ConstraintChange {
            max_accuracy_drop: Some(aq4svit::profile::AccuracyDrop::Points(0.5)),
            ..ConstraintChange::default()
        };
        let answer = play.story.command(Command::Constrain { change });
        play.tell(answer);
        play.finish();
        play.act(Action::Cancel);
        let shown = screen(&play);
        assert!(shown.contains("seen before"), "{size:?}\n{shown}");
    }
}

/// A message about a missing node does not stop what is typed after it.
#[test]
fn finding_smaller_commands_that_are_refused_say_why() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    play.act(Action::Commands);
    type_in(&mut play, "#9999");
    assert!(screen(&play).contains("nodes are numbered from 0 to"));
}
