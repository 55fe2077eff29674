//! A small version of the demo in a folder of its own: a narrower network of the same family with
//! the first images of each class pool, as IDX files, so that whole searches by the real binary
//! take a second or two.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with a small profile, its data and homes for profiles and runs.
pub struct Demo {
    /// The folder; removed with this.
    pub folder: tempfile::TempDir,
    /// Whether searches begin with the self-check, which takes longer than the smallest of them.
    self_check: bool,
}

/// Unpacks an asset.
pub fn asset(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets")
        .join(name);
    let bytes = std::fs::read(path).expect("an asset");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_end(&mut unpacked)
        .expect("gzip");
    unpacked
}

/// An IDX file with only the first `count` items of another.
pub fn first_items(idx: &[u8], count: u32) -> Vec<u8> {
    let dimensions = usize::from(idx[3]);
    let header = 4 + 4 * dimensions;
    let size = |d: usize| {
        u32::from_be_bytes(idx[4 + 4 * d..8 + 4 * d].try_into().expect("four bytes")) as usize
    };
    let item: usize = (1..dimensions).map(size).product();
    let mut first = idx[..4].to_vec();
    first.extend(count.to_be_bytes());
    first.extend(&idx[8..header]);
    first.extend(&idx[header..header + item * count as usize]);
    first
}

impl Demo {
    /// Makes the folder, for a calibrated quantizer. (The others round to the nearest, because
    /// calibration takes seconds in a program that is compiled for tests.)
    pub fn calibrated() -> Self {
        Demo::new().with(&[("method = \"nearest\"", "method = \"calibrated\"")])
    }

    /// Makes the folder, with the demo's own network and more images: for searches that last long
    /// enough to be steered by hand.
    pub fn slow() -> Self {
        Demo::new().with(&[
            (
                "\"small.safetensors\"",
                "\"builtin:qkformer-fashion-mnist\"",
            ),
            ("embed_dims = 32", "embed_dims = 64"),
            ("proxy = 20", "proxy = 40"),
            ("search = 70", "search = 140"),
            ("max_accuracy_drop = 8.0", "max_accuracy_drop = 4.0"),
            ("screen = 35", "screen = 70"),
        ])
    }

    /// The same with other words in its profile.
    fn with(self, changes: &[(&str, &str)]) -> Self {
        let text = std::fs::read_to_string(self.path("small.toml"));
        let mut text = text.expect("just written");
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        self.write("small.toml", text.as_bytes());
        self
    }

    /// Makes the folder, for searches that begin with the self-check.
    pub fn with_self_check() -> Self {
        Demo {
            self_check: true,
            ..Demo::new()
        }
    }

    /// Makes the folder.
    pub fn new() -> Self {
        let demo = Demo {
            folder: tempfile::tempdir().expect("a folder"),
            self_check: false,
        };
        for (name, count) in [("train-last5000", 700), ("test", 120)] {
            for kind in ["images", "labels"] {
                let idx = first_items(
                    &asset(&format!("fashion-mnist-{name}-{kind}.idx.gz")),
                    count,
                );
                demo.write(&format!("{name}-{kind}.idx"), &idx);
            }
        }
        let text = r#"format = 1
name = "small demo"

[model]
family = "qkformer"
layout = "cifar"
checkpoint = "small.safetensors"
image_size = 28
in_channels = 1
num_classes = 10
embed_dims = 32
num_heads = 8
mlp_ratio = 4
depths = 4
time_steps = 2

[data]
kind = "idx"
train_images = "train-last5000-images.idx"
train_labels = "train-last5000-labels.idx"
test_images = "test-images.idx"
test_labels = "test-labels.idx"
calibration = 20
proxy = 20
search = 70   # a comment to keep
mean = [0.286]
std = [0.353]

[constraint]
max_accuracy_drop = 8.0

[quantizer]
method = "nearest"
bits = [2, 3, 4, 8]

[search]
strategy = "greedy"
levels = ["network", "stage", "block"]
screen = 35
screening = "exact"

[gate]
mode = "drift"
warm_up = 6
"#;
        demo.write("small.toml", text.as_bytes());
        let network = format!(
            "{}/tests/data/networks/qkformer-small.safetensors",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::copy(network, demo.path("small.safetensors")).expect("a network");
        demo
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the folder.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        let mut file = std::fs::File::create(self.path(name)).expect("a file");
        file.write_all(bytes).expect("space");
    }

    /// The real binary, with homes of its own, in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aq4svit"));
        command.args(arguments).current_dir(self.folder.path());
        let begins = matches!(arguments.first(), Some(&("search" | "resume")));
        if begins && !self.self_check && !arguments.contains(&"--no-self-check") {
            command.arg("--no-self-check");
        }
        command
            .env("AQ4SVIT_CONFIG", self.path("config"))
            .env("AQ4SVIT_DATA", self.path("data"));
        command.env_remove("NO_COLOR");
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs the binary, which must exit with `code`; returns standard output and standard error.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}\n{out}\n{err}"
        );
        assert!(!err.contains("panicked"), "{arguments:?}\n{err}");
        (out, err)
    }
}
