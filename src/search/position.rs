//! Where a search stands in its own course, beside the tree: kept before each command, so that an
//! undo goes on from there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::engine::Engine;
use super::gate::Gate;
use super::phase::Phase;
use super::plan::Plan;
use super::undo::DEPTH;
use super::{CandidateId, CloseReason};
use crate::quant::{BitWidth, Domains};

/// All of an engine that decisions are made from, but the tree and what was measured.
#[derive(Clone, Debug)]
pub(super) struct Position {
    gate: Gate,
    domains: Domains,
    phase: Phase,
    plan: Plan,
    refuted: u32,
    expanded: Vec<CandidateId>,
    manual: VecDeque<CandidateId>,
    first: VecDeque<CandidateId>,
    resumed: VecDeque<CandidateId>,
    undecided: VecDeque<CandidateId>,
    closed: HashMap<Vec<usize>, (BitWidth, CloseReason)>,
    before_stop: Option<Phase>,
}

impl Engine {
    /// Notes where the search stands, before a command that may be taken back.
    pub(super) fn note_position(&mut self) {
        if self.positions.len() == DEPTH {
            self.positions.remove(0);
        }
        self.positions.push(Arc::new(Position {
            gate: self.gate.clone(),
            domains: self.domains.clone(),
            phase: self.phase,
            plan: self.plan.clone(),
            refuted: self.refuted,
            expanded: self.expanded.clone(),
            manual: self.manual.clone(),
            first: self.first.clone(),
            resumed: self.resumed.clone(),
            undecided: self.undecided.clone(),
            closed: self.closed.clone(),
            before_stop: self.before_stop,
        }));
    }

    /// Goes on from where the search stood before the last command that was not taken back.
    pub(super) fn return_to_position(&mut self) {
        let Some(position) = self.positions.pop() else {
            return;
        };
        let position = Arc::unwrap_or_clone(position);
        self.gate = position.gate;
        self.domains = position.domains;
        self.phase = position.phase;
        self.plan = position.plan;
        self.refuted = position.refuted;
        self.expanded = position.expanded;
        self.manual = position.manual;
        self.first = position.first;
        self.resumed = position.resumed;
        self.undecided = position.undecided;
        self.closed = position.closed;
        self.before_stop = position.before_stop;
    }
}
