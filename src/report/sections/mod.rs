//! The contents of a report, section after section.

mod costs;
mod result;
mod search;
mod sensitivity;

use super::Report;
use super::document::Document;

impl Report {
    /// The report as a document.
    pub(super) fn document(&self) -> Document {
        let mut document = Document {
            title: format!("{}: bit-widths by aq4svit", self.name),
            ..Document::default()
        };
        document.text(format!(
            "Run `{}`, started {} on {}, {} (aq4svit {}).",
            self.run, self.started, self.host, self.condition, self.version
        ));
        self.result(&mut document);
        self.comparison(&mut document);
        self.caveats_section(&mut document);
        self.settings(&mut document);
        self.bit_widths(&mut document);
        self.accuracy_against_memory(&mut document);
        self.course(&mut document);
        self.gate_section(&mut document);
        self.sensitivity_section(&mut document);
        self.potentials(&mut document);
        self.memory_section(&mut document);
        self.energy(&mut document);
        self.effort(&mut document);
        self.steering(&mut document);
        self.fingerprints(&mut document);
        document
    }
}
