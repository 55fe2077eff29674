//! `aq4svit` finds, for a trained Spiking Vision Transformer, the smallest weight bit-width of
//! every layer that keeps accuracy within a limit, and lets the user steer that search while it
//! runs.
//!
//! The rooms, in reading order; each one uses only those above it in this list:
//!
//! 1. [`network`]: what a spiking vision transformer is, as data: the graph, its shapes and costs.
//! 2. [`quant`]: quantizer arithmetic on plain slices; bit-widths, allocations, packing, memory,
//!    and the affine per channel.
//! 3. [`kernels`]: CPU kernels on plain slices: convolutions, neurons, attention.
//! 4. [`checkpoint`]: files of weights to named tensors.
//! 5. [`data`]: data sets to labelled batches, splits, preprocessing.
//! 6. [`profile`]: the TOML file a user writes and the program saves.
//! 7. [`evaluate`]: the [`evaluate::Evaluator`] trait, jobs and outcomes, screening statistics, and
//!    a synthetic landscape for tests.
//! 8. `torch` (feature `torch`): the libtorch evaluator, the only room that names `tch`.
//! 9. [`search`]: the search itself, a pure state machine.
//! 10. [`journal`]: the file of events.
//! 11. `cluster` (feature `cluster`): evaluators on other machines, the only room that names
//!     `tokio`.
//! 12. [`run`]: threads, channels, resume.
//! 13. [`text`]: events, numbers and terms as text.
//! 14. [`report`]: the report of a run: result, method and evidence.
//! 15. [`export`]: packages: a quantized network as files that others can run.
//! 16. [`verify`]: an engine that runs a package from its manifest alone.
//! 17. [`tui`] and [`cli`]: what the user sees.
//!
//! A whole search, on a synthetic landscape instead of a network (so it needs no libtorch):
//!
//! ```
//! use aq4svit::evaluate::{Cancel, Evaluator, Landscape};
//! use aq4svit::profile::{Profile, SHIPPED};
//! use aq4svit::run::SearchProblem;
//! use aq4svit::search::{Engine, Event, Settings, Tree};
//! use aq4svit::text::{self, Importance, Marks};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A profile names a network and what is wanted of it. The space is what the search may choose
//! // from, and what each choice costs in bytes.
//! let (_, text) = SHIPPED[0];
//! let profile = Profile::parse(text, "demo.toml".as_ref())?;
//! let SearchProblem { profile, space } = profile.into();
//! let (calibration_images, search_images, test_images) = (16, 800, 300);
//! let mut evaluator = Landscape::new(
//!     1, space.layers.len(), calibration_images, search_images, test_images,
//! );
//! let settings = Settings {
//!     name: profile.name.clone(),
//!     space,
//!     constraint: profile.constraint,
//!     search: profile.search.clone(),
//!     gate: profile.gate,
//!     pins: profile.pins.clone(),
//!     target: profile.target.clone(),
//!     start: profile.allocation(&profile.graph()),
//!     calibration_images,
//!     evidence_images: 0,
//!     narrower: true,
//!     search_images,
//!     search_order: Default::default(),
//!     certify_images: 0,
//!     test_images,
//! };
//!
//! // The engine asks, the evaluator answers, and events say what follows from it. All state is
//! // folded from them.
//! let mut engine = Engine::new(settings)?;
//! let mut events = engine.start();
//! while let Some(request) = engine.wanted(1).pop() {
//!     let (outcome, _) = evaluator.evaluate(&request.job, &Cancel::default(), &mut |_| ())?;
//!     events.extend(engine.outcome(&request.job, outcome));
//! }
//! let mut tree = Tree::default();
//! for event in &events {
//!     tree.apply(event);
//!     let (importance, sentence) = text::event(&tree, event, Marks::ASCII);
//!     if importance >= Importance::Milestone {
//!         println!("{sentence}");
//!     }
//! }
//! assert!(matches!(events.last(), Some(Event::Finished { .. })));
//! assert_eq!(&tree, engine.tree());
//! let best = tree.incumbent.and_then(|id| tree.get(id)).ok_or("nothing met the constraint")?;
//! let float = tree.settings.as_ref().ok_or("not started")?.space.float_bytes();
//! assert!(best.bytes * 4 < float);
//! # Ok(())
//! # }
//! ```
#![deny(unsafe_code)]

pub mod checkpoint;
pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod journal;
pub mod kernels;
pub mod network;
pub mod profile;
pub mod quant;
pub mod report;
pub mod run;
pub mod search;
mod system;
pub mod text;
#[cfg(feature = "torch")]
pub mod torch;
pub mod tui;
pub mod verify;
