//! The search itself, a pure state machine: commands and outcomes in, events and jobs out.
//! No tensors, no terminal, no clock, no I/O.
#![forbid(unsafe_code)]

mod command;
mod event;
mod settings;
mod tree;

pub use command::{Command, Group, Move};
pub use event::{
    BaseReason, CandidateId, CloseReason, Event, GateDecision, GateReason, Judgement, Origin,
    StopReason,
};
pub use settings::{Settings, Space, SpaceLayer};
pub use tree::{Candidate, State, Tree};
