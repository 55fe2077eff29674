#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("npz"), |bytes: &[u8]| read("npz", bytes));
