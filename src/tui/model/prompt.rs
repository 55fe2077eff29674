//! Prompts of several fields that become one command: the limits of the search, and a pin by
//! pattern.

use crate::profile::{
    AccuracyDrop, AllowedWidths, Constraint, ConstraintChange, Pin, parse_size, size_text,
};
use crate::quant::BitWidth;
use crate::search::{Command, Tree};
use crate::tui::fields::{Field, Fields};
use crate::tui::input::TextInput;

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// What a result must meet, and what the search may spend.
    Limits,
    /// Layers by a pattern, and the widths they may have.
    Pin,
}

/// The fields, and the one that takes the keys.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldPrompt {
    /// What for.
    pub asked: Asked,
    /// The fields.
    pub fields: Fields,
}

impl FieldPrompt {
    /// The prompt for other limits than those in force.
    pub fn limits(constraint: &Constraint) -> Self {
        let drop = "percentage points (1.0), percent of float (2 %), or any";
        let memory = "the largest size, such as 80 KiB; empty for no limit";
        let evaluations = "the evaluation budget; empty for no limit";
        let seconds = "the time limit without pauses; empty for no limit";
        let now = constraint;
        let field = |name, help, now: Option<String>| {
            Field::new(name, help, "no limit", now.unwrap_or_default())
        };
        let all = vec![
            field(
                "accuracy drop",
                drop,
                Some(now.max_accuracy_drop.to_string()),
            ),
            field("memory", memory, now.max_memory.map(size_text)),
            field(
                "evaluations",
                evaluations,
                now.max_evaluations.map(|n| n.to_string()),
            ),
            field("seconds", seconds, now.max_seconds.map(|n| n.to_string())),
        ];
        FieldPrompt {
            asked: Asked::Limits,
            fields: Fields { all, at: 0 },
        }
    }

    /// The prompt for a pin; `pattern` and `width` are proposals.
    pub fn pin(tree: &Tree, pattern: &str, width: Option<BitWidth>) -> Self {
        let held = tree.pins.iter().find(|p| p.pattern == pattern);
        let now = held.map_or_else(|| String::from("any"), |p| p.widths.to_string());
        let help = "a layer's name, or a pattern such as stage1.* or *.q_conv";
        let layers = Field::new("layers", help, "none", pattern.to_owned());
        let help = "8, or 4-8; any removes the pin of this pattern";
        let mut widths = Field::new("bit-widths", help, "none", now);
        if let (None, Some(width)) = (held, width) {
            widths.text = TextInput::new(&width.to_string());
        }
        let all = vec![layers, widths];
        FieldPrompt {
            asked: Asked::Pin,
            fields: Fields { all, at: 0 },
        }
    }

    fn input(&self, at: usize) -> String {
        let field = self.fields.all.get(at);
        field.map(Field::input).unwrap_or_default()
    }

    /// The command of the prompt; none where it would change nothing.
    ///
    /// # Errors
    /// What is wrong with it, and how to write it.
    pub fn command(&self, tree: &Tree) -> Result<Option<Command>, String> {
        match self.asked {
            Asked::Limits => self.constrain(tree),
            Asked::Pin => self.pinned(tree),
        }
    }

    /// The current value of a field that is changed; the pattern of a pin has none.
    pub fn current(&self, tree: &Tree, field: &Field) -> Option<String> {
        match self.asked {
            Asked::Limits => field.changed().map(|_| match field.current.as_str() {
                "" => String::from("now no limit"),
                now => format!("now {now}"),
            }),
            Asked::Pin if field.name == "layers" => None,
            Asked::Pin => {
                let pattern = self.input(0);
                let held = tree.pins.iter().find(|p| p.pattern == pattern);
                Some(held.map_or("now not pinned".into(), |p| format!("now {}", p.widths)))
            }
        }
    }

    /// The input of a field that is changed.
    fn changed(&self, name: &str) -> Option<String> {
        let field = self.fields.all.iter().find(|f| f.name == name)?;
        field.changed()
    }

