//! Files made to do harm, and good ones that were damaged: always a plain error, quickly and in little memory.

use std::fs;
use std::path::Path;

use aq4svit::checkpoint::{self, Contents};
use proptest::prelude::*;

use crate::pickles::{Pickle, View, all, archive, f32s, legacy, modern, one_tensor};

/// What reading it says; panics when it can be read.
fn error(bytes: &[u8]) -> String {
    let message = match checkpoint::from_bytes(bytes, "hostile.pth") {
        Ok(dict) => panic!("read {} tensors", dict.iter().count()),
        Err(error) => error.to_string(),
    };
    assert!(message.starts_with("hostile.pth "), "{message}");
    assert!(message.len() < 1200, "{message}");
    assert!(
        !message.chars().any(|c| c.is_control() && c != '\n'),
        "{message}"
    );
    message
}

fn refused(bytes: &[u8], part: &str) {
    let message = error(bytes);
    assert!(message.contains(part), "{message}");
}

/// The largest resident size of this process so far, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    1024 * line
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
}

#[test]
fn handmade_files_are_read() {
    let numbers = f32s(&[1.0, 2.0, 3.0, 4.0]);
    let part = View {
        start: 1,
        shape: &[2],
        strides: &[2],
    };
    let pickle = one_tensor("FloatStorage", "0", 4, part);
    for bytes in [
        modern(&pickle, &[("0", &numbers)]),
        legacy(&pickle, &[("0", &numbers)]),
    ] {
        let dict = checkpoint::from_bytes(&bytes, "x").unwrap();
        assert_eq!(dict.get("w").unwrap().values, [2.0, 4.0]);
    }
    // A part of a storage, as versions before 0.4 wrote.
    let pickle = Pickle::new()
        .raw(b"}")
        .text("w")
        .global("torch._utils", "_rebuild_tensor")
        .raw(b"((")
        .text("storage")
        .global("torch", "FloatStorage")
        .text("0")
        .text("cpu")
        .int(4)
        .raw(b"(")
        .text("1")
        .int(2)
        .int(2)
        .raw(b"ttQ")
        .int(1)
        .ints(&[1])
        .ints(&[1])
        .raw(b"tRs")
        .stop();
    let dict = checkpoint::from_bytes(&legacy(&pickle, &[("0", &numbers)]), "x").unwrap();
    assert_eq!(dict.get("w").unwrap().values, [4.0]);
}

#[test]
fn nothing_is_ever_executed() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("executed");
    let command = format!("touch {}", mark.display());
    let call = |pickle: Pickle| {
        pickle
            .global("os", "system")
            .raw(b"(")
            .text(&command)
            .raw(b"tR")
    };
    // In place of the root, of the tensors, beside them, and as what builds one.
    let root = call(Pickle::new()).stop();
    refused(
        &modern(&root, &[]),
        "it is an object of os.system, which is not built",
    );
    let dict = call(Pickle::new().raw(b"}").text("model")).raw(b"s").stop();
    refused(&modern(&dict, &[]), "`model` is an object of os.system");
    let beside = call(Pickle::new().raw(b"}").text("args"))
        .raw(b"s")
        .text("model")
        .raw(b"}")
        .text("w");
    let beside = beside
        .tensor("FloatStorage", "0", 1, all(&[1]))
        .raw(b"ss")
        .stop();
    let bytes = modern(&beside, &[("0", &f32s(&[5.0]))]);
    let dict = checkpoint::from_bytes(&bytes, "x").unwrap();
    assert_eq!(dict.get("w").unwrap().values, [5.0]);
    let class = call(Pickle::new().raw(b"}").text("w")).raw(b"s").text("v");
    let class = class
        .tensor("FloatStorage", "0", 1, all(&[1]))
        .raw(b"s")
        .stop();
    let dict = checkpoint::from_bytes(&modern(&class, &[("0", &f32s(&[5.0]))]), "x").unwrap();
    assert!(dict.get("w").is_none() && dict.get("v").is_some());
    assert!(!mark.exists());
}

