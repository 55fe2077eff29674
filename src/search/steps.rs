//! The steps of a search in its phases: baseline, start, smallest widths, the plan's strategies,
//! each confirmed, narrower widths, and the test.

use super::engine::Engine;
use super::phase::{After, Phase};
use super::step::{Ask, Judged, Step, Trial};
use super::strategy::{Context, Strategy};
use super::{BaseReason, CandidateId, Event, StopReason};
use crate::evaluate::Verdict;

impl Engine {
    /// True where candidates that were asked for are judged: once there is a base or a search that
    /// needs none, and until the search finishes.
    fn judges_what_was_asked_for(&self) -> bool {
        let started = self.tree.base.is_some()
            || matches!(self.phase, Phase::Test(_))
            || (self.is_open() && self.needs_no_base());
        started && !self.is_finished() && !self.is_ending()
    }

    /// While the search is paused, only what the user asked for is judged.
    pub(super) fn step_while_paused(&mut self) -> Step {
        match self.manual.front().copied() {
            Some(candidate) if self.judges_what_was_asked_for() => self.step_manual(candidate),
            _ => Step::Wait,
        }
    }

    pub(super) fn step(&mut self) -> Step {
        let asked_for = self.first.front().or(self.manual.front()).copied();
        if let Some(candidate) = asked_for
            && self.judges_what_was_asked_for()
        {
            return self.step_manual(candidate);
        }
        match self.phase {
            Phase::Baseline => self.step_baseline(),
            Phase::Start(candidate) => self.step_start(candidate),
            Phase::Lowest(candidate) => self.step_lowest(candidate),
            Phase::Plan => self.step_plan(),
            Phase::Confirm(after) => self.step_confirm(after),
            Phase::Narrower(at) => self.step_narrower(at),
            Phase::Test(reason) => self.step_test(reason),
            Phase::Finished(_) => Step::Wait,
        }
    }

    fn step_baseline(&mut self) -> Step {
        if self.tree.float.is_empty() {
            return Step::Ask(Ask::Baseline);
        }
        self.open_start();
        Step::Again
    }

    fn step_start(&mut self, start: CandidateId) -> Step {
        let Some(candidate) = self.tree.get(start) else {
            return Step::Wait;
        };
        let judgement = match candidate.confirmation {
            _ if candidate.pruned => None,
            Some(judgement) => Some(judgement),
            None if candidate.drift.is_none() => return Step::Ask(Ask::Drift(start)),
            None => return Step::Ask(Ask::Confirm(start)),
        };
        let is_lowest = candidate.allocation == self.domains.lowest();
        if judgement.is_some() && is_lowest && self.nothing_fits() {
            self.phase = Phase::Test(StopReason::Complete);
        } else if judgement.is_some_and(|j| j.verdict == Verdict::Met) {
            self.emit(Event::BaseChanged {
                candidate: start,
                reason: BaseReason::Start,
            });
            self.open_lowest();
        } else {
            self.open_start();
        }
        Step::Again
    }

    fn step_lowest(&mut self, lowest: CandidateId) -> Step {
        let Some(candidate) = self.tree.get(lowest) else {
            return Step::Wait;
        };
        if candidate.allocation != self.domains.lowest() {
            self.open_lowest();
            return Step::Again;
        }
        if candidate.pruned {
            self.open_strategy(0);
            return Step::Again;
        }
        match self.judging(lowest, Trial::Screened) {
            Judged::Open(next) => return next,
            Judged::Rejected | Judged::Failed => self.open_strategy(0),
            Judged::Passed => {
                self.take(lowest);
                self.phase = Phase::Confirm(After::Lowest);
            }
        }
        Step::Again
    }

    /// One step of the open strategy; before it of what resumed branches brought.
    fn step_plan(&mut self) -> Step {
        let takes_resumed =
            self.with_strategy_open(|strategy, search| strategy.takes_resumed(search));
        if takes_resumed == Some(true)
            && !self.seeks_accuracy()
            && let Some(next) = self.step_resumed()
        {
            return next;
        }
        match self.with_strategy_open(|strategy, search| strategy.step(search)) {
            Some(Step::Done) | None => {
                self.close_strategy();
                Step::Again
            }
            Some(step) => step,
        }
    }

    /// Does something with the open strategy, which sees the rest of the engine.
    pub(super) fn with_strategy_open<T>(
        &mut self,
        act: impl FnOnce(&mut dyn Strategy, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let mut strategy = self.plan.take()?;
        let done = act(strategy.as_mut(), &mut Context { engine: self });
        self.plan.put_back(strategy);
        Some(done)
    }

    fn step_confirm(&mut self, after: After) -> Step {
        let Some(base) = self.tree.expanded() else {
            return Step::Wait;
        };
        let Some(judgement) = base.confirmation else {
            return Step::Ask(Ask::Confirm(base.id));
        };
        if judgement.verdict == Verdict::NotMet {
            return Step::Again;
        }
        match after {
            After::Lowest if base.allocation == self.domains.lowest() => {
                self.phase = Phase::Test(StopReason::LowestPasses);
            }
            After::Lowest => self.open_strategy(0),
            After::Strategy => self.open_strategy(self.plan.at() + 1),
        }
        Step::Again
    }

    fn step_test(&mut self, reason: StopReason) -> Step {
        if self.tree.best().is_none() {
            self.finish(reason);
            return Step::Again;
        }
        if let Some(step) = self.step_certificate() {
            return step;
        }
        if let Some(result) = self.tree.result()
            && self.settings.test_images > 0
        {
            if self.tree.tested_float.is_none() {
                return Step::Ask(Ask::TestFloat);
            }
            if result.tested.is_none() {
                return Step::Ask(Ask::Test(result.id));
            }
        }
        self.finish(reason);
        Step::Again
    }

    fn finish(&mut self, reason: StopReason) {
        self.phase = Phase::Finished(reason);
        let found = self.tree.best().is_some();
        self.emit(Event::Finished {
            reason: match found || reason.is_early() {
                true => reason,
                false => StopReason::NothingMet,
            },
            incumbent: self.tree.incumbent,
            counters: self.counters(),
            plain_images: self.ledger.plain_images(),
        });
    }
}
