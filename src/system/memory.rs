//! Memory in bytes: what a process has, and what it may still take.
#![forbid(unsafe_code)]

use std::fmt;

use super::cgroup;

/// The peak memory of a process.
pub(crate) fn peak_memory(process: u32) -> Option<u64> {
    read(&format!("/proc/{process}/status"), "VmHWM:")
}

/// The memory of this process.
pub(crate) fn resident_memory() -> Option<u64> {
    read("/proc/self/status", "VmRSS:")
}

/// What bounds the memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The memory of the machine that is not in use.
    Machine,
    /// The limit of a control group, as of a container or a batch job.
    ControlGroup,
    /// The limit of the address space, `ulimit -v`.
    AddressSpace,
    /// The limit of the data segment, `ulimit -d`.
    DataSegment,
}

impl Bound {
    /// What to do where it leaves too little.
    pub fn advice(self) -> &'static str {
        match self {
            Bound::Machine => "close other programs",
            Bound::ControlGroup => "raise that limit (the job's or the container's memory)",
            Bound::AddressSpace => "raise that limit (`ulimit -v unlimited`)",
            Bound::DataSegment => "raise that limit (`ulimit -d unlimited`)",
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bound::Machine => "the memory of this machine",
            Bound::ControlGroup => "the memory limit of this control group (container or job)",
            Bound::AddressSpace => "the limit of the address space (ulimit -v)",
            Bound::DataSegment => "the limit of the data segment (ulimit -d)",
        })
    }
}

/// A bound and what it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryBound {
    pub bound: Bound,
    /// The most that may be taken.
    pub limit: u64,
    /// What may still be taken.
    pub free: u64,
}

/// All that bounds the memory of this process, as far as the system tells.
pub(crate) fn memory_bounds() -> Vec<MemoryBound> {
    let machine = read("/proc/meminfo", "MemTotal:").zip(read("/proc/meminfo", "MemAvailable:"));
    let group = cgroup::memory();
    let mut all = Vec::new();
    let mut add = |bound, known: Option<(u64, u64)>| {
        all.extend(known.map(|(limit, free)| MemoryBound { bound, limit, free }));
    };
    add(Bound::Machine, machine);
    add(Bound::ControlGroup, group);
    add(Bound::AddressSpace, limits::address_space());
    add(Bound::DataSegment, limits::data_segment());
    all
}

/// The tightest bound of this process; none where the system tells of none.
#[cfg(feature = "torch")]
pub(crate) fn available_memory() -> Option<MemoryBound> {
    memory_bounds().into_iter().min_by_key(|bound| bound.free)
}

#[cfg(unix)]
mod limits {
    use rustix::process::{Resource, getrlimit};

    /// The limit of the address space and what is left of it. Libraries and stacks count, too.
    pub fn address_space() -> Option<(u64, u64)> {
        left(Resource::As, "VmSize:")
    }

    /// The limit of the data segment, which on Linux covers all private memory that can be written.
    pub fn data_segment() -> Option<(u64, u64)> {
        left(Resource::Data, "VmData:")
    }

    fn left(resource: Resource, used: &str) -> Option<(u64, u64)> {
        let limit = getrlimit(resource).current?;
        let used = super::read("/proc/self/status", used)?;
        Some((limit, limit.saturating_sub(used)))
    }
}

#[cfg(not(unix))]
mod limits {
    /// No such limit here.
    pub fn address_space() -> Option<(u64, u64)> {
        None
    }

    /// No such limit here.
    pub fn data_segment() -> Option<(u64, u64)> {
        None
    }
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

    #[cfg(target_os = "linux")]
    #[test]
    fn no_bound_leaves_more_than_it_allows() {
        let all = memory_bounds();
        assert!(all.iter().any(|b| b.bound == Bound::Machine), "{all:?}");
        assert!(all.iter().all(|b| b.free <= b.limit), "{all:?}");
    }
}
