//! Colours and symbols, as data. A colour is never the only signal: every state has a symbol and a
//! word, every selection a mark or reversed text.

mod palette;
mod symbols;

use ratatui::style::Style;

pub use palette::Palette;
pub use symbols::Symbols;

use crate::search::State;

/// A choice of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeName {
    /// The terminal's own sixteen colours.
    #[default]
    Terminal,
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
    /// White and bright colours on black.
    HighContrast,
    /// None: weight and reversal only.
    None,
}

type MakePalette = fn() -> Palette;

impl ThemeName {
    /// All themes: name in files, and colours.
    const ALL: [(ThemeName, &str, MakePalette); 5] = [
        (ThemeName::Terminal, "terminal", Palette::colour),
        (ThemeName::Dark, "dark", Palette::dark),
        (ThemeName::Light, "light", Palette::light),
        (
            ThemeName::HighContrast,
            "high-contrast",
            Palette::high_contrast,
        ),
        (ThemeName::None, "none", Palette::monochrome),
    ];

    fn index(self) -> usize {
        let at = Self::ALL.iter().position(|(name, ..)| *name == self);
        at.unwrap_or(0)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = ThemeName> {
        Self::ALL.iter().map(|(name, ..)| *name)
    }

    /// The name in files.
    pub fn text(self) -> &'static str {
        Self::ALL[self.index()].1
    }

    /// The next one; after the last the first.
    pub fn next(self) -> Self {
        Self::ALL[(self.index() + 1) % Self::ALL.len()].0
    }
}

/// The set of symbols that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SymbolSet {
    /// Unicode characters.
    Unicode,
    /// ASCII characters.
    Ascii,
}

impl SymbolSet {
    /// The name in files.
    pub fn text(self) -> &'static str {
        match self {
            SymbolSet::Unicode => "unicode",
            SymbolSet::Ascii => "ascii",
        }
    }
}

/// How everything looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Which colours.
    pub name: ThemeName,
    /// The signs that are drawn.
    pub symbols: Symbols,
    /// The colours they are drawn in.
    pub palette: Palette,
}

impl Theme {
    /// Symbols of Unicode, the sixteen colours of the terminal's own theme.
    pub fn colour() -> Self {
        Theme {
            name: ThemeName::Terminal,
            symbols: Symbols::unicode(),
            palette: Palette::colour(),
        }
    }

    /// Takes other colours.
    pub fn set(&mut self, name: ThemeName) {
        self.name = name;
        self.palette = ThemeName::ALL[name.index()].2();
    }

    /// The theme of a configuration in an environment. `NO_COLOR` and a dumb terminal have the last
    /// word on colours; a terminal of sixteen colours keeps its own instead of a theme of 256.
    pub fn chosen(
        name: Option<ThemeName>,
        symbols: Option<SymbolSet>,
        get: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut theme = Self::from_environment(&get);
        if let Some(symbols) = symbols {
            theme.symbols = match symbols {
                SymbolSet::Unicode => Symbols::unicode(),
                SymbolSet::Ascii => Symbols::ascii(),
            };
        }
        let many = ["TERM", "COLORTERM"].into_iter().filter_map(get);
        let many = many
            .into_iter()
            .any(|v| v.contains("256") || v.contains("truecolor") || v.contains("24bit"));
        if theme.name != ThemeName::None {
            let wanted = name.unwrap_or_default();
            let fits = many || matches!(wanted, ThemeName::None | ThemeName::HighContrast);
            theme.set(if fits { wanted } else { ThemeName::Terminal });
        }
        theme
    }

    /// What the environment asks for: `NO_COLOR` (no colours), a terminal that is dumb, the Linux
    /// console or a locale that is not UTF-8 (ASCII). An unset locale counts as UTF-8, as in most
    /// containers.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(&get);
        let utf8 = locale.is_none_or(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("utf-8") || name.contains("utf8")
        });
        let dumb = get("TERM").is_some_and(|term| term == "dumb");
        let mut theme = Theme::colour();
        if get("NO_COLOR").is_some() || dumb {
            theme.set(ThemeName::None);
        }
        // The fonts of the Linux console have no Braille and no heavy lines.
        let console = get("TERM").is_some_and(|term| term == "linux");
        if !utf8 || dumb || console {
            theme.symbols = Symbols::ascii();
        }
        theme
    }

    /// The style of a bit-width: the more bits, the hotter. Red is for what is hardly quantized at
    /// all.
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
            State::Measured => (s.drift_only, "drift only", p.text),
            State::HeldBack => (s.rejected, "rejected", p.warn),
            State::Failed => (s.failed, "failed", p.bad),
            State::Passed => (s.passed, "passed", p.good),
            State::Refuted => (s.failed_confirmation, "failed conf.", p.bad),
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
    fn unicode_needs_a_locale_and_a_font_that_have_it() {
        assert!(
            with(&[("TERM", "linux"), ("LANG", "C.UTF-8")])
                .symbols
                .ascii
        );
        assert!(
            !with(&[("TERM", "xterm"), ("LANG", "C.UTF-8")])
                .symbols
                .ascii
        );
        assert!(with(&[("TERM", "xterm"), ("LANG", "C")]).symbols.ascii);
    }

    #[test]
    fn a_chosen_theme_gives_way_to_no_color_and_to_few_colours() {
        let with = |variables: &[(&str, &str)]| {
            Theme::chosen(Some(ThemeName::Light), Some(SymbolSet::Ascii), |name| {
                let found = variables.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let light = with(&[("TERM", "xterm-256color")]);
        assert_eq!((light.name, light.symbols.ascii), (ThemeName::Light, true));
        assert_eq!(with(&[("TERM", "linux")]).name, ThemeName::Terminal);
        let plain = with(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]);
        assert_eq!(plain.palette, Palette::monochrome());
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
