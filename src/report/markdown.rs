//! A report as Markdown.

use std::fmt::{self, Display};

use super::{FrontLine, Incumbent, Report};
use crate::profile::Pin;
use crate::run::{CertificateSummary, Curve, Curves, Finished};
use crate::text::numbers::{count, points};
use crate::text::table::{markdown, or_dash};
use crate::text::{self, gate};

/// Writes a table and an empty line.
fn table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    rows: impl IntoIterator<Item = [String; N]>,
) -> fmt::Result {
    writeln!(f, "{}", markdown(head, rows.into_iter().map(Vec::from)))
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}: bit-widths by aq4svit\n", self.name)?;
        writeln!(
            f,
            "Run `{}`, started {} on {}, {} (aq4svit {}).\n",
            self.run, self.started, self.host, self.condition, self.version
        )?;
        self.result(f)?;
        self.how(f)?;
        self.layers(f)?;
        self.accuracy_against_memory(f)?;
        writeln!(
            f,
            "## The gate\n\n```\n{}\n```\n",
            gate::report(&self.evidence)
        )?;
        if let Some(curves) = &self.sensitivity {
            sensitivity(f, curves)?;
        }
        self.steering(f)?;
        let made = &self.fingerprint;
        writeln!(
            f,
            "## Fingerprint\n\nThe numbers depend on these parts; runs with equal parts are comparable.\n"
        )?;
        table(
            f,
            "part | fingerprint",
            [
                ["model", &made.model],
                ["weights", &made.weights],
                ["data", &made.data],
                ["quantizer", &made.quantizer],
                ["search", &made.search],
                ["numerics", &made.numerics],
            ]
            .map(|row| row.map(|cell: &str| cell.to_owned())),
        )
    }
}

impl Report {
    fn result(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Result\n")?;
        let Some(found) = &self.incumbent else {
            return match &self.finished {
                Some(finished) => writeln!(f, "```\n{finished}\n```\n"),
                None => writeln!(f, "Nothing is confirmed yet.\n"),
            };
        };
        let finished = self.finished.as_ref();
        let mut rows = vec![found.row(self.images[1])];
        rows.extend(finished.and_then(|finished| test_row(finished, self.images[2])));
        let head = "split | images> | float> | quantized> | 95 % interval> | drop, points>";
        table(f, head, rows)?;
        writeln!(
            f,
            "Memory {} bytes: {:.2} % saved{}.\n",
            count(found.memory_bytes),
            found.memory_saving_percent,
            finished
                .and_then(|f| f.weights_saving_percent)
                .map_or_else(String::new, |w| format!(" (weights alone {w:.2} %)"))
        )?;
        if let Some(done) = finished.filter(|f| !f.certification.ladder.is_empty()) {
            certificate(f, &done.certification)?;
        }
        if let Some(nearest) = self.quantizer.as_ref().and_then(|q| q.nearest.as_ref()) {
            writeln!(
                f,
                "The same bit-widths rounded to the nearest, without correction: accuracy drop {nearest}.\n"
            )?;
        }
        writeln!(
            f,
            "The search chose this result on the search split, so its accuracy there is optimistic; the test split took no \
             part{}.\n",
            match self.images[2] {
                0 => " (this run has none: give the profile a test split)",
                _ => "",
            }
        )?;
        let Some(done) = finished else { return Ok(()) };
        writeln!(
            f,
            "Effort: {} evaluations ({} more cached), {} drift measurements, {} candidates rejected by the gate, {} audited; \
             {} layer-forwards ({} without optimizations), {:.1} seconds.\n",
            count(done.counters.evaluations),
            count(done.counters.cached),
            count(done.counters.drift_evaluations),
            count(done.counters.gated),
            count(done.counters.audited),
            count(done.layer_forwards),
            count(done.layer_forwards_plain),
            done.seconds
        )
    }

    fn how(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Search settings\n")?;
        let search = &self.search;
        let levels: Vec<String> = search.levels.iter().map(ToString::to_string).collect();
        writeln!(f, "- Constraint: {}.", self.constraint)?;
        if let Some(chip) = &self.target {
            writeln!(f, "- Target: {} ({}).", chip.name, chip.title)?;
        }
        writeln!(
            f,
            "- Strategy {}; levels {}, seed {}; screening on {} images, {}.",
            text::strategy(search.strategy),
            levels.join(", "),
            search.seed,
            count(self.screened_images as u64),
            self.screening.as_deref().unwrap_or("exact")
        )?;
        if let Some(sequential) = self.finished.as_ref().and_then(|f| f.sequential.as_ref()) {
            writeln!(f, "- Screenings, {sequential}.")?;
        }
        writeln!(f, "- Gate: {}.", gate::rule(&self.gate))?;
        if let Some(quantizer) = &self.quantizer {
            write!(f, "{quantizer}")?;
        }
        let pin = |pin: &Pin| format!("`{}` {}", pin.pattern, pin.describe());
        let pins: Vec<String> = self.pins.iter().map(pin).collect();
        if !pins.is_empty() {
            writeln!(f, "- Pins: {}.", pins.join("; "))?;
        }
        for tie in &self.ties {
            writeln!(f, "- Tied, `{}`: {}.", tie.name, tie.layers.join(", "))?;
        }
        let [calibration, search, test] = self.images.map(|n| count(n as u64));
        let certify = self.certify_images.map_or_else(String::new, |images| {
            format!(" {} for the certificate,", count(images as u64))
        });
        writeln!(
            f,
            "- Images: {calibration} for drift, {search} for the search,{certify} {test} for the test.\n"
        )
    }

