//! What was smaller, and what a second screen says.

use aq4svit::profile::{AccuracyDrop, ConstraintChange};
use aq4svit::search::Command;
use aq4svit::tui::Action;
use aq4svit::tui::model::{Pane, Status, View};

use super::super::screens::screen;
use super::super::story::Play;
use super::super::views::watched;
use super::{SIZES, finished};

/// What was measured is shown also where the limit in force leaves it open.
#[test]
fn finding_1_a_measured_drop_stays_visible_under_another_limit() {
    let mut play = Play::new((160, 48));
    play.jobs(70);
    let screened = |play: &Play| {
        let all = play.model.tree.candidates.iter();
        let mut passed = all.filter(|c| c.screening.is_some() && c.confirmation.is_none());
        passed.next().map(|c| c.id)
    };
    let id = screened(&play).expect("a screening");
    let judged = |play: &Play| play.model.tree.get(id).unwrap().judgement().is_some();
    // Some limit leaves it open.
    for tenths in [1, 2, 3, 5, 8, 12, 20, 30, 50, 80] {
        let drop = AccuracyDrop::Points(f64::from(tenths) / 10.0);
        let change = ConstraintChange {
            max_accuracy_drop: Some(drop),
            ..ConstraintChange::default()
        };
        let answer = play.story.command(Command::Constrain { change });
        play.tell(answer);
        if !judged(&play) {
            break;
        }
    }
    assert!(!judged(&play), "no limit leaves it open");
    play.model.jump(Some(id), "");
    play.wait(200);
    let shown = screen(&play);
    assert!(shown.contains("open at the limit in force"), "{shown}");
    let node = play.model.tree.get(id).unwrap();
    let measured = play.model.measured_drop(node).expect("it was measured");
    let said = format!("{:.2} pp", measured.drop);
    assert!(shown.contains(&said), "{said}\n{shown}");
}

/// A verdict under a tighter limit needs fewer images than are known: the drop is that of all.
#[test]
fn finding_1_a_drop_on_all_images_stays_that() {
    let mut play = Play::new((160, 48));
    play.jobs(70);
    let float = play.model.tree.float.len();
    let all = play.model.tree.candidates.iter();
    let mut whole =
        all.filter(|c| c.bits.len() == float && c.judgement().is_some_and(|j| j.drop() > 0.5));
    let node = whole.next().expect("a confirmed one").clone();
    let before = play.model.measured_drop(&node).unwrap().drop;
    let change = ConstraintChange {
        max_accuracy_drop: Some(AccuracyDrop::Points(0.1)),
        ..ConstraintChange::default()
    };
    let answer = play.story.command(Command::Constrain { change });
    play.tell(answer);
    let node = play.model.tree.get(node.id).unwrap();
    assert!(
        node.judgement().unwrap().images < float,
        "fewer are enough to fail"
    );
    assert_eq!(play.model.measured_drop(node).unwrap().drop, before);
    play.model.jump(Some(node.id), "");
    play.wait(200);
    let said = format!("{before:.2} pp");
    assert!(screen(&play).contains(&said), "{said}\n{}", screen(&play));
}

#[test]
fn finding_3_a_finished_run_is_steered_again() {
    for size in SIZES {
        let mut play = finished(size);
        assert_eq!(play.model.status(), Status::Finished);
        // The card closes, the limit is asked for, and the search goes on with it.
        play.act(Action::Limits);
        play.act(Action::EraseLine);
        for c in "0.5".chars() {
            play.act(Action::Insert(c));
        }
        play.act(Action::Submit);
        assert_eq!(play.model.tree.finished, None);
        assert_ne!(play.model.status(), Status::Finished);
        play.finish();
        assert_eq!(play.model.status(), Status::Finished);
        assert!(
            play.model.tree.test_seen,
            "the test split is no longer unseen"
        );
    }
}

/// In a small terminal too it can be read what is evaluated, and which view is shown.
#[test]
fn finding_19_narrow_headers_keep_the_number_and_the_view() {
    let mut play = Play::new((60, 16));
    play.jobs(70);
    let node = play.model.activity.work.and_then(|w| w.candidate);
    let node = node.expect("a node is evaluated");
    let header: Vec<String> = screen(&play).lines().take(3).map(str::to_owned).collect();
    assert!(header[2].contains(&node.to_string()), "{header:?}");
    for view in [View::Search, View::Membranes, View::Run] {
        play.act(Action::View(view));
        let name = format!("[{} {}", view.index() + 1, view.name());
        let shown = screen(&play);
        assert!(shown.contains(&name), "{name}\n{shown}");
    }
}

#[test]
fn finding_17_a_second_screen_is_as_paused_as_the_run() {
    let mut play = watched((120, 40), 40);
    assert_eq!(play.model.status(), Status::Watching);
    let paused = play.story.command(Command::Pause);
    play.tell(paused);
    assert_eq!(play.model.status(), Status::Paused);
    let resumed = play.story.command(Command::Resume);
    play.tell(resumed);
    assert_eq!(play.model.status(), Status::Watching);
}

/// What is at work elsewhere is the last thing that the journal tells.
#[test]
fn finding_17_a_second_screen_says_what_is_going_on() {
    let play = watched((120, 40), 40);
    let shown = screen(&play);
    let now = shown
        .lines()
        .find(|line| line.trim_start().starts_with("now "));
    let now = now.unwrap_or_else(|| panic!("{shown}"));
    let last = play.model.log.iter().last().unwrap().text.clone();
    let begins: String = last.chars().take(12).collect();
    assert!(now.contains(&begins), "{last}\n{now}");
}

/// Commands that others gave are told on a second screen as well.
#[test]
fn finding_command_log_is_on_a_second_screen() {
    let mut play = watched((120, 40), 40);
    let paused = play.story.command(Command::Pause);
    play.tell(paused);
    play.act(Action::View(View::Run));
    assert!(play.model.order().contains(&Pane::Commands));
    assert!(
        screen(&play).contains("script     pause"),
        "{}",
        screen(&play)
    );
}

#[test]
fn finding_smaller_one_is_not_many() {
    let mut play = Play::new((120, 40));
    while play.model.tree.candidates.is_empty() {
        play.jobs(1);
    }
    play.act(Action::View(View::Run));
    let shown = screen(&play);
    assert!(
        shown.contains("1 node ") && !shown.contains("1 nodes"),
        "{shown}"
    );
    for jobs in 0..60 {
        play.jobs(1);
        for view in [View::Search, View::Gate, View::Run] {
            play.act(Action::View(view));
            let shown = screen(&play);
            for wrong in [
                " 1 nodes",
                " 1 evaluations",
                " 1 drifts",
                " 1 verdicts",
                " 1 groups",
            ] {
                assert!(!shown.contains(wrong), "{wrong} after {jobs} jobs\n{shown}");
            }
        }
    }
}

#[test]
fn finding_smaller_pins_are_counted_in_the_header() {
    let mut play = Play::new((120, 40));
    play.jobs(20);
    assert!(!screen(&play).contains("1 pin"));
    play.act(Action::View(View::Allocation));
    play.act(Action::Pin);
    assert_eq!(play.model.tree.pins.len(), 1, "{:?}", play.model.tree.pins);
    assert!(screen(&play).contains("1 pin"), "{}", screen(&play));
}

#[test]
fn finding_smaller_following_can_be_taken_up_again() {
    let mut play = Play::new((200, 60));
    play.jobs(40);
    assert!(!screen(&play).contains("follow again"));
    play.act(Action::Up);
    assert!(
        screen(&play).contains("f follow again"),
        "{}",
        screen(&play)
    );
}
