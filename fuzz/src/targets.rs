//! Every reader of files and texts that come from outside, as a function of bytes; and good inputs
//! of each, from files of this repository, to begin with.
//!
//! What a reader accepts is used further, as far as that goes without running a network: what it
//! believes must hold. Used by the targets of libFuzzer beside it and by `tests/damaged.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aq4svit::checkpoint::{self, Contents, QuantizedFile, Shapes, WeightsChoice};
use aq4svit::cluster::{self, Access, Message, Passwords, Role};
use aq4svit::data::{self, DataConfig, Loading};
use aq4svit::evaluate::{Outcome, Work};
use aq4svit::export::manifest::{GoldenEntry, Provenance, SiteMargin};
use aq4svit::export::{Package, PackageFolder, Source};
use aq4svit::journal::{self, Journal};
use aq4svit::network::{self, Graph, ModelConfig};
use aq4svit::profile::{self, Profile};
use aq4svit::quant::{
    Allocation, BitWidth, LayerWeights, Nearest, QuantizedLayer, Quantizer, Resources, Scheme,
};
use aq4svit::run::{Curves, Interaction, ScheduledCommand, Store, Summary};
use aq4svit::{cli, report, tui, verify};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A reader.
pub struct Target {
    /// Its name: of the libFuzzer target, and of folders of inputs.
    pub name: &'static str,
    /// Reads; what it answers is the text of the error, if it is one.
    pub read: fn(&[u8]) -> Option<String>,
    /// Good inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All readers.
pub const TARGETS: &[Target] = &[
    Target {
        name: "safetensors",
        read: weights,
        seeds: safetensors_seeds,
    },
    Target {
        name: "pytorch",
        read: weights,
        seeds: pytorch_seeds,
    },
    Target {
        name: "shard_index",
        read: shard_index,
        seeds: shard_index_seeds,
    },
    Target {
        name: "quantized_file",
        read: quantized_file,
        seeds: quantized_file_seeds,
    },
    Target {
        name: "graph",
        read: graph,
        seeds: graph_seeds,
    },
    Target {
        name: "idx",
        read: idx,
        seeds: idx_seeds,
    },
    Target {
        name: "cifar",
        read: cifar,
        seeds: cifar_seeds,
    },
    Target {
        name: "npz",
        read: npz,
        seeds: npz_seeds,
    },
    Target {
        name: "image",
        read: image,
        seeds: image_seeds,
    },
    Target {
        name: "labels",
        read: labels,
        seeds: labels_seeds,
    },
    Target {
        name: "tensor_images",
        read: tensor_images,
        seeds: tensor_images_seeds,
    },
    Target {
        name: "network_input",
        read: network_input,
        seeds: network_input_seeds,
    },
    Target {
        name: "decoded_images",
        read: decoded_images,
        seeds: decoded_images_seeds,
    },
    Target {
        name: "profile",
        read: profile,
        seeds: profile_seeds,
    },
    Target {
        name: "hardware_target",
        read: hardware_target,
        seeds: hardware_target_seeds,
    },
    Target {
        name: "keymap",
        read: keymap,
        seeds: keymap_seeds,
    },
    Target {
        name: "steering_command",
        read: steering_command,
        seeds: steering_command_seeds,
    },
    Target {
        name: "command_line",
        read: command_line,
        seeds: command_line_seeds,
    },
    Target {
        name: "journal",
        read: journal,
        seeds: journal_seeds,
    },
    Target {
        name: "work_log",
        read: work_log,
        seeds: work_log_seeds,
    },
    Target {
        name: "sensitivities",
        read: sensitivities,
        seeds: sensitivities_seeds,
    },
    Target {
        name: "results_store",
        read: results_store,
        seeds: results_store_seeds,
    },
    Target {
        name: "package",
        read: package,
        seeds: package_seeds,
    },
    Target {
        name: "cluster_access",
        read: cluster_access,
        seeds: cluster_access_seeds,
    },
    Target {
        name: "cluster_message",
        read: cluster_message,
        seeds: cluster_message_seeds,
    },
];

fn root() -> PathBuf {
    // The fuzzing crate is one folder below.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    match here.join("tests/data").is_dir() {
        true => here.to_owned(),
        false => here.join(".."),
    }
}

