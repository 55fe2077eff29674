//! The list of commands: what can be done now, by what was typed.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};

use super::action::Action;
use super::keys::Bound;
use super::model::Model;
use super::panes;
use crate::search::{CandidateId, Command};
use crate::text;

/// What an entry of the list does.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// Does what its key does.
    Act(Action),
    /// Selects a node.
    Goto(CandidateId),
    /// Sends a command to the search, as a line of `--commands` does.
    Send(Command),
    /// Does nothing: the reason why the input cannot be done.
    Wrong(String),
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it does.
    pub choice: Choice,
    /// The name, as in the keymap's file.
    pub name: String,
    /// What it does, in words.
    pub help: String,
    /// The keys.
    pub keys: String,
}

impl Entry {
    fn new(choice: Choice, name: &str, help: String) -> Self {
        let (name, keys) = (name.to_owned(), String::new());
        Entry {
            choice,
            name,
            help,
            keys,
        }
    }

    fn wrong(name: &str, why: String) -> Self {
        Entry::new(Choice::Wrong(why.clone()), name, why)
    }
}

/// The entries that match what was typed, best first.
pub fn entries(model: &Model, typed: &str) -> Vec<Entry> {
    let typed = typed.trim();
    match typed.strip_prefix('#') {
        Some(number) => vec![node(model, number)],
        None if typed.starts_with('{') => vec![json(model, typed)],
        None => actions(model, typed),
    }
}

/// A command as JSON, as `--commands` takes it.
fn json(model: &Model, typed: &str) -> Entry {
    match serde_json::from_str::<Command>(typed) {
        Ok(command) => {
            let help = text::command(&command, model.theme.symbols.marks());
            Entry::new(Choice::Send(command), "command", help)
        }
        Err(error) => Entry::wrong("command", error.to_string()),
    }
}

/// `#12`: to that node.
fn node(model: &Model, number: &str) -> Entry {
    let id = number.parse().map(CandidateId).ok();
    match id.filter(|id| model.tree.get(*id).is_some()) {
        Some(id) => Entry::new(Choice::Goto(id), "go to", model.title(id)),
        None => Entry::wrong(
            "go to",
            match model.tree.candidates.len() {
                0 => String::from("there is no node yet"),
                n => format!("nodes are numbered from 0 to {}", n - 1),
            },
        ),
    }
}

/// What only moves in a list.
fn moves(action: &Action) -> bool {
    use Action::{Bottom, Down, Left, PageDown, PageUp, Right, Toggle, Top, Up};
    matches!(
        action,
        Up | Down | PageUp | PageDown | Top | Bottom | Left | Right | Toggle
    )
}

fn actions(model: &Model, typed: &str) -> Vec<Entry> {
    // What the list itself lies over: the scope of the focused pane.
    let scope = panes::list(model.focus).about().scope();
    let mut all: Vec<Entry> = Vec::new();
    for Bound { binding, keys } in model.keymap.available(scope) {
        let name = binding.action.name().replace('_', " ");
        if binding.action == Action::Commands || all.iter().any(|e| e.name == name) {
            continue;
        }
        let choice = Choice::Act(binding.action.clone());
        all.push(Entry {
            keys: keys.join(" "),
            ..Entry::new(choice, &name, binding.help.to_owned())
        });
    }
    if typed.is_empty() {
        // Who asks for the commands by name does not look for the arrows.
        all.sort_by_key(|entry| matches!(&entry.choice, Choice::Act(action) if moves(action)));
        return all;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut score = |text: &str| {
        let text = nucleo_matcher::Utf32Str::new(text, &mut buffer);
        pattern.score(text, &mut matcher)
    };
    let scored = all.into_iter().filter_map(|entry| {
        // A match of the name counts more than one of the explanation.
        let name = score(&entry.name).map(|s| s.saturating_mul(3));
        Some((name.max(score(&entry.help))?, entry))
    });
    let mut scored: Vec<(u32, Entry)> = scored.collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let found: Vec<Entry> = scored.into_iter().map(|(_, entry)| entry).collect();
    if found.is_empty() {
        let why = "no command is called like that; #12 goes to node 12";
        return vec![Entry::wrong("?", why.to_owned())];
    }
    found
}
