//! A run on paper: what was found, by what settings, and the evidence for it, as data and as Markdown.
//!
//! Everything comes from the run's journal (and a file of sensitivity measurements); nothing is evaluated.
#![forbid(unsafe_code)]

mod front;
mod markdown;

use std::path::Path;

use serde::Serialize;

pub use front::{Bits, FrontLine, basis, bits};

use crate::evaluate::{percent, wilson_95};
use crate::journal::{Entry, Fingerprint};
use crate::profile::{Constraint, GateConfig, Pin, SearchConfig, Target, Tie};
use crate::quant::{BitWidth, saving_percent};
use crate::run::{Curves, Finished, RunError, Summary};
use crate::search::{CandidateId, Event, GateEvidence, Predictor, Settings, Tree};
use crate::text::{self, Marks};

/// The most predicted points of the front.
const FRONT: usize = 40;

/// A run, as data: an object of JSON with `type` "report".
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "report")]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// When it began, RFC 3339 UTC.
    pub started: String,
    /// The machine.
    pub host: String,
    /// The program's version.
    pub version: String,
    /// The profile's name.
    pub name: String,
    /// What the numbers depend on.
    pub fingerprint: Fingerprint,
    /// `finished`, `unfinished` or `running`.
    pub condition: &'static str,
    /// What a result must meet, at the end.
    pub constraint: Constraint,
    /// Strategy, levels, screening; `alpha`, `beta` and `indifference` where they are not the usual ones.
    pub search: SearchConfig,
    /// What a sequential screening may be wrong in; none where screenings are exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screening: Option<String>,
    /// The gate's settings.
    pub gate: GateConfig,
    /// Bounds on widths, at the end.
    pub pins: Vec<Pin>,
    /// Layers of one width.
    pub ties: Vec<Tie>,
    /// The chip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Images of the calibration, the search and the test split.
    pub images: [usize; 3],
    /// The incumbent: the result of a finished run.
    pub incumbent: Option<Incumbent>,
    /// The last line of the run; none before it ended.
    pub finished: Option<Finished>,
    /// Every layer of the incumbent.
    pub allocation: Vec<LayerLine>,
    /// Accuracy against memory, most bytes first.
    pub front: Vec<FrontLine>,
    /// How well the gate's decisions hold.
    pub evidence: GateEvidence,
    /// Commands that were given.
    pub commands: Vec<Given>,
    /// Both curves of every layer, where they were measured for this network, data and quantizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Curves>,
}

/// The best allocation so far.
#[derive(Clone, Debug, Serialize)]
pub struct Incumbent {
    /// The candidate.
    pub candidate: CandidateId,
    /// Memory.
    pub memory_bytes: u64,
    /// Of the float network's.
    pub memory_saving_percent: f64,
    /// On the search split, in percent.
    pub accuracy: f64,
    /// Its 95 % interval by Wilson.
    pub accuracy_interval: [f64; 2],
    /// Float on the same images.
    pub accuracy_float: f64,
    /// In percentage points.
    pub accuracy_drop: f64,
    /// In thresholds.
    pub drift: Option<f64>,
}

/// A layer of the incumbent.
#[derive(Clone, Debug, Serialize)]
pub struct LayerLine {
    /// Stage.
    pub stage: String,
    /// Block.
    pub block: String,
    /// Layer.
    pub layer: String,
    /// Its width.
    pub bits: BitWidth,
    /// Its weights.
    pub weights: u64,
    /// Its memory: packed weights and affine.
    pub memory_bytes: u64,
    /// As float.
    pub memory_float_bytes: u64,
}

/// A command, in words.
#[derive(Clone, Debug, Serialize)]
pub struct Given {
    /// The event's number.
    pub seq: u64,
    /// RFC 3339 UTC.
    pub time: String,
    /// What was asked.
    pub command: String,
    /// What was answered.
    pub answer: String,
    /// False where it was refused.
    pub accepted: bool,
}

