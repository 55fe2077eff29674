//! `aq4svit bench`: the same search with each optimization off.

use anyhow::{Context, Result};
use serde::Serialize;

use super::run::{Measured, search};
use crate::cli::output::{json_line, note, print};
use crate::text::numbers::count;
use crate::text::table::{markdown, or_dash};

/// The searches: a name for the table, and the flags. The others are compared with the first.
const SEARCHES: [(&str, &[&str]); 12] = [
    ("all optimizations", &[]),
    ("no prefix cache", &["--no-prefix-cache"]),
    ("prefix cache of 64 MiB", &["--cache-memory", "64MiB"]),
    ("no weight cache", &["--no-weight-cache"]),
    ("no static stem", &["--no-static-stem"]),
    ("no integer kernels", &["--no-integer-kernels"]),
    ("no early stop", &["--no-early-stop"]),
    ("no stored bits", &["--no-stored-bits"]),
    ("two workers", &["--workers", "2"]),
    ("plain", &["--plain"]),
    ("gate off", &["--set", "gate.mode=off"]),
    ("plain, gate off", &["--plain", "--set", "gate.mode=off"]),
];

/// Runs all searches, round after round, and prints their comparison.
pub(super) fn run(common: &[String], rounds: u8, json: bool) -> Result<()> {
    let mut all: Vec<Vec<Measured>> = vec![Vec::new(); SEARCHES.len()];
    for round in 1..=rounds {
        for ((name, flags), runs) in SEARCHES.iter().zip(&mut all) {
            note(&format!("round {round} of {rounds}: {name}"));
            let measured = search(common, flags);
            runs.push(measured.with_context(|| format!("the search with {name}"))?);
        }
    }
    let rows: Vec<Row> = SEARCHES
        .iter()
        .zip(&all)
        .filter_map(|((name, _), runs)| Row::new(name, runs, all.first()?))
        .collect();
    if json {
        return rows.iter().try_for_each(json_line);
    }
    print(&table(&rows))?;
    let first = all.first().and_then(|runs| runs.first());
    first.map_or(Ok(()), |first| print(&breakdown(first)))
}

/// One search beside the one with all optimizations.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "bench")]
struct Row {
    name: String,
    seconds: f64,
    /// Seconds over those of the run with all optimizations in the same round: the median.
    times_seconds: f64,
    layer_forwards: u64,
    times_layer_forwards: f64,
    images_per_second: f64,
    evaluations: u64,
    memory_bytes: Option<u64>,
    peak_bytes: Option<u64>,
    /// True when every event was the same, times aside.
    same_decisions: bool,
}

