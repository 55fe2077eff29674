//! What is said while something is evaluated.

use aq4svit::evaluate::{ImageOrder, Progress};
use aq4svit::run::Update;
use aq4svit::tui::model::Task;
use aq4svit::tui::theme::Theme;

use super::super::screens::screen;
use super::super::story::{Play, demo_settings};
use super::SIZES;

/// A run whose search split is ordered by margin, at the first screening of a candidate.
fn screening(size: (u16, u16)) -> Play {
    let mut settings = demo_settings();
    settings.search_order = ImageOrder::Margin;
    let mut play = Play::with(Theme::colour(), settings, size);
    let at = |play: &Play| play.model.activity.work.map(|work| work.task);
    while at(&play) != Some(Task::Screening) {
        play.jobs(1);
    }
    play
}

/// Images of small margin come first: the share of correct ones says nothing of all.
#[test]
fn finding_progress_is_the_distance_to_a_verdict() {
    for size in SIZES {
        let play = screening(size);
        let work = play.model.activity.work.expect("a screening");
        let losses = work.losses.expect("it has a limit");
        assert_eq!(losses.net, 2, "as the story has it");
        let shown = screen(&play);
        let said = match size.0 {
            80 => format!("lost 2/{}", losses.allowed),
            _ => format!(
                "2 lost net of {} allowed, fails at {} more",
                losses.allowed,
                losses.to_fail()
            ),
        };
        assert!(shown.contains(&said), "{said} at {size:?}\n{shown}");
        let share = format!("{} correct", work.progress.unwrap().correct);
        assert!(!shown.contains(&share), "{shown}");
    }
}

/// The float network orders the images first: what it classifies correctly is not the candidate's.
#[test]
fn finding_progress_ordering_the_images_is_no_evaluation() {
    for size in SIZES {
        let mut play = screening(size);
        let progress = Progress {
            done: 100,
            total: 500,
            correct: 90,
            preparing: true,
        };
        play.tell(vec![Update::Progress(progress)]);
        let shown = screen(&play);
        let said = match size.0 {
            80 => "ordering 100/500",
            _ => "ordering images: 100 of 500",
        };
        assert!(shown.contains(said), "{size:?}\n{shown}");
        assert!(
            !shown.contains("lost net") && !shown.contains("won net"),
            "{shown}"
        );
    }
}

/// A verdict on the first images of such a split has no accuracy of its own.
#[test]
fn finding_progress_a_part_by_margin_has_no_accuracy() {
    let mut play = screening((160, 48));
    let part = |play: &Play| {
        let all = play.model.tree.candidates.iter();
        let mut parts = all.filter(|c| {
            c.screening
                .is_some_and(|j| j.images < j.of && j.expected_loss.is_some())
        });
        parts.next().map(|c| (c.id, c.screening))
    };
    while part(&play).is_none() {
        play.jobs(1);
    }
    let (id, judgement) = part(&play).unwrap();
    let judgement = judgement.unwrap();
    play.model.jump(Some(id), "");
    play.wait(200);
    let shown = screen(&play);
    let lost = judgement.float_correct as i64 - judgement.correct as i64;
    let said = format!("{lost} lost net of {} allowed", judgement.allowed_loss);
    assert!(shown.contains(&said), "{said}\n{shown}");
    assert!(shown.contains("pp expected"), "{shown}");
    let share = format!("{:.2} %", judgement.accuracy());
    assert!(!shown.contains(&share), "{share}\n{shown}");
}
