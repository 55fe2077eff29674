//! What a search asked for, in numbers.

use super::Event;

/// How many questions were asked and answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Screenings and confirmations evaluated.
    pub evaluations: u64,
    /// Questions answered by an earlier result.
    pub cached: u64,
    /// Drifts measured.
    pub drift_evaluations: u64,
    /// Held back and not audited.
    pub gated: u64,
    /// Held back but evaluated anyway.
    pub audited: u64,
    /// Images that the same questions cost when nothing stops early.
    pub plain_images: u64,
}

impl Counters {
    /// The counts of a finished search; none for another event.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Finished {
                evaluations,
                cached,
                drift_evaluations,
                gated,
                audited,
                plain_images,
                ..
            } => Some(Counters {
                evaluations: *evaluations,
                cached: *cached,
                drift_evaluations: *drift_evaluations,
                gated: *gated,
                audited: *audited,
                plain_images: *plain_images,
            }),
            _ => None,
        }
    }
}
