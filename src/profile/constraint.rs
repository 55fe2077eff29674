//! `[constraint]`: what a result must meet, and what a search may spend.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::size;
use super::target::Target;

/// The largest accuracy drop against float that is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AccuracyDrop {
    /// In percentage points.
    Points(f64),
    /// In percent of the float network's accuracy.
    Relative(f64),
    /// Any.
    Any,
}

impl AccuracyDrop {
    /// Reads `1.5`, `2 %` or `any`; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        match text.trim().strip_suffix('%') {
            Some(percent) => number(percent).map(AccuracyDrop::Relative),
            None if text.trim() == "any" => Some(AccuracyDrop::Any),
            None => number(text).map(AccuracyDrop::Points),
        }
    }

    /// In percentage points, where the float network has `correct` of `images` right.
    pub fn points(self, correct: usize, images: usize) -> f64 {
        match self {
            AccuracyDrop::Points(points) => points,
            AccuracyDrop::Relative(percent) => percent * correct as f64 / images.max(1) as f64,
            AccuracyDrop::Any => 100.0,
        }
    }

    /// The number of a limit; none for [`AccuracyDrop::Any`].
    pub(super) fn number(self) -> Option<f64> {
        match self {
            AccuracyDrop::Points(n) | AccuracyDrop::Relative(n) => Some(n),
            AccuracyDrop::Any => None,
        }
    }
}

impl fmt::Display for AccuracyDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccuracyDrop::Points(points) => write!(f, "{points}"),
            AccuracyDrop::Relative(percent) => write!(f, "{percent} %"),
            AccuracyDrop::Any => f.write_str("any"),
        }
    }
}

impl Serialize for AccuracyDrop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            AccuracyDrop::Points(points) => serializer.serialize_f64(*points),
            other => serializer.collect_str(other),
        }
    }
}

/// A number or a text, as profiles and commands write limits.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for AccuracyDrop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = match Written::deserialize(deserializer)? {
            Written::Whole(n) => Some(AccuracyDrop::Points(n as f64)),
            Written::Number(n) => Some(AccuracyDrop::Points(n)),
            Written::Text(text) => AccuracyDrop::parse(&text),
        };
        written.ok_or_else(|| de::Error::custom("expected points, \"2 %\" or \"any\""))
    }
}

/// `[constraint]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constraint {
    /// Largest accuracy drop against float on the search split.
    pub max_accuracy_drop: AccuracyDrop,
    /// The confidence with which the result's drop on unseen images is at most that, in 0..1; none:
    /// the result is not certified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Largest memory in bytes, if limited.
    pub max_memory: Option<u64>,
    /// Most screenings and confirmations, if limited: the search ends with the best found by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_evaluations: Option<u64>,
    /// Most seconds of searching, if limited: the search ends with the best found by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<f64>,
}

/// What a search looks for among the allocations that meet the constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// The fewest bytes.
    SmallestMemory,
    /// The highest accuracy, where accuracy may drop at will and memory is limited.
    HighestAccuracy,
}

impl Constraint {
    /// The objective of the search.
    pub fn objective(&self) -> Objective {
        match (self.max_accuracy_drop, self.max_memory) {
            (AccuracyDrop::Any, Some(_)) => Objective::HighestAccuracy,
            _ => Objective::SmallestMemory,
        }
    }

    /// True for a memory within the limit.
    pub fn fits(&self, bytes: u64) -> bool {
        self.max_memory.is_none_or(|most| bytes <= most)
    }

    /// The constraint with no more memory than a target has.
    pub fn on(self, target: Option<&Target>) -> Self {
        let chip = target.and_then(|t| t.memory);
        let both = self.max_memory.into_iter().chain(chip);
        Constraint {
            max_memory: both.min(),
            ..self
        }
    }
}

impl Default for Constraint {
    fn default() -> Self {
        Constraint {
            max_accuracy_drop: AccuracyDrop::Points(1.5),
            confidence: None,
            max_memory: None,
            max_evaluations: None,
            max_seconds: None,
        }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max_accuracy_drop {
            AccuracyDrop::Points(points) => write!(f, "accuracy drop at most {points} points")?,
            AccuracyDrop::Relative(_) => write!(
                f,
                "accuracy drop at most {} of float's",
                self.max_accuracy_drop
            )?,
            AccuracyDrop::Any => f.write_str("any accuracy drop")?,
        }
        if let Some(confidence) = self.confidence {
            write!(f, " with {} % confidence", in_percent(confidence))?;
        }
        if let Some(most) = self.max_memory {
            write!(f, ", memory at most {most} bytes")?;
        }
        if let Some(most) = self.max_evaluations {
            write!(f, ", at most {most} evaluations")?;
        }
        if let Some(most) = self.max_seconds {
            write!(f, ", at most {most} s")?;
        }
        Ok(())
    }
}

/// A share in percent, without the digits that only binary fractions have.
fn in_percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

