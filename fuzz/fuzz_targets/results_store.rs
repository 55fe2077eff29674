#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("results_store"), |bytes: &[u8]| read("results_store", bytes));
