//! Format 3 to 4: an undo was the opposite of the last command, given as another command, and
//! pauses could be undone, too. Now it puts the search back to where it was. In an earlier journal
//! the opposite takes the place of the undo, so that it means what it did.

use serde_json::{Value, json};

use crate::profile::{Constraint, ConstraintChange, Pin, Target};
use crate::search::{Command, Settings};

/// What undos of an earlier journal took back, command by command.
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// The opposites of the commands that may be taken back; none for those whose undo is the same
    /// as today's.
    opposites: Vec<Option<Command>>,
    constraint: Constraint,
    target: Option<Target>,
    pins: Vec<Pin>,
    /// Candidates proposed so far.
    candidates: u64,
}

impl Undone {
    pub fn upgrade_to_4(&mut self, line: &mut Value) {
        match line.get("type").and_then(Value::as_str) {
            Some("started") => {
                let settings = line.get("settings").cloned().unwrap_or_default();
                if let Ok(settings) = serde_json::from_value::<Settings>(settings) {
                    self.constraint = settings.constraint;
                    self.target = settings.target;
                    self.pins = settings.pins;
                }
            }
            Some("proposed") => self.candidates += 1,
            Some("command_accepted") => self.command(line),
            _ => {}
        }
    }

    fn command(&mut self, line: &mut Value) {
        let Ok(command) = serde_json::from_value::<Command>(line.clone()) else {
            return;
        };
        if command == Command::Undo {
            if let Some(Some(opposite)) = self.opposites.pop() {
                self.apply(&opposite);
                put(line, &opposite);
            }
            return;
        }
        let made = line.get("made").and_then(Value::as_u64);
        if command != Command::TimeUp {
            self.opposites.push(self.opposite(&command, made));
        }
        self.apply(&command);
    }

    fn opposite(&self, command: &Command, made: Option<u64>) -> Option<Command> {
        Some(match command {
            Command::Pause => Command::Resume,
            Command::Resume => Command::Pause,
            Command::Prune { candidate } => Command::ResumeBranch {
                candidate: *candidate,
            },
            Command::ResumeBranch { candidate } => Command::Prune {
                candidate: *candidate,
            },
            Command::Pin { pin } => self.previous(&pin.pattern),
            Command::Unpin { pattern } => self.previous(pattern),
            Command::Constrain { .. } => Command::Constrain {
                change: ConstraintChange::from(self.constraint),
            },
            // What was made by hand was pruned.
            Command::SetBits { .. } | Command::SetLayers { .. } => {
                let made = made.filter(|made| *made >= self.candidates)?;
                serde_json::from_value(json!({"command": "prune", "candidate": made})).ok()?
            }
            Command::Step | Command::Undo | Command::Redo | Command::Stop | Command::TimeUp => {
                return None;
            }
        })
    }

    fn previous(&self, pattern: &str) -> Command {
        match self.pins.iter().find(|pin| pin.pattern == pattern) {
            Some(pin) => Command::Pin { pin: pin.clone() },
            None => Command::Unpin {
                pattern: pattern.to_owned(),
            },
        }
    }

    fn apply(&mut self, command: &Command) {
        match command {
            Command::Constrain { change } => {
                self.constraint = change.of(self.constraint).on(self.target.as_ref());
            }
            Command::Pin { pin } => {
                self.pins.retain(|p| p.pattern != pin.pattern);
                self.pins.push(pin.clone());
            }
            Command::Unpin { pattern } => self.pins.retain(|p| &p.pattern != pattern),
            _ => {}
        }
    }
}

/// Puts a command in the place of the one of a line.
fn put(line: &mut Value, command: &Command) {
    let fields = serde_json::to_value(command).unwrap_or_default();
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.remove("made");
        line.extend(fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_undo_is_the_opposite_command() {
        let mut undone = Undone {
            candidates: 5,
            ..Undone::default()
        };
        let accepted = |command: Value| {
            let mut line = json!({"seq": 7, "type": "command_accepted", "note": "done"});
            line.as_object_mut()
                .expect("an object")
                .extend(command.as_object().expect("an object").clone());
            line
        };
        let given = [
            json!({"command": "pause"}),
            json!({"command": "pin", "pattern": "a.*", "min": 4, "max": 8}),
            json!({"command": "pin", "pattern": "a.*", "min": 6, "max": 8}),
            json!({"command": "constrain", "max_accuracy_drop": 3.0}),
            json!({"command": "set_bits", "candidate": 2, "group": {"level": "network"}, "bits": 4, "made": 5}),
            json!({"command": "prune", "candidate": 3}),
            json!({"command": "stop"}),
        ];
        for command in given {
            let before = accepted(command);
            let mut line = before.clone();
            undone.upgrade_to_4(&mut line);
            assert_eq!(line, before);
        }
        let opposites = [
            json!({"command": "undo"}),
            json!({"command": "resume_branch", "candidate": 3}),
            json!({"command": "prune", "candidate": 5}),
            json!({"command": "constrain", "max_accuracy_drop": 1.5, "max_memory": null,
                "max_evaluations": null, "max_seconds": null}),
            json!({"command": "pin", "pattern": "a.*", "min": 4, "max": 8}),
            json!({"command": "unpin", "pattern": "a.*"}),
            json!({"command": "resume"}),
        ];
        for opposite in opposites {
            let mut line = accepted(json!({"command": "undo"}));
            undone.upgrade_to_4(&mut line);
            assert_eq!(line, accepted(opposite));
        }
    }
}
