//! Everything in which a checkpoint differs from a model, as one readable message.

use std::fmt;

use super::error::printable;

/// How many tensors of a kind the message names.
const NAMED: usize = 12;
/// How much of a foreign name it shows.
const NAME_LENGTH: usize = 100;

/// All differences between a checkpoint and a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// The checkpoint.
    pub origin: String,
    /// Keys that the model needs and the checkpoint lacks.
    pub missing: Vec<String>,
    /// Keys that the model does not know.
    pub unexpected: Vec<String>,
    /// Tensors of another shape.
    pub wrong_shape: Vec<WrongShape>,
    /// Keys of tensors that are not floating-point numbers, with their type.
    pub not_float: Vec<(String, String)>,
    /// Tensors with unusable values.
    pub wrong_values: Vec<WrongValues>,
    /// What to do about names and shapes, where something can be said.
    pub advice: Option<String>,
}

/// A tensor of another shape than the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongShape {
    /// Its key.
    pub key: String,
    /// Its shape in the checkpoint.
    pub found: Vec<usize>,
    /// Its shape in the model.
    pub expected: Vec<usize>,
    /// True where the model has the tensor but never uses it.
    pub unused: bool,
}

/// A tensor with unusable values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongValues {
    /// Its key.
    pub key: String,
    /// How many are unusable.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// What is wrong with them.
    pub why: &'static str,
}

impl Mismatch {
    /// True when nothing differs that the model uses.
    pub fn is_harmless(&self) -> bool {
        self.missing.is_empty()
            && self.unexpected.is_empty()
            && self.wrong_shape.iter().all(|t| t.unused)
            && self.not_float.is_empty()
            && self.wrong_values.is_empty()
    }

    /// True when nothing differs.
    pub fn is_empty(&self) -> bool {
        self.is_harmless() && self.wrong_shape.is_empty()
    }
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the tensors of {} are not those of the model:",
            self.origin
        )?;
        f.write_str(&self.lists())?;
        let other_names =
            !self.missing.is_empty() || !self.unexpected.is_empty() || !self.wrong_shape.is_empty();
        match (&self.advice, other_names) {
            (Some(advice), _) => write!(f, "\n  {advice}"),
            (None, true) => write!(
                f,
                "\n  the sizes in [model] must be those the checkpoint was trained with; `aq4svit inspect FILE` \
                 tells them"
            ),
            (None, false) => Ok(()),
        }?;
        if !self.not_float.is_empty() {
            write!(f, "\n  {}", self.advice_on_types())?;
        }
        if !self.wrong_values.is_empty() {
            write!(
                f,
                "\n  the checkpoint is damaged or was saved from a failed training: use another one"
            )?;
        }
        Ok(())
    }
}

impl Mismatch {
    /// The differences by kind, each kind on a line of its own that begins with a line break and
    /// two spaces.
    pub fn lists(&self) -> String {
        let shapes = |t: &WrongShape| {
            let (found, expected) = (shape(&t.found), shape(&t.expected));
            format!("{} is {found}, should be {expected}", t.key)
        };
        let values = |t: &WrongValues| format!("{}: {} of {} {}", t.key, t.count, t.of, t.why);
        [
            list("missing", &self.missing, String::clone),
            list("unexpected", &self.unexpected, |key| {
                printable(key, NAME_LENGTH)
            }),
            list("of another shape", &self.wrong_shape, shapes),
            list("not floating-point", &self.not_float, |(key, dtype)| {
                format!("{key} is {dtype}")
            }),
            list("with unusable values", &self.wrong_values, values),
        ]
        .concat()
    }

    /// The advice for tensors that are not floating-point numbers, by their type.
    fn advice_on_types(&self) -> String {
        let first = self.not_float.first().map_or("", |(_, dtype)| dtype);
        let float = "the float weights that it was made from are needed";
        match first {
            dtype if ["F8", "F6", "F4"].iter().any(|start| dtype.starts_with(start)) => {
                format!(
                    "numbers of 8 bits and less need scales that only the program that made them knows: {float}; where \
                     there are no scales, save them in Python as {{key: tensor.float() for key, tensor in weights.items()}}"
                )
            }
            dtype if dtype.starts_with('Q') => {
                format!("PyTorch has quantized this network already: {float}")
            }
            dtype if dtype.starts_with('C') => {
                "no network of this program has complex numbers: is it the right checkpoint?".to_owned()
            }
            dtype if dtype.starts_with("made by ") => {
                "such tensors know more than their numbers, and only their own program builds them: save plain ones in \
                 Python by torch.save({key: tensor.detach().clone() for key, tensor in weights.items()}, FILE)"
                    .to_owned()
            }
            _ => format!(
                "whole numbers in place of weights are those of a network that was quantized or packed already: {float}"
            ),
        }
    }
}

fn list<T>(title: &str, items: &[T], show: impl Fn(&T) -> String) -> String {
    if items.is_empty() {
        return String::new();
    }
    let named: Vec<String> = items.iter().take(NAMED).map(show).collect();
    let more = match items.len() - named.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("\n  {} {title}: {}{more}", items.len(), named.join("; "))
}

/// A shape, shortened where a hostile file has many dimensions.
fn shape(sizes: &[usize]) -> String {
    match sizes.get(..8) {
        Some(first) if sizes.len() > 8 => {
            format!("{first:?} and {} more dimensions", sizes.len() - 8)
        }
        _ => format!("{sizes:?}"),
    }
}
