//! The real terminal: set up, restored whatever happens, its input read on a thread of its own.

use std::fs::File;
use std::io::{self, BufWriter, Write, stdout};
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use crossterm::cursor::Show;
use crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
    Event,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

mod quiet;

use super::Action;
use super::model::Model;
use super::screen::Screen;
use super::view::view;
use crate::system::{crash, fault};

/// The terminal of this process, in its alternate screen until dropped.
pub struct Tty {
    /// Never dropped: ratatui would print to standard error where the cursor cannot be shown, and
    /// that panics when the terminal is gone. The cursor is shown by [`leave`].
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<File>>>>,
}

impl Tty {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When the terminal does not obey; it is then as it was.
    pub fn open() -> io::Result<Self> {
        let own = quiet::own_output()?;
        let opened =
            enter().and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::new(own))));
        match opened {
            Ok(terminal) => Ok(Tty {
                terminal: ManuallyDrop::new(terminal),
            }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }
}

impl Tty {
    /// Draws a frame at once.
    ///
    /// # Errors
    /// When the terminal does not take it.
    pub fn show(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        // One frame at once: a terminal over ssh would show it torn otherwise.
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(draw).map(|_| ());
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        drawn
    }
}

impl Screen for Tty {
    fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    fn draw(&mut self, model: &Model) -> io::Result<()> {
        self.show(|frame| view(model, frame))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        let copy = crossterm::clipboard::CopyToClipboard::to_clipboard_from(text);
        execute!(self.terminal.backend_mut(), copy)?;
        self.terminal.backend_mut().flush()
    }

    /// Not [`Terminal::clear`], which asks the terminal where its cursor is: over a slow line, or
    /// where standard output is set aside, no answer comes.
    fn clear(&mut self) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), Clear(ClearType::All))?;
        // What was drawn is forgotten: both buffers are blank then.
        self.terminal.swap_buffers();
        Ok(())
    }

    #[cfg(unix)]
    fn suspend(&mut self) -> io::Result<()> {
        use signal_hook::consts::SIGTSTP;
        leave();
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        enter()?;
        self.clear()
    }

    #[cfg(not(unix))]
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        leave();
    }
}

fn enter() -> io::Result<()> {
    #[cfg(unix)]
    let before = crate::system::TakenTerminal::before()?;
    enable_raw_mode()?;
    execute!(
        stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableMouseCapture
    )?;
    quiet::begin()?;
    // A process that is aborted gives the terminal back, too.
    #[cfg(unix)]
    {
        let mut sequences = Vec::new();
        give_back(&mut sequences)?;
        before.arm(sequences, quiet::said());
    }
    Ok(())
}

/// Writes what gives a terminal back.
fn give_back(to: &mut impl Write) -> io::Result<()> {
    queue!(
        to,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    )
}

/// Gives the terminal back. Every step is tried: errors cannot be shown any more.
fn leave() {
    let said = quiet::end();
    let _ = give_back(&mut stdout());
    let _ = stdout().flush();
    let _ = disable_raw_mode();
    #[cfg(unix)]
    crate::system::disarm();
    let _ = io::stderr().write_all(&said);
}

/// Terminal events from a thread of their own, so that a key is taken at once however busy the
/// processor is.
pub struct Input {
    /// The events; closed when the terminal gives no more.
    pub events: Receiver<Event>,
    stop: Arc<AtomicBool>,
    /// Closed when the thread ends.
    ended: Receiver<()>,
}

impl Input {
    /// Starts reading.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let (send, events) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (end, ended) = bounded(0);
        thread::Builder::new()
            .name(String::from(INPUT))
            .spawn(move || {
                let _closed_at_the_end: Sender<()> = end;
                // [`PanicGuard`] tells of a panic; reading goes on.
                let read = || catch_unwind(AssertUnwindSafe(|| read(&send, &stopped)));
                let _ = (0..PANICS).any(|_| read().is_ok());
            })?;
        Ok(Input {
            events,
            stop,
            ended,
        })
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // No longer than a few waits: crossterm never comes back from reading a terminal that has
        // gone away.
        let _ = self.ended.recv_timeout(4 * WAIT);
    }
}

/// True where the terminal of standard input has been closed, whether or not SIGHUP says so.
pub fn is_gone() -> bool {
    #[cfg(unix)]
    let gone = matches!(
        rustix::termios::tcgetattr(rustix::stdio::stdin()),
        Err(rustix::io::Errno::IO)
    );
    #[cfg(not(unix))]
    let gone = false;
    gone
}

/// The name of the thread.
const INPUT: &str = "terminal input";
/// The most panics while reading; after that many the interface ends as if the terminal were gone.
const PANICS: u32 = 8;
/// Only to notice the end; an event wakes the thread at once.
const WAIT: Duration = Duration::from_millis(50);

fn read(send: &Sender<Event>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let sent = match event::poll(WAIT) {
            Ok(false) => continue,
            Ok(true) => event::read().map(|event| {
                fault::AT_KEY.perhaps();
                send.send(event).is_ok()
            }),
            Err(error) => Err(error),
        };
        if !sent.unwrap_or(false) {
            return;
        }
    }
}

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// What a panic does while the terminal is taken over: in this thread it gives the terminal back
/// before the message is printed; in any other it prints nothing (the screen would be smeared) and
/// sends the message here.
pub struct PanicGuard {
    /// What panics in other threads mean to the interface.
    pub messages: Receiver<Action>,
    previous: Arc<Hook>,
}

impl PanicGuard {
    /// Takes over from the hook there was.
    pub fn new() -> Self {
        let (send, messages) = unbounded();
        let previous: Arc<Hook> = Arc::from(panic::take_hook());
        let (chained, here) = (Arc::clone(&previous), thread::current().id());
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == here {
                leave();
                chained(info);
            } else {
                let said = crash::describe(info);
                let said = match crash::report(info) {
                    Some(report) => format!("{said}; {report}"),
                    None => said,
                };
                let _ = send.send(match thread::current().name() {
                    Some(INPUT) => Action::KeyLost(said),
                    _ => Action::Panicked(said),
                });
            }
        }));
        PanicGuard { messages, previous }
    }
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        // A panicking thread may not change the hook; the process is about to end then.
        if !thread::panicking() {
            let previous = Arc::clone(&self.previous);
            panic::set_hook(Box::new(move |info| previous(info)));
        }
    }
}
