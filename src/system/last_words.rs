//! What is done when the process is about to end by a signal that nothing survives: the terminal
//! is given back, and a sentence says what happened.
//!
//! SIGABRT is how libtorch (`std::bad_alloc`), the C library and Rust (an allocation that failed,
//! a panic while panicking) end a process; SIGBUS is what reading a mapped file ends in that
//! another program has cut short; SIGSEGV, SIGILL and SIGFPE are faults of libtorch or of this
//! program. The handlers do only what POSIX allows in one: they write bytes that were prepared, set
//! the terminal to attributes that were saved, and let the signal end the process.
//!
//! Unsafe, because a signal handler must keep to that.
#![allow(unsafe_code, reason = "a signal handler")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// SIGABRT and SIGBUS with their sentences.
const SIGNALS: [(i32, &[u8]); 2] = [
    (
        signal_hook::consts::SIGABRT,
        b"error: aborted: libtorch or this program could not go on, most often because there was no \
          memory left (see the lines before); the journal of a run is intact: `aq4svit resume` \
          continues it, `aq4svit doctor` shows the memory at hand and its limits\n",
    ),
    (
        signal_hook::consts::SIGBUS,
        b"error: a file in use was cut short or its disk cannot be read (SIGBUS); the journal of a \
          run is intact: `aq4svit resume` continues it\n",
    ),
];

/// Faults of the processor with their sentences.
const FAULTS: [(i32, &[u8]); 5] = [
    (
        libc::SIGSEGV,
        b"error: libtorch or this program used memory that is not its own (SIGSEGV), which is a fault of \
          theirs: please report it; the journal of a run is intact: `aq4svit resume` continues it\n",
    ),
    (
        libc::SIGILL,
        b"error: this processor does not have an instruction that libtorch or this program was built with \
          (SIGILL): `aq4svit doctor` shows the processor; the journal of a run is intact\n",
    ),
    (
        libc::SIGFPE,
        b"error: a division that the processor cannot do, in libtorch or this program (SIGFPE), which is a \
          fault of theirs: please report it; the journal of a run is intact: `aq4svit resume` continues it\n",
    ),
    (
        libc::SIGSYS,
        b"error: this system does not allow a call of the program (SIGSYS), as under a strict seccomp filter; \
          the journal of a run is intact: `aq4svit resume` continues it\n",
    ),
    (
        libc::SIGTRAP,
        b"error: stopped as at a breakpoint (SIGTRAP); the journal of a run is intact: `aq4svit resume` \
          continues it\n",
    ),
];

/// What was to be done at a fault before, by its place in [`FAULTS`]: the standard library names a
/// stack that overflowed.
static BEFORE: [AtomicPtr<libc::sigaction>; FAULTS.len()] =
    [const { AtomicPtr::new(ptr::null_mut()) }; FAULTS.len()];

/// The most of what was said that is repeated: its end.
const MOST: u64 = 4096;

/// A terminal that was taken over, as the handler needs it.
pub(crate) struct TakenTerminal {
    /// The terminal.
    output: OwnedFd,
    input: OwnedFd,
    /// How it was set before; none where it did not say.
    attributes: Option<Termios>,
    /// What gives it back.
    sequences: Vec<u8>,
    /// Where standard output and error go meanwhile; none where they stay.
    said: Option<File>,
}

impl TakenTerminal {
    /// Standard input and output as they are set now, before they are taken over.
    ///
    /// # Errors
    /// Where there is no more file descriptor.
    pub(crate) fn before() -> io::Result<Self> {
        Ok(TakenTerminal {
            output: rustix::io::dup(rustix::stdio::stdout())?,
            input: rustix::io::dup(rustix::stdio::stdin())?,
            attributes: tcgetattr(rustix::stdio::stdin()).ok(),
            sequences: Vec::new(),
            said: None,
        })
    }

