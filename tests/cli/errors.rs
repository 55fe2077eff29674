//! Bad input: each gives a message that names the thing, an exit code, and no panic.

mod rules;

use crate::common::demo::{Demo, first_items};

/// Runs a headless search of the small demo with overrides, which must fail with 1, and returns the
/// message.
fn refused(demo: &Demo, set: &[&str]) -> String {
    let mut arguments = vec!["search", "small.toml", "--headless", "--run-dir", "run"];
    set.iter().for_each(|s| arguments.extend(["--set", s]));
    let (_, err) = demo.expect(1, &arguments);
    assert!(
        !demo.path("run").join("journal.jsonl").exists(),
        "no run begins: {set:?}"
    );
    err
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn checkpoints() {
    let demo = Demo::new();
    says(
        &refused(&demo, &["model.checkpoint=nowhere.safetensors"]),
        &["nowhere.safetensors"],
    );
    says(
        &refused(&demo, &["model.checkpoint=\"builtin:nothing\""]),
        &["nothing", "qkformer-fashion-mnist"],
    );
    says(
        &refused(&demo, &["model.embed_dims=128"]),
        &["patch_embed1.proj_conv.weight", "shape"],
    );
    let asset = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets/qkformer-fashion-mnist.safetensors");
    let good = std::fs::read(asset).expect("an asset");
    demo.write("cut.safetensors", &good[..good.len() / 2]);
    says(
        &refused(&demo, &["model.checkpoint=cut.safetensors"]),
        &["cut.safetensors"],
    );
    demo.write("noise.safetensors", &[0x5a; 4096]);
    says(
        &refused(&demo, &["model.checkpoint=noise.safetensors"]),
        &["noise.safetensors"],
    );
    let mut nan = good;
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    demo.write("nan.safetensors", &nan);
    says(
        &refused(&demo, &["model.checkpoint=nan.safetensors"]),
        &["nan.safetensors"],
    );
    demo.write("old.pth", b"PK\x03\x04");
    says(
        &refused(&demo, &["model.checkpoint=old.pth"]),
        &["old.pth", "PyTorch file", "truncated"],
    );
}

#[test]
fn profiles() {
    let demo = Demo::new();
    says(
        &refused(&demo, &["search.screeen=100"]),
        &["screeen", "screen"],
    );
    says(&refused(&demo, &["quantizer.bits=[4, 9]"]), &["9"]);
    says(&refused(&demo, &["bits.head=5"]), &["head", "5"]);
    says(&refused(&demo, &["pins.nothing=4"]), &["nothing"]);
    says(
        &refused(&demo, &["search.strategy=annealing"]),
        &["annealing", "allocate"],
    );
    says(
        &refused(
            &demo,
            &[
                "search.strategy=exhaustive",
                "search.levels=[\"block\", \"layer\"]",
            ],
        ),
        &["exhaustive", "allocations", "65536"],
    );
    says(
        &refused(&demo, &["constraint.max_accuracy_drop=-1"]),
        &["max_accuracy_drop"],
    );
    demo.write("broken.toml", b"format = 1\n[model\n");
    let (_, err) = demo.expect(1, &["inspect", "broken.toml"]);
    says(&err, &["broken.toml", "2"]);
    let (_, err) = demo.expect(1, &["search", "demmo", "--headless"]);
    says(&err, &["demmo", "demo"]);
}

#[test]
fn data() {
    let demo = Demo::new();
    says(
        &refused(&demo, &["data.train_images=\"gone.idx\""]),
        &["gone.idx"],
    );
    says(&refused(&demo, &["data.search=5000"]), &["5000", "700"]);
    says(&refused(&demo, &["model.image_size=32"]), &["32", "28"]);
    says(&refused(&demo, &["model.num_classes=20"]), &["head.weight"]);
    let mut labels = std::fs::read(demo.path("train-last5000-labels.idx")).expect("labels");
    labels[8 + 41] = 77;
    demo.write("labels.idx", &labels);
    says(
        &refused(&demo, &["data.train_labels=\"labels.idx\""]),
        &["labels.idx", "77"],
    );
    demo.write("few.idx", &first_items(&labels, 10));
    says(
        &refused(&demo, &["data.train_labels=\"few.idx\""]),
        &["few.idx", "10"],
    );
    demo.write("junk.idx", b"not an idx file");
    says(
        &refused(&demo, &["data.train_images=\"junk.idx\""]),
        &["junk.idx"],
    );
}

#[test]
fn places_and_terminals() {
    let demo = Demo::new();
    demo.write("file", b"");
    let (_, err) = demo.expect(
        1,
        &[
            "search",
            "small.toml",
            "--headless",
            "--run-dir",
            "file/run",
        ],
    );
    says(&err, &["file/run"]);
    let (_, err) = demo.expect(1, &["search", "small.toml"]);
    says(&err, &["terminal", "--headless"]);
    let (_, err) = demo.expect(1, &[]);
    says(&err, &["terminal"]);
    let (_, err) = demo.expect(1, &["resume", "--headless"]);
    says(&err, &["no run"]);
    let (_, err) = demo.expect(1, &["resume", "nothing", "--headless"]);
    says(&err, &["nothing", "aq4svit runs"]);
    let (_, err) = demo.expect(
        1,
        &["search", "small.toml", "--headless", "--device", "cuda:0"],
    );
    says(&err, &["cuda"]);
    demo.expect(2, &["search", "--no-such-flag"]);
    demo.expect(2, &["search", "--threads", "0"]);
    demo.expect(2, &["evaluate"]);
}

#[test]
fn predictions() {
    let demo = Demo::new();
    let (_, err) = demo.expect(
        1,
        &["predict", "demo", "--input", "none", "--output", "out"],
    );
    says(&err, &["none"]);
    demo.write("junk", b"junk");
    let (_, err) = demo.expect(
        1,
        &["predict", "demo", "--input", "junk", "--output", "out"],
    );
    says(&err, &["junk"]);
    for read in ["small.toml", "small.safetensors", "junk"] {
        let (_, err) = demo.expect(
            1,
            &["predict", "small.toml", "--input", "junk", "--output", read],
        );
        says(&err, &[read, "which would be lost"]);
    }
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/qkformer-cifar/reference.safetensors"
    );
    let (_, err) = demo.expect(
        1,
        &["predict", "demo", "--input", fixture, "--output", "out"],
    );
    says(&err, &["input", "28"]);
    let (_, err) = demo.expect(1, &["evaluate", "demo", "--bits", "haed=4"]);
    says(&err, &["haed"]);
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_a_wrong_profile_1() {
    let demo = Demo::new();
    for (arguments, part) in [
        (["search", "--device", "tpu"], "expected cpu or cuda:N"),
        (["predict", "--device", "cuda:x"], "expected cpu or cuda:N"),
        (["evaluate", "--bits", "head"], "LAYER=WIDTH"),
        (["evaluate", "--bits", "all=4,head=9"], "9"),
        (["predict", "--bits", "head="], "head="),
        (["search", "--set", "search.seed"], "expected KEY=VALUE"),
        (["inspect", "--set", "a b=1"], "not a dotted TOML key"),
    ] {
        let [command, flag, value] = arguments;
        let (_, err) = demo.expect(2, &[command, "demo", flag, value]);
        says(&err, &[flag, part]);
    }
    for (set, part) in [
        ("search.screeen=1", "screeen"),
        ("search.screen=many", "screen"),
        ("name.x=1", "name"),
    ] {
        let (_, err) = demo.expect(1, &["inspect", "small.toml", "--set", set]);
        says(&err, &[part]);
    }
    let (_, err) = demo.expect(1, &["evaluate", "small.toml", "--bits", "haed=4"]);
    says(&err, &["haed"]);
}
