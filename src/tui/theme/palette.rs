//! Colours and weights by role.

use ratatui::style::{Color, Modifier, Style};

/// A style for each role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named by role
pub struct Palette {
    pub text: Style,
    pub strong: Style,
    pub dim: Style,
    pub title: Style,
    pub title_focused: Style,
    pub border: Style,
    pub border_focused: Style,
    pub selected: Style,
    pub selected_unfocused: Style,
    pub key: Style,
    pub good: Style,
    pub bad: Style,
    pub warn: Style,
    pub busy: Style,
    pub base: Style,
    pub incumbent: Style,
    pub pruned: Style,
    pub changed: Style,
    pub rail: Style,
    pub bar: Style,
    pub bar_rest: Style,
    /// Few bits to many.
    pub heat: [Style; 4],
}

impl Palette {
    /// The terminal's own sixteen colours, so that a person's light or dark theme holds.
    pub fn colour() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        // Grey is the background in some themes: for lines only, never for words.
        let grey = plain.fg(Color::DarkGray);
        let dim = plain.add_modifier(Modifier::DIM);
        Palette {
            text: plain,
            strong: bold,
            dim,
            title: plain,
            title_focused: bold.fg(Color::Cyan),
            border: grey,
            border_focused: plain.fg(Color::Cyan),
            selected: bold.add_modifier(Modifier::REVERSED),
            selected_unfocused: bold,
            key: bold.fg(Color::Cyan),
            good: plain.fg(Color::Green),
            bad: plain.fg(Color::Red),
            warn: plain.fg(Color::Yellow),
            busy: bold.fg(Color::Cyan),
            base: bold.fg(Color::Yellow),
            incumbent: bold.fg(Color::Green),
            pruned: dim.add_modifier(Modifier::CROSSED_OUT),
            changed: bold.fg(Color::Magenta),
            rail: grey,
            bar: plain.fg(Color::Cyan),
            bar_rest: grey,
            heat: [
                plain.fg(Color::Cyan),
                plain.fg(Color::Green),
                plain.fg(Color::Yellow),
                plain.fg(Color::Red),
            ],
        }
    }

    /// No colours: weight, reversal and the symbols carry everything.
    pub fn monochrome() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        Palette {
            text: plain,
            strong: bold,
            dim,
            title: plain,
            title_focused: bold,
            border: dim,
            border_focused: plain,
            selected: bold.add_modifier(Modifier::REVERSED),
            selected_unfocused: bold,
            key: bold,
            good: plain,
            bad: plain,
            warn: plain,
            busy: bold,
            base: bold,
            incumbent: bold,
            pruned: dim.add_modifier(Modifier::CROSSED_OUT),
            changed: bold,
            rail: dim,
            bar: plain,
            bar_rest: dim,
            heat: [plain; 4],
        }
    }
}