    /// From now on the handler gives the terminal back by these bytes, and then repeats what was
    /// said into a file.
    pub(crate) fn arm(mut self, sequences: Vec<u8>, said: Option<File>) {
        install();
        self.sequences = sequences;
        self.said = said;
        swap(Box::into_raw(Box::new(self)));
    }

    /// Gives the terminal back. Async-signal-safe: system calls alone.
    fn give_back(&self) {
        write(&self.output, &self.sequences);
        if let Some(attributes) = &self.attributes {
            let _ = tcsetattr(&self.input, OptionalActions::Now, attributes);
        }
        let Some(said) = &self.said else { return };
        let length = rustix::fs::fstat(said).map_or(0, |stat| stat.st_size as u64);
        let mut at = length.saturating_sub(MOST);
        let mut part = [0; 512];
        while let Ok(read @ 1..) = rustix::io::pread(said, &mut part, at) {
            write(&self.output, part.get(..read).unwrap_or_default());
            at += read as u64;
        }
    }
}

/// The terminal that is taken over. Whoever swaps it out owns it, the handler or [`disarm`].
static TAKEN: AtomicPtr<TakenTerminal> = AtomicPtr::new(ptr::null_mut());

fn swap(new: *mut TakenTerminal) {
    let old = TAKEN.swap(new, Ordering::AcqRel);
    if !old.is_null() {
        // SAFETY: it came from `Box::into_raw` in `arm`, and nobody else has it any more.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// The terminal has been given back.
pub(crate) fn disarm() {
    swap(ptr::null_mut());
}

/// From now on the signals are answered by a sentence.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, sentence) in SIGNALS {
            // SAFETY: `end` keeps to what a handler may do. Without a handler the process ends as
            // ever.
            let _ =
                unsafe { signal_hook::low_level::register(signal, move || end(signal, sentence)) };
        }
        for (at, (signal, _)) in FAULTS.into_iter().enumerate() {
            catch(at, signal);
        }
    });
}

/// Has [`fault`] called at a fault, on the stack that is set aside for handlers: the thread's own
/// may be what has overflowed.
fn catch(at: usize, signal: i32) {
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = fault;
    // SAFETY: plain data, for which zeros are valid: no flags, an empty mask.
    let (mut action, mut before) =
        unsafe { std::mem::zeroed::<(libc::sigaction, libc::sigaction)>() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: both point to valid actions, and `fault` keeps to what a handler may do.
    let done = unsafe { libc::sigaction(signal, &raw const action, &raw mut before) };
    if done == 0
        && let Some(place) = BEFORE.get(at)
    {
        // Never freed: a handler reads it.
        place.store(Box::into_raw(Box::new(before)), Ordering::Release);
    }
}

/// The handler of faults.
extern "C" fn fault(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let all = || FAULTS.iter().zip(&BEFORE);
    let Some(((_, sentence), before)) = all().find(|((number, _), _)| *number == signal) else {
        return;
    };
    say(sentence);
    let before = before.load(Ordering::Acquire);
    // SAFETY: the kernel hands a valid pointer, or none.
    let sent = unsafe { info.as_ref() }.is_none_or(|info| info.si_code <= 0);
    if sent || before.is_null() {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        return;
    }
    // The instruction fails once more, and then what was to be done before is done.
    // SAFETY: `before` came from `Box::into_raw` in `catch` and is never freed.
    let _ = unsafe { libc::sigaction(signal, before, ptr::null_mut()) };
}

/// The handler of signals.
fn end(signal: i32, sentence: &[u8]) {
    say(sentence);
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Gives the terminal back where it is taken over, and writes a sentence.
fn say(sentence: &[u8]) {
    let taken = TAKEN.swap(ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: it came from `Box::into_raw` in `arm`, nobody else has it any more, and it is never
    // freed, which a handler may not do.
    match unsafe { taken.as_ref() } {
        Some(taken) => {
            taken.give_back();
            write(&taken.output, sentence);
        }
        None => write(rustix::stdio::stderr(), sentence),
    }
}

/// Writes all of it, or as much as is taken.
fn write(to: impl AsFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(written @ 1..) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}
