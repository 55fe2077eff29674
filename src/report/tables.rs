//! `candidates.csv` and `layers.csv`: a row for each candidate of the journal and for each layer.
//! Numbers are written in full, as the journal has them; what is not known is empty.

use csv::{Writer, WriterBuilder};

use super::Report;
use super::quantizer::word;
use super::records::CandidateRecord;
use crate::evaluate::Verdict;
use crate::search::{Judgement, Proxy, State};

/// Every candidate of the run as CSV, with a column `bits:LAYER` for each layer.
///
/// # Errors
/// Any [`csv::Error`]; writing into memory gives none.
pub fn candidates(report: &Report) -> Result<String, csv::Error> {
    let mut csv = writer();
    let mut head: Vec<String> = HEAD.iter().map(|name| (*name).to_owned()).collect();
    for step in ["screening", "confirmation"] {
        let columns = ["verdict", "images", "of", "correct", "float_correct"];
        head.extend(columns.map(|column| format!("{step}_{column}")));
    }
    head.extend(Proxy::ALL.iter().map(word));
    let layers = report.records.layers.iter();
    head.extend(layers.map(|layer| format!("bits:{}", layer.name)));
    csv.write_record(&head)?;
    for candidate in &report.records.candidates {
        csv.write_record(row(candidate))?;
    }
    text(csv)
}

const HEAD: &[&str] = &[
    "candidate",
    "parent",
    "origin",
    "group",
    "group_bits",
    "memory_bytes",
    "memory_saving_percent",
    "state",
    "result",
    "pruned",
    "accuracy",
    "accuracy_drop",
    "added_drift",
    "gate",
    "gate_chance",
    "predicted_drop",
    "predicted_low",
    "predicted_high",
];

fn row(candidate: &CandidateRecord) -> Vec<String> {
    let judged = candidate.judgement();
    let gate = candidate.gate;
    let predicted = gate.and_then(|gate| gate.predicted);
    let change = candidate.change.as_ref();
    let mut row = vec![
        candidate.id.0.to_string(),
        known(candidate.parent.map(|id| id.0)),
        word(&candidate.origin),
        known(change.map(|change| change.group.to_string())),
        known(change.map(|change| change.bits)),
        candidate.bytes.to_string(),
        candidate.saving.to_string(),
        state(candidate.state).to_owned(),
        candidate.is_result.to_string(),
        candidate.pruned.to_string(),
        known(judged.map(Judgement::accuracy)),
        known(judged.map(Judgement::drop)),
        known(candidate.added_drift),
        known(gate.map(|gate| word(&gate.decision))),
        known(gate.and_then(|gate| gate.chance)),
        known(predicted.map(|p| p.drop)),
        known(predicted.and_then(|p| p.low)),
        known(predicted.and_then(|p| p.high)),
    ];
    for judgement in [candidate.screening, candidate.confirmation] {
        row.extend(judgement_cells(judgement));
    }
    let proxy = |proxy: &Proxy| known(proxy.among(candidate.drift, candidate.proxies));
    row.extend(Proxy::ALL.iter().map(proxy));
    row.extend(candidate.allocation.0.iter().map(ToString::to_string));
    row
}

fn judgement_cells(judgement: Option<Judgement>) -> [String; 5] {
    let verdict = judgement.map(|j| match j.verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "not met",
    });
    [
        known(verdict),
        known(judgement.map(|j| j.images)),
        known(judgement.map(|j| j.of)),
        known(judgement.map(|j| j.correct)),
        known(judgement.map(|j| j.float_correct)),
    ]
}

/// Every layer of the network as CSV: its bit-width and memory in the result, and what it does
/// where that was measured.
///
/// # Errors
/// Any [`csv::Error`]; writing into memory gives none.
pub fn layers(report: &Report) -> Result<String, csv::Error> {
    let mut csv = writer();
    csv.write_record([
        "stage",
        "block",
        "layer",
        "bits",
        "weights",
        "memory_bytes",
        "weight_bytes",
        "memory_float_bytes",
        "macs",
        "synaptic_operations_float",
        "synaptic_operations",
        "input_mean_float",
        "input_mean",
    ])?;
    let energy = report.activity.as_ref().and_then(|a| a.energy.as_ref());
    for layer in &report.records.layers {
        let work = energy.and_then(|e| e.layers.iter().find(|l| l.layer == layer.name));
        csv.write_record([
            layer.stage.clone(),
            layer.block.clone(),
            layer.name.clone(),
            known(layer.bits),
            layer.weights.to_string(),
            known(layer.bytes),
            known(layer.weight_bytes),
            layer.float_bytes.to_string(),
            known(work.map(|w| w.macs)),
            known(work.map(|w| w.synaptic_operations_float)),
            known(work.map(|w| w.synaptic_operations)),
            known(work.map(|w| w.input_mean_float)),
            known(work.map(|w| w.input_mean)),
        ])?;
    }
    text(csv)
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().from_writer(Vec::new())
}

fn text(csv: Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = csv.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A value, or nothing where it is not known.
fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn state(state: State) -> &'static str {
    match state {
        State::Proposed => "proposed",
        State::Measured => "measured",
        State::HeldBack => "rejected by the gate",
        State::Failed => "failed screening",
        State::Passed => "passed screening",
        State::Refuted => "failed confirmation",
        State::Confirmed => "confirmed",
    }
}
