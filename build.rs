//! Lists the shipped profiles and targets for the program, and lets it and its tests find libtorch
//! where it was linked, without LD_LIBRARY_PATH.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Written by `scripts/setup-libtorch.sh` when it links another libtorch.
const CHOSEN: &str = ".libtorch/chosen";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (list, folder) in [
        ("profiles.rs", "profiles"),
        ("targets.rs", "profiles/targets"),
    ] {
        println!("cargo::rerun-if-changed={folder}");
        if let Err(error) = embed(list, folder) {
            println!("cargo::error=cannot list {folder}: {error}");
        }
    }
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    if Path::new(CHOSEN).exists() {
        println!("cargo::rerun-if-changed={CHOSEN}");
    }
    // Without LIBTORCH (outside this folder, where .cargo/config.toml sets it) `tch` looks for
    // itself.
    let Some(libtorch) = env::var_os("LIBTORCH") else {
        return;
    };
    let libtorch = Path::new(&libtorch);
    let lib = match libtorch.join("lib").canonicalize() {
        Ok(lib)
            if ["so", "dylib"]
                .iter()
                .any(|end| lib.join(format!("libtorch_cpu.{end}")).exists()) =>
        {
            lib
        }
        _ => {
            println!(
                "cargo::error=no libtorch in {}: run `make build` first, it gets one and then builds (or set LIBTORCH; \
                 or leave it out: --no-default-features)",
                libtorch.display()
            );
            return;
        }
    };
    // Beside the program first: `make dist` puts the libraries there.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/lib");
    }
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    // Beside the libtorch of a Python wheel lies what it needs of CUDA.
    if let Ok(cuda) = lib.join("../../nvidia/cu13/lib").canonicalize() {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", cuda.display());
    }
}

/// Writes the Rust list of a folder's TOML files, each with its name and text, into the output
/// folder: the demo and the reference, whose names have no hyphen, then all others by name.
fn embed(list: &str, folder: &str) -> io::Result<()> {
    let folder = fs::canonicalize(folder)?;
    let files: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect();
    let mut files = files?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    let name = |file: &Path| {
        file.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    files.sort_by_key(|file| (name(file).contains('-'), name(file)));
    let row = |file: &PathBuf| format!("({:?}, include_str!({file:?})),\n", name(file));
    let rows: String = files.iter().map(row).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join(list), format!("&[\n{rows}]\n"))
}
