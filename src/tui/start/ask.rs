//! The loop of the start screen in this process's terminal.

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, select};

use super::{Chosen, Profiles, StartModel, view};
use crate::tui::terminal::{Input, PanicGuard, Tty, is_gone};
use crate::tui::{Action, Screen, Signal};

/// The interval in which it is looked whether there still is a terminal: nothing is drawn where
/// nothing happens, and reading from one that is gone never ends.
const LOOK: Duration = Duration::from_millis(500);

/// Asks what to do, in this process's terminal. The terminal is restored whatever happens. What is
/// typed and chosen stays in the model: where it cannot be done, it is asked again.
///
/// # Errors
/// When the terminal does not obey.
pub fn ask(
    model: &mut StartModel,
    profiles: &dyn Profiles,
    signals: &Receiver<Signal>,
) -> io::Result<Chosen> {
    let _panics = PanicGuard::new();
    let mut screen = Tty::open()?;
    let input = Input::start()?;
    model.blank.size = screen.size()?;
    let mut changed = true;
    loop {
        if changed {
            screen.show(|frame| view(model, frame))?;
        }
        changed = true;
        let action = select! {
            recv(input.events) -> event => match event {
                Ok(event) => model.blank.keymap.of_event(model.scope(), event),
                Err(_) => Some(Action::InputLost),
            },
            recv(signals) -> signal => signal.ok().map(Action::Signal),
            default(LOOK) => {
                if !is_gone() {
                    changed = false;
                    continue;
                }
                Some(Action::InputLost)
            },
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
