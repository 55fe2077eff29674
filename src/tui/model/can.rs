//! What can be done now.

use super::Model;
use crate::search::Command;
use crate::text;

impl Model {
    /// True while commands are taken: also once the search has finished, because they open it
    /// again.
    pub fn can_steer(&self) -> bool {
        self.activity.failed.is_none() && self.replay.is_none()
    }

    /// What an undo takes back, in a few words.
    pub fn undone_next(&self) -> Option<String> {
        let last = self.tree.undoable.last()?;
        Some(self.command_text(&last.command))
    }

    /// What a redo does again, in a few words.
    pub fn redone_next(&self) -> Option<String> {
        Some(self.command_text(self.tree.redoable.last()?))
    }

    fn command_text(&self, command: &Command) -> String {
        text::command(command, self.theme.symbols.marks())
    }
}
