//! The program and libtorch.

use super::check::Check;

pub(super) fn checks() -> Vec<Check> {
    let mut all = vec![build()];
    all.extend(libtorch());
    all
}

fn build() -> Check {
    let kind = match cfg!(debug_assertions) {
        true => "debug build (a release build is many times as fast)",
        false => "release build",
    };
    let found = format!(
        "aq4svit {}, {kind}, for {} {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
    Check::fine("program", found)
}

#[cfg(feature = "torch")]
fn libtorch() -> Vec<Check> {
    let library = crate::torch::library();
    let file = library.file.as_ref().map_or_else(
        || String::from("where it was loaded from is not known"),
        |file| file.display().to_string(),
    );
    let version = format!("{}, {file}", library.version);
    let instructions = format!("{} at most", library.instructions);
    let instructions = match &library.forced {
        None => Check::fine("libtorch's instructions", instructions),
        Some(forced) => Check::lacking(
            "libtorch's instructions",
            format!("{instructions}, and ATEN_CPU_CAPABILITY={forced} chooses among them"),
            "unset ATEN_CPU_CAPABILITY: the numerics id of a run does not know of it, so that \
             results of both kinds would be mixed",
        ),
    };
    let devices = match library.cuda_devices {
        0 => String::from("cpu"),
        1 => String::from("cpu, cuda:0 (CUDA was never run)"),
        n => format!("cpu, cuda:0 to cuda:{} (CUDA was never run)", n - 1),
    };
    vec![
        Check::fine("libtorch", version),
        instructions,
        Check::fine("devices", devices),
    ]
}

#[cfg(not(feature = "torch"))]
fn libtorch() -> Vec<Check> {
    vec![Check::failing(
        "libtorch",
        "this program was built without it and evaluates no network",
        "build it with the default features (`make build`)",
    )]
}
