//! Which key does what, and where. One table: the keys, the footer, the help and the README all read it.

mod key;
mod table;

use std::collections::HashMap;

use crossterm::event::KeyEvent;

pub use key::Key;
pub use table::BINDINGS;

use super::Action;

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere.
    Always,
    /// In every pane.
    Main,
    /// In the search tree.
    Tree,
    /// In the allocation of the selected node.
    Allocation,
    /// In the list of gate decisions.
    Gate,
    /// In the log.
    Log,
    /// In accuracy against memory.
    Points,
    /// While bit-widths are being changed.
    Edit,
    /// While the help is open.
    Help,
    /// While a question waits for yes or no.
    Confirm,
    /// While a text is asked for.
    Prompt,
    /// After the run failed.
    Failure,
}

impl Scope {
    /// The scopes in which a key is looked for, first to last.
    pub fn chain(self) -> &'static [Scope] {
        match self {
            Scope::Tree => &[Scope::Tree, Scope::Main, Scope::Always],
            Scope::Allocation => &[Scope::Allocation, Scope::Main, Scope::Always],
            Scope::Gate => &[Scope::Gate, Scope::Main, Scope::Always],
            Scope::Log => &[Scope::Log, Scope::Main, Scope::Always],
            Scope::Points => &[Scope::Points, Scope::Main, Scope::Always],
            Scope::Main => &[Scope::Main, Scope::Always],
            Scope::Edit => &[Scope::Edit, Scope::Always],
            Scope::Help => &[Scope::Help, Scope::Always],
            Scope::Confirm => &[Scope::Confirm, Scope::Always],
            Scope::Prompt => &[Scope::Prompt, Scope::Always],
            Scope::Failure => &[Scope::Failure, Scope::Always],
            Scope::Always => &[Scope::Always],
        }
    }
}

/// Keys of an action, and the words for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where.
    pub scope: Scope,
    /// What happens.
    pub action: Action,
    /// The keys, the first one shown in the footer.
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

/// Keys looked up by scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    keys: HashMap<(Scope, Key), Action>,
}

impl Keymap {
    /// Checks a table of bindings.
    ///
    /// # Errors
    /// [`KeymapError`] for a text that is no key, and for a key that two actions could claim at once.
    pub fn new(bindings: &[Binding]) -> Result<Self, KeymapError> {
        let mut keys = HashMap::new();
        for binding in bindings {
            for text in binding.keys {
                let key = text.parse().map_err(|()| KeymapError::UnknownKey {
                    key: (*text).to_owned(),
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
        Ok(Keymap { keys })
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
            (None, Scope::Prompt, Some(c)) => Some(Action::Insert(c)),
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

/// A line of the help: keys that do the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpLine {
    /// Its heading.
    pub section: &'static str,
    /// The keys.
    pub keys: Vec<&'static str>,
    /// What they do.
    pub help: &'static str,
}

/// The help, in the table's order; neighbours that say the same are one line.
pub fn help() -> Vec<HelpLine> {
    let mut lines: Vec<HelpLine> = Vec::new();
    for binding in BINDINGS.iter().filter(|b| !b.section.is_empty()) {
        match lines.last_mut() {
            Some(last) if last.help == binding.help => last.keys.extend(binding.keys),
            _ => lines.push(HelpLine {
                section: binding.section,
                keys: binding.keys.to_vec(),
                help: binding.help,
            }),
        }
    }
    lines
}

/// A hint of the footer: keys that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The first key of each.
    pub keys: Vec<&'static str>,
    /// What the first of them does.
    pub action: Action,
    /// A word or two.
    pub text: &'static str,
}

/// The footer of a scope, most useful first; neighbours with the same words are one hint.
pub fn hints(scope: Scope) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    let chain = scope.chain().iter();
    for binding in chain.flat_map(|scope| BINDINGS.iter().filter(move |b| b.scope == *scope)) {
        let first = binding.keys.first().copied();
        match hints.last_mut() {
            _ if binding.hint.is_empty() => {}
            Some(last) if last.text == binding.hint => last.keys.extend(first),
            _ => hints.push(Hint {
                keys: first.into_iter().collect(),
                action: binding.action.clone(),
                text: binding.hint,
            }),
        }
    }
    hints
}

/// The keys as a Markdown table, for the README.
pub fn markdown() -> String {
    let mut text = String::from("| Keys | What they do |\n|---|---|\n");
    let mut section = "";
    for line in help() {
        if line.section != section {
            section = line.section;
            text.push_str(&format!("| | **{section}** |\n"));
        }
        let keys: Vec<String> = line.keys.iter().map(|k| format!("`{k}`")).collect();
        text.push_str(&format!("| {} | {} |\n", keys.join(" "), line.help));
    }
    text
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
            assert!(!binding.keys.is_empty(), "{}", binding.action.name());
        }
        assert!(markdown().contains("| `p` | pause the run, or let it go on |"));
    }
}
