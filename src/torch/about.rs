//! What libtorch is here: for those who ask what a machine offers.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use super::device::cuda_devices;
use super::evaluator::instruction_set;

/// The libtorch of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The version that this program is built for; another one would not have been loaded.
    pub version: &'static str,
    /// The file it was loaded from; none where the system does not tell.
    pub file: Option<PathBuf>,
    /// The widest instruction set that it may choose its kernels by.
    pub instructions: String,
    /// The instruction set that the environment (`ATEN_CPU_CAPABILITY`) makes it use instead.
    pub forced: Option<String>,
    /// CUDA devices; 0 for a libtorch of the processor alone.
    pub cuda_devices: usize,
}

/// Asks libtorch.
pub fn library() -> Library {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    Library {
        version: "2.13",
        file: loaded(&maps),
        instructions: instruction_set(),
        forced: std::env::var("ATEN_CPU_CAPABILITY").ok(),
        cuda_devices: cuda_devices(),
    }
}

/// The file of libtorch among those that are mapped.
fn loaded(maps: &str) -> Option<PathBuf> {
    let files = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| &line[at..]));
    let mut files = files.filter(|file| file.ends_with("/libtorch_cpu.so"));
    files.next().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_among_those_mapped() {
        let maps = "7f00-7f01 r-xp 0 0:0 0 [heap]\n7f02-7f03 r-xp 0 8:1 5   /a b/libtorch_cpu.so\n";
        assert_eq!(loaded(maps), Some("/a b/libtorch_cpu.so".into()));
        assert_eq!(loaded(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_one() {
        assert!(library().file.is_some_and(|file| file.is_absolute()));
    }
}
