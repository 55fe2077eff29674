//! What the journal of a run says of every candidate, and of the course of the search: the rows of
//! `candidates.csv` and the points of the figures.

use std::collections::BTreeMap;

use crate::evaluate::{Proxies, Verdict};
use crate::journal::Entry;
use crate::quant::{Allocation, BitWidth, saving_percent};
use crate::run::Summary;
use crate::search::{
    Candidate, CandidateId, Event, GateReason, Group, Judgement, Move, Origin, State, Tree,
};

/// Everything that figures and tables of candidates are drawn from.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// All candidates, by number.
    pub candidates: Vec<CandidateRecord>,
    /// How the incumbent changed.
    pub course: Vec<CoursePoint>,
    /// Screenings and confirmations of the run, answers of earlier runs included.
    pub evaluations: u64,
    /// Seconds of the clock from the first event to the last.
    pub seconds: f64,
    /// The largest accuracy drop that the constraint allows at the end, in percentage points; not
    /// finite where it allows any.
    pub limit: f64,
    /// The layers of the network.
    pub layers: Vec<LayerRecord>,
    /// The bit-widths of the menu, ascending.
    pub menu: Vec<BitWidth>,
    /// The neuron sites, in the network's order.
    pub sites: Vec<String>,
    /// Drift of the result by site, the logits last; empty where it is not known.
    pub site_drift: Vec<f64>,
    /// The error of each layer's output at a bit-width by itself, as the run measured it.
    pub layer_errors: BTreeMap<BitWidth, Vec<f64>>,
    /// The drift that a single group added to the allocation it was changed in: the group as text,
    /// its bit-width, and the drift beyond.
    pub single_groups: Vec<(String, BitWidth, f64)>,
}

/// A layer of the network.
#[derive(Clone, Debug)]
pub struct LayerRecord {
    /// Its name.
    pub name: String,
    /// The stage.
    pub stage: String,
    /// The block.
    pub block: String,
    /// The number of weights.
    pub weights: u64,
    /// The bit-width in the result; none without a result.
    pub bits: Option<BitWidth>,
    /// The memory in the result: packed weights and affine.
    pub bytes: Option<u64>,
    /// The packed weights of that alone.
    pub weight_bytes: Option<u64>,
    /// The memory as float.
    pub float_bytes: u64,
}

/// A candidate.
#[derive(Clone, Debug)]
pub struct CandidateRecord {
    /// Its number.
    pub id: CandidateId,
    /// The candidate that it was made from.
    pub parent: Option<CandidateId>,
    /// Why it was made.
    pub origin: Origin,
    /// What was changed.
    pub change: Option<Move>,
    /// The bit-widths.
    pub allocation: Allocation,
    /// The memory.
    pub bytes: u64,
    /// The saving against the float network.
    pub saving: f64,
    /// Where it stands.
    pub state: State,
    /// The last decision of the gate.
    pub gate: Option<GateReason>,
    /// The screening.
    pub screening: Option<Judgement>,
    /// The confirmation.
    pub confirmation: Option<Judgement>,
    /// The drift.
    pub drift: Option<f64>,
    /// The drift beyond the parent's.
    pub added_drift: Option<f64>,
    /// What was measured beside the drift.
    pub proxies: Option<Proxies>,
    /// True for a candidate of a pruned branch.
    pub pruned: bool,
    /// True for the result.
    pub is_result: bool,
}

/// A new incumbent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoursePoint {
    /// The number of the event.
    pub seq: u64,
    /// Screenings and confirmations so far.
    pub evaluations: u64,
    /// Seconds of the clock since the first event.
    pub seconds: f64,
    /// The incumbent; none where a new rule excludes all that were confirmed.
    pub candidate: Option<CandidateId>,
    /// Its memory.
    pub bytes: Option<u64>,
}

impl CandidateRecord {
    fn of(candidate: &Candidate, float_bytes: u64, result: Option<CandidateId>) -> Self {
        CandidateRecord {
            id: candidate.id,
            parent: candidate.parent,
            origin: candidate.origin,
            change: candidate.change.clone(),
            allocation: candidate.allocation.clone(),
            bytes: candidate.bytes,
            saving: saving_percent(candidate.bytes, float_bytes),
            state: candidate.state(),
            gate: candidate.gate,
            screening: candidate.screening,
            confirmation: candidate.confirmation,
            drift: candidate.drift,
            added_drift: candidate.added_drift,
            proxies: candidate.proxies,
            pruned: candidate.pruned,
            is_result: Some(candidate.id) == result,
        }
    }

