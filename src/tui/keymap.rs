//! Which key does what, and where. One table: the keys, the footer, the help and the README all read it.

mod help;
mod key;
mod scope;
mod table;

use std::collections::{BTreeMap, HashMap};

use crossterm::event::KeyEvent;

pub use help::{Doable, HelpLine, Hint, markdown};
pub use key::Key;
pub use scope::Scope;
pub use table::{BINDINGS, IN_LIST_ONLY};

use super::Action;

/// Keys of an action, and the words for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where.
    pub scope: Scope,
    /// What happens.
    pub action: Action,
    /// The keys, the first one shown in the footer; [`IN_LIST_ONLY`] where the list of commands is the only way.
    pub keys: &'static [&'static str],
    /// A word or two for the footer; empty keeps it out.
    pub hint: &'static str,
    /// A line for the help.
    pub help: &'static str,
    /// The heading it stands under in the help; empty keeps it out.
    pub section: &'static str,
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
struct Bound {
    binding: Binding,
    keys: Vec<String>,
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
    /// [`KeymapError`] for a text that is no key, and for a key that two actions could claim at once.
    pub fn new(bindings: &[Binding]) -> Result<Self, KeymapError> {
        Self::with(bindings, &BTreeMap::new())
    }

    /// The table with other keys for some actions: by scope, by the action's name.
    ///
    /// # Errors
    /// As [`Keymap::new`], and for scopes and actions that there are not.
    pub fn with(
        bindings: &[Binding],
        overrides: &BTreeMap<String, BTreeMap<String, Vec<String>>>,
    ) -> Result<Self, KeymapError> {
        let scopes = || Scope::NAMED.iter().map(|(name, _)| *name);
        for (scope, actions) in overrides {
            let known = Scope::NAMED.iter().find(|(name, _)| name == scope);
            let Some((_, known)) = known else {
                return Err(KeymapError::UnknownScope {
                    scope: scope.clone(),
                    known: scopes().collect::<Vec<_>>().join(", "),
                });
            };
            for action in actions.keys() {
                let mut there = bindings.iter().filter(|b| b.scope == *known);
                if !there.any(|b| b.action.name() == *action) {
                    let there = bindings.iter().filter(|b| b.scope == *known);
                    let mut names: Vec<String> = there.map(|b| b.action.name()).collect();
                    names.dedup();
                    return Err(KeymapError::UnknownAction {
                        scope: scope.clone(),
                        action: action.clone(),
                        known: names.join(", "),
                    });
                }
            }
        }
        let bind = |binding: &Binding| {
            let name = Scope::NAMED.iter().find(|(_, s)| *s == binding.scope);
            let chosen = name
                .and_then(|(name, _)| overrides.get(*name))
                .and_then(|actions| actions.get(&binding.action.name()));
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
        for ((scope, key), action) in &keys {
            for outer in &scope.chain()[1..] {
                if let Some(other) = keys.get(&(*outer, *key)) {
                    return Err(duplicate(*key, action, other));
                }
            }
        }
        Ok(Keymap { bound, keys })
    }

    /// The keymap of [`BINDINGS`].
    ///
    /// # Panics
    /// Never: a test builds it.
    pub fn standard() -> Self {
        Self::new(BINDINGS).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What a key does in a scope. In a prompt, any other character is typed.
    pub fn action(&self, scope: Scope, event: KeyEvent) -> Option<Action> {
        let key = Key::from_event(event)?;
        let bound = scope
            .chain()
            .iter()
            .find_map(|scope| self.keys.get(&(*scope, key)))
            .cloned();
        match (bound, scope, key.typed()) {
            (Some(action), _, _) => Some(action),
            (None, Scope::Prompt | Scope::Commands | Scope::Form, Some(c)) => {
                Some(Action::Insert(c))
            }
            _ => None,
        }
    }
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
    use crossterm::event::{KeyCode, KeyModifiers};

    fn press(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    fn binding(scope: Scope, action: Action, keys: &'static [&'static str]) -> Binding {
        Binding {
            scope,
            action,
            keys,
            hint: "",
            help: "",
            section: "",
        }
    }

    #[test]
    fn the_standard_table_is_a_keymap() {
        Keymap::new(BINDINGS).map(|_| ()).unwrap();
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
            binding(Scope::Tree, Action::Filter, &["F"]),
            binding(Scope::Log, Action::Filter, &["F"]),
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

    #[test]
    fn scopes_change_what_a_key_does() {
        let keymap = Keymap::standard();
        let q = press(KeyCode::Char('q'));
        assert_eq!(keymap.action(Scope::Tree, q), Some(Action::Quit));
        assert_eq!(keymap.action(Scope::Prompt, q), Some(Action::Insert('q')));
        let four = press(KeyCode::Char('4'));
        assert_eq!(keymap.action(Scope::Gate, four), Some(Action::ViewFront));
        assert_eq!(keymap.action(Scope::Edit, four), Some(Action::Width(4)));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for scope in [Scope::Tree, Scope::Prompt, Scope::Edit, Scope::Failure] {
            assert_eq!(keymap.action(scope, interrupt), Some(Action::Interrupt));
        }
        assert_eq!(
            keymap.action(
                Scope::Prompt,
                KeyEvent::new(KeyCode::Char('x'), KeyModifiers::ALT)
            ),
            None
        );
    }

    #[test]
    fn a_released_key_does_nothing() {
        let mut event = press(KeyCode::Char('p'));
        event.kind = crossterm::event::KeyEventKind::Release;
        assert_eq!(Keymap::standard().action(Scope::Tree, event), None);
    }

    #[test]
    fn every_binding_says_what_it_does() {
        for binding in BINDINGS {
            assert!(!binding.help.is_empty(), "{}", binding.action.name());
        }
        assert!(markdown().contains("| `x` | prune the selected node's branch: never expand it |"));
    }

    #[test]
    fn what_has_no_key_is_in_the_list_of_commands() {
        let keymap = Keymap::standard();
        let without = BINDINGS.iter().filter(|b| b.keys == IN_LIST_ONLY);
        for binding in without {
            let listed = keymap.doable(binding.scope);
            assert!(
                listed.iter().any(|d| d.action == binding.action),
                "{} can be done in no way",
                binding.action.name()
            );
            assert_eq!(binding.hint, "", "a hint names a key");
        }
    }
}
