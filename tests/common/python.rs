//! Python with the packages of a list, where they can be had.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Installing is for one test at a time.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The folder of the packages that a file of `scripts/` lists, installed by pip on first use; or
/// why there is none.
pub fn packages(list: &str) -> Result<PathBuf, String> {
    let _one = INSTALLING.lock().map_err(|e| e.to_string())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = root.join("scripts").join(list);
    let text = fs::read(&list).map_err(|e| e.to_string())?;
    let hash = blake3::hash(&text).to_hex();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{}", &hash[..16]));
    let done = folder.join("complete");
    if done.exists() {
        return Ok(folder);
    }
    let options = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action",
        "ignore",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--upgrade",
        "--target",
    ];
    let mut pip = Command::new("python3");
    pip.args(options).arg(&folder).arg("-r").arg(&list);
    let output = pip.output().map_err(|e| format!("python3: {e}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        let last = error.lines().rfind(|l| !l.trim().is_empty());
        return Err(format!("pip: {}", last.unwrap_or("no reason given")));
    }
    File::create(done).map_err(|e| e.to_string())?;
    Ok(folder)
}

/// Says why a test does not run, past the capture of a test's output.
pub fn not_run(test: &str, why: &str) {
    let text = format!("{test}: not run: {why}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
