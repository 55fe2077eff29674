//! Which widths the pins leave every layer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::glob;
use super::nearest::did_you_mean;
use super::target::Target;
use super::ties::Tie;
use crate::quant::{BitWidth, BitWidthError, Domains};

/// Which bit-widths all layers whose name matches a pattern may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Pin {
    /// A layer name or a glob (`*` any run of characters, `?` one), as in `patch_embed1.*`.
    pub pattern: String,
    /// The widths.
    pub widths: Widths,
}

/// The widths of a [`Pin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Widths {
    /// From the first to the second, both included; equal ones fix the width.
    Range(BitWidth, BitWidth),
    /// One of these.
    List(Vec<BitWidth>),
}

/// A pin as commands and journals write it: `min`, `max` or both, or `widths`.
#[derive(Serialize, Deserialize)]
struct Written {
    pattern: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<BitWidth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<BitWidth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    widths: Option<Vec<BitWidth>>,
}

impl TryFrom<Written> for Pin {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let pattern = written.pattern;
        match (written.min, written.max, written.widths) {
            (None, None, Some(widths)) => Ok(Pin::list(pattern, widths)),
            (None, None, None) => Err("a pin needs min, max or both, or widths"),
            (min, max, None) => Ok(Pin::bounds(pattern, min, max)),
            (_, _, Some(_)) => Err("a pin has either bounds (min, max) or widths, not both"),
        }
    }
}

impl From<Pin> for Written {
    fn from(pin: Pin) -> Self {
        let (min, max, widths) = match pin.widths {
            Widths::Range(min, max) => (Some(min), Some(max), None),
            Widths::List(widths) => (None, None, Some(widths)),
        };
        Written {
            pattern: pin.pattern,
            min,
            max,
            widths,
        }
    }
}

/// Why pins leave some layer without a width, or mean nothing.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinError {
    /// The pattern matches no layer.
    #[error("pin \"{pattern}\" matches no layer of the network{hint}")]
    NoLayer {
        /// The pin's pattern.
        pattern: String,
        /// What may have been meant, as the end of the sentence.
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

/// What restricts a layer's widths, as a message names it.
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

impl Pin {
    /// One width.
    pub fn fixed(pattern: impl Into<String>, width: BitWidth) -> Self {
        Self::range(pattern, width, width)
    }
    /// Widths from the first to the second, both included.
    pub fn range(pattern: impl Into<String>, min: BitWidth, max: BitWidth) -> Self {
        Pin {
            pattern: pattern.into(),
            widths: Widths::Range(min, max),
        }
    }
    /// Widths within one bound or two.
    pub fn bounds(
        pattern: impl Into<String>,
        min: Option<BitWidth>,
        max: Option<BitWidth>,
    ) -> Self {
        let (smallest, largest) = (BitWidth::SMALLEST, BitWidth::FLOAT);
        Self::range(pattern, min.unwrap_or(smallest), max.unwrap_or(largest))
    }
    /// One of several widths. A list of one is that width.
    pub fn list(pattern: impl Into<String>, mut widths: Vec<BitWidth>) -> Self {
        widths.sort_unstable();
        widths.dedup();
        let widths = match widths[..] {
            [only] => Widths::Range(only, only),
            _ => Widths::List(widths),
        };
        let pattern = pattern.into();
        Pin { pattern, widths }
    }

    /// The widths as text: `8`, `4 to 6`, `at least 4`, `4 or 8`.
    pub fn describe(&self) -> String {
        let (min, max) = match &self.widths {
            Widths::Range(min, max) => (*min, *max),
            Widths::List(widths) => return one_of(widths),
        };
        match (min == max, min == BitWidth::SMALLEST, max.is_float()) {
            (true, _, _) => min.to_string(),
            (_, true, true) => "any width".to_owned(),
            (_, true, false) => format!("at most {max}"),
            (_, false, true) => format!("at least {min}"),
            (_, false, false) => format!("{min} to {max}"),
        }
    }
    /// True for a width that it allows.
    pub fn allows(&self, width: BitWidth) -> bool {
        match &self.widths {
            Widths::Range(min, max) => (*min..=*max).contains(&width),
            Widths::List(widths) => widths.contains(&width),
        }
    }
    /// True for a layer that the pattern matches.
    pub fn matches(&self, layer: &str) -> bool {
        glob::matches(&self.pattern, layer)
    }
}

impl fmt::Display for Pin {
    /// As `--pin` takes it: `head=8`, `patch_embed1.*=4-8` or `*.q_conv=4/8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.pattern, self.widths)
    }
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write GLOB=WIDTH, GLOB=MIN-MAX or GLOB=WIDTH/WIDTH, such as head=8";
        let (pattern, widths) = text.rsplit_once('=').ok_or(form)?;
        let widths = widths.parse().map_err(|e: BitWidthError| e.to_string())?;
        let pattern = pattern.trim().to_owned();
        Ok(Pin { pattern, widths })
    }
}

