//! Sizes of the terminal, and banners.

use aq4svit::tui::model::Overlay;
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{Action, as_text, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::screens::{draw, screen};
use super::super::story::{Play, demo_settings, model};

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
