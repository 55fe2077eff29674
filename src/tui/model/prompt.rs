//! Prompts of several fields that become one command: the limits of the search, and a pin by pattern.

use crate::profile::{
    AccuracyDrop, AllowedWidths, Constraint, ConstraintChange, Pin, parse_size, size_text,
};
use crate::quant::BitWidth;
use crate::search::{Command, Tree};
use crate::tui::Action;
use crate::tui::input::TextInput;

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// What a result must meet, and what the search may spend.
    Limits,
    /// Layers by a pattern, and the widths they may have.
    Pin,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptField {
    /// Its name.
    pub name: &'static str,
    /// What it means, and how to write it.
    pub help: &'static str,
    /// What it says.
    pub text: TextInput,
    /// What holds now.
    pub now: String,
}

/// The fields, and the one that takes the keys.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldPrompt {
    /// What for.
    pub asked: Asked,
    /// The fields.
    pub fields: Vec<PromptField>,
    /// The one that takes the keys.
    pub at: usize,
}

fn field(name: &'static str, help: &'static str, now: String) -> PromptField {
    PromptField {
        name,
        help,
        text: TextInput::new(&now),
        now,
    }
}

impl PromptField {
    /// What it says, without blanks around it.
    pub fn said(&self) -> String {
        self.text.text().trim().to_owned()
    }
    /// True where it says something else than what holds now.
    pub fn is_changed(&self) -> bool {
        self.said() != self.now
    }
}

impl FieldPrompt {
    /// Asks for other limits than those in force.
    pub fn limits(constraint: &Constraint) -> Self {
        let text = |n: Option<String>| n.unwrap_or_default();
        FieldPrompt {
            asked: Asked::Limits,
            fields: vec![
                field(
                    "accuracy drop",
                    "points below float (1.0), percent of float's (2 %), or any",
                    constraint.max_accuracy_drop.to_string(),
                ),
                field(
                    "memory",
                    "at most so much, such as 80 KiB; nothing for no limit",
                    text(constraint.max_memory.map(size_text)),
                ),
                field(
                    "evaluations",
                    "the search ends after so many; nothing for no limit",
                    text(constraint.max_evaluations.map(|n| n.to_string())),
                ),
                field(
                    "seconds",
                    "the search ends after so many, pauses left out; nothing for no limit",
                    text(constraint.max_seconds.map(|n| n.to_string())),
                ),
            ],
            at: 0,
        }
    }

    /// Asks for a pin; `pattern` and `width` are what a person may mean.
    pub fn pin(tree: &Tree, pattern: &str, width: Option<BitWidth>) -> Self {
        let held = tree.pins.iter().find(|p| p.pattern == pattern);
        let now = held.map_or_else(|| String::from("any"), |p| p.widths.to_string());
        let mut prompt = FieldPrompt {
            asked: Asked::Pin,
            fields: vec![
                field(
                    "layers",
                    "a layer's name, or a pattern such as stage1.* or *.q_conv",
                    pattern.to_owned(),
                ),
                field(
                    "widths",
                    "8, or 4-8; any takes the pin of this pattern back",
                    now,
                ),
            ],
            at: 1,
        };
        if let (None, Some(width)) = (held, width) {
            prompt.fields[1].text = TextInput::new(&width.to_string());
        }
        prompt
    }

    /// A key: to another field, or of the one that takes them.
    pub fn key(&mut self, action: &Action) {
        let last = self.fields.len().saturating_sub(1);
        match action {
            Action::Up => self.at = self.at.checked_sub(1).unwrap_or(last),
            Action::Down => self.at = if self.at >= last { 0 } else { self.at + 1 },
            action => {
                if let Some(field) = self.fields.get_mut(self.at) {
                    field.text.key(action);
                }
            }
        }
    }

    /// What it says as a command; none where that would change nothing.
    ///
    /// # Errors
    /// What is wrong with it, and how to write it.
    pub fn command(&self, tree: &Tree) -> Result<Option<Command>, String> {
        match self.asked {
            Asked::Limits => self.constrain(tree),
            Asked::Pin => self.pinned(tree),
        }
    }

    /// What holds now of a field that says something else; of the pattern of a pin, nothing does.
    pub fn now(&self, tree: &Tree, field: &PromptField) -> Option<String> {
        match self.asked {
            Asked::Limits if !field.is_changed() => None,
            Asked::Limits if field.now.is_empty() => Some(String::from("now no limit")),
            Asked::Limits => Some(format!("now {}", field.now)),
            Asked::Pin if field.name == "layers" => None,
            Asked::Pin => {
                let pattern = self.fields.first().map(PromptField::said);
                let held = tree
                    .pins
                    .iter()
                    .find(|p| Some(&p.pattern) == pattern.as_ref());
                Some(held.map_or("now not pinned".into(), |p| format!("now {}", p.widths)))
            }
        }
    }

    /// What a field says that is changed.
    fn changed(&self, name: &str) -> Option<String> {
        let field = self.fields.iter().find(|f| f.name == name)?;
        field.is_changed().then(|| field.said())
    }

    fn constrain(&self, tree: &Tree) -> Result<Option<Command>, String> {
        let limit = |name: &str| self.changed(name).map(|t| (!is_any(&t)).then_some(t));
        let mut change = ConstraintChange::default();
        if let Some(text) = self.changed("accuracy drop") {
            let drop = match text.is_empty() {
                true => Some(AccuracyDrop::Any),
                false => AccuracyDrop::parse(&text),
            };
            let wrong = "accuracy drop: write points such as 1.0, percent such as 2 %, or any";
            change.max_accuracy_drop = Some(drop.ok_or(wrong)?);
        }
        change.max_memory = parsed(limit("memory"), parse_size)
            .ok_or("memory: write a size such as 80 KiB, or nothing")?;
        change.max_evaluations = parsed(limit("evaluations"), |t| t.parse().ok())
            .ok_or("evaluations: write a whole number, or nothing")?;
        change.max_seconds = parsed(limit("seconds"), |t| t.parse().ok())
            .ok_or("seconds: write a number such as 600, or nothing")?;
        if change == ConstraintChange::default() {
            return Ok(None);
        }
        tree.constrained(&change)?;
        Ok(Some(Command::Constrain { change }))
    }

    fn pinned(&self, tree: &Tree) -> Result<Option<Command>, String> {
        let said = |i: usize| {
            self.fields
                .get(i)
                .map(PromptField::said)
                .unwrap_or_default()
        };
        let (pattern, text) = (said(0), said(1));
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
            return Err("widths: write 8, or 4-8, or 4/8, or any".into());
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
        let pattern = self.fields.first().filter(|_| self.asked == Asked::Pin)?;
        let pin = Pin::fixed(pattern.said(), BitWidth::FLOAT);
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

/// A limit that was changed: none where it was not, or where it is lifted; the outer none for what cannot be read.
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
        prompt.fields[at].text = TextInput::new(text);
    }

    #[test]
    fn limits_are_read_as_they_are_typed() {
        let constraint = Constraint {
            max_memory: Some(100_000),
            ..Constraint::default()
        };
        let tree = Tree::default();
        let mut prompt = FieldPrompt::limits(&constraint);
        assert_eq!(prompt.fields[1].now, "100000");
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
