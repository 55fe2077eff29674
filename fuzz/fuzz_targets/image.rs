#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("image"), |bytes: &[u8]| read("image", bytes));
