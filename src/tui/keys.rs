//! Keys, the scopes they are looked up in, and the map from both to actions. The table of bindings
//! itself is in `keymap`.

mod help;
mod key;
mod scope;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crossterm::event::{Event, KeyEvent, MouseButton, MouseEvent, MouseEventKind};

pub use help::{HelpLine, Hint};
pub use key::Key;
pub use scope::Scope;

use super::action::Action;

/// The keys of an action, and the texts about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The scope.
    pub scope: Scope,
    /// The action.
    pub action: Action,
    /// The keys, the first one shown in the footer; none where the list of commands is the only
    /// way.
    pub keys: &'static [&'static str],
    /// A word or two for the footer; empty keeps it out.
    pub hint: &'static str,
    /// The line of the help.
    pub help: &'static str,
    /// The heading in the help; empty keeps it out.
    pub section: &'static str,
}

/// A row of a table of bindings.
pub const fn bind(
    scope: Scope,
    section: &'static str,
    action: Action,
    keys: &'static [&'static str],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        scope,
        action,
        keys,
        hint,
        help,
        section,
    }
}

/// Why a table of bindings is no keymap.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum KeymapError {
    /// A text that is no key.
    #[error("{action}: \"{key}\" is not a key; write it like q, P, up, enter, f5 or ctrl-c")]
    UnknownKey {
        /// The text.
        key: String,
        /// The action it was to cause.
        action: String,
    },
    /// A scope that there is not.
    #[error("there is no [keys.{scope}]; there are {known}")]
    UnknownScope {
        /// The scope.
        scope: String,
        /// All there are.
        known: String,
    },
    /// An action that a scope has not.
    #[error("[keys.{scope}] has no action {action}; it has {known}")]
    UnknownAction {
        /// The scope.
        scope: String,
        /// The action.
        action: String,
        /// All it has.
        known: String,
    },
    /// Two actions on one key.
    #[error("key {key} is given to both {first} and {second}; give one of them another key")]
    Duplicate {
        /// The key.
        key: String,
        /// One action.
        first: String,
        /// The other.
        second: String,
    },
}

/// A binding with the keys that it has now.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The row of the table.
    pub binding: Binding,
    /// The keys.
    pub keys: Vec<String>,
}

/// Keys looked up by scope, and the words for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    bound: Vec<Bound>,
    keys: HashMap<(Scope, Key), Action>,
}

impl Keymap {
    /// Checks a table of bindings.
    ///
    /// # Errors
    /// [`KeymapError`] for a text that is no key, and for a key that two actions could claim at
    /// once.
    pub fn new(bindings: &[Binding]) -> Result<Self, KeymapError> {
        Self::with(bindings, &BTreeMap::new())
    }

    /// The table with other keys for some actions: by scope, by the action's name.
    ///
    /// # Errors
    /// As [`Keymap::new`], and for scopes and actions that there are not.
    pub fn with(bindings: &[Binding], overrides: &Overrides) -> Result<Self, KeymapError> {
        check_names(bindings, overrides)?;
        let bind = |binding: &Binding| {
            let chosen = overrides.get(binding.scope.name());
            let chosen = chosen.and_then(|actions| actions.get(&binding.action.name()));
            let standard = || binding.keys.iter().map(|k| (*k).to_owned()).collect();
            Bound {
                keys: chosen.cloned().unwrap_or_else(standard),
                binding: binding.clone(),
            }
        };
        let bound: Vec<Bound> = bindings.iter().map(bind).collect();
        let mut keys = HashMap::new();
        for Bound { binding, keys: own } in &bound {
            for text in own {
                let key = text.parse().map_err(|()| KeymapError::UnknownKey {
                    key: text.clone(),
                    action: binding.action.name(),
                })?;
                let taken = keys.insert((binding.scope, key), binding.action.clone());
                if let Some(first) = taken {
                    return Err(duplicate(key, &first, &binding.action));
                }
            }
        }
        // What covers keys of the panes says so where it is drawn.
        let covers = |scope| matches!(scope, Scope::Result | Scope::Budget);
        for ((scope, key), action) in keys.iter().filter(|((scope, _), _)| !covers(*scope)) {
            for outer in scope.chain().skip(1) {
                if let Some(other) = keys.get(&(outer, *key)) {
                    return Err(duplicate(*key, action, other));
                }
            }
        }
        Ok(Keymap { bound, keys })
    }

