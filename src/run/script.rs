//! Commands given in advance, or line by line while the search runs, each from a moment of the
//! search on.

use std::collections::VecDeque;

use crossbeam_channel::{Receiver, TryRecvError};
use serde_json::Value;

use crate::search::{Command, CommandId, Instruction};

/// A command, and when it is obeyed.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledCommand {
    /// The line it was given on, from 1.
    pub line: usize,
    /// The number of events in the journal from which on it is obeyed, before any further outcome;
    /// 0 for at once.
    pub after: u64,
    /// What is to be done.
    pub command: Instruction,
}

impl ScheduledCommand {
    /// Reads a line of JSON: a command as the journal writes it, and `after` where it is to wait.
    /// None for an empty line and for one that begins with `#`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(line: usize, text: &str) -> Result<Option<ScheduledCommand>, String> {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let mut value: Value = serde_json::from_str(text).map_err(|e| format!("no JSON: {e}"))?;
        let Some(fields) = value.as_object_mut() else {
            return Err(format!("expected an object such as {EXAMPLE}"));
        };
        let after = match fields.remove("after") {
            None => 0,
            Some(after) => after
                .as_u64()
                .ok_or("`after` must be a whole number of journal events")?,
        };
        let id = match fields.remove("id") {
            None => None,
            Some(Value::String(id)) => Some(CommandId(id)),
            Some(_) => return Err("`id` must be a string".into()),
        };
        if !fields.contains_key("command") {
            return Err(format!("no `command`: write for example {EXAMPLE}"));
        }
        let given: Vec<String> = fields.keys().cloned().collect();
        let command: Command = serde_json::from_value(value).map_err(|e| e.to_string())?;
        let known = serde_json::to_value(&command).map_err(|e| e.to_string())?;
        match given.iter().find(|field| known.get(field).is_none()) {
            Some(field) => Err(format!("`{field}` means nothing to this command")),
            None => Ok(Some(ScheduledCommand {
                line,
                after,
                command: Instruction { id, command },
            })),
        }
    }
}

const EXAMPLE: &str = r#"{"command":"pause"}"#;

/// Orders in the sequence in which they are obeyed: one waits for those before it.
#[derive(Debug, Default)]
pub struct Script {
    waiting: VecDeque<ScheduledCommand>,
    more: Option<Receiver<ScheduledCommand>>,
    /// True where commands come from nowhere else.
    alone: bool,
    /// True where commands are waited for before a run is taken to stay finished.
    awaited: bool,
    /// True where somebody steers who may open the search again once it has finished.
    stays: bool,
}

impl Script {
    /// Orders that are known, and those that may come. There are no other commands: a search that
    /// they leave paused goes on when they have ended.
    pub fn new(known: Vec<ScheduledCommand>, more: Receiver<ScheduledCommand>) -> Self {
        Script {
            waiting: known.into(),
            more: Some(more),
            alone: true,
            ..Script::default()
        }
    }

    /// The same where a run that had finished before it was resumed waits for the orders that may
    /// come, until one of them opens it again or they have ended.
    pub fn awaited(self) -> Self {
        Script {
            awaited: true,
            ..self
        }
    }

    /// No orders; but somebody holds the run's [`Handle`](super::Handle) and steers: a run that has
    /// finished waits for what opens it again, until it is stopped.
    pub fn interactive() -> Self {
        Script {
            stays: true,
            ..Script::default()
        }
    }

    /// True where a run that has finished waits for commands.
    pub(super) fn stays(&self, resumed_finished: bool) -> bool {
        self.stays || (resumed_finished && self.awaited && self.more.is_some())
    }

    /// Where new scheduled arrive; none once they have ended.
    pub(super) fn more(&self) -> Option<&Receiver<ScheduledCommand>> {
        self.more.as_ref()
    }

    /// Takes an order from [`Script::more`], or its end.
    pub(super) fn take(&mut self, order: Option<ScheduledCommand>) {
        match order {
            Some(order) => self.waiting.push_back(order),
            None => self.more = None,
        }
    }

    /// Takes what has arrived.
    pub(super) fn refill(&mut self) {
        loop {
            match self.more.as_ref().map(Receiver::try_recv) {
                Some(Ok(order)) => self.waiting.push_back(order),
                Some(Err(TryRecvError::Disconnected)) => self.more = None,
                Some(Err(TryRecvError::Empty)) | None => return,
            }
        }
    }

    /// The next command if the journal holds enough events. A search that waits for a command comes
    /// to no further event by itself: then the next one is due, whatever its `after`.
    pub(super) fn due(&mut self, events: u64, waits: bool) -> Option<Instruction> {
        let next = self.waiting.front()?;
        (waits || next.after <= events)
            .then(|| self.waiting.pop_front())
            .flatten()
            .map(|order| order.command)
    }

    /// The number of events at which the next order is due.
    pub(super) fn next(&self) -> Option<u64> {
        self.waiting.front().map(|order| order.after)
    }

    /// True when no command can resume a paused search any more.
    pub(super) fn is_over(&self) -> bool {
        self.alone && self.more.is_none() && self.waiting.is_empty()
    }

    /// Orders that were never obeyed.
    pub(super) fn rest(self) -> Vec<ScheduledCommand> {
        self.waiting.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::CandidateId;

    #[test]
    fn lines_are_orders() {
        let parse = |text| ScheduledCommand::parse(3, text);
        assert_eq!(parse("  "), Ok(None));
        assert_eq!(parse("# a note"), Ok(None));
        let candidate = CandidateId(4);
        assert_eq!(
            parse(r#"{"after":17,"command":"prune","candidate":4}"#),
            Ok(Some(ScheduledCommand {
                line: 3,
                after: 17,
                command: Command::Prune { candidate }.into()
            }))
        );
        assert_eq!(
            parse(r#"{"id":"mine-1","command":"pause"}"#),
            Ok(Some(ScheduledCommand {
                line: 3,
                after: 0,
                command: Instruction {
                    id: Some(CommandId("mine-1".into())),
                    command: Command::Pause
                }
            }))
        );
        for (text, part) in [
            ("pause", "no JSON"),
            ("[]", "an object"),
            (r#"{"cmd":"pause"}"#, "no `command`"),
            (r#"{"command":"puase"}"#, "unknown variant `puase`"),
            (r#"{"command":"prune"}"#, "candidate"),
            (
                r#"{"command":"pause","candidate":1}"#,
                "`candidate` means nothing",
            ),
            (r#"{"command":"pause","after":-1}"#, "whole number"),
            (r#"{"command":"pause","id":7}"#, "`id` must be a string"),
            (
                r#"{"command":"set_bits","candidate":0,"group":{"level":"network"},"bits":9}"#,
                "9",
            ),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn orders_wait_for_their_moment_and_for_those_before() {
        let order = |after, command: Command| ScheduledCommand {
            line: 1,
            after,
            command: command.into(),
        };
        let (sender, receiver) = crossbeam_channel::unbounded();
        let mut script = Script::new(vec![order(5, Command::Pause)], receiver);
        sender.send(order(0, Command::Resume)).expect("open");
        drop(sender);
        script.refill();
        assert_eq!(script.due(4, false), None);
        assert_eq!(script.next(), Some(5));
        assert_eq!(script.due(5, false), Some(Command::Pause.into()));
        assert!(!script.is_over());
        assert_eq!(script.due(5, false), Some(Command::Resume.into()));
        assert!(script.is_over());
        // A search that waits gets the next order at once.
        script.take(Some(order(900, Command::Stop)));
        assert_eq!(script.due(6, true), Some(Command::Stop.into()));
    }
}