/// The files of a folder of this repository, in the order of their names.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder of this repository");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    let files = paths.iter().filter(|path| path.is_file());
    files.map(|path| fs::read(path).expect("a file")).collect()
}

fn file(path: &str) -> Vec<u8> {
    fs::read(root().join(path)).expect("a file of this repository")
}

/// A folder with a file of these bytes.
fn folder_with(name: &str, bytes: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), bytes).expect("written");
    folder
}

/// A folder with two classes below `all`, each with files of these bytes.
fn classes_with(names: [&str; 3], bytes: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for class in ["a", "b"] {
        let class = folder.path().join("all").join(class);
        fs::create_dir_all(&class).expect("made");
        for name in names {
            fs::write(class.join(name), bytes).expect("written");
        }
    }
    folder
}

fn said<T, E: std::error::Error>(result: Result<T, E>) -> Option<String> {
    let error = result.err()?;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    Some(text)
}

fn model(image_size: usize, channels: usize, classes: usize) -> ModelConfig {
    let text = format!(
        "family = 'qkformer'\nlayout = 'cifar'\nimage_size = {image_size}\nin_channels = {channels}\n\
         num_classes = {classes}\nembed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4"
    );
    toml::from_str(&text).expect("a network")
}

// Weights.

fn weights(bytes: &[u8]) -> Option<String> {
    let mut shapes = Shapes::new();
    for choice in [WeightsChoice::Model, WeightsChoice::Ema] {
        let Ok(contents) = Contents::of_bytes_with(bytes, "file", choice) else {
            continue;
        };
        shapes = contents.shapes();
        let _ = checkpoint::recognise(&shapes);
    }
    let read = checkpoint::from_bytes(bytes, "file");
    if let Ok(dict) = &read {
        for (key, tensor) in dict.iter() {
            assert_eq!(
                tensor.shape.iter().product::<usize>(),
                tensor.values.len(),
                "{key}"
            );
            assert!(shapes.is_empty() || shapes.contains_key(key), "{key}");
        }
        let _ = dict.check(graph_of_demo()).map_err(|m| m.to_string());
    }
    said(read)
}

fn graph_of_demo() -> &'static Graph {
    static GRAPH: OnceLock<Arc<Graph>> = OnceLock::new();
    GRAPH.get_or_init(|| {
        let path = root().join("profiles/demo.toml");
        Profile::load(&path).expect("a shipped profile").graph()
    })
}

fn safetensors_seeds() -> Vec<Vec<u8>> {
    let tiny = tiny_safetensors();
    vec![
        tiny,
        file("tests/fixtures/qkformer-dvs/weights.safetensors"),
    ]
}

/// A file of two small tensors and an integer.
fn tiny_safetensors() -> Vec<u8> {
    let header = "{\"__metadata__\":{\"format\":\"pt\"},\
        \"head.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},\
        \"head.bias\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[16,20]},\
        \"bn.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[20,28]}}";
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &[0; 28]].concat()
}

fn pytorch_seeds() -> Vec<Vec<u8>> {
    let all = files("tests/data/pytorch");
    all.into_iter()
        .filter(|bytes| bytes.len() < 20_000)
        .collect()
}

fn shard_index(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("model.safetensors.index.json", bytes);
    for name in [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ] {
        fs::write(folder.path().join(name), tiny_safetensors()).expect("written");
    }
    said(checkpoint::load(folder.path()))
}

fn shard_index_seeds() -> Vec<Vec<u8>> {
    let index = "{\"metadata\":{\"total_size\":28},\"weight_map\":{\
        \"head.weight\":\"model-00001-of-00002.safetensors\",\
        \"head.bias\":\"model-00001-of-00002.safetensors\",\
        \"bn.num_batches_tracked\":\"model-00001-of-00002.safetensors\"}}";
    let hostile = index.replace("model-00001-of-00002", "../../etc/passwd");
    vec![index.into(), hostile.into()]
}

