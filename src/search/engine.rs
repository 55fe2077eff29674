//! The engine: what is asked next, and what follows from the answer.
//!
//! Everything that happens goes through [`Engine::emit`], which folds the event into the [`Tree`];
//! decisions read the tree, the measurements and the open level, nothing else.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::gate::Gate;
use super::measurements::Measurements;
use super::phase::Phase;
use super::plan::Plan;
use super::position::Position;
use super::step::{Ask, Step};
use super::strategy::Strategy;
use super::{
    CandidateId, CloseReason, Counters, Event, Ledger, Settings, StopReason, Tree, Unsearchable,
};
use crate::evaluate::{Job, Outcome, Provenance, Question, Split};
use crate::quant::{Allocation, BitWidth, Domains};

/// A question of the engine, and the candidate it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The candidate; none for the float network, and for an allocation that is not proposed yet.
    pub candidate: Option<CandidateId>,
    /// The question.
    pub job: Job,
}

/// The search as a pure state machine.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) settings: Settings,
    pub(super) tree: Tree,
    pub(super) measurements: Measurements,
    pub(super) gate: Gate,
    /// The bit-widths each layer may have under the pins in force.
    pub(super) domains: Domains,
    pub(super) phase: Phase,
    pub(super) plan: Plan,
    /// Confirmations that failed one after the other.
    pub(super) refuted: u32,
    /// What the last strategy expanded beside its base: a beam goes on from these, too.
    pub(super) expanded: Vec<CandidateId>,
    /// Candidates that the user asked for, judged before queued work, also while the search is
    /// paused.
    pub(super) manual: VecDeque<CandidateId>,
    /// Candidates that a pin or a changed constraint asks for, judged before all others.
    pub(super) first: VecDeque<CandidateId>,
    /// Tops of resumed branches: their candidates join the next round.
    pub(super) resumed: VecDeque<CandidateId>,
    /// Undecided candidates of resumed branches that hang elsewhere than on the base.
    pub(super) undecided: VecDeque<CandidateId>,
    /// Widths closed by failure, by layer set: equal sets of later levels are not proposed again.
    pub(super) closed: HashMap<Vec<usize>, (BitWidth, CloseReason)>,
    /// Where the search stood when it was stopped.
    pub(super) before_stop: Option<Phase>,
    /// Where it stood before each command that may be taken back.
    pub(super) positions: Vec<Arc<Position>>,
    pub(super) arrived: HashMap<(Allocation, Kind), (Outcome, Provenance)>,
    /// Numbers of the events whose answers an earlier run had given, counted from 1.
    pub(super) reused: HashSet<u64>,
    asking: Option<Ask>,
    pub(super) ledger: Ledger,
    events: Vec<Event>,
    /// Events emitted since the search began.
    emitted: u64,
    /// The number of events from which on outcomes that arrive wait.
    pub(super) hold: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Drift {
        images: Option<usize>,
    },
    LayerErrors,
    Accuracy {
        split: Split,
        from: usize,
        to: usize,
    },
    Statistics {
        split: Split,
        from: usize,
        to: usize,
    },
}

impl Kind {
    pub(super) fn of(question: &Question) -> Self {
        match question {
            Question::Drift { images } => Kind::Drift { images: *images },
            Question::LayerErrors => Kind::LayerErrors,
            &Question::Statistics { split, from, to } => Kind::Statistics { split, from, to },
            Question::Accuracy {
                split, from, to, ..
            } => Kind::Accuracy {
                split: *split,
                from: *from,
                to: *to,
            },
        }
    }
}

impl Engine {
    /// An engine that has asked nothing yet; call [`Engine::start`].
    ///
    /// # Errors
    /// [`Unsearchable`] where the pins leave a layer no width, or too many allocations to try them
    /// all.
    pub fn new(settings: Settings) -> Result<Self, Unsearchable> {
        let domains = settings.searchable()?;
        Ok(Self::planned(settings, domains, None))
    }

    /// An engine that searches by a strategy from outside instead of the profile's.
    ///
    /// # Errors
    /// [`Unsearchable`] where the pins leave a layer no width.
    pub fn with_strategy(
        settings: Settings,
        strategy: Box<dyn Strategy>,
    ) -> Result<Self, Unsearchable> {
        let domains = settings.domains(&settings.pins)?;
        Ok(Self::planned(settings, domains, Some(strategy)))
    }

