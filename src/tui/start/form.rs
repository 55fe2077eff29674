//! The form before a search starts: the settings of the profile that are changed most often.

use std::sync::LazyLock;

use strum::VariantNames;

use super::Profiles;
use crate::profile::{GateMode, Pin, STRATEGIES, StrategyName, TARGETS, pins_as_toml};
use crate::text;
use crate::tui::Action;
use crate::tui::fields::{Field, Fields};

/// What a profile says of the form's fields, as text; empty for what it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Largest accuracy drop, in points.
    pub drop: String,
    /// Largest memory, such as `96 KiB`; empty for no limit.
    pub memory: String,
    /// The chip: the name of a shipped target, or none.
    pub chip: String,
    /// The strategy.
    pub strategy: String,
    /// The allocations that a beam keeps.
    pub beam_width: String,
    /// The gate's mode.
    pub gate: String,
    /// The gate's fixed limit.
    pub limit: String,
    /// The bit menu, such as `2 3 4 8 float`.
    pub bits: String,
    /// Largest number of evaluations.
    pub evaluations: String,
    /// Time limit in seconds.
    pub seconds: String,
    /// Calibration images.
    pub calibration: String,
    /// The seed.
    pub seed: String,
    /// Pins, such as `head=8, patch_embed1.*=4-8`.
    pub pins: String,
    /// The weights: a file or `builtin:NAME`.
    pub checkpoint: String,
}

/// What is wrong with a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The position of the field concerned, where it is one.
    pub field: Option<usize>,
    /// Why, in words.
    pub why: String,
}

/// The fields, and whether they can be used together.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// The profile.
    pub profile: String,
    /// The fields.
    pub fields: Fields,
    /// What is wrong.
    pub wrong: Option<Wrong>,
}

/// What is written for no chip.
const NO_CHIP: &str = "none";

/// The shipped chips, after none.
fn chips() -> &'static [&'static str] {
    static ALL: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let names = TARGETS.iter().map(|(name, _)| *name);
        std::iter::once(NO_CHIP).chain(names).collect()
    });
    &ALL
}

impl Form {
    /// The form as the profile has it.
    pub fn new(profile: &str, values: Values) -> Self {
        let memory = "the largest size, such as 96 KiB; empty for no limit";
        let limit = "of a fixed gate, in thresholds";
        let bits = "the bit-widths to choose from, with blanks between them; float is allowed";
        let seconds = "in seconds; empty for no limit";
        let pins = "layer=bits, from-to or 4/8, with * and commas";
        let images = "images that the quantizer is calibrated on";
        let checkpoint = "the weights: .safetensors, .pth, .pth.tar, or builtin:NAME";
        let chip = match values.chip.as_str() {
            "" => String::from(NO_CHIP),
            _ => values.chip,
        };
        let mut chip = Field::choice("chip", chips(), chip);
        chip.help =
            "a deployment target: its memory and its bit-widths are limits; left and right choose";
        let all = vec![
            Field::new("accuracy drop", "percentage points", "", values.drop),
            Field::new("memory", memory, "no limit", values.memory),
            chip,
            Field::choice("strategy", StrategyName::VARIANTS, values.strategy),
            Field::new(
                "beam width",
                "allocations kept at every step",
                "",
                values.beam_width,
            ),
            Field::choice("gate", GateMode::VARIANTS, values.gate),
            Field::new("drift limit", limit, "", values.limit),
            Field::new("bit menu", bits, "", values.bits),
            Field::new(
                "evaluations",
                "the most; empty for no limit",
                "no limit",
                values.evaluations,
            ),
            Field::new("time limit", seconds, "no limit", values.seconds),
            Field::new("checkpoint", checkpoint, "none", values.checkpoint),
            Field::new("calibration", images, "", values.calibration),
            Field::new("seed", "of all random choices", "", values.seed),
            Field::new("pins", pins, "none", values.pins),
        ];
        Form {
            profile: profile.to_owned(),
            fields: Fields { all, at: 0 },
            wrong: None,
        }
    }

    /// Says what is wrong, and goes to the field concerned.
    pub fn refuse(&mut self, wrong: Wrong) {
        self.fields.at = wrong.field.unwrap_or(self.fields.at);
        self.wrong = Some(wrong);
    }

    /// Says why a search with these settings could not begin.
    pub fn refused(&mut self, why: String) {
        let field = self.named_in(&why);
        self.refuse(Wrong { field, why });
    }

    /// The field whose key, or whose file, a text names.
    fn named_in(&self, text: &str) -> Option<usize> {
        let named = |field: &Field| {
            let value = field.input();
            let file = std::path::Path::new(&value).file_name()?.to_str()?;
            Some(field.name == "checkpoint" && text.contains(file))
        };
        let key = |field: &Field| KEYS.iter().find(|(name, _)| *name == field.name);
        let keyed = |field: &Field| key(field).is_some_and(|(_, key)| text.contains(key));
        let shown = self
            .shown()
            .filter_map(|at| Some((at, self.fields.all.get(at)?)));
        let mut concerned =
            shown.filter(|(_, field)| keyed(field) || named(field).unwrap_or_default());
        concerned.next().map(|(at, _)| at)
    }

    fn input(&self, name: &str) -> String {
        let field = self.fields.all.iter().find(|f| f.name == name);
        field.map_or_else(String::new, Field::input)
    }

