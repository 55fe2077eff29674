//! The result of `evaluate`, as an object of JSON and as text.

use std::fmt::Write as _;

use serde::Serialize;

use crate::evaluate::{
    ClassCount, EnergyEstimate, LayerWork, Split, Statistics, percent, wilson_95,
};
use crate::network::Graph;
use crate::quant::{Affine, Allocation, BitWidth, MemoryModel, saving_percent};
use crate::system::peak_memory;
use crate::text::numbers::{bytes_in_full as bytes, compact};

/// The largest number of classes that are all shown; of more, the lowest are.
const CLASSES: usize = 20;
/// The number of the lowest classes shown.
const LOWEST: usize = 10;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "evaluation")]
pub(super) struct Evaluation {
    split: Split,
    images: usize,
    correct: usize,
    /// In percent.
    accuracy: f64,
    /// Wilson interval at 95 %, in percent.
    accuracy_low: f64,
    accuracy_high: f64,
    /// The float network's on the same images, in percent; null where it is not known.
    accuracy_float: Option<f64>,
    /// How much lower than that the accuracy is, in percentage points.
    accuracy_drop: Option<f64>,
    top5_correct: usize,
    top5_accuracy: f64,
    memory_bytes: u64,
    memory_saving_percent: f64,
    /// The number of images that could not be decoded and were skipped.
    pub(super) skipped: usize,
    seconds: f64,
    images_per_second: f64,
    /// The peak memory of the process; null where the system does not tell.
    peak_memory_bytes: Option<u64>,
    /// The operations per image, by the rules in the program's help.
    macs: f64,
    synaptic_operations: f64,
    attention_operations: f64,
    energy_joules: f64,
    classes: Vec<Class>,
    sites: Vec<Site>,
    layers: Vec<Layer>,
    #[serde(skip)]
    float_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Class {
    class: usize,
    images: usize,
    correct: usize,
    /// In percent; null for a class without images.
    accuracy: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Site {
    site: String,
    block: String,
    /// Mean spikes per neuron and time step.
    firing_rate: f64,
}

#[derive(Debug, Serialize)]
struct Layer {
    layer: String,
    bits: BitWidth,
    input_mean: f64,
    macs: f64,
    synaptic_operations: f64,
    energy_joules: f64,
}

impl Evaluation {
    pub(super) fn new(
        graph: &Graph,
        affine: Affine,
        allocation: &Allocation,
        (split, seconds): (Split, f64),
        counted: &Statistics,
    ) -> Self {
        let memory = MemoryModel::of(graph, affine);
        let (memory_bytes, float_bytes) = (memory.total(allocation), memory.float_total());
        let energy = EnergyEstimate::new(graph, counted);
        let (images, correct) = (counted.images, counted.correct());
        let (low, high) = wilson_95(correct, images);
        let class = |(class, count): (usize, &ClassCount)| Class {
            class,
            images: count.images,
            correct: count.correct,
            accuracy: (count.images > 0).then(|| percent(count.correct, count.images)),
        };
        let rates = counted.firing_rates(graph);
        let site = |(site, rate): (&crate::network::Site, f64)| Site {
            site: site.name.clone(),
            block: graph.blocks[site.block.index()].name.clone(),
            firing_rate: rate,
        };
        let layer = |work: &LayerWork| Layer {
            layer: graph.layer(work.layer).name.clone(),
            bits: allocation.get(work.layer),
            input_mean: work.input_mean,
            macs: work.macs,
            synaptic_operations: work.synaptic_operations,
            energy_joules: work.joules(),
        };
        Evaluation {
            split,
            images,
            correct,
            accuracy: percent(correct, images),
            accuracy_low: 100.0 * low,
            accuracy_high: 100.0 * high,
            accuracy_float: Some(percent(correct, images)),
            accuracy_drop: Some(0.0),
            top5_correct: counted.top5,
            top5_accuracy: percent(counted.top5, images),
            memory_bytes,
            memory_saving_percent: saving_percent(memory_bytes, float_bytes),
            skipped: 0,
            seconds,
            images_per_second: images as f64 / seconds.max(f64::MIN_POSITIVE),
            peak_memory_bytes: peak_memory(std::process::id()),
            macs: energy.macs(),
            synaptic_operations: energy.synaptic_operations(),
            attention_operations: energy.attention,
            energy_joules: energy.joules(),
            classes: counted.classes.iter().enumerate().map(class).collect(),
            sites: graph.sites.iter().zip(rates).map(site).collect(),
            layers: energy.layers.iter().map(layer).collect(),
            float_bytes,
        }
    }

    /// Sets the float network's accuracy, from how many of the images it classifies correctly; none
    /// where that is not known.
    pub(super) fn compare(&mut self, float_correct: Option<usize>) {
        self.accuracy_float = float_correct.map(|correct| percent(correct, self.images));
        self.accuracy_drop = self.accuracy_float.map(|float| float - self.accuracy);
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let split = self.split.name();
        let _ = writeln!(
            out,
            "{:.2} % of {} images of the {split} split correct ({}); 95 % interval {:.2} to {:.2} %\n\
             {}; top-5: {:.2} % ({})",
            self.accuracy,
            self.images,
            self.correct,
            self.accuracy_low,
            self.accuracy_high,
            match self.accuracy_float.zip(self.accuracy_drop) {
                Some((float, drop)) =>
                    format!("float: {float:.2} %, so a drop of {drop:.2} points"),
                None => "float: not known".to_owned(),
            },
            self.top5_accuracy,
            self.top5_correct,
        );
        let _ = writeln!(
            out,
            "memory: {}, {:.2} % less than float's {}",
            bytes(self.memory_bytes),
            self.memory_saving_percent,
            bytes(self.float_bytes)
        );
        let peak = self.peak_memory_bytes.map_or("unknown".to_owned(), bytes);
        let _ = writeln!(
            out,
            "speed: {:.1} images per second ({:.1} s); peak memory of the program {peak}",
            self.images_per_second, self.seconds
        );
        let _ = writeln!(
            out,
            "energy: {:.3} uJ per image = 4.6 pJ x {} MACs + 0.9 pJ x {} synaptic operations\n\
             \x20 (45 nm, 32-bit float, no memory access: Horowitz, ISSCC 2014; `evaluate --help`)",
            1e6 * self.energy_joules,
            compact(self.macs.round() as u64),
            compact(self.synaptic_operations.round() as u64),
        );
        self.write_classes(&mut out);
        self.write_sites(&mut out);
        out
    }

    fn write_classes(&self, out: &mut String) {
        let known = self.classes.iter().filter_map(|c| Some((c.accuracy?, c)));
        let mut shown: Vec<(f64, &Class)> = known.collect();
        let (all, mut note) = (shown.len(), String::new());
        if all > CLASSES {
            shown.sort_by(|a, b| a.0.total_cmp(&b.0));
            shown.truncate(LOWEST);
            note = format!(" (the {LOWEST} lowest of {all}; --json has all)");
        }
        let _ = writeln!(out, "\nclass  images  correct   accuracy{note}");
        for (accuracy, class) in shown {
            let Class {
                class,
                images,
                correct,
                ..
            } = class;
            let _ = writeln!(out, "{class:>5} {images:>7} {correct:>8} {accuracy:>8.2} %");
        }
    }

    fn write_sites(&self, out: &mut String) {
        let lengths = self.sites.iter().map(|s| s.site.chars().count());
        let width = lengths.max().unwrap_or(0).max("neurons".len());
        let title = "spikes per neuron and time step";
        let _ = writeln!(out, "\n{:<width$}  {title}", "neurons");
        for site in &self.sites {
            let _ = writeln!(out, "{:<width$}  {:.4}", site.site, site.firing_rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    fn counted(graph: &Graph) -> Statistics {
        let mut counted = Statistics::new(graph);
        let mut logits = vec![0.0; graph.classes];
        for i in 0..40 {
            logits[3] = f64::from(i % 3) - 0.5;
            counted.answer(&logits, i as usize % graph.classes);
        }
        for spikes in &mut counted.spikes {
            *spikes = 1000;
        }
        counted
    }

    fn evaluation() -> Evaluation {
        let text = include_str!("../../../profiles/demo.toml");
        let profile = Profile::parse(text, "demo.toml".as_ref()).unwrap();
        let graph = profile.graph();
        let four = Allocation::uniform(graph.layers.len(), BitWidth::new(4).unwrap());
        let split = (Split::Search, 2.0);
        let mut evaluation = Evaluation::new(&graph, Affine::F32, &four, split, &counted(&graph));
        evaluation.peak_memory_bytes = Some(300 << 20);
        evaluation
    }

    #[test]
    fn it_reads_well() {
        insta::assert_snapshot!(evaluation().text());
    }

    #[test]
    fn many_classes_are_shown_by_the_lowest() {
        let mut many = evaluation();
        many.classes = (0..30)
            .map(|class| Class {
                class,
                images: 50,
                correct: 50 - class,
                accuracy: Some(percent(50 - class, 50)),
            })
            .collect();
        let text = many.text();
        assert!(text.contains("the 10 lowest of 30"), "{text}");
        let rows: Vec<&str> = text
            .lines()
            .filter(|l| l.ends_with(" %") && l.starts_with("  "))
            .collect();
        assert_eq!(rows.len(), 10);
        assert!(rows[0].trim_start().starts_with("29 "), "{rows:?}");
    }

    #[test]
    fn the_json_object_has_the_promised_fields() {
        let json = serde_json::to_value(evaluation()).unwrap();
        assert_eq!(json["type"], "evaluation");
        assert_eq!(json["split"], "search");
        assert_eq!(
            (&json["images"], &json["seconds"]),
            (&40.into(), &2.0.into())
        );
        assert_eq!(json["images_per_second"], 20.0);
        let correct = json["correct"].as_u64().unwrap() as f64;
        assert_eq!(json["accuracy"], 100.0 * correct / 40.0);
        assert_eq!(json["classes"][3]["images"], 4);
        assert_eq!(json["sites"].as_array().unwrap().len(), 35);
        assert_eq!(json["layers"][0]["bits"], 4);
        assert!(json["layers"][0]["macs"].as_f64().unwrap() > 0.0);
        assert!(json.get("float_bytes").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_the_peak_memory() {
        assert!(peak_memory(std::process::id()).unwrap() > 1 << 20);
    }
}