    fn constrain(&self, tree: &Tree) -> Result<Option<Command>, String> {
        let limit = |name: &str| self.changed(name).map(|t| (!is_any(&t)).then_some(t));
        let mut change = ConstraintChange::default();
        if let Some(text) = self.changed("accuracy drop") {
            let text = if text.is_empty() { "any" } else { &text };
            let wrong =
                "accuracy drop: write percentage points such as 1.0, percent such as 2 %, or any";
            change.max_accuracy_drop = Some(AccuracyDrop::parse(text).ok_or(wrong)?);
        }
        change.max_memory = parsed(limit("memory"), parse_size)
            .ok_or("memory: write a size such as 80 KiB, or leave it empty")?;
        change.max_evaluations = parsed(limit("evaluations"), |t| t.parse().ok())
            .ok_or("evaluations: write a whole number, or leave it empty")?;
        change.max_seconds = parsed(limit("seconds"), |t| t.parse().ok())
            .ok_or("seconds: write a number such as 600, or leave it empty")?;
        if change == ConstraintChange::default() {
            return Ok(None);
        }
        tree.constrained(&change)?;
        Ok(Some(Command::Constrain { change }))
    }

    fn pinned(&self, tree: &Tree) -> Result<Option<Command>, String> {
        let (pattern, text) = (self.input(0), self.input(1));
        if pattern.is_empty() {
            return Err("layers: write a layer's name or a pattern such as stage1.*".into());
        }
        let settings = tree.settings.as_deref();
        let held = tree.pins.iter().find(|p| p.pattern == pattern);
        if is_any(&text) {
            if held.is_none() {
                return Ok(None);
            }
            if let Some(settings) = settings {
                settings.unpinned(&tree.pins, &pattern)?;
            }
            return Ok(Some(Command::Unpin { pattern }));
        }
        let Ok(widths) = text.parse::<AllowedWidths>() else {
            return Err("bit-widths: write 8, or 4-8, or 4/8, or any".into());
        };
        let pin = Pin { pattern, widths };
        if held == Some(&pin) {
            return Ok(None);
        }
        if let Some(settings) = settings {
            settings.pinned(&tree.pins, &pin)?;
        }
        Ok(Some(Command::Pin { pin }))
    }

    /// What a pin would hold, in words; none where the prompt is about something else.
    pub fn held(&self, tree: &Tree) -> Option<String> {
        let settings = tree.settings.as_deref()?;
        if self.asked != Asked::Pin {
            return None;
        }
        let pin = Pin::fixed(self.input(0), BitWidth::FLOAT);
        let layers = settings.space.layers.iter().map(|l| l.name.as_str());
        let names: Vec<&str> = layers.filter(|name| pin.matches(name)).collect();
        Some(match names.as_slice() {
            [] => String::from("no layer"),
            [one] => (*one).to_owned(),
            [first, .., last] => format!("{} layers, {first} to {last}", names.len()),
        })
    }
}

fn is_any(text: &str) -> bool {
    text.is_empty() || text == "any"
}

/// A limit that was changed: none where it was not, or where it is lifted; the outer none for what
/// cannot be read.
fn parsed<T>(
    limit: Option<Option<String>>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Option<Option<T>>> {
    Some(match limit {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(Some(read(&text)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(prompt: &mut FieldPrompt, at: usize, text: &str) {
        prompt.fields.all[at].text = TextInput::new(text);
    }

    #[test]
    fn limits_are_read_as_they_are_typed() {
        let constraint = Constraint {
            max_memory: Some(100_000),
            ..Constraint::default()
        };
        let tree = Tree::default();
        let mut prompt = FieldPrompt::limits(&constraint);
        assert_eq!(prompt.fields.all[1].current, "100000");
        assert_eq!(prompt.command(&tree), Ok(None), "nothing is changed yet");
        typed(&mut prompt, 0, "2 %");
        typed(&mut prompt, 1, " 80 KiB ");
        let Ok(Some(Command::Constrain { change })) = prompt.command(&tree) else {
            panic!("{:?}", prompt.command(&tree));
        };
        assert_eq!(change.max_accuracy_drop, Some(AccuracyDrop::Relative(2.0)));
        assert_eq!(change.max_memory, Some(Some(81_920)));
        assert_eq!((change.max_evaluations, change.max_seconds), (None, None));
        typed(&mut prompt, 1, "");
        let Ok(Some(Command::Constrain { change })) = prompt.command(&tree) else {
            panic!("{:?}", prompt.command(&tree));
        };
        assert_eq!(change.max_memory, Some(None), "lifted");
        for (at, wrong) in [
            (0, "-1"),
            (0, "1.0 points"),
            (1, "80 kib"),
            (2, "1.5"),
            (3, "-2"),
        ] {
            let mut prompt = FieldPrompt::limits(&constraint);
            typed(&mut prompt, at, wrong);
            assert!(prompt.command(&tree).is_err(), "{wrong}");
        }
    }
}
