//! Questions, prompts, help and leaving.

use std::time::Duration;

use super::result;
use super::steer::send;
use crate::profile::ProfileName;
use crate::search::Command;
use crate::tui::action::{Action, Effect, SaveError, Saved};
use crate::tui::help;
use crate::tui::input::TextInput;
use crate::tui::model::{Confirm, Model, Outcome, Overlay, SavePrompt, Saving, ToastKind, View};
use crate::tui::session::OtherRun;

/// How long saving takes before something is said.
const LONG: Duration = Duration::from_secs(1);

/// A key while something lies over the panes.
pub fn key(model: &mut Model, action: Action) {
    match model.overlay.take() {
        Some(Overlay::Help {
            offset,
            find,
            typing,
        }) => help_key(model, offset, find, typing, &action),
        Some(Overlay::Runs) => match action {
            Action::Cancel => {}
            _ => model.overlay = Some(Overlay::Runs),
        },
        Some(Overlay::Result) => result::key(model, action),
        Some(Overlay::Confirm(confirm)) => answer(model, confirm, &action),
        Some(Overlay::Settings(fields)) => super::preferences::key(model, fields, &action),
        Some(Overlay::Save(prompt)) => name_key(model, prompt, action),
        Some(Overlay::Fields(prompt)) => super::prompt::key(model, prompt, action),
        Some(Overlay::Find(prompt)) => super::find::key(model, prompt, action),
        Some(Overlay::Commands(prompt)) => super::commands::key(model, prompt, action),
        Some(Overlay::Failure { message, candidate }) => match action {
            Action::Quit => quit(model),
            Action::Cancel => {}
            Action::Retry => model.effect(Effect::Retry { skip: None }),
            Action::Skip if candidate.is_some() => model.effect(Effect::Retry { skip: candidate }),
            _ => model.overlay = Some(Overlay::Failure { message, candidate }),
        },
        None => {}
    }
}

fn help_key(model: &mut Model, offset: usize, mut find: TextInput, typing: bool, action: &Action) {
    let (mut offset, mut typing) = (offset, typing);
    match (typing, action) {
        (true, Action::Submit) => typing = false,
        (true, Action::Cancel) => (typing, find) = (false, TextInput::default()),
        (true, action) => {
            find.key(action);
            offset = 0;
        }
        // What was searched for goes first, then the help.
        (false, Action::Cancel) if !find.text().is_empty() => find = TextInput::default(),
        (false, Action::Cancel) => return,
        (false, Action::Find) => typing = true,
        (false, Action::Down) => offset += 1,
        (false, Action::Up) => offset = offset.saturating_sub(1),
        (false, Action::PageDown) => offset += 10,
        (false, Action::PageUp) => offset = offset.saturating_sub(10),
        (false, Action::Top) => offset = 0,
        (false, Action::Bottom) => offset = usize::MAX / 2,
        (false, _) => {}
    }
    let offset = offset.min(help::last_offset(model, &find.text()));
    model.overlay = Some(Overlay::Help {
        offset,
        find,
        typing,
    });
}

fn answer(model: &mut Model, confirm: Confirm, action: &Action) {
    match (action, confirm) {
        (Action::Submit, Confirm::Quit) => model.outcome = Some(Outcome::Quit),
        (Action::Submit, Confirm::Discard) => model.edit = None,
        (Action::Submit, Confirm::Leave(to)) => model.outcome = Some(Outcome::Elsewhere(to)),
        (Action::Submit, Confirm::Prune(id)) => {
            model.nodes.select(&model.tree, id);
            super::steer::prune(model, true);
        }
        (Action::Submit, Confirm::Stop) => send(model, Command::Stop),
        (Action::Submit, Confirm::TimeUp) => send(model, Command::TimeUp),
        (Action::Submit, Confirm::Overwrite { prompt, .. }) => save(model, prompt, true),
        (Action::Cancel, Confirm::Overwrite { prompt, .. }) => {
            model.overlay = Some(Overlay::Save(prompt));
        }
        (Action::Cancel, _) => {}
        (_, confirm) => model.overlay = Some(Overlay::Confirm(confirm)),
    }
}

fn name_key(model: &mut Model, mut prompt: SavePrompt, action: Action) {
    match action {
        Action::Cancel => return,
        Action::Submit => return save(model, prompt, false),
        action => prompt.name.key(&action),
    };
    prompt.error = None;
    model.overlay = Some(Overlay::Save(prompt));
}

