#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("profile"), |bytes: &[u8]| read("profile", bytes));
