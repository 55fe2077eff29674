//! Every reader of files and texts from outside, given good inputs with damage in them: an error,
//! or something that holds, never a panic. `fuzz/` gives the same readers to libFuzzer; what that
//! found is in `fuzz/findings/`, and read here as well.

use std::fs;
use std::path::Path;

use crate::common::random::Random;

#[path = "../fuzz/src/targets.rs"]
mod targets;

use targets::TARGETS;

/// Damaged inputs of each reader.
const DAMAGED: usize = 120;

/// Some bytes are others, some are gone, some are there twice.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(5) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(16)).min(bytes.len());
        match random.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            // Digits, which are often sizes.
            3 => {
                let digits = bytes[at..].iter().position(u8::is_ascii_digit);
                let digit = digits.map(|i| at + i);
                drop(digit.map(|i| bytes.splice(i..=i, *b"99999999999999999999")));
            }
            4 => bytes.insert(at, b"{}[]\",:\n\0-.e"[random.below(12)]),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = [0, 0xff, 0x80, *byte ^ 1, random.below(256) as u8][random.below(5)];
                }
            }
        }
    }
}

#[test]
fn damaged_inputs_of_every_reader_are_errors() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        let mut random = Random(0);
        let mut refused = 0;
        for i in 0..DAMAGED {
            let mut bytes = seeds[i % seeds.len()].clone();
            damage(&mut bytes, &mut random);
            let read = std::panic::catch_unwind(|| (target.read)(&bytes));
            match read {
                Ok(error) => refused += usize::from(error.is_some_and(|text| !text.is_empty())),
                Err(_) => panic!("{} panics at damaged input {i}", target.name),
            }
        }
        // Store and work log pass over what is damaged.
        assert!(
            refused > 0 || ["results_store", "work_log"].contains(&target.name),
            "{}",
            target.name
        );
    }
}

#[test]
fn good_inputs_are_read() {
    let refused = [
        ("pytorch", 4),
        ("shard_index", 1),
        ("npz", 4),
        ("cluster_message", 4),
    ];
    let mut wrong = Vec::new();
    for target in TARGETS {
        let seeds = (target.seeds)();
        let errors: Vec<String> = seeds.iter().filter_map(|s| (target.read)(s)).collect();
        let most = refused.iter().find(|(name, _)| *name == target.name);
        let most = most.map_or(0, |(_, most)| *most);
        if errors.len() > most {
            wrong.push((target.name, errors));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_fuzzing_found_is_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/findings");
    for target in TARGETS {
        for entry in fs::read_dir(folder.join(target.name)).into_iter().flatten() {
            let bytes = fs::read(entry.expect("an entry").path()).expect("a file");
            (target.read)(&bytes);
        }
    }
}
