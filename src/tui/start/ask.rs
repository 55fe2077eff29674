//! The loop of the start screen in this process's terminal.

use std::io;

use crossbeam_channel::{Receiver, select};

use super::{Chosen, Profiles, StartModel, view};
use crate::tui::terminal::{Input, PanicGuard, Tty};
use crate::tui::{Action, Screen, Signal};

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
    loop {
        screen.show(|frame| view(model, frame))?;
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
