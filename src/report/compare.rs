//! Runs beside each other.

use serde::Serialize;

use super::Report;

/// A run of a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared<'a> {
    /// Its report.
    pub report: &'a Report,
}

/// What is compared of a run.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedRun {
    /// The run's id.
    pub run: String,
    /// The profile's name.
    pub name: String,
    /// `finished`, `unfinished` or `running`.
    pub condition: &'static str,
    /// The strategy.
    pub strategy: String,
    /// The seed.
    pub seed: u64,
    /// The memory of the result.
    pub memory_bytes: Option<u64>,
    /// The memory saved.
    pub memory_saving_percent: Option<f64>,
    /// The memory of packed weights saved.
    pub weights_saving_percent: Option<f64>,
    /// The drop on the search split.
    pub accuracy_drop: Option<f64>,
    /// The drop on the test split.
    pub accuracy_drop_test: Option<f64>,
    /// The certified bound of the drop.
    pub certified_bound: Option<f64>,
    /// Evaluations computed.
    pub evaluations: u64,
    /// Layer-forwards done.
    pub layer_forwards: u64,
    /// Seconds of searching.
    pub seconds: f64,
    /// The parts of the fingerprint in which it differs from the first run.
    pub differs: Vec<&'static str>,
}

impl Compared<'_> {
    /// The run's id with its strategy.
    pub fn label(&self) -> String {
        format!(
            "{} ({})",
            self.report.run,
            self.report.search.strategy.name()
        )
    }
}

/// The rows of a comparison, the run of the report first; empty where it stands alone.
pub(super) fn rows(report: &Report) -> Vec<ComparedRun> {
    if report.others.is_empty() {
        return Vec::new();
    }
    all(report)
        .iter()
        .map(|run| ComparedRun::of(run.report, report))
        .collect()
}

/// The runs of a comparison, the run of the report first.
pub(super) fn all(report: &Report) -> Vec<Compared<'_>> {
    let others = report.others.iter();
    [report]
        .into_iter()
        .chain(others)
        .map(|report| Compared { report })
        .collect()
}

impl ComparedRun {
    fn of(report: &Report, first: &Report) -> Self {
        let found = report.incumbent.as_ref();
        let finished = report.finished.as_ref();
        let test = finished.and_then(|f| f.accuracy_test_float.zip(f.accuracy_test));
        let certified = finished.and_then(|f| f.certification.certified.as_ref());
        let differences = first.fingerprint.differences(&report.fingerprint);
        ComparedRun {
            run: report.run.clone(),
            name: report.name.clone(),
            condition: report.condition,
            strategy: report.search.strategy.name().to_owned(),
            seed: report.search.seed,
            memory_bytes: found.map(|f| f.memory_bytes),
            memory_saving_percent: found.map(|f| f.memory_saving_percent),
            weights_saving_percent: report.memory.map(|m| m.weights_saving_percent),
            accuracy_drop: found.map(|f| f.accuracy_drop),
            accuracy_drop_test: test.map(|(float, found)| float - found),
            certified_bound: certified.map(|c| c.bound),
            evaluations: report.evaluations,
            layer_forwards: report.savings.layer_forwards,
            seconds: report.seconds,
            differs: differences.iter().map(|(part, ..)| *part).collect(),
        }
    }

    /// True where accuracies are of the same network, weights and images.
    pub fn is_comparable(&self) -> bool {
        let matters = |part: &&'static str| matches!(*part, "model" | "weights" | "data");
        !self.differs.iter().any(matters)
    }
}
