//! What the search tells: the whole truth of a run, in order.

use serde::{Deserialize, Serialize};

use super::{
    BaseReason, CandidateId, CloseReason, Command, CommandId, Counters, Estimate, Group,
    Instruction, Judgement, Move, Proxy, RungTest, Settings, StopReason,
};
use crate::evaluate::{CorrectBits, Proxies};
use crate::profile::{GateMode, Level};
use crate::quant::{Allocation, BitWidth};

/// Why a candidate was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The allocation the search starts from: the profile's `[bits]`, or the largest width
    /// everywhere.
    Start,
    /// The smallest width everywhere, tried first: it may already pass.
    Lowest,
    /// The search's own proposal.
    Search,
    /// One group lowered alone, to learn its drift.
    Probe,
    /// What single groups' drifts predict to be best.
    Allocated,
    /// The next smallest of all allocations.
    Enumerated,
    /// A point of a predicted front.
    Front,
    /// Drawn at random.
    Drawn,
    /// Made by hand.
    Manual,
    /// The base or the start brought within a pin that was set during the run.
    Pin,
}

/// What the gate decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateDecision {
    /// Deserves an accuracy evaluation.
    Passed,
    /// Does not.
    HeldBack,
    /// Held back, but evaluated anyway to check the gate.
    Audited,
    /// Asked for by the user, or a uniform width tried behind the plan: the gate has no say.
    Exempt,
}

