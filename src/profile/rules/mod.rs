//! The rules that restrict bit-widths, and the domains that they leave the layers.
//!
//! [`Rules`] intersects pins, ties and the target with the bit menu. Where nothing is left, the
//! error names a minimal set of rules that exclude each other.

mod error;
mod ties;

pub use error::{PinError, Rule, TieError};
pub(super) use ties::ties;

use super::nearest::layer_hint;
use super::pin::{AllowedWidths, Pin, one_of, widths_text};
use super::target::Target;
use super::tie::Tie;
use crate::quant::{BitWidth, Domains};

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
    /// The widths of the menu that all rules allow, for each layer in the order of `names`
    /// (ascending where the menu is). Tied layers have those that are allowed to all of them.
    ///
    /// # Errors
    /// [`PinError`] for a pin that matches no layer, has its bounds the wrong way round or none of
    /// the menu's widths within them, for a target without one of these, and for rules that
    /// together leave a layer no width.
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
        // What is needed for the conflict: each in turn is left out where the others exclude
        // everything, too.
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
    if let AllowedWidths::Range(min, max) = pin.widths
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

#[cfg(test)]
mod tests;
