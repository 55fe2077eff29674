//! The states of a run at three sizes: as they look in colour, and without Unicode.

use aq4svit::run::Update;
use aq4svit::tui::model::{Overlay, Status, View};
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{Action, Answer, OtherRun, PredictedFront, as_text, update};

use super::findings::not_met;
use super::screens::screen;
use super::story::{Play, demo_settings};
use super::views::{ascii, painted, painted_buffer};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn play(theme: Theme, size: (u16, u16), jobs: usize) -> Play {
    let mut play = Play::with(theme, demo_settings(), size);
    play.jobs(jobs);
    play
}

fn state(name: &str, theme: Theme, size: (u16, u16)) -> Play {
    match name {
        "first_second" => {
            let mut first = play(theme, size, 0);
            first.model.welcome = true;
            first
        }
        "running" => play(theme, size, 70),
        "paused" => {
            let mut paused = play(theme, size, 70);
            paused.act(Action::Pause);
            paused.tell(vec![Update::Idle]);
            paused.wait(20_000);
            paused
        }
        "step" => {
            let mut step = state("paused", theme, size);
            step.act(Action::Step);
            let begun = step.story.begin();
            step.tell(begun);
            assert_eq!(step.model.status(), Status::Stepping);
            step
        }
        "settings" => {
            let mut settings = play(theme, size, 40);
            settings.act(Action::Settings);
            settings
        }
        "finished" => {
            let mut finished = Play::with(theme, demo_settings(), size);
            finished.finish();
            finished
        }
        "not_met" => not_met(theme, size),
        "failed" => {
            let mut failed = play(theme, size, 20);
            let message = "cannot write /runs/demo/journal.jsonl: No space left on device";
            failed.tell(vec![Update::Failed(message.into())]);
            failed
        }
        "what_if" => {
            let mut what_if = play(theme, size, 70);
            what_if.act(Action::View(View::Front));
            what_if.act(Action::WhatIf);
            let front = PredictedFront::of(&what_if.model.tree);
            update(&mut what_if.model, Action::PredictedFront(front));
            what_if.act(Action::PageUp);
            what_if
        }
        "compare" => {
            let mut compared = state("finished", theme, size);
            let other = OtherRun {
                id: "2026-05-03-demo".into(),
                tree: compared.model.tree.clone(),
                counters: compared.model.activity.counters(),
                seconds: 61.0,
            };
            compared.act(Action::Answered(Answer::Run(Ok(Box::new(other)))));
            assert_eq!(compared.model.overlay, Some(Overlay::Runs));
            compared
        }
        _ => {
            let mut help = play(theme, size, 40);
            help.act(Action::Help);
            help
        }
    }
}

/// The start screen, and the form of a profile.
#[test]
fn the_launcher_at_every_size() {
    for size in SIZES {
        let both = |forms: bool| {
            let of = |theme| {
                let mut model = super::start::with_missing(size, theme);
                if forms {
                    for action in [Action::Bottom, Action::Up, Action::Up, Action::Submit] {
                        model.update(action, &super::start::Fake::default());
                    }
                    assert!(model.form.is_some());
                }
                super::start::drawn(&model)
            };
            let (colour, plain) = (of(Theme::colour()), of(ascii()));
            let plain = as_text(&plain);
            assert!(plain.is_ascii(), "{plain}");
            format!("{}\n\n{plain}", painted_buffer(&colour))
        };
        for (name, forms) in [("launcher", false), ("form", true)] {
            insta::assert_snapshot!(format!("state_{name}_{}x{}", size.0, size.1), both(forms));
        }
    }
}

/// One file a state and size: its text and its colours, then its text without Unicode.
#[test]
fn every_state_at_every_size() {
    let names = [
        "first_second",
        "running",
        "paused",
        "step",
        "finished",
        "not_met",
        "failed",
        "what_if",
        "compare",
        "help",
        "settings",
    ];
    for name in names {
        for size in SIZES {
            let colour = painted(&state(name, Theme::colour(), size));
            let plain = screen(&state(name, ascii(), size));
            assert!(plain.is_ascii(), "{name}: {plain}");
            let both = format!("{colour}\n\n{plain}");
            insta::assert_snapshot!(format!("state_{name}_{}x{}", size.0, size.1), both);
        }
    }
}
