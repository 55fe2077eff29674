//! The number of workers changes no decision.

use aq4svit::cluster::Status;

use super::field::{Field, finished};

#[test]
fn the_journal_is_the_same_with_0_1_and_3_workers() {
    for count in [1, 3] {
        // A server of its own: answers that one keeps from before are not asked for again.
        let Some(field) = Field::start() else { return };
        let alone = field.alone(&[]);
        assert!(alone.len() > 30, "{} events", alone.len());
        let _workers: Vec<_> = (0..count).map(|_| field.worker("seed=7,ms=10")).collect();
        field.wait("all workers", || field.status().workers.len() == count);
        finished(field.search("run", &[]));
        assert_eq!(field.journal("run"), alone, "{count} workers");
        let status = field.status();
        let busy = status.workers.iter().filter(|w| w.answered > 0).count();
        assert!(busy >= count.min(2), "{:?}", status.workers);
        assert!(status.troubles.is_empty() && status.searches.is_empty());
        // The same search again takes what the server has kept: the same, with nothing computed.
        let answered = |s: &Status| s.workers.iter().map(|w| w.answered).sum::<u64>();
        finished(field.search("again", &[]));
        assert_eq!(field.journal("again"), alone);
        // (Several workers are given what is not asked for in the end, now this and now that.)
        if count == 1 {
            assert_eq!(answered(&field.status()), answered(&status));
        }
    }
}

/// What is computed on a guess changes no decision.
#[test]
fn the_journal_is_the_same_with_speculation() {
    let Some(field) = Field::start() else { return };
    let workers: Vec<_> = (0..4).map(|_| field.worker("seed=7,ms=10")).collect();
    field.wait("all workers", || {
        field.status().workers.len() == workers.len()
    });
    finished(field.search("run", &["--speculate", "4"]));
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn a_search_waits_for_the_first_worker() {
    let Some(field) = Field::start() else { return };
    let search = field.search("run", &[]);
    field.wait("the search", || !field.status().searches.is_empty());
    let _worker = field.worker("seed=7");
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn searches_share_workers_without_mixing() {
    let Some(field) = Field::start() else { return };
    let _workers = [field.worker("seed=7,ms=2"), field.worker("seed=7,ms=2")];
    // The second one is about other images, the third about the same as the first.
    let other = ["--set", "data.search=120", "--set", "search.screen=60"];
    let searches = [
        field.search("one", &[]),
        field.search("other", &other),
        field.search("again", &["--seed", "5"]),
    ];
    for search in searches {
        finished(search);
    }
    assert_eq!(field.journal("one"), field.alone(&[]));
    std::fs::remove_dir_all(field.demo.path("alone")).unwrap();
    assert_eq!(field.journal("other"), field.alone(&other));
    std::fs::remove_dir_all(field.demo.path("alone")).unwrap();
    assert_eq!(field.journal("again"), field.alone(&["--seed", "5"]));
}

#[test]
fn workers_that_compute_otherwise_get_no_jobs() {
    let Some(field) = Field::start() else { return };
    // Two of one kind weigh more than one of the other.
    let _workers = [
        field.worker("seed=7,ms=2,numerics=avx2"),
        field.worker("seed=7,ms=2,numerics=avx2"),
        field.worker("seed=8,ms=2,numerics=avx512"),
    ];
    field.wait("three workers", || field.status().workers.len() == 3);
    finished(field.search("run", &[]));
    assert_eq!(field.journal("run"), field.alone(&[]));
    let status = field.status();
    let numerics = |w: &aq4svit::cluster::Presence| format!("{:?}", w.contexts);
    for worker in &status.workers {
        let other = numerics(worker).contains("avx512");
        assert_eq!(worker.answered == 0, other, "{worker:?}");
    }
}

#[test]
fn a_run_goes_on_with_its_own_arithmetic_only() {
    let Some(field) = Field::start() else { return };
    let first = field.worker("seed=7,ms=10,numerics=avx2");
    let search = field.search_in_the_middle("run", 12);
    search.kill();
    first.kill();
    let _other = field.worker("seed=7,numerics=avx512");
    let resume = ["resume", "run", "--json", "--cluster", "cluster.toml"];
    let mut resumed = field.spawn(&resume, "");
    field.wait("the other worker", || {
        format!("{:?}", field.status().workers).contains("avx512")
    });
    // After three seconds it says what it waits for.
    std::thread::sleep(std::time::Duration::from_millis(3500));
    assert!(!resumed.has_ended());
    let _same = field.worker("seed=7,numerics=avx2");
    let said = finished(resumed);
    assert!(said.contains("decisions would depend on it"), "{said}");
    assert_eq!(field.journal("run"), field.alone(&[]));
}
