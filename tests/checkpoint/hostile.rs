//! Files made to do harm, and good ones that were damaged: always a plain error, quickly and in
//! little memory.

use std::fs;

use aq4svit::checkpoint::{self, Contents};

use super::pickles::{Pickle, View, all, archive, f32s, legacy, modern, one_tensor};

/// What reading it says; panics when it can be read.
pub fn error(bytes: &[u8]) -> String {
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

pub fn refused(bytes: &[u8], part: &str) {
    let message = error(bytes);
    assert!(message.contains(part), "{message}");
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
