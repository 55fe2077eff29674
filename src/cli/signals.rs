//! Signals as messages.

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, unbounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::tui::Signal;

/// From now on SIGINT, SIGTERM and SIGHUP arrive here instead of ending the process.
pub(crate) fn catch() -> Result<Receiver<Signal>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot catch signals")?;
    let (sender, receiver) = unbounded();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                let signal = if signal == SIGINT {
                    Signal::Interrupt
                } else {
                    Signal::Terminate
                };
                if sender.send(signal).is_err() {
                    break;
                }
            }
        })?;
    Ok(receiver)
}