    fn layers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.allocation.is_empty() {
            return Ok(());
        }
        writeln!(f, "## Bit-widths\n")?;
        table(
            f,
            "stage | block | layer | bits> | weights> | bytes> | float bytes>",
            self.allocation.iter().map(|line| {
                [
                    line.stage.clone(),
                    line.block.clone(),
                    line.layer.clone(),
                    line.bits.to_string(),
                    count(line.weights),
                    count(line.memory_bytes),
                    count(line.memory_float_bytes),
                ]
            }),
        )
    }

    fn accuracy_against_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.front.is_empty() {
            return Ok(());
        }
        writeln!(f, "## Accuracy against memory\n")?;
        writeln!(
            f,
            "The allocations that no other one is measured or predicted to dominate. The predictions are ours; their bounds hold \
             for nine of ten of this run's measurements.\n"
        )?;
        let head = "bytes> | saved> | drop, points> | likely | basis | candidate";
        table(f, head, self.front.iter().map(row_of_front))
    }

    fn steering(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.commands.is_empty() {
            return Ok(());
        }
        writeln!(f, "## Commands\n")?;
        table(
            f,
            "event> | time | command | answer",
            self.commands.iter().map(|given| {
                let answer = match given.accepted {
                    true => given.answer.clone(),
                    false => format!("refused: {}", given.answer),
                };
                [
                    given.seq.to_string(),
                    given.time.clone(),
                    given.command.clone(),
                    answer,
                ]
            }),
        )
    }
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

fn row_of_front(line: &FrontLine) -> [String; 6] {
    let point = &line.point;
    let measured = point.prediction.measured.filter(|m| m.whole);
    let bounds = point.prediction.predicted.and_then(|p| p.low.zip(p.high));
    let bounds = or_dash(bounds, |(low, high)| {
        format!("{} to {}", points(low), points(high))
    });
    [
        count(point.prediction.memory_bytes),
        format!("{:.2} %", point.memory_saving_percent),
        or_dash(point.accuracy_drop, points),
        measured.map_or(bounds, |_| String::new()),
        point.basis.to_owned(),
        measured.map_or_else(String::new, |m| m.candidate.to_string()),
    ]
}

/// The ladder of a certificate, and the incumbent beside it.
fn certificate(f: &mut fmt::Formatter<'_>, of: &CertificateSummary) -> fmt::Result {
    if let Some(c) = &of.certified {
        writeln!(
            f,
            "Certificate: on unseen images the drop is at most {} points, with the confidence of the constraint. \
             {} allocations were tested on {} images that neither calibration nor search had seen, in an order that was fixed \
             beforehand, until one failed.\n",
            points(c.bound),
            c.rungs,
            count(c.images as u64)
        )?;
    }
    table(
        f,
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
    )?;
    let Some(beside) = &of.incumbent else {
        return Ok(());
    };
    writeln!(
        f,
        "Beside it stands the incumbent, which is not certified: {} bytes, drop {} points on the search split (interval {} to \
         {}, as if that split had not chosen it).\n",
        count(beside.memory_bytes),
        points(beside.accuracy_drop),
        points(beside.interval[0]),
        points(beside.interval[1])
    )
}

fn sensitivity(f: &mut fmt::Formatter<'_>, curves: &Curves) -> fmt::Result {
    let titles = [
        (Curve::Lowered, "Each layer lowered alone"),
        (Curve::Kept, "Each layer kept as float alone"),
    ];
    for (curve, title) in titles {
        writeln!(
            f,
            "## {title}\n\nAccuracy drop in points on {} images of the search split, and drift in thresholds.\n",
            count(curves.float.images as u64)
        )?;
        let measured = curves.measured.iter().filter(|m| m.curve == curve);
        table(
            f,
            "layer | bits> | drop> | drift>",
            measured.map(|m| {
                [
                    m.layer.clone().unwrap_or_default(),
                    m.bits.to_string(),
                    points(m.accuracy_drop),
                    format!("{:.3}", m.drift),
                ]
            }),
        )?;
    }
    writeln!(
        f,
        "## Interaction\n\nThe cost of all layers together against the sum of their single costs.\n"
    )?;
    table(
        f,
        "bits> | drop together> | sum of drops> | interaction> | drift together> | sum of drifts>",
        curves.interactions.iter().map(|i| {
            [
                i.bits.to_string(),
                points(i.joint_drop),
                points(i.sum_of_drops),
                points(i.interaction),
                format!("{:.3}", i.joint_drift),
                format!("{:.3}", i.sum_of_drifts),
            ]
        }),
    )
}
