//! The highest accuracy within a memory budget. (Ours.)
//!
//! What counts is the *loss* of an allocation that fits: correct images against float over the whole search split. The
//! incumbent is the one of least loss, of equal ones the smallest; a candidate is evaluated exactly as long as it can
//! still beat it. So there is no fixed limit for a gate to learn: drift orders what is tried, nothing is held back.
//!
//! First the widest uniform widths that fit are confirmed, so that there is a result from the beginning. Then, by strategy:
//! *greedy* goes down from the largest widths by the ranking of its levels, on drift alone, and steps below the budget only
//! at the last level; *allocate* takes what the dynamic programme predicts to be best within the budget; *beam* does both;
//! each then tries exchanges around the best found, in the order of their predicted cost: groups are raised where they fit,
//! others lowered for them, until a number of tries in a row beats nothing. *Exhaustive* tries all that fits, *random* draws.

use std::collections::VecDeque;

use super::choices::{ascending, decoded};
use super::engine::{Ask, Engine, Next};
use super::level::{OpenGroup, OpenState};
use super::phases::Phase;
use super::predict::Costs;
use super::probes::Probes;
use super::{CandidateId, CloseReason, Origin, State, StopReason};
use crate::evaluate::Verdict;
use crate::profile::{Level, Strategy};
use crate::quant::Allocation;

/// Tries in a row that beat nothing before exchanges end, as a multiple of the number of groups.
const PATIENCE: usize = 2;
/// How many of the allocations that are predicted to be best are tried.
const PREDICTED: usize = 4;

/// A part of the search.
#[derive(Clone, Copy, Debug)]
enum Part {
    Descend,
    Predict,
    Exchange,
    All,
    Draw,
}

/// Where the search stands.
#[derive(Clone, Debug)]
pub(super) struct Budgeting {
    parts: VecDeque<Part>,
    work: Work,
}

#[derive(Clone, Debug)]
enum Work {
    /// The next part begins.
    Next,
    /// Going down; the levels still to come.
    Descending(OpenState, VecDeque<Level>),
    /// Measuring single groups.
    Probing(Probes),
    /// Trying allocations.
    Trying(Trying),
}

#[derive(Clone, Debug)]
struct Trying {
    queue: VecDeque<Allocation>,
    /// Exchanges: what they are made around; they are made anew around what beats it.
    around: Option<CandidateId>,
    /// Tries that may still fail in a row.
    left: usize,
    /// What is under way: counted once it is judged, however often the search comes by until then.
    asked: Option<CandidateId>,
    /// Drift is measured first.
    measured: bool,
}

impl Trying {
    fn all(queue: VecDeque<Allocation>, measured: bool) -> Self {
        Trying {
            queue,
            around: None,
            left: usize::MAX,
            asked: None,
            measured,
        }
    }
}

impl Engine {
    /// True for what the budget has room for.
    fn within_budget(&self, allocation: &Allocation) -> bool {
        let bytes = self.settings.space.bytes(allocation);
        self.tree.constraint.fits(bytes)
    }

    pub(super) fn open_budget(&mut self) {
        use Part::{All, Descend, Draw, Exchange, Predict};
        let parts: &[Part] = match self.settings.search.strategy {
            Strategy::Greedy => &[Descend, Exchange],
            Strategy::Beam if self.settings.search.beam() > 1 => &[Descend, Predict, Exchange],
            Strategy::Beam => &[Descend, Exchange],
            Strategy::Allocate => &[Predict, Exchange],
            Strategy::Exhaustive => &[All],
            Strategy::Random => &[Draw],
        };
        // What resumed branches left undecided comes first.
        let tops = std::mem::take(&mut self.resumed);
        let branches = tops.iter().flat_map(|top| self.tree.branch(*top));
        let undecided = branches.filter_map(|id| self.tree.get(id)).filter(|c| {
            let open = matches!(c.state(), State::Proposed | State::Measured);
            open && !c.pruned && c.origin != Origin::Probe
        });
        let queue = undecided.map(|c| c.allocation.clone()).collect();
        self.phase = Phase::Budget(Budgeting {
            parts: parts.iter().copied().collect(),
            work: Work::Trying(Trying::all(queue, true)),
        });
    }

    pub(super) fn step_budget(&mut self, stage: Budgeting) -> Next {
        let Budgeting { mut parts, work } = stage;
        let (next, work) = match work {
            Work::Next => match parts.pop_front() {
                Some(part) => (Next::Again, self.begin(part)),
                None => {
                    self.phase = Phase::Test(StopReason::Complete);
                    return Next::Again;
                }
            },
            Work::Descending(state, levels) => self.step_descending(state, levels),
            Work::Probing(probes) => match self.unprobed(&probes).first() {
                Some(ask) => (Next::Ask(*ask), Work::Probing(probes)),
                None => (Next::Again, self.predicted(&probes)),
            },
            Work::Trying(trying) => self.step_trying(trying),
        };
        self.phase = Phase::Budget(Budgeting { parts, work });
        next
    }