fn quantized_file(bytes: &[u8]) -> Option<String> {
    let read = QuantizedFile::from_bytes(bytes, "file");
    if let Ok(file) = &read {
        let again = file.to_bytes("file").expect("what was read can be written");
        assert!(QuantizedFile::from_bytes(&again, "file").is_ok());
    }
    said(read)
}

fn quantized_file_seeds() -> Vec<Vec<u8>> {
    let weights: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
    let mut file = QuantizedFile::default();
    file.about.insert("network".into(), "small".into());
    for (name, bits) in [("head", 8), ("stage1.fc", 3), ("stage1.proj", 16)] {
        let weights = LayerWeights {
            name,
            channels: 4,
            values: &weights,
        };
        let nearest = Nearest(Scheme::default());
        let made = nearest.quantize(weights, width(bits), None, Resources::threads(1));
        let layer = QuantizedLayer {
            quantized: Arc::new(made.expect("a layer")),
            moments: Vec::new(),
            affine: None,
        };
        file.layers.insert(name.into(), layer);
    }
    vec![file.to_bytes("file").expect("a file")]
}

fn width(bits: u8) -> BitWidth {
    BitWidth::new(bits).expect("a width")
}

// Networks.

fn graph(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let read = network::read_graph(&text);
    if let Ok(graph) = &read {
        let written = network::write_graph(graph).expect("what was read can be written");
        let again = network::read_graph(&written).expect("what was written can be read");
        assert_eq!(again, *graph);
    }
    said(read)
}

fn graph_seeds() -> Vec<Vec<u8>> {
    let small = |graph: &Graph| network::write_graph(graph).expect("a graph").into_bytes();
    let mut seeds = Vec::new();
    for name in [
        "qkformer-dvs",
        "spikformer-dvs",
        "sdt-v1-dvs",
        "sdt-v3",
        "max-former-dvs",
        "spikingresformer-cifar",
    ] {
        let path = root()
            .join("tests/fixtures")
            .join(name)
            .join("profile.toml");
        let profile = Profile::load(&path).expect("a fixture");
        seeds.push(small(&profile.graph()));
    }
    seeds
}

// Data.

fn load(config: &str, folder: &Path, model: &ModelConfig) -> Option<String> {
    let config: DataConfig = toml::from_str(config).expect("a data section");
    let splits = data::load(&config, folder, model);
    if let Ok(splits) = &splits {
        for set in [&splits.calibration, &splits.search, &splits.proxy] {
            let mut numbers = vec![0.0; set.numbers()];
            for image in 0..set.len().min(4) {
                let _ = set.fill(image, &mut numbers);
                assert!(numbers.iter().all(|number| number.is_finite()));
            }
        }
    }
    said(splits)
}

/// The first bytes as a file of images, as many as two bytes at the end say, the rest as labels.
fn idx(bytes: &[u8]) -> Option<String> {
    let (rest, length) = match bytes.split_last_chunk::<2>() {
        Some((rest, length)) => (rest, usize::from(u16::from_le_bytes(*length))),
        None => (bytes, 0),
    };
    let (images, labels) = rest.split_at(length.min(rest.len()));
    let folder = folder_with("images", images);
    fs::write(folder.path().join("labels"), labels).expect("written");
    let config = "kind = 'idx'\ntrain_images = 'images'\ntrain_labels = 'labels'\n\
        calibration = 2\nproxy = 2\nsearch = 2";
    load(config, folder.path(), &model(4, 1, 2))
}

fn idx_seeds() -> Vec<Vec<u8>> {
    let image_header = [0, 0, 8, 3, 0, 0, 0, 12, 0, 0, 0, 4, 0, 0, 0, 4];
    let pixels: Vec<u8> = (0..12 * 16).map(|i| (i * 7) as u8).collect();
    let labels: Vec<u8> = (0..12).map(|i| i % 2).collect();
    let images = [&image_header[..], &pixels].concat();
    let length = (images.len() as u16).to_le_bytes();
    vec![[&images[..], &[0, 0, 8, 1, 0, 0, 0, 12], &labels, &length].concat()]
}

const CIFAR: &str = "kind = 'cifar'\ntrain = ['batch.bin']\ncalibration = 2\nproxy = 2\nsearch = 2";

