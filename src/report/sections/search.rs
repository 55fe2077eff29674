//! How the search went: settings, bit-widths, front, course, gate, commands.

use crate::profile::Pin;
use crate::report::document::{Document, Part};
use crate::report::{FrontLine, LayerLine, Report};
use crate::text::numbers::{count, points};
use crate::text::table::or_dash;
use crate::text::{self, gate};

impl Report {
    pub(super) fn settings(&self, document: &mut Document) {
        document.heading("Search settings");
        let search = &self.search;
        let levels: Vec<String> = search.levels.iter().map(ToString::to_string).collect();
        let mut items = vec![format!("Constraint: {}.", self.constraint)];
        if let Some(chip) = &self.target {
            items.push(format!("Target: {} ({}).", chip.name, chip.title));
        }
        items.push(format!(
            "Strategy {}; levels {}, seed {}; screening on {} images, {}.",
            text::strategy(search.strategy),
            levels.join(", "),
            search.seed,
            count(self.screened_images as u64),
            self.screening.as_deref().unwrap_or("exact")
        ));
        if let Some(sequential) = self.finished.as_ref().and_then(|f| f.sequential.as_ref()) {
            items.push(format!("Screenings, {sequential}."));
        }
        items.push(format!("Gate: {}.", gate::rule(&self.gate)));
        items.extend(
            self.quantizer
                .iter()
                .flat_map(|quantizer| quantizer.sentences()),
        );
        let pin = |pin: &Pin| format!("`{}` {}", pin.pattern, pin.describe());
        let pins: Vec<String> = self.pins.iter().map(pin).collect();
        if !pins.is_empty() {
            items.push(format!("Pins: {}.", pins.join("; ")));
        }
        for tie in &self.ties {
            items.push(format!("Tied, `{}`: {}.", tie.name, tie.layers.join(", ")));
        }
        let [calibration, search, test] = self.images.map(|n| count(n as u64));
        let certify = self.certify_images.map_or_else(String::new, |images| {
            format!(" {} for the certificate,", count(images as u64))
        });
        items.push(format!(
            "Images: {calibration} for drift, {search} for the search,{certify} {test} for the test."
        ));
        document.parts.push(Part::List(items));
    }

    pub(super) fn bit_widths(&self, document: &mut Document) {
        if self.allocation.is_empty() {
            return;
        }
        document.heading("Bit-widths");
        document.figure("bits");
        document.figure("bits-by-stage");
        document.table(
            "stage | block | layer | bits> | weights> | bytes> | float bytes>",
            self.allocation.iter().map(LayerLine::cells),
        );
    }

    pub(super) fn accuracy_against_memory(&self, document: &mut Document) {
        if self.front.is_empty() {
            return;
        }
        document.heading("Accuracy against memory");
        document.figure("front");
        document.text(
            "The allocations that no other one is measured or predicted to dominate. The predictions are ours; their bounds hold \
             for nine of ten of this run's measurements.",
        );
        let head = "bytes> | saved> | drop, points> | likely | basis | candidate";
        document.table(head, self.front.iter().map(row_of_front));
    }

    pub(super) fn course(&self, document: &mut Document) {
        if self
            .records
            .course
            .iter()
            .all(|point| point.bytes.is_none())
        {
            return;
        }
        document.heading("The search");
        document.figure("course");
        let rows = self.records.course.iter().map(|point| {
            [
                point.seq.to_string(),
                count(point.evaluations),
                format!("{:.0}", point.seconds),
                or_dash(point.candidate, |id| id.to_string()),
                or_dash(point.bytes, count),
            ]
        });
        document.text("The incumbents, as they followed each other:");
        document.table(
            "event> | evaluations> | seconds> | candidate | bytes>",
            rows,
        );
    }

    pub(super) fn gate_section(&self, document: &mut Document) {
        document.heading("The gate");
        document
            .parts
            .push(Part::Code(gate::report(&self.evidence)));
        document.figure("proxies");
    }

    pub(super) fn steering(&self, document: &mut Document) {
        if self.commands.is_empty() {
            return;
        }
        document.heading("Commands");
        document.table(
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
        );
    }

    pub(super) fn fingerprints(&self, document: &mut Document) {
        let made = &self.fingerprint;
        document.heading("Fingerprint");
        document.text("The numbers depend on these parts; runs with equal parts are comparable.");
        document.table(
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
        );
    }
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
