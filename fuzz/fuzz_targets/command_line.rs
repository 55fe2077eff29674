#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("command_line"), |bytes: &[u8]| read("command_line", bytes));
