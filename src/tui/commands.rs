//! The list of commands: what can be done now, by what was typed.

mod matching;
mod targets;

use super::action::Action;
use super::keys::Bound;
use super::model::{Destination, Model};
use super::panes;
use super::theme::ThemeName;
use crate::search::{CandidateId, Command};
use crate::text;
pub use matching::highlighted;

/// What an entry of the list does.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// Does what its key does.
    Act(Action),
    /// Selects a node.
    Goto(CandidateId),
    /// Selects a part of the network in the allocation, by its position.
    Part(usize),
    /// Sends a command to the search, as a line of `--commands` does.
    Send(Command),
    /// Takes a theme.
    Theme(ThemeName),
    /// Reads another run to compare with.
    Compare(String),
    /// Leaves this run for another place.
    Leave(Destination),
    /// Does nothing: the reason why the input cannot be done.
    Wrong(String),
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it does.
    pub choice: Choice,
    /// The name.
    pub name: String,
    /// What it does, in words.
    pub help: String,
    /// The keys.
    pub keys: String,
    /// Why it can do nothing now.
    pub cannot: Option<&'static str>,
}

impl Entry {
    fn new(choice: Choice, name: &str, help: String) -> Self {
        let (name, keys, cannot) = (name.to_owned(), String::new(), None);
        Entry {
            choice,
            name,
            help,
            keys,
            cannot,
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
        None if typed.is_empty() => without_moves(actions(model)),
        None => matching(model, typed),
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

/// Who asks for the commands by name does not look for the arrows, nor for what cannot be done.
fn without_moves(mut all: Vec<Entry>) -> Vec<Entry> {
    all.sort_by_key(|entry| {
        let moves = matches!(&entry.choice, Choice::Act(action) if moves(action));
        (moves, entry.cannot.is_some())
    });
    all
}

/// The name in the list: that of the keymap's file, but for two that would be looked for otherwise.
fn name(action: &Action) -> String {
    match action {
        Action::Export => String::from("screenshot"),
        Action::ExportCommand => String::from("export"),
        Action::Uniform => String::from("evaluate uniform"),
        other => other.name().replace('_', " "),
    }
}

/// Everything that a key or the list can cause where the list was opened.
fn actions(model: &Model) -> Vec<Entry> {
    // What the list itself lies over: the scope of the focused pane.
    let scope = panes::list(model.focus).about().scope();
    let mut all: Vec<Entry> = Vec::new();
    for Bound { binding, keys } in model.keymap.available(scope) {
        let name = name(&binding.action);
        if binding.action == Action::Commands || all.iter().any(|e| e.name == name) {
            continue;
        }
        let choice = Choice::Act(binding.action.clone());
        all.push(Entry {
            keys: keys.join(" "),
            cannot: model.cannot(&binding.action),
            ..Entry::new(choice, &name, binding.help.to_owned())
        });
    }
    all
}

fn matching(model: &Model, typed: &str) -> Vec<Entry> {
    let mut all = actions(model);
    all.extend(targets::themes());
    let mut found = matching::best(all.clone(), typed);
    found.extend(targets::places(model, typed));
    if !found.is_empty() {
        return found;
    }
    let near = matching::nearest(&all, typed);
    let words = match near.as_slice() {
        [] => String::from("no command is called like that; #12 goes to node 12"),
        near => {
            let names: Vec<&str> = near.iter().map(|e| e.name.as_str()).collect();
            format!(
                "no command is called like that; nearest: {}",
                names.join(", ")
            )
        }
    };
    let mut found = vec![Entry::wrong("?", words)];
    found.extend(near);
    found
}
