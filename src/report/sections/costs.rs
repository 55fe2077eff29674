//! What the result costs, and what the search did: memory, operations, energy, effort.

use crate::report::document::{Document, Part};
use crate::report::{Energy, Report, StoppedEarly};
use crate::text::numbers::{count, large};

impl Report {
    pub(super) fn potentials(&self, document: &mut Document) {
        document.heading("Membrane potentials");
        let activity = self.activity.as_ref();
        match activity.and_then(|a| a.measured.as_ref()) {
            Some(_) => document.figure("potentials"),
            None => document.text(format!(
                "No histograms: a run does not keep potentials. {}",
                self.why_no_activity()
            )),
        }
    }

    /// Why there is no activity, as a sentence.
    fn why_no_activity(&self) -> String {
        let why = self.activity.as_ref().and_then(|a| a.not_measured.as_ref());
        match why {
            Some(why) => format!("They were not measured for this report ({why})."),
            None => String::from(
                "`aq4svit report RUN --activity` runs the float network and the result on the calibration images and draws \
                 them.",
            ),
        }
    }

    pub(super) fn memory_section(&self, document: &mut Document) {
        let Some(memory) = &self.memory else { return };
        document.heading("Memory");
        let row = |name: &str, bytes: u64, float: u64, saved: f64| {
            [
                name.to_owned(),
                count(bytes),
                count(float),
                format!("{saved:.2} %"),
            ]
        };
        document.table(
            "counted | bytes> | float bytes> | saved>",
            [
                row(
                    "all that is stored",
                    memory.memory_bytes,
                    memory.memory_float_bytes,
                    memory.memory_saving_percent,
                ),
                row(
                    "packed weights alone",
                    memory.weight_bytes,
                    memory.weight_float_bytes,
                    memory.weights_saving_percent,
                ),
            ],
        );
        document.text(format!(
            "All that is stored: packed weights, an affine of two numbers per output channel, and tensors of no layer ({} bytes \
             beside the weights). Papers quote the figure of weights alone.",
            count(memory.other_bytes)
        ));
    }

    pub(super) fn energy(&self, document: &mut Document) {
        document.heading("Operations and energy");
        let Some(energy) = self.activity.as_ref().and_then(|a| a.energy.as_ref()) else {
            document.text(format!(
                "Synaptic operations and energy of the float network against the result: not measured. {}",
                self.why_no_activity()
            ));
            return;
        };
        let change = |float: f64, found: f64| match float > 0.0 {
            true => format!("{:+.2} %", 100.0 * (found / float - 1.0)),
            false => String::from("-"),
        };
        let row = |name: &str, of: fn(&Energy) -> f64, shown: &dyn Fn(f64) -> String| {
            let (float, found) = (of(&energy.float), of(&energy.result));
            [
                name.to_owned(),
                shown(float),
                shown(found),
                change(float, found),
            ]
        };
        let operations = |n: f64| large(n.max(0.0).round() as u64);
        let microjoules = |joules: f64| format!("{:.3}", joules * 1e6);
        document.table(
            "per image | float> | quantized> | change>",
            [
                row("multiply-accumulates", |e| e.macs, &operations),
                row(
                    "synaptic operations",
                    |e| e.synaptic_operations,
                    &operations,
                ),
                row(
                    "of these in attention",
                    |e| e.attention_operations,
                    &operations,
                ),
                row("energy, µJ", |e| e.energy_joules, &microjoules),
            ],
        );
        document.text(format!(
            "Means over {} calibration images. The energy is the estimate that the field quotes: 4.6 pJ for a \
             multiply-accumulate and 0.9 pJ for a synaptic operation, 32-bit floating point in 45 nm. It knows neither memory \
             accesses nor bit-widths.",
            count(energy.images as u64)
        ));
    }

    pub(super) fn effort(&self, document: &mut Document) {
        document.heading("Effort, and what was saved");
        if let Some(done) = &self.finished {
            document.text(format!(
                "Effort: {} evaluations ({} more cached), {} drift measurements, {} candidates rejected by the gate, {} audited; \
                 {} layer-forwards ({} without optimizations), {:.1} seconds.",
                count(done.counters.evaluations),
                count(done.counters.cached),
                count(done.counters.drift_evaluations),
                count(done.counters.gated),
                count(done.counters.audited),
                count(done.layer_forwards),
                count(done.layer_forwards_plain),
                done.seconds
            ));
        }
        let saved = &self.savings;
        let early = |of: &StoppedEarly, name: &str| {
            format!(
                "{} {name}, {} of them stopped early: {} of {} images looked at",
                count(of.judgements as u64),
                count(of.stopped_early as u64),
                count(of.images),
                count(of.images_of)
            )
        };
        document.parts.push(Part::List(vec![
            format!(
                "Caches and early stops: {} of {} layer-forwards done, {:.1} % saved.",
                count(saved.layer_forwards),
                count(saved.layer_forwards_plain),
                saved.layer_forwards_saved_percent
            ),
            format!(
                "Earlier results: {} requests answered without evaluation, {} of them by earlier runs.",
                count(saved.cached),
                count(saved.cached_from_earlier_runs)
            ),
            format!(
                "The gate: {} candidates not evaluated; {} rejected ones audited.",
                count(saved.rejected_by_gate),
                count(saved.audited)
            ),
            format!("Stopping: {}; {}.", early(&saved.screenings, "screenings"), early(&saved.confirmations, "confirmations")),
        ]));
        document.text(
            "What a single optimization saves is told by turning it off: `aq4svit bench` runs the same search with each of them \
             off, `aq4svit bench --gate` with and without the gate.",
        );
    }
}
