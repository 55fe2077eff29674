//! An evaluator of your own, defined outside the crate: whatever answers the search's questions.
//!
//! Run it with `cargo run --example own_evaluator --no-default-features`.
//!
//! An [`Evaluator`] answers two questions about an allocation: its drift (a cheap number that
//! should grow with the damage, and one for each site), and which images of a split the network
//! gets right. It may stop as soon as the question's rule is decided. Here the "network" has three
//! layers, and an image is lost where the rounding errors of all layers exceed its margin.

use aq4svit::evaluate::{
    Cancel, CorrectBits, EvaluateError, Evaluator, Job, Outcome, Progress, Question, Statistics,
    Work,
};
use aq4svit::profile::{AccuracyDrop, Constraint, GateConfig, SearchConfig};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::search::{Candidate, Engine, Settings, Space, SpaceLayer};

/// Images of the search split.
const IMAGES: usize = 400;
/// How sensitive each layer is.
const SENSITIVITY: [f64; 3] = [0.2, 1.0, 4.0];

/// The evaluator.
struct Margins;

impl Margins {
    /// The rounding error of each layer: a quarter with every bit.
    fn errors(allocation: &Allocation) -> Vec<f64> {
        let error = |(width, sensitivity): (&BitWidth, f64)| match width.is_float() {
            true => 0.0,
            false => sensitivity * 4f64.powi(-i32::from(width.bits())),
        };
        allocation.0.iter().zip(SENSITIVITY).map(error).collect()
    }
}

impl Evaluator for Margins {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        if cancel.is_cancelled() {
            return Err(EvaluateError::Cancelled);
        }
        let sites = Margins::errors(&job.allocation);
        let total: f64 = sites.iter().sum();
        let outcome = match &job.question {
            // Nothing fires here. Searches do not ask for it.
            Question::Statistics { .. } => Outcome::Statistics(Statistics::default()),
            Question::LayerErrors => Outcome::LayerErrors {
                errors: vec![0.0; job.allocation.len()],
            },
            Question::Drift { .. } => Outcome::Drift {
                drift: total / sites.len() as f64,
                sites,
                proxies: None,
            },
            Question::Accuracy { from, to, stop, .. } => {
                // Margins between 0 and 1, spread evenly; one image in ten is never right.
                let margin = |image: usize| (0.618_033_988_75 * image as f64).fract();
                let right = |image: usize| image % 10 != 9 && margin(image) > total;
                let mut correct: CorrectBits = (*from..*to).map(right).collect();
                if let Some(decided) = stop.as_ref().and_then(|rule| rule.decided(&correct)) {
                    correct.truncate(decided.images);
                }
                progress(Progress {
                    done: correct.len(),
                    total: to - from,
                    correct: correct.correct(),
                    preparing: false,
                });
                Outcome::Accuracy { correct }
            }
        };
        Ok((outcome, Work::default()))
    }

    /// Names how results are computed: results of another kind are never mixed with these.
    fn numerics(&self) -> String {
        "margins 1".into()
    }
}

fn settings() -> Settings {
    let menu: Vec<BitWidth> = [2, 4, 6, 8].into_iter().flat_map(BitWidth::new).collect();
    let layer = |i: usize| SpaceLayer {
        name: format!("layer{i}"),
        stage: "stage".into(),
        block: "block".into(),
        weights: 800,
        bytes: menu.iter().map(|w| 100 * u64::from(w.bits())).collect(),
        float_bytes: 3200,
    };
    Settings {
        name: "margins".into(),
        space: Space {
            layers: (0..SENSITIVITY.len()).map(layer).collect(),
            menu: menu.clone(),
            fixed_bytes: 0,
            ties: Vec::new(),
            sites: (0..2).map(|i| format!("site{i}")).collect(),
        },
        constraint: Constraint {
            max_accuracy_drop: AccuracyDrop::Points(2.0),
            ..Constraint::default()
        },
        search: SearchConfig::default(),
        gate: GateConfig::default(),
        pins: Vec::new(),
        target: None,
        start: None,
        calibration_images: 1,
        evidence_images: 0,
        narrower: true,
        search_images: IMAGES,
        search_order: Default::default(),
        certify_images: 0,
        test_images: 0,
    }
}

/// Runs a search to its end and returns the result: the smallest allocation that is confirmed.
pub fn run() -> Result<Candidate, Box<dyn std::error::Error>> {
    let mut engine = Engine::new(settings())?;
    engine.start();
    while let Some(request) = engine.wanted(1).pop() {
        let (outcome, _) = Margins.evaluate(&request.job, &Cancel::default(), &mut |_| {})?;
        engine.outcome(&request.job, outcome);
    }
    let tree = engine.tree();
    let incumbent = tree.incumbent.and_then(|id| tree.get(id));
    Ok(incumbent.ok_or("nothing met the constraint")?.clone())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let result = run()?;
    let widths: Vec<String> = result
        .allocation
        .0
        .iter()
        .map(ToString::to_string)
        .collect();
    println!(
        "{}: {} bytes, bit-widths {}",
        result.id,
        result.bytes,
        widths.join(" ")
    );
    Ok(())
}
