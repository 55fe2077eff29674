//! The list of commands.

use super::{apply, steer};
use crate::tui::action::{Action, Effect};
use crate::tui::commands::{Choice, entries};
use crate::tui::model::{CommandPrompt, Model, Overlay, Pane, Setting, View};
use crate::tui::session::Asked;

/// A key while a command is chosen.
pub fn key(model: &mut Model, mut prompt: CommandPrompt, action: Action) {
    let all = entries(model, &prompt.text.text());
    let last = all.len().saturating_sub(1);
    match action {
        Action::Cancel => return,
        Action::Submit => match all.into_iter().nth(prompt.chosen) {
            // Said in the list why not.
            Some(entry) if entry.cannot.is_some() => {}
            Some(entry) => return choose(model, prompt, entry.choice),
            None => return,
        },
        Action::Up => prompt.chosen = prompt.chosen.checked_sub(1).unwrap_or(last),
        Action::Down if prompt.chosen >= last => prompt.chosen = 0,
        Action::Down => prompt.chosen += 1,
        action => {
            if prompt.text.key(&action) {
                prompt.chosen = 0;
            }
        }
    }
    model.overlay = Some(Overlay::Commands(prompt));
}

fn choose(model: &mut Model, prompt: CommandPrompt, choice: Choice) {
    match choice {
        Choice::Act(action) => apply(model, action),
        Choice::Send(_) if model.replay.is_some() => steer::only_watches(model),
        Choice::Send(command) => steer::send(model, command),
        Choice::Part(part) => {
            model.allocation.reveal(part);
            model.focus_in(Pane::Allocation, View::Allocation);
        }
        Choice::Theme(theme) => super::preferences::take(model, Setting::Theme(theme)),
        Choice::Compare(run) => model.effect(Effect::Ask(Asked::Run(run))),
        Choice::Leave(to) => super::result::elsewhere(model, to),
        Choice::Goto(id) => model.jump(Some(id), "there is no such node"),
        Choice::Wrong(_) => model.overlay = Some(Overlay::Commands(prompt)),
    }
}
