//! Colours and symbols, as data. A colour is never the only signal: every state has a symbol and a word, every
//! selection a mark or reversed text.

mod palette;
mod symbols;

use ratatui::style::Style;

pub use palette::Palette;
pub use symbols::Symbols;

use crate::search::State;

/// How everything looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The signs that are drawn.
    pub symbols: Symbols,
    /// The colours they are drawn in.
    pub palette: Palette,
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

    /// The style of a bit-width: the more bits, the hotter. Red is for what is hardly quantized at all.
    pub fn heat(&self, bits: f64) -> Style {
        let at = [3.5, 5.5, 8.5]
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
}
