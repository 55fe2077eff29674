//! The form before a search starts: the settings of the profile that are changed most often.

use strum::VariantNames;

use super::Profiles;

use crate::profile::{GateMode, Pin, STRATEGIES, StrategyName, pins_as_toml};
use crate::text;
use crate::tui::Action;
use crate::tui::fields::{Field, Fields};

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

/// The fields, and whether they can be used together.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// The profile.
    pub profile: String,
    /// The fields.
    pub fields: Fields,
    /// What is wrong.
    pub error: Option<String>,
}

impl Form {
    /// The form as the profile has it.
    pub fn new(profile: &str, values: Values) -> Self {
        let memory = "the largest size, such as 96 KiB; empty for no limit";
        let limit = "of a fixed gate, in thresholds";
        let pins = "layer=bits, from-to or 4/8, with * and commas";
        let all = vec![
            Field::new("accuracy drop", "percentage points", "", values.drop),
            Field::new("memory", memory, "no limit", values.memory),
            Field::choice("strategy", StrategyName::VARIANTS, values.strategy),
            Field::choice("gate", GateMode::VARIANTS, values.gate),
            Field::new("drift limit", limit, "", values.limit),
            Field::new("pins", pins, "none", values.pins),
        ];
        Form {
            profile: profile.to_owned(),
            fields: Fields { all, at: 0 },
            error: None,
        }
    }

    /// The meaning of the active field; of the strategy what the chosen one does.
    pub fn help(&self) -> String {
        let Some(field) = self.fields.active() else {
            return String::new();
        };
        let input = field.input();
        match STRATEGIES
            .iter()
            .find(|s| field.name == "strategy" && s.name == input)
        {
            Some(row) => format!("{}; {}", field.help, text::strategy(row.strategy)),
            None => field.help.to_owned(),
        }
    }

    /// Edits by an action; what is typed is checked at once.
    pub fn key(&mut self, action: &Action, profiles: &dyn Profiles) {
        self.fields.key(action);
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
        let changed = |i: usize| self.fields.all.get(i).and_then(Field::changed);
        let mut set = Vec::new();
        let mut add = |key: &str, value: Option<String>| {
            set.extend(value.map(|value| format!("{key}={value}")));
        };
        add("constraint.max_accuracy_drop", changed(0));
        // A profile says that there is no limit by saying nothing: the largest number says the
        // same.
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
