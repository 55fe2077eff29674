//! `cluster up`, encryption, and files on their way to workers.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::field::{Field, finished};

#[test]
fn cluster_up_serves_encrypted_and_comes_back_under_the_same_address() {
    let Some(field) = Field::start() else { return };
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: there is no openssl here");
        return;
    }
    let up = [
        "cluster",
        "up",
        "--bind",
        "127.0.0.1:0",
        "--access",
        "tls.toml",
        "--tls",
        "--ack-wait",
        "1",
    ];
    let mut server = field.spawn(&up, "");
    let viewer = field.demo.path("tls-viewer.toml");
    field.wait("the access file", || viewer.exists());
    let access = fs::read_to_string(field.demo.path("tls.toml")).unwrap();
    assert!(access.contains("tls://127.0.0.1"), "{access}");
    let worker = ["worker", "--cluster", "tls-worker.toml", "--no-self-check"];
    let _worker = field.spawn(&worker, "seed=7,ms=10");
    let search = [
        "search",
        "small.toml",
        "--json",
        "--no-result-cache",
        "--cluster",
        "tls.toml",
        "--run-dir",
        "run",
    ];
    let mut search = field.spawn(&search, "");
    field.wait_for_events("run", 10);
    server.signal("TERM");
    assert_eq!(server.output().status.code(), Some(130));
    assert!(!search.has_ended());
    let mut server = field.spawn(&up, "");
    finished(search);
    assert_eq!(
        fs::read_to_string(field.demo.path("tls.toml")).unwrap(),
        access
    );
    assert_eq!(field.journal("run"), field.alone(&[]));
    let status = [
        "cluster",
        "status",
        "--json",
        "--cluster",
        "tls-viewer.toml",
    ];
    let (out, _) = field.demo.expect(0, &status);
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["workers"].as_array().map(Vec::len), Some(1), "{out}");
    // Another certificate than the one that the access file names.
    fs::copy(field.demo.path("cluster.toml"), field.demo.path("tls.pem")).unwrap();
    let (_, err) = field
        .demo
        .expect(1, &["cluster", "status", "--cluster", "tls-viewer.toml"]);
    assert!(
        err.contains("not the one that the access file names"),
        "{err}"
    );
    let address = access
        .split("tls://")
        .nth(1)
        .and_then(|a| a.split('"').next());
    let address: std::net::SocketAddr = address.expect("one").parse().expect("an address");
    let serves = || std::net::TcpStream::connect(address).is_ok();
    assert!(serves());
    let help = Command::new("setpriv").arg("--help").output();
    let can_tell = help.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("--pdeathsig"));
    if can_tell {
        // However it ends, it leaves no server behind.
        server.signal("KILL");
        server.output();
        field.wait("the end of the server", || !serves());
    } else {
        server.signal("TERM");
        assert_eq!(server.output().status.code(), Some(130));
    }
}

/// A path that means another folder to every process: to the worker it names nothing.
#[cfg(target_os = "linux")]
#[test]
fn weights_come_over_the_network_where_they_are_not_there() {
    let Some(field) = Field::start() else { return };
    let weights = fs::read(field.demo.path("small.safetensors")).unwrap();
    field.demo.write("weights.safetensors", &weights);
    let elsewhere = tempfile::tempdir().unwrap();
    let _worker = field.worker_elsewhere(elsewhere.path(), "seed=7");
    let more = [
        "--set",
        "model.checkpoint=/proc/self/cwd/weights.safetensors",
    ];
    finished(field.search("run", &more));
    let hash = blake3::hash(&weights).to_hex();
    let sent = fs::read(elsewhere.path().join(format!("files/{hash}.file"))).unwrap();
    assert!(sent == weights);
    assert_eq!(field.journal("run"), field.alone(&more));
}

