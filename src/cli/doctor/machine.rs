//! The processor, and memory with its limits.

use super::check::Check;
use crate::kernels::{ByteConv, FloatConv};
use crate::system::{Bound, MemoryBound, memory_bounds, processor};
use crate::text::numbers::bytes;

/// Memory below which a search of the demo may not run: its peak is 206 MiB with two threads and
/// empty caches.
const LEAST_MEMORY: u64 = 256 << 20;

pub(super) fn checks() -> Vec<Check> {
    let processor = processor();
    let mut all = vec![
        Check::told("processor", processor.name.clone()),
        Check::told("cores", cores(&processor)),
        kernels(),
    ];
    all.extend(memory(&memory_bounds()));
    all
}

fn cores(processor: &crate::system::Processor) -> Option<String> {
    let mut found = format!("{} for this process", processor.usable?);
    let parts = [
        processor.affinity.map(|n| format!("affinity {n}")),
        processor.quota.map(|share| format!("quota {share:.1}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        found.push_str(&format!(" ({})", parts.join(", ")));
    }
    Some(found)
}

fn kernels() -> Check {
    let floats = FloatConv::detect().map(|kernel| kernel.set().name());
    let whole = ByteConv::detect().map(|kernel| kernel.set().name());
    let name = "kernels";
    match (floats, whole) {
        (Some(floats), Some(whole)) => {
            Check::fine(name, format!("{floats} for floats, {whole} for integers"))
        }
        (Some(floats), None) => Check::lacking(
            name,
            format!("{floats} for floats, none for integers"),
            "expect slower searches: libtorch computes integer layers in f32, as exactly",
        ),
        (None, _) => Check::lacking(
            name,
            "none for this processor",
            "expect slower searches: a processor with AVX2 or AVX-512 runs our kernels",
        ),
    }
}

fn memory(bounds: &[MemoryBound]) -> Vec<Check> {
    if bounds.is_empty() {
        return vec![Check::told("memory", None)];
    }
    let check = |found: &MemoryBound| {
        let name = match found.bound {
            Bound::Machine => "memory",
            Bound::ControlGroup => "memory of the control group",
            Bound::AddressSpace => "address space (ulimit -v)",
            Bound::DataSegment => "data segment (ulimit -d)",
        };
        let text = format!("{} free of {}", bytes(found.free), bytes(found.limit));
        match found.free < LEAST_MEMORY {
            false => Check::fine(name, text),
            true => Check::lacking(name, text, found.bound.advice()),
        }
    };
    bounds.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn little_memory_is_lacking_and_unknown_is_said() {
        let unknown = memory(&[]);
        assert_eq!(unknown[0].found, "not known");
        let bound = |bound, free| MemoryBound {
            bound,
            limit: 1 << 30,
            free,
        };
        let all = memory(&[
            bound(Bound::Machine, 1 << 29),
            bound(Bound::AddressSpace, 1 << 20),
        ]);
        assert_eq!(all[0].state, State::Fine);
        assert_eq!(all[1].state, State::Lacking);
        assert!(all[1].name.contains("ulimit -v"));
    }

    #[test]
    fn cores_are_told_with_what_bounds_them() {
        let mut found = crate::system::Processor {
            name: None,
            affinity: Some(4),
            quota: Some(1.5),
            usable: Some(1),
        };
        let text = cores(&found);
        assert_eq!(
            text.as_deref(),
            Some("1 for this process (affinity 4, quota 1.5)")
        );
        found.usable = None;
        assert_eq!(cores(&found), None);
    }
}
