//! The parts of a network that have a row, with the drift sites that belong to each.

use crate::profile::Level;
use crate::search::{Candidate, Group, Space};

/// A part of the network that has a row: all of it, a stage, a block or a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The group that a change of this row changes.
    pub group: Group,
    /// The name as shown below what it belongs to.
    pub label: String,
    /// How deep it hangs.
    pub depth: usize,
    /// Indices of its layers.
    pub members: Vec<usize>,
    /// Positions of its sites in a candidate's drifts; a layer has at most one: that of the neurons
    /// it feeds.
    pub sites: Vec<usize>,
    /// The part it belongs to.
    pub parent: Option<usize>,
}

impl Part {
    /// True for a single layer.
    pub fn is_layer(&self) -> bool {
        matches!(self.group, Group::Layer(_))
    }
    /// How far its potentials moved: the mean over its sites; over all of them for the network.
    pub fn drift(&self, candidate: &Candidate) -> Option<f64> {
        self.mean(&candidate.site_drift, candidate.drift)
    }
    /// The mean of a value of each site over those of the part; of the network it is `all`.
    pub fn mean(&self, sites: &[f64], all: Option<f64>) -> Option<f64> {
        if self.group == Group::Network {
            return all;
        }
        let own = self.sites.iter().filter_map(|site| sites.get(*site));
        mean(&own.copied().collect::<Vec<_>>())
    }
}

/// The mean of some values; none of none.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// All parts of a network. A stage or block with the same layers as something finer has no row of
/// its own.
pub fn parts(space: &Space) -> Vec<Part> {
    let mut parts = vec![Part {
        group: Group::Network,
        label: String::from("network"),
        depth: 0,
        members: space.members(&Group::Network),
        sites: Vec::new(),
        parent: None,
    }];
    for stage in space.groups(Level::Stage) {
        let members = space.members(&stage);
        let within = |block: &Group| space.members(block).iter().all(|m| members.contains(m));
        let blocks = space.groups(Level::Block).into_iter();
        let blocks: Vec<Group> = blocks.filter(within).collect();
        let mut above = 0;
        if blocks.len() > 1 {
            let sites = blocks.iter().flat_map(|b| block_sites(space, b)).collect();
            above = push(&mut parts, stage.to_string(), stage, (members, sites), 0);
        }
        for block in blocks {
            push_block(&mut parts, space, block, above);
        }
    }
    parts
}

/// Adds a block and its layers below a part.
fn push_block(parts: &mut Vec<Part>, space: &Space, block: Group, mut above: usize) {
    let members = space.members(&block);
    if members.len() > 1 {
        let both = (members.clone(), block_sites(space, &block));
        above = push(parts, block.to_string(), block, both, above);
    }
    let below_block = matches!(parts[above].group, Group::Block(_));
    for member in members {
        let layer = &space.layers[member];
        let label = match layer.name.strip_prefix(&layer.block) {
            Some(rest) if below_block => rest.trim_start_matches('.').to_owned(),
            _ => layer.name.clone(),
        };
        let sites = layer_site(space, member).into_iter().collect();
        let group = Group::Layer(layer.name.clone());
        push(parts, label, group, (vec![member], sites), above);
    }
}

/// Adds a part below another one, and returns its position.
fn push(
    parts: &mut Vec<Part>,
    label: String,
    group: Group,
    (members, sites): (Vec<usize>, Vec<usize>),
    parent: usize,
) -> usize {
    parts.push(Part {
        group,
        label,
        depth: parts[parent].depth + 1,
        members,
        sites,
        parent: Some(parent),
    });
    parts.len() - 1
}

/// Sites whose name starts with the block's; the logits for the last block, which no neuron
/// follows.
fn block_sites(space: &Space, block: &Group) -> Vec<usize> {
    let prefix = format!("{block}.");
    let own: Vec<usize> = (0..space.sites.len())
        .filter(|i| space.sites[*i].starts_with(&prefix))
        .collect();
    let last = space.layers.last();
    let is_last = last.is_some_and(|l| l.block == block.to_string());
    match own.is_empty() && is_last {
        true => vec![space.sites.len()],
        false => own,
    }
}

