//! What `export` and `report` leave behind when the disk is full. A limit on the size of files
//! stands for it: writing fails in the middle of a file, in the same places.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::demo::Demo;
use crate::common::runs::events;

/// Bytes in a block of `ulimit`.
const BLOCK: u64 = 512;

/// Runs the binary, whose files may not have more than so many bytes. It must fail; its error.
fn limited(demo: &Demo, bytes: u64, arguments: &[&str]) -> String {
    limited_with(demo, bytes, arguments, "")
}

/// As [`limited`], with the synthetic evaluator.
fn limited_with(demo: &Demo, bytes: u64, arguments: &[&str], synthetic: &str) -> String {
    let blocks = bytes / BLOCK;
    // Ignored, the signal becomes an error of the write.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let binary = demo.command(&[]).get_program().to_owned();
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(binary).args(arguments);
    shell.current_dir(demo.folder.path());
    shell.env("AQ4SVIT_CONFIG", demo.path("config"));
    shell.env("AQ4SVIT_DATA", demo.path("data"));
    if !synthetic.is_empty() {
        shell.env("AQ4SVIT_SYNTHETIC", synthetic);
    }
    let output = shell.output().expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}\n{error}");
    error
}

/// Everything in a folder.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut content = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => open.push(path),
                false => drop(content.insert(path.clone(), fs::read(&path).expect("a file"))),
            }
        }
    }
    content
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").len()
}

/// What lies in the demo's folder, beside the log of what went wrong.
fn names(demo: &Demo) -> Vec<String> {
    let entries = fs::read_dir(demo.folder.path()).expect("a folder");
    let name = |e: std::io::Result<fs::DirEntry>| e.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|e| name(e).to_string_lossy().into_owned())
        .filter(|name| name != "data")
        .collect();
    names.sort();
    names
}

/// The journal is the file that grows.
#[test]
fn a_full_disk_in_the_middle_of_a_search_loses_nothing() {
    let demo = Demo::new();
    fn search(run: &str) -> [&str; 6] {
        [
            "search",
            "small.toml",
            "--headless",
            "--no-self-check",
            "--run-dir",
            run,
        ]
    }
    let events = |run: &str| events(&demo.path(run));
    let synthetic = |arguments: &[&str]| {
        let mut command = demo.command(arguments);
        command.env("AQ4SVIT_SYNTHETIC", "seed=7");
        let output = command.output().expect("the binary runs");
        assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    };
    synthetic(&search("whole"));
    let length = size(&demo.path("whole/journal.jsonl"));
    for part in [1, 2, 3] {
        let run = format!("run{part}");
        let arguments = [&search(&run)[..], &["--no-result-cache"]].concat();
        let error = limited_with(&demo, length * part / 4, &arguments, "seed=7");
        assert!(error.contains("aq4svit resume"), "{error}");
        assert!(error.contains("journal.jsonl"), "{error}");
        let kept = events(&run);
        assert!(!kept.is_empty() && kept.len() < events("whole").len());
        synthetic(&["resume", &run, "--headless", "--no-self-check"]);
        assert_eq!(events(&run), events("whole"), "{part} of 4");
    }
}

#[test]
fn a_full_disk_leaves_no_half_package_and_the_old_one_as_it_was() {
    let demo = Demo::new();
    let export = [
        "export",
        "small.toml",
        "--bits",
        "all=4",
        "--golden-images",
        "1",
        "--format",
        "onnx,mem",
        "--out",
    ];
    demo.expect(0, &[&export[..], &["package"]].concat());
    let (before, there) = (content(&demo.path("package")), names(&demo));
    let golden = size(&demo.path("package/golden/0.safetensors"));
    let network = size(&demo.path("package/network.qdq.onnx"));
    let largest = before.values().map(Vec::len).max().expect("files") as u64;
    // The first file that is written, one in the middle, and where there is hardly any room.
    for limit in [golden.min(network) - 1, largest - 1, 2 * BLOCK] {
        for (out, force) in [("new", &[][..]), ("package", &["--force"])] {
            let arguments = [&export[..], &[out], force].concat();
            let error = limited(&demo, limit, &arguments);
            assert!(
                error.contains("cannot write") && error.contains(&format!("/{out}/")),
                "{limit}: {error}"
            );
            assert!(error.contains("File too large"), "{limit}: {error}");
            assert_eq!(names(&demo), there, "{limit} {out}");
            assert!(content(&demo.path("package")) == before, "{limit} {out}");
        }
    }
    demo.expect(0, &["verify", "package"]);
    demo.expect(0, &[&export[..], &["package", "--force"]].concat());
}

#[test]
fn a_full_disk_leaves_no_half_report_and_the_old_one_as_it_was() {
    let demo = Demo::new();
    let level = ["--set", "search.levels=[\"network\"]"];
    let search = ["search", "small.toml", "--json", "--run-dir", "run"];
    demo.expect(0, &[&search[..], &level].concat());
    demo.expect(0, &["report", "run", "--out", "paper"]);
    let (before, there) = (content(&demo.path("paper")), names(&demo));
    for limit in [size(&demo.path("paper/report.html")) - 1, 2 * BLOCK] {
        for out in ["paper", "new/paper"] {
            let error = limited(&demo, limit, &["report", "run", "--out", out]);
            assert!(
                error.contains(out) && error.contains("File too large"),
                "{limit}: {error}"
            );
            assert_eq!(names(&demo), there, "{limit} {out}");
            assert!(content(&demo.path("paper")) == before, "{limit} {out}");
        }
    }
    demo.expect(0, &["report", "run", "--out", "paper"]);
}
