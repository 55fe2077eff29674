//! A test in a process of its own.

use std::env;
#[cfg(target_os = "linux")]
use std::fs;
use std::process::Command;

const VARIABLE: &str = "AQ4SVIT_TEST_ALONE";

/// Runs the test `name` of the module `module` (`module_path!()`) in a process that runs nothing
/// else, so that it may measure the memory of its process.
pub fn alone(module: &str, name: &str, test: impl FnOnce()) {
    if env::var_os(VARIABLE).is_some() {
        return test();
    }
    let (_, module) = module.split_once("::").expect("a module of this program");
    let name = format!("{module}::{name}");
    let program = env::current_exe().expect("a running program");
    let mut command = Command::new(program);
    command.args(["--exact", "--include-ignored", "--nocapture", &name]);
    let output = command.env(VARIABLE, "1").output().expect("it runs again");
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}\n{out}\n{err}");
    assert!(out.contains("1 passed"), "{name} is no test:\n{out}");
    eprint!("{err}");
}

/// A size of this process by its name in `/proc/self/status`, in bytes.
#[cfg(target_os = "linux")]
fn size(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    1024 * kib.expect("a number")
}

/// The resident size of this process, in bytes.
#[cfg(target_os = "linux")]
pub fn resident() -> u64 {
    size("VmRSS:")
}

/// The largest resident size of this process so far, in bytes.
#[cfg(target_os = "linux")]
pub fn peak_memory() -> u64 {
    size("VmHWM:")
}
