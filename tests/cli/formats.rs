//! Formats of `export` in other people's tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use aq4svit::profile::Profile;

use crate::common::demo::Demo;
use crate::common::python;

const ALL: &str = "qonnx,onnx,mem,coe,header";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Exports a fixture with its own input as golden, its layers at widths that repeat.
fn export(demo: &Demo, name: &str, widths: &[u8], more: &[&str]) -> PathBuf {
    let folder = root().join("tests/fixtures").join(name);
    let path = folder.join("profile.toml");
    let profile = path.to_str().expect("Unicode");
    let text = std::fs::read_to_string(&path).expect("a profile");
    let graph = Profile::parse(&text, &path).expect("a profile").graph();
    let layers = graph.layers.iter().zip(widths.iter().cycle());
    let bits: Vec<String> = layers.map(|(l, b)| format!("{}={b}", l.name)).collect();
    let golden = folder.join("reference.safetensors");
    let golden = golden.to_str().expect("Unicode");
    let bits = bits.join(",");
    let fixed = [
        "export",
        profile,
        "--bits",
        &bits,
        "--golden",
        golden,
        "--golden-images",
        "1",
        "--out",
        name,
    ];
    demo.expect(0, &[&fixed, more].concat());
    demo.path(name)
}

/// Runs a script of `scripts/`; whether it succeeded, and what it printed.
fn script(name: &str, arguments: &[&str], packages: Option<&Path>) -> (bool, String) {
    let mut python = Command::new("python3");
    python.arg("-B").arg(root().join("scripts").join(name));
    python.args(arguments);
    if let Some(packages) = packages {
        python.env("PYTHONPATH", packages);
    }
    let output = python.output().expect("python3");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text + &error)
}

fn shown(folder: &Path) -> &str {
    folder.to_str().expect("Unicode")
}

fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    // Icarus Verilog knows `-V` only, and says so.
    version.is_ok()
}

#[test]
fn onnx_files_give_the_golden_outputs_elsewhere() {
    let packages = match python::packages("onnx-packages.txt") {
        Ok(packages) => packages,
        Err(why) => return python::not_run("check_onnx.py", &why),
    };
    let demo = Demo::new();
    let mixed = [&[4u8, 8, 1, 5, 3][..], &[32, 4, 16, 2, 6]];
    let fixtures = crate::export::fixtures();
    let names: Vec<&str> = fixtures
        .iter()
        .map(|folder| folder.file_name().and_then(|n| n.to_str()).expect("a name"))
        .collect();
    for (name, widths) in names.iter().zip(mixed.iter().cycle()) {
        export(&demo, name, widths, &["--format", "qonnx,onnx"]);
    }
    let all: Vec<PathBuf> = names.iter().map(|name| demo.path(name)).collect();
    // qonnx executes node by node and takes its time: one network of each kind.
    let node_by_node = [
        "qkformer-dvs",
        "sdt-v1-dvs",
        "sdt-v3-large",
        "spikformer-dvs",
    ]
    .map(|name| demo.path(name));
    for (folders, tools) in [
        (&all[..], &["onnxruntime", "qdq"][..]),
        (&node_by_node, &["qonnx"]),
    ] {
        let folders = folders.iter().map(|folder| shown(folder));
        let mut arguments: Vec<&str> = folders.collect();
        let checks = arguments.len() * tools.len();
        arguments.extend(tools.iter().flat_map(|tool| ["--with", tool]));
        let (agrees, text) = script("check_onnx.py", &arguments, Some(&packages));
        assert!(agrees, "{text}");
        assert_eq!(text.matches(": agrees\n").count(), checks, "{text}");
    }
    // It does compare.
    let golden = demo.path("sdt-v1/golden/0.safetensors");
    let mut bytes = std::fs::read(&golden).expect("a file");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(golden, bytes).expect("space");
    let (agrees, text) = script(
        "check_onnx.py",
        &[shown(&demo.path("sdt-v1")), "--with", "onnxruntime"],
        Some(&packages),
    );
    assert!(!agrees && text.contains("spikes."), "{text}");
}

