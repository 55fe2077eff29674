//! `aq4svit bench --gate`: the savings of the gate and its cost.

use std::collections::HashMap;

use serde::Serialize;

use super::run::Measured;
use crate::evaluate::Verdict;
use crate::quant::Allocation;
use crate::search::GateEvidence;
use crate::text;
use crate::text::numbers::count;
use crate::text::table::{markdown, or_dash};

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    gate: &'static str,
    memory_bytes: Option<u64>,
    /// Accuracy drops in points; none where nothing met the constraint, or without a test split.
    drop: Option<f64>,
    drop_test: Option<f64>,
    evaluations: u64,
    drift_evaluations: u64,
    held_back: usize,
    audited: usize,
    layer_forwards: u64,
    seconds: f64,
}

/// The same search with the gate and without it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "gate_comparison")]
pub(super) struct Comparison {
    searches: [Row; 2],
    /// The number of allocations that the gate rejected and the search without it evaluated.
    judged_without: usize,
    /// The number of those that met the constraint: known false rejections.
    met_without: usize,
    evidence: GateEvidence,
}

impl Comparison {
    /// The comparison of a search with the gate and one without.
    pub(super) fn new(with: &Measured, without: &Measured) -> Self {
        let verdicts: HashMap<&Allocation, bool> = (without.tree.candidates.iter())
            .filter_map(|c| Some((&c.allocation, c.screening?.verdict == Verdict::Met)))
            .collect();
        let held_back = with.tree.candidates.iter().filter(|c| c.held_back);
        let mut held_back: Vec<&Allocation> = held_back.map(|c| &c.allocation).collect();
        held_back.sort_by_key(|a| a.bytes());
        held_back.dedup();
        let judged = held_back.iter().filter_map(|a| verdicts.get(a));
        Comparison {
            searches: [row("adaptive", with), row("off", without)],
            judged_without: judged.clone().count(),
            met_without: judged.filter(|met| **met).count(),
            evidence: GateEvidence::of(&with.tree),
        }
    }
}

fn row(gate: &'static str, run: &Measured) -> Row {
    let evidence = GateEvidence::of(&run.tree);
    Row {
        gate,
        memory_bytes: run.memory_bytes,
        drop: run.drop(),
        drop_test: run.drop_test(),
        evaluations: run.evaluations,
        drift_evaluations: run.drift_evaluations,
        held_back: evidence.held_back,
        audited: evidence.audited.all(),
        layer_forwards: run.layer_forwards,
        seconds: run.seconds,
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let points = |x: Option<f64>| or_dash(x, |x| format!("{x:.2}"));
        vec![
            self.gate.to_owned(),
            or_dash(self.memory_bytes, count),
            points(self.drop),
            points(self.drop_test),
            self.evaluations.to_string(),
            self.drift_evaluations.to_string(),
            self.held_back.to_string(),
            self.audited.to_string(),
            count(self.layer_forwards),
            format!("{:.1}", self.seconds),
        ]
    }
}

impl std::fmt::Display for Comparison {
    /// A table in Markdown, and its summary as text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const HEAD: &str = "gate | result, bytes> | drop, search> | drop, test> | evaluations> | drifts> | \
                            rejected> | audited> | layer-forwards> | seconds>";
        f.write_str(&markdown(HEAD, self.searches.iter().map(Row::cells)))?;
        let [with, without] = &self.searches;
        let change = |a: u64, b: u64, what: &str| {
            let share = 100.0 * (a as f64 - b as f64) / b.max(1) as f64;
            let (a, b) = (count(a), count(b));
            format!("{what} {a} instead of {b} ({share:+.1} %)")
        };
        let of = |number: fn(&Row) -> u64, what| change(number(with), number(without), what);
        let mut changes = vec![
            of(|row| row.evaluations, "evaluations"),
            of(|row| row.layer_forwards, "layer-forwards"),
        ];
        let bytes = with.memory_bytes.zip(without.memory_bytes);
        changes.extend(bytes.map(|(a, b)| change(a, b, "bytes of the result")));
        writeln!(
            f,
            "\nWith the gate: {}.\nOf {} rejected candidates, the search without the gate evaluated {}: {} of them met the \
             constraint. By the audits: {}.",
            changes.join(", "),
            with.held_back,
            self.judged_without,
            self.met_without,
            text::gate::false_rejections(&self.evidence),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::GateMode;
    use crate::quant::BitWidth;
    use crate::search::{CandidateId, Event, GateDecision, GateReason, Judgement, Origin, Tree};

    /// A search of uniform bit-widths, each rejected or evaluated.
    fn run(found: &[(u8, Option<Verdict>)]) -> Measured {
        let mut tree = Tree::default();
        for (i, (bits, verdict)) in found.iter().enumerate() {
            let candidate = CandidateId(i as u32);
            tree.apply(&Event::Proposed {
                candidate,
                parent: None,
                change: None,
                origin: Origin::Search,
                allocation: Allocation::uniform(2, BitWidth::new(*bits).expect("a width")),
                bytes: 9,
            });
            let decision = match verdict {
                None => GateDecision::HeldBack,
                Some(_) => GateDecision::Passed,
            };
            tree.apply(&Event::Gated {
                candidate,
                reason: GateReason {
                    decision,
                    mode: GateMode::Adaptive,
                    drift: 0.1,
                    limit: None,
                    chance: None,
                    min_chance: None,
                    verdicts: 0,
                    predicted: None,
                    untrusted: false,
                },
            });
            if let Some(verdict) = *verdict {
                let judgement = Judgement {
                    verdict,
                    images: 10,
                    of: 10,
                    correct: 8,
                    float_correct: 9,
                    allowed_loss: 1,
                    expected_loss: None,
                    cached: false,
                    sequential: false,
                };
                let bits = Default::default();
                tree.apply(&Event::Screened {
                    candidate,
                    judgement,
                    bits,
                });
            }
        }
        Measured {
            tree,
            evaluations: 6 - found.len() as u64,
            layer_forwards: 12_000,
            memory_bytes: Some(1000),
            ..Measured::default()
        }
    }

    #[test]
    fn what_was_held_back_is_looked_up_in_the_search_without_a_gate() {
        let (met, not_met) = (Some(Verdict::Met), Some(Verdict::NotMet));
        let with = run(&[(8, met), (5, None), (4, None), (4, None), (3, None)]);
        let without = run(&[(8, met), (5, not_met), (4, met)]);
        let found = Comparison::new(&with, &without);
        assert_eq!((found.judged_without, found.met_without), (2, 1));
        let text = found.to_string();
        assert!(
            text.contains("evaluations 1 instead of 3 (-66.7 %)")
                && text.contains(
                    "Of 4 rejected candidates, the search without the gate evaluated 2: 1 of them met"
                )
                && text.contains("unknown (0 audits)"),
            "{text}"
        );
    }
}
