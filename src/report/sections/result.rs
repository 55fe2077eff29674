//! The result, the runs beside it, and what to know before believing it.

use crate::report::document::{Document, Part};
use crate::report::{ComparedRun, Incumbent, Report};
use crate::run::{CertificateSummary, Finished};
use crate::text::numbers::{count, points};
use crate::text::table::or_dash;

impl Report {
    pub(super) fn result(&self, document: &mut Document) {
        document.heading("Result");
        let Some(found) = &self.incumbent else {
            match &self.finished {
                Some(finished) => document.parts.push(Part::Code(finished.to_string())),
                None => document.text("Nothing is confirmed yet."),
            }
            return;
        };
        let finished = self.finished.as_ref();
        let mut rows = vec![found.row(self.images[1])];
        rows.extend(finished.and_then(|finished| test_row(finished, self.images[2])));
        let head = "split | images> | float> | quantized> | 95 % interval> | drop, points>";
        document.table(head, rows);
        let weights = finished.and_then(|f| f.weights_saving_percent);
        document.text(format!(
            "Memory {} bytes: {:.2} % saved{}.",
            count(found.memory_bytes),
            found.memory_saving_percent,
            weights.map_or_else(String::new, |w| format!(" (weights alone {w:.2} %)"))
        ));
        if let Some(done) = finished.filter(|f| !f.certification.ladder.is_empty()) {
            certificate(document, &done.certification);
        }
        if let Some(nearest) = self.quantizer.as_ref().and_then(|q| q.nearest.as_ref()) {
            document.text(format!(
                "The same bit-widths rounded to the nearest, without correction: accuracy drop {nearest}."
            ));
        }
        document.text(format!(
            "The search chose this result on the search split, so its accuracy there is optimistic; the test split took no \
             part{}.",
            match self.images[2] {
                0 => " (this run has none: give the profile a test split)",
                _ => "",
            }
        ));
        self.stored_evidence(document);
    }

    /// What the saved result says of itself.
    fn stored_evidence(&self, document: &mut Document) {
        let Some(stored) = &self.stored else { return };
        document.text(match stored.valid {
            true => format!(
                "The saved result, `{}`, holds these accuracies with their intervals, this run and its fingerprint as its \
                 evidence.",
                crate::run::BEST
            ),
            false => format!(
                "The evidence in the saved result, `{}`, is stale: its bit-widths, quantizer, model or data were changed after \
                 it was saved. This report is of what the run found.",
                crate::run::BEST
            ),
        });
    }

    pub(super) fn caveats_section(&self, document: &mut Document) {
        document.heading("Caveats");
        document.parts.push(Part::List(self.caveats.clone()));
    }

    pub(super) fn comparison(&self, document: &mut Document) {
        if self.comparison.is_empty() {
            return;
        }
        document.heading("Comparison");
        document.table(
            "run | strategy | seed> | bytes> | saved> | drop, search> | drop, test> | certified> | evaluations> | \
             layer-forwards> | seconds>",
            self.comparison.iter().map(comparison_row),
        );
        for run in self.comparison.iter().filter(|run| !run.differs.is_empty()) {
            let parts = run.differs.join(", ");
            document.text(match run.is_comparable() {
                true => format!("`{}` differs from `{}` in: {parts}.", run.run, self.run),
                false => format!(
                    "`{}` differs from `{}` in: {parts}. Its accuracies are of another network or of other images and do not \
                     compare.",
                    run.run, self.run
                ),
            });
        }
        document.figure("compared-front");
        document.figure("compared-bits");
        self.bits_side_by_side(document);
    }

    /// The layers in which the runs differ.
    fn bits_side_by_side(&self, document: &mut Document) {
        let all = || [self].into_iter().chain(&self.others);
        let bits = |report: &Report, layer: &str| {
            let found = report.records.layers.iter().find(|l| l.name == layer);
            or_dash(found.and_then(|l| l.bits), |bits| bits.to_string())
        };
        let row = |layer: &crate::report::records::LayerRecord| {
            let widths: Vec<String> = all().map(|report| bits(report, &layer.name)).collect();
            let differs = widths.windows(2).any(|pair| pair[0] != pair[1]);
            differs.then(|| [vec![layer.name.clone()], widths].concat())
        };
        let rows: Vec<Vec<String>> = self.records.layers.iter().filter_map(row).collect();
        if rows.is_empty() {
            document.text("The bit-widths of all layers are equal.");
            return;
        }
        document.text("The layers whose bit-widths differ:");
        // A bar would end the column.
        let name = |report: &Report| report.run.replace(" | ", " / ");
        let head: Vec<String> = all().map(|report| format!("{}>", name(report))).collect();
        document
            .parts
            .push(Part::Wide(format!("layer | {}", head.join(" | ")), rows));
    }
}

fn comparison_row(run: &ComparedRun) -> [String; 11] {
    [
        run.run.clone(),
        run.strategy.clone(),
        run.seed.to_string(),
        or_dash(run.memory_bytes, count),
        or_dash(run.memory_saving_percent, |s| format!("{s:.2} %")),
        or_dash(run.accuracy_drop, points),
        or_dash(run.accuracy_drop_test, points),
        or_dash(run.certified_bound, points),
        count(run.evaluations),
        count(run.layer_forwards),
        format!("{:.0}", run.seconds),
    ]
}

impl Incumbent {
    fn row(&self, images: usize) -> [String; 6] {
        let [low, high] = self.accuracy_interval;
        [
            "search".into(),
            count(images as u64),
            format!("{:.2} %", self.accuracy_float),
            format!("{:.2} %", self.accuracy),
            format!("{low:.2} to {high:.2}"),
            points(self.accuracy_drop),
        ]
    }
}

fn test_row(finished: &Finished, images: usize) -> Option<[String; 6]> {
    let (float, found) = finished.accuracy_test_float.zip(finished.accuracy_test)?;
    let correct = (found / 100.0 * images as f64).round() as usize;
    let (low, high) = crate::evaluate::wilson_95(correct, images);
    Some([
        "test".into(),
        count(images as u64),
        format!("{float:.2} %"),
        format!("{found:.2} %"),
        format!("{:.2} to {:.2}", 100.0 * low, 100.0 * high),
        points(float - found),
    ])
}

/// The ladder of a certificate, and the incumbent beside it.
fn certificate(document: &mut Document, of: &CertificateSummary) {
    if let Some(c) = &of.certified {
        document.text(format!(
            "Certificate: on unseen images the drop is at most {} points, with the confidence of the constraint. \
             {} allocations were tested on {} images that neither calibration nor search had seen, in an order that was fixed \
             beforehand, until one failed.",
            points(c.bound),
            c.rungs,
            count(c.images as u64)
        ));
    }
    document.table(
        "tested | bytes> | drop, points> | bound, points> | holds",
        of.ladder.iter().map(|rung| {
            [
                rung.candidate.to_string(),
                count(rung.memory_bytes),
                points(rung.accuracy_drop),
                points(rung.bound),
                if rung.held { "yes" } else { "no" }.to_owned(),
            ]
        }),
    );
    if let Some(beside) = &of.incumbent {
        document.text(format!(
            "Beside it stands the incumbent, which is not certified: {} bytes, drop {} points on the search split (interval {} to \
             {}, as if that split had not chosen it).",
            count(beside.memory_bytes),
            points(beside.accuracy_drop),
            points(beside.interval[0]),
            points(beside.interval[1])
        ));
    }
}
