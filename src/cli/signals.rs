//! The signals of the process as messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, unbounded};
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
};
use signal_hook::iterator;

use super::{INTERRUPTED, output};
use crate::evaluate::Cancel;
use crate::tui::Signal;

/// The signals that ask a process to end, and those of timers and limits that would end it.
/// (SIGUSR1, SIGUSR2 and SIGXCPU are what batch systems send before a job's time is over; SIGPWR
/// what an uninterruptible power supply may; those of real time are anybody's.)
fn all() -> Vec<i32> {
    let named = [
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, XCPU, SIGALRM, SIGVTALRM, SIGPROF, XFSZ,
    ];
    #[cfg(target_os = "linux")]
    let others = [libc::SIGPWR, libc::SIGSTKFLT, libc::SIGIO]
        .into_iter()
        .chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
    #[cfg(not(target_os = "linux"))]
    let others = [];
    named.into_iter().chain(others).collect()
}

/// SIGXCPU of Linux and macOS, which signal-hook does not name.
const XCPU: i32 = 24;
/// SIGXFSZ of the same: a file has reached its limit (`ulimit -f`).
const XFSZ: i32 = 25;

/// The signals of this process. Until they are watched, each ends the process with 130 at once,
/// because there is nothing to clean up yet.
#[derive(Debug)]
pub(crate) struct Signals {
    watched: Arc<AtomicBool>,
    receiver: Receiver<Signal>,
}

impl Signals {
    /// From now on signals do not end the process by themselves.
    pub fn catch() -> Result<Self> {
        #[cfg(unix)]
        crate::system::install();
        let mut signals = iterator::Signals::new(all()).context("cannot catch signals")?;
        let (sender, receiver) = unbounded();
        let watched = Arc::new(AtomicBool::new(false));
        let is_watched = Arc::clone(&watched);
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    // The write that was too much is an error that names its file.
                    if signal == XFSZ {
                        continue;
                    }
                    if !is_watched.load(Ordering::Acquire) {
                        output::note("interrupted");
                        // At once: other threads are at work, and destructors would pull things
                        // from under them.
                        signal_hook::low_level::exit(i32::from(INTERRUPTED));
                    }
                    let signal = match signal {
                        SIGINT => Signal::Interrupt,
                        _ => Signal::Terminate,
                    };
                    if sender.send(signal).is_err() {
                        break;
                    }
                }
            })
            .context("cannot catch signals")?;
        Ok(Signals { watched, receiver })
    }

    /// Watches the signals: the first one cancels an evaluation.
    pub fn cancel(&self) -> Cancel {
        let (signals, cancel) = (self.watch(), Cancel::default());
        let on_signal = cancel.clone();
        std::thread::spawn(move || signals.recv().map(|_| on_signal.cancel()));
        cancel
    }

    /// From now on they arrive here.
    pub fn watch(&self) -> Receiver<Signal> {
        self.watched.store(true, Ordering::Release);
        self.receiver.clone()
    }

    /// From now on signals end the process again.
    pub fn unwatch(&self) {
        self.watched.store(false, Ordering::Release);
    }
}
