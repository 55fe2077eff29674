//! What the user chose of the interface: kept in its file, changed in the dialog of settings.

use strum::VariantNames;

use crate::tui::fields::{Field, Fields};
use crate::tui::theme::{SymbolSet, ThemeName};

/// What the user chose, as far as it is no part of the theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The symbols; none for those that the terminal can show.
    pub symbols: Option<SymbolSet>,
    /// True where the terminal can show ASCII only, as far as its environment tells.
    pub ascii: bool,
    /// Whether the card of a first run is shown; none for at the first run only.
    pub welcome: Option<bool>,
    /// True where nothing is asked that can be undone or continued.
    pub unasked: bool,
}

/// A setting to be kept for the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The colours.
    Theme(ThemeName),
    /// The symbols; none for those that the terminal can show.
    Symbols(Option<SymbolSet>),
    /// Whether the card of a first run is shown; none for at the first run only.
    Welcome(Option<bool>),
    /// Whether it is asked before a search is left or stopped and before its base is pruned.
    Confirm(bool),
}

/// The choices of the symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantNames, strum::EnumString, strum::Display)]
#[strum(serialize_all = "lowercase")]
enum Signs {
    Automatic,
    Unicode,
    Ascii,
}

const CARD: &[&str] = &["first run", "always", "never"];
const ASK: &[&str] = &["yes", "no"];
/// The names of the themes.
const THEMES: &[&str] = &["terminal", "dark", "light", "high-contrast", "none"];

/// The fields of the dialog of settings.
pub fn fields(theme: ThemeName, chosen: &Preferences) -> Fields {
    let symbols = match chosen.symbols {
        None => Signs::Automatic,
        Some(SymbolSet::Unicode) => Signs::Unicode,
        Some(SymbolSet::Ascii) => Signs::Ascii,
    };
    let card = match chosen.welcome {
        None => "first run",
        Some(true) => "always",
        Some(false) => "never",
    };
    let ask = if chosen.unasked { "no" } else { "yes" };
    let field = |name, choices, current: &str, help| Field {
        help,
        ..Field::choice(name, choices, current.to_owned())
    };
    let all = vec![
        field(
            "theme",
            THEMES,
            theme.text(),
            "the colours; terminal takes the sixteen of the terminal",
        ),
        field(
            "symbols",
            Signs::VARIANTS,
            &symbols.to_string(),
            "the signs that are drawn; automatic: ASCII where locale or terminal have no others",
        ),
        field(
            "first card",
            CARD,
            card,
            "when the card of what is seen and what to try is shown",
        ),
        field(
            "ask first",
            ASK,
            ask,
            "before a running search is left or stopped and before its base is pruned; what cannot be undone is always asked",
        ),
    ];
    Fields { all, at: 0 }
}

/// The setting that a field says now.
pub fn setting(field: &Field) -> Option<Setting> {
    let input = field.input();
    Some(match field.name {
        "theme" => Setting::Theme(ThemeName::all().find(|theme| theme.text() == input)?),
        "symbols" => Setting::Symbols(match input.parse().ok()? {
            Signs::Automatic => None,
            Signs::Unicode => Some(SymbolSet::Unicode),
            Signs::Ascii => Some(SymbolSet::Ascii),
        }),
        "first card" => Setting::Welcome(match input.as_str() {
            "always" => Some(true),
            "never" => Some(false),
            _ => None,
        }),
        _ => Setting::Confirm(input == "yes"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_can_be_chosen() {
        let names: Vec<&str> = ThemeName::all().map(ThemeName::text).collect();
        assert_eq!(THEMES, names);
    }

    #[test]
    fn what_is_chosen_is_what_the_fields_say() {
        let chosen = Preferences {
            symbols: Some(SymbolSet::Ascii),
            welcome: Some(true),
            unasked: true,
            ascii: false,
        };
        let said: Vec<_> = fields(ThemeName::Light, &chosen)
            .all
            .iter()
            .filter_map(setting)
            .collect();
        assert_eq!(
            said,
            [
                Setting::Theme(ThemeName::Light),
                Setting::Symbols(Some(SymbolSet::Ascii)),
                Setting::Welcome(Some(true)),
                Setting::Confirm(false),
            ]
        );
    }
}
