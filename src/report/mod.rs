//! The report of a run: its result, settings and evidence, as data, as Markdown, as one page of
//! HTML with figures, and as tables.
//!
//! Everything comes from the journal of the run, its profiles and a file of sensitivity
//! measurements. Nothing is evaluated here: the drop with rounding to the nearest and the activity
//! of the networks are given.
#![forbid(unsafe_code)]

mod activity;
mod caveats;
mod compare;
mod document;
mod effort;
pub mod figure;
mod front;
mod html;
mod incumbent;
mod quantizer;
mod records;
mod sections;
mod tables;

use std::fmt::{self, Display};
use std::path::Path;

use serde::Serialize;

pub use activity::{ActivityReport, Energy, EnergyComparison, LayerEnergy, Seen};
pub use compare::ComparedRun;
pub use effort::{MemoryReport, Savings, StoppedEarly};
pub use figure::Figure;
pub use front::{Bits, FrontLine, Predicted, bits};
pub use incumbent::{Incumbent, LayerLine};
pub use quantizer::{Baseline, CalibrationReport, QuantizerReport};
pub use records::{CandidateRecord, CoursePoint, LayerRecord, Records};

use crate::journal::{Entry, Fingerprint};
use crate::profile::{Constraint, Evidence, GateConfig, Pin, Profile, SearchConfig, Target, Tie};
use crate::run::{self, BEST, Curves, Finished, RunError, Summary};
use crate::search::{Event, GateEvidence, Predictor};
use crate::text::{self, Marks};

/// The largest number of predicted points of the front.
const FRONT: usize = 40;

/// The report of a run as data: an object of JSON with `type` "report".
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "report")]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// The time of its start, RFC 3339 UTC.
    pub started: String,
    /// The machine.
    pub host: String,
    /// The program's version.
    pub version: String,
    /// The profile's name.
    pub name: String,
    /// The fingerprint of everything that the numbers depend on.
    pub fingerprint: Fingerprint,
    /// `finished`, `unfinished` or `running`.
    pub condition: &'static str,
    /// The constraint at the end of the run.
    pub constraint: Constraint,
    /// The settings of the search; `alpha`, `beta` and `indifference` where they are not the
    /// defaults.
    pub search: SearchConfig,
    /// Images that the verdict of a screening speaks of.
    pub screened_images: usize,
    /// How a screening may stop before its verdict is certain; none where screenings are exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screening: Option<String>,
    /// The gate's settings.
    pub gate: GateConfig,
    /// The pins at the end of the run.
    pub pins: Vec<Pin>,
    /// The ties: layers of one bit-width.
    pub ties: Vec<Tie>,
    /// The target chip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The quantizer; none where the profile of the run cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantizer: Option<QuantizerReport>,
    /// The numbers of images of the calibration, the search and the test split.
    pub images: [usize; 3],
    /// The images of the certify split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certify_images: Option<usize>,
    /// The incumbent; of a finished run its result.
    pub incumbent: Option<Incumbent>,
    /// The `finished` line of the run; none before its end.
    pub finished: Option<Finished>,
    /// The layers of the incumbent.
    pub allocation: Vec<LayerLine>,
    /// The front of accuracy against memory, most bytes first.
    pub front: Vec<FrontLine>,
    /// The evidence for and against the gate.
    pub evidence: GateEvidence,
    /// The commands that were given.
    pub commands: Vec<Given>,
    /// The sensitivity curves, where they were measured for this network, data and quantizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Curves>,
    /// The memory of the result, counted both ways; none without a result.
    pub memory: Option<MemoryReport>,
    /// What the run spent and what it was spared.
    pub savings: Savings,
    /// Screenings and confirmations that were computed.
    pub evaluations: u64,
    /// Seconds of searching, resumes included.
    pub seconds: f64,
    /// Operations, energy and potentials; none where nobody asked for them.
    pub activity: Option<ActivityReport>,
    /// The evidence in the saved result; none where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredEvidence>,
    /// What makes all numbers doubtful, first among the caveats.
    #[serde(skip)]
    doubts: Vec<String>,
    /// What is to be known before believing the numbers.
    pub caveats: Vec<String>,
    /// The runs beside each other, this one first; empty where it stands alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparison: Vec<ComparedRun>,
    /// The reports of the runs that this one is compared with.
    #[serde(skip)]
    pub others: Vec<Report>,
    /// Every candidate and the course of the search, for tables and figures.
    #[serde(skip)]
    pub records: Records,
}

