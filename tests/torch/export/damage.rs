//! Damaged packages, and packages that lie.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{check, export};

/// The files of a package by their paths in it.
fn files(folder: &Path) -> Vec<String> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => {
                let inner = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name());
                files.extend(inner.map(|name| format!("golden/{}", name.to_str().unwrap())));
            }
            false => files.push(path.file_name().unwrap().to_str().unwrap().to_owned()),
        }
    }
    files.sort();
    files
}

/// Makes the list of hashes anew, as somebody who changed a file would.
fn reseal(folder: &Path) {
    let mut sums = String::new();
    for name in files(folder).iter().filter(|n| *n != "SHA256SUMS") {
        let hash = Sha256::digest(fs::read(folder.join(name)).unwrap());
        let hash: String = hash.iter().map(|b| format!("{b:02x}")).collect();
        sums += &format!("{hash}  {name}\n");
    }
    fs::write(folder.join("SHA256SUMS"), sums).unwrap();
}

pub(super) struct Exported {
    root: tempfile::TempDir,
}

impl Exported {
    fn new(name: &str) -> Self {
        Exported::with(name, &[])
    }
    pub(super) fn with(name: &str, set: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        export(name, &[4, 8, 2], set, &root.path().join("package"));
        Exported { root }
    }
    fn folder(&self) -> PathBuf {
        self.root.path().join("package")
    }
    fn manifest(&self) -> Value {
        let text = fs::read_to_string(self.folder().join("manifest.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
    /// What is said of the package with another manifest.
    fn with_manifest(&self, manifest: &Value) -> String {
        let path = self.folder().join("manifest.json");
        let before = fs::read(&path).unwrap();
        fs::write(&path, manifest.to_string()).unwrap();
        reseal(&self.folder());
        let said = said(&self.folder());
        fs::write(&path, before).unwrap();
        reseal(&self.folder());
        said
    }
}

impl Exported {
    /// Every lie is found, and its field named.
    pub(super) fn tells(&self, lies: Vec<(&'static str, Value, &'static str)>) {
        for (field, value, word) in lies {
            let mut manifest = self.manifest();
            // The first operation that makes spikes.
            let operations = manifest["operations"].as_array().unwrap();
            let spikes = operations
                .iter()
                .position(|o| o["op"].get("neuron").is_some());
            let field = field.replace('N', &spikes.unwrap().to_string());
            let (parent, key) = field.rsplit_once('/').unwrap();
            let place = manifest
                .pointer_mut(parent)
                .unwrap_or_else(|| panic!("{field}"));
            match place {
                Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
                place => place[key] = value,
            }
            let said = self.with_manifest(&manifest);
            assert!(said.contains(word), "{field}: {said}");
            assert!(
                said.contains("manifest.json") || said.contains("golden/"),
                "{field}: {said}"
            );
        }
    }
}

/// The error, or what differs.
fn said(folder: &Path) -> String {
    match check(folder) {
        Err(error) => error.to_string(),
        Ok(report) if report.agrees => "agrees".to_owned(),
        Ok(report) => report.differences.join("\n"),
    }
}

/// Numbers that look random and are the same in every run.
fn number(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 27)
}

#[test]
fn any_flipped_byte_is_found_and_its_file_named() {
    let exported = Exported::new("spikformer-dvs");
    let folder = exported.folder();
    let names = files(&folder);
    assert!(names.len() >= 6, "{names:?}");
    for (i, name) in names.iter().enumerate() {
        let path = folder.join(name);
        let good = fs::read(&path).unwrap();
        for n in 0..24u64 {
            let at = match n {
                0 => 0,
                1 => good.len() - 1,
                n => number(97 * i as u64 + n) as usize % good.len(),
            };
            let mut bad = good.clone();
            bad[at] ^= 1 << (number(n) % 8);
            fs::write(&path, &bad).unwrap();
            let error = check(&folder).expect_err(name).to_string();
            // A changed list names the file whose hash or name it no longer has.
            let named = name == "SHA256SUMS" && names.iter().any(|n| error.contains(n.as_str()));
            assert!(named || error.contains(name), "{name} at {at}: {error}");
        }
        fs::write(&path, &good).unwrap();
    }
    assert_eq!(said(&folder), "agrees");
}

#[test]
fn missing_and_extra_files_are_named() {
    let exported = Exported::new("spikformer-dvs");
    let folder = exported.folder();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    assert!(said(&folder).contains("notes.txt: is not listed"));
    fs::remove_file(folder.join("notes.txt")).unwrap();
    fs::remove_file(folder.join("README.md")).unwrap();
    assert!(said(&folder).contains("README.md: is missing"));
    fs::remove_file(folder.join("SHA256SUMS")).unwrap();
    assert!(said(&folder).contains("SHA256SUMS"));
    // Nothing is followed, and nothing waited for.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("manifest.json", folder.join("SHA256SUMS")).unwrap();
        let said = said(&folder);
        assert!(
            said.contains("SHA256SUMS: the file: it is a link"),
            "{said}"
        );
    }
}

/// A field that is set to something else, and a word that the error says.
fn lies() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("/format", json!(2), "format"),
        ("/network/time_steps", json!(0), "network.time_steps"),
        ("/network/time_steps", json!(2), "operations"),
        ("/network/classes", json!(4), "operations"),
        ("/network/affine", json!("f16"), "affine"),
        ("/network/input/shape/0", json!(3), "operations[0].shape"),
        ("/operations/1/shape/1", json!(7), "operations[1].shape"),
        ("/operations/1/inputs/0", json!(1), "operations[1].inputs"),
        (
            "/operations/1/op",
            json!({"layer": "no"}),
            "operations[1].op",
        ),
        ("/operations/N/numbers", json!("real"), "].numbers"),
        (
            "/operations/2/time_invariant",
            json!(true),
            "time_invariant",
        ),
        ("/layers/1/bits", json!(4), "layers[1]"),
        ("/layers/1/bits", json!(9), "layers[1].bits"),
        ("/layers/1/shape/1", json!(3), "operations"),
        ("/layers/1/stride", json!(0), "operations"),
        ("/layers/1/padding", json!(1u64 << 60), "operations"),
        ("/layers/1/exact", json!(false), "layers[1].exact"),
        (
            "/layers/1/codes/tensor",
            json!("head.codes"),
            "layers[1].codes",
        ),
        ("/layers/1/codes/bytes/0", json!(0), "layers[1].codes"),
        ("/layers/1/weight_bytes", json!(1), "layers[1].weight_bytes"),
        (
            "/layers/1/accumulator/worst/max",
            json!(1),
            "layers[1].accumulator",
        ),
        (
            "/layers/1/accumulator/observed/max",
            json!(1),
            "layers[1].accumulator.observed",
        ),
        (
            "/layers/1/scale/power_of_two",
            json!([0]),
            "layers[1].scale",
        ),
        ("/sites/0/shape/0", json!(1), "operations"),
        ("/sites/0/neuron/lif/tau", json!(0.0), "sites[0].neuron"),
        ("/sites/0/neuron/lif/tau", json!(5.0), "spikes."),
        ("/sites/0/neuron/lif/threshold", json!(1.5), "s"),
        ("/sites/0/neuron/lif/reset", json!(0.5), "sites[0].neuron"),
        (
            "/sites/0/depends_on_rounding",
            json!(false),
            "sites[0].depends_on_rounding",
        ),
        (
            "/sites/0/input_layer",
            json!("head"),
            "sites[0].input_layer",
        ),
        ("/sites/0/potential/max", json!(100.0), "sites[0].potential"),
        ("/payload/memory_bytes", json!(1), "payload.memory_bytes"),
        ("/payload/codes", json!(1), "payload.codes"),
        ("/golden/images", json!([]), "golden.images"),
        (
            "/golden/images/0/file",
            json!("golden/../x.safetensors"),
            "golden.images[0].file",
        ),
        (
            "/golden/images/0/predicted",
            json!(99),
            "golden.images[0].predicted",
        ),
        (
            "/golden/images/0/margin",
            json!(0.5),
            "golden.images[0].margin",
        ),
        (
            "/accuracy",
            json!([{
                "split": "test",
                "images": 10,
                "float": {"correct": 9, "percent": 90.0, "interval": [59.6, 98.2]},
                "quantized": {"correct": 11, "percent": 110.0, "interval": [59.6, 111.0]},
            }]),
            "accuracy[0].quantized.correct",
        ),
        (
            "/accuracy",
            json!([{
                "split": "test",
                "images": 10,
                "float": {"correct": 9, "percent": 95.0, "interval": [59.6, 98.2]},
                "quantized": {"correct": 9, "percent": 90.0, "interval": [59.6, 98.2]},
            }]),
            "accuracy[0].float.percent",
        ),
        ("/program/more", json!(1), "unknown field"),
    ]
}

