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
        let (done, _) = self.stacks();
        Some(self.command_text(done.last()?))
    }

    /// What a redo does again, in a few words.
    pub fn redone_next(&self) -> Option<String> {
        let (_, undone) = self.stacks();
        Some(self.command_text(undone.last()?))
    }

    /// The commands that undo and redo would take, the next one last, once what is sent is
    /// answered.
    fn stacks(&self) -> (Vec<&Command>, Vec<&Command>) {
        let done = self.tree.undoable.iter();
        let mut done: Vec<&Command> = done.map(|undoable| &undoable.command).collect();
        let mut undone: Vec<&Command> = self.tree.redoable.iter().collect();
        for sent in &self.awaiting {
            match &sent.command {
                Command::Undo => undone.extend(done.pop()),
                Command::Redo => done.extend(undone.pop()),
                command if command.is_undoable() => {
                    undone.clear();
                    done.push(command);
                }
                _ => {}
            }
        }
        (done, undone)
    }

    fn command_text(&self, command: &Command) -> String {
        text::command(command, self.theme.symbols.marks())
    }
}
