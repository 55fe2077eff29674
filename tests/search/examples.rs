//! The examples run: what is defined outside the crate searches like the crate's own.

#[path = "../../examples/own_evaluator.rs"]
#[allow(dead_code, reason = "its main")]
mod own_evaluator;
#[path = "../../examples/own_strategy.rs"]
#[allow(dead_code, reason = "its main")]
mod own_strategy;

use aq4svit::search::State;

#[test]
fn a_strategy_from_outside_finds_a_smaller_allocation_that_is_confirmed() {
    let result = own_strategy::run().expect("a result");
    assert_eq!(result.state(), State::Confirmed);
    // Every layer at 6 bits takes 7,300 bytes.
    assert!(result.bytes < 7_300, "{} bytes", result.bytes);
}

#[test]
fn an_evaluator_from_outside_decides_the_search() {
    let result = own_evaluator::run().expect("a result");
    let bits: Vec<u8> = result.allocation.0.iter().map(|w| w.bits()).collect();
    assert_eq!(result.state(), State::Confirmed);
    assert!(bits[0] <= bits[1] && bits[1] <= bits[2], "{bits:?}");
}