    /// The confirmation, else the screening, where images were looked at.
    pub fn judgement(&self) -> Option<&Judgement> {
        let judged = self.confirmation.as_ref().or(self.screening.as_ref());
        judged.filter(|judgement| judgement.images > 0)
    }

    /// The measured accuracy drop, and whether it meets the constraint.
    pub fn measured(&self) -> Option<(f64, bool)> {
        let judged = self.judgement()?;
        Some((judged.drop(), judged.verdict == Verdict::Met))
    }
}

impl Records {
    /// Of a run from its summary and the entries of its journal.
    pub fn of(summary: &Summary, entries: &[Entry]) -> Self {
        let tree = &summary.tree;
        let Some(settings) = tree.settings.as_deref() else {
            return Records::default();
        };
        let space = &settings.space;
        let float_bytes = space.float_bytes();
        let result = tree.result();
        let id = result.map(|candidate| candidate.id);
        let layer = |(i, layer): (usize, &crate::search::SpaceLayer)| {
            let bits = result.and_then(|r| r.allocation.0.get(i).copied());
            LayerRecord {
                name: layer.name.clone(),
                stage: layer.stage.clone(),
                block: layer.block.clone(),
                weights: layer.weights,
                bits,
                bytes: bits.map(|bits| space.layer_bytes(layer, bits)),
                weight_bytes: bits.map(|bits| crate::quant::packed_bytes(layer.weights, bits)),
                float_bytes: layer.float_bytes,
            }
        };
        let (course, evaluations, seconds) = course(tree, entries);
        Records {
            candidates: tree
                .candidates
                .iter()
                .map(|c| CandidateRecord::of(c, float_bytes, id))
                .collect(),
            course,
            evaluations,
            seconds,
            limit: tree.max_drop(),
            layers: space.layers.iter().enumerate().map(layer).collect(),
            menu: space.menu.clone(),
            sites: space.sites.clone(),
            site_drift: result.map_or_else(Vec::new, |r| r.site_drift.clone()),
            layer_errors: tree.layer_errors.clone(),
            single_groups: single_groups(tree),
        }
    }

    /// The result.
    pub fn result(&self) -> Option<&CandidateRecord> {
        self.candidates.iter().find(|candidate| candidate.is_result)
    }
}

/// The drift that groups added alone, of the finest level of which there is any.
fn single_groups(tree: &Tree) -> Vec<(String, BitWidth, f64)> {
    let rank = |group: &Group| match group {
        Group::Network => 0,
        Group::Stage(_) => 1,
        Group::Block(_) => 2,
        Group::Layer(_) | Group::Tie(_) => 3,
    };
    let of = |candidate: &Candidate| {
        let change = candidate.change.as_ref()?;
        let added = candidate.added_drift.filter(|added| added.is_finite())?;
        let level = rank(&change.group);
        (level > 0).then(|| (level, change.group.to_string(), change.bits, added))
    };
    let all: Vec<_> = tree.candidates.iter().filter_map(of).collect();
    let finest = all.iter().map(|(level, ..)| *level).max();
    let of_finest = all.into_iter().filter(|(level, ..)| Some(*level) == finest);
    of_finest
        .map(|(_, group, bits, added)| (group, bits, added))
        .collect()
}

/// How the incumbent changed, how many evaluations there were, and the seconds of the clock.
fn course(tree: &Tree, entries: &[Entry]) -> (Vec<CoursePoint>, u64, f64) {
    let time = |entry: &Entry| entry.time.parse::<jiff::Timestamp>().ok();
    let start = entries.first().and_then(time);
    let since = |entry: &Entry| {
        let span = time(entry)?.duration_since(start?);
        Some(span.as_secs_f64().max(0.0))
    };
    let (mut points, mut evaluations, mut seconds) = (Vec::new(), 0u64, 0.0f64);
    for entry in entries {
        // A clock that was set back in between does not turn time around.
        seconds = since(entry).map_or(seconds, |s| s.max(seconds));
        match &entry.event {
            Event::Screened { judgement, .. } | Event::Confirmed { judgement, .. } => {
                evaluations += u64::from(!judgement.cached);
            }
            Event::IncumbentChanged { candidate } => points.push(CoursePoint {
                seq: entry.seq,
                evaluations,
                seconds,
                candidate: *candidate,
                bytes: candidate.and_then(|id| tree.get(id)).map(|c| c.bytes),
            }),
            _ => {}
        }
    }
    (points, evaluations, seconds)
}
