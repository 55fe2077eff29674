//! The dialog of settings: every change shows at once and is kept for the next time.

use crate::tui::action::{Action, Effect};
use crate::tui::fields::Fields;
use crate::tui::model::{Model, Overlay, Setting, preferences};
use crate::tui::session::Asked;
use crate::tui::theme::{SymbolSet, Symbols};

/// Opens the dialog.
pub fn open(model: &mut Model) {
    let fields = preferences::fields(model.theme.name, &model.preferences);
    model.overlay = Some(Overlay::Settings(fields));
}

/// A key in the dialog.
pub fn key(model: &mut Model, mut fields: Fields, action: &Action) {
    if *action == Action::Cancel {
        return;
    }
    let said = |fields: &Fields| fields.active().and_then(preferences::setting);
    let (at, before) = (fields.at, said(&fields));
    fields.key(action);
    let now = said(&fields);
    model.overlay = Some(Overlay::Settings(fields.clone()));
    if let Some(setting) = now.filter(|_| fields.at == at && now != before) {
        take(model, setting);
    }
}

/// Takes a setting, and keeps it.
pub fn take(model: &mut Model, setting: Setting) {
    match setting {
        Setting::Theme(theme) => model.theme.set(theme),
        Setting::Symbols(symbols) => {
            let ascii = match symbols {
                None => model.preferences.ascii,
                Some(symbols) => symbols == SymbolSet::Ascii,
            };
            model.theme.symbols = if ascii {
                Symbols::ascii()
            } else {
                Symbols::unicode()
            };
            model.preferences.symbols = symbols;
        }
        Setting::Welcome(welcome) => model.preferences.welcome = welcome,
        Setting::Confirm(ask) => model.preferences.unasked = !ask,
    }
    model.effect(Effect::Ask(Asked::Keep(setting)));
}
