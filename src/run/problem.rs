//! What a search is about: a profile, and the space of its network.

use super::RunError;
use crate::profile::Profile;
use crate::quant::MemoryModel;
use crate::search::{Restricted, Space};

/// A profile with the search space of its network.
#[derive(Clone, Debug)]
pub struct SearchProblem {
    /// The profile.
    pub profile: Profile,
    /// The space.
    pub space: Space,
}

impl From<Profile> for SearchProblem {
    fn from(profile: Profile) -> Self {
        let graph = profile.graph();
        let memory = MemoryModel::of(&graph, profile.scheme.affine);
        let space = Space::of(&graph, &memory, &profile.menu, profile.ties(&graph));
        SearchProblem { profile, space }
    }
}

impl SearchProblem {
    /// Checks that some allocation satisfies everything that the profile says of a search; needs
    /// neither weights nor images.
    ///
    /// # Errors
    /// [`RunError::Unsearchable`] names what excludes what.
    pub fn check(&self) -> Result<(), RunError> {
        let restricted = Restricted {
            space: &self.space,
            pins: &self.profile.pins,
            target: self.profile.target.as_ref(),
            max_memory: self.profile.constraint.max_memory,
        };
        Ok(restricted.check()?)
    }
}
