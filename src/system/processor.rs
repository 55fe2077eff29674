//! The processor, and how much of it this process may use.
#![forbid(unsafe_code)]

use super::cgroup;

/// A processor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Processor {
    /// Its name.
    pub name: Option<String>,
    /// The cores that this process may run on.
    pub affinity: Option<usize>,
    /// The cores that the quota of its control group amounts to; none without a quota.
    pub quota: Option<f64>,
    /// The cores that this program uses unless told: the least of all.
    pub usable: Option<usize>,
}

/// The processor of this process.
pub(crate) fn processor() -> Processor {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let usable = std::thread::available_parallelism();
    Processor {
        name: name(&text),
        affinity: affinity(),
        quota: cgroup::processors(),
        usable: usable.ok().map(Into::into),
    }
}

fn name(text: &str) -> Option<String> {
    let line = text.lines().find_map(|l| l.strip_prefix("model name"))?;
    let name = line.split_once(':')?.1.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(target_os = "linux")]
fn affinity() -> Option<usize> {
    let cores = rustix::thread::sched_getaffinity(None).ok()?;
    Some(cores.count() as usize)
}

#[cfg(not(target_os = "linux"))]
fn affinity() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_the_text() {
        let text = "processor\t: 0\nmodel name\t: A Processor @ 2 GHz\n";
        assert_eq!(name(text).as_deref(), Some("A Processor @ 2 GHz"));
        for none in ["", "model name", "model name\t:  \n"] {
            assert_eq!(name(none), None);
        }
    }
}
