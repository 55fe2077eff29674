//! Lets the program and its tests find libtorch where it was linked, without LD_LIBRARY_PATH.

use std::env;
use std::path::Path;

/// Written by `scripts/setup-libtorch.sh` when it links another libtorch.
const CHOSEN: &str = ".libtorch/chosen";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    if Path::new(CHOSEN).exists() {
        println!("cargo::rerun-if-changed={CHOSEN}");
    }
    // Without LIBTORCH (outside this folder, where .cargo/config.toml sets it) `tch` looks for itself.
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
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    // Beside the libtorch of a Python wheel lies what it needs of CUDA.
    if let Ok(cuda) = lib.join("../../nvidia/cu13/lib").canonicalize() {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", cuda.display());
    }
}
