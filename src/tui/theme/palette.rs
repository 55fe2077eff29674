//! Colours and weights by role.

use ratatui::style::{Color, Modifier, Style};

/// A style for each role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named by role")]
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
    /// The terminal's own sixteen colours, so that a light or dark terminal theme holds.
    pub fn colour() -> Self {
        use Color::{Cyan, DarkGray, Green, Magenta, Red, Yellow};
        // Grey is the background in some themes: for lines only, never for words.
        let colours = [Cyan, Green, Red, Yellow, Cyan, Magenta, DarkGray];
        Self::of(Style::new(), Some(colours))
    }

    /// Light on dark, of the 256 colours.
    pub fn dark() -> Self {
        let ground = Style::new().fg(Color::Indexed(252)).bg(Color::Indexed(234));
        Self::of(
            ground,
            Some([110, 114, 174, 179, 80, 176, 240].map(Color::Indexed)),
        )
        .dimmed(Color::Indexed(246))
    }

    /// Dark on light, of the 256 colours.
    pub fn light() -> Self {
        let ground = Style::new().fg(Color::Indexed(235)).bg(Color::Indexed(255));
        Self::of(
            ground,
            Some([25, 28, 124, 94, 30, 90, 244].map(Color::Indexed)),
        )
        .dimmed(Color::Indexed(240))
    }

    /// White on black and the brightest colours; nothing is dimmed.
    pub fn high_contrast() -> Self {
        let ground = Style::new().fg(Color::White).bg(Color::Black);
        let colours = [14, 10, 9, 11, 14, 13, 15].map(Color::Indexed);
        let plain = Style::new();
        Palette {
            dim: plain,
            bar_rest: plain,
            pruned: plain.add_modifier(Modifier::CROSSED_OUT),
            ..Self::of(ground, Some(colours))
        }
    }

    /// No colours: weight, reversal and the symbols carry everything.
    pub fn monochrome() -> Self {
        Self::of(Style::new(), None)
    }

    /// The palette with a colour for what matters less: dimming is not seen on every ground.
    fn dimmed(self, colour: Color) -> Self {
        let dim = Style::new().fg(colour);
        Palette {
            dim,
            pruned: dim.add_modifier(Modifier::CROSSED_OUT),
            ..self
        }
    }

    /// The palette of a ground and the colours of accent, good, bad, warning, work, change and
    /// lines; without colours, lines are dimmed.
    fn of(ground: Style, colours: Option<[Color; 7]>) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        let styles = colours.map(|all| all.map(|colour| plain.fg(colour)));
        let [accent, good, bad, warn, busy, changed, line] =
            styles.unwrap_or([plain, plain, plain, plain, plain, plain, dim]);
        Palette {
            ground,
            text: plain,
            strong: bold,
            dim,
            title: plain,
            title_focused: bold.patch(accent),
            border: line,
            border_focused: accent,
            selected: bold.add_modifier(Modifier::REVERSED),
            selected_unfocused: bold,
            key: bold.patch(accent),
            good,
            bad,
            warn,
            busy: bold.patch(busy),
            base: bold.patch(warn),
            incumbent: bold.patch(good),
            pruned: dim.add_modifier(Modifier::CROSSED_OUT),
            changed: bold.patch(changed),
            rail: line,
            bar: accent,
            bar_rest: line,
            heat: [busy, good, warn, bad],
        }
    }
}
