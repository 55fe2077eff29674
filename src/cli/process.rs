//! The figures that the system keeps of a process.

/// The peak memory of a process in bytes, where the system tells it (Linux).
pub(super) fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    high_water(&status)
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        let status = "Name:\taq4svit\nVmHWM:\t  2048 kB\n";
        assert_eq!(high_water(status), Some(2 << 20));
        assert_eq!(high_water("VmHWM: none"), None);
    }
}
