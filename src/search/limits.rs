//! Limits on what a search spends, and a constraint that changes while it runs.

use super::engine::Engine;
use super::phase::{After, Phase};
use super::step::Ask;
use super::{BaseReason, Candidate, CandidateId, Event, State};
use crate::evaluate::Verdict;

impl Engine {
    /// The question to ask where this one comes up; none where no more are allowed. The last one is
    /// a confirmation: of the base, where it lacks one, because what is not confirmed is no result.
    pub(super) fn within_limits(&self, ask: Ask) -> Option<Ask> {
        let most = match self.tree.constraint.max_evaluations {
            Some(most) if matches!(ask, Ask::Screen(_) | Ask::Confirm(_)) => most,
            _ => return Some(ask),
        };
        let is_known = |ask| self.request(ask).is_none();
        let left = most.saturating_sub(self.counters().evaluations);
        if left > 1 || is_known(ask) {
            return Some(ask);
        }
        let base = self.eligible_base().map(|b| Ask::Confirm(b.id));
        let last = base
            .filter(|confirm| !is_known(*confirm))
            .unwrap_or(match ask {
                Ask::Screen(candidate) => Ask::Confirm(candidate),
                other => other,
            });
        (left == 1).then_some(last)
    }

    /// True until the search finishes, by itself or before it is done.
    pub fn is_searching(&self) -> bool {
        !matches!(self.phase, Phase::Test(_) | Phase::Finished(_))
    }

    /// True while the search finishes before it is done.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Test(reason) if reason.is_early())
    }

    /// Goes on under a constraint that was changed. The verdicts have been decided again: the
    /// smallest that meets it is the base; a base of which that is open is judged first. The
    /// smallest width everywhere is tried again, and then the plan from its first stage on.
    pub(super) fn rejudge(&mut self) {
        let expanded = self.expanded_now();
        self.plan.follow(&self.settings, self.objective());
        if matches!(self.phase, Phase::Baseline | Phase::Finished(_)) {
            return;
        }
        self.refuted = 0;
        self.closed.clear();
        let verdicts = self.verdicts();
        self.gate.relearn(verdicts, &self.tree);
        self.update_incumbent();
        if let Some(expanded) = expanded {
            self.expanded = expanded;
        }
        let Some(base) = self.tree.expanded().cloned() else {
            return self.open_start();
        };
        let open = matches!(base.state(), State::Proposed | State::Measured);
        if open && !base.pruned && self.domains.allows(&base.allocation) {
            self.judge_first(base.id);
        }
        if self.seeks_accuracy() {
            return match self.tree.incumbent {
                Some(_) => self.open_strategy(0),
                None => self.open_start(),
            };
        }
        match self.smallest_eligible() {
            Some(candidate) => {
                if candidate != base.id {
                    let reason = BaseReason::Constrained;
                    self.emit(Event::BaseChanged { candidate, reason });
                }
                self.open_lowest();
            }
            None => self.phase = Phase::Confirm(After::Lowest),
        }
    }

    fn smallest_eligible(&self) -> Option<CandidateId> {
        let eligible = self.tree.active().filter(|c| self.eligible(c));
        eligible.map(|c| c.id).min_by(|a, b| self.order(*a, *b))
    }

    /// What the gate learns from: drift and screening verdict, once per allocation.
    fn verdicts(&self) -> Vec<(f64, bool)> {
        let mut seen = std::collections::HashSet::new();
        let verdict = |c: &Candidate| {
            let met = c.screening?.verdict == Verdict::Met;
            Some((c.drift?, met))
        };
        let candidates = self.tree.active();
        let known = candidates.filter_map(|c| Some((&c.allocation, verdict(c)?)));
        let first = known.filter(|(allocation, _)| seen.insert(*allocation));
        first.map(|(_, verdict)| verdict).collect()
    }
}
