//! What is no command but can be gone to by its name: nodes, layers, themes, runs.

use super::{Choice, Entry};
use crate::tui::model::{Destination, Model};
use crate::tui::theme::ThemeName;

/// The most places of a kind that are listed.
const MOST: usize = 6;

/// Every theme.
pub fn themes() -> Vec<Entry> {
    let entry = |theme: ThemeName| {
        let name = format!("theme {}", theme.text());
        Entry::new(Choice::Theme(theme), &name, String::from("take this theme"))
    };
    ThemeName::all().map(entry).collect()
}

/// Nodes and parts of the network with the text in their names, and the runs and profiles that are
/// named.
pub fn places(model: &Model, typed: &str) -> Vec<Entry> {
    let mut found = elsewhere(model, typed);
    if typed.chars().count() < 3 {
        return found;
    }
    let typed = typed.to_lowercase();
    let parts = model
        .allocation
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| {
            let name = part.group.to_string().to_lowercase();
            name.contains(&typed)
        });
    found.extend(parts.take(MOST).map(|(at, part)| {
        let help = String::from("in the allocation of the selected node");
        Entry::new(Choice::Part(at), &part.group.to_string(), help)
    }));
    // The latest first: they are looked for.
    let nodes = model.tree.candidates.iter().rev();
    let nodes = nodes.filter(|node| {
        model
            .title_and_state(node.id)
            .to_lowercase()
            .contains(&typed)
    });
    found.extend(nodes.take(MOST).map(|node| {
        Entry::new(
            Choice::Goto(node.id),
            "go to",
            model.title_and_state(node.id),
        )
    }));
    found
}

/// `open RUN`, `compare RUN` and `new PROFILE`: those that have every word that follows, and where
/// there is none of them what was typed.
fn elsewhere(model: &Model, typed: &str) -> Vec<Entry> {
    let (word, rest) = typed.split_once(' ').unwrap_or((typed, ""));
    let rest = rest.trim();
    let run = |choice: fn(&Model, String) -> Option<Choice>, name: &str, help: &str| {
        let others = model
            .elsewhere
            .runs
            .iter()
            .filter(|id| **id != model.run.id);
        let entry = |id: String| {
            let help = format!("{help} {id}");
            Some(Entry::new(choice(model, id)?, name, help))
        };
        named(others, rest).filter_map(entry).collect()
    };
    match word {
        "open" => run(open, "open", "leave this run for"),
        "compare" => run(
            |_, run| Some(Choice::Compare(run)),
            "compare",
            "compare this run with",
        ),
        "new" => {
            let entry = |profile: String| {
                let help = format!("leave this run for a search with profile {profile}");
                let to = Choice::Leave(Destination::Profile(profile));
                Entry::new(to, "new", help)
            };
            named(model.elsewhere.profiles.iter(), rest)
                .map(entry)
                .collect()
        }
        _ => Vec::new(),
    }
}

fn open(model: &Model, run: String) -> Option<Choice> {
    let folder = model.run.folder.parent()?.join(run);
    Some(Choice::Leave(Destination::Run(folder)))
}

/// The names that have every word of a text; the text itself where there is none.
fn named<'a>(all: impl Iterator<Item = &'a String>, text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let has_all = |name: &&String| {
        let name = name.to_lowercase();
        lower.split_whitespace().all(|word| name.contains(word))
    };
    let mut found: Vec<String> = all.filter(has_all).take(MOST).cloned().collect();
    if found.is_empty() && !text.is_empty() {
        found.push(text.to_owned());
    }
    found.into_iter()
}
