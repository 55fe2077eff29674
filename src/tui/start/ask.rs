//! The loop of the start screen in this process's terminal.

use std::io;

use crossbeam_channel::{Receiver, select};

use super::{Chosen, ProfileEntry, Profiles, RunEntry, StartModel, view};
use crate::tui::config::Config;
use crate::tui::keymap::Keymap;
use crate::tui::terminal::{Input, PanicGuard, Tty};
use crate::tui::{Action, Screen, Signal};

/// Asks what to do, in this process's terminal. The terminal is restored whatever happens. With a
/// profile given its form is open.
///
/// # Errors
/// When the terminal does not obey.
pub fn ask(
    (runs, entries): (Vec<RunEntry>, Vec<ProfileEntry>),
    profile: Option<&str>,
    profiles: &dyn Profiles,
    config: &Config,
    signals: &Receiver<Signal>,
) -> io::Result<Chosen> {
    let _panics = PanicGuard::new();
    let mut screen = Tty::open()?;
    let input = Input::start()?;
    let keymap = config.keymap().unwrap_or_else(|_| Keymap::standard());
    let mut model = StartModel::new(runs, entries, config.theme(), screen.size()?);
    model.blank.keymap = keymap;
    if let Some(profile) = profile {
        model.set_up(profile, profiles);
    }
    loop {
        screen.show(|frame| view(&model, frame))?;
        let action = select! {
            recv(input.events) -> event => match event {
                Ok(event) => model.blank.keymap.of_event(model.scope(), event),
                Err(_) => Some(Action::InputLost),
            },
            recv(signals) -> signal => signal.ok().map(Action::Signal),
        };
        match action {
            Some(Action::Suspend) => {
                screen.suspend()?;
                let (columns, rows) = screen.size()?;
                model.update(Action::Resize(columns, rows), profiles);
            }
            Some(Action::Redraw) => screen.clear()?,
            Some(action) => model.update(action, profiles),
            None => {}
        }
        if let Some(chosen) = model.chosen.take() {
            return Ok(chosen);
        }
    }
}
