#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("quantized_file"), |bytes: &[u8]| read("quantized_file", bytes));