impl fmt::Display for Widths {
    /// `8`, `4-8` or `4/8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Widths::Range(min, max) if min == max => write!(f, "{min}"),
            Widths::Range(min, max) => write!(f, "{min}-{max}"),
            Widths::List(widths) => {
                let texts: Vec<String> = widths.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join("/"))
            }
        }
    }
}

impl FromStr for Widths {
    type Err = BitWidthError;

    fn from_str(text: &str) -> Result<Self, BitWidthError> {
        let width = |text: &str| text.trim().parse::<BitWidth>();
        if let Some((min, max)) = text.split_once('-') {
            return Ok(Widths::Range(width(min)?, width(max)?));
        }
        let list: Result<Vec<BitWidth>, BitWidthError> = text.split('/').map(width).collect();
        Ok(Pin::list("", list?).widths)
    }
}

/// A choice of widths as text: `2, 4 or 8`.
pub(crate) fn one_of(widths: &[BitWidth]) -> String {
    match widths {
        [] => "none".to_owned(),
        [only] => only.to_string(),
        [most @ .., last] => format!("{} or {last}", widths_text(most)),
    }
}

/// A list of widths as text: `2, 3, 4, float`.
pub(crate) fn widths_text(menu: &[BitWidth]) -> String {
    let texts: Vec<String> = menu.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Everything that restricts widths.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The pins.
    pub pins: &'a [Pin],
    /// Layers of equal width.
    pub ties: &'a [Tie],
    /// The chip.
    pub target: Option<&'a Target>,
    /// The network's layers.
    pub names: &'a [&'a str],
    /// The bit menu.
    pub menu: &'a [BitWidth],
}

