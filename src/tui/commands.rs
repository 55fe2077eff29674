//! The list of commands: what can be done now, by what was typed.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};

use super::action::Action;
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
    fn wrong(name: &str, why: String) -> Self {
        Entry {
            choice: Choice::Wrong(why.clone()),
            name: name.to_owned(),
            help: why,
            keys: String::new(),
        }
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
        Ok(command) => Entry {
            help: text::command(&command, model.theme.symbols.marks()),
            choice: Choice::Send(command),
            name: String::from("command"),
            keys: String::new(),
        },
        Err(error) => Entry::wrong("command", error.to_string()),
    }
}

/// `#12`: to that node.
fn node(model: &Model, number: &str) -> Entry {
    let last = model.tree.candidates.len();
    let there = match last {
        0 => String::from("there is no node yet"),
        n => format!("nodes are numbered from 0 to {}", n - 1),
    };
    let id = number.parse().map(CandidateId).ok();
    match id.filter(|id| model.tree.get(*id).is_some()) {
        Some(id) => Entry {
            choice: Choice::Goto(id),
            name: String::from("go to"),
            help: model.title(id),
            keys: String::new(),
        },
        None => Entry::wrong("go to", there),
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
    for available in model.keymap.available(scope) {
        let name = available.action.name().replace('_', " ");
        if available.action == Action::Commands || all.iter().any(|e| e.name == name) {
            continue;
        }
        all.push(Entry {
            choice: Choice::Act(available.action),
            name,
            help: available.help.to_owned(),
            keys: available.keys.join(" "),
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
    let mut scored: Vec<(u32, Entry)> = all
        .into_iter()
        .filter_map(|entry| {
            // A match of the name counts more than one of the explanation.
            let name = score(&entry.name).map(|s| s.saturating_mul(3));
            let help = score(&entry.help);
            Some((name.max(help)?, entry))
        })
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let found: Vec<Entry> = scored.into_iter().map(|(_, entry)| entry).collect();
    if found.is_empty() {
        let why = "no command is called like that; #12 goes to node 12";
        return vec![Entry::wrong("?", why.to_owned())];
    }
    found
}
