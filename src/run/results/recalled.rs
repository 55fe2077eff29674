//! Which events rest on answers of earlier runs.

use std::collections::HashSet;

use crate::evaluate::{Job, Question, Split, Work};
use crate::quant::Allocation;
use crate::search::{CandidateId, Event, Tree};

/// Answers that cost nothing: an allocation's drift, or its accuracy up to this image of the search split.
#[derive(Debug, Default)]
pub struct Recalled(HashSet<(Allocation, Option<usize>)>);

impl Recalled {
    /// A job is answered, at this cost.
    pub fn note(&mut self, job: &Job, work: Work) {
        let kind = match &job.question {
            Question::Drift => None,
            Question::Accuracy {
                split: Split::Search,
                to,
                ..
            } => Some(*to),
            Question::Accuracy { .. } => return,
        };
        let key = (job.allocation.clone(), kind);
        match work.recalled {
            true => self.0.insert(key),
            false => self.0.remove(&key),
        };
    }

    /// True where an event is about such an answer: each is counted once.
    pub fn led_to(&mut self, event: &Event, tree: &Tree) -> bool {
        let mut taken = |candidate: &CandidateId, kind: Option<usize>| {
            let allocation = tree.get(*candidate).map(|c| c.allocation.clone());
            allocation.is_some_and(|a| self.0.remove(&(a, kind)))
        };
        match event {
            Event::Measured {
                candidate,
                cached: false,
                ..
            } => taken(candidate, None),
            Event::Screened {
                candidate,
                judgement,
                ..
            }
            | Event::Confirmed {
                candidate,
                judgement,
                ..
            } if !judgement.cached => taken(candidate, Some(judgement.of)),
            _ => false,
        }
    }
}
