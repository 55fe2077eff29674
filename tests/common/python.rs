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

/// A Python that has torch: the program of `AQ4SVIT_PYTHON`, `python3` where it has torch, else,
/// where `AQ4SVIT_INSTALL_TORCH` is set, an environment into which pip installs torch, spikingjelly
/// and snnTorch on first use (gigabytes); or why there is none.
pub fn torch() -> Result<PathBuf, String> {
    let has_torch = |python: &Path| {
        let output = Command::new(python).args(["-c", "import torch"]).output();
        output.is_ok_and(|o| o.status.success())
    };
    let given = std::env::var_os("AQ4SVIT_PYTHON").map(PathBuf::from);
    let python = given.clone().unwrap_or_else(|| PathBuf::from("python3"));
    if has_torch(&python) {
        return Ok(python);
    }
    if given.is_some() || std::env::var_os("AQ4SVIT_INSTALL_TORCH").is_none() {
        return Err(format!(
            "{} has no torch (AQ4SVIT_PYTHON names one that has; AQ4SVIT_INSTALL_TORCH=1 installs it)",
            python.display()
        ));
    }
    let _one = INSTALLING.lock().map_err(|e| e.to_string())?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-torch");
    let python = folder.join("bin/python");
    if has_torch(&python) {
        return Ok(python);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let output = output.map_err(|e| format!("{}: {e}", program.display()))?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.success() {
            true => Ok(()),
            false => Err(error.lines().last().unwrap_or("no reason given").to_owned()),
        }
    };
    let path = folder
        .to_str()
        .ok_or("the folder of tests is not Unicode")?;
    run(Path::new("python3"), &["-m", "venv", path])?;
    let install = ["-m", "pip", "install", "--quiet"];
    run(
        &python,
        &[
            &install[..],
            &[
                "torch",
                "numpy",
                "loguru",
                "scipy",
                "matplotlib",
                "tqdm",
                "torchvision",
            ],
        ]
        .concat(),
    )?;
    run(
        &python,
        &[&install[..], &["--no-deps", "spikingjelly", "snntorch"]].concat(),
    )?;
    Ok(python)
}

/// Says why a test does not run, past the capture of a test's output.
pub fn not_run(test: &str, why: &str) {
    let text = format!("{test}: not run: {why}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