    /// The positions of the fields that mean something with the other ones as they are.
    pub fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        let (strategy, gate) = (self.input("strategy"), self.input("gate"));
        let means = move |name: &str| match name {
            "beam width" => strategy == "beam",
            "drift limit" => gate == "fixed",
            _ => true,
        };
        let all = self.fields.all.iter().enumerate();
        all.filter(move |(_, field)| means(field.name))
            .map(|(at, _)| at)
    }

    /// The meaning of the active field, in paragraphs, with whether it is about what is chosen; of
    /// the strategy what every one does and costs.
    pub fn help(&self) -> Vec<(String, bool)> {
        let Some(field) = self.fields.active() else {
            return Vec::new();
        };
        let mut help = vec![(field.help.to_owned(), false)];
        if field.name == "strategy" {
            let input = field.input();
            let all = STRATEGIES.iter();
            let mut all: Vec<_> = all
                .map(|row| (text::strategy(row.strategy), row.name == input))
                .collect();
            // The chosen one is seen on every terminal.
            all.sort_by_key(|(_, chosen)| !chosen);
            help.extend(all);
        }
        help
    }

    /// Edits by an action; what is typed is checked at once.
    pub fn key(&mut self, action: &Action, profiles: &dyn Profiles) {
        self.fields.key(action);
        // Fields that mean nothing now are passed over.
        for _ in 0..self.fields.all.len() {
            if self.shown().any(|at| at == self.fields.at) {
                break;
            }
            let onward = match action {
                Action::Up => Action::Up,
                _ => Action::Down,
            };
            self.fields.key(&onward);
        }
        self.wrong = self.checked(profiles).err();
    }

    /// What differs from the profile, as `--set` takes it, where the profile can be used with that.
    ///
    /// # Errors
    /// What is wrong, and with which field.
    pub fn checked(&self, profiles: &dyn Profiles) -> Result<Vec<String>, Wrong> {
        let set = self.set()?;
        let all: Vec<String> = set.iter().map(|(_, setting)| setting.clone()).collect();
        let Err(why) = profiles.check(&self.profile, &all) else {
            return Ok(all);
        };
        // Without the setting that is at fault, the others can be used.
        let at_fault = set.iter().find(|(at, _)| {
            let others = set.iter().filter(|(other, _)| other != at);
            let others: Vec<String> = others.map(|(_, setting)| setting.clone()).collect();
            profiles.check(&self.profile, &others).is_ok()
        });
        let field = at_fault.map(|(at, _)| *at).or_else(|| self.named_in(&why));
        Err(Wrong { field, why })
    }

    /// What differs from the profile, as `--set` takes it, with the positions of the fields.
    fn set(&self) -> Result<Vec<(usize, String)>, Wrong> {
        let shown: Vec<usize> = self.shown().collect();
        let mut set = Vec::new();
        for at in shown {
            let Some(field) = self.fields.all.get(at) else {
                continue;
            };
            if let Some(value) = field.changed() {
                let wrong = |why| Wrong {
                    field: Some(at),
                    why,
                };
                set.extend(setting(field, value).map_err(wrong)?.map(|text| (at, text)));
            }
        }
        Ok(set)
    }
}

/// The keys of the profile behind the fields.
const KEYS: &[(&str, &str)] = &[
    ("accuracy drop", "constraint.max_accuracy_drop"),
    ("memory", "constraint.max_memory"),
    ("chip", "constraint.target"),
    ("strategy", "search.strategy"),
    ("beam width", "search.beam_width"),
    ("gate", "gate.mode"),
    ("drift limit", "gate.limit"),
    ("bit menu", "quantizer.bits"),
    ("evaluations", "constraint.max_evaluations"),
    ("time limit", "constraint.max_seconds"),
    ("calibration", "data.calibration"),
    ("seed", "search.seed"),
    ("pins", "pins"),
    ("checkpoint", "model.checkpoint"),
];

/// A changed field as `--set` takes it.
fn setting(field: &Field, value: String) -> Result<Option<String>, String> {
    // A profile says that there is no limit by saying nothing: the largest number says the same.
    let or_none = |value: String| match value.is_empty() {
        true => i64::MAX.to_string(),
        false => value,
    };
    let Some((_, key)) = KEYS.iter().find(|(name, _)| *name == field.name) else {
        return Ok(None);
    };
    let value = match field.name {
        "chip" if value == NO_CHIP => {
            return Err(String::from(
                "chip: the profile names one, which can be changed but not removed here",
            ));
        }
        "memory" if !value.is_empty() => format!("{value:?}"),
        "memory" | "evaluations" => or_none(value),
        "chip" | "strategy" | "gate" | "checkpoint" => format!("{value:?}"),
        "bit menu" => menu(&value),
        "time limit" if value.is_empty() => String::from("1e12"),
        // All at once: a pin that the text no longer has is gone.
        "pins" => pins_as_toml(&pins(&value)?),
        _ => value,
    };
    Ok(Some(format!("{key}={value}")))
}

/// `2 3 4 float` as a list of TOML.
fn menu(text: &str) -> String {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let words = words.map(|word| match word.parse::<u8>() {
        Ok(bits) => bits.to_string(),
        Err(_) => format!("{word:?}"),
    });
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
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
