//! A day of events leaves the interface as large as an hour of them.

use aq4svit::evaluate::Progress;
use aq4svit::run::{Totals, Update};
use aq4svit::search::{CandidateId, Event};
use aq4svit::tui::{Action, update};

use super::story::Play;
use crate::common::alone::{alone, resident};

#[test]
fn memory_stays_flat_over_a_million_events() {
    alone(
        module_path!(),
        "memory_stays_flat_over_a_million_events",
        a_million_events,
    );
}

fn a_million_events() {
    let mut play = Play::new((120, 40));
    play.jobs(40);
    let nodes = play.model.tree.candidates.len() as u32;
    let sites = play
        .model
        .tree
        .get(CandidateId(0))
        .expect("the start")
        .site_drift
        .clone();
    let gate = play
        .model
        .tree
        .candidates
        .iter()
        .find_map(|c| c.gate)
        .expect("a decision");
    let mut after = Vec::new();
    for round in 0..500u32 {
        // Two thousand events at once: what a replayed journal brings.
        let events = (0..2_000u32).map(|i| {
            let candidate = CandidateId((round + i) % nodes);
            match i % 3 {
                0 => Event::Measured {
                    candidate,
                    drift: 0.1,
                    added: 0.01,
                    sites: sites.clone(),
                    proxies: None,
                    cached: false,
                },
                1 => Event::Gated {
                    candidate,
                    reason: gate,
                },
                _ => Event::IncumbentChanged {
                    candidate: Some(candidate),
                },
            }
        });
        let mut updates = play.story.entries(events.collect());
        updates.push(Update::Progress(Progress {
            done: 1,
            total: 2,
            correct: 1,
            preparing: false,
        }));
        updates.push(Update::Totals(Totals::default()));
        update(&mut play.model, Action::Updates(updates));
        if round % 100 == 99 {
            after.push(resident());
        }
    }
    assert_eq!(play.model.tree.candidates.len() as u32, nodes);
    assert_eq!(play.model.log.len(), 5_000);
    assert_eq!(play.model.gate.decisions.len(), 5_000);
    let grown = after[4].saturating_sub(after[0]);
    assert!(
        grown < 4 << 20,
        "{grown} bytes more after 800,000 more events: {after:?}"
    );
}