fn cifar(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("batch.bin", bytes);
    load(CIFAR, folder.path(), &model(32, 3, 10))
}

fn cifar_seeds() -> Vec<Vec<u8>> {
    let records = file("tests/data/cifar10/test_batch.bin");
    vec![records[..3073 * 8].to_vec()]
}

fn npz(bytes: &[u8]) -> Option<String> {
    let folder = classes_with(["1.npz", "2.npz", "3.npz"], bytes);
    let config = "kind = 'event-frames'\npath = 'all'\ncalibration = 1\nsearch = 2\nproxy = 1";
    let model = "family = 'spikformer'\nlayout = 'dvs'\nimage_size = 2\nin_channels = 2\nnum_classes = 2\n\
         embed_dims = 16\nnum_heads = 1\nmlp_ratio = 1\ndepths = 1\ntime_steps = 3";
    load(
        config,
        folder.path(),
        &toml::from_str(model).expect("a network"),
    )
}

fn npz_seeds() -> Vec<Vec<u8>> {
    files("tests/data/event-frames")
}

fn image(bytes: &[u8]) -> Option<String> {
    let folder = classes_with(["1.png", "2.jpg", "3.JPEG"], bytes);
    let config = "kind = 'image-folder'\npath = 'all'\nrecipe = 'imagenet-224'\n\
        calibration = 1\nsearch = 2\nproxy = 1";
    load(config, folder.path(), &model(16, 3, 2))
}

fn image_seeds() -> Vec<Vec<u8>> {
    let mut images = files("tests/data/imagenet/images");
    images.sort_by_key(Vec::len);
    images.truncate(4);
    images.push(PICTURE.to_vec());
    images
}

