//! What fails in the middle of a search costs time and nothing else.

use super::field::{Field, finished};

const SLOW: &str = "seed=7,ms=10";

#[test]
fn a_worker_that_is_killed_costs_only_time() {
    let Some(field) = Field::start() else { return };
    let victim = field.worker(SLOW);
    let _other = field.worker(SLOW);
    let search = field.search_in_the_middle("run", 10);
    victim.kill();
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn the_only_worker_killed_and_another_one_later() {
    let Some(field) = Field::start() else { return };
    let victim = field.worker(SLOW);
    let search = field.search_in_the_middle("run", 10);
    victim.kill();
    let _other = field.worker(SLOW);
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn a_worker_whose_process_hangs_loses_its_job_to_another() {
    let Some(field) = Field::start() else { return };
    let mut victim = field.worker(SLOW);
    let search = field.search_in_the_middle("run", 6);
    victim.signal("STOP");
    let _other = field.worker(SLOW);
    finished(search);
    // What it does late is harmless.
    victim.signal("CONT");
    assert_eq!(field.journal("run"), field.alone(&[]));
    assert!(field.status().troubles.is_empty());
}

#[test]
fn an_evaluation_that_hangs_is_noticed_by_its_worker() {
    let Some(field) = Field::start() else { return };
    let mut victim = field.worker_with("seed=7,ms=5,hang=8", &["--stall", "1s"]);
    let search = field.search("run", &[]);
    field.wait("the end of the worker", || victim.has_ended());
    assert!(
        field.errors().contains("taken for hung"),
        "{}",
        field.errors()
    );
    let _other = field.worker(SLOW);
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn a_job_that_fails_is_tried_again() {
    let Some(field) = Field::start() else { return };
    let _worker = field.worker("seed=7,fail=5");
    let said = finished(field.search("run", &[]));
    assert!(said.contains("a fault on demand"), "{said}");
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn a_server_that_restarts_in_the_middle_loses_nothing() {
    let Some(mut field) = Field::start() else {
        return;
    };
    let _workers = [field.worker(SLOW), field.worker(SLOW)];
    let search = field.search_in_the_middle("run", 10);
    field.down();
    field.up();
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
}

/// A search whose server is gone for so many seconds in its middle.
fn server_gone_for(seconds: u64) {
    let Some(mut field) = Field::start() else {
        return;
    };
    let _worker = field.worker(SLOW);
    let mut search = field.search_in_the_middle("run", 10);
    field.down();
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    assert!(!search.has_ended());
    field.up();
    let said = finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
    // Once the workers have not been heard for long, it is said who does not answer.
    let is_said = said.contains("does not answer; the search waits");
    assert!(is_said || seconds < 30, "{said}");
}

#[test]
fn a_server_that_is_gone_for_a_while_is_waited_for() {
    server_gone_for(4);
}

#[test]
#[ignore = "takes more than a minute: make test-long"]
fn a_server_that_is_gone_for_a_minute_is_waited_for() {
    server_gone_for(61);
}

#[test]
fn a_server_that_forgets_everything_is_told_again() {
    let Some(mut field) = Field::start() else {
        return;
    };
    let _worker = field.worker(SLOW);
    let search = field.search_in_the_middle("run", 10);
    field.lose_everything();
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn a_search_that_is_killed_goes_on_with_what_arrived_meanwhile() {
    let Some(field) = Field::start() else { return };
    let _worker = field.worker(SLOW);
    let search = field.search_in_the_middle("run", 10);
    search.kill();
    finished(field.spawn(
        &["resume", "run", "--json", "--cluster", "cluster.toml"],
        "",
    ));
    assert_eq!(field.journal("run"), field.alone(&[]));
}

#[test]
fn a_worker_hands_its_job_back_when_its_time_is_over() {
    let Some(field) = Field::start() else { return };
    let mut brief = field.worker_with("seed=7,ms=30", &["--time-limit", "2s"]);
    let search = field.search("run", &[]);
    field.wait("the end of the worker", || brief.has_ended());
    assert_eq!(brief.output().status.code(), Some(0), "{}", field.errors());
    let _other = field.worker("seed=7");
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
}
