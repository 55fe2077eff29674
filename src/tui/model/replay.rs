//! The playback of a journal: how much of it is shown, and at which speed it plays.

use std::time::Duration;

use crate::journal::Entry;

/// The journal so far, and the moment that is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    entries: Vec<Entry>,
    /// Seconds of each entry.
    seconds: Vec<f64>,
    /// The number of entries shown.
    pub shown: usize,
    /// True while it plays by itself.
    pub playing: bool,
    /// Seconds of the run in a second.
    pub speed: u32,
    /// The moment that is shown, in seconds.
    now: f64,
}

/// The longest wait while playing, in seconds: pauses of the run are cut to it.
const LONGEST_WAIT: f64 = 1.0;
/// The highest speed.
const FASTEST: u32 = 4096;

impl Replay {
    /// An empty journal.
    pub fn new() -> Self {
        Replay {
            speed: 16,
            ..Replay::default()
        }
    }

    /// Adds an entry. True when it is to be shown at once, because all before it are.
    pub fn push(&mut self, entry: &Entry) -> bool {
        let live = self.is_live();
        let at = entry.time.parse::<jiff::Timestamp>();
        let before = self.seconds.last().copied().unwrap_or(0.0);
        self.seconds
            .push(at.map_or(before, |at| at.as_second() as f64));
        self.entries.push(entry.clone());
        if live {
            self.shown = self.entries.len();
        }
        live
    }

    /// True when all entries are shown.
    pub fn is_live(&self) -> bool {
        self.shown == self.entries.len() && !self.playing
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is no entry yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries from one to another.
    pub fn entries(&self, from: usize, to: usize) -> Vec<Entry> {
        let to = to.min(self.entries.len());
        self.entries
            .get(from..to)
            .map_or(Vec::new(), <[Entry]>::to_vec)
    }

    /// The time of day of the last entry shown, as it was written.
    pub fn time(&self) -> Option<&str> {
        let last = self.shown.checked_sub(1)?;
        self.entries.get(last).map(|e| e.time.as_str())
    }

    /// Time from the first entry to the one shown.
    pub fn elapsed(&self) -> Duration {
        let last = self.shown.checked_sub(1).and_then(|i| self.seconds.get(i));
        let first = self.seconds.first();
        let seconds = last.zip(first).map_or(0.0, |(last, first)| last - first);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Shows this number of entries from now on.
    pub fn show(&mut self, entries: usize) {
        self.shown = entries.min(self.entries.len());
        let last = self.shown.saturating_sub(1);
        self.now = self.seconds.get(last).copied().unwrap_or(0.0);
    }

    /// Plays, from the start when the end is reached; or stops.
    pub fn toggle(&mut self) {
        self.playing = !self.playing;
        let shown = if self.shown == self.entries.len() {
            0
        } else {
            self.shown
        };
        if self.playing {
            self.show(shown);
        }
    }

    /// Doubles or halves the speed.
    pub fn set_speed(&mut self, faster: bool) {
        self.speed = match faster {
            true => (self.speed * 2).min(FASTEST),
            false => (self.speed / 2).max(1),
        };
    }

    /// The number of entries to be shown after some more time.
    pub fn advance(&mut self, by: Duration) -> usize {
        let speed = f64::from(self.speed);
        self.now += by.as_secs_f64() * speed;
        if let Some(next) = self.seconds.get(self.shown) {
            self.now = self.now.max(next - LONGEST_WAIT * speed);
        }
        let due = |at: &&f64| **at <= self.now;
        let shown = self.shown + self.seconds[self.shown..].iter().take_while(due).count();
        if shown == self.entries.len() {
            self.playing = false;
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Provenance;
    use crate::search::{CandidateId, Event};

    fn entry(second: u64) -> Entry {
        Entry {
            seq: second,
            time: format!("2026-05-04T09:{:02}:{:02}Z", second / 60, second % 60),
            event: Event::IncumbentChanged {
                candidate: Some(CandidateId(0)),
            },
            provenance: Provenance::Computed,
        }
    }

    #[test]
    fn it_plays_at_its_speed_and_cuts_pauses_short() {
        let mut replay = Replay::new();
        for second in [0, 10, 20, 2000] {
            assert!(replay.push(&entry(second)));
        }
        assert!(replay.is_live());
        assert_eq!(replay.elapsed(), Duration::from_secs(2000));
        replay.speed = 10;
        replay.toggle();
        assert_eq!(replay.shown, 0, "from the start");
        let second = Duration::from_secs(1);
        let mut shown = vec![];
        for _ in 0..4 {
            let to = replay.advance(second);
            replay.shown = to;
            shown.push(to);
        }
        assert_eq!(shown, [2, 3, 3, 4]);
        assert!(!replay.playing && replay.is_live());
        replay.show(1);
        assert!(
            !replay.push(&entry(2001)),
            "who looks back is not torn away"
        );
    }
}
