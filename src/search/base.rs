//! The base and the start: what may be expanded, and what takes its place when it may no longer be.

use super::engine::Engine;
use super::phases::{After, Phase};
use super::{BaseReason, Candidate, CandidateId, Event, Group, Move, Origin, State, StopReason};
use crate::profile::{Objective, Stage};
use crate::quant::{Allocation, BitWidth, Domains};

impl Engine {
    /// Brings incumbent, base and start within changed pins.
    pub(super) fn repin(&mut self, domains: Domains) {
        self.domains = domains;
        self.update_incumbent();
        let tree = &self.tree;
        let made_for_pin = |c: &CandidateId| tree.get(*c).is_some_and(|c| c.origin == Origin::Pin);
        self.by_hand.retain(|c| !made_for_pin(c));
        match (&self.phase, self.eligible_base()) {
            (_, Some(_)) => self.reopen(true),
            (Phase::Start(_), None) => self.open_start(),
            // Under the new pins there may be more to try.
            (Phase::Enumerate(_) | Phase::Draw(_) | Phase::Test(StopReason::Complete), None)
                if self.tries() =>
            {
                self.open_stage(0);
            }
            // The base is settled before anything else is asked.
            (_, None) => {}
        }
    }

    /// True for what may be the base: it passed, was not refuted or pruned, and keeps to the pins now in force.
    pub(super) fn eligible(&self, candidate: &Candidate) -> bool {
        let passed = matches!(candidate.state(), State::Passed | State::Confirmed);
        passed && !candidate.pruned && self.conforms(&candidate.allocation)
    }

    /// The base, where it may be expanded.
    pub(super) fn eligible_base(&self) -> Option<&Candidate> {
        let base = self.tree.base.and_then(|b| self.tree.get(b))?;
        self.eligible(base).then_some(base)
    }

