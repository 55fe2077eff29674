//! Judging candidates: the [`Evaluator`] trait, what is asked ([`Job`]) and answered ([`Outcome`]).
//!
//! Jobs and outcomes are plain serialisable data; an outcome is a pure function of its job (and of
//! the model and data the evaluator was made with), so that it may come from another thread,
//! another machine or a cache without changing a decision.
#![forbid(unsafe_code)]

mod accuracy;
mod by_margin;
mod doubts;
mod energy;
mod job;
mod landscape;
mod news;
mod optimizations;
mod paired;
mod potentials;
mod proxies;
mod ranks;
mod sequential;
mod statistics;
mod two_sided;

pub use accuracy::{CorrectBits, Decided, Sequential, StopRule, Verdict, percent};
pub use by_margin::{Extrapolated, ImageOrder, MarginEvidence, MarginTest, extrapolated};
pub use doubts::{at_chance, of_activity};
pub use energy::{AC_JOULES, EnergyEstimate, LayerWork, MAC_JOULES};
pub use job::{
    CacheUse, Caches, Cancel, EvaluateError, Evaluator, Job, LayerSource, Outcome, OutputError,
    Progress, Provenance, Question, Split, Work, correct, statistics,
};
pub use landscape::Landscape;
pub use news::{Machines, News, RemoteState, RemoteWorker};
pub use optimizations::Optimizations;
pub use paired::PairedDrop;
pub use potentials::{BINS, Potentials, Prober, SitePotentials};
pub use proxies::Proxies;
pub use ranks::{Bounded, kendall, spearman};
pub use sequential::{Evidence, PairedTest, ScreeningTest};
pub use statistics::{ClassCount, Statistics, wilson_95};
pub use two_sided::{LOOK, TwoSidedTest};
