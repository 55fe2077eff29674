#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("tensor_images"), |bytes: &[u8]| read("tensor_images", bytes));
