//! How long the interface takes: a frame of every view on a tree of 10,000 nodes, and folding
//! events in.
//!
//! `cargo bench --no-default-features --bench interface` prints one table. A frame at 160x48 has to
//! take less than 8 ms: thirty of them a second then leave three quarters of one core to the
//! search.

#[allow(clippy::unwrap_used, reason = "as in the tests")]
#[path = "../tests/common"]
mod common {
    pub mod network;
}
#[allow(dead_code, clippy::unwrap_used, reason = "as in the tests")]
#[path = "../tests/tui/story.rs"]
mod story;

use std::time::{Duration, Instant};

use aq4svit::evaluate::{CorrectBits, Verdict};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::run::Update;
use aq4svit::search::{CandidateId, Event, Group, Judgement, Move, Origin};
use aq4svit::tui::model::{Model, View};
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{Action, update, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use story::{Story, demo_settings};

const NODES: u32 = 10_000;

/// Every node proposed, measured and screened; seven children each.
fn journal() -> (Vec<Update>, usize) {
    let settings = demo_settings();
    let (layers, sites) = (settings.space.layers.len(), settings.space.sites.len() + 1);
    let names: Vec<String> = settings
        .space
        .layers
        .iter()
        .map(|l| l.name.clone())
        .collect();
    let mut story = Story::new(settings);
    let mut events: Vec<Event> = story.engine.start().into_iter().take(1).collect();
    for n in 0..NODES {
        let candidate = CandidateId(n);
        let bits = BitWidth::new(2 + (n % 5) as u8).expect("a width");
        let lost = (n % 40) as usize;
        events.push(Event::Proposed {
            candidate,
            parent: n.checked_sub(1).map(|above| CandidateId(above / 7)),
            change: Some(Move {
                group: Group::Layer(names[n as usize % layers].clone()),
                bits,
            }),
            origin: Origin::Search,
            allocation: Allocation::uniform(layers, bits),
            bytes: 200_000 - u64::from(n) * 7,
        });
        events.push(Event::Measured {
            candidate,
            drift: 0.01 + f64::from(n % 100) / 200.0,
            added: 0.01,
            sites: vec![0.1; sites],
            proxies: None,
            cached: false,
        });
        events.push(Event::Screened {
            candidate,
            judgement: Judgement {
                verdict: if lost < 8 {
                    Verdict::Met
                } else {
                    Verdict::NotMet
                },
                images: 500,
                of: 500,
                correct: 440 - lost,
                float_correct: 440,
                allowed_loss: 7,
                expected_loss: None,
                cached: false,
                sequential: false,
            },
            bits: CorrectBits::new(),
        });
    }
    let count = events.len();
    (story.entries(events), count)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn frames(model: &mut Model, name: &str) {
    let mut terminal = Terminal::new(TestBackend::new(160, 48)).expect("a screen");
    let mut draw = || {
        let begin = Instant::now();
        terminal.draw(|frame| view(model, frame)).expect("a frame");
        begin.elapsed()
    };
    let first = draw();
    let times = (0..50).map(|_| draw()).collect();
    println!(
        "{name:<28} {:>9.3} ms  {:>9.3} ms",
        median(times),
        first.as_secs_f64() * 1e3
    );
}

fn main() {
    let (updates, count) = journal();
    let mut model = story::model(Theme::colour(), (160, 48));
    let begin = Instant::now();
    for burst in updates.chunks(2_000) {
        update(&mut model, Action::Updates(burst.to_vec()));
    }
    let all = begin.elapsed();
    println!(
        "{:<28} {:>12}  {:>12}",
        "frame at 160x48", "median", "first"
    );
    for (name, action) in [
        ("search", Action::View(View::Search)),
        ("allocation", Action::View(View::Allocation)),
        ("gate", Action::View(View::Gate)),
        ("front", Action::View(View::Front)),
        ("membranes", Action::View(View::Membranes)),
        ("run", Action::View(View::Run)),
    ] {
        update(&mut model, action);
        frames(&mut model, name);
    }
    update(&mut model, Action::View(View::Search));
    update(&mut model, Action::Top);
    let keys: Vec<Duration> = (0..200)
        .map(|_| {
            let begin = Instant::now();
            update(&mut model, Action::Down);
            begin.elapsed()
        })
        .collect();
    println!("{:<28} {:>9.3} ms", "a key", median(keys));
    let one: Vec<Duration> = (0..200)
        .map(|i| {
            let event = Event::IncumbentChanged {
                candidate: Some(CandidateId(i)),
            };
            let mut story = Story::new(demo_settings());
            let update_ = story.entries(vec![event]);
            let begin = Instant::now();
            update(&mut model, Action::Updates(update_));
            begin.elapsed()
        })
        .collect();
    println!("{:<28} {:>9.3} ms", "an event alone", median(one));
    let each = all.as_secs_f64() * 1e6 / count as f64;
    println!("{:<28} {:>9.3} us of {count}", "an event of a burst", each);
}
