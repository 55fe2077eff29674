//! The strategies that a profile may name: one row each. What runs for a row is made in
//! `search::strategy`.

use serde::{Deserialize, Serialize};

/// The search strategy.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum StrategyName {
    /// Points of predicted fronts, bisected in bytes, then single steps down.
    #[default]
    Front,
    /// Hierarchical greedy search.
    Greedy,
    /// Hierarchical beam search: the best few allocations go on at every step.
    Beam,
    /// The exact optimum of what the drifts of single groups predict, brought to the truth.
    Allocate,
    /// Every allocation in the order of its bytes: the true optimum of a small space.
    Exhaustive,
    /// Allocations drawn at random: a baseline.
    Random,
}

/// What is said of a strategy.
#[derive(Clone, Copy, Debug)]
pub struct StrategyRow {
    /// The strategy.
    pub strategy: StrategyName,
    /// Its name in profiles, and in the interface.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// What it costs beside the others.
    pub cost: &'static str,
}

/// One row for each strategy.
pub const STRATEGIES: [StrategyRow; 6] = [
    StrategyRow {
        strategy: StrategyName::Front,
        name: "front",
        doc: "bisects predicted fronts, then lowers one group at a time",
        cost: "the fewest evaluations",
    },
    StrategyRow {
        strategy: StrategyName::Greedy,
        name: "greedy",
        doc: "lowers one group at a time, level by level",
        cost: "an evaluation for nearly every step",
    },
    StrategyRow {
        strategy: StrategyName::Beam,
        name: "beam",
        doc: "lowers groups of several allocations side by side",
        cost: "5-7 times greedy's evaluations, about 6 % smaller",
    },
    StrategyRow {
        strategy: StrategyName::Allocate,
        name: "allocate",
        doc: "tries what the drifts of single groups predict to be best",
        cost: "a drift for each group and width, few evaluations",
    },
    StrategyRow {
        strategy: StrategyName::Exhaustive,
        name: "exhaustive",
        doc: "tries every allocation, smallest first: the true optimum",
        cost: "at most 65,536 allocations",
    },
    StrategyRow {
        strategy: StrategyName::Random,
        name: "random",
        doc: "draws allocations at random: a baseline",
        cost: "search.draws allocations",
    },
];

impl StrategyName {
    /// Its row.
    pub fn row(self) -> &'static StrategyRow {
        &STRATEGIES[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantNames;

    use super::*;

    #[test]
    fn rows_are_those_of_the_strategies_and_names_are_what_profiles_have() {
        for row in &STRATEGIES {
            assert_eq!(row.strategy.row().strategy, row.strategy);
            let written = serde_json::to_value(row.strategy).expect("a name");
            assert_eq!(written, row.name);
            assert_eq!(StrategyName::VARIANTS[row.strategy as usize], row.name);
        }
    }
}