#[test]
fn a_manifest_that_lies_is_told_by_field() {
    let exported = Exported::new("spikformer-dvs");
    exported.tells(lies());
    let mut manifest = exported.manifest();
    manifest["layers"].as_array_mut().unwrap().swap(1, 2);
    let said = exported.with_manifest(&manifest);
    assert!(said.contains("manifest.json: operations"), "{said}");
    assert_eq!(
        super::check(&exported.folder()).unwrap().differences,
        [""; 0]
    );
}

#[test]
fn changed_weights_with_right_hashes_do_not_agree() {
    let exported = Exported::new("spikformer-dvs");
    let folder = exported.folder();
    let manifest = exported.manifest();
    let path = folder.join("weights.safetensors");
    let good = fs::read(&path).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let place = |i: usize| layer["codes"]["bytes"][i].as_u64().unwrap() as usize;
        let mut bad = good.clone();
        // The last bit of some weights, of some inputs that are not silent.
        let bytes = bad[place(0)..place(1)].iter_mut();
        bytes.step_by(3).for_each(|byte| *byte ^= 1);
        fs::write(&path, &bad).unwrap();
        reseal(&folder);
        let said = said(&folder);
        let name = layer["name"].as_str().unwrap();
        assert!(said != "agrees" && said.contains(name), "{name}: {said}");
    }
}