    /// The action of a terminal's event in a scope.
    pub fn of_event(&self, scope: Scope, event: Event) -> Option<Action> {
        Some(match event {
            Event::Key(key) => return self.action(scope, key),
            Event::Paste(text) => Action::Paste(text),
            Event::Resize(columns, rows) => Action::Resize(columns, rows),
            Event::Mouse(MouseEvent {
                kind, column, row, ..
            }) => match kind {
                MouseEventKind::Down(MouseButton::Left) => Action::Click(column, row),
                MouseEventKind::Drag(MouseButton::Left) => Action::Drag(column, row),
                MouseEventKind::Up(MouseButton::Left) => Action::Release,
                MouseEventKind::ScrollDown => Action::Wheel(column, row, 1),
                MouseEventKind::ScrollUp => Action::Wheel(column, row, -1),
                _ => return None,
            },
            Event::FocusGained | Event::FocusLost => return None,
        })
    }

    /// The action of a key in a scope. In a prompt, any other character is typed.
    pub fn action(&self, scope: Scope, event: KeyEvent) -> Option<Action> {
        let key = Key::from_event(event)?;
        let bound = scope.chain().find_map(|scope| self.keys.get(&(scope, key)));
        let typed = match scope {
            Scope::Prompt | Scope::Commands | Scope::Form => key.typed().map(Action::Insert),
            _ => None,
        };
        bound.cloned().or(typed)
    }
}

/// Keys by the names of scopes and actions.
pub type Overrides = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Checks that the scopes and actions of overrides exist.
fn check_names(bindings: &[Binding], overrides: &Overrides) -> Result<(), KeymapError> {
    let scopes: BTreeSet<Scope> = bindings.iter().map(|b| b.scope).collect();
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    for (scope, actions) in overrides {
        if !scopes.contains(&scope.as_str()) {
            let known = scopes.join(", ");
            let scope = scope.clone();
            return Err(KeymapError::UnknownScope { scope, known });
        }
        let there = bindings.iter().filter(|b| b.scope.name() == scope);
        let mut names: Vec<String> = there.map(|b| b.action.name()).collect();
        names.dedup();
        if let Some(action) = actions.keys().find(|action| !names.contains(action)) {
            return Err(KeymapError::UnknownAction {
                scope: scope.clone(),
                action: action.clone(),
                known: names.join(", "),
            });
        }
    }
    Ok(())
}

fn duplicate(key: Key, first: &Action, second: &Action) -> KeymapError {
    KeymapError::Duplicate {
        key: key.to_string(),
        first: first.name(),
        second: second.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(scope: Scope, action: Action, keys: &'static [&'static str]) -> Binding {
        bind(scope, "", action, keys, "", "")
    }

    #[test]
    fn two_actions_on_one_key_are_named() {
        let twice = [
            binding(Scope::Main, Action::Pause, &["p"]),
            binding(Scope::Main, Action::JumpBase, &["b", "p"]),
        ];
        assert_eq!(
            Keymap::new(&twice).unwrap_err().to_string(),
            "key p is given to both pause and jump_base; give one of them another key"
        );
        let shadowed = [
            binding(Scope::Always, Action::Interrupt, &["ctrl-c"]),
            binding(Scope::Prompt, Action::Cancel, &["ctrl-c"]),
        ];
        assert_eq!(
            Keymap::new(&shadowed).unwrap_err().to_string(),
            "key ctrl-c is given to both cancel and interrupt; give one of them another key"
        );
        let apart = [
            binding(Scope::Pane("tree"), Action::Filter, &["F"]),
            binding(Scope::Pane("log"), Action::Filter, &["F"]),
        ];
        assert!(Keymap::new(&apart).is_ok());
    }

    #[test]
    fn what_is_no_key_is_named() {
        let wrong = [binding(Scope::Main, Action::Width(4), &["hyper-x"])];
        assert_eq!(
            Keymap::new(&wrong).unwrap_err().to_string(),
            "width 4: \"hyper-x\" is not a key; write it like q, P, up, enter, f5 or ctrl-c"
        );
    }
}