    fn begin(&mut self, part: Part) -> Work {
        match part {
            Part::Descend => {
                let mut levels: VecDeque<Level> = self.settings.search.levels.clone().into();
                match levels.pop_front() {
                    Some(level) => {
                        let top = self.widest();
                        Work::Descending(self.descent(top, level, levels.is_empty()), levels)
                    }
                    None => Work::Next,
                }
            }
            Part::Predict => {
                let top = self.widest();
                match self.probe_around(top) {
                    Some(probes) => Work::Probing(probes),
                    None => Work::Next,
                }
            }
            Part::Exchange => Work::Trying(self.exchanges()),
            Part::All => {
                let choices = self.settings.choices(&self.domains);
                let lowest = self.lowest();
                let all = ascending(&self.settings.space, &choices, &lowest);
                let fit = all
                    .iter()
                    .rev()
                    .filter(|(b, _)| self.tree.constraint.fits(*b));
                let queue = fit.map(|(_, code)| decoded(&choices, &lowest, *code));
                Work::Trying(Trying::all(queue.collect(), false))
            }
            Part::Draw => {
                let draws = 0..self.settings.search.draws;
                let drawn = draws.filter_map(|n| self.draw(n, |a| self.within_budget(a)));
                Work::Trying(Trying::all(drawn.collect(), true))
            }
        }
    }

    /// The candidate of the largest widths that the rules allow.
    fn widest(&mut self) -> CandidateId {
        let widest = self.clamped(&self.domains.highest());
        match self.twin(&widest).map(|c| c.id) {
            Some(twin) => twin,
            None => self.propose(self.tree.base, None, Origin::Search, widest),
        }
    }

    /// A level on the way down. Only the last one steps below the budget: finer ones end nearer to it.
    fn descent(&self, base: CandidateId, level: Level, last: bool) -> OpenState {
        let groups = self.settings.space.groups(level).into_iter();
        let groups = groups.map(|group| OpenGroup {
            members: self.settings.space.members(&group),
            group,
            closed: None,
            candidate: None,
            found: false,
        });
        let mut state = OpenState {
            base,
            groups: groups.collect(),
            opening: false,
            found: Vec::new(),
            searched: false,
            greedy: true,
        };
        if !last {
            self.stay_above(&mut state);
        }
        state
    }

    fn stay_above(&self, state: &mut OpenState) {
        let Some(base) = self.tree.get(state.base) else {
            return;
        };
        for group in &mut state.groups {
            let step = group.next(&base.allocation, &self.domains, &self.settings);
            if let Some(step) = step.filter(|s| self.within_budget(&s.allocation)) {
                group.closed = Some((step.bits, CloseReason::Lowest));
            }
        }
    }

    fn step_descending(
        &mut self,
        mut state: OpenState,
        mut levels: VecDeque<Level>,
    ) -> (Next, Work) {
        let Some(base) = self.tree.get(state.base).filter(|c| !c.pruned) else {
            return (Next::Again, Work::Next);
        };
        let id = base.id;
        if base.drift.is_none() {
            return (Next::Ask(Ask::Drift(id)), Work::Descending(state, levels));
        }
        if self.tree.constraint.fits(base.bytes) {
            let found = VecDeque::from([base.allocation.clone()]);
            return (Next::Again, Work::Trying(Trying::all(found, true)));
        }
        let ranking = state.ranking(&self.domains, &self.tree, &self.settings);
        let Some(head) = ranking.into_iter().next() else {
            let work = match levels.pop_front() {
                Some(level) => {
                    let state = self.descent(id, level, levels.is_empty());
                    Work::Descending(state, levels)
                }
                None => Work::Next,
            };
            return (Next::Again, work);
        };
        match head.fresh {
            Some(child) if self.tree.get(child).is_some_and(|c| c.pruned) => {
                state.groups[head.group].closed = Some((head.step.bits, CloseReason::Pruned));
                (Next::Again, Work::Descending(state, levels))
            }
            Some(child) => {
                let mut lower = state.child(child, head.group, true);
                if !levels.is_empty() {
                    self.stay_above(&mut lower);
                }
                (Next::Again, Work::Descending(lower, levels))
            }
            None => {
                let group = state.groups[head.group].group.clone();
                let child = self.child(id, &group, &head.step);
                state.groups[head.group].candidate = Some(child);
                let candidate = self.tree.get(child);
                let next = match candidate {
                    Some(c) if c.pruned => {
                        let closed = Some((head.step.bits, CloseReason::Pruned));
                        state.groups[head.group].closed = closed;
                        Next::Again
                    }
                    Some(c) if c.drift.is_none() => Next::Ask(Ask::Drift(child)),
                    _ => Next::Again,
                };
                (next, Work::Descending(state, levels))
            }
        }
    }

    /// The allocations within the budget that the dynamic programme predicts to be best.
    fn predicted(&self, probes: &Probes) -> Work {
        let front = probes
            .front(self)
            .into_iter()
            .map(|(_, allocation)| allocation);
        let within = front.filter(|a| self.within_budget(a) && self.conforms(a));
        Work::Trying(Trying::all(within.take(PREDICTED).collect(), true))
    }

