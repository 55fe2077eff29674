//! The commands given to the search: what, by whom, and what came of it.

use std::collections::VecDeque;

use super::Model;
use crate::search::{Command, CommandId, Event, Instruction};
use crate::text;

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Accepted, with what it did in words.
    Accepted(String),
    /// Refused, and why.
    Refused(String),
    /// Sent and not answered yet.
    Awaited,
}

/// A command with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The time of day; empty while it is not answered.
    pub time: String,
    /// The identifier that its sender gave it.
    pub id: Option<CommandId>,
    /// The command.
    pub command: Command,
    /// The answer.
    pub reply: Reply,
}

/// The beginning of the identifiers of commands given in the interface.
pub const INTERFACE: &str = "tui-";

impl Given {
    /// Who gave it: the interface, a script by its identifier, or the clock.
    pub fn by(&self) -> &str {
        match (&self.id, &self.command) {
            (Some(CommandId(id)), _) if id.starts_with(INTERFACE) => "interface",
            (Some(CommandId(id)), _) => id,
            (None, Command::TimeUp) => "time limit",
            (None, _) => "script",
        }
    }

    /// The line that gives it again to `--commands`.
    pub fn json(&self) -> Option<String> {
        serde_json::to_string(&self.command).ok()
    }
}

/// The commands answered, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandLog {
    answered: VecDeque<Given>,
}

impl CommandLog {
    const MOST: usize = 1_000;

    /// Takes in the answer to a command, if an event is one; the oldest ones go.
    pub fn apply(&mut self, event: &Event, time: &str) {
        let (id, command, reply) = match event {
            Event::CommandAccepted {
                id, command, note, ..
            } => (id, command, Reply::Accepted(note.clone())),
            Event::CommandRefused { id, command, why } => {
                (id, command, Reply::Refused(why.clone()))
            }
            _ => return,
        };
        if self.answered.len() == Self::MOST {
            self.answered.pop_front();
        }
        self.answered.push_back(Given {
            time: time.to_owned(),
            id: id.clone(),
            command: command.clone(),
            reply,
        });
    }
}

impl Model {
    /// The number of commands given.
    pub fn commands_given(&self) -> usize {
        self.commands.answered.len() + self.awaiting.len()
    }

    /// A command given: those answered first, then those that wait.
    pub fn command_given(&self, row: usize) -> Option<Given> {
        if let Some(answered) = self.commands.answered.get(row) {
            return Some(answered.clone());
        }
        let Instruction { id, command } = self
            .awaiting
            .get(row.checked_sub(self.commands.answered.len())?)?;
        Some(Given {
            time: String::new(),
            id: id.clone(),
            command: command.clone(),
            reply: Reply::Awaited,
        })
    }

    /// A command given with what came of it, in a line.
    pub fn command_line(&self, given: &Given) -> String {
        let command = text::command(&given.command, self.theme.symbols.marks());
        match &given.reply {
            Reply::Accepted(note) if note.is_empty() || *note == command => command,
            Reply::Accepted(note) => format!("{command}: {note}"),
            Reply::Refused(why) => format!("{command}, refused: {why}"),
            Reply::Awaited => format!("{command}, not answered yet"),
        }
    }
}
