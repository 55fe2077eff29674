//! What the targets of libFuzzer share.

mod targets;

use std::fs;
use std::path::Path;

pub use targets::{TARGETS, Target};

/// The target of that name, once its good inputs are in its corpus, where libFuzzer looks for them.
pub fn begin(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("a target");
    fs::create_dir_all(&folder).expect("a folder");
    for (i, seed) in (target.seeds)().into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{i}")), seed).expect("space");
    }
}

/// Reads with the target of that name.
pub fn read(name: &str, bytes: &[u8]) {
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("a target");
    (target.read)(bytes);
}
