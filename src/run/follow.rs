//! Following a journal that another program writes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{RunError, Summary, Update};
use crate::journal::{Entry, FILE_NAME, Journal};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What a run tells, read from its journal as it grows. The thread ends when nobody listens any more.
///
/// # Errors
/// [`RunError`] for a journal that cannot be read to its end, or no thread to read it.
pub fn follow(folder: &Path) -> Result<Receiver<Update>, RunError> {
    let journal = Journal::read(folder)?;
    let summary = Summary::read(folder)?;
    let (updates, receiver) = unbounded();
    let mut follower = Follower {
        folder: folder.into(),
        at: journal.whole,
        seq: journal.entries.len() as u64,
        updates,
    };
    let spawned = thread::Builder::new()
        .name("follower".into())
        .spawn(move || {
            let told = follower.tell(journal.entries).is_some()
                && follower
                    .updates
                    .send(Update::Totals(summary.totals))
                    .is_ok();
            while told && follower.look().is_some() {
                thread::sleep(LOOK);
            }
        });
    spawned.map_err(|source| RunError::Io {
        action: "start a thread for",
        path: folder.into(),
        source,
    })?;
    Ok(receiver)
}

struct Follower {
    folder: PathBuf,
    /// Bytes read, in whole lines.
    at: u64,
    /// The last event told.
    seq: u64,
    updates: Sender<Update>,
}

impl Follower {
    fn tell(&self, entries: Vec<Entry>) -> Option<()> {
        let mut all = entries.into_iter().map(|e| Update::Event(Box::new(e)));
        all.try_for_each(|update| self.updates.send(update)).ok()
    }

    /// Tells what has been written since; none when nobody listens or the journal is no longer one.
    fn look(&mut self) -> Option<()> {
        let fresh = match self.read() {
            Ok(fresh) => fresh,
            Err(why) => {
                let _ = self.updates.send(Update::Failed(why));
                return None;
            }
        };
        if fresh.is_empty() {
            // Only a channel that is used tells that nobody listens.
            return self.updates.send(Update::Idle).ok();
        }
        self.tell(fresh)?;
        match Summary::read(&self.folder) {
            Ok(summary) => self.updates.send(Update::Totals(summary.totals)).ok(),
            Err(_) => Some(()),
        }
    }

    /// Whole lines written since.
    fn read(&mut self) -> Result<Vec<Entry>, String> {
        let path = self.folder.join(FILE_NAME);
        let said = |e: std::io::Error| format!("{} can no longer be read: {e}", path.display());
        let mut file = File::open(&path).map_err(said)?;
        file.seek(SeekFrom::Start(self.at)).map_err(said)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(said)?;
        let mut entries = Vec::new();
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            // The rest of a line is still being written, or was cut off and is written again.
            if !line.ends_with(b"\n") {
                break;
            }
            let entry: Entry = serde_json::from_slice(line)
                .map_err(|e| format!("{}: not an event: {e}", path.display()))?;
            if entry.seq != self.seq + 1 {
                let why = format!("event {} after event {}", entry.seq, self.seq);
                return Err(format!("{}: {why}", path.display()));
            }
            self.seq = entry.seq;
            self.at += line.len() as u64;
            entries.push(entry);
        }
        Ok(entries)
    }
}