#[test]
fn impossible_tensors_are_refused() {
    let huge = u64::MAX;
    let numbers = f32s(&[0.5; 4]);
    let views = [
        (
            4,
            View {
                start: 0,
                shape: &[5],
                strides: &[1],
            },
        ),
        (
            4,
            View {
                start: 4,
                shape: &[1],
                strides: &[1],
            },
        ),
        (
            4,
            View {
                start: 0,
                shape: &[2],
                strides: &[huge],
            },
        ),
        (
            4,
            View {
                start: huge,
                shape: &[1],
                strides: &[1],
            },
        ),
        (
            4,
            View {
                start: 0,
                shape: &[huge, huge],
                strides: &[0, 0],
            },
        ),
        (
            4,
            View {
                start: 0,
                shape: &[2, 2],
                strides: &[1],
            },
        ),
        // Four numbers, told to be spread over all memory.
        (
            4,
            View {
                start: 0,
                shape: &[1 << 20, 1 << 16],
                strides: &[0, 0],
            },
        ),
        (
            4,
            View {
                start: 0,
                shape: &[1 << 40],
                strides: &[0],
            },
        ),
        // More numbers than the file has.
        (huge, all(&[4])),
        (huge / 4 + 2, all(&[4])),
        (5, all(&[5])),
        (1 << 40, all(&[1 << 40])),
    ];
    for (count, view) in views {
        let pickle = one_tensor("FloatStorage", "0", count, view);
        error(&modern(&pickle, &[("0", &numbers)]));
        error(&legacy(&pickle, &[("0", &numbers)]));
    }
    let good = one_tensor("FloatStorage", "0", 4, all(&[4]));
    refused(&modern(&good, &[]), "its a/data/0 is missing");
    refused(
        &modern(&good, &[("0", &numbers[..12])]),
        "has 12 bytes, not those of 4 numbers",
    );
    refused(&legacy(&good, &[]), "storage 0 cannot be found");
    refused(&legacy(&good, &[("0", &numbers[..12])]), "truncated");
}

#[test]
fn many_tensors_of_one_storage_do_not_add_up() {
    let numbers = f32s(&[0.5; 1024]);
    let mut pickle = Pickle::new().raw(b"}(");
    for i in 0..1000 {
        pickle = pickle
            .text(&i.to_string())
            .tensor("FloatStorage", "0", 1024, all(&[1024]));
    }
    let pickle = pickle.raw(b"u").stop();
    refused(&modern(&pickle, &[("0", &numbers)]), "more than its");
    refused(&legacy(&pickle, &[("0", &numbers)]), "more than its");
}

#[test]
fn names_of_storages_lead_nowhere() {
    for key in [
        "../../../etc/passwd",
        "/etc/passwd",
        "..",
        "",
        "\u{1b}[2J",
        "a\0b",
    ] {
        let pickle = one_tensor("FloatStorage", key, 1, all(&[1]));
        error(&modern(&pickle, &[("0", &f32s(&[1.0]))]));
    }
    // Nor do the names of files: these are only names.
    let pickle = one_tensor("FloatStorage", "0", 1, all(&[1]));
    let numbers = f32s(&[1.0]);
    let files = [
        ("../../x/data.pkl", pickle.as_slice()),
        ("../../x/data/0", &numbers),
    ];
    let dict = checkpoint::from_bytes(&archive(&files), "x").unwrap();
    assert_eq!(dict.get("w").unwrap().values, [1.0]);
}

#[test]
fn the_order_of_bytes_is_checked() {
    let pickle = one_tensor("FloatStorage", "0", 1, all(&[1]));
    let numbers = f32s(&[1.0]);
    let with = |order: &[u8]| {
        archive(&[
            ("a/data.pkl", &pickle),
            ("a/byteorder", order),
            ("a/data/0", &numbers),
        ])
    };
    checkpoint::from_bytes(&with(b"little"), "x").unwrap();
    refused(&with(b"big"), "byte order big: save it anew");
    let mut bytes = legacy(&pickle, &[("0", &numbers)]);
    let at = bytes
        .windows(14)
        .position(|w| w == b"little_endian\x88")
        .unwrap();
    bytes[at + 13] = 0x89;
    refused(&bytes, "big-endian");
}