/// Whatever the bytes are: an answer, and no panic.
#[test]
fn random_bytes_with_right_hashes_are_answered() {
    let exported = Exported::new("spikformer-dvs");
    let folder = exported.folder();
    let mut agreed = 0;
    for name in [
        "manifest.json",
        "weights.safetensors",
        "golden/0.safetensors",
    ] {
        let path = folder.join(name);
        let good = fs::read(&path).unwrap();
        for n in 0..60u64 {
            let mut bad = good.clone();
            // The beginning holds lengths and names.
            let range = if n % 2 == 0 { 600 } else { bad.len() };
            let at = number(1000 + n) as usize % range.min(bad.len());
            bad[at] = number(n) as u8;
            if n % 10 == 9 {
                bad.truncate(at);
            }
            fs::write(&path, &bad).unwrap();
            reseal(&folder);
            agreed += usize::from(said(&folder) == "agrees");
        }
        fs::write(&path, &good).unwrap();
    }
    // A name, or a digit of what is not compared, may change unseen; hardly anything else.
    assert!(agreed < 60, "{agreed}");
}

#[test]
fn golden_data_of_another_network_are_refused() {
    let (one, other) = (
        Exported::new("spikformer-dvs"),
        Exported::new("spikingformer-dvs"),
    );
    let file = "golden/0.safetensors";
    fs::copy(other.folder().join(file), one.folder().join(file)).unwrap();
    reseal(&one.folder());
    let said = said(&one.folder());
    assert!(said.contains(file), "{said}");
}
