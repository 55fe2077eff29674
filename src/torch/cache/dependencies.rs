//! The dependencies of each step's value.

use crate::network::{Graph, LayerId};
use crate::quant::{Allocation, Scheme};
use crate::torch::plan::{Plan, Source, Step};

/// The dependencies of every step of a plan: the layers that its value depends on, its own
/// included, and the cost of computing it from the image.
#[derive(Debug)]
pub(in crate::torch) struct Dependencies {
    steps: Vec<Ancestry>,
    /// Whether quantized networks are computed in fixed-point arithmetic: then a value behind float
    /// layers is another one in the float network.
    fixed: bool,
}

#[derive(Debug)]
struct Ancestry {
    layers: Vec<LayerId>,
    cost: f64,
}

/// The hash of everything that a step's value depends on, but for the images.
pub(in crate::torch) type ContentHash = [u8; 16];

impl Dependencies {
    pub(in crate::torch) fn new(graph: &Graph, plan: &Plan) -> Self {
        let mut maker = vec![None; graph.nodes.len()];
        let mut before: Vec<Vec<bool>> = Vec::new();
        let mut steps = Vec::new();
        for (i, step) in plan.steps.iter().enumerate() {
            let mut needs = vec![false; i + 1];
            for &read in step.inputs.iter().chain(&step.residual) {
                let made_by: Option<usize> = maker.get(read.index()).copied().flatten();
                for (needed, its) in needs
                    .iter_mut()
                    .zip(made_by.map_or(&[][..], |j| &before[j][..]))
                {
                    *needed |= its;
                }
            }
            needs[i] = true;
            if let Some(slot) = maker.get_mut(step.node.index()) {
                *slot = Some(i);
            }
            let all = plan.steps.iter().zip(&needs).filter(|(_, needed)| **needed);
            steps.push(Ancestry {
                layers: all.clone().filter_map(|(s, _)| layer(s)).collect(),
                cost: all.map(|(s, _)| cost(graph, s)).sum(),
            });
            before.push(needs);
        }
        Dependencies {
            steps,
            fixed: false,
        }
    }

    /// The same where quantized networks are computed as a scheme says.
    pub(in crate::torch) fn under(self, scheme: &Scheme) -> Self {
        Dependencies {
            fixed: scheme.fixed().is_some(),
            ..self
        }
    }

    /// The hashes of all steps under an allocation.
    pub(in crate::torch) fn contents(&self, allocation: &Allocation) -> Vec<ContentHash> {
        let steps = self.steps.iter().enumerate();
        let content = steps.map(|(i, step)| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&(i as u64).to_le_bytes());
            if self.fixed {
                hasher.update(&[u8::from(allocation.is_float())]);
            }
            for &layer in &step.layers {
                hasher.update(&[allocation.get(layer).bits()]);
            }
            let mut content = ContentHash::default();
            hasher.finalize_xof().fill(&mut content);
            content
        });
        content.collect()
    }

    /// The cost of a step's value for one image from the image on, in operations.
    pub(super) fn cost(&self, step: usize) -> f64 {
        self.steps.get(step).map_or(0.0, |s| s.cost)
    }
}

fn layer(step: &Step) -> Option<LayerId> {
    match step.source {
        Source::Layer { layer, .. } => Some(layer),
        _ => None,
    }
}

/// The cost of a step: a layer's multiplications; of everything else about one operation per
/// number.
fn cost(graph: &Graph, step: &Step) -> f64 {
    let node = graph.node(step.node);
    let steps = if node.time_invariant {
        1
    } else {
        graph.time_steps
    };
    let numbers = steps * node.shape.channels * node.shape.height * node.shape.width;
    numbers as f64 + layer(step).map_or(0.0, |l| graph.layer(l).macs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::BitWidth;
    use crate::torch::testing::all;

    /// A value's hash changes with exactly those layers from which a path leads to it in the graph.
    #[test]
    fn contents_follow_the_graph() {
        for config in all() {
            let graph = config.graph().unwrap();
            let plan = Plan::new(&graph).unwrap();
            let dependencies = Dependencies::new(&graph, &plan);
            let four = Allocation::uniform(graph.layers.len(), BitWidth::new(4).unwrap());
            let before = dependencies.contents(&four);
            for changed in 0..graph.layers.len() {
                let mut other = four.clone();
                other.0[changed] = BitWidth::new(3).unwrap();
                let after = dependencies.contents(&other);
                for (i, step) in plan.steps.iter().enumerate() {
                    let mut reached = vec![false; graph.nodes.len()];
                    for (n, node) in graph.nodes.iter().enumerate() {
                        let own =
                            matches!(node.op, crate::network::Op::Layer(l) if l.index() == changed);
                        reached[n] = own || node.inputs.iter().any(|i| reached[i.index()]);
                    }
                    assert_eq!(
                        before[i] != after[i],
                        reached[step.node.index()],
                        "{}",
                        step.name
                    );
                }
            }
            let mut all = before.clone();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), plan.steps.len(), "no two steps are one");
        }
    }

    #[test]
    fn a_value_costs_all_that_leads_to_it() {
        for config in all() {
            let graph = config.graph().unwrap();
            let plan = Plan::new(&graph).unwrap();
            let dependencies = Dependencies::new(&graph, &plan);
            let last = dependencies.cost(plan.steps.len() - 1);
            let layers: u64 = graph.layers.iter().map(|l| l.macs).sum();
            assert!(last >= layers as f64);
            assert!(
                (0..plan.steps.len())
                    .all(|i| dependencies.cost(i) > 0.0 && dependencies.cost(i) <= last)
            );
        }
    }
}
