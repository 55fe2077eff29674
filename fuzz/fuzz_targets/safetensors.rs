#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("safetensors"), |bytes: &[u8]| read("safetensors", bytes));
