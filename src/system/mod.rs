//! What the operating system grants this process: memory, processor, disk. Linux tells; where a
//! system does not, the answer is none. And what is done when it ends the process: the diagnostic
//! log, and reports of faults.

mod bounded_file;
mod bounded_folder;
mod cgroup;
pub(crate) mod crash;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod deleted_folder;
mod disk;
pub(crate) mod fault;
#[cfg(unix)]
mod last_words;
pub(crate) mod log;
mod memory;
mod processor;

pub(crate) use bounded_file::{read_at_most, read_text_within, read_within};
pub(crate) use bounded_folder::make_room;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) use deleted_folder::go_back;
pub(crate) use disk::disk;
#[cfg(unix)]
pub(crate) use last_words::{TakenTerminal, disarm, install};
#[cfg(feature = "torch")]
pub(crate) use memory::available_memory;
pub(crate) use memory::{Bound, MemoryBound, memory_bounds, peak_memory, resident_memory};
pub(crate) use processor::{Processor, processor};
