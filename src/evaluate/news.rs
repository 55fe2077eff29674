//! What evaluators tell beside answers, and who is there of those that work on other machines.

/// What evaluators tell beside answers, at any time.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Something that people should know.
    Note(String),
    /// So many of them can work at the same time now.
    Able(usize),
    /// Who is there, and what waits.
    Machines(Machines),
}

/// The workers on other machines, and the jobs that wait for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machines {
    /// By name.
    pub workers: Vec<RemoteWorker>,
    /// Jobs of this search that no worker has begun.
    pub queued: usize,
}

/// A worker on another machine.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWorker {
    /// A name that no other has: it begins with its machine.
    pub name: String,
    /// Where it evaluates: `cpu`, `cuda:0`.
    pub device: String,
    /// Its threads.
    pub threads: usize,
    /// What it does.
    pub state: RemoteState,
    /// Jobs answered, for whatever search.
    pub answered: u64,
    /// Images per second at work; none before its first images.
    pub rate: Option<f64>,
}

/// What a worker on another machine does, seen from one search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum RemoteState {
    /// A job of this search.
    Working,
    /// Another job: of another search, or one that this search has just cancelled.
    #[strum(to_string = "other job")]
    Elsewhere,
    /// Nothing, and it can do jobs of this search.
    Idle,
    /// It reads the network and the images, or waits for files.
    Preparing,
    /// It computes otherwise than this search's workers do.
    #[strum(to_string = "other arithmetic")]
    OtherNumerics,
    /// It cannot evaluate this search's network.
    Unable,
    /// It has not heard of this search yet.
    New,
}
