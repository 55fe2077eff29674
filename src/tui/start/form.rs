//! The form before a search starts: what a person most often wants otherwise than the profile says.

use super::Profiles;
use crate::profile::{Pin, STRATEGY_NAMES, pins_as_toml};
use crate::tui::Action;
use crate::tui::input::TextInput;

/// What a profile says of the form's fields, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Largest accuracy drop, in points.
    pub drop: String,
    /// Largest memory, such as `96 KiB`; empty for no limit.
    pub memory: String,
    /// The strategy.
    pub strategy: String,
    /// The gate's mode.
    pub gate: String,
    /// The gate's fixed limit.
    pub limit: String,
    /// Pins, such as `head=8, patch_embed1.*=4-8`.
    pub pins: String,
}

/// A field of the form.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it means, and how to write it.
    pub help: &'static str,
    /// What can be chosen; empty where it is typed.
    pub choices: &'static [&'static str],
    /// What it means where it says nothing.
    pub empty: &'static str,
    /// What it says.
    pub text: TextInput,
    /// What the profile says.
    standard: String,
}

/// The fields, and whether they can be used together.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// The profile.
    pub profile: String,
    /// The fields.
    pub fields: Vec<Field>,
    /// The field that takes the keys.
    pub at: usize,
    /// What is wrong.
    pub error: Option<String>,
}

const GATES: &[&str] = &["adaptive", "fixed", "off"];

impl Form {
    /// The form as the profile has it.
    pub fn new(profile: &str, values: Values) -> Self {
        let field = |name, help, choices, standard: String| Field {
            name,
            help,
            choices,
            empty: match name {
                "memory" => "no limit",
                "pins" => "none",
                _ => "",
            },
            text: TextInput::new(&standard),
            standard,
        };
        Form {
            profile: profile.to_owned(),
            fields: vec![
                field(
                    "accuracy drop",
                    "at most so many percentage points below float",
                    &[],
                    values.drop,
                ),
                field(
                    "memory",
                    "at most, such as 96 KiB; nothing for no limit",
                    &[],
                    values.memory,
                ),
                field(
                    "strategy",
                    "left and right choose",
                    &STRATEGY_NAMES,
                    values.strategy,
                ),
                field("gate", "left and right choose", GATES, values.gate),
                field(
                    "drift limit",
                    "of a fixed gate, in thresholds",
                    &[],
                    values.limit,
                ),
                field(
                    "pins",
                    "layer=bits, from-to or 4/8, with * and commas",
                    &[],
                    values.pins,
                ),
            ],
            at: 0,
            error: None,
        }
    }

    /// A key of the form; what is typed is checked at once.
    pub fn key(&mut self, action: &Action, profiles: &dyn Profiles) {
        let last = self.fields.len() - 1;
        let field = &mut self.fields[self.at];
        match action {
            Action::Up => self.at = self.at.checked_sub(1).unwrap_or(last),
            Action::Down => self.at = if self.at == last { 0 } else { self.at + 1 },
            Action::CursorLeft if !field.choices.is_empty() => field.choose(false),
            Action::CursorRight | Action::Insert(' ') if !field.choices.is_empty() => {
                field.choose(true);
            }
            _ if !field.choices.is_empty() => {}
            action => {
                field.text.key(action);
            }
        }
        self.error = self.checked(profiles).err();
    }

    /// What differs from the profile, as `--set` takes it, where the profile can be used with that.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn checked(&self, profiles: &dyn Profiles) -> Result<Vec<String>, String> {
        let set = self.set()?;
        profiles.check(&self.profile, &set).map(|()| set)
    }

    /// What differs from the profile, as `--set` takes it.
    fn set(&self) -> Result<Vec<String>, String> {
        let changed = |i: usize| {
            let field = &self.fields[i];
            let text = field.text.text().trim().to_owned();
            (text != field.standard).then_some(text)
        };
        let mut set = Vec::new();
        let mut add = |key: &str, value: Option<String>| {
            set.extend(value.map(|value| format!("{key}={value}")));
        };
        add("constraint.max_accuracy_drop", changed(0));
        // A profile says that there is no limit by saying nothing: the largest number says the same.
        let memory = changed(1).map(|m| match m.is_empty() {
            true => i64::MAX.to_string(),
            false => format!("{m:?}"),
        });
        add("constraint.max_memory", memory);
        add("search.strategy", changed(2).map(|s| format!("{s:?}")));
        add("gate.mode", changed(3).map(|s| format!("{s:?}")));
        add("gate.limit", changed(4));
        // All at once: a pin that the text no longer has is gone.
        if let Some(text) = changed(5) {
            set.push(format!("pins={}", pins_as_toml(&pins(&text)?)));
        }
        Ok(set)
    }
}

/// `head=8, patch_embed1.*=4-8, *.q_conv=4/8`.
fn pins(text: &str) -> Result<Vec<Pin>, String> {
    let texts = text.split(',').map(str::trim).filter(|t| !t.is_empty());
    let read = |text: &str| {
        text.parse()
            .map_err(|why: String| format!("pins: {text}: {why}"))
    };
    texts.map(read).collect()
}

impl Field {
    /// True where it says what the profile says.
    pub fn is_standard(&self) -> bool {
        self.text.text().trim() == self.standard
    }

    fn choose(&mut self, onward: bool) {
        let now = self.text.text();
        let len = self.choices.len();
        let at = self.choices.iter().position(|c| *c == now).unwrap_or(0);
        let next = if onward { at + 1 } else { at + len - 1 } % len;
        self.text = TextInput::new(self.choices[next]);
    }
}
