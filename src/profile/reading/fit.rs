//! Checks of a profile against its network.

use super::super::config::Level;
use super::super::error::ProfileError;
use super::super::nearest::layer_hint;
use super::super::rules::{PinError, ties};
use super::super::settings::{Profile, layer_names};
use super::super::tie::Tie;
use super::Reading;
use crate::network::{BlockId, Graph};

impl Reading<'_> {
    /// Checks what needs the network: that the sizes make one, and that pins and `[bits]` name its
    /// layers and leave each of them a width.
    pub(super) fn fits(&self, profile: &Profile) -> Result<(), ProfileError> {
        let graph = profile.graph();
        let names = layer_names(&graph);
        let ties = ties(&profile.ties, &names)
            .map_err(|error| self.section("ties", Some(&error.key), &error))?;
        self.level_of_ties(profile, &graph, &ties)?;
        profile.bounds(&graph).map_err(|error| {
            let (table, key) = match error {
                PinError::Target { .. } => ("constraint", "target"),
                _ => ("pins", error.pattern()),
            };
            self.section(table, Some(key), &error)
        })?;
        let is_unknown = |name: &&String| !names.contains(&name.as_str());
        match profile.bits.keys().find(is_unknown) {
            None => Ok(()),
            Some(name) => Err(ProfileError::Section {
                place: self.source.place(&["bits", name]),
                message: format!(
                    "[bits] names a layer \"{name}\" that the network does not have{}",
                    layer_hint(name, &names)
                ),
            }),
        }
    }

    /// Refuses ties between groups of the finest level where that is coarser than layers: these
    /// would be one group.
    fn level_of_ties(
        &self,
        profile: &Profile,
        graph: &Graph,
        ties: &[Tie],
    ) -> Result<(), ProfileError> {
        let block = |name: &String| {
            graph
                .layers
                .iter()
                .find(|l| l.name == *name)
                .map(|l| l.block)
        };
        let group = |name: &String| match profile.search.levels.last() {
            Some(Level::Block) => block(name).map(BlockId::index),
            Some(Level::Stage) => block(name).map(|b| graph.blocks[b.index()].stage.index()),
            _ => None,
        };
        let apart = |tie: &&Tie| tie.layers.windows(2).any(|l| group(&l[0]) != group(&l[1]));
        match ties.iter().find(apart) {
            None => Ok(()),
            Some(tie) => Err(self.wrong(
                "search",
                "levels",
                format!(
                    "tie \"{}\" joins groups of the last level; end with \"layer\", or tie layers of one group",
                    tie.name
                ),
            )),
        }
    }
}
