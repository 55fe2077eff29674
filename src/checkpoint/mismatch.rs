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
        list(f, "missing", &self.missing, |key| key.clone())?;
        list(f, "unexpected", &self.unexpected, |key| {
            printable(key, NAME_LENGTH)
        })?;
        list(f, "of another shape", &self.wrong_shape, |t| {
            format!(
                "{} is {}, should be {}",
                t.key,
                shape(&t.found),
                shape(&t.expected)
            )
        })?;
        list(f, "not floating-point", &self.not_float, |(key, dtype)| {
            format!("{key} is {dtype}")
        })?;
        list(f, "with unusable values", &self.wrong_values, |t| {
            format!("{}: {} of {} {}", t.key, t.count, t.of, t.why)
        })?;
        let other_names =
            !self.missing.is_empty() || !self.unexpected.is_empty() || !self.wrong_shape.is_empty();
        match (&self.advice, other_names) {
            (Some(advice), _) => write!(f, "\n  {advice}"),
            (None, true) => write!(
                f,
                "\n  the sizes in [model] must be those the checkpoint was trained with; `aq4svit inspect FILE` \
                 tells them"
            ),
            (None, false) => write!(
                f,
                "\n  the checkpoint is damaged or was saved from a failed training: use another one"
            ),
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    items: &[T],
    show: impl Fn(&T) -> String,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = items.iter().take(NAMED).map(show).collect();
    write!(f, "\n  {} {title}: {}", items.len(), named.join("; "))?;
    match items.len() - named.len() {
        0 => Ok(()),
        more => write!(f, "; and {more} more"),
    }
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
