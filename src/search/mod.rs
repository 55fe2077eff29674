//! The search itself, a pure state machine: commands and outcomes in, events and jobs out.
//! No tensors, no terminal, no clock, no I/O.
//!
//! [`Engine`] asks ([`Engine::wanted`]), takes answers ([`Engine::outcome`]) and commands
//! ([`Engine::command`]), and tells everything that happens as [`Event`]s; [`Tree`] is the fold of
//! them. A [`Strategy`] proposes the candidates; `examples/own_strategy.rs` shows one from outside.
//!
//! Where things happen: a candidate is rejected by the gate in `judge.rs`, from what `gate.rs` has
//! learned; what counts as better is in `objective.rs`; a base that may no longer be expanded is
//! replaced in `base.rs`; what a command does is decided in `check.rs` and done in `steer.rs`, and
//! taken back in `undo.rs`.
//!
//! ```
//! use aq4svit::evaluate::{Cancel, Evaluator, Landscape};
//! use aq4svit::profile::{Profile, SHIPPED};
//! use aq4svit::quant::MemoryModel;
//! use aq4svit::search::{Command, Engine, Settings, Space};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let profile = Profile::parse(SHIPPED[0].1, "demo.toml".as_ref())?;
//! let graph = profile.graph();
//! let memory = MemoryModel::of(&graph, profile.scheme.affine);
//! let settings = Settings {
//!     name: profile.name.clone(),
//!     space: Space::of(&graph, &memory, &profile.menu, profile.ties(&graph)),
//!     constraint: profile.constraint,
//!     search: profile.search.clone(),
//!     gate: profile.gate,
//!     pins: profile.pins.clone(),
//!     target: None,
//!     start: None,
//!     calibration_images: 16,
//!     evidence_images: 0,
//!     narrower: true,
//!     search_images: 300,
//!     search_order: Default::default(),
//!     certify_images: 0,
//!     test_images: 0,
//! };
//! // A synthetic evaluator; the real one is behind the same trait.
//! let mut evaluator = Landscape::new(1, graph.layers.len(), 16, 300, 0);
//! let mut engine = Engine::new(settings)?;
//! let mut events = engine.start();
//! for _ in 0..40 {
//!     let Some(request) = engine.wanted(1).pop() else { break };
//!     let (outcome, _) = evaluator.evaluate(&request.job, &Cancel::default(), &mut |_| {})?;
//!     events.extend(engine.outcome(&request.job, outcome));
//! }
//! // Enough: finish with what is confirmed.
//! events.extend(engine.command(Command::Stop));
//! let tree = engine.tree();
//! let incumbent = tree.incumbent.and_then(|id| tree.get(id)).ok_or("nothing confirmed")?;
//! assert_eq!(incumbent.bytes, memory.total(&incumbent.allocation));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod ahead;
mod answers;
mod base;
mod candidates;
mod certificate;
mod certify;
mod check;
mod choices;
mod command;
mod counters;
mod drop_model;
mod engine;
mod event;
mod evidence;
mod gate;
mod group;
mod isotonic;
mod judge;
mod judgement;
mod knapsack;
mod ladder;
mod limits;
mod measurements;
mod narrower;
mod nearest;
mod node;
mod objective;
mod phase;
mod plan;
mod position;
mod possible;
mod predict;
mod reason;
mod remaining;
mod replay;
mod rules;
mod settings;
mod space;
mod steer;
mod step;
mod steps;
mod strategy;
mod tree;
mod undo;
mod verdicts;

pub use certificate::{Certification, Certified, Ladder, RungTest};
pub use command::{Command, CommandId, Instruction};
pub use counters::{Counters, Ledger};
pub use engine::{Engine, Request};
pub use event::{Event, GateDecision, GateReason, Origin};
pub use evidence::{Forecasts, GateEvidence, Proxy, ProxyEvidence, Verdicts};
pub use group::{Group, Move};
pub use judgement::{CandidateId, Judgement};
pub use measurements::allowed_loss;
pub use nearest::{Basis, ClosestInfeasible};
pub use node::{Candidate, State};
pub use possible::{MOST_ALLOCATIONS, Restricted, TooSmall, Unsearchable};
pub use predict::{Estimate, Measured, Prediction, Predictor, Solution, Unsolved, Wanted};
pub use reason::{BaseReason, CloseReason, StopReason};
pub use remaining::Remaining;
pub use replay::ReplayError;
pub use settings::Settings;
pub use space::{Space, SpaceLayer};
pub use step::{Ask, Judged, Step, Trial};
pub use strategy::{CloneStrategy, Context, Strategy};
pub use tree::Tree;
pub use undo::Undoable;
