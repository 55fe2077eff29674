//! Rules that leave nothing to search: what the real binary says of them before a run starts.

use super::{refused, says};
use crate::common::demo::Demo;

#[test]
fn pins_that_exclude_each_other_are_named() {
    let demo = Demo::new();
    says(
        &refused(&demo, &["pins.*=[2, 4]", "pins.head=[6, 8]"]),
        &["\"*\" (2 or 4)", "\"head\" (6 or 8)", "no width"],
    );
    says(
        &refused(
            &demo,
            &["pins.*=[2, 4]", "pins.h*=[4, 8]", "pins.head=[2, 8]"],
        ),
        &["\"*\" (2 or 4)", "\"h*\" (4 or 8)", "\"head\" (2 or 8)"],
    );
    says(
        &refused(&demo, &["pins.head=[7]"]),
        &["\"head\"", "7", "quantizer.bits"],
    );
    says(&refused(&demo, &["pins.head=[]"]), &["pins.head", "list"]);
    says(
        &refused(&demo, &["pins.head=[4, 9]"]),
        &["pins.head", "1 to 8"],
    );
}

#[test]
fn a_memory_limit_that_nothing_meets_is_explained_first_and_the_nearest_miss_shown() {
    let demo = Demo::new();
    let search = ["search", "small.toml", "--headless", "--no-result-cache"];
    let limited = |more: &[&'static str]| [&search[..], more].concat();
    let (out, err) = demo.expect(
        3,
        &limited(&[
            "--set",
            "constraint.max_memory=10 KiB",
            "--set",
            "pins.head=8",
            "--set",
            "pins.stage3.*=[6, 8]",
        ]),
    );
    says(
        &err,
        &[
            "no allocation meets this constraint",
            "10240 bytes",
            "the smallest",
            "without pins",
            "pin \"head\" (8) costs",
            "pin \"stage3.*\" (6 or 8) costs",
        ],
    );
    says(&out, &["bytes too many"]);
    let (out, err) = demo.expect(3, &limited(&["--json", "--set", "constraint.max_memory=1"]));
    says(&err, &["1 bytes"]);
    let last = out.lines().last().unwrap_or_default();
    says(
        last,
        &[
            "\"type\":\"finished\"",
            "\"memory_bytes\":null",
            "over_bytes",
        ],
    );
}

#[test]
fn ties_are_checked_before_anything_starts() {
    let demo = Demo::new();
    says(
        &refused(
            &demo,
            &["ties.qkv=true", "pins.*.q_conv=8", "pins.*.k_conv=4"],
        ),
        &[
            "\"*.q_conv\" (8)",
            "\"*.k_conv\" (4)",
            "tied layers",
            "stage1.0.tssa.q_conv",
        ],
    );
    says(
        &refused(&demo, &["ties.ends=[\"haed\", \"patch_embed1.*\"]"]),
        &["\"ends\"", "haed", "head"],
    );
    says(
        &refused(&demo, &["ties.qkv=4"]),
        &["ties.qkv", "true or false"],
    );
    says(
        &refused(&demo, &["ties.a=[\"head\", \"*.q_conv\"]", "ties.qkv=true"]),
        &["two ties", "\"a\""],
    );
    says(
        &refused(
            &demo,
            &[
                "ties.a=[\"head\", \"*.q_conv\"]",
                "search.levels=[\"block\"]",
            ],
        ),
        &["search.levels", "\"a\"", "layer"],
    );
}

#[test]
fn targets_are_checked_before_anything_starts() {
    let demo = Demo::new();
    says(
        &refused(&demo, &["constraint.target=lohi-1"]),
        &["constraint.target", "lohi-1", "loihi-1", "akd1000"],
    );
    demo.write("chip.toml", b"[weights]\nwidths = [4, 12]\n");
    says(
        &refused(&demo, &["constraint.target=chip.toml"]),
        &["chip.toml:2", "weights.widths", "12", "1 to 8, 16"],
    );
    demo.write("chip.toml", b"[weights]\nwidths = [7]\n");
    says(
        &refused(&demo, &["constraint.target=chip.toml"]),
        &["chip.toml (7)", "bit menu", "quantizer.bits"],
    );
    demo.write("chip.toml", b"[weights]\nwidths = [2, 4]\nmemory = 9\n");
    let any = "constraint.max_accuracy_drop=any";
    let small = ["--set", "constraint.target=chip.toml", "--set", any];
    let (out, err) = demo.expect(
        3,
        &[&["search", "small.toml", "--headless"], &small[..]].concat(),
    );
    says(&err, &["9 bytes (target ", "chip.toml)"]);
    says(&out, &["closest", "bytes too many"]);
    says(
        &refused(&demo, &["constraint.target=akd1000", "pins.head=8"]),
        &["\"head\" (8)", "target akd1000 (1, 2 or 4)"],
    );
    demo.write(
        "chip.toml",
        b"[weights]\nwidths = [2, 4]\nscale = \"power-of-two\"\n",
    );
    says(
        &refused(
            &demo,
            &["constraint.target=chip.toml", "quantizer.scale=max"],
        ),
        &["quantizer.scale", "chip.toml"],
    );
    says(
        &refused(&demo, &["constraint.target=gone.toml"]),
        &["gone.toml"],
    );
    let (out, _) = demo.expect(0, &["profiles", "list"]);
    says(&out, &["loihi-1", "akd1000", "gap9", "16777216"]);
}