    fn step_trying(&mut self, mut work: Trying) -> (Next, Work) {
        if work.around.is_some() && work.around != self.tree.incumbent {
            return (Next::Again, Work::Trying(self.exchanges()));
        }
        let open = work.queue.front().filter(|_| work.left > 0).cloned();
        let Some(allocation) = open else {
            return (Next::Again, Work::Next);
        };
        let possible = self.within_budget(&allocation) && self.conforms(&allocation);
        let twin = self.twin(&allocation);
        let known = twin.is_some_and(|c| c.confirmation.is_some() || c.pruned);
        if !possible || known || self.hopeless(&allocation).is_some() {
            if work.asked.take().is_some() {
                work.left = work.left.saturating_sub(1);
            }
            work.queue.pop_front();
            return (Next::Again, Work::Trying(work));
        }
        let Some(candidate) = twin else {
            let parent = self.tree.base;
            self.propose(parent, None, Origin::Allocated, allocation);
            return (Next::Again, Work::Trying(work));
        };
        let id = candidate.id;
        if work.measured && candidate.drift.is_none() {
            return (Next::Ask(Ask::Drift(id)), Work::Trying(work));
        }
        // Its answer makes it known: then it is passed over. What beats the incumbent is the incumbent by then.
        work.asked = Some(id);
        (Next::Ask(Ask::Confirm(id)), Work::Trying(work))
    }

    /// Exchanges around the best that may be expanded: a group raised by one or two widths, alone or with another
    /// lowered for it, or one lowered alone (accuracy is not monotone in bits), by predicted cost.
    fn exchanges(&self) -> Trying {
        let choices = self.settings.choices(&self.domains);
        let mut work = Trying {
            queue: VecDeque::new(),
            around: self.tree.incumbent,
            left: PATIENCE * choices.len(),
            asked: None,
            measured: true,
        };
        let Some(center) = self.eligible_base().map(|c| c.allocation.clone()) else {
            return work;
        };
        let Some(costs) = Costs::of(&self.tree, &self.settings) else {
            return work;
        };
        let at: Vec<Option<usize>> = choices
            .iter()
            .map(|group| {
                let width = |i: &usize| center.0.get(*i).copied();
                let now: Vec<_> = group.members.iter().filter_map(width).collect();
                group.widths.iter().position(|widths| *widths == now)
            })
            .collect();
        let moved = |from: &Allocation, group: usize, by: isize| -> Option<Allocation> {
            let to = at[group]?.checked_add_signed(by)?;
            choices[group].widths.get(to)?;
            let mut moved = from.clone();
            choices[group].set(&mut moved, to);
            Some(moved)
        };
        let mut found: Vec<Allocation> = Vec::new();
        for up in 0..choices.len() {
            found.extend(moved(&center, up, 1));
            for by in [-1, -2] {
                let Some(raised) = moved(&center, up, by) else {
                    continue;
                };
                for down in (0..choices.len()).filter(|down| *down != up) {
                    found.extend([1, 2].iter().filter_map(|by| moved(&raised, down, *by)));
                }
                found.push(raised);
            }
        }
        found.retain(|a| self.within_budget(a) && self.conforms(a) && self.hopeless(a).is_none());
        let mut by_cost: Vec<(f64, Allocation)> = found
            .into_iter()
            .map(|allocation| (costs.of_allocation(&allocation), allocation))
            .collect();
        by_cost.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        work.queue = by_cost
            .into_iter()
            .map(|(_, allocation)| allocation)
            .collect();
        work
    }

    /// Judges what a person asked for: on all images, because it may be the most accurate.
    pub(super) fn step_by_hand_in_budget(&mut self, id: CandidateId) -> Next {
        let Some(candidate) = self.tree.get(id).cloned() else {
            self.by_hand.pop_front();
            return Next::Again;
        };
        if candidate.drift.is_none() {
            return Next::Ask(Ask::Drift(id));
        }
        if candidate.confirmation.is_none() {
            return Next::Ask(Ask::Confirm(id));
        }
        self.by_hand.pop_front();
        Next::Again
    }

    /// The base is what may be expanded and has the least loss; a start is judged where nothing is.
    pub(super) fn settle_in_budget(&mut self) {
        let at_work = match self.phase {
            Phase::Budget(_) => true,
            Phase::Test(reason) => !reason.is_early(),
            _ => false,
        };
        if !at_work {
            return;
        }
        let met = |c: &&super::Candidate| {
            let met = c.confirmation.is_some_and(|j| j.verdict == Verdict::Met);
            met && self.eligible(c) && self.tree.constraint.fits(c.bytes)
        };
        let best = self.tree.candidates.iter().filter(met);
        let best = best
            .min_by_key(|c| (self.tree.loss(c), c.bytes, c.id))
            .map(|c| c.id);
        match best {
            Some(best) => self.take(best),
            None => self.open_start(),
        }
    }
}