/// The evidence in the profile of a saved result.
#[derive(Clone, Debug, Serialize)]
pub struct StoredEvidence {
    /// True where it is of what the profile says now.
    pub valid: bool,
    /// The evidence.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// A command and its answer, as text.
#[derive(Clone, Debug, Serialize)]
pub struct Given {
    /// The event's number.
    pub seq: u64,
    /// RFC 3339 UTC.
    pub time: String,
    /// The command.
    pub command: String,
    /// The answer.
    pub answer: String,
    /// False for a refused command.
    pub accepted: bool,
}

impl Report {
    /// The report of a run from its summary and the entries of its journal, with the measurements
    /// in the file `sensitivity` where they are of the same network, data and quantizer, and its
    /// quantizer. None before the first event of the run.
    ///
    /// # Errors
    /// [`RunError::Io`] for a file that cannot be read.
    pub fn new(
        summary: &Summary,
        entries: &[Entry],
        sensitivity: Option<&Path>,
        quantizer: Option<QuantizerReport>,
    ) -> Result<Option<Self>, RunError> {
        let read = |file| Curves::read(file).map_err(RunError::io("read", file));
        let curves = sensitivity.map(read);
        let curves = curves.transpose()?.flatten();
        let curves = curves.filter(|c| c.are_of(&summary.header.fingerprint, &summary.tree.float));
        let records = Records::of(summary, entries);
        let report = Self::of(summary, given(entries), curves, records);
        Ok(report.map(|report| {
            Report {
                quantizer,
                ..report
            }
            .with_caveats()
        }))
    }

    /// The report with what was measured of its networks' activity.
    pub fn with_activity(self, activity: ActivityReport) -> Self {
        let report = Report {
            activity: Some(activity),
            ..self
        };
        report.with_caveats()
    }

    /// The report with those of other runs beside it.
    pub fn compared_with(self, others: Vec<Report>) -> Self {
        let report = Report { others, ..self };
        let comparison = compare::rows(&report);
        Report {
            comparison,
            ..report
        }
    }

    fn with_caveats(self) -> Self {
        let caveats = self.find_caveats();
        Report { caveats, ..self }
    }

    /// The figures, each one SVG.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = figure::figures(self);
        if !self.others.is_empty() {
            figures.extend(figure::compared(&compare::all(self)));
        }
        figures
    }

    /// The report as one page of HTML, which fetches nothing.
    pub fn html(&self, figures: &[Figure]) -> String {
        html::page(&self.document(), figures)
    }

    /// Every candidate as CSV: a row for each.
    ///
    /// # Errors
    /// Any [`csv::Error`]; writing into memory gives none.
    pub fn candidates_csv(&self) -> Result<String, csv::Error> {
        tables::candidates(self)
    }

    /// Every layer as CSV: a row for each.
    ///
    /// # Errors
    /// Any [`csv::Error`]; writing into memory gives none.
    pub fn layers_csv(&self) -> Result<String, csv::Error> {
        tables::layers(self)
    }

    fn of(
        summary: &Summary,
        commands: Vec<Given>,
        sensitivity: Option<Curves>,
        records: Records,
    ) -> Option<Self> {
        let (tree, header) = (&summary.tree, &summary.header);
        let settings = tree.settings.as_deref()?;
        let predictor = Predictor::new(tree);
        let front = predictor.and_then(|p| p.front(&[], FRONT).ok());
        let front = front.unwrap_or_default();
        let (counters, totals) = (summary.counters, summary.totals);
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
            screened_images: settings.screen(),
            gate: settings.gate,
            pins: tree.pins.clone(),
            ties: settings.space.ties.clone(),
            target: settings.target.clone(),
            quantizer: None,
            images: [
                settings.calibration_images,
                settings.search_images,
                settings.test_images,
            ],
            certify_images: (settings.certify_images > 0).then_some(settings.certify_images),
            incumbent: Incumbent::of(tree),
            finished: Finished::new(tree, counters, totals, &summary.folder),
            allocation: incumbent::allocation(tree, settings),
            front: front.iter().map(|p| FrontLine::new(p, settings)).collect(),
            evidence: GateEvidence::of(tree),
            commands,
            sensitivity,
            memory: MemoryReport::of(summary, &records),
            savings: Savings::of(summary, &records),
            evaluations: counters.evaluations,
            seconds: totals.seconds,
            activity: None,
            stored: stored(summary),
            doubts: text::doubts::of_run(tree, run::classes(&summary.folder)),
            caveats: Vec::new(),
            comparison: Vec::new(),
            others: Vec::new(),
            records,
        })
    }
}

impl Display for Report {
    /// As Markdown, without figures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.document().markdown();
        f.write_str(text.trim_end())?;
        writeln!(f, "\n")
    }
}

/// The evidence in the saved result of a run.
fn stored(summary: &Summary) -> Option<StoredEvidence> {
    let profile = Profile::load(&summary.folder.join(BEST)).ok()?;
    let valid = profile.valid_evidence().is_some();
    let evidence = profile.evidence?;
    Some(StoredEvidence { valid, evidence })
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
