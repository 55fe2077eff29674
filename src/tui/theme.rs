//! Colours and symbols, as data. A colour is never the only signal: every state has a symbol and a word, every
//! selection a mark or reversed text.

use ratatui::style::{Color, Modifier, Style};

use crate::search::State;

/// How everything looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The signs that are drawn.
    pub symbols: Symbols,
    /// The colours they are drawn in.
    pub palette: Palette,
}

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

/// The signs that are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named by use
pub struct Symbols {
    pub ascii: bool,
    pub proposed: &'static str,
    pub measured: &'static str,
    pub held_back: &'static str,
    pub failed: &'static str,
    pub passed: &'static str,
    pub refuted: &'static str,
    pub confirmed: &'static str,
    pub pruned: &'static str,
    pub base: &'static str,
    pub incumbent: &'static str,
    pub pin: &'static str,
    pub selected: &'static str,
    pub running: &'static str,
    pub pausing: &'static str,
    pub paused: &'static str,
    pub finished: &'static str,
    pub spinner: &'static [&'static str],
    pub fold_open: &'static str,
    pub fold_closed: &'static str,
    pub leaf: &'static str,
    pub trunk: &'static str,
    pub rail: &'static str,
    pub branch: &'static str,
    pub last_branch: &'static str,
    pub onward: &'static str,
    pub bar: &'static str,
    pub bar_rest: &'static str,
    pub bit: &'static str,
    pub bit_rest: &'static str,
    pub audited: &'static str,
    pub exempt: &'static str,
    pub arrow: &'static str,
    pub separator: &'static str,
    pub ellipsis: &'static str,
    pub at_most: &'static str,
    pub at_least: &'static str,
    pub none: &'static str,
}

impl Theme {
    /// Symbols of Unicode, the sixteen colours of the terminal's own theme.
    pub fn colour() -> Self {
        Theme {
            symbols: Symbols::unicode(),
            palette: Palette::colour(),
        }
    }

    /// What the environment asks for: `NO_COLOR` (no colours), `TERM=dumb` or a locale that is not UTF-8
    /// (ASCII). An unset locale counts as UTF-8, as in most containers.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(&get);
        let utf8 = locale.is_none_or(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("utf-8") || name.contains("utf8")
        });
        let dumb = get("TERM").is_some_and(|term| term == "dumb");
        Theme {
            symbols: if utf8 && !dumb {
                Symbols::unicode()
            } else {
                Symbols::ascii()
            },
            palette: if get("NO_COLOR").is_some() || dumb {
                Palette::monochrome()
            } else {
                Palette::colour()
            },
        }
    }

    /// The style of a bit-width: the more bits, the hotter.
    pub fn heat(&self, bits: f64) -> Style {
        let at = [3.5, 5.5, 7.5]
            .iter()
            .filter(|limit| bits >= **limit)
            .count();
        self.palette.heat[at]
    }

    /// Symbol, word and style of a state.
    pub fn state(&self, state: State) -> (&'static str, &'static str, Style) {
        let (s, p) = (&self.symbols, &self.palette);
        match state {
            State::Proposed => (s.proposed, "proposed", p.dim),
            State::Measured => (s.measured, "measured", p.text),
            State::HeldBack => (s.held_back, "held back", p.warn),
            State::Failed => (s.failed, "failed", p.bad),
            State::Passed => (s.passed, "passed", p.good),
            State::Refuted => (s.refuted, "refuted", p.bad),
            State::Confirmed => (s.confirmed, "confirmed", p.good),
        }
    }
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

impl Symbols {
    /// One column each, in every font that a terminal is likely to have.
    pub fn unicode() -> Self {
        Symbols {
            ascii: false,
            proposed: "·",
            measured: "○",
            held_back: "⊘",
            failed: "✗",
            passed: "✓",
            refuted: "⊗",
            confirmed: "●",
            pruned: "╳",
            base: "★",
            incumbent: "◆",
            pin: "⊢",
            selected: "▌",
            running: "▶",
            pausing: "◌",
            paused: "■",
            finished: "●",
            spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"],
            fold_open: "▾",
            fold_closed: "▸",
            leaf: "╴",
            trunk: "•",
            rail: "│",
            branch: "├",
            last_branch: "└",
            onward: "┊",
            bar: "━",
            bar_rest: "─",
            bit: "■",
            bit_rest: "·",
            audited: "◐",
            exempt: "◇",
            arrow: "→",
            separator: "·",
            ellipsis: "…",
            at_most: "≤",
            at_least: "≥",
            none: "—",
        }
    }

    /// For terminals without Unicode.
    pub fn ascii() -> Self {
        Symbols {
            ascii: true,
            proposed: ".",
            measured: "o",
            held_back: "-",
            failed: "x",
            passed: "+",
            refuted: "X",
            confirmed: "#",
            pruned: "/",
            base: "B",
            incumbent: "I",
            pin: "P",
            selected: ">",
            running: ">",
            pausing: "~",
            paused: "=",
            finished: "#",
            spinner: &["|", "/", "-", "\\"],
            fold_open: "v",
            fold_closed: "+",
            leaf: "-",
            trunk: "o",
            rail: "|",
            branch: "|",
            last_branch: "`",
            onward: ":",
            bar: "=",
            bar_rest: "-",
            bit: "#",
            bit_rest: ".",
            audited: "?",
            exempt: "!",
            arrow: "->",
            separator: "|",
            ellipsis: "..",
            at_most: "<=",
            at_least: ">=",
            none: "-",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Theme {
        Theme::from_environment(|name| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_chooses_colours_and_symbols() {
        assert_eq!(with(&[]), Theme::colour());
        assert_eq!(
            with(&[("LANG", "C.UTF-8"), ("NO_COLOR", "")]),
            Theme::colour()
        );
        let plain = with(&[("NO_COLOR", "1")]);
        assert_eq!(plain.palette, Palette::monochrome());
        assert!(!plain.symbols.ascii);
        assert!(
            with(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])
                .symbols
                .ascii
        );
        assert!(
            !with(&[("LC_CTYPE", "de_DE.utf8"), ("LANG", "C")])
                .symbols
                .ascii
        );
        let dumb = with(&[("TERM", "dumb")]);
        assert!(dumb.symbols.ascii);
        assert_eq!(dumb.palette, Palette::monochrome());
    }

    #[test]
    fn no_colour_means_none_at_all() {
        let p = Palette::monochrome();
        for style in [
            p.text,
            p.dim,
            p.title_focused,
            p.selected,
            p.good,
            p.bad,
            p.warn,
            p.bar,
            p.changed,
        ] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn every_symbol_takes_the_columns_it_was_given() {
        let s = Symbols::unicode();
        let single = [
            s.proposed,
            s.measured,
            s.held_back,
            s.failed,
            s.passed,
            s.refuted,
            s.confirmed,
            s.pruned,
            s.base,
            s.incumbent,
            s.pin,
            s.selected,
            s.fold_open,
            s.fold_closed,
            s.leaf,
            s.trunk,
            s.rail,
            s.branch,
            s.last_branch,
            s.onward,
            s.bar,
            s.bar_rest,
            s.bit,
            s.bit_rest,
            s.audited,
            s.exempt,
            s.arrow,
            s.separator,
            s.ellipsis,
        ];
        for symbol in single.into_iter().chain(s.spinner.iter().copied()) {
            assert_eq!(super::super::text::width(symbol), 1, "{symbol}");
        }
    }
}
