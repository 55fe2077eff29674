//! Undo: what takes a command back, noted when it is accepted.

use super::{CandidateId, Command, Tree};
use crate::profile::ConstraintChange;

/// An accepted command that may be taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Undoable {
    /// The command.
    pub command: Command,
    /// What takes it back.
    pub(super) inverse: Inverse,
}

/// What takes a command back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Inverse {
    /// Another command.
    Command(Command),
    /// The search goes on as if it had not been stopped; it may have been paused then.
    GoOn { paused: bool },
    /// The candidate is judged no more; it is pruned where the command made it.
    Withdraw { candidate: CandidateId, made: bool },
}

impl Tree {
    /// What would take a command back that is accepted now; none for what is not taken back.
    pub(super) fn inverse(
        &self,
        command: &Command,
        candidate: Option<CandidateId>,
    ) -> Option<Inverse> {
        let inverse = match command {
            Command::Pause => Command::Resume,
            Command::Resume => Command::Pause,
            Command::Prune { candidate } => Command::ResumeBranch {
                candidate: *candidate,
            },
            Command::ResumeBranch { candidate } => Command::Prune {
                candidate: *candidate,
            },
            Command::Pin { pin } => self.previous_pin(&pin.pattern),
            Command::Unpin { pattern } => self.previous_pin(pattern),
            Command::Constrain { .. } => Command::Constrain {
                change: ConstraintChange::from(self.constraint),
            },
            Command::SetBits { .. } | Command::SetLayers { .. } => {
                let candidate = candidate?;
                let made = self.get(candidate).is_none();
                return Some(Inverse::Withdraw { candidate, made });
            }
            Command::Stop => {
                return Some(Inverse::GoOn {
                    paused: self.paused,
                });
            }
            Command::Undo | Command::TimeUp => return None,
        };
        Some(Inverse::Command(inverse))
    }

    /// Sets or removes the pin of a pattern as it is now.
    fn previous_pin(&self, pattern: &str) -> Command {
        match self.pins.iter().find(|p| p.pattern == pattern) {
            Some(pin) => Command::Pin { pin: pin.clone() },
            None => Command::Unpin {
                pattern: pattern.to_owned(),
            },
        }
    }
}
