//! The table of `aq4svit bench`.

use std::fmt::Write;

use serde::Serialize;

use super::child::Measured;
use crate::cli::numbers::grouped;

/// One way to search, beside the one with all tricks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "bench")]
pub(super) struct Row {
    pub name: String,
    pub seconds: f64,
    /// Seconds over those of the run with all tricks in the same round: the median.
    pub times_seconds: f64,
    pub layer_forwards: u64,
    pub times_layer_forwards: f64,
    pub images_per_second: f64,
    pub evaluations: u64,
    pub memory_bytes: Option<u64>,
    pub peak_bytes: Option<u64>,
    /// Whether every event was the same, times aside.
    pub same_decisions: bool,
}

impl Row {
    /// None without runs.
    pub(super) fn new(name: &str, runs: &[Measured], all_tricks: &[Measured]) -> Option<Row> {
        let (last, first) = (runs.last()?, all_tricks.first()?);
        let ratios = runs.iter().zip(all_tricks);
        let seconds = median(runs.iter().map(|r| r.seconds));
        let images = median(runs.iter().map(|r| r.images as f64 / r.seconds.max(1e-9)));
        Some(Row {
            name: name.to_owned(),
            seconds,
            times_seconds: median(ratios.map(|(a, b)| a.seconds / b.seconds.max(1e-9))),
            layer_forwards: last.layer_forwards,
            times_layer_forwards: last.layer_forwards as f64 / first.layer_forwards.max(1) as f64,
            images_per_second: images,
            evaluations: last.evaluations,
            memory_bytes: last.memory_bytes,
            peak_bytes: runs.iter().filter_map(|r| r.peak_bytes).max(),
            same_decisions: runs.iter().all(|r| r.decisions == first.decisions),
        })
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match (
        numbers.get(middle),
        numbers.len() % 2,
        middle.checked_sub(1),
    ) {
        (Some(high), 0, Some(low)) => (high + numbers[low]) / 2.0,
        (Some(middle), _, _) => *middle,
        _ => 0.0,
    }
}

/// The rows in Markdown.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = "| search | seconds | x | layer-forwards | x | images/s | evaluations | result, bytes | peak MiB | same decisions |\n\
                    |---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for row in rows {
        let or_dash = |number: Option<u64>| number.map_or("-".to_owned(), grouped);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.2} | {} | {:.2} | {:.0} | {} | {} | {} | {} |",
            row.name,
            row.seconds,
            row.times_seconds,
            grouped(row.layer_forwards),
            row.times_layer_forwards,
            row.images_per_second,
            row.evaluations,
            or_dash(row.memory_bytes),
            or_dash(row.peak_bytes.map(|b| b >> 20)),
            if row.same_decisions { "yes" } else { "no" },
        );
    }
    text
}

/// Where a run's work goes: what no trick can save, and what the candidates' questions take where nothing is kept.
pub(super) fn breakdown(run: &Measured) -> String {
    let share = |part: u64| 100.0 * part as f64 / run.layer_forwards.max(1) as f64;
    let rest = run.layer_forwards.saturating_sub(run.test + run.baseline);
    let asked = run.asked;
    let kinds = [
        ("drifts", asked.drifts),
        ("screenings, met", asked.met),
        ("screenings, not met", asked.not_met),
        ("confirmations", asked.confirmations),
    ];
    let total: u64 = kinds.iter().map(|(_, (_, forwards))| forwards).sum();
    let mut text = format!(
        "\nWith all tricks, {:.0} % of the layer-forwards are the test split (float and result, {}), {:.0} % the float network on \
         the search split ({}), {:.0} % the candidates ({}). Without values that are kept the candidates' questions would take {}:\n\n\
         | questions | number | layer-forwards |\n|---|--:|--:|\n",
        share(run.test),
        grouped(run.test),
        share(run.baseline),
        grouped(run.baseline),
        share(rest),
        grouped(rest),
        grouped(total),
    );
    for (name, (number, forwards)) in kinds {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {number} | {} |", grouped(forwards));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::child::Asked;
    use super::*;

    fn run(seconds: f64, layer_forwards: u64, decision: &str) -> Measured {
        Measured {
            seconds,
            layer_forwards,
            images: 100,
            evaluations: 7,
            memory_bytes: Some(12_345),
            peak_bytes: Some(300 << 20),
            decisions: vec![decision.to_owned()],
            test: 20,
            baseline: 30,
            asked: Asked {
                drifts: (3, 30),
                not_met: (2, 2_000),
                ..Asked::default()
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
