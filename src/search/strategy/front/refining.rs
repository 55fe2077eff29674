//! Steps down from a base and trades of what failed by little, in turn.
//!
//! Near the limit neighbouring allocations differ by luck as much as by what they save. So neither
//! kind ends the search: after a few failures of one the other has its turn, and from every new
//! base steps are tried first, until the images of the search are spent or nothing is left.

use super::costs::LayerCosts;
use super::steps::Steps;
use super::trades::Trades;
use crate::search::step::Step;
use crate::search::strategy::Context;

/// Evaluations that fail one after the other before it is the other kind's turn.
const PATIENCE: usize = 3;
/// The images that are spent on a search, by group and image of the search split: about half of
/// what greedy spends, which evaluates every group of the finest level at least once.
const SHARE: f64 = 0.235;
/// What an evaluation near the limit is expected to take, of the search split.
const EXPECTED: f64 = 0.6;

/// What a step of one kind came to.
pub(super) enum Refined {
    /// This comes first.
    Open(Step),
    /// A candidate meets the constraint, and is the base where it is smaller.
    Passed,
    /// It does not.
    Failed,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Steps,
    Trades,
}

/// Both kinds and what is left to them.
#[derive(Clone, Debug)]
pub(super) struct Refining {
    steps: Steps,
    trades: Trades,
    turn: Turn,
    failures: usize,
    /// A candidate is under way: it is judged whatever it takes.
    is_open: bool,
    /// Nothing more is tried once so many images have been evaluated.
    until: usize,
}

impl Refining {
    /// Steps from the base there is, then trades, by some costs, in a search that had spent so many
    /// images when its strategy began.
    pub fn new(costs: LayerCosts, search: &Context<'_>, begun: usize) -> Self {
        let levels = &search.settings().search.levels;
        let groups = levels
            .last()
            .map(|level| search.space().groups(*level).len());
        let groups = groups.unwrap_or(0) as f64;
        let images = search.settings().search_images as f64;
        let room = (SHARE * groups - EXPECTED).max(0.0) * images;
        Refining {
            steps: Steps::new(costs.clone()),
            trades: Trades::new(costs),
            turn: Turn::Steps,
            failures: 0,
            is_open: false,
            until: begun + room as usize,
        }
    }

    /// One step of the search; none behind the last one.
    pub fn step(&mut self, search: &mut Context<'_>) -> Option<Step> {
        if !self.is_open && spent(search) >= self.until {
            return None;
        }
        let refined = self.refine(search).or_else(|| {
            self.pass_on();
            self.refine(search)
        });
        let refined = refined?;
        self.is_open = matches!(refined, Refined::Open(_));
        match refined {
            Refined::Open(next) => return Some(next),
            Refined::Passed => {
                // From a new base what failed alone may pass.
                self.steps.forget_failures();
                (self.turn, self.failures) = (Turn::Steps, 0);
            }
            Refined::Failed => {
                self.failures += 1;
                if self.failures >= PATIENCE {
                    self.pass_on();
                }
            }
        }
        Some(Step::Again)
    }

    /// A step of the kind whose turn it is; none where that has nothing to try.
    fn refine(&mut self, search: &mut Context<'_>) -> Option<Refined> {
        match self.turn {
            Turn::Steps => self.steps.step(search),
            Turn::Trades => self.trades.step(search),
        }
    }

    fn pass_on(&mut self) {
        self.failures = 0;
        self.turn = match self.turn {
            Turn::Steps => Turn::Trades,
            Turn::Trades => Turn::Steps,
        };
    }
}

/// The images on which candidates have been evaluated, each candidate's counted once.
pub(super) fn spent(search: &Context<'_>) -> usize {
    search.tree().active().map(|c| c.bits.len()).sum()
}
