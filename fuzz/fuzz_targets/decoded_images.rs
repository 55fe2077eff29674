#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("decoded_images"), |bytes: &[u8]| read("decoded_images", bytes));
