//! The list of commands, and what concerns the program rather than the search.

use crate::run::Probed;
use crate::tui::action::{Action, Effect};
use crate::tui::model::commands::{Choice, entries};
use crate::tui::model::{CommandPrompt, Model, Overlay, ToastKind};

/// Opens the list.
pub fn start(model: &mut Model) -> Vec<Effect> {
    model.overlay = Some(Overlay::Commands(CommandPrompt::default()));
    Vec::new()
}

/// A key while a command is chosen.
pub fn key(model: &mut Model, mut prompt: CommandPrompt, action: Action) -> Vec<Effect> {
    let all = entries(model, &prompt.text.text());
    let last = all.len().saturating_sub(1);
    match action {
        Action::Cancel => return Vec::new(),
        Action::Submit => match all.into_iter().nth(prompt.chosen) {
            Some(entry) => return choose(model, prompt, entry.choice),
            None => return Vec::new(),
        },
        Action::Up => prompt.chosen = prompt.chosen.checked_sub(1).unwrap_or(last),
        Action::Down => {
            prompt.chosen = if prompt.chosen >= last {
                0
            } else {
                prompt.chosen + 1
            }
        }
        action => {
            if prompt.text.key(&action) {
                prompt.chosen = 0;
            }
        }
    }
    model.overlay = Some(Overlay::Commands(prompt));
    Vec::new()
}

fn choose(model: &mut Model, prompt: CommandPrompt, choice: Choice) -> Vec<Effect> {
    match choice {
        Choice::Act(action) => super::apply(model, action),
        Choice::Send(_) if model.replay.is_some() => {
            let text = "this screen only watches: steer where the run is open";
            model.toasts.push(ToastKind::Note, text, model.clock);
            Vec::new()
        }
        Choice::Send(command) => super::steer::send(model, command),
        Choice::Goto(id) => {
            super::navigate::jump(model, Some(id), "there is no such node");
            Vec::new()
        }
        Choice::Wrong(_) => {
            model.overlay = Some(Overlay::Commands(prompt));
            Vec::new()
        }
    }
}

/// The selected node's allocation as TOML, as a profile holds it.
pub fn copy(model: &mut Model) -> Vec<Effect> {
    let (Some(settings), Some(node)) = (model.tree.settings.as_deref(), model.shown()) else {
        model
            .toasts
            .push(ToastKind::Note, "no node to copy yet", model.clock);
        return Vec::new();
    };
    let mut text = String::from("[bits]\n");
    for (layer, width) in settings.space.layers.iter().zip(&node.allocation.0) {
        text.push_str(&format!("{:?} = {}\n", layer.name, width.bits()));
    }
    let what = format!("the allocation of {} as TOML", node.id);
    vec![Effect::Copy { text, what }]
}

/// The next theme.
pub fn next_theme(model: &mut Model) -> Vec<Effect> {
    let name = model.theme.name.next();
    model.theme.set(name);
    let text = format!("theme \"{}\": set it in tui.toml to keep it", name.text());
    model.toasts.push(ToastKind::Note, text, model.clock);
    Vec::new()
}

/// So many looks are kept: each is as large as the network has sites.
const KEPT: usize = 16;

/// Looks at the potentials of the node that is shown.
pub fn probe(model: &mut Model) -> Vec<Effect> {
    let Some(node) = model.shown() else {
        let text = "no node to look into yet";
        model.toasts.push(ToastKind::Note, text, model.clock);
        return Vec::new();
    };
    let allocation = node.allocation.clone();
    // Who looks into a node stays there, wherever the search goes.
    model.nodes.follow = false;
    if matches!(model.potentials(), Some(Ok(_))) || model.looking.as_ref() == Some(&allocation) {
        return Vec::new();
    }
    model.looking = Some(allocation.clone());
    vec![Effect::Probe(allocation)]
}

/// What was seen.
pub fn probed(model: &mut Model, seen: Probed) {
    if model.looking.as_ref() == Some(&seen.allocation) {
        model.looking = None;
    }
    if model.seen.len() == KEPT {
        model.seen.pop_front();
    }
    model.seen.push_back(seen);
}
