//! The figures in bytes that Linux tells of the system and of a process; none elsewhere.

/// The peak memory of a process.
pub(crate) fn peak_memory(process: u32) -> Option<u64> {
    read(&format!("/proc/{process}/status"), "VmHWM:")
}

/// The memory of this process.
pub(crate) fn resident_memory() -> Option<u64> {
    read("/proc/self/status", "VmRSS:")
}

/// The memory of the system that a process may still take.
#[cfg(feature = "torch")]
pub(crate) fn available_memory() -> Option<u64> {
    read("/proc/meminfo", "MemAvailable:")
}

fn read(path: &str, field: &str) -> Option<u64> {
    bytes(&std::fs::read_to_string(path).ok()?, field)
}

fn bytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_the_text() {
        let status = "Name:\taq4svit\nVmHWM:\t  2048 kB\n";
        assert_eq!(bytes(status, "VmHWM:"), Some(2 << 20));
        let text = "MemTotal:       24000000 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(bytes(text, "MemAvailable:"), Some(1 << 20));
        for bad in [
            "",
            "VmHWM: none",
            "VmHWM: much kB",
            "VmHWM: 99999999999999999999 kB",
        ] {
            assert_eq!(bytes(bad, "VmHWM:"), None);
        }
    }
}