/// Asks for the name of a profile of the selected node.
pub fn ask_name(model: &mut Model) {
    if let Some(saving) = &model.saving {
        let name = saving.prompt.name.text();
        return model.note(format!("{name} is still being saved"));
    }
    let Some(node) = model.nodes.selected.and_then(|id| model.tree.get(id)) else {
        return model.note("no node to save yet");
    };
    let settings = model.tree.settings.as_deref();
    let profile = settings.map_or("profile", |s| s.name.as_str());
    let words = profile.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    let words: Vec<String> = words.collect();
    let name = format!("{}-{}k", words.join("-"), node.bytes.div_ceil(1024));
    model.overlay = Some(Overlay::Save(SavePrompt {
        candidate: node.id,
        allocation: node.allocation.clone(),
        name: TextInput::new(&name),
        error: None,
    }));
}

fn save(model: &mut Model, mut prompt: SavePrompt, overwrite: bool) {
    let name = prompt.name.text().trim().to_owned();
    prompt.error = match name.parse::<ProfileName>() {
        _ if name.is_empty() => Some(String::from("give the profile a name")),
        Ok(name) => name.unreserved().err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if prompt.error.is_some() {
        model.overlay = Some(Overlay::Save(prompt));
        return;
    }
    model.effect(Effect::Save {
        name,
        allocation: prompt.allocation.clone(),
        overwrite,
    });
    model.saving = Some(Saving {
        prompt,
        since: model.clock,
        said: false,
    });
}

/// Says that saving takes a while, once it does.
pub fn still_saving(model: &mut Model, now: Duration) {
    let Some(saving) = model.saving.as_mut().filter(|saving| !saving.said) else {
        return;
    };
    if now.saturating_sub(saving.since) >= LONG {
        saving.said = true;
        let name = saving.prompt.name.text();
        let text = format!("saving {name}: its layers are quantized first");
        model.note(text);
        model.changed = true;
    }
}

/// A profile was saved, or not. Where that takes an answer, it is asked for, unless something else
/// is being asked.
pub fn saved(model: &mut Model, result: Result<Saved, SaveError>) {
    let prompt = model.saving.take().map(|saving| saving.prompt);
    match (result, prompt.filter(|_| model.overlay.is_none())) {
        (Ok(saved), _) => {
            let path = saved.path;
            model.toast(ToastKind::Good, format!("saved {}", path.display()));
            if let Some(note) = saved.note {
                model.toast(ToastKind::Bad, note);
            }
            model.saved.retain(|p| *p != path);
            model.saved.push(path);
        }
        (Err(SaveError::Exists(path)), Some(prompt)) => {
            model.overlay = Some(Overlay::Confirm(Confirm::Overwrite { path, prompt }));
        }
        (Err(error), Some(mut prompt)) => {
            prompt.error = Some(error.to_string());
            model.overlay = Some(Overlay::Save(prompt));
        }
        (Err(error), None) => model.toast(ToastKind::Bad, format!("not saved: {error}")),
    }
}

/// Another run was read, to be compared with this one.
pub fn other_run(model: &mut Model, result: Result<Box<OtherRun>, String>) {
    match result {
        Ok(other) => {
            model.other_run = Some(other);
            model.open(View::Front);
            model.overlay = Some(Overlay::Runs);
        }
        Err(why) => model.toast(ToastKind::Bad, why),
    }
}

/// Asks whether the search shall end now.
pub fn ask_end(model: &mut Model, question: Confirm) {
    if model.is_live() && model.preferences.unasked && question == Confirm::Stop {
        send(model, Command::Stop);
    } else if model.is_live() {
        model.overlay = Some(Overlay::Confirm(question));
    } else {
        model.note("the search is over already");
    }
}

/// Leaves; asks first while something is running.
pub fn quit(model: &mut Model) {
    match (&model.activity.failed, model.tree.finished) {
        (Some(message), _) => model.outcome = Some(Outcome::Failed(message.clone())),
        (None, Some(reason)) => model.outcome = Some(Outcome::Finished(reason)),
        (None, None) if model.preferences.unasked => model.outcome = Some(Outcome::Quit),
        (None, None) => model.overlay = Some(Overlay::Confirm(Confirm::Quit)),
    }
}

/// Copies the selected node's allocation as TOML, as a profile holds it.
pub fn copy(model: &mut Model) {
    let (Some(settings), Some(node)) = (model.tree.settings.as_deref(), model.shown()) else {
        return model.note("no node to copy yet");
    };
    let mut text = String::from("[bits]\n");
    for (layer, width) in settings.space.layers.iter().zip(&node.allocation.0) {
        text.push_str(&format!("{:?} = {}\n", layer.name, width.bits()));
    }
    let what = format!("the allocation of {} as TOML", node.id);
    model.effect(Effect::Copy { text, what });
}

/// Ctrl-C: as quit, and at once the second time.
pub fn interrupt(model: &mut Model) {
    if matches!(model.overlay, Some(Overlay::Confirm(Confirm::Quit))) {
        model.outcome = Some(Outcome::Quit);
    } else {
        quit(model);
    }
}
