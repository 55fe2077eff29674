//! Results with and without a certificate on resampled images: how often the drop exceeds the
//! limit, and what a certificate costs in bytes.
//!
//! `cargo bench --no-default-features --bench certificate [-- REPEATS]` prints one Markdown table
//! (500 repeats unless said otherwise). The population is a set of stored images: of each of some
//! allocations of the demo network it is known which of them are classified correctly. A repeat
//! draws a search split of 1,700 and a certify split of 2,700 images from it with replacement, has
//! the engine try the allocations from the largest down and certify its result, and compares the
//! drop of incumbent and result over the whole population with the limit.
//!
//! `-- --record RUN` writes the stored bits from the journal of a run.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use aq4svit::evaluate::{
    Cancel, CorrectBits, EvaluateError, Evaluator, Job, Outcome, PairedDrop, Progress, Question,
    Split, Statistics, Work,
};
use aq4svit::journal::Journal;
use aq4svit::profile::{
    AccuracyDrop, Constraint, GateConfig, GateMode, Profile, SHIPPED, Screen, Screening,
    SearchConfig,
};
use aq4svit::quant::{Allocation, BitWidth, MemoryModel};
use aq4svit::search::{
    CandidateId, Context, Engine, Event, Judged, Settings, Space, Step, Strategy, Tree, Trial,
};

type Failure = Box<dyn std::error::Error>;

const LIMIT: f64 = 1.5;
const SEARCH: usize = 1700;
const CERTIFY: usize = 2700;
/// The shortest results that are recorded, as a share of the split: a screening ends once its
/// verdict is certain.
const RECORDED: f64 = 0.9;

fn stored() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/data/correct-bits.txt")
}

/// Which images the float network and each allocation classify correctly.
struct Population {
    float: Vec<bool>,
    allocations: HashMap<Allocation, Vec<bool>>,
}

impl Population {
    /// Reads the stored bits: a line for each allocation, its bit-widths and its results.
    fn read() -> Result<Self, Failure> {
        let text = std::fs::read_to_string(stored())?;
        let mut float = Vec::new();
        let mut allocations = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, bits) = line.split_once(' ').ok_or("a name and bits")?;
            let bits: CorrectBits = serde_json::from_value(bits.into())?;
            let bits: Vec<bool> = bits.iter().collect();
            if name == "float" {
                float = bits;
                continue;
            }
            let widths: Result<Vec<BitWidth>, Failure> = name
                .split(',')
                .map(|width| Ok(BitWidth::new(width.parse()?)?))
                .collect();
            allocations.insert(Allocation(widths?), bits);
        }
        Ok(Population { float, allocations })
    }

    /// The results of an allocation on some of the images; wrong everywhere where it is not stored.
    fn of(&self, allocation: &Allocation, images: &[usize]) -> CorrectBits {
        let bits = match allocation.is_float() {
            true => Some(&self.float),
            false => self.allocations.get(allocation),
        };
        let right = |image: &usize| bits.is_some_and(|bits| bits[*image]);
        images.iter().map(right).collect()
    }

    /// The drop over all images, in points.
    fn drop(&self, allocation: &Allocation) -> f64 {
        let all: Vec<usize> = (0..self.float.len()).collect();
        let float: CorrectBits = self.float.iter().copied().collect();
        PairedDrop::of(&float, &self.of(allocation, &all)).points()
    }
}

/// Answers from stored bits on one draw of images.
struct Drawn<'a> {
    population: &'a Population,
    search: Vec<usize>,
    certify: Vec<usize>,
}

impl Evaluator for Drawn<'_> {
    fn evaluate(
        &mut self,
        job: &Job,
        _cancel: &Cancel,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        let outcome = match &job.question {
            Question::Statistics { .. } => Outcome::Statistics(Statistics::default()),
            Question::LayerErrors => Outcome::LayerErrors {
                errors: vec![0.0; job.allocation.len()],
            },
            Question::Drift { .. } => Outcome::Drift {
                drift: 0.0,
                sites: Vec::new(),
                proxies: None,
            },
            Question::Accuracy {
                split,
                from,
                to,
                stop,
            } => {
                let images = match split {
                    Split::Certify => &self.certify,
                    _ => &self.search,
                };
                let mut correct = self.population.of(&job.allocation, &images[*from..*to]);
                if let Some(decided) = stop.as_ref().and_then(|stop| stop.decided(&correct)) {
                    correct.truncate(decided.images);
                }
                Outcome::Accuracy { correct }
            }
        };
        Ok((outcome, Work::default()))
    }

    fn numerics(&self) -> String {
        String::from("stored bits")
    }
}

/// Tries given allocations in turn, each on the whole search split.
#[derive(Clone, Debug)]
struct Listed {
    left: Vec<Allocation>,
    tried: Option<CandidateId>,
}

impl Strategy for Listed {
    fn open(&mut self, _search: &mut Context<'_>) -> Step {
        Step::Again
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        if let Some(candidate) = self.tried {
            match search.judge(candidate, Trial::Whole) {
                Judged::Open(step) => return step,
                Judged::Passed => search.take_smaller(candidate),
                Judged::Failed | Judged::Rejected => {}
            }
        }
        self.tried = self.left.pop().map(|next| search.propose(next));
        match self.tried {
            Some(_) => Step::Again,
            None => Step::Done,
        }
    }
}

