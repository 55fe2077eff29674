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

/// Nodes and parts of the network with the text in their names, and the run that is named.
pub fn places(model: &Model, typed: &str) -> Vec<Entry> {
    let mut found = runs(model, typed);
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

/// `compare RUN` and `open RUN`, where something follows.
fn runs(model: &Model, typed: &str) -> Vec<Entry> {
    let rest = |word: &str| {
        let rest = typed.strip_prefix(word)?.trim();
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    if let Some(run) = rest("compare ") {
        let help = format!("compare this run with {run}");
        return vec![Entry::new(Choice::Compare(run), "compare", help)];
    }
    let folder = rest("open ").and_then(|run| Some(model.run.folder.parent()?.join(run)));
    folder.map_or(Vec::new(), |folder| {
        let help = format!("leave this run for {}", folder.display());
        let to = Choice::Leave(Destination::Run(folder));
        vec![Entry::new(to, "open", help)]
    })
}
