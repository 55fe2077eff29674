//! A journal that is watched: back and forth in time.

use std::time::Duration;

use super::{events, steer};
use crate::tui::action::Action;
use crate::tui::keymap::steers;
use crate::tui::model::{Model, Outcome};

/// A key on a second screen; false for those that mean the same everywhere.
pub fn key(model: &mut Model, action: &Action) -> bool {
    let Some(replay) = &mut model.replay else {
        return false;
    };
    let (shown, len) = (replay.shown, replay.len());
    let twentieth = (len / 20).max(1);
    match action {
        Action::Pause => {
            replay.toggle();
            let shown = replay.shown;
            seek(model, shown);
        }
        Action::Earlier => stop_at(model, shown.saturating_sub(1)),
        Action::Later | Action::Step => stop_at(model, shown + 1),
        Action::MuchEarlier => stop_at(model, shown.saturating_sub(twentieth)),
        Action::MuchLater => stop_at(model, shown + twentieth),
        Action::ToStart => stop_at(model, 1),
        Action::ToEnd => stop_at(model, len),
        Action::Slower => replay.set_speed(false),
        Action::Faster => replay.set_speed(true),
        Action::Quit => model.outcome = Some(Outcome::Quit),
        action if steers(action) => steer::only_watches(model),
        _ => return false,
    }
    true
}

/// Shows this number of entries and stops playing.
pub fn stop_at(model: &mut Model, entries: usize) {
    if let Some(replay) = &mut model.replay {
        replay.playing = false;
    }
    seek(model, entries);
}

/// Advances the time.
pub fn advance(model: &mut Model, by: Duration) {
    let Some(replay) = model.replay.as_mut().filter(|r| r.playing) else {
        return;
    };
    let before = replay.shown;
    let to = replay.advance(by);
    if to != before {
        let entries = replay.entries(before, to);
        replay.shown = to;
        for entry in &entries {
            events::event(model, entry);
        }
    }
    model.changed = true;
}

/// Shows this number of entries: later ones are folded in, for earlier ones all is folded anew.
fn seek(model: &mut Model, entries: usize) {
    let Some(replay) = &mut model.replay else {
        return;
    };
    replay.show(entries);
    let is_earlier = replay.shown < model.told;
    let from = if is_earlier { 0 } else { model.told };
    let again = replay.entries(from, replay.shown);
    let scroll = model.allocation.scroll;
    if is_earlier {
        let totals = model.activity.totals;
        model.restart();
        model.activity.counted(totals, model.clock);
    }
    for entry in &again {
        events::event(model, entry);
    }
    model.allocation.scroll = scroll;
}
