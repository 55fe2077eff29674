//! `evaluate` by the real binary on real samples: CIFAR-10 records and a folder of photographs,
//! with the weights of the authors' fixtures (which are random: what is checked is that every
//! number is the network's on these very images).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aq4svit::checkpoint;
use aq4svit::data::{self, ImageSet, InputBatch};
use aq4svit::profile::Profile;
use aq4svit::quant::{Allocation, BitWidth, Scheme};
use aq4svit::torch::{Device, Model, Precision, PredictOptions, predict};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::Value;
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Home {
    folder: TempDir,
    profile: PathBuf,
    /// What is said of its weights.
    said: String,
}

struct Told {
    code: i32,
    out: String,
    err: String,
}

/// What is said but for the doubts about weights that are random, on few images.
fn beside_doubts(err: &str) -> String {
    let doubts = [
        "is at chance",
        "never fire",
        "are test images, too",
        "check the labels",
    ];
    let is_other = |line: &&str| !doubts.iter().any(|doubt| line.contains(doubt));
    err.split_inclusive('\n').filter(is_other).collect()
}

impl Home {
    /// A fixture's network with data of its own.
    fn new(fixture: &str, data: &str) -> Home {
        let folder = tempfile::tempdir().unwrap();
        let from = root().join("tests/fixtures").join(fixture);
        for file in ["profile.toml", "weights.safetensors"] {
            fs::copy(from.join(file), folder.path().join(file)).unwrap();
        }
        let profile = folder.path().join("profile.toml");
        let text = fs::read_to_string(&profile).unwrap();
        fs::write(&profile, format!("{text}\n[data]\n{data}\n")).unwrap();
        // The keys of one family are another network's, too, and that is never left unsaid.
        let family = if fixture.starts_with("sdt-v1") {
            "sdt-v1"
        } else {
            ""
        };
        let said = checkpoint::taken_for(family).map_or(String::new(), |s| format!("note: {s}\n"));
        Home {
            folder,
            profile,
            said,
        }
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let output = Command::new(env!("CARGO_BIN_EXE_aq4svit"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AQ4SVIT_CONFIG", self.folder.path())
            .env("AQ4SVIT_DATA", self.folder.path())
            .output()
            .unwrap();
        Told {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn evaluate(&self, arguments: &[&str]) -> Told {
        self.run(&[&["evaluate", "profile.toml"], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let told = self.evaluate(&[arguments, &["--json"]].concat());
        let said = beside_doubts(&told.err);
        assert_eq!(
            (told.code, said.as_str()),
            (0, self.said.as_str()),
            "{}",
            told.out
        );
        serde_json::from_str(&told.out).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let told = self.evaluate(arguments);
        assert_eq!((told.code, told.out.as_str()), (1, ""), "{}", told.err);
        assert!(!told.err.contains("panicked"), "{}", told.err);
        told.err
    }

    fn profile(&self) -> Profile {
        Profile::load(&self.profile).unwrap()
    }

    /// What `predict` answers to all images of a set as one batch: how many are right, and whether
    /// the class is among the five largest logits.
    fn predicted(&self, set: &ImageSet, bits: u8) -> (usize, usize) {
        let profile = self.profile();
        let graph = profile.graph();
        let allocation = Allocation::uniform(graph.layers.len(), BitWidth::new(bits).unwrap());
        let mut values = vec![0.0; set.len() * set.numbers()];
        for (i, numbers) in values.chunks_mut(set.numbers()).enumerate() {
            set.fill(i, numbers).unwrap();
        }
        let images = InputBatch {
            batch: set.len(),
            frames: set.frames(),
            shape: set.shape(),
            values,
        };
        let model = Model {
            weights: checkpoint::load(&self.folder.path().join("weights.safetensors")).unwrap(),
            graph,
            scheme: Scheme::default(),
        };
        let options = PredictOptions {
            precision: Precision::F32,
            trace: false,
            device: Device::CPU,
            threads: 1,
        };
        let logits = predict(&model, &allocation, &images, options).unwrap();
        let mut right = (0, 0);
        for (i, logits) in logits.logits.chunks(logits.classes).enumerate() {
            let own = logits[set.label(i) as usize];
            let larger = logits.iter().filter(|x| **x > own).count();
            right.0 += usize::from(larger == 0);
            right.1 += usize::from(larger < 5);
        }
        right
    }
}

fn number(json: &Value, key: &str) -> f64 {
    json[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {json}"))
}

/// Both counts within two images: another batch may flip a spike and so an answer.
fn agrees(json: &Value, predicted: (usize, usize)) {
    let counts = [("correct", predicted.0), ("top5_correct", predicted.1)];
    for (key, expected) in counts {
        let found = number(json, key);
        assert!(
            (found - expected as f64).abs() <= 2.0,
            "{key}: {found}, not {expected}"
        );
    }
}

#[test]
fn cifar_records() {
    let file = root().join("tests/data/cifar10/test_batch.bin");
    let home = Home::new(
        "qkformer-cifar",
        &format!(
            "kind = \"cifar\"\ntrain = ['{0}']\ntest = ['{0}']\ncalibration = 20\nsearch = 90",
            file.display()
        ),
    );
    let json = home.json(&["--bits", "all=4"]);
    assert_eq!(
        (&json["type"], &json["split"]),
        (&"evaluation".into(), &"test".into())
    );
    assert_eq!(json["images"], 200);
    let profile = home.profile();
    let splits = data::load(profile.data.as_ref().unwrap(), "/".as_ref(), &profile.model).unwrap();
    agrees(&json, home.predicted(splits.test.as_ref().unwrap(), 4));

    let accuracy = number(&json, "accuracy");
    assert_eq!(accuracy, number(&json, "correct") / 2.0);
    assert!(
        number(&json, "accuracy_low") <= accuracy && accuracy <= number(&json, "accuracy_high")
    );
    let classes = json["classes"].as_array().unwrap();
    let total = |key: &str| classes.iter().map(|c| number(c, key)).sum::<f64>();
    assert_eq!(
        (total("images"), total("correct")),
        (200.0, number(&json, "correct"))
    );
    let sites = json["sites"].as_array().unwrap();
    assert!(
        sites
            .iter()
            .all(|s| (0.0..=1.0).contains(&number(s, "firing_rate")))
    );
    assert!(sites.iter().any(|s| number(s, "firing_rate") > 0.01));
    let layers = json["layers"].as_array().unwrap();
    let sum = |key: &str| layers.iter().map(|l| number(l, key)).sum::<f64>();
    assert!((sum("macs") - number(&json, "macs")).abs() < 1.0);
    let operations = sum("synaptic_operations") + number(&json, "attention_operations");
    let all = number(&json, "synaptic_operations");
    assert!(operations > 0.0 && (operations - all).abs() < 1e-6 * all);
    let energy = 4.6e-12 * number(&json, "macs") + 0.9e-12 * all;
    assert!((number(&json, "energy_joules") - energy).abs() < 1e-9 * energy);
    assert!(number(&json, "images_per_second") > 0.0);
    #[cfg(target_os = "linux")]
    assert!(number(&json, "peak_memory_bytes") > 1e6);

    // Threads change nothing but the speed.
    let counts = |json: &Value| {
        (
            json["correct"].clone(),
            json["sites"].clone(),
            json["layers"].clone(),
        )
    };
    let one = home.json(&["--bits", "all=4", "--threads", "1", "--split", "search"]);
    let three = home.json(&["--bits", "all=4", "--threads", "3", "--split", "search"]);
    assert_eq!(one["images"], 90);
    assert_eq!(counts(&one), counts(&three));

    let told = home.evaluate(&["--split", "calibration"]);
    assert_eq!((told.code, beside_doubts(&told.err)), (0, String::new()));
    assert!(
        told.out
            .contains("of 20 images of the calibration split correct"),
        "{}",
        told.out
    );
    assert!(
        told.out.lines().all(|l| l.chars().count() <= 100),
        "{}",
        told.out
    );
    let sized = ["--set", "data.proxy=30", "--set", "data.certify=40"];
    for (split, images) in [("proxy", 30), ("certify", 40)] {
        let json = home.json(&[&sized[..], &["--split", split]].concat());
        assert_eq!(
            (&json["split"], &json["images"]),
            (&split.into(), &images.into())
        );
    }
}

/// Event frames: the network's own layout reads them, is evaluated on them and searched with them.
#[test]
fn event_frames() {
    for fixture in [
        "qkformer-dvs",
        "sdt-v1-dvs",
        "spikformer-dvs",
        "spikingformer-dvs",
    ] {
        let home = Home::new(
            fixture,
            "kind = \"safetensors\"\nfile = \"frames.safetensors\"\ncalibration = 4\nsearch = 20",
        );
        let (frames, one) = (home.profile().graph().time_steps, 2 * 32 * 32);
        // Counts of events, more of them in later frames.
        let count = |i: usize| (((i * 2_654_435_761) >> 7) % (2 + i / one % frames)) as u8;
        let counts: Vec<u8> = (0..30 * frames * one).map(count).collect();
        let labels: Vec<u8> = (0..30u8).map(|i| i % 5).collect();
        let images = TensorView::new(Dtype::U8, vec![30, frames, 2, 32, 32], &counts).unwrap();
        let labels = TensorView::new(Dtype::U8, vec![30], &labels).unwrap();
        let file = serialize([("images", images), ("labels", labels)], None).unwrap();
        fs::write(home.folder.path().join("frames.safetensors"), file).unwrap();

        let json = home.json(&["--bits", "all=4"]);
        assert_eq!(
            (&json["split"], &json["images"]),
            (&"search".into(), &20.into())
        );
        let profile = home.profile();
        let splits =
            data::load(profile.data.as_ref().unwrap(), "/".as_ref(), &profile.model).unwrap();
        agrees(&json, home.predicted(&splits.search, 4));

        let told = home.run(&[
            "search",
            "profile.toml",
            "--headless",
            "--json",
            "--set",
            "search.levels=[\"network\"]",
        ]);
        assert!([0, 3].contains(&told.code), "{fixture}: {}", told.err);
        let last: Value = serde_json::from_str(told.out.lines().last().unwrap()).unwrap();
        assert_eq!(last["type"], "finished");
    }
}

/// The photographs, flat, with classes of the fixture's 20.
fn photographs() -> Home {
    let home = Home::new(
        "qkformer-imagenet",
        "kind = \"image-folder\"\npath = \"val\"\nlabels = \"val.txt\"\ncalibration = 8\nsearch = 40",
    );
    let val = home.folder.path().join("val");
    fs::create_dir(&val).unwrap();
    let from = root().join("tests/data/imagenet/images");
    let mut map = String::new();
    for (i, entry) in fs::read_dir(from).unwrap().enumerate() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), val.join(entry.file_name())).unwrap();
        map.push_str(&format!(
            "{} {}\n",
            entry.file_name().to_string_lossy(),
            i % 20
        ));
    }
    fs::write(home.folder.path().join("val.txt"), map).unwrap();
    home
}

#[test]
fn a_folder_of_photographs() {
    let home = photographs();
    let json = home.json(&["--bits", "all=4"]);
    assert_eq!(
        (&json["split"], &json["images"]),
        (&"search".into(), &40.into())
    );
    let profile = home.profile();
    let splits = data::load(profile.data.as_ref().unwrap(), "/".as_ref(), &profile.model).unwrap();
    agrees(&json, home.predicted(&splits.search, 4));
    // The decoded images are in the cache folder, and the second time gives the same.
    assert!(home.folder.path().join("cache").is_dir());
    let again = home.json(&["--bits", "all=4"]);
    assert_eq!(
        (&again["correct"], &again["sites"]),
        (&json["correct"], &json["sites"])
    );
    // Another recipe is other pixels.
    let other = home.json(&["--bits", "all=4", "--set", "data.recipe=imagenet-224"]);
    assert_ne!(other["sites"], json["sites"]);

    let message = home.refused(&["--split", "certify"]);
    assert!(
        message.contains("set data.certify to a number"),
        "{message}"
    );
    let message = home.refused(&["--split", "test"]);
    assert!(
        message.contains("no test split; use --split search"),
        "{message}"
    );
    let message = home.refused(&["--set", "data.search=41"]);
    assert!(
        message.contains("need 49 training images") && message.contains("holds 48"),
        "{message}"
    );
    let message = home.refused(&["--set", "data.path=nowhere"]);
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn damaged_photographs_are_refused_or_left_out() {
    let home = photographs();
    let cut = home.folder.path().join("val/1f71668ab3dbe81b.jpg");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let message = home.refused(&[]);
    for part in [
        "1 of 48 images cannot be decoded",
        "1f71668ab3dbe81b.jpg: a damaged JPEG image",
        "data.on_corrupt=skip",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let told = home.evaluate(&[
        "--json",
        "--set",
        "data.on_corrupt=skip",
        "--set",
        "data.search=39",
    ]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.err.contains("note: 1 image(s) cannot be decoded")
            && told.err.contains("1f71668ab3dbe81b.jpg"),
        "{}",
        told.err
    );
    let json: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&json["skipped"], &json["images"]), (&1.into(), &39.into()));
}
