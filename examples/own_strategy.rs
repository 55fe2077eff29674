//! A search strategy of your own, defined outside the crate: coordinate descent.
//!
//! Run it with `cargo run --example own_strategy --no-default-features`. It needs no network: the
//! evaluator is a synthetic landscape, the one that tests and benchmarks of strategies use.
//!
//! A strategy is a state machine behind [`Strategy`]: the engine opens it on a base (an allocation
//! that meets the constraint) and steps it until it has nothing left to try. Through the
//! [`Context`] it sees the tree of candidates, the space and the bit-widths that pins allow, and
//! it can propose an allocation, have it judged, and take it as the new base. Everything else
//! stays the engine's: drift and gate, screening and confirmation, limits, pins, undo, the journal.

use aq4svit::evaluate::{Cancel, Evaluator, Landscape};
use aq4svit::profile::{AccuracyDrop, Constraint, GateConfig, SearchConfig};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::search::{
    Candidate, CandidateId, Context, Engine, Judged, Settings, Space, SpaceLayer, Step, Strategy,
    Trial,
};

/// Coordinate descent: the layers in turn, each lowered one bit-width at a time until that fails.
/// It ends after a turn in which no layer could be lowered.
#[derive(Clone, Debug, Default)]
struct CoordinateDescent {
    /// The layer whose turn it is.
    layer: usize,
    /// The candidate under way.
    tried: Option<CandidateId>,
    /// Layers in a row that could not be lowered.
    stuck: usize,
}

impl Strategy for CoordinateDescent {
    /// The engine opens a strategy when its turn comes, and again whenever base, pins or constraint
    /// changed under it: forget what depends on them.
    fn open(&mut self, _search: &mut Context<'_>) -> Step {
        *self = CoordinateDescent::default();
        Step::Again
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        // A candidate is under way: whatever judging it asks for comes first.
        if let Some(candidate) = self.tried {
            match search.judge(candidate, Trial::Screened) {
                Judged::Open(step) => return step,
                Judged::Passed => {
                    search.take(candidate);
                    self.stuck = 0;
                }
                Judged::Failed | Judged::Rejected => self.next_layer(),
            }
            self.tried = None;
            return Step::Again;
        }
        let layers = search.space().layers.len();
        if self.stuck == layers {
            return Step::Done;
        }
        match self.lowered(search, layers) {
            // What was pruned or is known to fail need not be tried.
            Some(allocation) if search.closed(&allocation).is_none() => {
                self.tried = Some(search.propose(allocation));
            }
            _ => self.next_layer(),
        }
        Step::Again
    }

    /// What the user prunes is not tried.
    fn pruned(&mut self, alive: &dyn Fn(CandidateId) -> bool) {
        self.tried = self.tried.filter(|candidate| alive(*candidate));
    }
}

impl CoordinateDescent {
    /// The base with one layer at its next lower bit-width; none at the smallest.
    fn lowered(&self, search: &Context<'_>, layers: usize) -> Option<Allocation> {
        let layer = self.layer % layers;
        let mut allocation = search.base()?.allocation.clone();
        let width = allocation.0.get_mut(layer)?;
        let allowed = search.domains().of(layer).iter().copied();
        *width = allowed.filter(|w| *w < *width).max()?;
        Some(allocation)
    }

    fn next_layer(&mut self) {
        self.layer += 1;
        self.stuck += 1;
    }
}

/// Six layers of different sizes, and what a search of them must meet.
fn settings() -> Settings {
    let menu: Vec<BitWidth> = [2, 3, 4, 6, 8]
        .into_iter()
        .flat_map(BitWidth::new)
        .collect();
    let layer = |i: u64| SpaceLayer {
        name: format!("block{}.layer{i}", i / 2),
        stage: "stage".into(),
        block: format!("block{}", i / 2),
        weights: 800 * (1 + i % 3),
        bytes: menu
            .iter()
            .map(|w| 100 * (1 + i % 3) * u64::from(w.bits()))
            .collect(),
        float_bytes: 3200 * (1 + i % 3),
    };
    Settings {
        name: "a synthetic landscape".into(),
        space: Space {
            layers: (0..6).map(layer).collect(),
            menu: menu.clone(),
            fixed_bytes: 100,
            ties: Vec::new(),
            sites: (0..6).map(|i| format!("site{i}")).collect(),
        },
        constraint: Constraint {
            max_accuracy_drop: AccuracyDrop::Points(1.5),
            ..Constraint::default()
        },
        search: SearchConfig::default(),
        gate: GateConfig::default(),
        pins: Vec::new(),
        target: None,
        start: None,
        calibration_images: 16,
        evidence_images: 0,
        narrower: true,
        search_images: 800,
        search_order: Default::default(),
        certify_images: 0,
        test_images: 0,
    }
}

/// Runs a search to its end and returns the result: the smallest allocation that is confirmed.
pub fn run() -> Result<Candidate, Box<dyn std::error::Error>> {
    let settings = settings();
    let mut landscape = Landscape::new(1, settings.space.layers.len(), 16, 800, 0);
    let mut engine = Engine::with_strategy(settings, Box::new(CoordinateDescent::default()))?;
    let mut events = engine.start();
    // The engine asks, the evaluator answers; every answer leads to events.
    while let Some(request) = engine.wanted(1).pop() {
        let evaluated = landscape.evaluate(&request.job, &Cancel::default(), &mut |_| {})?;
        events.extend(engine.outcome(&request.job, evaluated.0));
    }
    println!("{} events, {:?}", events.len(), engine.counters());
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
