//! Which widths the pins leave every layer.

use super::config::Pin;
use super::glob;
use super::nearest::did_you_mean;
use crate::quant::BitWidth;

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
    /// Two pins leave a layer no width.
    #[error(
        "pins \"{first}\" ({first_allowed}) and \"{second}\" ({second_allowed}) leave layer \"{layer}\" no width of the menu"
    )]
    Conflict {
        /// The layer.
        layer: String,
        /// One pin's pattern.
        first: String,
        /// Its bounds as text.
        first_allowed: String,
        /// The other pin's pattern.
        second: String,
        /// Its bounds as text.
        second_allowed: String,
    },
}

impl PinError {
    /// The pattern of the pin to look at (the later one of a conflict).
    pub fn pattern(&self) -> &str {
        match self {
            PinError::NoLayer { pattern, .. }
            | PinError::Inverted { pattern, .. }
            | PinError::NotInMenu { pattern, .. } => pattern,
            PinError::Conflict { second, .. } => second,
        }
    }
}

impl Pin {
    /// The bounds as text: `8`, `4 to 6`, `at least 4`.
    pub fn describe(&self) -> String {
        let smallest = self.min.bits() == 1;
        match (self.min == self.max, smallest, self.max.is_float()) {
            (true, _, _) => self.min.to_string(),
            (_, true, true) => "any width".to_owned(),
            (_, true, false) => format!("at most {}", self.max),
            (_, false, true) => format!("at least {}", self.min),
            (_, false, false) => format!("{} to {}", self.min, self.max),
        }
    }
    /// True for a width within the bounds.
    pub fn allows(&self, width: BitWidth) -> bool {
        (self.min..=self.max).contains(&width)
    }
    /// True for a layer that the pattern matches.
    pub fn matches(&self, layer: &str) -> bool {
        glob::matches(&self.pattern, layer)
    }
}

/// A list of widths as text: `2, 3, 4, float`.
pub(crate) fn widths_text(menu: &[BitWidth]) -> String {
    let texts: Vec<String> = menu.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// The widths of the menu that all pins allow, for each layer in the order of `names` (ascending where the menu is).
///
/// # Errors
/// [`PinError`] for a pin that matches no layer, has its bounds the wrong way round or none of the menu's widths
/// within them, and for two pins that together leave a layer no width.
pub fn bounds(
    pins: &[Pin],
    names: &[&str],
    menu: &[BitWidth],
) -> Result<Vec<Vec<BitWidth>>, PinError> {
    for pin in pins {
        check(pin, names, menu)?;
    }
    names.iter().map(|name| allowed(pins, name, menu)).collect()
}

fn check(pin: &Pin, names: &[&str], menu: &[BitWidth]) -> Result<(), PinError> {
    let pattern = pin.pattern.clone();
    if pin.min > pin.max {
        let (min, max) = (pin.min, pin.max);
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

fn allowed(pins: &[Pin], name: &str, menu: &[BitWidth]) -> Result<Vec<BitWidth>, PinError> {
    let here: Vec<&Pin> = pins.iter().filter(|p| p.matches(name)).collect();
    let within = |pins: &[&Pin]| -> Vec<BitWidth> {
        menu.iter()
            .copied()
            .filter(|w| pins.iter().all(|p| p.allows(*w)))
            .collect()
    };
    let widths = within(&here);
    if !widths.is_empty() {
        return Ok(widths);
    }
    // Bounds are intervals: if all together leave nothing, some two of them do.
    for (i, first) in here.iter().enumerate() {
        for second in &here[i + 1..] {
            if within(&[first, second]).is_empty() {
                return Err(PinError::Conflict {
                    layer: name.to_owned(),
                    first: first.pattern.clone(),
                    first_allowed: first.describe(),
                    second: second.pattern.clone(),
                    second_allowed: second.describe(),
                });
            }
        }
    }
    Ok(widths)
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
        Pin {
            pattern: pattern.to_owned(),
            min: width(min),
            max: width(max),
        }
    }
    const NAMES: [&str; 4] = ["embed.proj", "stage1.0.q", "stage1.0.k", "head"];
    fn menu() -> Vec<BitWidth> {
        [2, 4, 6, 8].map(width).to_vec()
    }

    #[test]
    fn pins_intersect_in_the_menu() {
        let pins = [pin("stage1.*", 3, 8), pin("*.q", 1, 6), pin("head", 8, 8)];
        let got = bounds(&pins, &NAMES, &menu()).unwrap();
        assert_eq!(got[0], menu());
        assert_eq!(got[1], [width(4), width(6)]);
        assert_eq!(got[2], [4, 6, 8].map(width));
        assert_eq!(got[3], [width(8)]);
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
        (patterns, widths.clone(), widths).prop_map(|(p, a, b)| pin(p, a.min(b), a.max(b)))
    }

    proptest! {
        #[test]
        fn every_allowed_width_is_allowed_by_every_matching_pin(pins in prop::collection::vec(any_pin(), 0..5)) {
            match bounds(&pins, &NAMES, &menu()) {
                Ok(all) => for (name, widths) in NAMES.iter().zip(all) {
                    let naive: Vec<BitWidth> = menu().into_iter()
                        .filter(|w| pins.iter().filter(|p| p.matches(name)).all(|p| p.allows(*w)))
                        .collect();
                    prop_assert!(!naive.is_empty());
                    prop_assert_eq!(widths, naive);
                },
                Err(PinError::Conflict { layer, first, second, .. }) => {
                    prop_assert_ne!(&first, "");
                    let two: Vec<&Pin> = pins.iter().filter(|p| p.pattern == first || p.pattern == second).collect();
                    prop_assert!(two.iter().all(|p| p.matches(&layer)));
                    prop_assert!(!menu().iter().any(|w| two.iter().all(|p| p.allows(*w))));
                }
                Err(PinError::NotInMenu { pattern, .. }) => {
                    prop_assert!(pins.iter().any(|p| p.pattern == pattern && !menu().iter().any(|w| p.allows(*w))));
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
