//! The texts about keys: help, footer, list of commands.

use super::{Bound, Keymap, Scope};
use crate::tui::action::Action;

/// A line of the help: keys that do the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpLine {
    /// The heading.
    pub section: &'static str,
    /// The keys.
    pub keys: Vec<String>,
    /// What they do.
    pub help: &'static str,
}

/// A hint of the footer: keys that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The first key of each.
    pub keys: Vec<String>,
    /// What the first of them does.
    pub action: Action,
    /// A word or two.
    pub text: &'static str,
    /// The heading of the help.
    pub section: &'static str,
}

impl Keymap {
    /// The help, in the table's order; neighbours that say the same are one line.
    pub fn help(&self) -> Vec<HelpLine> {
        let mut lines: Vec<HelpLine> = Vec::new();
        // What has no key is in the list of commands only.
        let has_key = |b: &&Bound| !b.binding.section.is_empty() && !b.keys.is_empty();
        let listed = self.bound.iter().filter(has_key);
        for Bound { binding, keys } in listed {
            match lines.last_mut() {
                Some(last) if last.help == binding.help => last.keys.extend(keys.iter().cloned()),
                _ => lines.push(HelpLine {
                    section: binding.section,
                    keys: keys.clone(),
                    help: binding.help,
                }),
            }
        }
        lines
    }

    /// The footer of a scope, most useful first; neighbours with the same words are one hint.
    pub fn hints(&self, scope: Scope) -> Vec<Hint> {
        hints(self.of(scope))
    }

    /// [`Keymap::hints`] of a scope alone, without those it is looked up in next.
    pub fn own_hints(&self, scope: Scope) -> Vec<Hint> {
        hints(self.of(scope).filter(|b| b.binding.scope == scope))
    }

    /// All that can be done in a scope, by its help.
    pub fn available(&self, scope: Scope) -> impl Iterator<Item = &Bound> {
        self.of(scope).filter(|b| !b.binding.section.is_empty())
    }

    fn of(&self, scope: Scope) -> impl Iterator<Item = &Bound> {
        let of_one = |scope| self.bound.iter().filter(move |b| b.binding.scope == scope);
        scope.chain().flat_map(of_one)
    }
}

fn hints<'a>(bound: impl Iterator<Item = &'a Bound>) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    for Bound { binding, keys } in bound {
        let first = keys.first().cloned();
        match hints.last_mut() {
            _ if binding.hint.is_empty() || keys.is_empty() => {}
            Some(last) if last.text == binding.hint => last.keys.extend(first),
            _ => hints.push(Hint {
                keys: first.into_iter().collect(),
                action: binding.action.clone(),
                text: binding.hint,
                section: binding.section,
            }),
        }
    }
    hints
}