    /// Sees to it that the base may be expanded: else something takes its place, or is to be judged for that. In this
    /// order: the base brought within the pins; the nearest eligible ancestor of a pruned base; what walking back
    /// leads to; a new start.
    pub(super) fn settle(&mut self) {
        if self.highest_accuracy() {
            return self.settle_in_budget();
        }
        let at_work = match self.phase {
            Phase::Lowest(_) | Phase::Level(_) | Phase::Confirm(_) => true,
            Phase::Allocate(_) | Phase::Enumerate(_) | Phase::Draw(_) | Phase::Budget(_) => true,
            Phase::Test(reason) => !reason.is_early(),
            Phase::Baseline | Phase::Start(_) | Phase::Finished => false,
        };
        if !at_work || self.eligible_base().is_some() {
            return;
        }
        let Some(base) = self.tree.base.and_then(|b| self.tree.get(b)).cloned() else {
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
                // A level whose base is refuted is over: the next one opens on what is confirmed in its place.
                // Any other stage goes on above what was refuted.
                let plan = self.settings.search.plan();
                let in_level = matches!(plan.get(self.stage), Some(Stage::Level(_)));
                if reason != BaseReason::WalkedBack || !in_level {
                    self.reopen(true);
                }
            }
            // What tries out or draws allocations needs no base to make them from.
            None if matches!(self.phase, Phase::Enumerate(_) | Phase::Draw(_)) => {}
            None => self.open_start(),
        }
    }

    /// True where the plan tries out or draws allocations, so that a search goes on where it has nothing to expand.
    fn tries(&self) -> bool {
        let plan = self.settings.search.plan();
        let tries = matches!(plan.first(), Some(Stage::Enumerate | Stage::Draw));
        tries && !self.highest_accuracy()
    }

    /// True where the memory is all that counts and even the smallest widths that the pins allow take more. (With a
    /// largest drop beside it the search goes on: the nearest miss is then the smallest that keeps the accuracy.)
    pub(super) fn nothing_fits(&self) -> bool {
        let least = self.settings.space.bytes(&self.lowest());
        self.highest_accuracy() && !self.tree.constraint.fits(least)
    }

    /// True where the search looks for the highest accuracy within a memory budget.
    pub(super) fn highest_accuracy(&self) -> bool {
        self.tree.constraint.objective() == Objective::HighestAccuracy
    }

    /// Makes a candidate the base.
    pub(super) fn take(&mut self, candidate: CandidateId) {
        if self.tree.base != Some(candidate) {
            self.emit(Event::BaseChanged {
                candidate,
                reason: BaseReason::Accepted,
            });
        }
    }

    /// Greedy: the newest eligible base of the accepted moves that led here. The others never follow a single line: of
    /// the eligible ones below the incumbent, smallest first, each refutation in a row passes over twice as many,
    /// because among so many that passed a screening the smallest passed it by luck.
    fn walk_back(&self) -> Option<CandidateId> {
        let eligible = |id: &CandidateId| self.tree.get(*id).is_some_and(|c| self.eligible(c));
        if self.settings.search.follows_a_line() {
            return self.tree.accepted.iter().rev().copied().find(eligible);
        }
        let all = self.tree.candidates.iter().map(|c| c.id);
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

    /// Takes or asks for the allocation that a base becomes within the pins; false where that is known to fail.
    fn bring_within_pins(&mut self, base: &Candidate) -> bool {
        let allocation = self.clamped(&base.allocation);
        let Some(twin) = self.twin(&allocation) else {
            let child = self.propose(Some(base.id), None, Origin::Pin, allocation);
            self.by_hand.push_front(child);
            return true;
        };
        let (id, pruned, state) = (twin.id, twin.pruned, twin.state());
        match state {
            _ if pruned => false,
            State::Passed | State::Confirmed => {
                self.emit(Event::BaseChanged {
                    candidate: id,
                    reason: BaseReason::Accepted,
                });
                self.reopen(true);
                true
            }
            State::Proposed | State::Measured | State::HeldBack => {
                self.by_hand.retain(|c| *c != id);
                self.by_hand.push_front(id);
                true
            }
            State::Failed | State::Refuted => false,
        }
    }

    /// The candidate with an allocation: one that is not pruned before one that is.
    pub(super) fn twin(&self, allocation: &Allocation) -> Option<&Candidate> {
        let twins = self.tree.with(allocation);
        twins.min_by_key(|c| (c.pruned, c.id))
    }

    /// Opens the phase again that a new base, new pins or a resumed branch put in question: the last level where all
    /// were done. `forget` drops what failed on a smaller base or under other pins.
    pub(super) fn reopen(&mut self, forget: bool) {
        if forget {
            self.closed.clear();
        }
        match &self.phase {
            Phase::Level(open) => {
                self.beam = open.members();
                self.open_stage(self.stage);
            }
            Phase::Allocate(_)
            | Phase::Enumerate(_)
            | Phase::Draw(_)
            | Phase::Budget(_)
            | Phase::Confirm(After::Stage)
            | Phase::Test(StopReason::Complete | StopReason::NothingMet) => {
                self.open_stage(self.stage);
            }
            Phase::Test(StopReason::LowestPasses) => self.phase = Phase::Confirm(After::Lowest),
            Phase::Start(_) => self.open_stage(0),
            // The smallest width is tried whatever the base; once confirmed, the first level opens.
            Phase::Lowest(_) | Phase::Confirm(After::Lowest) => {}
            Phase::Baseline | Phase::Test(_) | Phase::Finished => {}
        }
    }

    /// Opens a stage of the plan on the current base; behind the last one the search is done.
    pub(super) fn open_stage(&mut self, stage: usize) {
        if self.highest_accuracy() {
            self.stage = 0;
            return self.open_budget();
        }
        let next = self.settings.search.plan().get(stage).copied();
        self.stage = stage.min(self.settings.search.plan().len() - 1);
        match next {
            Some(Stage::Level(level)) => self.open_level(level),
            Some(Stage::Allocate) => self.open_allocate(),
            Some(Stage::Enumerate) => self.open_enumerate(),
            Some(Stage::Draw) => self.open_draw(),
            None => self.phase = Phase::Test(StopReason::Complete),
        }
    }

    /// Judges the next allocation to start from: the profile's own; the largest width; then down the menu, because
    /// accuracy is not monotone in bits; each within the pins. Where all are known to fail there is nothing to expand.
    /// Where nothing fits in a budget it is the smallest widths alone: the nearest that there is.
    pub(super) fn open_start(&mut self) {
        let nothing_fits = self.nothing_fits();
        let next = self
            .starts()
            .into_iter()
            .find_map(|(bits, within)| match self.twin(&within) {
                None => Some((bits, within, None)),
                Some(twin) if twin.pruned => None,
                Some(twin) if matches!(twin.state(), State::Failed | State::Refuted) => None,
                Some(twin) if nothing_fits && twin.confirmation.is_some() => None,
                Some(twin) => Some((bits, within, Some(twin.id))),
            });
        let first = self.tree.candidates.is_empty();
        self.phase = match next {
            Some((_, _, Some(twin))) => Phase::Start(twin),
            Some((_, within, None)) if first => {
                Phase::Start(self.propose(None, None, Origin::Start, within))
            }
            Some((bits, within, None)) => {
                let group = Group::Network;
                let change = bits.map(|bits| Move { group, bits });
                let origin = change.as_ref().map_or(Origin::Pin, |_| Origin::Start);
                Phase::Start(self.propose(Some(CandidateId(0)), change, origin, within))
            }
            // An allocation of several widths may pass where no uniform one does.
            None if self.tries() && !matches!(self.phase, Phase::Test(_)) => {
                return self.open_stage(0);
            }
            None => Phase::Test(StopReason::Complete),
        };
    }

    /// What a search may start from, in the order of [`Engine::open_start`]: the width everywhere, none for the profile's
    /// own allocation; within the pins.
    fn starts(&self) -> Vec<(Option<BitWidth>, Allocation)> {
        if self.nothing_fits() {
            return vec![(Some(self.lowest_width()), self.lowest())];
        }
        let layers = self.settings.space.layers.len();
        let menu = self.settings.space.menu.iter().rev();
        let uniform = menu.map(|bits| (Some(*bits), Allocation::uniform(layers, *bits)));
        let own = self.settings.start.clone().map(|own| (None, own));
        let all = own.into_iter().chain(uniform);
        let within = all.map(|(bits, wanted)| (bits, self.clamped(&wanted)));
        let fits = |a: &Allocation| {
            let bytes = self.settings.space.bytes(a);
            !self.highest_accuracy() || self.tree.constraint.fits(bytes)
        };
        within.filter(|(_, a)| fits(a)).collect()
    }

    /// Tries the smallest width everywhere, unless the base is that already.
    pub(super) fn open_lowest(&mut self) {
        if self.highest_accuracy() {
            return self.open_stage(0);
        }
        let lowest = self.lowest();
        let base = self.tree.base.and_then(|b| self.tree.get(b));
        if base.is_some_and(|b| b.allocation == lowest) {
            self.phase = Phase::Confirm(After::Lowest);
            return;
        }
        let twin = self.twin(&lowest).map(|c| c.id);
        self.phase = Phase::Lowest(twin.unwrap_or_else(|| {
            let change = Move {
                group: Group::Network,
                bits: self.lowest_width(),
            };
            self.propose(self.tree.base, Some(change), Origin::Lowest, lowest)
        }));
    }

    /// Makes the best confirmed allocation within the pins and the memory limit the incumbent.
    pub(super) fn update_incumbent(&mut self) {
        let confirmed = |c: &&Candidate| c.state() == State::Confirmed;
        let within = self.tree.candidates.iter().filter(confirmed);
        let within = within.filter(|c| self.conforms(&c.allocation));
        let within = within.filter(|c| self.tree.constraint.fits(c.bytes));
        let order = |c: &&Candidate| {
            let loss = match self.tree.constraint.objective() {
                Objective::SmallestMemory => None,
                Objective::HighestAccuracy => self.tree.loss(c),
            };
            (loss, c.bytes, self.tree.incumbent != Some(c.id), c.id)
        };
        let smallest = within.min_by_key(order).map(|c| c.id);
        if smallest != self.tree.incumbent {
            self.emit(Event::IncumbentChanged {
                candidate: smallest,
            });
        }
    }
}
