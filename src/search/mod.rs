//! The search itself, a pure state machine: commands and outcomes in, events and jobs out.
//! No tensors, no terminal, no clock, no I/O.
#![forbid(unsafe_code)]

mod ahead;
mod answers;
mod base;
mod candidates;
mod check;
mod choices;
mod command;
mod counters;
mod engine;
mod event;
mod evidence;
mod gate;
mod judge;
mod knapsack;
mod limits;
mod measurements;
mod nearest;
mod objective;
mod phases;
mod plan;
mod possible;
mod predict;
mod queues;
mod replay;
mod rules;
mod settings;
mod space;
mod steer;
mod strategy;
mod tree;
mod undo;

pub use command::{Command, CommandId, Group, Instruction, Move};
pub use counters::Counters;
pub use engine::{Ask, Engine, Request};
pub use event::{
    BaseReason, CandidateId, CloseReason, Event, GateDecision, GateReason, Judgement, Origin,
    StopReason,
};
pub use evidence::{GateEvidence, Proxy, ProxyEvidence, Verdicts};
pub use judge::{Judged, Trial};
pub use measurements::allowed_loss;
pub use nearest::{Basis, Miss};
pub use possible::{Impossible, MOST_ALLOCATIONS, Restricted, TooSmall, Unsearchable};
pub use predict::{
    Estimate, FrontPoint, Measured, Prediction, Predictor, Solution, Unsolved, Wanted,
};
pub use replay::ReplayError;
pub use settings::Settings;
pub use space::{Space, SpaceLayer};
pub use strategy::{Context, Step, Strategy};
pub use tree::{Candidate, State, Tree};
pub use undo::Undoable;
