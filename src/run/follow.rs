//! Following a journal that another program writes.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::work::WorkReader;
use super::{RunError, Update};
use crate::journal::{self, Entry, FILE_NAME, Journal, JsonLines};
use crate::search::{Ledger, Tree};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The updates of a run, read from its journal as it grows. The thread ends when the receiver is
/// gone.
///
/// # Errors
/// [`RunError`] for a journal that cannot be read to its end, or no thread to read it.
pub fn follow(folder: &Path) -> Result<Receiver<Update>, RunError> {
    let mut journal = Journal::read(folder)?;
    let work = WorkReader::open(folder);
    let (tree, ledger) = work.logged.fold(&mut journal);
    super::folder::check(folder, &tree)?;
    let (updates, receiver) = unbounded();
    let mut follower = Follower {
        folder: folder.into(),
        at: journal.whole,
        seq: journal.entries.len() as u64,
        work,
        tree,
        ledger,
        updates,
    };
    let spawned = thread::Builder::new()
        .name("follower".into())
        .spawn(move || {
            let heard = follower.send(journal.entries);
            while heard.is_some() && follower.look().is_some() {
                thread::sleep(LOOK);
            }
        });
    spawned.map_err(RunError::io("start a thread for", folder))?;
    Ok(receiver)
}

struct Follower {
    folder: PathBuf,
    /// Bytes read, in whole lines.
    at: u64,
    /// The last event sent.
    seq: u64,
    work: WorkReader,
    tree: Tree,
    ledger: Ledger,
    updates: Sender<Update>,
}

impl Follower {
    /// Sends events that were folded, and the totals behind them; none when the receiver is gone.
    fn send(&self, entries: Vec<Entry>) -> Option<()> {
        let totals = self.work.logged.totals(&self.ledger, &self.tree);
        entries
            .into_iter()
            .map(|e| Update::Event(Box::new(e)))
            .chain([Update::Totals(totals)])
            .try_for_each(|update| self.updates.send(update))
            .ok()
    }

    /// Sends what has been written since; none when the receiver is gone or the journal is none any
    /// more.
    fn look(&mut self) -> Option<()> {
        let mut entries = match self.read() {
            Ok(entries) => entries,
            Err(why) => {
                let _ = self.updates.send(Update::Failed(why));
                return None;
            }
        };
        if entries.is_empty() {
            // Only a channel that is used tells that the receiver is gone.
            return self.updates.send(Update::Idle).ok();
        }
        self.work.refresh(&self.folder);
        for entry in &mut entries {
            entry.provenance = self.work.logged.provenance(entry.seq);
            self.tree.apply(&entry.event);
            self.ledger
                .apply(&entry.event, &self.tree, entry.provenance);
        }
        self.send(entries)
    }

    /// Whole lines written since.
    fn read(&mut self) -> Result<Vec<Entry>, String> {
        let path = self.folder.join(FILE_NAME);
        let lines = JsonLines::reader(&path, self.at).and_then(|mut lines| {
            let text = lines.read()?;
            self.at = lines.position();
            Ok(text)
        });
        let lines = lines.map_err(|e| format!("{} can no longer be read: {e}", path.display()))?;
        let mut entries = Vec::new();
        for line in lines.split_inclusive(|b| *b == b'\n') {
            let entry = journal::entry(line).map_err(|why| format!("{}: {why}", path.display()))?;
            if entry.seq != self.seq + 1 {
                let why = format!("event {} after event {}", entry.seq, self.seq);
                return Err(format!("{}: {why}", path.display()));
            }
            self.seq = entry.seq;
            entries.push(entry);
        }
        Ok(entries)
    }
}