/// A gate decision with the numbers behind it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReason {
    /// What was decided.
    pub decision: GateDecision,
    /// The mode it was decided in.
    pub mode: GateMode,
    /// The candidate's drift.
    pub drift: f64,
    /// `fixed`: the limit. `drift`: the largest drift seen to pass so far, for orientation.
    pub limit: Option<f64>,
    /// The chance of meeting the constraint. `adaptive`: by the model of the drop, once there is
    /// one. `drift`: the one fitted at this drift, after the warm-up.
    pub chance: Option<f64>,
    /// `adaptive` and `drift`: the smallest chance that passes.
    pub min_chance: Option<f64>,
    /// Verdicts the gate knew.
    pub verdicts: usize,
    /// `adaptive`: the drop that the model predicts, with its 90 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Estimate>,
    /// `adaptive`: the model is not trusted yet, and has no say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untrusted: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The search begins.
    Started {
        /// Everything the search depends on.
        settings: Box<Settings>,
    },
    /// The float network's results on the search split.
    Baseline {
        /// One bit per image.
        correct: CorrectBits,
    },
    /// A level opens on the current base.
    LevelOpened {
        /// The level.
        level: Level,
        /// Groups that may be lowered.
        groups: Vec<Group>,
    },
    /// A new candidate.
    Proposed {
        /// Its number: one more than the last; where an undo took a candidate with this allocation
        /// out of the search, the number of that one.
        candidate: CandidateId,
        /// The candidate it was made from; none for the start.
        parent: Option<CandidateId>,
        /// What was changed; none for the start.
        #[serde(rename = "move")]
        change: Option<Move>,
        /// Why it was made.
        origin: Origin,
        /// All bit-widths.
        allocation: Allocation,
        /// Memory in bytes.
        bytes: u64,
    },
    /// A candidate's drift is known.
    Measured {
        /// The candidate.
        candidate: CandidateId,
        /// Mean over sites, in thresholds.
        drift: f64,
        /// Drift beyond its parent's.
        added: f64,
        /// Per neuron site in the graph's order, then the logits.
        sites: Vec<f64>,
        /// What was measured beside it; none in journals of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proxies: Option<Proxies>,
        /// True when an earlier measurement of the same allocation answers it.
        cached: bool,
    },
    /// The error of every layer's output at a width, by itself.
    LayerErrors {
        /// The width.
        bits: BitWidth,
        /// By layer, as [`Outcome::LayerErrors`](crate::evaluate::Outcome::LayerErrors) has them.
        errors: Vec<f64>,
    },
    /// A predicted front of allocations is tried.
    FrontOpened {
        /// What its costs are predicted from.
        costs: Proxy,
        /// Points that no other beats in bytes and predicted cost.
        points: usize,
        /// Bytes of the largest of them.
        most: u64,
        /// Bytes of the smallest.
        least: u64,
    },
    /// A round begins; the gate stays as it is until the next one.
    RoundOpened {
        /// Rounds count from 1 over the whole run.
        round: u32,
        /// The level.
        level: Level,
        /// The allocation being expanded.
        base: CandidateId,
        /// Open groups.
        open: usize,
    },
    /// The gate decided.
    Gated {
        /// The candidate.
        candidate: CandidateId,
        /// Decision and numbers.
        #[serde(flatten)]
        reason: GateReason,
    },
    /// A screening ended.
    Screened {
        /// The candidate.
        candidate: CandidateId,
        /// Verdict and numbers.
        #[serde(flatten)]
        judgement: Judgement,
        /// One bit per image looked at, from the split's first image on.
        bits: CorrectBits,
    },
    /// A confirmation on the whole search split ended.
    Confirmed {
        /// The candidate.
        candidate: CandidateId,
        /// Verdict and numbers.
        #[serde(flatten)]
        judgement: Judgement,
        /// One bit per image looked at, from the split's first image on.
        bits: CorrectBits,
    },
    /// Another allocation is expanded from now on.
    BaseChanged {
        /// The new base.
        candidate: CandidateId,
        /// Why.
        reason: BaseReason,
    },
    /// Which allocations a beam expands from now on, greedy's first.
    BeamKept {
        /// Up to `beam_width` candidates that passed.
        states: Vec<CandidateId>,
    },
    /// A group is proposed no further from one of the level's allocations.
    GroupClosed {
        /// The allocation.
        base: CandidateId,
        /// The group.
        group: Group,
        /// Widths from here down are closed.
        at: BitWidth,
        /// Why.
        reason: CloseReason,
    },
    /// Groups were not tried at widths below the one that they failed at: some of them failed there
    /// one after the other.
    NotTried {
        /// The allocation that they would have been lowered in.
        base: CandidateId,
        /// The groups with these widths, the next one to be tried first.
        moves: Vec<Move>,
    },
    /// No group of the level is open.
    LevelClosed {
        /// The level.
        level: Level,
    },
    /// The best confirmed allocation is another one.
    IncumbentChanged {
        /// The new incumbent; none when a new pin excludes all that were confirmed.
        candidate: Option<CandidateId>,
    },
    /// A command took effect.
    CommandAccepted {
        /// The identifier that its sender gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<CommandId>,
        /// The command.
        #[serde(flatten)]
        command: Command,
        /// What it did, in words.
        note: String,
        /// The candidate that it made, or had judged. (Commands have a `candidate` of their own.)
        #[serde(rename = "made", default, skip_serializing_if = "Option::is_none")]
        candidate: Option<CandidateId>,
    },
    /// A command was refused.
    CommandRefused {
        /// The identifier that its sender gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<CommandId>,
        /// The command.
        #[serde(flatten)]
        command: Command,
        /// Why, and what to do.
        why: String,
    },
    /// The allocations that a certificate tests, in this order until one fails: fixed before
    /// anything of them is seen on the certify split.
    LadderFixed {
        /// The allocations, safest first; the last one is the incumbent.
        rungs: Vec<CandidateId>,
        /// The largest drop, in percentage points.
        limit: f64,
        /// The probability with which this ladder may certify an allocation wrongly.
        error: f64,
        /// Images of the certify split.
        images: usize,
    },
    /// The float network's results on the certify split.
    CertifyBaseline {
        /// One bit per image.
        correct: CorrectBits,
    },
    /// A rung of the ladder was tested.
    RungTested {
        /// The candidate.
        candidate: CandidateId,
        /// Counts, bound and verdict.
        #[serde(flatten)]
        test: RungTest,
        /// True when an earlier ladder had asked for the same results.
        cached: bool,
        /// One bit per image of the certify split.
        bits: CorrectBits,
    },
    /// The ladder came to its end.
    Certified {
        /// The smallest allocation that held, in sequence: the result; none where not even the
        /// first one did.
        candidate: Option<CandidateId>,
    },
    /// Results on the test split, which the search never saw.
    Tested {
        /// The result; none for the float network.
        candidate: Option<CandidateId>,
        /// Images of the test split.
        images: usize,
        /// Correct among them.
        correct: usize,
        /// One bit per image.
        bits: CorrectBits,
    },
    /// The search ended.
    Finished {
        /// Why.
        reason: StopReason,
        /// The result, if anything met the constraint.
        incumbent: Option<CandidateId>,
        /// What was counted.
        #[serde(flatten)]
        counters: Counters,
        /// Images that the same questions cost when nothing stops early.
        plain_images: u64,
    },
}

impl Event {
    /// The command that the event acknowledges, as it was sent.
    pub fn acknowledged(&self) -> Option<Instruction> {
        match self {
            Event::CommandAccepted { id, command, .. }
            | Event::CommandRefused { id, command, .. } => Some(Instruction {
                id: id.clone(),
                command: command.clone(),
            }),
            _ => None,
        }
    }
}
