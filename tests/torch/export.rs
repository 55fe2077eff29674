//! Packages of the fixtures: exported, verified by the independent engine, and damaged.

mod damage;
mod fixed;
mod samples;

use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::checkpoint::{self, StateDict};
use aq4svit::data::read_images;
use aq4svit::export::manifest::GoldenSource;
use aq4svit::export::{Candidate, Conversion, Package, PackageFolder};
use aq4svit::network::Graph;
use aq4svit::profile::{Overrides, Profile};
use aq4svit::quant::{Allocation, BitWidth};
use aq4svit::torch::{Device, GoldenNetwork, Model};
use aq4svit::verify::{Options, Report, VerifyError, verify};

use crate::common::package::source;
use crate::common::python;

const FIXTURES: [&str; 22] = [
    "max-former-cifar",
    "max-former-dvs",
    "max-former-imagenet",
    "ms-qkformer-cifar",
    "ms-qkformer-imagenet",
    "qkformer-cifar",
    "qkformer-dvs",
    "qkformer-imagenet",
    "sdt-v1",
    "sdt-v1-dvs",
    "sdt-v2",
    "sdt-v3",
    "sdt-v3-large",
    "spikformer-cifar",
    "spikformer-dvs",
    "spikformer-imagenet",
    "spikingformer-cifar",
    "spikingformer-dvs",
    "spikingformer-imagenet",
    "spikingresformer-cifar",
    "spikingresformer-dvs",
    "spikingresformer-imagenet",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Exports a fixture, its layers at widths that repeat, with its own input as golden.
fn export(name: &str, widths: &[u8], set: &[&str], to: &Path) {
    let folder = fixture(name);
    let weights = checkpoint::load(&folder.join("weights.safetensors")).unwrap();
    let images = |graph: &Graph| {
        let bytes = fs::read(folder.join("reference.safetensors")).unwrap();
        let images = read_images(&bytes, graph).unwrap();
        (images.batch, images.values)
    };
    export_with(
        &folder.join("profile.toml"),
        &weights,
        images,
        (widths, set),
        to,
    );
}

/// Exports the network of a profile, its layers at widths that repeat, with some images, how many
/// and their numbers, as golden.
fn export_with(
    path: &Path,
    weights: &StateDict,
    images: impl Fn(&Graph) -> (usize, Vec<f32>),
    (widths, set): (&[u8], &[&str]),
    to: &Path,
) {
    let text = fs::read_to_string(path).unwrap();
    let overrides = Overrides::parse(set, path.parent().unwrap().to_owned()).unwrap();
    let (profile, text) = Profile::parse_with(&text, path, &overrides).unwrap();
    let graph = profile.graph();
    let widths = widths.iter().cycle().take(graph.layers.len());
    let allocation = Allocation(widths.map(|&b| BitWidth::new(b).unwrap()).collect());
    let source = source((&profile, text), weights, &allocation);
    let mut package = Package::new(source.clone()).unwrap();
    let conversion = Conversion::new(&source, &package).unwrap();
    let model = Model {
        graph: graph.clone(),
        weights: weights.clone(),
        scheme: profile.scheme,
    };
    let network = GoldenNetwork::new(&model, allocation.clone(), Vec::new(), Device::CPU).unwrap();
    let (count, values) = images(&graph);
    let place = PackageFolder::begin(to, false).unwrap();
    package.set_golden(GoldenSource::File, count);
    for (i, values) in values.chunks(values.len() / count).enumerate() {
        let candidate = Candidate {
            index: Some(i as u64),
            label: None,
            values: values.to_vec(),
        };
        let trace = network.run(values).unwrap();
        let image = conversion.image(&package, values, trace);
        let (file, bytes) = package.add_golden(&candidate, &image).unwrap();
        place.write(file.to_str().unwrap(), &bytes).unwrap();
    }
    place.finish(&package).unwrap();
}

fn check(folder: &Path) -> Result<Report, VerifyError> {
    let options = Options {
        accumulator: Some(8),
        cancelled: &|| false,
    };
    verify(folder, options)
}

fn agrees(name: &str, widths: &[u8], set: &[&str]) -> Report {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("package");
    export(name, widths, set, &folder);
    let report = check(&folder).unwrap_or_else(|e| panic!("{name} {widths:?} {set:?}: {e}"));
    assert!(report.agrees, "{name} {widths:?} {set:?}:\n{report}");
    let sites = report.sites.iter();
    assert!(sites.map(|s| s.spikes).sum::<u64>() > 100);
    assert!(report.layers.iter().all(|l| l.sums > 0));
    report
}

#[test]
fn every_fixture_of_8_bits_or_fewer_verifies() {
    let (mut exact, mut images, mut stored) = (0, 0, 0);
    for name in FIXTURES {
        for widths in [&[8][..], &[4], &[1, 3, 6, 2, 8, 5, 7]] {
            let report = agrees(name, widths, &[]);
            images += report.images;
            stored += report.from_stored_sums;
            exact += report.layers.iter().filter(|l| l.exact).count();
            // Sums of integers agree exactly, so the widths of accumulators are those of the
            // integers.
            for layer in report.layers.iter().filter(|l| l.exact) {
                assert_eq!(layer.largest_difference, 0.0);
                assert!(layer.peak_bits <= layer.worst_bits, "{name}: {layer:?}");
            }
        }
    }
    assert!(exact > 1000, "{exact}");
    // Both from the input on, and from stored sums of real numbers where the margin is small.
    assert!(0 < stored && stored < images, "{stored} of {images}");
}

#[test]
fn float_and_wide_layers_half_precision_and_other_scales_verify() {
    for name in FIXTURES {
        agrees(name, &[32, 16, 4], &[]);
    }
    for name in ["qkformer-cifar", "sdt-v2", "sdt-v3", "spikformer-dvs"] {
        agrees(name, &[4, 8], &["quantizer.affine=f16"]);
        agrees(
            name,
            &[3],
            &[
                "quantizer.scale=power-of-two",
                "quantizer.granularity=tensor",
            ],
        );
    }
    agrees("sdt-v2", &[4], &["model.merge_repconv=true"]);
}

#[test]
fn overflow_of_a_narrow_accumulator_is_counted() {
    let report = agrees("qkformer-cifar", &[8], &[]);
    let narrow = report.layers.iter().filter(|l| l.exact);
    for layer in narrow {
        let overflows = layer.overflows.unwrap() > 0;
        assert_eq!(overflows, layer.peak_bits.unwrap() > 8, "{layer:?}");
    }
    assert!(report.overflows.unwrap() > 0);
}

/// Reads and runs a package by `scripts/read_package.py`: whether all agrees, and what it says.
fn numpy_reads(packages: &Path, folder: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/read_package.py");
    let mut python = std::process::Command::new("python3");
    python
        .arg("-B")
        .arg(&script)
        .arg(folder)
        .env("PYTHONPATH", packages);
    let output = python.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text + &error)
}