impl Row {
    /// The row of a search; none without runs.
    fn new(name: &str, runs: &[Measured], optimized: &[Measured]) -> Option<Row> {
        let (last, first) = (runs.last()?, optimized.first()?);
        let ratios = runs.iter().zip(optimized);
        let speed = |r: &Measured| r.images as f64 / r.seconds.max(1e-9);
        Some(Row {
            name: name.to_owned(),
            seconds: median(runs.iter().map(|r| r.seconds)),
            times_seconds: median(ratios.map(|(a, b)| a.seconds / b.seconds.max(1e-9))),
            layer_forwards: last.layer_forwards,
            times_layer_forwards: last.layer_forwards as f64 / first.layer_forwards.max(1) as f64,
            images_per_second: median(runs.iter().map(speed)),
            evaluations: last.evaluations,
            memory_bytes: last.memory_bytes,
            peak_bytes: runs.iter().filter_map(|r| r.peak_bytes).max(),
            same_decisions: runs.iter().all(|r| r.decisions == first.decisions),
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            format!("{:.1}", self.seconds),
            format!("{:.2}", self.times_seconds),
            count(self.layer_forwards),
            format!("{:.2}", self.times_layer_forwards),
            format!("{:.0}", self.images_per_second),
            self.evaluations.to_string(),
            or_dash(self.memory_bytes, count),
            or_dash(self.peak_bytes, |b| count(b >> 20)),
            String::from(if self.same_decisions { "yes" } else { "no" }),
        ]
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (numbers.len().saturating_sub(1) / 2, numbers.len() / 2);
    let middle = numbers.get(low).zip(numbers.get(high));
    middle.map_or(0.0, |(low, high)| (low + high) / 2.0)
}

fn table(rows: &[Row]) -> String {
    const HEAD: &str = "search | seconds> | x> | layer-forwards> | x> | images/s> | evaluations> | \
                        result, bytes> | peak MiB> | same decisions";
    markdown(HEAD, rows.iter().map(Row::cells))
}

/// The work of a run by its cause: what no optimization saves, and the requests for candidates.
fn breakdown(run: &Measured) -> String {
    let share = |part: u64| 100.0 * part as f64 / run.layer_forwards.max(1) as f64;
    let requests = run.requests;
    let [test, baseline] = [requests.test, requests.baseline].map(|cost| cost.layer_forwards);
    let rest = run.layer_forwards.saturating_sub(test + baseline);
    let kinds = [
        ("drifts", requests.drifts),
        ("screenings, met", requests.met),
        ("screenings, not met", requests.not_met),
        ("confirmations", requests.confirmations),
    ];
    let total: u64 = kinds.iter().map(|(_, cost)| cost.layer_forwards).sum();
    let rows = kinds.map(|(name, cost)| {
        let number = cost.number.to_string();
        vec![name.to_owned(), number, count(cost.layer_forwards)]
    });
    format!(
        "\nWith all optimizations, {:.0} % of the layer-forwards are the test split (float and result, {}), {:.0} % the \
         float network on the search split ({}), {:.0} % the candidates ({}). Without cached activations the requests for \
         candidates would take {}:\n\n{}",
        share(test),
        count(test),
        share(baseline),
        count(baseline),
        share(rest),
        count(rest),
        count(total),
        markdown("requests | number> | layer-forwards>", rows)
    )
}

#[cfg(test)]
mod tests {
    use super::super::run::{Cost, Requests};
    use super::*;

    fn run(seconds: f64, layer_forwards: u64, decision: &str) -> Measured {
        let cost = |number, layer_forwards| Cost {
            number,
            layer_forwards,
        };
        Measured {
            seconds,
            layer_forwards,
            images: 100,
            evaluations: 7,
            memory_bytes: Some(12_345),
            peak_bytes: Some(300 << 20),
            decisions: vec![decision.to_owned()],
            requests: Requests {
                drifts: cost(3, 30),
                not_met: cost(2, 2_000),
                test: cost(2, 20),
                baseline: cost(1, 30),
                ..Requests::default()
            },
            ..Measured::default()
        }
    }

    #[test]
    fn rows_compare_round_by_round() {
        let all = [run(2.0, 100, "a"), run(4.0, 100, "a")];
        let slow = [run(6.0, 250, "a"), run(8.0, 250, "a")];
        let row = Row::new("slow", &slow, &all).expect("runs");
        assert_eq!(
            (row.seconds, row.times_seconds, row.times_layer_forwards),
            (7.0, 2.5, 2.5)
        );
        assert!(row.same_decisions);
        let text = table(&[row]);
        assert!(
            text.ends_with("| slow | 7.0 | 2.50 | 250 | 2.50 | 15 | 7 | 12,345 | 300 | yes |\n"),
            "{text}"
        );
        let other = [run(6.0, 250, "b")];
        assert!(
            !Row::new("other", &other, &all)
                .expect("runs")
                .same_decisions
        );
        assert_eq!(Row::new("none", &[], &all), None);
        let text = breakdown(&all[0]);
        assert!(
            text.contains("20 %")
                && text.contains("30 %")
                && text.contains("50 % the candidates (50)")
                && text.contains("would take 2,030:")
                && text.contains("| screenings, not met | 2 | 2,000 |\n"),
            "{text}"
        );
    }
}
