#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("hardware_target"), |bytes: &[u8]| read("hardware_target", bytes));
