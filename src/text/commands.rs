//! Commands as text.

use super::Marks;
use super::numbers::{bytes, count};
use crate::profile::ConstraintChange;
use crate::search::Command;

/// The text of a command.
pub fn command(command: &Command, marks: Marks) -> String {
    match command {
        Command::Pause => String::from("pause"),
        Command::Resume => String::from("resume"),
        Command::Prune { candidate } => format!("prune {candidate}"),
        Command::ResumeBranch { candidate } => format!("resume branch {candidate}"),
        Command::SetBits { candidate, change } => {
            format!(
                "set {} {} {} on {candidate}",
                change.group, marks.arrow, change.bits
            )
        }
        Command::SetLayers { candidate, bits } => {
            let (count, plural) = (bits.len(), if bits.len() == 1 { "" } else { "s" });
            format!("set {count} layer{plural} on {candidate}")
        }
        Command::Pin { pin } => format!("pin {} at {}", pin.pattern, pin.describe()),
        Command::Unpin { pattern } => format!("unpin {pattern}"),
        Command::Constrain { change } => constrain(change),
        Command::Step => String::from("step"),
        Command::Undo => String::from("undo"),
        Command::Redo => String::from("redo"),
        Command::Stop => String::from("stop"),
        Command::TimeUp => String::from("time limit reached"),
    }
}

fn constrain(change: &ConstraintChange) -> String {
    let limit = |n: Option<String>| n.unwrap_or_else(|| String::from("any"));
    let parts = [
        change
            .max_accuracy_drop
            .map(|d| format!("accuracy drop {d}")),
        change
            .max_memory
            .map(|n| format!("memory {}", limit(n.map(bytes)))),
        change
            .max_evaluations
            .map(|n| format!("evaluations {}", limit(n.map(count)))),
        change
            .max_seconds
            .map(|n| format!("seconds {}", limit(n.map(|n| n.to_string())))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("constrain {}", parts.join(", "))
}
