//! Archives that lie about their files.

use aq4svit::checkpoint;

use super::hostile::{error, refused};
use super::pickles::{Pickle, all, archive, f32s, modern, one_tensor};

#[test]
fn archives_that_lie_are_refused() {
    let pickle = one_tensor("FloatStorage", "0", 4, all(&[4]));
    let good = modern(&pickle, &[("0", &f32s(&[0.5; 4]))]);
    checkpoint::from_bytes(&good, "x").unwrap();
    // Other numbers than those the checksum is of.
    let at = good
        .windows(4)
        .position(|w| w == 0.5f32.to_le_bytes())
        .unwrap();
    let mut changed = good.clone();
    changed[at] ^= 1;
    refused(&changed, "a checksum of its numbers is wrong (w)");
    let at = good.windows(5).position(|w| w == b"model").unwrap();
    let mut changed = good.clone();
    changed[at + 10] ^= 0x40;
    error(&changed);
    for end in 4..good.len() {
        error(&good[..end]);
    }
    refused(&archive(&[("a/b", b"c")]), "a zip archive without data.pkl");
    refused(
        b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "without data.pkl",
    );
    // Lengths in the table of files, wherever they are: longer, shorter, beyond the end.
    let table = good.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for at in table..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = good.clone();
            changed[at] = value;
            if let Ok(dict) = checkpoint::from_bytes(&changed, "changed") {
                let values = dict.get("w").map(|t| t.values.clone());
                assert_eq!(values, Some(vec![0.5; 4]), "byte {at} = {value}");
            }
        }
    }
}

/// The table's entry of a file: where it begins.
fn entry_of(zip: &[u8], name: &str) -> usize {
    let mut entries = (0..zip.len()).filter(|at| zip[*at..].starts_with(b"PK\x01\x02"));
    entries
        .find(|at| zip[at + 46..].starts_with(name.as_bytes()))
        .unwrap()
}

#[test]
fn files_that_overlap_do_not_add_up() {
    // A hundred storages at one place: a small file of 400 KiB of numbers, and of as much as one
    // likes.
    let numbers = f32s(&[0.5; 1024]);
    let mut pickle = Pickle::new().raw(b"}(");
    for i in 100..200 {
        let key = i.to_string();
        pickle = pickle
            .text(&key)
            .tensor("FloatStorage", &key, 1024, all(&[1024]));
    }
    let pickle = pickle.raw(b"u").stop();
    let keys: Vec<String> = (100..200).map(|i| i.to_string()).collect();
    let storage = |key: &String| match key.as_str() {
        "100" => (key.clone(), numbers.as_slice()),
        _ => (key.clone(), &b""[..]),
    };
    let storages: Vec<(String, &[u8])> = keys.iter().map(storage).collect();
    let storages: Vec<(&str, &[u8])> = storages.iter().map(|(k, b)| (k.as_str(), *b)).collect();
    let mut bytes = modern(&pickle, &storages);
    let first = entry_of(&bytes, "a/data/100");
    for key in &keys {
        let entry = entry_of(&bytes, &format!("a/data/{key}"));
        // Checksum and lengths, then the place.
        bytes.copy_within(first + 16..first + 28, entry + 16);
        bytes.copy_within(first + 42..first + 46, entry + 42);
    }
    refused(&bytes, "more than its");
}

#[test]
fn tables_of_very_many_files_are_refused() {
    // 200,000 files of nothing: small here, but each costs memory.
    let names: Vec<String> = (0..200_000).map(|i| format!("a/{i}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    refused(&archive(&files), "more files than any network needs");
}