impl Rules<'_> {
    /// The widths of the menu that all rules allow, for each layer in the order of `names` (ascending where the menu is).
    /// Tied layers have those that are allowed to all of them.
    ///
    /// # Errors
    /// [`PinError`] for a pin that matches no layer, has its bounds the wrong way round or none of the menu's widths
    /// within them, for a target without one of these, and for rules that together leave a layer no width.
    pub fn bounds(&self) -> Result<Domains, PinError> {
        for pin in self.pins {
            check(pin, self.names, self.menu)?;
        }
        if let Some(target) = self.target {
            for layer in 0..self.names.len().min(2) {
                let widths = target.widths_of(layer);
                if !self.menu.iter().any(|w| widths.contains(w)) {
                    return Err(PinError::Target {
                        rule: rule_of(target, layer),
                        menu: widths_text(self.menu),
                    });
                }
            }
        }
        let layers = (0..self.names.len()).map(|layer| self.allowed(layer));
        Ok(Domains::new(layers.collect::<Result<_, _>>()?))
    }

    fn allowed(&self, layer: usize) -> Result<Vec<BitWidth>, PinError> {
        let name = self.names[layer];
        let tie = self
            .ties
            .iter()
            .find(|t| t.layers.iter().any(|l| l == name));
        let layers: Vec<usize> = match tie {
            None => vec![layer],
            Some(tie) => {
                let of_tie = |i: &usize| tie.layers.iter().any(|l| l == self.names[*i]);
                (0..self.names.len()).filter(of_tie).collect()
            }
        };
        let mut rules: Vec<(Rule, Vec<BitWidth>)> = Vec::new();
        for layer in &layers {
            for rule in self.of(*layer) {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
        let within = |rules: &[(Rule, Vec<BitWidth>)]| -> Vec<BitWidth> {
            let mut widths = self.menu.to_vec();
            widths.retain(|w| rules.iter().all(|(_, allowed)| allowed.contains(w)));
            widths
        };
        let widths = within(&rules);
        if !widths.is_empty() {
            return Ok(widths);
        }
        // What is needed for the conflict: each in turn is left out where the others exclude everything, too.
        let mut at = 0;
        while at < rules.len() {
            let rule = rules.remove(at);
            if !within(&rules).is_empty() {
                rules.insert(at, rule);
                at += 1;
            }
        }
        let layers = layers.iter().map(|l| self.names[*l].to_owned());
        Err(PinError::Conflict {
            layers: layers.collect(),
            rules: rules.into_iter().map(|(rule, _)| rule).collect(),
        })
    }

    /// The rules for a layer alone, with the widths of the menu that each allows.
    fn of(&self, layer: usize) -> Vec<(Rule, Vec<BitWidth>)> {
        let menu = |allows: &dyn Fn(BitWidth) -> bool| -> Vec<BitWidth> {
            self.menu.iter().copied().filter(|w| allows(*w)).collect()
        };
        let pins = self.pins.iter().filter(|p| p.matches(self.names[layer]));
        let pins = pins.map(|pin| {
            let rule = Rule::Pin {
                pattern: pin.pattern.clone(),
                allows: pin.describe(),
            };
            (rule, menu(&|w| pin.allows(w)))
        });
        let target = self.target.map(|target| {
            let widths = target.widths_of(layer);
            (rule_of(target, layer), menu(&|w| widths.contains(&w)))
        });
        pins.chain(target).collect()
    }
}

fn rule_of(target: &Target, layer: usize) -> Rule {
    let first = layer == 0 && target.first_layer.is_some();
    let of = if first { " in the first layer" } else { "" };
    Rule::Target {
        name: target.name.clone(),
        allows: format!("{}{of}", one_of(target.widths_of(layer))),
    }
}

fn check(pin: &Pin, names: &[&str], menu: &[BitWidth]) -> Result<(), PinError> {
    let pattern = pin.pattern.clone();
    if let Widths::Range(min, max) = pin.widths
        && min > max
    {
        return Err(PinError::Inverted { pattern, min, max });
    }
    if !menu.iter().any(|w| pin.allows(*w)) {
        return Err(PinError::NotInMenu {
            pattern,
            allowed: pin.describe(),
            menu: widths_text(menu),
        });
    }
    if !names.iter().any(|n| pin.matches(n)) {
        let hint = layer_hint(&pattern, names);
        return Err(PinError::NoLayer { pattern, hint });
    }
    Ok(())
}

/// The end of a sentence about a name or pattern that matches no layer.
pub(crate) fn layer_hint(pattern: &str, names: &[&str]) -> String {
    let prefix = format!("{pattern}.");
    if names.iter().any(|n| n.starts_with(&prefix)) {
        return format!("; for the layers below it write \"{prefix}*\"");
    }
    did_you_mean(pattern, names.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn width(bits: u8) -> BitWidth {
        BitWidth::new(bits).unwrap()
    }
    fn pin(pattern: &str, min: u8, max: u8) -> Pin {
        Pin::range(pattern, width(min), width(max))
    }
    const NAMES: [&str; 4] = ["embed.proj", "stage1.0.q", "stage1.0.k", "head"];
    fn menu() -> Vec<BitWidth> {
        [2, 4, 6, 8].map(width).to_vec()
    }

    fn bounds(pins: &[Pin], names: &[&str], menu: &[BitWidth]) -> Result<Domains, PinError> {
        let (ties, target) = (&[], None);
        Rules {
            pins,
            ties,
            target,
            names,
            menu,
        }
        .bounds()
    }

    #[test]
    fn tied_layers_have_what_is_allowed_to_all_and_chips_rule_with_pins() {
        let tie = Tie {
            name: "qk".into(),
            layers: vec![NAMES[1].into(), NAMES[2].into()],
        };
        let target = Target {
            name: "chip".into(),
            title: "A chip".into(),
            memory: None,
            widths: [2, 4, 6].map(width).to_vec(),
            first_layer: Some(vec![width(8)]),
            scale: None,
        };
        let menu = menu();
        let of = |pins: &[Pin]| {
            Rules {
                pins,
                ties: std::slice::from_ref(&tie),
                target: Some(&target),
                names: &NAMES,
                menu: &menu,
            }
            .bounds()
        };
        let got = of(&[pin("*.q", 4, 8), pin("*.k", 1, 4)]).unwrap();
        assert_eq!(got.of(0), [width(8)]);
        assert_eq!(got.of(1), [width(4)]);
        assert_eq!(got.of(2), [width(4)]);
        assert_eq!(got.of(3), [2, 4, 6].map(width));
        let why = |pins: &[Pin]| of(pins).unwrap_err().to_string();
        assert_eq!(
            why(&[pin("*.q", 6, 8), pin("*.k", 1, 4)]),
            "pins \"*.q\" (6 to 8) and \"*.k\" (at most 4) leave the tied layers \"stage1.0.q\" and \"stage1.0.k\" no width of the menu"
        );
        assert_eq!(
            why(&[pin("head", 8, 8)]),
            "pin \"head\" (8) and target chip (2, 4 or 6) leave layer \"head\" no width of the menu"
        );
        let of_menu = Rules {
            pins: &[],
            ties: &[],
            target: Some(&target),
            names: &NAMES,
            menu: &[width(3), width(8)],
        };
        assert_eq!(
            of_menu.bounds().unwrap_err().to_string(),
            "target chip (2, 4 or 6) has no width of the bit menu (3, 8); add one to quantizer.bits"
        );
    }

    #[test]
    fn pins_intersect_in_the_menu() {
        let pins = [pin("stage1.*", 3, 8), pin("*.q", 1, 6), pin("head", 8, 8)];
        let got = bounds(&pins, &NAMES, &menu()).unwrap();
        assert_eq!(got.of(0), menu());
        assert_eq!(got.of(1), [width(4), width(6)]);
        assert_eq!(got.of(2), [4, 6, 8].map(width));
        assert_eq!(got.of(3), [width(8)]);
    }

    #[test]
    fn lists_intersect_and_every_rule_of_a_conflict_is_named() {
        let list = |pattern: &str, bits: &[u8]| {
            Pin::list(pattern, bits.iter().map(|b| width(*b)).collect())
        };
        let pins = [list("stage1.*", &[8, 2, 4, 4]), pin("*.q", 3, 8)];
        let got = bounds(&pins, &NAMES, &menu()).unwrap();
        assert_eq!(got.of(1), [4, 8].map(width));
        assert_eq!(got.of(2), [2, 4, 8].map(width));
        // Any two of the three leave something.
        let three = [
            list("*", &[2, 4]),
            list("h*", &[4, 8]),
            list("head", &[2, 8]),
        ];
        assert_eq!(
            bounds(&three, &NAMES, &menu()).unwrap_err().to_string(),
            "pins \"*\" (2 or 4), \"h*\" (4 or 8) and \"head\" (2 or 8) leave layer \"head\" no width of the menu"
        );
        assert_eq!(
            bounds(&[list("head", &[3, 5, 7])], &NAMES, &menu())
                .unwrap_err()
                .to_string(),
            "pin \"head\" allows 3, 5 or 7, and the bit menu (2, 4, 6, 8) has none of these; add one to quantizer.bits"
        );
    }

    #[test]
    fn pins_are_read_from_an_argument() {
        let read = |text: &str| text.parse::<Pin>();
        assert_eq!(read("head=8"), Ok(pin("head", 8, 8)));
        assert_eq!(read("a.*= 4-float"), Ok(pin("a.*", 4, 32)));
        let list = Pin::list("*.q", [4, 8].map(width).to_vec());
        assert_eq!(read("*.q = 8/4"), Ok(list));
        for text in ["head=8", "a.*=4-float", "*.q=4/8"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        for bad in ["head", "head=", "head=9", "head=4-", "head=4/"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pins_are_written_as_before_and_lists_beside_them() {
        let json = |pin: &Pin| serde_json::to_string(pin).unwrap();
        let range = pin("head", 4, 8);
        let list = Pin::list("head", [4, 8].map(width).to_vec());
        assert_eq!(json(&range), r#"{"pattern":"head","min":4,"max":8}"#);
        assert_eq!(json(&list), r#"{"pattern":"head","widths":[4,8]}"#);
        for pin in [range, list] {
            assert_eq!(serde_json::from_str::<Pin>(&json(&pin)).unwrap(), pin);
        }
        let read = |text: &str| serde_json::from_str::<Pin>(text).map_err(|e| e.to_string());
        assert_eq!(
            read(r#"{"pattern":"a","min":4}"#),
            Ok(Pin::range("a", width(4), BitWidth::FLOAT))
        );
        assert!(read(r#"{"pattern":"a"}"#).unwrap_err().contains("widths"));
        assert!(read(r#"{"pattern":"a","min":4,"widths":[4]}"#).is_err());
    }

    #[test]
    fn errors_name_the_pins() {
        let of = |pins: &[Pin]| bounds(pins, &NAMES, &menu()).unwrap_err().to_string();
        assert_eq!(
            of(&[pin("*", 2, 4), pin("head", 8, 8), pin("*.q", 2, 8)]),
            "pins \"*\" (2 to 4) and \"head\" (8) leave layer \"head\" no width of the menu"
        );
        assert_eq!(
            of(&[pin("stage1", 2, 4)]),
            "pin \"stage1\" matches no layer of the network; for the layers below it write \"stage1.*\""
        );
        assert_eq!(
            of(&[pin("haed", 2, 4)]),
            "pin \"haed\" matches no layer of the network; did you mean `head`?"
        );
        assert_eq!(
            of(&[pin("head", 5, 5)]),
            "pin \"head\" allows 5, and the bit menu (2, 4, 6, 8) has none of these; add one to quantizer.bits"
        );
        assert_eq!(
            of(&[pin("head", 6, 4)]),
            "pin \"head\" allows no width: min = 6 is above max = 4"
        );
    }

    fn any_pin() -> impl Strategy<Value = Pin> {
        let patterns = prop::sample::select(vec!["*", "stage1.*", "*.q", "head", "*e*"]);
        let widths = prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 7, 8, 16, 32]);
        let lists = prop::collection::vec(widths.clone(), 1..4);
        (patterns, widths.clone(), widths, prop::option::of(lists)).prop_map(|(p, a, b, list)| {
            match list {
                Some(list) => Pin::list(p, list.into_iter().map(width).collect()),
                None => pin(p, a.min(b), a.max(b)),
            }
        })
    }

    proptest! {
        #[test]
        fn every_allowed_width_is_allowed_by_every_matching_pin(pins in prop::collection::vec(any_pin(), 0..5)) {
            match bounds(&pins, &NAMES, &menu()) {
                Ok(all) => for (layer, name) in NAMES.iter().enumerate() {
                    let widths = all.of(layer);
                    let naive: Vec<BitWidth> = menu().into_iter()
                        .filter(|w| pins.iter().filter(|p| p.matches(name)).all(|p| p.allows(*w)))
                        .collect();
                    prop_assert!(!naive.is_empty());
                    prop_assert_eq!(widths, naive);
                },
                Err(PinError::Conflict { layers, rules }) => {
                    prop_assert!(!rules.is_empty());
                    let layer = layers.concat();
                    let as_rule = |p: &Pin| Rule::Pin { pattern: p.pattern.clone(), allows: p.describe() };
                    let named = |p: &&Pin| rules.contains(&as_rule(p));
                    let named: Vec<&Pin> = pins.iter().filter(named).collect();
                    prop_assert!(named.iter().all(|p| p.matches(&layer)));
                    let left = |out: Option<usize>| menu().into_iter().any(|w| {
                        let mut rules = rules.iter().enumerate().filter(|(i, _)| Some(*i) != out);
                        rules.all(|(_, r)| named.iter().any(|p| as_rule(p) == *r && p.allows(w)))
                    });
                    prop_assert!(!left(None), "they exclude everything");
                    prop_assert!((0..rules.len()).all(|i| left(Some(i))), "and each is needed for that");
                }
                Err(PinError::NotInMenu { pattern, .. }) => {
                    prop_assert!(pins.iter().any(|p| p.pattern == pattern && !menu().iter().any(|w| p.allows(*w))));
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
