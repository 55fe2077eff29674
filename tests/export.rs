//! Packages of every family, without running the network.

use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::checkpoint;
use aq4svit::export::manifest::{Number, OperationKind};
use aq4svit::export::{Codes, ExportError, Package};
use aq4svit::profile::{Overrides, Profile};
use aq4svit::quant::{Affine, Allocation, BitWidth, MemoryModel, unpack};

use crate::common::package::source;

/// The folders of all fixtures that are networks.
pub(crate) fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let entries = fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
    let mut folders: Vec<PathBuf> = entries
        .filter(|p| p.join("profile.toml").exists())
        .collect();
    folders.sort();
    assert_eq!(folders.len(), 22);
    folders
}

/// The package of a fixture, its layers at widths that repeat.
pub(crate) fn package(folder: &Path, widths: &[u8], set: &[&str]) -> Result<Package, ExportError> {
    let path = folder.join("profile.toml");
    let text = fs::read_to_string(&path).unwrap();
    let overrides = Overrides::parse(set, folder.to_owned()).unwrap();
    let (profile, _) = Profile::parse_with(&text, &path, &overrides).unwrap();
    let weights = checkpoint::load(&folder.join("weights.safetensors")).unwrap();
    let layers = profile.graph().layers.len();
    let widths = widths.iter().cycle().take(layers);
    let allocation = Allocation(widths.map(|&b| BitWidth::new(b).unwrap()).collect());
    Package::new(source((&profile, text), &weights, &allocation))
}

#[test]
fn every_family_has_a_package_of_the_bytes_that_its_memory_counts() {
    for folder in fixtures() {
        for set in [&[][..], &["quantizer.affine=f16"]] {
            let package = package(&folder, &[4, 1, 32, 8, 16, 3], set).unwrap();
            let manifest = &package.manifest;
            let payload = manifest.payload;
            let stored = payload.codes + payload.float_weights + payload.affines;
            // What the manifest has as numbers is counted, too.
            let counted = stored + payload.neurons + payload.factors;
            assert_eq!(payload.memory_bytes, counted);
            let file = package.weights.len() as u64;
            let apart = payload.header + payload.scales + payload.thresholds + payload.checkpoint;
            assert_eq!(file, stored + apart, "{}", folder.display());
            // Once more from the graph alone.
            let text = fs::read_to_string(folder.join("profile.toml")).unwrap();
            let profile = Profile::parse(&text, &folder.join("profile.toml")).unwrap();
            let affine = if set.is_empty() {
                Affine::F32
            } else {
                Affine::F16
            };
            let widths = manifest
                .layers
                .iter()
                .map(|l| BitWidth::new(l.bits).unwrap());
            let memory = MemoryModel::of(&profile.graph(), affine);
            assert_eq!(memory.total(&Allocation(widths.collect())), counted);
        }
    }
}

#[test]
fn tensors_lie_where_the_manifest_says() {
    for folder in fixtures() {
        let package = package(&folder, &[2, 5, 8, 32], &[]).unwrap();
        for (entry, layer) in package.manifest.layers.iter().zip(&package.layers) {
            let part = |bytes: [u64; 2]| &package.weights[bytes[0] as usize..bytes[1] as usize];
            let affine: Vec<f32> = part(entry.affine.bytes)
                .chunks(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect();
            assert_eq!(affine, [&layer.factor[..], &layer.summand].concat());
            match (&layer.codes, &entry.codes) {
                (Codes::Integers(codes), Some(tensor)) => {
                    let width = BitWidth::new(entry.bits).unwrap();
                    let packed = part(tensor.bytes);
                    assert_eq!(&unpack(packed, codes.len(), width).unwrap(), codes);
                }
                (Codes::Floats(weights), None) => {
                    let bytes = part(entry.weight.as_ref().unwrap().bytes);
                    assert_eq!(bytes.len(), 4 * weights.len());
                }
                _ => panic!("{}", entry.name),
            }
        }
    }
}

#[test]
fn accumulators_are_as_wide_as_the_weights_need() {
    let folder = &fixtures()[0];
    let package = package(folder, &[4], &[]).unwrap();
    let layers = package.manifest.layers.iter().zip(&package.layers);
    let mut found = 0;
    for (entry, layer) in layers {
        let (Number::Integer(most), Codes::Integers(codes)) = (entry.input, &layer.codes) else {
            assert!(entry.accumulator.is_none() && !entry.exact);
            continue;
        };
        let accumulator = entry.accumulator.as_ref().unwrap();
        let fan_in: usize = entry.shape[1..].iter().product();
        let positive = codes.chunks(fan_in).map(|channel| {
            let positive = channel.iter().filter(|&&q| q > 0);
            positive.map(|&q| i64::from(q)).sum::<i64>()
        });
        let largest = positive.max().unwrap() * most as i64;
        assert_eq!(accumulator.worst.max, largest);
        let half = 1i64 << (accumulator.worst_bits - 1);
        assert!(accumulator.worst.max < half && accumulator.worst.min >= -half);
        found += 1;
    }
    assert!(found > 10);
}

#[test]
fn operations_read_earlier_ones_and_name_what_exists() {
    for folder in fixtures() {
        let manifest = package(&folder, &[4], &[]).unwrap().manifest;
        let (mut layers, mut sites) = (Vec::new(), Vec::new());
        for (i, operation) in manifest.operations.iter().enumerate() {
            assert!(operation.inputs.iter().all(|&input| input < i));
            match &operation.op {
                OperationKind::Input => assert_eq!(i, 0),
                OperationKind::Layer(name) => layers.push(name),
                OperationKind::Neuron(name) => sites.push(name),
                _ => {}
            }
        }
        assert!(
            layers
                .into_iter()
                .eq(manifest.layers.iter().map(|l| &l.name))
        );
        assert!(sites.into_iter().eq(manifest.sites.iter().map(|s| &s.name)));
        // It reads back as it was.
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(
            serde_json::from_str::<aq4svit::export::Manifest>(&text).unwrap(),
            manifest
        );
        let other = text.replacen("\"format\"", "\"new\":1,\"format\"", 1);
        let error = serde_json::from_str::<aq4svit::export::Manifest>(&other).unwrap_err();
        assert!(error.to_string().contains("unknown field `new`"), "{error}");
    }
}

#[test]
fn state_that_runs_through_a_batch_is_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/qkformer-cifar");
    let error = package(&folder, &[4], &["model.batch_leak=true"]).unwrap_err();
    assert!(
        error.to_string().contains("model.batch_leak = false"),
        "{error}"
    );
}
