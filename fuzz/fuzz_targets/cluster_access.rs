#![no_main]

use aq4svit_fuzz::{begin, read};

libfuzzer_sys::fuzz_target!(init: begin("cluster_access"), |bytes: &[u8]| read("cluster_access", bytes));
