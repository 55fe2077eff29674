//! Strategies: each one a type behind [`Strategy`], in a file of its own.
//!
//! A search runs a *plan*: strategies one after the other ([`plan`] is the registry). The engine
//! judges a start, tries the smallest width everywhere, opens the plan's first strategy and steps
//! it until it is [`Step::Done`]; then it confirms the base on the whole search split (walking
//! back where that fails) and opens the next one. Behind the last one narrower bit-widths are
//! tried, and the result is tested.

mod allocate;
mod context;
mod drifts;
mod enumerate;
mod front;
mod levels;
mod random;
mod tries;
mod try_out;

pub use context::Context;
pub(super) use levels::{GroupStep, lower};

pub use super::step::Step;
use super::{CandidateId, Settings};
use crate::profile::{self, Objective};

/// The contract of a search strategy: a state machine that proposes candidates and has them judged.
///
/// A strategy decides from what the [`Context`] shows (tree, space, domains, base) and from its
/// own state, nothing else: no clock and no randomness but the settings' seed, so that a replay of
/// the journal decides the same.
///
/// * **Open.** [`Strategy::open`] begins anew on the base that is there now. The engine calls it
///   when the strategy's turn comes, and again when base, pins, constraint or a resumed branch put
///   what it did in question: after a pin and its removal, after a smaller base was set by hand.
///   Measurements are kept by the engine: a question that was answered is not asked twice.
/// * **Step.** [`Strategy::step`] does one thing: propose, judge, or take a base. It returns
///   whatever [`Context::judge`] wants first, and is stepped again afterwards.
/// * **Prune.** [`Strategy::pruned`] tells that candidates were cut off: drop what is queued of
///   them. A base in a pruned branch has been replaced by the engine, and the strategy is opened
///   again on the new one.
/// * **Resume.** The undecided candidates of a resumed branch are judged by the engine where
///   [`Strategy::takes_resumed`]; a strategy that [`Strategy::follows_a_line`] goes on as it is and
///   is told by [`Strategy::resumed`], any other one is opened again.
/// * **Constraint.** A changed constraint starts the plan again from its first strategy.
/// * **Undo.** The engine keeps a copy of the strategy from before each command, and goes on with
///   that when the command is undone. What was asked since is not asked again.
/// * **Base.** A strategy that [`Strategy::needs_base`] is only stepped while there is one.
pub trait Strategy: CloneStrategy + std::fmt::Debug + Send + Sync {
    /// Begins anew; [`Step::Done`] where there is nothing to do.
    fn open(&mut self, search: &mut Context<'_>) -> Step;

    /// One step.
    fn step(&mut self, search: &mut Context<'_>) -> Step;

    /// True where candidates are made from the base.
    fn needs_base(&self) -> bool {
        true
    }

    /// True where accepted moves form one line from the start to the base. When a confirmation
    /// fails, the engine walks back along that line and the strategy ends; else it looks among all
    /// that passed, and the strategy is opened again on the base that takes its place.
    fn follows_a_line(&self) -> bool {
        false
    }

    /// True at a moment at which candidates of resumed branches may be judged.
    fn takes_resumed(&self, _search: &Context<'_>) -> bool {
        true
    }

    /// A resumed branch joins a strategy that follows a line.
    fn resumed(&mut self, _search: &mut Context<'_>) {}

    /// Branches were cut off; `alive` says what was not.
    fn pruned(&mut self, _alive: &dyn Fn(CandidateId) -> bool) {}

    /// The allocations that are expanded beside the base, for the strategy that opens next; none
    /// where that stays what it was.
    fn expanded(&self) -> Option<Vec<CandidateId>> {
        None
    }
}

/// The copying of a strategy behind a pointer: whatever is `Clone` has it. The engine looks ahead
/// with a copy, to give several evaluators something to do, and keeps one for an undo.
pub trait CloneStrategy {
    /// A copy.
    fn boxed(&self) -> Box<dyn Strategy>;
}

impl<T: Strategy + Clone + 'static> CloneStrategy for T {
    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Strategy> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

/// The plan of a strategy's name: what runs, in order. (One row for each strategy and objective.)
pub(super) fn plan(settings: &Settings, objective: Objective) -> Vec<Box<dyn Strategy>> {
    let search = &settings.search;
    use Objective::{HighestAccuracy, SmallestMemory};
    use profile::StrategyName::{Allocate, Beam, Exhaustive, Front, Greedy, Random};
    let beam = search.beam();
    match (search.strategy, objective) {
        (Front, SmallestMemory) => vec![Box::new(front::Front::default())],
        (Greedy | Beam, SmallestMemory) => {
            let mut plan = levels::plan(&search.levels, beam);
            if beam > 1 {
                plan.push(Box::new(allocate::Allocate::default()));
            }
            plan
        }
        (Allocate, SmallestMemory) => vec![Box::new(allocate::Allocate::default())],
        (Exhaustive, SmallestMemory) => vec![Box::new(enumerate::Ascending::default())],
        (Random, SmallestMemory) => vec![Box::new(random::RandomSampling::default())],
        (strategy, HighestAccuracy) => {
            let mut plan: Vec<Box<dyn Strategy>> =
                vec![Box::new(tries::TryAll::of(tries::undecided))];
            if settings.narrower {
                plan.push(Box::new(tries::TryAll::of(tries::uniform)));
            }
            if matches!(strategy, Greedy | Beam) {
                plan.push(Box::new(levels::Descent::default()));
            }
            if strategy == Front {
                plan.push(Box::new(tries::TryAll::of(front::predicted)));
            }
            if strategy == Allocate || (strategy == Beam && beam > 1) {
                plan.push(Box::new(tries::TryAll::of(allocate::predicted)));
            }
            plan.push(match strategy {
                Exhaustive => Box::new(tries::TryAll::of(enumerate::descending)),
                Random => Box::new(tries::TryAll::of(random::draws)),
                Front | Greedy | Beam | Allocate => Box::new(tries::Exchanges::default()),
            });
            plan
        }
    }
}