/// What to change of a constraint: what is left out stays. A limit that is `null` (in a command:
/// `"max_memory": null`) is lifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConstraintChange {
    /// Another largest accuracy drop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_accuracy_drop: Option<AccuracyDrop>,
    /// Another largest memory: bytes, or (in a command) a text such as `"96 KiB"`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "bytes")]
    pub max_memory: Option<Option<u64>>,
    /// Another limit on evaluations.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub max_evaluations: Option<Option<u64>>,
    /// Another limit on seconds.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub max_seconds: Option<Option<f64>>,
}

/// A key that is there: `null` lifts the limit.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    let bytes = match Option::<Written>::deserialize(deserializer)? {
        None => return Ok(Some(None)),
        Some(Written::Whole(bytes)) => Some(bytes),
        Some(Written::Text(text)) => size::parse(&text),
        Some(Written::Number(_)) => None,
    };
    let wrong = || de::Error::custom("expected bytes, or a size such as \"96 KiB\"");
    bytes.map(|bytes| Some(Some(bytes))).ok_or_else(wrong)
}

impl ConstraintChange {
    /// The constraint that it makes of another.
    pub fn of(&self, constraint: Constraint) -> Constraint {
        Constraint {
            max_accuracy_drop: self
                .max_accuracy_drop
                .unwrap_or(constraint.max_accuracy_drop),
            confidence: constraint.confidence,
            max_memory: self.max_memory.unwrap_or(constraint.max_memory),
            max_evaluations: self.max_evaluations.unwrap_or(constraint.max_evaluations),
            max_seconds: self.max_seconds.unwrap_or(constraint.max_seconds),
        }
    }

    /// What is wrong with its numbers, if anything is.
    pub fn wrong(&self) -> Option<&'static str> {
        let below_zero = |n: f64| !n.is_finite() || n < 0.0;
        let drop = self.max_accuracy_drop.and_then(AccuracyDrop::number);
        if drop.is_some_and(below_zero) {
            return Some("max_accuracy_drop is a number of points, 0 or more, or a percentage");
        }
        if self.max_seconds.flatten().is_some_and(below_zero) {
            return Some("max_seconds is a number, 0 or more");
        }
        None
    }
}

impl From<Constraint> for ConstraintChange {
    fn from(to: Constraint) -> Self {
        ConstraintChange {
            max_accuracy_drop: Some(to.max_accuracy_drop),
            max_memory: Some(to.max_memory),
            max_evaluations: Some(to.max_evaluations),
            max_seconds: Some(to.max_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_read_and_written() {
        for (text, drop) in [
            ("1.5", AccuracyDrop::Points(1.5)),
            ("2 %", AccuracyDrop::Relative(2.0)),
            ("any", AccuracyDrop::Any),
        ] {
            assert_eq!(AccuracyDrop::parse(text), Some(drop));
            assert_eq!(drop.to_string(), text);
            let json = serde_json::to_string(&drop).expect("plain data");
            assert_eq!(
                serde_json::from_str::<AccuracyDrop>(&json).expect("own"),
                drop
            );
        }
        for bad in ["", "%", "two", "nan %", "1.5 points"] {
            assert_eq!(AccuracyDrop::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_relative_drop_is_of_floats_accuracy() {
        assert_eq!(AccuracyDrop::Relative(2.0).points(1500, 2000), 1.5);
        assert_eq!(AccuracyDrop::Points(2.0).points(1500, 2000), 2.0);
        assert_eq!(AccuracyDrop::Any.points(1500, 2000), 100.0);
    }

    #[test]
    fn what_a_change_leaves_out_stays_and_null_lifts() {
        let before = Constraint {
            max_memory: Some(5),
            max_seconds: Some(9.0),
            ..Constraint::default()
        };
        let change = |text| serde_json::from_str::<ConstraintChange>(text).expect(text);
        let after = change(r#"{"max_memory": "1 KiB"}"#).of(before);
        assert_eq!(
            (after.max_memory, after.max_seconds),
            (Some(1024), Some(9.0))
        );
        let after = change(r#"{"max_memory": null, "max_accuracy_drop": "3 %"}"#).of(before);
        assert_eq!(after.max_memory, None);
        assert_eq!(after.max_accuracy_drop, AccuracyDrop::Relative(3.0));
        let certified = Constraint {
            confidence: Some(0.95),
            ..before
        };
        let after_all = ConstraintChange::from(after).of(certified);
        assert_eq!(after_all.confidence, Some(0.95));
        assert!(
            certified.to_string().contains("with 95 % confidence"),
            "{certified}"
        );
        let back = ConstraintChange::from(before);
        assert_eq!(back.of(after), before);
        let text = serde_json::to_string(&back).expect("plain data");
        assert_eq!(change(&text), back);
        assert_eq!(
            change(r#"{"max_seconds": -1}"#).wrong(),
            Some("max_seconds is a number, 0 or more")
        );
    }
}