fn settings() -> Result<Settings, Failure> {
    let profile = Profile::parse(SHIPPED[0].1, "demo.toml".as_ref())?;
    let graph = profile.graph();
    let memory = MemoryModel::of(&graph, profile.scheme.affine);
    Ok(Settings {
        name: profile.name.clone(),
        space: Space::of(&graph, &memory, &profile.menu, Vec::new()),
        constraint: Constraint {
            max_accuracy_drop: AccuracyDrop::Points(LIMIT),
            confidence: Some(0.95),
            ..Constraint::default()
        },
        search: SearchConfig {
            screen: Screen::First(500),
            screening: Screening::Exact,
            ..profile.search.clone()
        },
        gate: GateConfig {
            mode: GateMode::Off,
            ..profile.gate
        },
        pins: Vec::new(),
        target: None,
        start: None,
        calibration_images: 64,
        evidence_images: 0,
        narrower: true,
        search_images: SEARCH,
        search_order: Default::default(),
        certify_images: CERTIFY,
        test_images: 0,
    })
}

/// A stream of numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }

    fn images(&mut self, count: usize, of: usize) -> Vec<usize> {
        (0..count).map(|_| self.below(of)).collect()
    }
}

/// Runs one search on a draw of images; the state at its end.
fn search(settings: &Settings, drawn: &mut Drawn<'_>) -> Result<Tree, Failure> {
    let mut left: Vec<Allocation> = drawn.population.allocations.keys().cloned().collect();
    left.sort_by_key(|a| (settings.space.bytes(a), a.bytes()));
    let strategy = Listed { left, tried: None };
    let mut engine = Engine::with_strategy(settings.clone(), Box::new(strategy))?;
    engine.start();
    while let Some(request) = engine.wanted(1).pop() {
        let (outcome, _) = drawn.evaluate(&request.job, &Cancel::default(), &mut |_| ())?;
        engine.outcome(&request.job, outcome);
    }
    Ok(engine.tree().clone())
}

/// What some results came to.
#[derive(Default)]
struct Tally {
    results: usize,
    exceeding: usize,
    bytes: u64,
    drop: f64,
}

impl Tally {
    fn add(&mut self, bytes: u64, drop: f64) {
        self.results += 1;
        self.exceeding += usize::from(drop > LIMIT);
        self.bytes += bytes;
        self.drop += drop;
    }

    fn row(&self, name: &str, repeats: usize) -> String {
        let n = self.results.max(1);
        format!(
            "| {name} | {:.1} % | {} | {} | {:.2} |",
            100.0 * self.exceeding as f64 / repeats.max(1) as f64,
            repeats - self.results,
            self.bytes / n as u64,
            self.drop / n as f64
        )
    }
}

fn simulate(repeats: usize) -> Result<(), Failure> {
    let population = Population::read()?;
    let settings = settings()?;
    let images = population.float.len();
    let mut random = Random(0);
    let (mut incumbents, mut certified, mut rungs) = (Tally::default(), Tally::default(), 0);
    for _ in 0..repeats {
        let mut drawn = Drawn {
            population: &population,
            search: random.images(SEARCH, images),
            certify: random.images(CERTIFY, images),
        };
        let tree = search(&settings, &mut drawn)?;
        if let Some(best) = tree.best() {
            incumbents.add(best.bytes, population.drop(&best.allocation));
        }
        if let Some(result) = tree.result() {
            certified.add(result.bytes, population.drop(&result.allocation));
        }
        rungs += tree.certification.ladder().map_or(0, |l| l.tests.len());
    }
    println!(
        "{repeats} repeats, {} allocations, {images} images; limit {LIMIT} points, {SEARCH} images of search and {CERTIFY} \
         of certificate; {:.1} rungs tested on average\n",
        population.allocations.len(),
        rungs as f64 / repeats.max(1) as f64
    );
    println!("| result | exceeds the limit | none | mean bytes | mean drop |");
    println!("|---|--:|--:|--:|--:|");
    println!("{}", incumbents.row("without certificate", repeats));
    println!("{}", certified.row("with certificate, 95 %", repeats));
    Ok(())
}

/// Writes what a run's journal holds of allocations that were evaluated on nearly all images.
fn record(run: &Path) -> Result<(), Failure> {
    let journal = Journal::read(run)?;
    let mut tree = Tree::default();
    let mut bits: Vec<(Allocation, CorrectBits)> = Vec::new();
    for entry in &journal.entries {
        tree.apply(&entry.event);
        if let Event::Screened { candidate, .. } | Event::Confirmed { candidate, .. } = &entry.event
            && let Some(candidate) = tree.get(*candidate)
        {
            bits.retain(|(allocation, _)| *allocation != candidate.allocation);
            bits.push((candidate.allocation.clone(), candidate.bits.clone()));
        }
    }
    bits.retain(|(_, bits)| bits.len() as f64 >= RECORDED * tree.float.len() as f64);
    let images = bits.iter().map(|(_, bits)| bits.len()).min().unwrap_or(0);
    let line = |name: &str, bits: &CorrectBits| -> Result<String, Failure> {
        let bits = serde_json::to_value(bits.slice(0, images))?;
        Ok(format!("{name} {}\n", bits.as_str().ok_or("text")?))
    };
    let mut text = String::from(
        "# Which images are classified correctly: the float network, then allocations of the demo network.\n",
    );
    text += &line("float", &tree.float)?;
    for (allocation, bits) in &bits {
        let mut widths = String::new();
        for width in &allocation.0 {
            let comma = if widths.is_empty() { "" } else { "," };
            write!(widths, "{comma}{width}")?;
        }
        text += &line(&widths, bits)?;
    }
    std::fs::write(stored(), text)?;
    println!("{} allocations, {images} images", bits.len());
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--record", run] => record(Path::new(run)),
        [repeats] => simulate(repeats.parse()?),
        _ => simulate(500),
    }
}
