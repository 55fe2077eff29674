//! What makes every number of a run doubtful, said at its top.

use super::Model;
use crate::text::doubts;

impl Model {
    /// The most doubtful thing about the run, if there is any.
    pub fn banner(&self) -> Option<String> {
        doubts::of_run(&self.tree, self.run.classes)
            .into_iter()
            .next()
    }
}
