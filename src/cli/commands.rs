//! `--commands FILE`: steering without the interface, one JSON object per line.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::Serialize;

use super::front::Front;
use crate::run::{ScheduledCommand, Script};

/// The largest length of a command in bytes.
const LONGEST: u64 = 64 << 10;
/// The interval at which a file is read for new lines.
const LOOK: Duration = Duration::from_millis(100);

const LONG: &str = "\
Apply commands from a file, one JSON object per line, as they arrive (- is standard input); needs --headless or --json

A named pipe and a file that grows are read on until the search ends. Each command is acknowledged by an event, \
command_accepted or command_refused. With \"after\":N a command waits until the journal holds N events (their `seq`); \
lines wait for those before them. So a script steers at the same moment on every machine. While the search waits for a \
command, the next line is applied at once. A line that is no command is reported with its number, and the search continues. \
Empty lines and lines that begin with # are passed over. One line for each form:

{\"command\":\"pause\"}
{\"command\":\"resume\"}
{\"command\":\"prune\",\"candidate\":3}
{\"command\":\"resume_branch\",\"candidate\":3}
{\"command\":\"set_bits\",\"candidate\":0,\"group\":{\"level\":\"layer\",\"name\":\"head\"},\"bits\":4}
{\"command\":\"set_bits\",\"candidate\":0,\"group\":{\"level\":\"network\"},\"bits\":4}
{\"command\":\"set_layers\",\"candidate\":0,\"bits\":{\"head\":4,\"patch_embed1.proj_conv\":6}}
{\"command\":\"pin\",\"pattern\":\"patch_embed1.*\",\"min\":4,\"max\":8}
{\"command\":\"pin\",\"pattern\":\"*.q_conv\",\"widths\":[4,8]}
{\"command\":\"unpin\",\"pattern\":\"patch_embed1.*\"}
{\"command\":\"constrain\",\"max_accuracy_drop\":2.0,\"max_memory\":\"96KiB\"}
{\"command\":\"constrain\",\"max_memory\":null}
{\"command\":\"step\"}
{\"command\":\"undo\"}
{\"command\":\"redo\"}
{\"command\":\"time_up\"}
{\"command\":\"stop\",\"after\":120}";

/// `--commands`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CommandArgs {
    /// Apply commands from a file, one JSON object per line, as they arrive (- is standard input)
    #[arg(long, value_name = "FILE", requires = "lines", long_help = LONG)]
    commands: Option<PathBuf>,
}

/// What is wrong with a line, or with the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "command_error")]
pub(crate) struct ScriptError {
    /// The line, from 1.
    line: usize,
    /// What is wrong.
    why: String,
}

impl ScriptError {
    /// Of an order that the search ended without.
    pub fn unobeyed(order: &ScheduledCommand) -> Self {
        let why = format!("the search ended before its event {}", order.after);
        let line = order.line;
        ScriptError { line, why }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--commands, line {}: {}", self.line, self.why)
    }
}

impl CommandArgs {
    /// True where commands are given.
    pub fn is_given(&self) -> bool {
        self.commands.is_some()
    }

    /// The script with the commands in the file now, the errors of its lines, and a thread that
    /// reads on. Without `--commands` both are empty; in the interface somebody steers.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    pub fn open(&self, front: Front) -> Result<(Script, Receiver<ScriptError>)> {
        let (script_errors, script_errors_out) = unbounded();
        let Some(path) = &self.commands else {
            let script = match front {
                Front::Interactive => Script::interactive(),
                Front::Lines | Front::Json => Script::default(),
            };
            return Ok((script, script_errors_out));
        };
        let (orders, orders_out) = unbounded();
        let mut lines = Lines {
            number: 0,
            orders,
            script_errors,
        };
        let told = format!("--commands {}", path.display());
        let source = Source::of(path).with_context(|| told.clone())?;
        // A file has no end that could be waited for.
        let awaited = !matches!(source, Source::File(_));
        let reading = match source {
            Source::Input => reading(move || lines.read(io::stdin().lock(), false)),
            Source::Pipe(path) => reading(move || {
                // Each writer's end is only the end of that writer.
                while let Ok(file) = File::open(&path) {
                    if lines.read(BufReader::new(file), false).is_err() {
                        break;
                    }
                }
                Ok(())
            }),
            Source::File(file) => {
                let mut file = BufReader::new(file);
                // What is there already is known before the search begins.
                lines.read(&mut file, false).with_context(|| told.clone())?;
                reading(move || lines.read(file, true))
            }
        };
        reading.context(told)?;
        let known = orders_out.try_iter().collect();
        let script = Script::new(known, orders_out);
        let script = if awaited { script.awaited() } else { script };
        Ok((script, script_errors_out))
    }
}

enum Source {
    Input,
    Pipe(PathBuf),
    File(File),
}

impl Source {
    fn of(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Source::Input);
        }
        let kind = std::fs::metadata(path)?.file_type();
        if kind.is_dir() {
            bail!("it is a folder");
        }
        // Opening a pipe waits for somebody who writes: that is left to the thread that reads.
        match kind.is_file() {
            true => Ok(Source::File(File::open(path)?)),
            false => Ok(Source::Pipe(path.to_owned())),
        }
    }
}

/// A thread that reads until there is no more. It is not joined: it may be waiting for input for
/// ever.
fn reading(read: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let named = thread::Builder::new().name("commands".into());
    named.spawn(read).map(|_| ())
}

/// Lines read so far, and where they go.
struct Lines {
    number: usize,
    orders: Sender<ScheduledCommand>,
    script_errors: Sender<ScriptError>,
}

impl Lines {
    /// Takes all lines up to the end, also a last one without a newline. A file that is followed
    /// has no end: its further lines are waited for.
    fn read(&mut self, mut source: impl BufRead, follow: bool) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            let space = LONGEST.saturating_sub(line.len() as u64);
            let read = (&mut source).take(space).read_until(b'\n', &mut line)?;
            if space == 0 {
                skip_line(&mut source)?;
            }
            match read {
                0 if space > 0 && follow => thread::sleep(LOOK),
                0 if space > 0 && line.is_empty() => return Ok(()),
                0 => self.take(&std::mem::take(&mut line), space > 0)?,
                _ if line.ends_with(b"\n") => self.take(&std::mem::take(&mut line), true)?,
                _ => {}
            }
        }
    }

    /// # Errors
    /// When the receiver is gone.
    fn take(&mut self, line: &[u8], whole: bool) -> io::Result<()> {
        self.number += 1;
        let parsed = match (whole, std::str::from_utf8(line)) {
            (false, _) => Err(format!("longer than {LONGEST} bytes")),
            (true, Err(_)) => Err("not UTF-8".to_owned()),
            (true, Ok(text)) => ScheduledCommand::parse(self.number, text),
        };
        let sent = match parsed {
            Ok(None) => return Ok(()),
            Ok(Some(order)) => self.orders.send(order).is_ok(),
            Err(why) => {
                let line = self.number;
                self.script_errors.send(ScriptError { line, why }).is_ok()
            }
        };
        sent.then_some(())
            .ok_or_else(|| ErrorKind::BrokenPipe.into())
    }
}

fn skip_line(source: &mut impl BufRead) -> io::Result<()> {
    loop {
        let read = source.fill_buf()?;
        let end = read.iter().position(|b| *b == b'\n');
        let (used, done) = (
            end.map_or(read.len(), |i| i + 1),
            end.is_some() || read.is_empty(),
        );
        source.consume(used);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> (Vec<ScheduledCommand>, Vec<ScriptError>) {
        let (orders, orders_out) = unbounded();
        let (script_errors, script_errors_out) = unbounded();
        let mut lines = Lines {
            number: 0,
            orders,
            script_errors,
        };
        lines.read(text, false).expect("a text");
        (
            orders_out.try_iter().collect(),
            script_errors_out.try_iter().collect(),
        )
    }

    #[test]
    fn every_form_in_the_help_is_a_command() {
        use clap::CommandFactory;
        let mut command = super::super::Cli::command();
        let search = command.find_subcommand_mut("search").expect("there");
        let help = search.render_long_help().to_string();
        let forms: Vec<&str> = help
            .lines()
            .map(str::trim)
            .filter(|l| l.starts_with('{'))
            .collect();
        assert!(forms.len() >= 9, "{help}");
        for form in &forms {
            assert!(
                matches!(ScheduledCommand::parse(1, form), Ok(Some(_))),
                "{form}"
            );
        }
        // serde names all commands when it refuses one: each has its example.
        let unknown = ScheduledCommand::parse(1, r#"{"command":"?"}"#).expect_err("no command");
        let (_, known) = unknown.split_once("expected").expect("serde's words");
        for name in known.split('`').skip(1).step_by(2) {
            let form = format!("\"command\":\"{name}\"");
            assert!(
                forms.iter().any(|f| f.contains(&form)),
                "{name} has no example"
            );
        }
    }

    #[test]
    fn bad_lines_are_named_and_passed_over() {
        let long = vec![b'x'; 3 * LONGEST as usize];
        let text = [
            &b"{\"command\":\"pause\"}\n\n# note\nnonsense\n\xff\n"[..],
            &long,
            b"\n{\"command\":\"stop\"}",
        ]
        .concat();
        let (orders, script_errors) = read(&text);
        let lines: Vec<usize> = orders.iter().map(|o| o.line).collect();
        assert_eq!(lines, [1, 7]);
        let bad: Vec<usize> = script_errors.iter().map(|c| c.line).collect();
        assert_eq!(bad, [4, 5, 6]);
        let line = serde_json::to_value(&script_errors[0]).expect("plain data");
        assert_eq!(
            (&line["type"], &line["line"]),
            (&"command_error".into(), &4.into())
        );
    }
}