impl Report {
    /// Of a run's summary and the entries of its journal; with measurements of single layers from `sensitivity`, a file,
    /// where there is one that is of the same network, data and quantizer. None before the run has its first event.
    ///
    /// # Errors
    /// [`RunError::Measurements`] for a file that cannot be read.
    pub fn new(
        summary: &Summary,
        entries: &[Entry],
        sensitivity: Option<&Path>,
    ) -> Result<Option<Self>, RunError> {
        let curves = sensitivity.map(|file| {
            Curves::read(file).map_err(|source| RunError::Measurements {
                path: file.to_owned(),
                source,
            })
        });
        let curves = curves.transpose()?.flatten();
        let curves = curves.filter(|c| c.are_of(&summary.header.fingerprint, &summary.tree.float));
        Ok(Self::of(summary, given(entries), curves))
    }

    fn of(summary: &Summary, commands: Vec<Given>, sensitivity: Option<Curves>) -> Option<Self> {
        let (tree, header) = (&summary.tree, &summary.header);
        let settings = tree.settings.as_deref()?;
        let predictor = Predictor::new(tree);
        let front = predictor.and_then(|p| p.front(&[], FRONT).ok());
        let front = front.unwrap_or_default();
        let Summary {
            counters, totals, ..
        } = summary;
        Some(Report {
            run: header.run.clone(),
            started: header.time.clone(),
            host: header.host.clone(),
            version: header.version.clone(),
            name: settings.name.clone(),
            fingerprint: header.fingerprint.clone(),
            condition: summary.condition.name(),
            constraint: tree.constraint,
            search: settings.search.clone(),
            screening: text::screening(&settings.search),
            gate: settings.gate,
            pins: tree.pins.clone(),
            ties: settings.space.ties.clone(),
            target: settings.target.clone(),
            images: [
                settings.calibration_images,
                settings.search_images,
                settings.test_images,
            ],
            incumbent: incumbent(tree, settings),
            finished: Finished::new(tree, *counters, *totals, &summary.folder),
            allocation: allocation(tree, settings),
            front: front.iter().map(|p| FrontLine::new(p, settings)).collect(),
            evidence: GateEvidence::of(tree),
            commands,
            sensitivity,
        })
    }
}

fn incumbent(tree: &Tree, settings: &Settings) -> Option<Incumbent> {
    let candidate = tree.get(tree.incumbent?)?;
    let confirmed = candidate.confirmation?;
    let (low, high) = wilson_95(confirmed.correct, confirmed.images);
    Some(Incumbent {
        candidate: candidate.id,
        memory_bytes: candidate.bytes,
        memory_saving_percent: saving_percent(candidate.bytes, settings.space.float_bytes()),
        accuracy: confirmed.accuracy(),
        accuracy_interval: [100.0 * low, 100.0 * high],
        accuracy_float: percent(confirmed.float_correct, confirmed.images),
        accuracy_drop: confirmed.drop(),
        drift: candidate.drift,
    })
}

fn allocation(tree: &Tree, settings: &Settings) -> Vec<LayerLine> {
    let Some(incumbent) = tree.incumbent.and_then(|i| tree.get(i)) else {
        return Vec::new();
    };
    let layers = settings.space.layers.iter().zip(&incumbent.allocation.0);
    let line = |(layer, bits): (&crate::search::SpaceLayer, &BitWidth)| LayerLine {
        stage: layer.stage.clone(),
        block: layer.block.clone(),
        layer: layer.name.clone(),
        bits: *bits,
        weights: layer.weights,
        memory_bytes: settings.space.layer_bytes(layer, *bits),
        memory_float_bytes: layer.float_bytes,
    };
    layers.map(line).collect()
}

fn given(entries: &[Entry]) -> Vec<Given> {
    let of = |entry: &Entry| {
        let (command, answer, accepted) = match &entry.event {
            Event::CommandAccepted { command, note, .. } => (command, note, true),
            Event::CommandRefused { command, why, .. } => (command, why, false),
            _ => return None,
        };
        Some(Given {
            seq: entry.seq,
            time: entry.time.clone(),
            command: text::command(command, Marks::ASCII),
            answer: answer.clone(),
            accepted,
        })
    };
    entries.iter().filter_map(of).collect()
}
