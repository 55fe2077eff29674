//! Strategies on synthetic landscapes small enough to know the true optimum: distance in bytes, and evaluations used.
//!
//! `cargo bench --no-default-features --bench strategies [-- SEEDS]` prints one table. The landscapes are those of
//! `aq4svit::evaluate::Landscape`: 8 layers of five sizes, widths 2 to 8, drop = single costs + pairwise interactions +
//! non-monotone noise, measured without the luck of a sample. The optimum is the smallest allocation whose true drop is
//! within the limit, found by trying all 7^8 in the order of their bytes.

#[path = "../tests/common/mod.rs"]
mod common;

use aq4svit::evaluate::Landscape;
use aq4svit::profile::{GateMode, Strategy};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::search::Settings;
use common::driver::Driver;
use common::{LAYERS, MAX_DROP, width};

const IMAGES: usize = 2000;

fn settings() -> Settings {
    let mut settings = common::settings();
    settings.space.menu = (2..=8).map(width).collect();
    for layer in &mut settings.space.layers {
        let bytes = |w: &BitWidth| (layer.weights * u64::from(w.bits())).div_ceil(8);
        layer.bytes = settings.space.menu.iter().map(bytes).collect();
    }
    settings.search.screen = 500;
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

fn main() {
    let seeds: u64 = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(20);
    let base = settings();
    let all = ascending(&base);
    let optima: Vec<u64> = (0..seeds).map(|seed| optimum(&base, &all, seed)).collect();
    println!("{seeds} landscapes, {} allocations each", all.len());
    println!(
        "| strategy | gate | bytes above the optimum: mean | worst | evaluations: mean | drifts: mean |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, strategy, beam_width) in [
        ("greedy", Strategy::Greedy, 1),
        ("beam 2", Strategy::Beam, 2),
        ("beam 4", Strategy::Beam, 4),
        ("allocate", Strategy::Allocate, 1),
        ("beam 8", Strategy::Beam, 8),
    ] {
        for gate in [GateMode::Adaptive, GateMode::Off] {
            let (mut above, mut evaluations, mut drifts) = (Vec::new(), 0, 0);
            for (seed, optimum) in optima.iter().enumerate() {
                let mut settings = base.clone();
                settings.search.strategy = strategy;
                settings.search.beam_width = beam_width;
                settings.gate.mode = gate;
                let mut driver = Driver::new(settings, landscape(seed as u64));
                driver.finish();
                above.push(100.0 * (driver.incumbent().bytes as f64 / *optimum as f64 - 1.0));
                evaluations += driver.engine.counters().evaluations;
                drifts += driver.engine.counters().drift_evaluations;
            }
            let n = seeds as f64;
            println!(
                "| {name} | {gate:?} | {:.1} % | {:.1} % | {:.0} | {:.0} |",
                above.iter().sum::<f64>() / n,
                above.iter().copied().fold(0.0, f64::max),
                evaluations as f64 / n,
                drifts as f64 / n,
            );
        }
    }
}
