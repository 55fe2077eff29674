//! The errors of rules: pins, ties and targets that leave a layer no bit-width.

use std::fmt;

use crate::quant::BitWidth;

/// The error of pins that leave a layer no bit-width or match nothing.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinError {
    /// The pattern matches no layer.
    #[error("pin \"{pattern}\" matches no layer of the network{hint}")]
    NoLayer {
        /// The pin's pattern.
        pattern: String,
        /// The nearest known names, as the end of the sentence.
        hint: String,
    },
    /// The smallest width is above the largest.
    #[error("pin \"{pattern}\" allows no width: min = {min} is above max = {max}")]
    Inverted {
        /// The pin's pattern.
        pattern: String,
        /// Its smallest width.
        min: BitWidth,
        /// Its largest width.
        max: BitWidth,
    },
    /// No width of the menu lies within the pin's bounds.
    #[error(
        "pin \"{pattern}\" allows {allowed}, and the bit menu ({menu}) has none of these; add one to quantizer.bits"
    )]
    NotInMenu {
        /// The pin's pattern.
        pattern: String,
        /// Its bounds as text.
        allowed: String,
        /// The menu as text.
        menu: String,
    },
    /// Rules that together leave a layer no width; each is needed for that.
    #[error("{} leave{} no width of the menu", all_of(.rules), subject(.layers))]
    Conflict {
        /// The layer; several where they are tied to each other.
        layers: Vec<String>,
        /// The rules.
        rules: Vec<Rule>,
    },
    /// The chip has no width of the menu.
    #[error("{rule} has no width of the bit menu ({menu}); add one to quantizer.bits")]
    Target {
        /// The chip and its widths.
        rule: Rule,
        /// The menu as text.
        menu: String,
    },
}

/// The name of a restriction in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A pin.
    Pin {
        /// Its pattern.
        pattern: String,
        /// The widths it allows, as text.
        allows: String,
    },
    /// The chip of `constraint.target`.
    Target {
        /// Its name.
        name: String,
        /// Its widths, as text.
        allows: String,
    },
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Pin { pattern, allows } => write!(f, "pin \"{pattern}\" ({allows})"),
            Rule::Target { name, allows } => write!(f, "target {name} ({allows})"),
        }
    }
}

/// `pins "a" (8) and "b" (at most 4)`.
fn all_of(rules: &[Rule]) -> String {
    let plural = matches!(rules, [Rule::Pin { .. }, Rule::Pin { .. }, ..]);
    let named = rules.iter().enumerate().map(|(i, rule)| {
        let named = rule.to_string();
        match named.strip_prefix("pin ") {
            Some(rest) if plural && i == 0 => format!("pins {rest}"),
            Some(rest) if plural => rest.to_owned(),
            _ => named,
        }
    });
    let named: Vec<String> = named.collect();
    match named.split_last() {
        Some((last, most)) if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        _ => named.concat(),
    }
}

/// ` layer "a"`, or the layers of a tie; as the object of the sentence.
fn subject(layers: &[String]) -> String {
    let quoted: Vec<String> = layers.iter().map(|l| format!("\"{l}\"")).collect();
    match quoted.split_last() {
        Some((last, most)) if !most.is_empty() => {
            format!(" the tied layers {} and {last}", most.join(", "))
        }
        _ => format!(" layer {}", quoted.concat()),
    }
}

impl PinError {
    /// The pattern of the pin to look at (the last one of a conflict).
    pub fn pattern(&self) -> &str {
        match self {
            PinError::NoLayer { pattern, .. }
            | PinError::Inverted { pattern, .. }
            | PinError::NotInMenu { pattern, .. } => pattern,
            PinError::Conflict { rules, .. } => {
                let mut rules = rules.iter().rev();
                let pattern = rules.find_map(|rule| match rule {
                    Rule::Pin { pattern, .. } => Some(pattern.as_str()),
                    Rule::Target { .. } => None,
                });
                pattern.unwrap_or("")
            }
            PinError::Target { .. } => "",
        }
    }
}

/// The error of a line of `[ties]`.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct TieError {
    /// The key of `[ties]` to look at.
    pub key: String,
    /// The problem.
    pub message: String,
}