/// Pickles whose building would take more than there is.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let repeat = |unit: &[u8], times: usize| unit.repeat(times);
    // Every list twice in the next one: 2^5000 values, were they copied.
    let doubling: Vec<u8> = (0..200u8)
        .flat_map(|i| [b']', b'q', i, b'h', i, b'a'])
        .collect();
    let mut nested = Pickle::new().raw(b"]q\0");
    for i in 0..200u8 {
        nested = nested.raw(b"](h").raw(&[i, b'h', i, b'e', b'q', i + 1]);
    }
    vec![
        ("doubling", nested.raw(b".").0),
        (
            "lists that hold themselves",
            Pickle::new().raw(&doubling).raw(b".").0,
        ),
        (
            "nested tuples",
            Pickle::new()
                .raw(b")")
                .raw(&repeat(b"\x85", 1_000_000))
                .raw(b".")
                .0,
        ),
        (
            "nested lists",
            Pickle::new()
                .raw(&repeat(b"]", 1_000_000))
                .raw(&repeat(b"a", 999_999))
                .raw(b".")
                .0,
        ),
        (
            "nested dicts",
            Pickle::new()
                .raw(&repeat(b"}N", 500_000))
                .raw(b"}")
                .raw(&repeat(b"s", 500_000))
                .raw(b".")
                .0,
        ),
        (
            "nested calls",
            Pickle::new()
                .raw(&repeat(b"ca\nb\n", 100_000))
                .raw(b")")
                .raw(&repeat(b"\x85R", 100_000))
                .raw(b".")
                .0,
        ),
        (
            "values",
            Pickle::new().raw(&repeat(b"K\x01", 3_000_000)).raw(b".").0,
        ),
        (
            "marks",
            Pickle::new().raw(&repeat(b"(", 3_000_000)).raw(b".").0,
        ),
        (
            "no end of steps",
            Pickle::new().raw(&repeat(b"N0", 5_000_000)).raw(b".").0,
        ),
        (
            "waiting values",
            Pickle::new().raw(&repeat(b"N", 9_000_000)).raw(b".").0,
        ),
        ("kept values", {
            let kept: Vec<u8> = (0..3_000_000u32)
                .flat_map(|i| [vec![b'r'], i.to_le_bytes().to_vec()].concat())
                .collect();
            Pickle::new().raw(b"N").raw(&kept).raw(b".").0
        }),
        (
            "a huge tuple",
            Pickle::new()
                .raw(b"(")
                .raw(&repeat(b"N", 2_000_000))
                .raw(b"t.")
                .0,
        ),
        (
            "a text of 4 GiB",
            Pickle::new().raw(b"X\xff\xff\xff\xffabc").0,
        ),
        (
            "a text of 2^63 bytes",
            Pickle::new()
                .raw(b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc")
                .0,
        ),
        (
            "bytes of 2^63 bytes",
            Pickle::new()
                .raw(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc")
                .0,
        ),
        (
            "a number of 2 GiB",
            Pickle::new().raw(b"\x8b\xff\xff\xff\x7fabc").0,
        ),
        (
            "a frame of 2^64 bytes",
            Pickle::new()
                .raw(b"\x95\xff\xff\xff\xff\xff\xff\xff\xffN.")
                .0,
        ),
        (
            "a name without end",
            Pickle::new().raw(b"c").raw(&repeat(b"x", 5_000_000)).0,
        ),
    ]
}

#[test]
fn bombs_are_defused() {
    #[cfg(target_os = "linux")]
    let before = peak_memory();
    let numbers = f32s(&[1.0]);
    for (name, pickle) in bombs() {
        for bytes in [
            modern(&pickle, &[("0", &numbers)]),
            legacy(&pickle, &[("0", &numbers)]),
        ] {
            let message = error(&bytes);
            assert!(!message.is_empty(), "{name}");
        }
    }
    #[cfg(target_os = "linux")]
    {
        let grown = peak_memory() - before;
        assert!(grown < 400 << 20, "{grown}");
    }
}

#[test]
fn damaged_pickles_say_what_is_damaged() {
    let pickle = |bytes: &[u8]| modern(&Pickle::new().raw(bytes).0, &[]);
    for (bytes, part) in [
        (&b"."[..], "a value is missing"),
        (b"(.", "a value is missing"),
        (b"0.", "a value is missing"),
        (b"t.", "a mark is missing"),
        (b"N(0\x85(1\x86.", "a value is missing"),
        (b"h\x05.", "recalls what it has not kept"),
        (b"j\xff\xff\xff\xff.", "recalls what it has not kept"),
        (b"}Ns.", "a value is missing"),
        (b"}(Nu.", "a key has no value"),
        (b"NNa.", "adds to what is no list"),
        (b"NNNs.", "sets keys of what is no dict"),
        (b"NN\x93.", "a name is no text"),
        (b"c\xff\n\xff\n.", "a name is no text"),
        (b"NQ.", "a storage has no proper name"),
        (b")Q.", "a storage has no proper name"),
        (b"}Q.", "a storage has no proper name"),
        (b"]q\0h\0aQ.", "a storage has no proper name"),
        (b"N", "ends too early"),
        (b"X\x05\0\0\0abc", "ends too early"),
        (b"cabc", "ends too early"),
        (b"\x82\x01.", "operation 0x82"),
        (b"I1\n.", "operation 0x49"),
        (b"\x97.", "operation 0x97"),
        (b"\xff", "operation 0xff"),
        (b"N.", "it is None"),
        (b"}.", "it is an empty dict"),
        (b"](NNe.", "it is a list"),
    ] {
        refused(&pickle(bytes), part);
    }
    // Persistent ids of every wrong form.
    let id = |p: Pickle| modern(&p.raw(b"tQ.").0, &[]);
    let start = || Pickle::new().raw(b"(");
    let float = |p: Pickle| p.global("torch", "FloatStorage");
    for bad in [
        start(),
        start().text("storage"),
        float(start().text("module")).text("0").text("cpu").int(1),
        start()
            .text("storage")
            .text("FloatStorage")
            .text("0")
            .text("cpu")
            .int(1),
        float(start().text("storage")).int(0).text("cpu").int(1),
        float(start().text("storage"))
            .text("0")
            .text("cpu")
            .text("1"),
        float(start().text("storage"))
            .text("0")
            .text("cpu")
            .raw(b"J\xff\xff\xff\xff"),
        float(start().text("storage"))
            .text("0")
            .text("cpu")
            .int(1)
            .raw(b")"),
    ] {
        refused(&id(bad), "a storage has no proper name");
    }
}

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
    // A hundred storages at one place: a small file of 400 KiB of numbers, and of as much as one likes.
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

#[test]
fn truncated_streams_are_called_truncated() {
    let pickle = one_tensor("FloatStorage", "0", 4, all(&[4]));
    let good = legacy(&pickle, &[("0", &f32s(&[0.5; 4]))]);
    for end in 8..good.len() {
        let message = error(&good[..end]);
        assert!(message.contains("truncated"), "{end}: {message}");
    }
}

#[test]
fn a_bare_pickle_is_named() {
    let pickle = Pickle::new().raw(b"}").stop();
    let padded = [pickle.as_slice(), &[0; 8]].concat();
    refused(&padded, "a pickle that torch.save did not write");
    let mut tar = vec![0x61; 600];
    tar[257..262].copy_from_slice(b"ustar");
    refused(&tar, "a tar archive");
}

#[test]
fn nothing_is_half_read() {
    // The second tensor's numbers are missing: no tensor is given at all.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pth");
    let pickle = Pickle::new()
        .raw(b"}")
        .text("a")
        .tensor("FloatStorage", "0", 4, all(&[4]))
        .raw(b"s");
    let pickle = pickle
        .text("b")
        .tensor("FloatStorage", "1", 4, all(&[4]))
        .raw(b"s")
        .stop();
    let numbers = f32s(&[0.5; 4]);
    let bytes = legacy(&pickle, &[("0", &numbers), ("1", &numbers)]);
    fs::write(&path, &bytes).unwrap();
    let contents = Contents::open(&path).unwrap();
    // The file shrinks after it was opened.
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(bytes.len() as u64 - 4)
        .unwrap();
    let message = contents.read().unwrap_err().to_string();
    assert!(message.contains("cut.pth"), "{message}");
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/pytorch")
            .join(name),
    )
    .unwrap()
}

