//! The plan of a search: its strategies in order, and which of them is open.

use super::Settings;
use super::strategy::{self, Strategy};
use crate::profile::Objective;

/// The strategies of a search. They depend on the objective, which a changed constraint may change.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    strategies: Vec<Option<Box<dyn Strategy>>>,
    objective: Objective,
    /// A strategy that was given instead of the profile's.
    given: Option<Box<dyn Strategy>>,
    /// The one that is open or was last.
    at: usize,
    /// True once one was opened under this objective.
    begun: bool,
}

impl Plan {
    /// The profile's strategies, or the one that is given.
    pub fn new(
        settings: &Settings,
        objective: Objective,
        given: Option<Box<dyn Strategy>>,
    ) -> Self {
        Plan {
            strategies: made(settings, objective, given.as_deref()),
            objective,
            given,
            at: 0,
            begun: false,
        }
    }

    /// Makes the strategies anew where the objective is another one.
    pub fn follow(&mut self, settings: &Settings, objective: Objective) {
        if objective == self.objective {
            return;
        }
        self.strategies = made(settings, objective, self.given.as_deref());
        self.objective = objective;
        if objective == Objective::SmallestMemory && self.begun {
            self.at = 0;
        }
        self.begun = false;
    }

    /// Goes to a strategy; false behind the last one.
    pub fn go_to(&mut self, at: usize) -> bool {
        self.begun = true;
        self.at = at.min(self.strategies.len().saturating_sub(1));
        at < self.strategies.len()
    }

    /// The position of the one that is open or was last.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The one that is open or was last.
    pub fn current(&self) -> Option<&dyn Strategy> {
        self.strategies.get(self.at)?.as_deref()
    }

    /// The one that is open or was last, to be told something.
    pub fn current_mut(&mut self) -> Option<&mut Box<dyn Strategy>> {
        self.strategies.get_mut(self.at)?.as_mut()
    }

    /// The first one.
    pub fn first(&self) -> Option<&dyn Strategy> {
        self.strategies.first()?.as_deref()
    }

    /// True where accepted moves form one line from the start to the base.
    pub fn follows_a_line(&self) -> bool {
        let mut all = self.strategies.iter().flatten();
        all.all(|s| s.follows_a_line())
    }

    /// Takes the open one out, to be put back after its step.
    pub fn take(&mut self) -> Option<Box<dyn Strategy>> {
        self.strategies.get_mut(self.at)?.take()
    }

    /// Puts it back.
    pub fn put_back(&mut self, strategy: Box<dyn Strategy>) {
        if let Some(slot) = self.strategies.get_mut(self.at) {
            *slot = Some(strategy);
        }
    }
}

fn made(
    settings: &Settings,
    objective: Objective,
    given: Option<&dyn Strategy>,
) -> Vec<Option<Box<dyn Strategy>>> {
    let plan = match given {
        Some(given) => vec![given.boxed()],
        None => strategy::plan(settings, objective),
    };
    plan.into_iter().map(Some).collect()
}
