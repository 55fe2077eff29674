//! The search itself, a pure state machine: commands and outcomes in, events and jobs out.
//! No tensors, no terminal, no clock, no I/O.
#![forbid(unsafe_code)]

mod ahead;
mod allocate;
mod answers;
mod base;
mod bounds;
mod budget;
mod check;
mod choices;
mod command;
mod counters;
mod draw;
mod engine;
mod enumerate;
mod event;
mod evidence;
mod expand;
mod gate;
mod judge;
mod knapsack;
mod known;
mod level;
mod levels;
mod limits;
mod nearest;
mod phases;
mod possible;
mod predict;
mod probes;
mod replay;
mod rules;
mod settings;
mod space;
mod steer;
mod tree;
mod undo;

pub use command::{Command, CommandId, Group, Instruction, Move};
pub use counters::Counters;
pub use engine::{Engine, Request};
pub use enumerate::{MOST_ALLOCATIONS, Unsearchable};
pub use event::{
    BaseReason, CandidateId, CloseReason, Event, GateDecision, GateReason, Judgement, Origin,
    StopReason,
};
pub use evidence::{GateEvidence, Proxy, ProxyEvidence, Verdicts};
pub use known::allowed_loss;
pub use nearest::{Basis, Miss};
pub use possible::{Impossible, Restricted, TooSmall};
pub use predict::{
    Estimate, FrontPoint, Measured, Prediction, Predictor, Solution, Unsolved, Wanted,
};
pub use replay::ReplayError;
pub use settings::Settings;
pub use space::{Space, SpaceLayer};
pub use tree::{Candidate, State, Tree};
pub use undo::Undoable;
