//! The engine: what is asked next, and what follows from the answer.
//!
//! Everything that happens goes through [`Engine::emit`], which folds the event into the [`Tree`]; decisions read the
//! tree, the measurements and the open level, nothing else.

use std::collections::{HashMap, VecDeque};

use super::gate::{FrozenGate, Gate};
use super::known::{Known, Needed};
use super::level::{OpenGroup, OpenLevel, Step, nearest_allowed};
use super::{
    BaseReason, Candidate, CandidateId, CloseReason, Event, GateDecision, Group, Judgement, Move, Origin, Settings, State,
    StopReason, Tree,
};
use crate::evaluate::{CorrectBits, Job, Outcome, Question, Split, Verdict};
use crate::profile::PinError;
use crate::quant::{Allocation, BitWidth};

/// A question of the engine, and the candidate it is about (none for the float network).
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The candidate.
    pub candidate: Option<CandidateId>,
    /// The question.
    pub job: Job,
}

/// What the engine wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The float network on the search split.
    Baseline,
    /// A candidate's drift.
    Drift(CandidateId),
    /// A candidate on the first `screen` images.
    Screen(CandidateId),
    /// A candidate on the whole search split.
    Confirm(CandidateId),
    /// The float network on the test split.
    TestFloat,
    /// The incumbent on the test split.
    Test(CandidateId),
}

/// What to do when the base is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The base should be the smallest width everywhere: then the search is done, else the first level opens.
    Lowest,
    /// Open the level at this position, or finish behind the last.
    Level(usize),
}

/// Where the search stands.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Asking for the float network's results.
    Baseline,
    /// Judging the allocation the search starts from.
    Start(CandidateId),
    /// Trying the smallest width everywhere.
    Lowest(CandidateId),
    /// A level is open.
    Level(OpenLevel),
    /// Confirming the base on the whole search split, walking back where it fails.
    Confirm(After),
    /// Testing the result.
    Test(StopReason),
    /// Done.
    Finished,
}

/// How many questions were asked and answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Screenings and confirmations evaluated.
    pub evaluations: u64,
    /// Questions answered by an earlier result.
    pub cached: u64,
    /// Drifts measured.
    pub drift_evaluations: u64,
    /// Held back and not audited.
    pub gated: u64,
    /// Held back but evaluated anyway.
    pub audited: u64,
    /// Images that the same questions cost when nothing stops early.
    pub plain_images: u64,
}

/// What one step of the engine came to.
pub(super) enum Next {
    /// A question.
    Ask(Ask),
    /// Something happened: step again.
    Again,
    /// Nothing to do until a command comes.
    Wait,
}

/// The search as a pure state machine.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) settings: Settings,
    pub(super) tree: Tree,
    pub(super) known: Known,
    pub(super) gate: Gate,
    pub(super) frozen: FrozenGate,
    /// Widths each layer may have under the pins now in force.
    pub(super) allowed: Vec<Vec<BitWidth>>,
    pub(super) phase: Phase,
    /// Candidates asked for by a person (or a pin), judged before queued work.
    pub(super) by_hand: VecDeque<CandidateId>,
    /// Widths closed by failure, by layer set: equal sets of later levels are not proposed again.
    pub(super) closed: HashMap<Vec<usize>, (BitWidth, CloseReason)>,
    /// Tops of branches that were resumed: their candidates join the next round.
    pub(super) resumed: VecDeque<CandidateId>,
    /// Undecided candidates of resumed branches that hang elsewhere than on the base.
    pub(super) extras: VecDeque<CandidateId>,
    arrived: HashMap<(Allocation, Kind), Outcome>,
    asking: Option<Ask>,
    counters: Counters,
    events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Drift,
    Accuracy { split: Split, from: usize, to: usize },
}

impl Kind {
    fn of(question: &Question) -> Self {
        match question {
            Question::Drift => Kind::Drift,
            Question::Accuracy { split, from, to, .. } => Kind::Accuracy { split: *split, from: *from, to: *to },
        }
    }
}