/// Another language reads the bits and gets the same accumulators, spikes and logits.
#[test]
fn python_reads_and_runs_packages() {
    let packages = match python::packages("python-packages.txt") {
        Ok(packages) => packages,
        Err(why) => return python::not_run("read_package.py", &why),
    };
    let read = |folder: &Path| numpy_reads(&packages, folder);
    let root = tempfile::tempdir().unwrap();
    for name in FIXTURES {
        let folder = root.path().join(name);
        export(name, &[4, 8, 1, 5], &[], &folder);
        let (agrees, text) = read(&folder);
        assert!(agrees && text.contains("agree"), "{name}: {text}");
    }
    // It does compare.
    let path = root.path().join("sdt-v1/golden/0.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
    let (agrees, text) = read(&root.path().join("sdt-v1"));
    assert!(!agrees, "{text}");
}

/// The published schema takes what is written, and nothing else.
#[test]
fn manifests_are_of_the_published_schema() {
    let packages = match python::packages("python-packages.txt") {
        Ok(packages) => packages,
        Err(why) => return python::not_run("the JSON Schema", &why),
    };
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/package.schema.json");
    let program = "import fastjsonschema, json, sys; \
        fastjsonschema.compile(json.load(open(sys.argv[1])))(json.load(open(sys.argv[2])))";
    let is_valid = |manifest: &Path| {
        let mut python = std::process::Command::new("python3");
        python
            .args(["-B", "-c", program])
            .arg(&schema)
            .arg(manifest);
        let output = python.env("PYTHONPATH", &packages).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() || error.contains("ValueException"),
            "{error}"
        );
        (output.status.success(), error)
    };
    let root = tempfile::tempdir().unwrap();
    for name in ["qkformer-dvs", "sdt-v2", "sdt-v3-large"] {
        let folder = root.path().join(name);
        export(
            name,
            &[4, 32, 16, 1],
            &["quantizer.scale=power-of-two"],
            &folder,
        );
        let manifest = folder.join("manifest.json");
        let (valid, error) = is_valid(&manifest);
        assert!(valid, "{name}: {error}");
        let text = fs::read_to_string(&manifest).unwrap();
        for (from, to) in [
            ("\"format\": 1", "\"format\": \"1\""),
            ("\"bits\": 4", "\"bits\": 4, \"more\": 1"),
            ("\"time_steps\"", "\"steps\""),
        ] {
            let bad = text.replacen(from, to, 1);
            assert!(bad != text, "{from}");
            fs::write(&manifest, bad).unwrap();
            assert!(!is_valid(&manifest).0, "{name}: {to}");
        }
    }
}