#[test]
fn memories_give_the_golden_accumulators_in_a_simulator() {
    if !is_there("iverilog") {
        let why = "no iverilog (Debian: apt-get install iverilog)";
        return python::not_run("check_rtl.py", why);
    }
    let demo = Demo::new();
    let check =
        |folder: &Path| script("check_rtl.py", &[shown(folder), "--with", "iverilog"], None);
    for (name, widths, more) in [
        ("qkformer-dvs", [4u8], &[][..]),
        ("sdt-v3", [1], &["--lanes", "5"]),
        ("sdt-v2", [3], &["--word-bits", "8", "--lanes", "4"]),
        ("sdt-v1-dvs", [1], &["--word-bits", "2"]),
        ("spikformer-imagenet", [8], &["--lanes", "16"]),
    ] {
        let folder = export(&demo, name, &widths, &[&["--format", "mem"], more].concat());
        let (agrees, text) = check(&folder);
        assert!(agrees, "{name}: {text}");
    }
    // It does compare.
    let folder = demo.path("qkformer-dvs");
    for entry in std::fs::read_dir(folder.join("layers")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        if shown(&path).ends_with(".mem") && !shown(&path).ends_with(".affine.mem") {
            let is_word = |l: &&str| !l.starts_with("//");
            let words: String = text.lines().filter(is_word).map(|_| "7\n").collect();
            std::fs::write(&path, words).expect("space");
        }
    }
    let (agrees, text) = check(&folder);
    assert!(!agrees, "{text}");
}

#[test]
fn headers_compile_and_give_the_golden_accumulators() {
    if !is_there("cc") {
        return python::not_run("check_rtl.py", "no cc");
    }
    let demo = Demo::new();
    for (i, name) in ["qkformer-cifar", "sdt-v3", "spikformer-dvs"]
        .iter()
        .enumerate()
    {
        for more in [
            &["--format", "header", "--force"][..],
            &["--format", "header", "--force", "--packed"],
        ] {
            for widths in [&[5u8, 1, 32, 16, 3][i..], &[1][..], &[8]] {
                let folder = export(&demo, name, widths, more);
                let arguments = [shown(&folder), "--with", "cc"];
                let (agrees, text) = script("check_rtl.py", &arguments, None);
                assert!(agrees, "{name} {widths:?} {more:?}: {text}");
            }
        }
    }
}

/// Headers in integer arithmetic: accumulators, results behind their affines, spikes.
#[test]
fn headers_in_integers_compile_and_give_the_golden_spikes() {
    if !is_there("cc") {
        return python::not_run("check_rtl.py", "no cc");
    }
    let demo = Demo::new();
    let mut spikes = 0;
    for (name, bits, widths, packed) in [
        ("qkformer-dvs", 8, &[4u8, 8, 1, 3][..], true),
        ("sdt-v1", 12, &[5, 1, 8], false),
        ("sdt-v3", 10, &[8, 16, 2], true),
        ("spikformer-imagenet", 16, &[16, 3], true),
        ("spikingformer-cifar", 12, &[1], false),
    ] {
        let membrane = format!("quantizer.membrane_bits={bits}");
        let fixed = ["--set", "quantizer.affine=fixed", "--set", &membrane];
        let format = ["--format", "header", "--packed"];
        let format = &format[..if packed { 3 } else { 2 }];
        let folder = export(&demo, name, widths, &[&fixed[..], format].concat());
        let (agrees, text) = script("check_rtl.py", &[shown(&folder), "--with", "cc"], None);
        assert!(agrees, "{name} {widths:?}: {text}");
        spikes += usize::from(text.contains(" spikes from them, 0 differ"));
        assert!(!text.contains(" 0 spikes"), "{name}: {text}");
    }
    assert!(spikes > 2, "{spikes}");
    // It does compare: with another multiplier other spikes.
    let folder = demo.path("sdt-v1/layers");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let changed = text.replace("_multiplier[out] *", "_multiplier[out] / 2 *");
        std::fs::write(&path, changed).expect("space");
    }
    let folder = demo.path("sdt-v1");
    let (agrees, text) = script("check_rtl.py", &[shown(&folder), "--with", "cc"], None);
    assert!(!agrees && text.contains("spikes from them"), "{text}");
}

#[test]
fn a_format_that_cannot_be_written_leaves_nothing() {
    let demo = Demo::new();
    let arguments = [
        "export",
        "small.toml",
        "--bits",
        "all=8",
        "--golden-images",
        "1",
        "--out",
        "out",
        "--format",
        ALL,
    ];
    let narrow = [&arguments[..], &["--word-bits", "4"]].concat();
    let (_, error) = demo.expect(1, &narrow);
    assert!(
        error.contains("--word-bits 4: it has 8 bits; choose 8 to 32"),
        "{error}"
    );
    assert!(!demo.path("out").exists());
    demo.expect(0, &arguments);
    for file in [
        "network.qonnx.onnx",
        "network.qdq.onnx",
        "layers/layers.h",
        "layers/layers.tsv",
    ] {
        assert!(demo.path("out").join(file).exists(), "{file}");
    }
    // All of them are listed with their hashes.
    demo.expect(0, &["verify", "out"]);
}
