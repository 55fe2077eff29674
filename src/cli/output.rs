//! Standard output and standard error. A reader who has left and a terminal that is gone are no
//! errors, nothing here panics, and no control character of a file or a name is written.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::{Context, Result};
use serde::Serialize;

/// The state of the reader of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Reader {
    /// Somebody can read it.
    There,
    /// The reader has left, as `head` does, or the terminal is gone.
    Gone,
}

/// Control characters, and those that turn the direction of what is shown after them.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without characters that steer a terminal but for line feeds and tabs: what a file says
/// must not move the cursor, colour, turn a line around or answer for the person.
fn harmless(text: &str) -> Cow<'_, str> {
    let harms = |c: char| steers(c) && c != '\n' && c != '\t';
    match text.contains(harms) {
        true => text.replace(harms, "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Writes to standard output.
///
/// # Errors
/// When it cannot be written, as to a full disk.
pub fn offer(text: &str) -> Result<Reader> {
    write(&harmless(text))
}

fn write(text: &str) -> Result<Reader> {
    let mut out = io::stdout().lock();
    heard(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
        .context("cannot write to standard output")
}

/// Writes an object as one line of JSON to standard output.
///
/// # Errors
/// As [`offer`].
pub fn offer_json(object: &impl Serialize) -> Result<Reader> {
    let mut line = serde_json::to_string(object)?;
    // JSON itself escapes those below the blank; the others are escaped here, which says the same.
    if line.contains(steers) {
        let escaped = |c: char| match steers(c) {
            true => format!("\\u{:04x}", u32::from(c)),
            false => c.to_string(),
        };
        line = line.chars().map(escaped).collect();
    }
    write(&(line + "\n"))
}

/// Writes to standard output, whether anybody reads it or not.
///
/// # Errors
/// As [`offer`].
pub fn print(text: &str) -> Result<()> {
    offer(text).map(|_| ())
}

/// Writes a line to standard output, whether anybody reads it or not.
///
/// # Errors
/// As [`offer`].
pub fn line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Writes an object as one line of JSON to standard output, whether anybody reads it or not.
///
/// # Errors
/// As [`offer`].
pub fn json_line(object: &impl Serialize) -> Result<()> {
    offer_json(object).map(|_| ())
}

/// Writes a result to standard output: as one line of JSON, or as text.
///
/// # Errors
/// As [`offer`].
pub fn show(json: bool, object: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
    match json {
        true => json_line(object),
        false => print(&text()),
    }
}

/// Writes a text to standard output, on a terminal broken at blanks and not inside words.
///
/// # Errors
/// As [`offer`].
pub fn words(text: &str) -> Result<()> {
    line(&wrapped(text, io::stdout().is_terminal()))
}

/// A text with its lines broken at blanks where they are wider than the terminal.
fn wrapped(text: &str, terminal: bool) -> String {
    let columns = crossterm::terminal::size().ok().filter(|_| terminal);
    match columns {
        Some((columns, _)) if columns > 20 => broken(text, usize::from(columns)),
        _ => text.to_owned(),
    }
}

/// A text with its lines broken at blanks where they are wider than so many columns.
fn broken(text: &str, columns: usize) -> String {
    let narrow = |line: &str| crate::tui::text::width(line) <= columns;
    let lines = text.lines().map(|line| match narrow(line) {
        true => line.to_owned(),
        false => crate::tui::text::wrap(line, columns).join("\n"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes a line to standard error, on a terminal broken at blanks, and into the log; a failure is
/// ignored.
pub fn note(text: &str) {
    let text = harmless(text);
    match text.starts_with("error: ") {
        true => tracing::error!("{text}"),
        false => tracing::info!("{text}"),
    }
    let text = wrapped(&text, io::stderr().is_terminal());
    let _ = io::stderr()
        .lock()
        .write_all(format!("{text}\n").as_bytes());
}

/// The message of an error with its causes, each one once: many messages include their cause.
pub fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn heard(written: io::Result<()>) -> io::Result<Reader> {
    match written {
        Ok(()) => Ok(Reader::There),
        Err(e) if is_gone(&e) => Ok(Reader::Gone),
        Err(e) => Err(e),
    }
}

/// True for an error of a reader or terminal that is gone.
pub fn is_gone(error: &io::Error) -> bool {
    /// The error of a closed terminal (EIO).
    const HUNG_UP: i32 = 5;
    error.kind() == ErrorKind::BrokenPipe || cfg!(unix) && error.raw_os_error() == Some(HUNG_UP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_not_written() {
        assert_eq!(harmless("a\tb\n"), "a\tb\n");
        assert_eq!(
            harmless("a\x1b[2J\r\u{9b}b"),
            "a\u{fffd}[2J\u{fffd}\u{fffd}b"
        );
    }

    #[test]
    fn causes_are_said_once() {
        let cause = io::Error::other("disk full");
        let told = anyhow::Error::new(cause).context("cannot save: disk full");
        assert_eq!(message(&told), "cannot save: disk full");
        let untold = anyhow::Error::new(io::Error::other("disk full")).context("cannot save");
        assert_eq!(message(&untold), "cannot save: disk full");
    }

    #[test]
    fn finding_smaller_lines_are_broken_at_blanks() {
        let text = "error: the file is no checkpoint\n  run  x";
        let told = broken(text, 20);
        assert_eq!(told, "error: the file is\nno checkpoint\n  run  x");
        assert_eq!(broken(text, 80), text, "what fits stays as it is");
    }

    #[test]
    fn only_a_reader_who_has_left_is_no_error() {
        let gone = heard(Err(ErrorKind::BrokenPipe.into()));
        assert!(matches!(gone, Ok(Reader::Gone)));
        assert!(matches!(heard(Ok(())), Ok(Reader::There)));
        assert!(heard(Err(ErrorKind::StorageFull.into())).is_err());
        #[cfg(unix)]
        assert!(matches!(
            heard(Err(io::Error::from_raw_os_error(5))),
            Ok(Reader::Gone)
        ));
    }
}
