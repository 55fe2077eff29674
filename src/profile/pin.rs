//! Pins: bit-widths that a layer or a group of layers is restricted to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::quant::{BitWidth, BitWidthError};

/// A restriction of the bit-widths of all layers whose name matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Pin {
    /// A layer name or a glob (`*` any run of characters, `?` one), as in `patch_embed1.*`.
    pub pattern: String,
    /// The allowed bit-widths.
    pub widths: AllowedWidths,
}

/// The bit-widths that a [`Pin`] allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedWidths {
    /// From the first to the second, both included; equal ones fix the width.
    Range(BitWidth, BitWidth),
    /// One of these.
    List(Vec<BitWidth>),
}

/// The form of a pin in commands and journals: `min`, `max` or both, or `widths`.
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
            AllowedWidths::Range(min, max) => (Some(min), Some(max), None),
            AllowedWidths::List(widths) => (None, None, Some(widths)),
        };
        Written {
            pattern: pin.pattern,
            min,
            max,
            widths,
        }
    }
}

impl Pin {
    /// A pin to one bit-width.
    pub fn fixed(pattern: impl Into<String>, width: BitWidth) -> Self {
        Self::range(pattern, width, width)
    }
    /// A pin to the bit-widths from the first to the second, both included.
    pub fn range(pattern: impl Into<String>, min: BitWidth, max: BitWidth) -> Self {
        Pin {
            pattern: pattern.into(),
            widths: AllowedWidths::Range(min, max),
        }
    }
    /// A pin to the bit-widths within one bound or two.
    pub fn bounds(
        pattern: impl Into<String>,
        min: Option<BitWidth>,
        max: Option<BitWidth>,
    ) -> Self {
        let (smallest, largest) = (BitWidth::SMALLEST, BitWidth::FLOAT);
        Self::range(pattern, min.unwrap_or(smallest), max.unwrap_or(largest))
    }
    /// A pin to a list of bit-widths. A list of one is that bit-width.
    pub fn list(pattern: impl Into<String>, mut widths: Vec<BitWidth>) -> Self {
        widths.sort_unstable();
        widths.dedup();
        let widths = match widths[..] {
            [only] => AllowedWidths::Range(only, only),
            _ => AllowedWidths::List(widths),
        };
        let pattern = pattern.into();
        Pin { pattern, widths }
    }

    /// The allowed bit-widths as text: `8`, `4 to 6`, `at least 4`, `4 or 8`.
    pub fn describe(&self) -> String {
        let (min, max) = match &self.widths {
            AllowedWidths::Range(min, max) => (*min, *max),
            AllowedWidths::List(widths) => return one_of(widths),
        };
        match (min == max, min == BitWidth::SMALLEST, max.is_float()) {
            (true, _, _) => min.to_string(),
            (_, true, true) => "any width".to_owned(),
            (_, true, false) => format!("at most {max}"),
            (_, false, true) => format!("at least {min}"),
            (_, false, false) => format!("{min} to {max}"),
        }
    }
    /// True for an allowed bit-width.
    pub fn allows(&self, width: BitWidth) -> bool {
        match &self.widths {
            AllowedWidths::Range(min, max) => (*min..=*max).contains(&width),
            AllowedWidths::List(widths) => widths.contains(&width),
        }
    }
    /// True for a layer that the pattern matches.
    pub fn matches(&self, layer: &str) -> bool {
        WildMatch::new(&self.pattern).matches(layer)
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

impl fmt::Display for AllowedWidths {
    /// `8`, `4-8` or `4/8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowedWidths::Range(min, max) if min == max => write!(f, "{min}"),
            AllowedWidths::Range(min, max) => write!(f, "{min}-{max}"),
            AllowedWidths::List(widths) => {
                let texts: Vec<String> = widths.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join("/"))
            }
        }
    }
}

impl FromStr for AllowedWidths {
    type Err = BitWidthError;

    fn from_str(text: &str) -> Result<Self, BitWidthError> {
        let width = |text: &str| text.trim().parse::<BitWidth>();
        if let Some((min, max)) = text.split_once('-') {
            return Ok(AllowedWidths::Range(width(min)?, width(max)?));
        }
        let list: Result<Vec<BitWidth>, BitWidthError> = text.split('/').map(width).collect();
        Ok(Pin::list("", list?).widths)
    }
}

/// A choice of bit-widths as text: `2, 4 or 8`.
pub(crate) fn one_of(widths: &[BitWidth]) -> String {
    match widths {
        [] => "none".to_owned(),
        [only] => only.to_string(),
        [most @ .., last] => format!("{} or {last}", widths_text(most)),
    }
}

/// A list of bit-widths as text: `2, 3, 4, float`.
pub(crate) fn widths_text(menu: &[BitWidth]) -> String {
    let texts: Vec<String> = menu.iter().map(ToString::to_string).collect();
    texts.join(", ")
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
    fn matches(pattern: &str, name: &str) -> bool {
        pin(pattern, 8, 8).matches(name)
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

    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('*', rest)), _) => {
                naive(rest, name) || (!name.is_empty() && naive(pattern, &name[1..]))
            }
            (Some((c, rest)), Some((n, tail))) => (*c == '?' || c == n) && naive(rest, tail),
            (Some(_), None) => false,
        }
    }

    #[test]
    fn stars_cross_dots() {
        assert!(matches("stage1.*", "stage1.0.mlp.mlp1_conv"));
        assert!(matches("*.proj_conv", "stage3.0.ssa.proj_conv"));
        assert!(!matches("stage1", "stage1.0.mlp.mlp1_conv"));
        assert!(!matches("stage?.0", "stage.0"));
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_matcher(pattern in "[ab.é?*]{0,8}", name in "[ab.é]{0,10}") {
            let p: Vec<char> = pattern.chars().collect();
            let n: Vec<char> = name.chars().collect();
            prop_assert_eq!(matches(&pattern, &name), naive(&p, &n));
        }

        #[test]
        fn every_name_matches_itself_and_a_star(name in "[a-z0-9_.]{0,30}") {
            prop_assert!(matches(&name, &name));
            prop_assert!(matches("*", &name));
        }
    }
}
