//! Forms of several fields, one of which takes the keys.

use super::action::Action;
use super::input::TextInput;

/// A field of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// The meaning, and how to write it.
    pub help: &'static str,
    /// The values to choose from; empty where it is typed.
    pub choices: &'static [&'static str],
    /// The meaning of an empty field.
    pub empty: &'static str,
    /// The text.
    pub text: TextInput,
    /// The current value, before any change.
    pub current: String,
    /// True while what it holds was not touched: what is typed first takes its place.
    pub fresh: bool,
}

impl Field {
    /// A field that is typed.
    pub fn new(
        name: &'static str,
        help: &'static str,
        empty: &'static str,
        current: String,
    ) -> Self {
        Field {
            name,
            help,
            choices: &[],
            empty,
            text: TextInput::new(&current),
            current,
            fresh: true,
        }
    }

    /// A field with values to choose from.
    pub fn choice(name: &'static str, choices: &'static [&'static str], current: String) -> Self {
        Field {
            choices,
            ..Field::new(name, "left and right choose", "", current)
        }
    }

    /// The text without blanks around it.
    pub fn input(&self) -> String {
        self.text.text().trim().to_owned()
    }

    /// The text where it differs from the current value.
    pub fn changed(&self) -> Option<String> {
        Some(self.input()).filter(|input| *input != self.current)
    }

    fn key(&mut self, action: &Action) {
        let len = self.choices.len();
        let fresh = std::mem::take(&mut self.fresh);
        if fresh && len == 0 && matches!(action, Action::Insert(_) | Action::Paste(_)) {
            self.text = TextInput::default();
        }
        let by = match action {
            _ if len == 0 => {
                self.text.key(action);
                return;
            }
            Action::CursorLeft => len - 1,
            Action::CursorRight | Action::Insert(' ') => 1,
            _ => return,
        };
        let input = self.input();
        let at = self.choices.iter().position(|c| *c == input).unwrap_or(0);
        self.text = TextInput::new(self.choices[(at + by) % len]);
    }
}

/// The fields of a form, and the one that takes the keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// The fields.
    pub all: Vec<Field>,
    /// The position of the one that takes the keys.
    pub at: usize,
}

impl Fields {
    /// The field that takes the keys.
    pub fn active(&self) -> Option<&Field> {
        self.all.get(self.at)
    }

    /// Edits the active field by an action, or makes another one active.
    pub fn key(&mut self, action: &Action) {
        let last = self.all.len().saturating_sub(1);
        match action {
            Action::Up => self.at = self.at.checked_sub(1).unwrap_or(last),
            Action::Down if self.at >= last => self.at = 0,
            Action::Down => self.at += 1,
            action => {
                if let Some(field) = self.all.get_mut(self.at) {
                    field.key(action);
                }
            }
        }
    }
}