/// A PNG of one grey pixel.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\
    \0\0\0\nIDATx\x9cch\0\0\0\x82\0\x81w\xcdr\xb6\0\0\0\0IEND\xaeB`\x82";

fn labels(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("labels.txt", bytes);
    let images = folder.path().join("images");
    fs::create_dir(&images).expect("made");
    for i in 0..8 {
        fs::write(images.join(format!("{i}.png")), PICTURE).expect("written");
    }
    let config = "kind = 'image-folder'\npath = 'images'\nlabels = 'labels.txt'\nrecipe = 'imagenet-224'\n\
        calibration = 2\nsearch = 2\nproxy = 2";
    load(config, folder.path(), &model(16, 3, 2))
}

fn labels_seeds() -> Vec<Vec<u8>> {
    let lines = |between: &str, head: &str| -> Vec<u8> {
        let lines = (0..8).map(|i| format!("{i}.png{between}{}\n", i % 2));
        (head.to_owned() + &lines.collect::<String>()).into_bytes()
    };
    vec![lines("\t", ""), lines(" ", ""), lines(",", "name,label\n")]
}

fn tensor_images(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("images.safetensors", bytes);
    let config =
        "kind = 'safetensors'\nfile = 'images.safetensors'\ncalibration = 2\nsearch = 2\nproxy = 2";
    load(config, folder.path(), &model(4, 1, 2))
}

fn tensor_images_seeds() -> Vec<Vec<u8>> {
    let labels: Vec<u8> = (0..8).map(|i| i % 2).collect();
    let bytes: Vec<u8> = (0..8 * 16).collect();
    let floats: Vec<u8> = bytes
        .iter()
        .flat_map(|b| f32::from(*b).to_le_bytes())
        .collect();
    let file = |images: &str, kind: &str, data: &[u8]| {
        let (end, all) = (data.len(), data.len() + labels.len());
        let header = format!(
            r#"{{"images":{{"dtype":"{kind}","shape":{images},"data_offsets":[0,{end}]}},"labels":{{"dtype":"U8","shape":[8],"data_offsets":[{end},{all}]}}}}"#
        );
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), data, &labels].concat()
    };
    vec![
        file("[8,1,4,4]", "U8", &bytes),
        file("[8,1,4,4]", "F32", &floats),
    ]
}

fn network_input(bytes: &[u8]) -> Option<String> {
    let graph = model(4, 1, 2).graph().expect("a network");
    let read = data::read_images(bytes, &graph);
    if let Ok(images) = &read {
        assert_eq!(images.values.len(), images.batch * 16);
        assert!(images.values.iter().all(|x| x.is_finite()));
    }
    said(read)
}

fn network_input_seeds() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = (0..32u8).flat_map(|b| f32::from(b).to_le_bytes()).collect();
    let header = r#"{"input":{"dtype":"F32","shape":[2,1,4,4],"data_offsets":[0,128]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    vec![[&length[..], header.as_bytes(), &numbers].concat()]
}

fn decoded_images(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("images.bin", bytes);
    let path = folder.path().join("images.bin");
    let config: DataConfig = toml::from_str(CIFAR).expect("a data section");
    let loading = Loading {
        decoded: Some(&path),
        ..Loading::default()
    };
    said(data::load_with(
        &config,
        folder.path(),
        &model(32, 3, 10),
        loading,
    ))
}

fn decoded_images_seeds() -> Vec<Vec<u8>> {
    let records = cifar_seeds().remove(0);
    let folder = folder_with("batch.bin", &records);
    let config: DataConfig = toml::from_str(CIFAR).expect("a data section");
    let splits = data::load(&config, folder.path(), &model(32, 3, 10)).expect("images");
    let path = folder.path().join("decoded");
    splits.write_decoded(&path).expect("written");
    vec![fs::read(&path).expect("a file")]
}

// Settings.

fn profile(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let read = Profile::parse(&text, Path::new("profile.toml"));
    if let Ok(profile) = &read {
        let _ = profile.graph();
    }
    said(read)
}

fn profile_seeds() -> Vec<Vec<u8>> {
    let mut seeds = files("profiles");
    seeds.extend(
        files("tests/data/networks")
            .into_iter()
            .filter(|bytes| bytes.len() < 10_000),
    );
    seeds.truncate(40);
    seeds
}

fn hardware_target(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    said(profile::Target::parse(
        &text,
        Path::new("target.toml"),
        "target",
    ))
}

fn hardware_target_seeds() -> Vec<Vec<u8>> {
    files("profiles/targets")
}

fn keymap(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("tui.toml", bytes);
    match tui::Config::read(&folder.path().join("tui.toml")) {
        Ok(config) => said(config.keymap()),
        Err(error) => Some(error.to_string()),
    }
}

fn keymap_seeds() -> Vec<Vec<u8>> {
    let text = "theme = \"dark\"\nsymbols = \"ascii\"\nconfirm = false\n\n[keys.main]\n\
        pause = [\"p\", \"f2\"]\nquit = \"Q\"\n";
    vec![text.into(), b"welcome = false\n".to_vec()]
}

fn steering_command(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().enumerate();
    lines.find_map(|(line, text)| ScheduledCommand::parse(line, text).err())
}

fn steering_command_seeds() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"command":"pause"}"#,
        r#"{"command":"resume","after":12,"id":"a"}"#,
        r#"{"command":"prune","candidate":3}"#,
        r#"{"command":"set_bits","candidate":0,"group":{"level":"stage","name":"stage1"},"bits":4}"#,
        r#"{"command":"constrain","max_accuracy_drop":1.0}"#,
        r#"{"command":"pin","pattern":"patch_embed1.*","min":4,"max":8}"#,
        r#"{"command":"undo"}"#,
        "# a remark\n\n{\"command\":\"stop\"}",
    ];
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

fn command_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let words = std::iter::once("aq4svit").chain(text.split_whitespace());
    said(cli::command().try_get_matches_from(words))
}

fn command_line_seeds() -> Vec<Vec<u8>> {
    let lines = [
        "search demo --headless --json --seed 0 --set search.strategy=greedy --workers 2",
        "evaluate demo --bits all=4,head=8 --split test --json",
        "inspect profile.toml --write-graph network.aq4.safetensors",
        "export run --format onnx --out folder",
        "resume last --headless --commands script.jsonl",
        "bench --strategies demo --seeds 5",
        "worker --cluster nats://host:4222 --threads 2",
        "completions bash",
    ];
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

// Runs.

/// Lines as they are, and with the check sum that each needs to be believed.
fn journal(bytes: &[u8]) -> Option<String> {
    let _ = run_of(&with_check_sums(bytes));
    run_of(bytes)
}

fn run_of(bytes: &[u8]) -> Option<String> {
    let folder = folder_with(journal::FILE_NAME, bytes);
    let read = match Journal::read(folder.path()) {
        Ok(read) => read,
        Err(error) => return said(Err::<(), _>(error)),
    };
    let summed = Summary::of(folder.path(), read);
    if let Ok((summary, entries)) = &summed {
        let _ = report::Records::of(summary, entries);
        let _ = report::Incumbent::of(&summary.tree);
    }
    said(summed)
}

fn with_check_sums(bytes: &[u8]) -> Vec<u8> {
    let sealed = |line: &[u8]| {
        let Some(text) = line
            .strip_suffix(b"\n")
            .and_then(|l| str::from_utf8(l).ok())
        else {
            return line.to_vec();
        };
        let object = match text.rsplit_once(",\"check_sum\":") {
            Some((object, _)) => format!("{object}}}"),
            None => text.to_owned(),
        };
        (journal::sealed(&object) + "\n").into_bytes()
    };
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.flat_map(sealed).collect()
}

fn journal_seeds() -> Vec<Vec<u8>> {
    let all = file("tests/data/journals/front/journal.jsonl");
    let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
    let begun = lines[..lines.len().min(12)].concat();
    vec![
        begun,
        with_check_sums(&all),
        all,
        file("tests/data/journals/format-1/journal.jsonl"),
    ]
}

/// The work log of a good journal.
fn work_log(bytes: &[u8]) -> Option<String> {
    static JOURNAL: OnceLock<Vec<u8>> = OnceLock::new();
    let journal = JOURNAL.get_or_init(|| file("tests/data/journals/front/journal.jsonl"));
    for bytes in [bytes, &with_check_sums(bytes)] {
        let folder = folder_with(journal::FILE_NAME, journal);
        fs::write(folder.path().join("work.jsonl"), bytes).expect("written");
        let summary = Summary::read(folder.path()).expect("the journal is whole");
        assert!(summary.totals.seconds >= 0.0);
        assert!(summary.totals.layer_forwards_search <= summary.totals.layer_forwards);
    }
    None
}

fn work_log_seeds() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"layer_forwards":720,"images":36,"seconds":0.5}"#,
        r#"{"layer_forwards":720,"layer_forwards_after":20,"images":36,"seconds":0.25,"calibration":0.125}"#,
        r#"{"recalled":7}"#,
        r#"{"computed":7}"#,
    ];
    let plain = lines.join("\n") + "\n";
    vec![
        with_check_sums(plain.as_bytes()),
        plain.into_bytes(),
        file("tests/data/journals/format-1/work.jsonl"),
    ]
}

fn sensitivities(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("sensitivity.jsonl", bytes);
    match Curves::read(&folder.path().join("sensitivity.jsonl")) {
        Ok(Some(curves)) => {
            let _ = Interaction::of(&curves.measured, 3);
            None
        }
        Ok(None) => Some("it holds no measurements".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn sensitivities_seeds() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"type":"float","images":40,"correct":30,"accuracy":75.0,"memory_bytes":1000}"#,
        r#"{"type":"sensitivity","curve":"lowered","layer":"head","bits":4,"drift":0.1,"images":40,"correct":29,"accuracy":72.5,"accuracy_drop":2.5,"memory_bytes":500}"#,
        r#"{"type":"sensitivity","curve":"joint","layer":null,"bits":4,"drift":0.4,"images":40,"correct":20,"accuracy":50.0,"accuracy_drop":25.0,"memory_bytes":300}"#,
        r#"{"type":"interaction","bits":4,"sum_of_drops":2.5,"joint_drop":25.0,"interaction":22.5,"sum_of_drifts":0.1,"joint_drift":0.4}"#,
    ];
    vec![(lines.join("\n") + "\n").into_bytes()]
}

/// Lines as they are, and with the checksum that each needs to be believed.
fn results_store(bytes: &[u8]) -> Option<String> {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| {
        let text = line.get(9..).unwrap_or(line);
        let sum = blake3::hash(text).to_hex();
        [&sum.as_bytes()[..8], b" ", text, b"\n"].concat()
    });
    let summed: Vec<u8> = lines.flatten().collect();
    for bytes in [bytes, &summed] {
        let folder = folder_with("context.answers", bytes);
        let mut store = Store::open(folder.path(), "context");
        for allocation in [stored(4), stored(8)] {
            let _ = store.drift(&allocation, None);
            let _ = store.drift(&allocation, Some(256));
            let known = store.correct(&allocation, 16);
            assert!(known.correct() <= known.len());
        }
    }
    None
}

fn stored(bits: u8) -> Allocation {
    Allocation::uniform(3, width(bits))
}

fn results_store_seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path(), "context");
    let correct = |n: usize| Outcome::Accuracy {
        correct: (0..n).map(|i| i % 3 > 0).collect(),
    };
    store.keep(&stored(4), 0, correct(10));
    store.keep(&stored(4), 10, correct(20));
    store.keep(&stored(8), 0, correct(5));
    let drift = Outcome::Drift {
        drift: 0.25,
        sites: vec![0.5, 0.0],
        proxies: None,
    };
    store.keep_drift(&stored(8), Some(256), drift.clone());
    store.keep_drift(&stored(4), None, drift);
    vec![fs::read(folder.path().join("context.answers")).expect("a file")]
}

// What is handed on.

const MANIFEST: &str = "manifest.json";
const WEIGHTS: &str = "weights.safetensors";

/// The first byte says which file the others are; hashes are made anew.
fn package(bytes: &[u8]) -> Option<String> {
    let (which, content) = bytes.split_first()?;
    let name = match which % 2 {
        0 => MANIFEST,
        _ => WEIGHTS,
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut sums = Vec::new();
    for (other, good) in good_package() {
        let content = if other == name { content } else { good };
        fs::write(folder.path().join(other), content).expect("written");
        let hash = Sha256::digest(content);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push(format!("{digits}  {other}\n"));
    }
    fs::write(folder.path().join("SHA256SUMS"), sums.concat()).expect("written");
    said(verify::read(folder.path()))
}

/// The files of a package of a small network, without golden inputs, sorted by name.
fn good_package() -> &'static [(String, Vec<u8>)] {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let fixture = root().join("tests/fixtures/qkformer-dvs");
        let path = fixture.join("profile.toml");
        let profile = Profile::load(&path).expect("a fixture");
        let weights = checkpoint::load(&fixture.join("weights.safetensors")).expect("a fixture");
        let graph = profile.graph();
        let package = Package::new(Source {
            profile: &profile,
            profile_text: fs::read_to_string(&path).expect("a fixture"),
            weights: &weights,
            allocation: &Allocation::uniform(graph.layers.len(), width(3)),
            layers: &[],
            accuracy: Vec::new(),
            provenance: Provenance {
                profile: profile.name.clone(),
                run: None,
                checkpoint: weights.fingerprint(&graph),
                data: None,
                quantizer: profile.scheme.quantizer().id(),
                calibration: None,
                numerics: String::new(),
            },
        });
        let mut package = package.expect("a package");
        let sensitive = package
            .manifest
            .sites
            .iter()
            .filter(|s| s.depends_on_rounding);
        let sites: Vec<SiteMargin> = sensitive
            .map(|s| SiteMargin {
                site: s.name.clone(),
                margin: 0.5,
            })
            .collect();
        // Nothing reads its file before everything else is in order.
        package.manifest.golden.images.push(GoldenEntry {
            file: "golden/0.safetensors".into(),
            index: None,
            label: None,
            predicted: 0,
            margin: sites.first().map(|site| site.margin),
            sites,
        });
        let target = tempfile::tempdir()
            .expect("a folder")
            .path()
            .join("package");
        let written = PackageFolder::begin(&target, false).expect("begun");
        written.finish(&package).expect("written");
        let entries = fs::read_dir(&target)
            .expect("a folder")
            .map(|e| e.expect("an entry"));
        let mut files: Vec<(String, Vec<u8>)> = entries
            .map(|e| {
                (
                    e.file_name().into_string().expect("a name"),
                    fs::read(e.path()).expect("a file"),
                )
            })
            .filter(|(name, _)| name != "SHA256SUMS")
            .collect();
        files.sort();
        fs::remove_dir_all(&target).expect("removed");
        files
    })
}

fn package_seeds() -> Vec<Vec<u8>> {
    let of = |name: &str, which: u8| {
        let found = good_package().iter().find(|(found, _)| found == name);
        [&[which][..], &found.expect("it is in every package").1].concat()
    };
    vec![of(MANIFEST, 0), of(WEIGHTS, 1)]
}

fn cluster_access(bytes: &[u8]) -> Option<String> {
    let folder = folder_with("access.toml", bytes);
    let read = Access::read(&folder.path().join("access.toml"));
    if let Ok(access) = &read {
        let _ = access.login(folder.path(), Role::Worker);
    }
    said(read)
}

fn cluster_access_seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let passwords = Passwords::random().expect("random bits");
    let access = Access::new(
        "nats://127.0.0.1:4222".to_owned(),
        Duration::from_secs(30),
        passwords,
    );
    let path = folder.path().join("access.toml");
    let written = access.write(&path).expect("written");
    let mut seeds: Vec<_> = written
        .iter()
        .map(|path| fs::read(path).expect("written"))
        .collect();
    seeds.push(fs::read(path).expect("written"));
    seeds
}

fn cluster_message(bytes: &[u8]) -> Option<String> {
    fn read<T: Message>(bytes: &[u8]) -> Option<String> {
        let read = cluster::read_message::<T>(bytes);
        if let Ok(message) = &read {
            let again = cluster::write_message(message);
            assert!(cluster::read_message::<T>(&again).is_ok());
        }
        said(read)
    }
    let all = [
        read::<cluster::Answer>(bytes),
        read::<cluster::Context>(bytes),
        read::<cluster::Presence>(bytes),
        read::<cluster::Wanted>(bytes),
        read::<cluster::Trouble>(bytes),
    ];
    all.into_iter().collect::<Option<Vec<_>>>()?.pop()
}

fn cluster_message_seeds() -> Vec<Vec<u8>> {
    let outcome = Outcome::Accuracy {
        correct: (0..20).map(|i| i % 3 > 0).collect(),
    };
    let [pool, key, worker, context] = ["pool", "key", "worker", "context"].map(String::from);
    let spent = Work {
        layer_forwards: 12,
        images: 20,
        ..Work::default()
    };
    let facts = cluster::Facts {
        numerics: "f32".into(),
        batch: 50,
        correction_images: 256,
    };
    let content = cluster::FileContent {
        key: "model.checkpoint".into(),
        path: "/a/b.safetensors".into(),
        hash: "0123456789abcdef".into(),
        bytes: 1000,
        instead_of: vec!["/a".into()],
    };
    vec![
        cluster::write_message(&cluster::Answer {
            pool: pool.clone(),
            key: key.clone(),
            worker: worker.clone(),
            outcome,
            spent: spent.into(),
        }),
        cluster::write_message(&cluster::Wanted {
            session: key.clone(),
            context: context.clone(),
            name: "demo".into(),
            host: "host".into(),
            numerics: None,
            waiting: 3,
        }),
        cluster::write_message(&cluster::Context {
            context: context.clone(),
            profile: "format = 1".into(),
            without_test: true,
            search_order: Default::default(),
            parts: vec![("weights".into(), "0123".into())],
            fixed: Some(stored(4)),
            files: vec![content],
        }),
        cluster::write_message(&cluster::Presence {
            worker,
            host: "host".into(),
            process: 7,
            device: "cpu".into(),
            threads: 2,
            seconds: 1.5,
            busy: 0.5,
            answered: 1,
            images: 20,
            doing: Some((pool, key)),
            contexts: vec![(context, cluster::Readiness::Ready { facts })],
            leaving: false,
        }),
    ]
}
