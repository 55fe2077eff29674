#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("shard_index"), |bytes: &[u8]| read("shard_index", bytes));
