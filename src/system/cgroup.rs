//! Limits of the control groups of this process, of version 1 and 2. A limit of an outer group
//! holds for the inner ones, so all of them are read.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";
/// Limits from here on mean that there is none: version 1 writes a number near 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// The tightest memory limit and what is left of it, in bytes; none without a limit.
pub(super) fn memory() -> Option<(u64, u64)> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    memory_below(Path::new(ROOT), &groups)
}

/// The processors that the tightest quota of processor time amounts to; none without a quota.
pub(super) fn processors() -> Option<f64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    processors_below(Path::new(ROOT), &groups)
}

fn memory_below(root: &Path, groups: &str) -> Option<(u64, u64)> {
    let second = folders(root, groups, "").into_iter().filter_map(|folder| {
        // What is kept of files can be given up at any time.
        let cached = field(&folder.join("memory.stat"), "inactive_file");
        left(&folder, ("memory.max", "memory.current"), cached)
    });
    let first = folders(root, groups, "memory")
        .into_iter()
        .filter_map(|folder| {
            let cached = field(&folder.join("memory.stat"), "total_inactive_file");
            let names = ("memory.limit_in_bytes", "memory.usage_in_bytes");
            left(&folder, names, cached)
        });
    second.chain(first).min_by_key(|(_, free)| *free)
}

fn left(folder: &Path, (most, used): (&str, &str), cached: Option<u64>) -> Option<(u64, u64)> {
    let limit = number(&folder.join(most)).filter(|n| *n < NO_LIMIT)?;
    let used = number(&folder.join(used))?.saturating_sub(cached.unwrap_or(0));
    Some((limit, limit.saturating_sub(used)))
}

fn processors_below(root: &Path, groups: &str) -> Option<f64> {
    let second = folders(root, groups, "").into_iter().filter_map(|folder| {
        let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
        let (quota, period) = text.trim().split_once(' ')?;
        Some((quota.parse().ok()?, period.parse().ok()?))
    });
    let first = folders(root, groups, "cpu")
        .into_iter()
        .filter_map(|folder| {
            // -1 stands for none.
            let quota = number(&folder.join("cpu.cfs_quota_us"))?;
            Some((quota, number(&folder.join("cpu.cfs_period_us"))?))
        });
    let share = |(quota, period): (u64, u64)| (period > 0).then(|| quota as f64 / period as f64);
    second
        .chain(first)
        .filter_map(share)
        .min_by(|a: &f64, b: &f64| a.total_cmp(b))
}

/// The folders of this process's group and of those around it; of version 2 where no controller is
/// named.
fn folders(root: &Path, groups: &str, controller: &str) -> Vec<PathBuf> {
    let own = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let is_it = match controller {
            "" => controllers.is_empty(),
            name => controllers.split(',').any(|c| c == name),
        };
        is_it.then(|| path.trim_start_matches('/').to_owned())
    });
    let Some(own) = own else {
        return Vec::new();
    };
    // Both versions may be there side by side.
    let mounted = match controller {
        "" if root.join("unified").is_dir() => root.join("unified"),
        name => root.join(name),
    };
    // A group outside of a container's view begins with "..": the container's root is what counts.
    let inside = !own.split('/').any(|part| part == "..");
    let own = if inside { own } else { String::new() };
    let all = Path::new(&own).ancestors();
    all.map(|group| mounted.join(group)).collect()
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(n, _)| *n == name)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_tightest_group_of_version_2_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let groups = "0::/job/step\n";
        assert_eq!(memory_below(root, groups), None);
        write(root, "job/memory.max", "1000\n");
        write(root, "job/memory.current", "700\n");
        write(root, "job/memory.stat", "anon 300\ninactive_file 300\n");
        write(root, "job/step/memory.max", "max\n");
        write(root, "job/step/memory.current", "10\n");
        assert_eq!(memory_below(root, groups), Some((1000, 600)));
        assert_eq!(memory_below(root, "0::/other\n"), None);
        write(root, "job/step/cpu.max", "max 100000\n");
        assert_eq!(processors_below(root, groups), None);
        write(root, "job/cpu.max", "150000 100000\n");
        assert_eq!(processors_below(root, groups), Some(1.5));
    }

    #[test]
    fn version_1_names_its_controllers() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let groups = "4:memory:/a\n2:cpu,cpuacct:/a\n0::/\n";
        write(
            root,
            "memory/a/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        write(root, "memory/a/memory.usage_in_bytes", "5\n");
        assert_eq!(memory_below(root, groups), None);
        write(root, "memory/memory.limit_in_bytes", "50\n");
        write(root, "memory/memory.usage_in_bytes", "60\n");
        assert_eq!(memory_below(root, groups), Some((50, 0)));
        write(root, "cpu/a/cpu.cfs_quota_us", "-1\n");
        write(root, "cpu/a/cpu.cfs_period_us", "100000\n");
        assert_eq!(processors_below(root, groups), None);
        write(root, "cpu/a/cpu.cfs_quota_us", "50000\n");
        assert_eq!(processors_below(root, groups), Some(0.5));
    }

    #[test]
    fn nonsense_is_no_limit() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for groups in ["", "::", "x", "0::/../..", "0:", "4:memory"] {
            write(root, "memory.max", "much");
            write(root, "cpu.max", "1 0");
            assert_eq!(memory_below(root, groups), None, "{groups}");
            assert_eq!(processors_below(root, groups), None, "{groups}");
        }
    }
}
