//! `cluster up`, encryption, and files on their way to workers.

use std::fs;
use std::process::Command;

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
    let access = field.demo.path("cluster-worker.toml");
    let files = elsewhere.path().join("files");
    let worker = [
        "worker",
        "--cluster",
        access.to_str().unwrap(),
        "--folder",
        files.to_str().unwrap(),
        "--no-self-check",
    ];
    let _worker = field.spawn_in(elsewhere.path(), &worker, "seed=7");
    let more = [
        "--set",
        "model.checkpoint=/proc/self/cwd/weights.safetensors",
    ];
    finished(field.search("run", &more));
    let hash = blake3::hash(&weights).to_hex();
    let sent = fs::read(files.join(format!("{hash}.file"))).unwrap();
    assert!(sent == weights);
    assert_eq!(field.journal("run"), field.alone(&more));
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
