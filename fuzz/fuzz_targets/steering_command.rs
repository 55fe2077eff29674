#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("steering_command"), |bytes: &[u8]| read("steering_command", bytes));
