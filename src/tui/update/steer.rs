//! Commands to the search.

use crate::profile::Pin;
use crate::quant::{Allocation, BitWidth};
use crate::search::{Command, CommandId, Instruction, Space};
use crate::tui::action::Effect;
use crate::tui::model::{INTERFACE, Model, Status, ToastKind};

/// Sends a command and waits for its answer; says so when there is no search to answer.
pub fn send(model: &mut Model, command: Command) {
    if !is_over(model) {
        // Unlike any of an earlier session, whose journal is shorter.
        model.sent += 1;
        let id = CommandId(format!("{INTERFACE}{}-{}", model.told, model.sent));
        let sent = Instruction {
            id: Some(id),
            command,
        };
        model.awaiting.push(sent.clone());
        model.effect(Effect::Send(sent));
    }
}

/// True, and said so, when the run takes no commands any more.
pub fn is_over(model: &mut Model) -> bool {
    let over = !model.can_steer();
    if over {
        model.note("the run has failed: there is nothing to steer");
    }
    over
}

/// Says that a watched run is not steered from here.
pub fn only_watches(model: &mut Model) {
    model.note("this screen only watches: steer where the run is open");
}

/// Pauses, or resumes.
pub fn pause(model: &mut Model) {
    let command = match model.status() {
        Status::Paused | Status::Pausing => Command::Resume,
        _ if model.tree.paused => Command::Resume,
        _ => Command::Pause,
    };
    send_to_work(model, command);
}

/// Goes on until one candidate has been evaluated.
pub fn step(model: &mut Model) {
    send_to_work(model, Command::Step);
}

/// Sends what means something only while there is something to do.
fn send_to_work(model: &mut Model, command: Command) {
    match model.tree.finished {
        Some(_) => model.note(
            "the search has finished: set bits (-), change the limits (c) or undo (u) to continue it",
        ),
        None => send(model, command),
    }
}

/// Prunes the selected branch, or takes that back.
pub fn prune(model: &mut Model, prune: bool) {
    let Some(node) = model.nodes.selected.and_then(|id| model.tree.get(id)) else {
        return model.note("no node is selected");
    };
    let (candidate, pruned) = (node.id, node.pruned);
    // Who acts on a node wants to see what becomes of it.
    model.nodes.follow = false;
    match (prune, pruned) {
        (true, true) => model.note(format!("{candidate} is pruned already")),
        (true, false) => send(model, Command::Prune { candidate }),
        (false, true) => send(model, Command::ResumeBranch { candidate }),
        (false, false) => model.note(format!("{candidate} is not pruned")),
    }
}

/// Pins the row chosen in the allocation at the width it has on the selected node, or removes the
/// pins that hold it.
pub fn pin(model: &mut Model) {
    let (Some(settings), Some(part), Some(node)) =
        (model.tree.settings.as_deref(), model.part(), model.shown())
    else {
        return model.note("no layer is selected yet");
    };
    let space = &settings.space;
    let matches = |pin: &Pin, m: usize| pin.matches(&space.layers[m].name);
    let holds = |pin: &&Pin| part.members.iter().any(|m| matches(pin, *m));
    let holds_others = |pin: &&Pin| {
        let mut others = (0..space.layers.len()).filter(|m| !part.members.contains(m));
        others.any(|m| matches(pin, m))
    };
    let holding = model.tree.pins.iter().filter(holds);
    let (wider, own): (Vec<&Pin>, Vec<&Pin>) = holding.partition(holds_others);
    let commands: Vec<Command> = if !own.is_empty() {
        let patterns = own.iter().map(|pin| pin.pattern.clone());
        patterns.map(|pattern| Command::Unpin { pattern }).collect()
    } else if !wider.is_empty() {
        let names: Vec<String> = wider.iter().map(|p| format!("\"{}\"", p.pattern)).collect();
        let text = format!(
            "held by pin {}, which holds other layers too: unpin it there",
            names.join(", ")
        );
        return model.toast(ToastKind::Bad, text);
    } else {
        let pins = pins_at(space, &part.members, &node.allocation);
        pins.into_iter().map(|pin| Command::Pin { pin }).collect()
    };
    for command in commands {
        send(model, command);
    }
}

/// Pins that hold layers at their bit-widths: those with one width by few patterns.
fn pins_at(space: &Space, members: &[usize], allocation: &Allocation) -> Vec<Pin> {
    let width = |m: &usize| allocation.0.get(*m).copied();
    let pins = |(pattern, members): (String, Vec<usize>)| {
        let widths: Vec<BitWidth> = members.iter().filter_map(width).collect();
        match widths.first() {
            Some(first) if widths.iter().all(|w| w == first) => vec![Pin::fixed(pattern, *first)],
            _ => {
                let one = |m: &usize| Some(Pin::fixed(&*space.layers[*m].name, width(m)?));
                members.iter().filter_map(one).collect()
            }
        }
    };
    let patterns = pin_patterns(space, members);
    patterns.into_iter().flat_map(pins).collect()
}

/// Patterns that match exactly these layers, with the layers of each: whole blocks as `BLOCK.*`,
/// others by name.
pub(super) fn pin_patterns(space: &Space, members: &[usize]) -> Vec<(String, Vec<usize>)> {
    let mut patterns: Vec<(String, Vec<usize>)> = Vec::new();
    for member in members {
        if patterns.iter().any(|(_, covered)| covered.contains(member)) {
            continue;
        }
        let layer = &space.layers[*member];
        let glob = Pin::fixed(format!("{}.*", layer.block), BitWidth::FLOAT);
        let matched: Vec<usize> = (0..space.layers.len())
            .filter(|m| glob.matches(&space.layers[*m].name))
            .collect();
        let whole = matched.len() > 1 && matched.iter().all(|m| members.contains(m));
        patterns.push(if whole {
            (glob.pattern, matched)
        } else {
            (layer.name.clone(), vec![*member])
        });
    }
    patterns
}