    fn planned(settings: Settings, domains: Domains, given: Option<Box<dyn Strategy>>) -> Self {
        let objective = settings.constraint.objective();
        Engine {
            tree: Tree::default(),
            measurements: Measurements::default(),
            gate: Gate::new(settings.gate, settings.search.seed),
            domains,
            phase: Phase::Baseline,
            plan: Plan::new(&settings, objective, given),
            refuted: 0,
            expanded: Vec::new(),
            manual: VecDeque::new(),
            first: VecDeque::new(),
            resumed: VecDeque::new(),
            undecided: VecDeque::new(),
            closed: HashMap::new(),
            before_stop: None,
            positions: Vec::new(),
            arrived: HashMap::new(),
            reused: HashSet::new(),
            asking: None,
            ledger: Ledger::default(),
            events: Vec::new(),
            emitted: 0,
            hold: None,
            settings,
        }
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
    /// The counts so far. What an earlier run had answered counts as evaluated: decisions, and
    /// with them the journal, do not depend on it.
    pub fn counters(&self) -> Counters {
        self.ledger.counters()
    }
    /// True once nothing more will happen unless a command opens the search again.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished(_))
    }

    /// What is wanted now: at most `most` questions. The first one is what the search waits for;
    /// the others will probably come next, and never change what is decided. Empty when finished,
    /// and while paused but for what was asked for by hand.
    pub fn wanted(&self, most: usize) -> Vec<Request> {
        self.wanted_ahead(most, usize::MAX)
    }

    /// As [`Engine::wanted`], but with at most `guesses` questions that will only be asked if
    /// candidates are judged as it is guessed; the answers to all others will be used whatever
    /// comes, unless somebody steers.
    pub fn wanted_ahead(&self, most: usize, guesses: usize) -> Vec<Request> {
        match self.asking {
            None => Vec::new(),
            Some(ask) if most == 1 => self.request(ask).into_iter().collect(),
            Some(_) => self.ahead(most, guesses),
        }
    }

    /// Takes an answer, in any order of arrival. It is committed when the search comes to it, or
    /// never. An answer that nothing asked for changes nothing.
    pub fn outcome(&mut self, job: &Job, outcome: Outcome) -> Vec<Event> {
        self.answer(job, outcome, Provenance::Computed)
    }

    /// Takes an answer as [`Engine::outcome`] does, and notes where it came from.
    pub fn answer(&mut self, job: &Job, outcome: Outcome, provenance: Provenance) -> Vec<Event> {
        let key = (job.allocation.clone(), Kind::of(&job.question));
        self.arrived.insert(key, (outcome, provenance));
        self.advance();
        std::mem::take(&mut self.events)
    }

    /// Sets the number of events, counted from the search's beginning, from which on outcomes are
    /// kept and not committed, until this is called again: so that a command can be given at a
    /// moment that does not depend on the speed of workers. Continues at once as far as that
    /// allows.
    pub fn hold_at(&mut self, events: Option<u64>) -> Vec<Event> {
        if std::mem::replace(&mut self.hold, events) != events {
            self.advance();
        }
        self.take_events()
    }

    /// Events emitted since the search began.
    pub fn emitted(&self) -> u64 {
        self.emitted
    }

    /// Where the answer came from that led to an event, by the event's number counted from 1.
    pub fn provenance(&self, event: u64) -> Provenance {
        match self.reused.contains(&event) {
            true => Provenance::EarlierRun,
            false => Provenance::Computed,
        }
    }

    /// Has a candidate judged before all others.
    pub(super) fn judge_first(&mut self, candidate: CandidateId) {
        self.first.retain(|c| *c != candidate);
        self.manual.retain(|c| *c != candidate);
        self.first.push_front(candidate);
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn asking(&self) -> Option<Ask> {
        self.asking
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.tree.apply(&event);
        let tree = &self.tree;
        self.ledger.apply(&event, tree, Provenance::Computed);
        self.events.push(event);
        self.emitted += 1;
    }

    /// Steps until an answer is missing.
    pub(super) fn advance(&mut self) {
        self.asking = None;
        loop {
            self.settle();
            let step = match self.tree.paused {
                false => self.step(),
                true => self.step_while_paused(),
            };
            match step {
                Step::Again | Step::Done => {}
                Step::Wait => return,
                Step::Ask(ask) => {
                    let Some(ask) = self.within_limits(ask) else {
                        self.phase = Phase::Test(StopReason::MaxEvaluations);
                        continue;
                    };
                    // What is known already is committed without a stop: a replay of the journal
                    // does the same.
                    let held = self.hold.is_some_and(|at| self.emitted >= at);
                    if !self.recalled(ask) && (held || !self.received(ask)) {
                        self.asking = Some(ask);
                        return;
                    }
                }
            }
        }
    }
}
