//! Small files that ask for much.

use super::hostile::error;
use super::pickles::{Pickle, f32s, legacy, modern};
use crate::common::alone::alone;
#[cfg(target_os = "linux")]
use crate::common::alone::peak_memory;

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
    alone(module_path!(), "bombs_are_defused", defuse_bombs);
}

fn defuse_bombs() {
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
