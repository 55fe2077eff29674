//! The base and the start: what may be expanded, and what takes its place when it may no longer be.

use super::engine::Engine;
use super::phase::{After, Phase};
use super::step::Step;
use super::{BaseReason, Candidate, CandidateId, Event, Group, Move, Origin, State, StopReason};
use crate::quant::{Allocation, BitWidth, Domains};

impl Engine {
    /// Brings incumbent, base and start within changed pins.
    pub(super) fn repin(&mut self, domains: Domains) {
        self.domains = domains;
        self.update_incumbent();
        let tree = &self.tree;
        let made_for_pin = |c: &CandidateId| tree.get(*c).is_some_and(|c| c.origin == Origin::Pin);
        self.first.retain(|c| !made_for_pin(c));
        if self.seeks_accuracy() && self.eligible_base().is_none() {
            // Another base may be there already: the strategy begins anew on that.
            self.settle();
        }
        match (&self.phase, self.eligible_base()) {
            (_, Some(_)) => self.reopen(true),
            (Phase::Start(_), None) => self.open_start(),
            // Under the new pins there may be more to try: what failed to start may pass, too.
            (
                Phase::Plan
                | Phase::Narrower(_)
                | Phase::Test(StopReason::Complete | StopReason::NothingMet),
                None,
            ) => match self.tree.base {
                None => {
                    self.phase = Phase::Plan;
                    self.open_start();
                }
                Some(_) if self.starts_without_base() => self.open_strategy(0),
                Some(_) => {}
            },
            // The base is settled before anything else is asked.
            (_, None) => {}
        }
    }

    /// Sees to it that the base may be expanded: else something takes its place, or is to be judged
    /// for that. In this order: the base brought within the pins; the nearest eligible ancestor of
    /// a pruned base; what walking back leads to; a new start.
    pub(super) fn settle(&mut self) {
        if self.seeks_accuracy() {
            return self.settle_on_most_accurate();
        }
        let at_work = match self.phase {
            Phase::Lowest(_) | Phase::Confirm(_) | Phase::Plan | Phase::Narrower(_) => true,
            Phase::Test(reason) => !reason.is_early(),
            Phase::Baseline | Phase::Start(_) | Phase::Finished(_) => false,
        };
        if !at_work || self.eligible_base().is_some() {
            return;
        }
        let Some(base) = self.tree.expanded().cloned() else {
            return;
        };
        let refuted = matches!(base.state(), State::Failed | State::Refuted);
        if !refuted && !base.pruned && self.bring_within_pins(&base) {
            return;
        }
        let reason = match (base.pruned, refuted) {
            (true, _) => BaseReason::Pruned,
            (false, true) => BaseReason::WalkedBack,
            (false, false) => BaseReason::Pinned,
        };
        let ancestor = if base.pruned {
            self.eligible_ancestor(base.id)
        } else {
            None
        };
        let next = ancestor.or_else(|| self.walk_back());
        match next {
            Some(candidate) => {
                self.emit(Event::BaseChanged { candidate, reason });
                // A level whose base is refuted is over: the next one opens on what is confirmed in
                // its place. Any other strategy goes on above what was refuted.
                let ended = self.plan.current().is_some_and(|s| s.follows_a_line());
                if reason != BaseReason::WalkedBack || !ended {
                    self.reopen(true);
                }
            }
            // What tries out or draws allocations needs no base to make them from.
            None if self.is_open() && self.needs_no_base() => {}
            None => self.open_start(),
        }
    }

    /// True where the first strategy of the plan makes its candidates from no base, so that a
    /// search goes on where it has nothing to expand.
    fn starts_without_base(&self) -> bool {
        let first = self.plan.first();
        first.is_some_and(|s| !s.needs_base()) && !self.seeks_accuracy()
    }

    /// True where the strategy that is open or was last makes its candidates from no base.
    pub(super) fn needs_no_base(&self) -> bool {
        let current = self.plan.current();
        current.is_some_and(|s| !s.needs_base()) && !self.seeks_accuracy()
    }