/// The neurons that a layer feeds: `mlp.mlp1_conv` feeds `mlp.mlp1_lif`, `attn.q_linear` feeds
/// `attn.q_lif`. The last block's layer feeds the logits.
fn layer_site(space: &Space, layer: usize) -> Option<usize> {
    let layer = space.layers.get(layer)?;
    let (module, last) = layer.name.rsplit_once('.').unwrap_or(("", &layer.name));
    let site = ["conv", "linear"].iter().find_map(|kind| {
        let (before, after) = last.rsplit_once(kind)?;
        let name = format!("{module}.{before}lif{after}");
        space.sites.iter().position(|site| *site == name)
    });
    site.or_else(|| {
        let sites = block_sites(space, &Group::Block(layer.block.clone()));
        (sites == [space.sites.len()]).then_some(space.sites.len())
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::quant::BitWidth;
    use crate::search::SpaceLayer;

    fn space(layers: &[(&str, &str, &str)], sites: &[&str]) -> Space {
        Space {
            layers: layers
                .iter()
                .map(|(stage, block, name)| SpaceLayer {
                    name: (*name).into(),
                    stage: (*stage).into(),
                    block: (*block).into(),
                    weights: 8,
                    bytes: vec![4],
                    float_bytes: 32,
                })
                .collect(),
            menu: vec![BitWidth::new(4).unwrap()],
            fixed_bytes: 0,
            ties: Vec::new(),
            sites: sites.iter().map(|s| (*s).into()).collect(),
        }
    }

    pub fn qkformer() -> Space {
        space(
            &[
                ("stage1", "patch_embed1", "patch_embed1.proj_conv"),
                ("stage1", "patch_embed1", "patch_embed1.proj1_conv"),
                ("stage1", "stage1.0", "stage1.0.tssa.q_conv"),
                ("stage1", "stage1.0", "stage1.0.mlp.mlp1_conv"),
                ("head", "head", "head"),
            ],
            &[
                "patch_embed1.proj_lif",
                "patch_embed1.proj1_lif",
                "stage1.0.tssa.q_lif",
                "stage1.0.tssa.attn_lif",
                "stage1.0.mlp.mlp1_lif",
            ],
        )
    }

    #[test]
    fn rows_follow_the_hierarchy_without_repeating_it() {
        let parts = super::parts(&qkformer());
        let rows: Vec<_> = parts.iter().map(|p| (p.depth, p.label.as_str())).collect();
        assert_eq!(
            rows,
            [
                (0, "network"),
                (1, "stage1"),
                (2, "patch_embed1"),
                (3, "proj_conv"),
                (3, "proj1_conv"),
                (2, "stage1.0"),
                (3, "tssa.q_conv"),
                (3, "mlp.mlp1_conv"),
                (1, "head"),
            ]
        );
        let one_block = space(
            &[("patch_embed", "patch_embed", "patch_embed.proj_conv"); 2],
            &[],
        );
        let parts = super::parts(&one_block);
        let rows: Vec<_> = parts.iter().map(|p| (p.depth, &p.group)).collect();
        assert_eq!(rows[1], (1, &Group::Block("patch_embed".into())));
    }

    #[test]
    fn layers_have_the_drift_of_the_neurons_they_feed() {
        let parts = super::parts(&qkformer());
        let sites = |label: &str| &parts.iter().find(|p| p.label == label).unwrap().sites;
        assert_eq!(*sites("mlp.mlp1_conv"), [4]);
        assert_eq!(*sites("tssa.q_conv"), [2]);
        assert_eq!(*sites("stage1.0"), [2, 3, 4]);
        assert_eq!(*sites("stage1"), [0, 1, 2, 3, 4]);
        assert_eq!(*sites("head"), [5]);
        let spikformer = space(
            &[
                ("patch_embed", "patch_embed", "patch_embed.proj_conv2"),
                ("patch_embed", "patch_embed", "patch_embed.rpe_conv"),
                ("block", "block.0", "block.0.attn.q_linear"),
                ("block", "block.0", "block.0.mlp.fc1_linear"),
                ("head", "head", "head"),
            ],
            &[
                "patch_embed.proj_lif2",
                "block.0.attn.q_lif",
                "block.0.mlp.fc1_lif",
            ],
        );
        let site = |layer| layer_site(&spikformer, layer);
        assert_eq!(
            [site(0), site(1), site(2), site(3), site(4)],
            [Some(0), None, Some(1), Some(2), Some(3)]
        );
    }
}
