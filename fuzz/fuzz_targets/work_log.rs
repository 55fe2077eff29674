#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("work_log"), |bytes: &[u8]| read("work_log", bytes));