fn consistent(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(dict) = checkpoint::from_bytes(bytes, "damaged") {
        for (key, tensor) in dict.iter() {
            prop_assert_eq!(
                tensor.shape.iter().product::<usize>(),
                tensor.values.len(),
                "{}",
                key
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn random_operations_never_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let pickle = Pickle::new().raw(&body).stop();
        consistent(&modern(&pickle, &[("0", &[0; 16])]))?;
        consistent(&legacy(&pickle, &[("0", &[0; 16])]))?;
        consistent(&[b"PK\x03\x04", body.as_slice()].concat())?;
    }

    /// Operations that exist, in any order.
    #[test]
    fn known_operations_never_panic(body in prop::collection::vec(
        prop::sample::select(&b"(.012N\x88\x89K\x01M\x02\x00)t\x85\x86\x87]le}dasuqqhh\x94\x93R\x81\x92bQ\x8f\x90\x91"[..]),
        0..200,
    ), texts in prop::collection::vec(prop::sample::select(vec!["storage", "0", "model", "w"]), 0..4)) {
        let start = texts.iter().fold(Pickle::new().raw(b"("), |p, t| p.text(t));
        let start = start.global("torch", "FloatStorage").global("torch._utils", "_rebuild_tensor_v2");
        let pickle = start.global("collections", "OrderedDict").raw(&body).stop();
        consistent(&modern(&pickle, &[("0", &[0; 16])]))?;
    }

    #[test]
    fn damaged_files_never_panic(
        name in prop::sample::select(vec![
            "training.pth", "training-legacy.pth", "views.pth", "views-legacy.pth", "unknown.pth", "types-legacy.pth",
            "protocol-4.pth", "timm.pth.tar", "no-checksums.pth",
        ]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.2),
    ) {
        let mut bytes = sample(name);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        consistent(&bytes)?;
    }

    /// Any view of a storage gives the numbers that its strides say, or is refused.
    #[test]
    fn views_are_gathered(
        shape in prop::collection::vec(0u64..5, 0..4),
        strides in prop::collection::vec(0u64..9, 4),
        start in 0u64..9,
        old: bool,
    ) {
        let values: Vec<f32> = (0..40).map(|v| v as f32).collect();
        let numbers = f32s(&values);
        let strides = &strides[..shape.len()];
        let pickle = one_tensor("FloatStorage", "0", 40, View { start, shape: &shape, strides });
        let bytes = if old { legacy(&pickle, &[("0", &numbers)]) } else { modern(&pickle, &[("0", &numbers)]) };
        let count: u64 = shape.iter().product();
        let last = start + shape.iter().zip(strides).map(|(n, s)| n.saturating_sub(1) * s).sum::<u64>();
        match checkpoint::from_bytes(&bytes, "views") {
            Ok(dict) => {
                let expected: Vec<f32> = (0..count).map(|mut i| {
                    let mut at = start;
                    for (n, s) in shape.iter().zip(strides).rev() {
                        at += i % n * s;
                        i /= n;
                    }
                    at as f32
                }).collect();
                prop_assert_eq!(&dict.get("w").unwrap().values, &expected);
            }
            Err(error) => prop_assert!(count > 0 && last >= 40, "{}", error),
        }
    }
}
