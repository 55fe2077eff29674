//! Changes of the rules of a search: what each one makes of them, or why it is refused. The engine
//! asks before it obeys, and an interface while the user types.

use super::{Settings, Tree};
use crate::profile::{Constraint, ConstraintChange, Pin};
use crate::quant::Domains;

impl Settings {
    /// The widths each layer may have once a pin holds; it takes the place of the one of its
    /// pattern.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub fn pinned(&self, pins: &[Pin], pin: &Pin) -> Result<Domains, String> {
        self.searchable_under(&with(pins, std::slice::from_ref(pin)))
    }

    /// The widths each layer may have once the pin of a pattern is gone.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub fn unpinned(&self, pins: &[Pin], pattern: &str) -> Result<Domains, String> {
        let left: Vec<Pin> = pins
            .iter()
            .filter(|p| p.pattern != pattern)
            .cloned()
            .collect();
        if left.len() == pins.len() {
            return Err(format!("there is no pin {pattern:?}"));
        }
        self.searchable_under(&left)
    }

    fn searchable_under(&self, pins: &[Pin]) -> Result<Domains, String> {
        let domains = self.domains(pins).map_err(|e| e.to_string())?;
        let few_enough = self.few_enough(&domains);
        few_enough.map_err(|e| e.to_string()).map(|()| domains)
    }
}

/// Pins with some more, each of which takes the place of the one of its pattern.
fn with(pins: &[Pin], more: &[Pin]) -> Vec<Pin> {
    let stays = |p: &&Pin| more.iter().all(|m| m.pattern != p.pattern);
    pins.iter().filter(stays).chain(more).cloned().collect()
}

impl Tree {
    /// The pins in force with some more, each of which takes the place of the one of its pattern.
    pub fn pins_with(&self, more: &[Pin]) -> Vec<Pin> {
        with(&self.pins, more)
    }

    /// The constraint that a change would put in force.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub fn constrained(&self, change: &ConstraintChange) -> Result<Constraint, String> {
        if let Some(wrong) = change.wrong() {
            return Err(wrong.into());
        }
        let constraint = self.changed(change);
        let settings = self
            .settings
            .as_deref()
            .filter(|_| change.max_memory.is_some());
        if constraint == self.constraint {
            let chip = settings.and_then(|s| s.target.as_ref());
            let chip = chip.map(|t| format!(" (target {} allows no more memory)", t.name));
            return Err(format!(
                "the constraint is that already: {constraint}{}",
                chip.unwrap_or_default()
            ));
        }
        if let Some(settings) = settings {
            let restricted = settings.restricted(&self.pins, constraint.max_memory);
            restricted.check().map_err(|e| e.to_string())?;
        }
        Ok(constraint)
    }
}