    /// True while a strategy is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Plan)
    }

    /// Greedy: the newest eligible base of the accepted moves that led here. The others never
    /// follow a single line: of the eligible ones below the incumbent, smallest first, each
    /// refutation in a row passes over twice as many, because among so many that passed a screening
    /// the smallest passed by selection bias.
    fn walk_back(&self) -> Option<CandidateId> {
        let eligible = |id: &CandidateId| self.tree.get(*id).is_some_and(|c| self.eligible(c));
        if self.plan.follows_a_line() {
            return self.tree.accepted.iter().rev().copied().find(eligible);
        }
        let all = self.tree.active().map(|c| c.id);
        let mut all: Vec<CandidateId> = all.filter(eligible).collect();
        all.sort_by(|a, b| self.order(*a, *b));
        let confirmed = |id: &CandidateId| {
            let candidate = self.tree.get(*id);
            candidate.is_some_and(|c| c.state() == State::Confirmed)
        };
        let end = all
            .iter()
            .position(confirmed)
            .unwrap_or(all.len().saturating_sub(1));
        let passed_over = (1usize << self.refuted.saturating_sub(1).min(30)) - 1;
        all.get(passed_over.min(end)).copied()
    }

    fn eligible_ancestor(&self, from: CandidateId) -> Option<CandidateId> {
        let mut next = self.tree.get(from)?.parent;
        while let Some(candidate) = next.and_then(|id| self.tree.get(id)) {
            if self.eligible(candidate) {
                return Some(candidate.id);
            }
            next = candidate.parent;
        }
        None
    }

    /// Takes or asks for the allocation that a base becomes within the pins; false where that is
    /// known to fail.
    fn bring_within_pins(&mut self, base: &Candidate) -> bool {
        let allocation = self.clamped(&base.allocation);
        let Some(duplicate) = self.duplicate(&allocation) else {
            let child = self.propose(Some(base.id), None, Origin::Pin, allocation);
            self.judge_first(child);
            return true;
        };
        let (id, pruned, state) = (duplicate.id, duplicate.pruned, duplicate.state());
        match state {
            _ if pruned => false,
            State::Passed | State::Confirmed => {
                self.accept(id);
                self.reopen(true);
                true
            }
            State::Proposed | State::Measured | State::HeldBack => {
                self.judge_first(id);
                true
            }
            State::Failed | State::Refuted => false,
        }
    }

    /// Opens the phase again that a new base, new pins or a resumed branch put in question: the
    /// last level where all were done. `forget` drops what failed on a smaller base or under other
    /// pins.
    pub(super) fn reopen(&mut self, forget: bool) {
        if forget {
            self.closed.clear();
        }
        if let Some(expanded) = self.expanded_now() {
            self.expanded = expanded;
        }
        match self.phase {
            // For the highest accuracy the whole plan begins anew.
            Phase::Plan
            | Phase::Confirm(After::Strategy)
            | Phase::Narrower(_)
            | Phase::Test(StopReason::Complete | StopReason::NothingMet) => {
                let at = self.plan.at();
                self.open_strategy(if self.seeks_accuracy() { 0 } else { at });
            }
            Phase::Test(StopReason::LowestPasses) => self.phase = Phase::Confirm(After::Lowest),
            Phase::Start(_) => self.open_strategy(0),
            // The smallest width is tried whatever the base; once confirmed, the plan begins.
            Phase::Lowest(_) | Phase::Confirm(After::Lowest) => {}
            Phase::Baseline | Phase::Test(_) | Phase::Finished(_) => {}
        }
    }

    /// What the open strategy expands beside the base.
    pub(super) fn expanded_now(&self) -> Option<Vec<CandidateId>> {
        self.plan.current().filter(|_| self.is_open())?.expanded()
    }

    /// Opens a strategy of the plan on the current base; behind the last one narrower widths are
    /// tried.
    pub(super) fn open_strategy(&mut self, at: usize) {
        if !self.plan.go_to(at) {
            self.open_narrower();
            return;
        }
        self.phase = Phase::Plan;
        let opened = self.with_strategy_open(|strategy, search| strategy.open(search));
        if opened == Some(Step::Done) {
            self.close_strategy();
        }
    }

    /// Ends the open strategy: the base is confirmed, and then the next one opens.
    pub(super) fn close_strategy(&mut self) {
        if self.seeks_accuracy() {
            return self.open_strategy(self.plan.at() + 1);
        }
        self.phase = match self.eligible_base() {
            None if self.needs_no_base() => Phase::Test(StopReason::Complete),
            _ => Phase::Confirm(After::Strategy),
        };
    }

    /// Judges the next allocation to start from: the profile's own; the largest width; then down
    /// the menu, because accuracy is not monotone in bits; each within the pins. Where all are
    /// known to fail there is nothing to expand. Where nothing fits in a budget it is the smallest
    /// widths alone: the nearest that there is.
    pub(super) fn open_start(&mut self) {
        let nothing_fits = self.nothing_fits();
        let next =
            self.starts()
                .into_iter()
                .find_map(|(bits, within)| match self.duplicate(&within) {
                    None => Some((bits, within, None)),
                    Some(duplicate) if duplicate.pruned => None,
                    Some(duplicate)
                        if matches!(duplicate.state(), State::Failed | State::Refuted) =>
                    {
                        None
                    }
                    Some(duplicate) if nothing_fits && duplicate.confirmation.is_some() => None,
                    Some(duplicate) => Some((bits, within, Some(duplicate.id))),
                });
        let start = self.tree.active.first().copied();
        self.phase = match next {
            Some((_, _, Some(duplicate))) => Phase::Start(duplicate),
            Some((_, within, None)) if start.is_none() => {
                Phase::Start(self.propose(None, None, Origin::Start, within))
            }
            Some((bits, within, None)) => {
                let group = Group::Network;
                let change = bits.map(|bits| Move { group, bits });
                let origin = change.as_ref().map_or(Origin::Pin, |_| Origin::Start);
                Phase::Start(self.propose(start, change, origin, within))
            }
            // An allocation of several widths may pass where no uniform one does.
            None if self.starts_without_base() && !matches!(self.phase, Phase::Test(_)) => {
                return self.open_strategy(0);
            }
            None => Phase::Test(StopReason::Complete),
        };
    }

    /// What a search may start from, in the order of [`Engine::open_start`]: the width everywhere,
    /// none for the profile's own allocation; within the pins.
    fn starts(&self) -> Vec<(Option<BitWidth>, Allocation)> {
        if self.nothing_fits() {
            return vec![(
                Some(self.settings.space.lowest_width()),
                self.domains.lowest(),
            )];
        }
        let layers = self.settings.space.layers.len();
        let menu = self.settings.space.menu.iter().rev();
        let uniform = menu.map(|bits| (Some(*bits), Allocation::uniform(layers, *bits)));
        let own = self.settings.start.clone().map(|own| (None, own));
        let all = own.into_iter().chain(uniform);
        let within = all.map(|(bits, wanted)| (bits, self.clamped(&wanted)));
        within.filter(|(_, a)| self.may_start(a)).collect()
    }

    /// Tries the smallest width everywhere, unless the base is that already.
    pub(super) fn open_lowest(&mut self) {
        if self.seeks_accuracy() {
            return self.open_strategy(0);
        }
        let lowest = self.domains.lowest();
        let base = self.tree.expanded();
        if base.is_some_and(|b| b.allocation == lowest) {
            self.phase = Phase::Confirm(After::Lowest);
            return;
        }
        let duplicate = self.duplicate(&lowest).map(|c| c.id);
        self.phase = Phase::Lowest(duplicate.unwrap_or_else(|| {
            let change = Move {
                group: Group::Network,
                bits: self.settings.space.lowest_width(),
            };
            self.propose(self.tree.base, Some(change), Origin::Lowest, lowest)
        }));
    }
}
