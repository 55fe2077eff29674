//! The sensitivity of single layers.

use crate::report::Report;
use crate::report::document::Document;
use crate::run::{Curve, Curves};
use crate::text::numbers::{count, points};

impl Report {
    pub(super) fn sensitivity_section(&self, document: &mut Document) {
        document.heading("Sensitivity");
        let nothing = self.records.layer_errors.is_empty() && self.records.single_groups.is_empty();
        match &self.sensitivity {
            None if nothing => document.text(
                "Nothing was measured of single layers; `aq4svit sensitivity` lowers each layer alone, and keeps it alone.",
            ),
            _ => document.figure("sensitivity"),
        }
        if let Some(curves) = &self.sensitivity {
            tables(document, curves);
        }
    }
}

fn tables(document: &mut Document, curves: &Curves) {
    let titles = [
        (Curve::Lowered, "Each layer lowered alone"),
        (Curve::Kept, "Each layer kept as float alone"),
    ];
    for (curve, title) in titles {
        document.heading(title);
        document.text(format!(
            "Accuracy drop in points on {} images of the search split, and drift in thresholds.",
            count(curves.float.images as u64)
        ));
        let measured = curves.measured.iter().filter(|m| m.curve == curve);
        document.table(
            "layer | bits> | drop> | drift>",
            measured.map(|m| {
                [
                    m.layer.clone().unwrap_or_default(),
                    m.bits.to_string(),
                    points(m.accuracy_drop),
                    format!("{:.3}", m.drift),
                ]
            }),
        );
    }
    document.heading("Interaction");
    document.text("The cost of all layers together against the sum of their single costs.");
    document.table(
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
    );
}
