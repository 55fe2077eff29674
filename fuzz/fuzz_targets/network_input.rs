#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("network_input"), |bytes: &[u8]| read("network_input", bytes));
