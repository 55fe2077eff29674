//! What a demanding user pointed at: a test for each finding, named after it. `docs/terminal.md`
//! lists them.

mod charts;
mod keys;
mod lists;
mod progress;
mod result;
mod screen;
mod smaller;
mod steering;
mod words;

use aq4svit::tui::Action;
use aq4svit::tui::theme::Theme;

use super::story::{Play, demo_settings};

pub const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

pub fn finished(size: (u16, u16)) -> Play {
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

pub fn type_in(play: &mut Play, text: &str) {
    text.chars().for_each(|c| drop(play.act(Action::Insert(c))));
}
