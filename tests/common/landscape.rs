//! A small synthetic network, its settings and its evaluator.

use aq4svit::evaluate::Landscape;
use aq4svit::profile::{
    AccuracyDrop, Constraint, GateConfig, GateMode, Level, Screen, Screening, SearchConfig,
    StrategyName,
};
use aq4svit::quant::BitWidth;
use aq4svit::search::{Settings, Space, SpaceLayer};

/// Layers of the synthetic network.
pub const LAYERS: usize = 8;

/// The largest accuracy drop of [`settings`], in points.
pub const MAX_DROP: f64 = 1.5;

/// A width that exists.
pub fn width(bits: u8) -> BitWidth {
    BitWidth::new(bits).expect("a width")
}

/// Settings of a search on the synthetic network.
pub fn settings() -> Settings {
    let menu: Vec<BitWidth> = [2, 3, 4, 6, 8].map(width).to_vec();
    let layer = |i: usize| {
        let weights = 400 * (1 + (i as u64 * 7) % 5);
        SpaceLayer {
            name: format!("stage{}.{}.layer{i}", i / 4, i / 2),
            stage: format!("stage{}", i / 4),
            block: format!("stage{}.{}", i / 4, i / 2),
            weights,
            bytes: menu
                .iter()
                .map(|w| (weights * u64::from(w.bits())).div_ceil(8))
                .collect(),
            float_bytes: weights * 4,
        }
    };
    Settings {
        name: "landscape".into(),
        space: Space {
            layers: (0..LAYERS).map(layer).collect(),
            menu,
            fixed_bytes: 100,
            ties: Vec::new(),
            sites: (0..LAYERS).map(|i| format!("site{i}")).collect(),
        },
        constraint: Constraint {
            max_accuracy_drop: AccuracyDrop::Points(MAX_DROP),
            ..Constraint::default()
        },
        search: SearchConfig {
            strategy: StrategyName::Greedy,
            levels: vec![Level::Network, Level::Stage, Level::Block, Level::Layer],
            screen: Screen::First(200),
            screening: Screening::Exact,
            ..SearchConfig::default()
        },
        gate: GateConfig {
            mode: GateMode::Drift,
            ..GateConfig::default()
        },
        pins: Vec::new(),
        target: None,
        start: None,
        calibration_images: 16,
        evidence_images: 0,
        narrower: true,
        search_images: 800,
        search_order: Default::default(),
        certify_images: 0,
        test_images: 300,
    }
}

/// Settings whose result is certified with 95 % confidence on so many images; as they are for none.
pub fn certified(settings: Settings, images: usize) -> Settings {
    Settings {
        constraint: Constraint {
            confidence: (images > 0).then_some(0.95),
            ..settings.constraint
        },
        certify_images: images,
        ..settings
    }
}

/// Every strategy.
pub const STRATEGIES: [StrategyName; 6] = [
    StrategyName::Front,
    StrategyName::Greedy,
    StrategyName::Beam,
    StrategyName::Allocate,
    StrategyName::Exhaustive,
    StrategyName::Random,
];

/// [`settings`] for a strategy, with a space small enough for it.
pub fn settings_for(strategy: StrategyName) -> Settings {
    let mut settings = settings();
    settings.search.strategy = strategy;
    settings.search.beam_width = 3;
    settings.search.draws = 40;
    if strategy == StrategyName::Front {
        settings.search.screening = Screening::TwoSided;
        settings.gate.mode = GateMode::Adaptive;
    }
    if strategy == StrategyName::Exhaustive {
        settings.search.levels.truncate(3);
    }
    settings
}

/// Its evaluator.
pub fn landscape(seed: u64) -> Landscape {
    Landscape::new(seed, LAYERS, 16, 800, 300)
}