impl Engine {
    /// An engine that has asked nothing yet; call [`Engine::start`].
    ///
    /// # Errors
    /// [`PinError`] where the pins leave a layer no width.
    pub fn new(settings: Settings) -> Result<Self, PinError> {
        let allowed = settings.allowed(&settings.pins)?;
        let gate = Gate::new(settings.gate, settings.search.seed);
        Ok(Engine {
            tree: Tree::default(),
            known: Known::default(),
            frozen: gate.freeze(),
            gate,
            allowed,
            phase: Phase::Baseline,
            by_hand: VecDeque::new(),
            closed: HashMap::new(),
            resumed: VecDeque::new(),
            extras: VecDeque::new(),
            arrived: HashMap::new(),
            asking: None,
            counters: Counters::default(),
            events: Vec::new(),
            settings,
        })
    }

    /// Begins: emits [`Event::Started`] and asks the first question.
    pub fn start(&mut self) -> Vec<Event> {
        let settings = Box::new(self.settings.clone());
        self.emit(Event::Started { settings });
        self.advance();
        std::mem::take(&mut self.events)
    }

    /// The state folded from all events so far.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }
    /// Counts of questions.
    pub fn counters(&self) -> Counters {
        self.counters
    }
    /// True once nothing more will happen.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished)
    }

    /// What is wanted now, most urgent first: at most `most` questions. The first one is what the search waits for; the
    /// others will be asked next whatever its answer. Empty while paused and when finished.
    pub fn wanted(&self, most: usize) -> Vec<Request> {
        let Some(first) = self.asking else { return Vec::new() };
        if self.tree.paused || self.is_finished() {
            return Vec::new();
        }
        let mut asks = vec![first];
        if let (Phase::Level(open), true) = (&self.phase, self.by_hand.is_empty())
            && open.opening
        {
            let more = open.groups.iter().filter_map(|g| g.candidate).map(Ask::Drift);
            asks.extend(more.filter(|ask| *ask != first && self.answer(*ask).is_none()));
        }
        if let (Ask::TestFloat, Some(incumbent)) = (first, self.tree.incumbent) {
            asks.push(Ask::Test(incumbent));
        }
        let mut requests: Vec<Request> = asks.into_iter().filter_map(|ask| self.request(ask)).collect();
        requests.retain(|r| !self.arrived.contains_key(&(r.job.allocation.clone(), Kind::of(&r.job.question))));
        requests.truncate(most);
        requests
    }

    /// Takes an answer, in any order of arrival. It is committed when the search comes to it, or never. An answer that
    /// nothing asked for changes nothing.
    pub fn outcome(&mut self, job: &Job, outcome: Outcome) -> Vec<Event> {
        self.arrived.insert((job.allocation.clone(), Kind::of(&job.question)), outcome);
        if !self.tree.paused {
            self.advance();
        }
        std::mem::take(&mut self.events)
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn asking(&self) -> Option<Ask> {
        self.asking
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.tree.apply(&event);
        self.events.push(event);
    }

    /// Steps until an answer is missing.
    pub(super) fn advance(&mut self) {
        self.asking = None;
        loop {
            if self.tree.paused {
                return;
            }
            match self.step() {
                Next::Again => {}
                Next::Wait => return,
                Next::Ask(ask) => {
                    if !self.answered(ask) {
                        self.asking = Some(ask);
                        return;
                    }
                }
            }
        }
    }

    /// The job that answers a question; none where it is answered already.
    pub(super) fn request(&self, ask: Ask) -> Option<Request> {
        let layers = self.settings.space.layers.len();
        let accuracy = |split, from, to, stop| Question::Accuracy { split, from, to, stop };
        let (candidate, question) = match ask {
            Ask::Baseline => (None, accuracy(Split::Search, 0, self.settings.search_images, None)),
            Ask::TestFloat => (None, accuracy(Split::Test, 0, self.settings.test_images, None)),
            Ask::Test(c) => (Some(c), accuracy(Split::Test, 0, self.settings.test_images, None)),
            Ask::Drift(c) => (Some(c), Question::Drift),
            Ask::Screen(c) | Ask::Confirm(c) => {
                let needed = self.judge(ask, c)?.err()?;
                (Some(c), accuracy(Split::Search, needed.from, needed.to, Some(needed.stop)))
            }
        };
        let allocation = match candidate {
            Some(c) => self.tree.get(c)?.allocation.clone(),
            None => Allocation::uniform(layers, BitWidth::FLOAT),
        };
        Some(Request { candidate, job: Job { allocation, question } })
    }

    #[allow(clippy::type_complexity)]
    fn judge(
        &self,
        ask: Ask,
        candidate: CandidateId,
    ) -> Option<Result<(Judgement, CorrectBits), Needed>> {
        let whole = matches!(ask, Ask::Confirm(_));
        let of = if whole { self.settings.search_images } else { self.settings.screen() };
        let allocation = &self.tree.get(candidate)?.allocation;
        Some(self.known.judge(allocation, of, self.settings.constraint.max_accuracy_drop, whole))
    }

    /// The outcome that has arrived for a question.
    fn answer(&self, ask: Ask) -> Option<&Outcome> {
        let request = self.request(ask)?;
        self.arrived.get(&(request.job.allocation, Kind::of(&request.job.question)))
    }

    /// Commits a question's answer if there is one, from an earlier result or newly arrived.
    fn answered(&mut self, ask: Ask) -> bool {
        match ask {
            Ask::Drift(c) => {
                let Some(allocation) = self.tree.get(c).map(|c| c.allocation.clone()) else { return false };
                if let Some((drift, sites)) = self.known.drift(&allocation) {
                    self.counters.cached += 1;
                    self.commit_drift(c, drift, sites, true);
                    return true;
                }
            }
            Ask::Screen(c) | Ask::Confirm(c) => {
                if let Some(Ok((judgement, bits))) = self.judge(ask, c) {
                    self.counters.cached += 1;
                    self.commit_judgement(ask, c, Judgement { cached: true, ..judgement }, bits);
                    return true;
                }
            }
            Ask::Baseline | Ask::TestFloat | Ask::Test(_) => {}
        }
        let Some(request) = self.request(ask) else { return false };
        let key = (request.job.allocation.clone(), Kind::of(&request.job.question));
        let Some(outcome) = self.arrived.remove(&key) else { return false };
        self.commit(ask, &request.job, outcome)
    }

    fn commit(&mut self, ask: Ask, job: &Job, outcome: Outcome) -> bool {
        if let Question::Accuracy { from, to, .. } = job.question {
            self.counters.plain_images += (to - from) as u64;
        }
        match (ask, outcome) {
            (Ask::Baseline, Outcome::Accuracy { correct }) => {
                self.counters.plain_images += self.settings.calibration_images as u64;
                self.known.set_float(correct.clone());
                self.emit(Event::Baseline { correct });
            }
            (Ask::Drift(c), Outcome::Drift { drift, sites }) => {
                self.counters.drift_evaluations += 1;
                self.counters.plain_images += self.settings.calibration_images as u64;
                self.known.set_drift(&job.allocation, drift, sites.clone());
                self.commit_drift(c, drift, sites, false);
            }
            (Ask::Screen(c) | Ask::Confirm(c), Outcome::Accuracy { correct }) => {
                self.known.extend(&job.allocation, &correct);
                let Some(Ok((judgement, bits))) = self.judge(ask, c) else { return false };
                self.counters.evaluations += 1;
                self.commit_judgement(ask, c, judgement, bits);
            }
            (Ask::TestFloat, Outcome::Accuracy { correct }) => self.commit_test(None, correct),
            (Ask::Test(c), Outcome::Accuracy { correct }) => self.commit_test(Some(c), correct),
            _ => return false,
        }
        true
    }

    fn commit_test(&mut self, candidate: Option<CandidateId>, bits: CorrectBits) {
        self.emit(Event::Tested { candidate, images: bits.len(), correct: bits.correct(), bits });
    }

    fn commit_drift(&mut self, candidate: CandidateId, drift: f64, sites: Vec<f64>, cached: bool) {
        let parent = self.tree.get(candidate).and_then(|c| c.parent).and_then(|p| self.tree.get(p));
        let added = drift - parent.and_then(|p| p.drift).unwrap_or(0.0);
        self.emit(Event::Measured { candidate, drift, added, sites, cached });
    }

    fn commit_judgement(
        &mut self,
        ask: Ask,
        candidate: CandidateId,
        judgement: Judgement,
        bits: CorrectBits,
    ) {
        let event = match ask {
            Ask::Confirm(_) => Event::Confirmed { candidate, judgement, bits },
            _ => Event::Screened { candidate, judgement, bits },
        };
        self.emit(event);
        if let (Ask::Screen(_), Some(drift)) = (ask, self.tree.get(candidate).and_then(|c| c.drift)) {
            self.gate.learn(drift, judgement.verdict == Verdict::Met);
        }
    }

    fn step(&mut self) -> Next {
        if self.tree.base.is_some()
            && !self.is_finished()
            && let Some(candidate) = self.by_hand.front().copied()
        {
            return self.step_by_hand(candidate);
        }
        match self.phase.clone() {
            Phase::Baseline => self.step_baseline(),
            Phase::Start(candidate) => self.step_start(candidate),
            Phase::Lowest(candidate) => self.step_lowest(candidate),
            Phase::Level(open) => self.step_level(open),
            Phase::Confirm(after) => self.step_confirm(after),
            Phase::Test(reason) => self.step_test(reason),
            Phase::Finished => Next::Wait,
        }
    }

    fn step_baseline(&mut self) -> Next {
        if self.tree.float.is_empty() {
            return Next::Ask(Ask::Baseline);
        }
        let start = match &self.settings.start {
            Some(start) => self.clamped(start),
            None => self.largest(),
        };
        let candidate = self.propose(None, None, Origin::Start, start);
        self.phase = Phase::Start(candidate);
        Next::Again
    }

    fn step_start(&mut self, start: CandidateId) -> Next {
        let Some(candidate) = self.tree.get(start) else { return Next::Wait };
        let Some(judgement) = candidate.confirmation else {
            return Next::Ask(if candidate.drift.is_none() { Ask::Drift(start) } else { Ask::Confirm(start) });
        };
        let allocation = candidate.allocation.clone();
        let largest = self.largest();
        if judgement.verdict == Verdict::Met {
            self.emit(Event::BaseChanged { candidate: start, reason: BaseReason::Start });
            self.emit(Event::IncumbentChanged { candidate: Some(start) });
            let lowest = self.lowest();
            self.phase = if allocation == lowest {
                Phase::Test(StopReason::LowestPasses)
            } else {
                let change = Move { group: Group::Network, bits: self.lowest_width() };
                Phase::Lowest(self.propose(Some(start), Some(change), Origin::Lowest, lowest))
            };
        } else if allocation != largest {
            let change = Move { group: Group::Network, bits: self.largest_width() };
            self.phase = Phase::Start(self.propose(Some(start), Some(change), Origin::Start, largest));
        } else {
            self.finish(StopReason::NothingMet);
        }
        Next::Again
    }

    fn step_lowest(&mut self, lowest: CandidateId) -> Next {
        let Some(candidate) = self.tree.get(lowest).cloned() else { return Next::Wait };
        if candidate.pruned {
            self.open_level(0);
            return Next::Again;
        }
        let Some(drift) = candidate.drift else { return Next::Ask(Ask::Drift(lowest)) };
        let Some(gate) = candidate.gate else {
            self.decide(&candidate, drift);
            return Next::Again;
        };
        match candidate.screening {
            _ if gate.decision == GateDecision::HeldBack => self.open_level(0),
            None => return Next::Ask(Ask::Screen(lowest)),
            Some(judgement) if judgement.verdict == Verdict::Met => {
                self.emit(Event::BaseChanged { candidate: lowest, reason: BaseReason::Accepted });
                self.phase = Phase::Confirm(After::Lowest);
            }
            Some(_) => self.open_level(0),
        }
        Next::Again
    }

    fn step_level(&mut self, mut open: OpenLevel) -> Next {
        let Some(base) = self.tree.base else { return Next::Wait };
        if open.opening {
            return self.step_opening(open, base);
        }
        if let Some(top) = self.resumed.pop_front() {
            self.take_up(top, &mut open);
            return Next::Again;
        }
        if let Some(candidate) = self.extras.front().copied() {
            return self.step_extra(candidate);
        }
        let ranking = open.ranking(base, &self.allowed, &self.tree, &self.settings);
        let Some(head) = ranking.first() else {
            self.emit(Event::LevelClosed { level: open.level });
            self.phase = Phase::Confirm(After::Level(open.index + 1));
            return Next::Again;
        };
        let Some(fresh) = head.fresh else {
            if let Some(reason) = self.hopeless(&head.step.allocation) {
                self.close_group(&mut open, head.group, head.step.bits, reason);
                self.phase = Phase::Level(open);
                return Next::Again;
            }
            let candidate = self.child(base, &open.groups[head.group].group.clone(), &head.step);
            open.groups[head.group].candidate = Some(candidate);
            self.phase = Phase::Level(open);
            let measured = self.tree.get(candidate).is_some_and(|c| c.drift.is_some());
            return if measured { Next::Again } else { Next::Ask(Ask::Drift(candidate)) };
        };
        let Some(candidate) = self.tree.get(fresh).cloned() else { return Next::Wait };
        if candidate.pruned {
            self.close_group(&mut open, head.group, head.step.bits, CloseReason::Pruned);
            self.phase = Phase::Level(open);
            return Next::Again;
        }
        let Some(gate) = candidate.gate else {
            self.decide(&candidate, candidate.drift.unwrap_or(0.0));
            return Next::Again;
        };
        match candidate.screening {
            None if gate.decision == GateDecision::HeldBack => {
                self.close_group(&mut open, head.group, head.step.bits, CloseReason::HeldBack);
                self.phase = Phase::Level(open);
            }
            None => return Next::Ask(Ask::Screen(fresh)),
            Some(judgement) if judgement.verdict == Verdict::Met => {
                open.groups[head.group].candidate = None;
                self.emit(Event::BaseChanged { candidate: fresh, reason: BaseReason::Accepted });
                self.open_round(&open);
                self.phase = Phase::Level(open);
            }
            Some(_) => {
                self.close_group(&mut open, head.group, head.step.bits, CloseReason::Failed);
                self.phase = Phase::Level(open);
            }
        }
        Next::Again
    }

    /// Proposes and measures the first step of every group of a newly opened level.
    fn step_opening(&mut self, mut open: OpenLevel, base: CandidateId) -> Next {
        let Some(base_allocation) = self.tree.get(base).map(|b| b.allocation.clone()) else { return Next::Wait };
        for i in 0..open.groups.len() {
            let group = &open.groups[i];
            if group.candidate.is_some() {
                continue;
            }
            let Some(step) = group.next(&base_allocation, &self.allowed, &self.settings) else { continue };
            if let Some(reason) = self.hopeless(&step.allocation) {
                self.close_group(&mut open, i, step.bits, reason);
                continue;
            }
            let group = group.group.clone();
            open.groups[i].candidate = Some(self.child(base, &group, &step));
        }
        let unmeasured = |id: &CandidateId| self.tree.get(*id).is_some_and(|c| c.drift.is_none() && !c.pruned);
        let first = open.groups.iter().filter_map(|g| g.candidate).find(unmeasured);
        if let Some(candidate) = first {
            self.phase = Phase::Level(open);
            return Next::Ask(Ask::Drift(candidate));
        }
        open.opening = false;
        self.open_round(&open);
        self.phase = Phase::Level(open);
        Next::Again
    }

    fn step_confirm(&mut self, after: After) -> Next {
        let Some(base) = self.tree.base.and_then(|b| self.tree.get(b)).cloned() else { return Next::Wait };
        match base.confirmation {
            None => return Next::Ask(Ask::Confirm(base.id)),
            Some(judgement) if judgement.verdict == Verdict::Met => {
                let smaller = self.tree.incumbent.and_then(|i| self.tree.get(i)).is_none_or(|i| base.bytes < i.bytes);
                if smaller && self.tree.incumbent != Some(base.id) {
                    self.emit(Event::IncumbentChanged { candidate: Some(base.id) });
                }
                match after {
                    After::Lowest if base.allocation == self.lowest() => {
                        self.phase = Phase::Test(StopReason::LowestPasses);
                    }
                    After::Lowest => self.open_level(0),
                    After::Level(index) => self.open_level(index),
                }
            }
            Some(_) => match self.fallback(base.id) {
                Some(candidate) => self.emit(Event::BaseChanged { candidate, reason: BaseReason::WalkedBack }),
                None => self.phase = Phase::Test(StopReason::Complete),
            },
        }
        Next::Again
    }

    fn step_test(&mut self, reason: StopReason) -> Next {
        let Some(incumbent) = self.tree.incumbent.and_then(|i| self.tree.get(i)) else {
            self.finish(if reason == StopReason::Stopped { reason } else { StopReason::NothingMet });
            return Next::Again;
        };
        if self.settings.test_images > 0 {
            if self.tree.tested_float.is_none() {
                return Next::Ask(Ask::TestFloat);
            }
            if self.tree.tested.is_none() {
                return Next::Ask(Ask::Test(incumbent.id));
            }
        }
        let fits = self.settings.constraint.max_memory.is_none_or(|most| incumbent.bytes <= most);
        self.finish(if fits { reason } else { StopReason::NothingMet });
        Next::Again
    }

    pub(super) fn finish(&mut self, reason: StopReason) {
        let c = self.counters;
        self.phase = Phase::Finished;
        self.emit(Event::Finished {
            reason,
            incumbent: self.tree.incumbent,
            evaluations: c.evaluations,
            cached: c.cached,
            drift_evaluations: c.drift_evaluations,
            gated: c.gated,
            audited: c.audited,
        });
    }

    /// Lets the gate of the round decide and records it.
    pub(super) fn decide(&mut self, candidate: &Candidate, drift: f64) {
        let reason = self.frozen.decide(drift, &candidate.allocation);
        match reason.decision {
            GateDecision::HeldBack => self.counters.gated += 1,
            GateDecision::Audited => self.counters.audited += 1,
            GateDecision::Passed | GateDecision::Exempt => {}
        }
        self.emit(Event::Gated { candidate: candidate.id, reason });
    }

    pub(super) fn propose(
        &mut self,
        parent: Option<CandidateId>,
        change: Option<Move>,
        origin: Origin,
        allocation: Allocation,
    ) -> CandidateId {
        let candidate = CandidateId(self.tree.candidates.len() as u32);
        let bytes = self.settings.space.bytes(&allocation);
        self.emit(Event::Proposed { candidate, parent, change, origin, allocation, bytes });
        candidate
    }

    /// Why an allocation need not be proposed, if so.
    fn hopeless(&self, allocation: &Allocation) -> Option<CloseReason> {
        let drop = self.settings.constraint.max_accuracy_drop;
        if self.tree.candidates.iter().any(|c| c.pruned && &c.allocation == allocation) {
            return Some(CloseReason::Pruned);
        }
        let fails = |of| self.known.fails(allocation, of, drop);
        (fails(self.settings.screen()) || fails(self.settings.search_images)).then_some(CloseReason::AlreadyFailed)
    }

    /// The child of the base that stands for a step: an existing one, or a new one.
    fn child(&mut self, base: CandidateId, group: &Group, step: &Step) -> CandidateId {
        let children = self.tree.get(base).map(|b| b.children.clone()).unwrap_or_default();
        let same = |c: &&Candidate| c.allocation == step.allocation;
        match children.iter().filter_map(|c| self.tree.get(*c)).find(same) {
            Some(child) => child.id,
            None => {
                let change = Move { group: group.clone(), bits: step.bits };
                self.propose(Some(base), Some(change), Origin::Search, step.allocation.clone())
            }
        }
    }

    fn close_group(&mut self, open: &mut OpenLevel, index: usize, at: BitWidth, reason: CloseReason) {
        let group = &mut open.groups[index];
        group.closed = Some((at, reason));
        if reason != CloseReason::Pruned {
            self.closed.insert(group.members.clone(), (at, reason));
        }
        let group = group.group.clone();
        self.emit(Event::GroupClosed { group, at, reason });
    }

    /// Opens the level at a position of the settings' list on the current base; behind the last one the search is done.
    pub(super) fn open_level(&mut self, index: usize) {
        let Some(level) = self.settings.search.levels.get(index).copied() else {
            self.phase = Phase::Test(StopReason::Complete);
            return;
        };
        let Some(base) = self.tree.base.and_then(|b| self.tree.get(b)).map(|b| b.allocation.clone()) else { return };
        let groups: Vec<OpenGroup> = self
            .settings
            .space
            .groups(level)
            .into_iter()
            .map(|group| {
                let members = self.settings.space.members(&group);
                let closed = self.closed.get(&members).copied();
                OpenGroup { group, members, closed, candidate: None }
            })
            .collect();
        let is_open = |g: &&OpenGroup| g.next(&base, &self.allowed, &self.settings).is_some();
        let open = groups.iter().filter(is_open).map(|g| g.group.clone()).collect();
        self.emit(Event::LevelOpened { level, groups: open });
        self.phase = Phase::Level(OpenLevel { level, index, groups, opening: true });
    }

    pub(super) fn open_round(&mut self, open: &OpenLevel) {
        let Some(base) = self.tree.base else { return };
        let ranking = open.ranking(base, &self.allowed, &self.tree, &self.settings);
        if ranking.is_empty() {
            return;
        }
        self.frozen = self.gate.freeze();
        self.emit(Event::RoundOpened { round: self.tree.round + 1, level: open.level, base, open: ranking.len() });
    }

    /// The nearest ancestor that may be the base: it passed, is not pruned or refuted, and keeps to the pins.
    pub(super) fn fallback(&self, from: CandidateId) -> Option<CandidateId> {
        let mut next = self.tree.get(from)?.parent;
        while let Some(candidate) = next.and_then(|id| self.tree.get(id)) {
            let passed = matches!(candidate.state(), State::Passed | State::Confirmed);
            if passed && !candidate.pruned && self.conforms(&candidate.allocation) {
                return Some(candidate.id);
            }
            next = candidate.parent;
        }
        None
    }

    /// True when an allocation keeps to the pins now in force.
    pub(super) fn conforms(&self, allocation: &Allocation) -> bool {
        allocation.0.iter().zip(&self.allowed).all(|(width, allowed)| allowed.contains(width))
    }
    /// An allocation brought within the pins now in force.
    pub(super) fn clamped(&self, allocation: &Allocation) -> Allocation {
        Allocation(allocation.0.iter().zip(&self.allowed).map(|(w, allowed)| nearest_allowed(allowed, *w)).collect())
    }
    /// The largest width everywhere.
    pub(super) fn largest(&self) -> Allocation {
        self.clamped(&Allocation::uniform(self.allowed.len(), self.largest_width()))
    }
    fn lowest(&self) -> Allocation {
        self.clamped(&Allocation::uniform(self.allowed.len(), self.lowest_width()))
    }
    pub(super) fn largest_width(&self) -> BitWidth {
        self.settings.space.menu.iter().copied().max().unwrap_or(BitWidth::FLOAT)
    }
    fn lowest_width(&self) -> BitWidth {
        self.settings.space.menu.iter().copied().min().unwrap_or(BitWidth::FLOAT)
    }
}