/// The same, with the weights in two files and an index.
#[cfg(target_os = "linux")]
#[test]
fn weights_in_several_files_come_over_the_network() {
    let Some(field) = Field::start() else { return };
    let weights = fs::read(field.demo.path("small.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let mut map = serde_json::Map::new();
    let mut files = Vec::new();
    for part in 1..=2 {
        let name = format!("weights-{part}.safetensors");
        let of_part = |key: &str| key.starts_with("head") == (part == 2);
        let all = tensors.tensors();
        let all: Vec<_> = all.into_iter().filter(|(key, _)| of_part(key)).collect();
        for (key, _) in &all {
            map.insert(key.clone(), name.clone().into());
        }
        let bytes = safetensors::serialize(all, None).unwrap();
        field.demo.write(&name, &bytes);
        files.push(blake3::hash(&bytes).to_hex());
    }
    let index = serde_json::json!({ "weight_map": map }).to_string();
    field
        .demo
        .write("weights.safetensors.index.json", index.as_bytes());
    let elsewhere = tempfile::tempdir().unwrap();
    let _worker = field.worker_elsewhere(elsewhere.path(), "seed=7");
    let more = [
        "--set",
        "model.checkpoint=/proc/self/cwd/weights.safetensors.index.json",
    ];
    finished(field.search("run", &more));
    for hash in files {
        assert!(elsewhere.path().join(format!("files/{hash}.file")).exists());
    }
    assert_eq!(field.journal("run"), field.alone(&more));
}

/// Files of images that mean another folder to every process: here they are, elsewhere not.
const IMAGES: [&str; 8] = [
    "--set",
    "data.train_images=/proc/self/cwd/train-last5000-images.idx",
    "--set",
    "data.train_labels=/proc/self/cwd/train-last5000-labels.idx",
    "--set",
    "data.test_images=/proc/self/cwd/test-images.idx",
    "--set",
    "data.test_labels=/proc/self/cwd/test-labels.idx",
];

#[cfg(target_os = "linux")]
#[test]
fn images_come_over_the_network_where_they_are_not_there() {
    let Some(field) = Field::start() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let _worker = field.worker_elsewhere(elsewhere.path(), "seed=7");
    finished(field.search("run", &IMAGES));
    let files = fs::read_dir(elsewhere.path().join("files")).unwrap();
    let largest = files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .max();
    // 20 images for calibration and evidence each, 70 of the search and those of the test split.
    assert!(largest > Some(110 * 784), "{largest:?}");
    assert_eq!(field.journal("run"), field.alone(&IMAGES));
}

/// Also `evaluate` has workers do it, each a part.
#[cfg(target_os = "linux")]
#[test]
fn evaluations_are_shared_by_workers() {
    let Some(field) = Field::start() else { return };
    let first = ["evaluate", "small.toml", "--json", "--no-result-cache"];
    let split = ["--split", "search", "--set", "data.search=600"];
    let evaluate = [&first[..], &IMAGES, &split].concat();
    let told = |more: &[&str], synthetic: &str| {
        let process = field.spawn(&[&evaluate, more].concat(), synthetic);
        let output = process.output();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{err}");
        let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let told = told.as_object_mut().unwrap();
        for key in ["seconds", "images_per_second", "peak_memory_bytes"] {
            told.remove(key);
        }
        told.clone()
    };
    let elsewhere = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let _workers = elsewhere
        .each_ref()
        .map(|folder| field.worker_elsewhere(folder.path(), "seed=7"));
    field.wait("both workers", || field.status().workers.len() == 2);
    // One that is not ready in time has no part of an evaluation, but of the next one.
    let both_worked = || field.status().workers.iter().all(|w| w.answered > 0);
    let shared = ["all=4", "all=5", "all=6", "all=8"].iter().any(|bits| {
        let alone = told(&["--bits", bits], "seed=7");
        let together = told(&["--bits", bits, "--cluster", "cluster.toml"], "");
        assert_eq!(together, alone, "{bits}");
        both_worked()
    });
    assert!(shared, "{:?}", field.status().workers);
}

#[test]
fn images_that_differ_are_named_with_both_sides() {
    let Some(field) = Field::start() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    for (name, from) in [("images", "test-images.idx"), ("labels", "test-labels.idx")] {
        let idx = fs::read(field.demo.path(from)).unwrap();
        let fewer = crate::common::demo::first_items(&idx, 100);
        fs::write(elsewhere.path().join(format!("{name}.idx")), fewer).unwrap();
        fs::write(field.demo.path(&format!("{name}.idx")), idx).unwrap();
    }
    let access = field.demo.path("cluster-worker.toml");
    let worker = [
        "worker",
        "--cluster",
        access.to_str().unwrap(),
        "--no-self-check",
    ];
    let _worker = field.spawn_in(elsewhere.path(), &worker, "seed=7");
    let more = [
        "--set",
        "data.test_images=/proc/self/cwd/images.idx",
        "--set",
        "data.test_labels=/proc/self/cwd/labels.idx",
    ];
    let output = field.search("run", &more).output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the images of the test split differ"),
        "{said}"
    );
    assert!(
        said.contains("at the search") && said.contains("here"),
        "{said}"
    );
}
