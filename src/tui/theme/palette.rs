//! Colours and weights by role.

use ratatui::style::{Color, Modifier, Style};

/// A style for each role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named by role
pub struct Palette {
    /// Under everything; empty leaves the terminal's own colours.
    pub ground: Style,
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
            ground: plain,
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

    /// Light on dark, of the 256 colours.
    pub fn dark() -> Self {
        let ground = Style::new().fg(Color::Indexed(252)).bg(Color::Indexed(234));
        Self::of(ground, [110, 114, 174, 179, 80, 176, 240])
    }

    /// Dark on light, of the 256 colours.
    pub fn light() -> Self {
        let ground = Style::new().fg(Color::Indexed(235)).bg(Color::Indexed(255));
        Self::of(ground, [25, 28, 124, 94, 30, 90, 248])
    }

    /// White on black and the brightest colours; nothing is dimmed.
    pub fn high_contrast() -> Self {
        let ground = Style::new().fg(Color::White).bg(Color::Black);
        let mut palette = Self::of(ground, [14, 10, 9, 11, 14, 13, 15]);
        let plain = Style::new();
        palette.dim = plain;
        palette.bar_rest = plain;
        palette.pruned = plain.add_modifier(Modifier::CROSSED_OUT);
        palette
    }

    /// From the ground and the colours of accent, good, bad, warning, work, change and lines.
    fn of(ground: Style, [accent, good, bad, warn, busy, changed, line]: [u8; 7]) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let colour = |index| plain.fg(Color::Indexed(index));
        let strong = |index| bold.fg(Color::Indexed(index));
        let dim = plain.add_modifier(Modifier::DIM);
        Palette {
            ground,
            text: plain,
            strong: bold,
            dim,
            title: plain,
            title_focused: strong(accent),
            border: colour(line),
            border_focused: colour(accent),
            selected: bold.add_modifier(Modifier::REVERSED),
            selected_unfocused: bold,
            key: strong(accent),
            good: colour(good),
            bad: colour(bad),
            warn: colour(warn),
            busy: strong(busy),
            base: strong(warn),
            incumbent: strong(good),
            pruned: dim.add_modifier(Modifier::CROSSED_OUT),
            changed: strong(changed),
            rail: colour(line),
            bar: colour(accent),
            bar_rest: colour(line),
            heat: [colour(busy), colour(good), colour(warn), colour(bad)],
        }
    }

    /// No colours: weight, reversal and the symbols carry everything.
    pub fn monochrome() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        Palette {
            ground: plain,
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
