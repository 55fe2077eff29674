//! Strategies on synthetic landscapes small enough to know the true optimum: distance in bytes, and
//! evaluations used.
//!
//! `cargo bench --no-default-features --bench strategies [-- SEEDS]` prints one Markdown table (100
//! seeds unless said otherwise); the random baseline gets as many evaluations on each landscape as
//! the strategy that it stands against. The landscapes are those of `aq4svit::evaluate::Landscape`:
//! 8 layers of five sizes, widths 2 to 8, drop = single costs + pairwise interactions +
//! non-monotone noise, measured without the luck of a sample. The optimum is the smallest
//! allocation whose true drop is within the limit, found by trying all 7^8 in the order of their
//! bytes.

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/common"]
mod common {
    pub mod driver;
    pub mod landscape;
}

use aq4svit::evaluate::Landscape;
use aq4svit::profile::{GateMode, Screen, StrategyName};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::search::Settings;
use common::driver::Driver;
use common::landscape::{self, LAYERS, MAX_DROP, width};

const IMAGES: usize = 2000;

fn settings() -> Settings {
    let mut settings = landscape::settings();
    settings.space.menu = (2..=8).map(width).collect();
    for layer in &mut settings.space.layers {
        let bytes = |w: &BitWidth| (layer.weights * u64::from(w.bits())).div_ceil(8);
        layer.bytes = settings.space.menu.iter().map(bytes).collect();
    }
    settings.search.screen = Screen::First(500);
    settings.search_images = IMAGES;
    settings.test_images = 0;
    settings
}

/// Every allocation with its bytes, smallest first, as digits in base 7.
fn ascending(settings: &Settings) -> Vec<(u64, u32)> {
    let widths = settings.space.menu.len() as u32;
    let mut all: Vec<(u64, u32)> = (0..widths.pow(LAYERS as u32))
        .map(|code| {
            let mut rest = code;
            let mut bytes = settings.space.fixed_bytes;
            for layer in &settings.space.layers {
                bytes += layer.bytes[(rest % widths) as usize];
                rest /= widths;
            }
            (bytes, code)
        })
        .collect();
    all.sort_unstable();
    all
}

/// The fewest bytes at which the true drop is within the limit.
fn optimum(settings: &Settings, all: &[(u64, u32)], seed: u64) -> u64 {
    let landscape = landscape(seed);
    let widths = settings.space.menu.len() as u32;
    let allocation = |code: u32| {
        let digit = |i: u32| (code / widths.pow(i)) % widths;
        let widths = (0..LAYERS as u32).map(|i| settings.space.menu[digit(i) as usize]);
        Allocation(widths.collect())
    };
    let mut within = all.iter();
    within
        .find(|(_, code)| landscape.drop(&allocation(*code)) <= MAX_DROP)
        .map(|(bytes, _)| *bytes)
        .expect("8 bits meet the constraint")
}

fn landscape(seed: u64) -> Landscape {
    Landscape::new(seed, LAYERS, 16, IMAGES, 0).without_sampling()
}

/// What one search came to.
struct Found {
    /// Percent above the optimum.
    above: f64,
    evaluations: u64,
    drifts: u64,
}

/// One search. Random draws until it has spent so many evaluations.
fn search(settings: Settings, seed: u64, optimum: u64) -> Found {
    let mut driver = Driver::new(settings, landscape(seed));
    driver.finish();
    let counters = driver.engine.counters();
    Found {
        above: 100.0 * (driver.incumbent().bytes as f64 / optimum as f64 - 1.0),
        evaluations: counters.evaluations,
        drifts: counters.drift_evaluations,
    }
}

fn row(name: &str, gate: GateMode, found: &[Found]) {
    let mean = |of: &dyn Fn(&Found) -> f64| found.iter().map(of).sum::<f64>() / found.len() as f64;
    println!(
        "| {name} | {} | {:.2} % | {:.1} % | {:.0} | {:.0} |",
        format!("{gate:?}").to_lowercase(),
        mean(&|f| f.above),
        found.iter().map(|f| f.above).fold(0.0, f64::max),
        mean(&|f| f.evaluations as f64),
        mean(&|f| f.drifts as f64),
    );
}

fn main() {
    let seeds: u64 = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(100);
    let base = settings();
    let all = ascending(&base);
    let optima: Vec<u64> = (0..seeds).map(|seed| optimum(&base, &all, seed)).collect();
    println!("{seeds} landscapes, {} allocations each", all.len());
    println!();
    println!(
        "| strategy | gate | bytes above the optimum: mean | worst | evaluations: mean | drifts: mean |"
    );
    println!("|---|---|--:|--:|--:|--:|");
    for gate in [GateMode::Adaptive, GateMode::Off] {
        let with = |strategy, beam_width| -> Vec<Found> {
            let mut settings = base.clone();
            settings.search.strategy = strategy;
            settings.search.beam_width = beam_width;
            settings.gate.mode = gate;
            let optima = (0..).zip(&optima);
            optima
                .map(|(seed, optimum)| search(settings.clone(), seed, *optimum))
                .collect()
        };
        // The same number of evaluations on every landscape.
        let random = |like: &[Found]| -> Vec<Found> {
            let searches = (0..).zip(&optima).zip(like);
            let same = searches.map(|((seed, optimum), like)| {
                let mut settings = base.clone();
                settings.search.strategy = StrategyName::Random;
                settings.search.draws = 5000;
                settings.search.seed = seed;
                settings.gate.mode = gate;
                settings.constraint.max_evaluations = Some(like.evaluations);
                search(settings, seed, *optimum)
            });
            same.collect()
        };
        let greedy = with(StrategyName::Greedy, 1);
        let beam = with(StrategyName::Beam, 4);
        let allocate = with(StrategyName::Allocate, 1);
        row("greedy", gate, &greedy);
        row("beam, width 2", gate, &with(StrategyName::Beam, 2));
        row("beam, width 4", gate, &beam);
        row("beam, width 8", gate, &with(StrategyName::Beam, 8));
        row("allocate", gate, &allocate);
        row(
            "random, as many evaluations as greedy",
            gate,
            &random(&greedy),
        );
        row(
            "random, as many evaluations as beam 4",
            gate,
            &random(&beam),
        );
    }
}
