//! `RUN/work.jsonl`: what the evaluations cost, and which answers earlier runs had given. Beside
//! the journal, because it depends on machine, switches and resumes.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Totals;
use super::files::WORK;
use crate::evaluate::{Job, Provenance, Work};
use crate::journal::{Journal, JsonLines, Seal, seal, sealed};
use crate::search::{Ledger, Tree};

/// The costs of a run between two lines of its work log. Also their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spent {
    pub layer_forwards: u64,
    /// Those of `layer_forwards` that are of no decision: of the test split and the certificate.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub layer_forwards_after: u64,
    pub images: u64,
    pub seconds: f64,
    /// Of quantizing with calibration images.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub calibration: f64,
}

fn is_nothing(seconds: &f64) -> bool {
    *seconds == 0.0
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Spent {
    /// The sum; counts that do not fit stay at the largest number.
    fn plus(self, more: Spent) -> Spent {
        Spent {
            layer_forwards: self.layer_forwards.saturating_add(more.layer_forwards),
            layer_forwards_after: self
                .layer_forwards_after
                .saturating_add(more.layer_forwards_after),
            images: self.images.saturating_add(more.images),
            seconds: (self.seconds + more.seconds).min(f64::MAX),
            calibration: (self.calibration + more.calibration).min(f64::MAX),
        }
    }
}

/// One line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Spent(Spent),
    /// An earlier run had given the answer that led to the event of this number.
    Reused {
        recalled: u64,
    },
    /// No longer: that event never came into the journal.
    Computed {
        computed: u64,
    },
}

/// Everything that a work log says.
#[derive(Clone, Debug, Default)]
pub(super) struct Logged {
    pub spent: Spent,
    reused: HashSet<u64>,
}

impl Logged {
    /// Adds lines. Costs are for information: a line that is none, or was changed, is passed over.
    /// (Earlier versions wrote lines without a check sum.)
    fn add(&mut self, lines: &[u8]) {
        let lines = lines.split(|b| *b == b'\n');
        let lines = lines.filter(|line| seal(line) != Seal::Broken);
        for line in lines.filter_map(|line| serde_json::from_slice(line).ok()) {
            match line {
                Line::Spent(spent) if spent.seconds >= 0.0 && spent.calibration >= 0.0 => {
                    self.spent = self.spent.plus(spent);
                }
                Line::Spent(_) => {}
                Line::Reused { recalled } => drop(self.reused.insert(recalled)),
                Line::Computed { computed } => drop(self.reused.remove(&computed)),
            }
        }
    }

    /// Where the answer came from that led to the event of this number.
    pub fn provenance(&self, seq: u64) -> Provenance {
        match self.reused.contains(&seq) {
            true => Provenance::EarlierRun,
            false => Provenance::Computed,
        }
    }

    /// The state and the counts of a journal, whose entries learn where their answers came from.
    pub fn fold(&self, journal: &mut Journal) -> (Tree, Ledger) {
        let mut tree = Tree::default();
        let header = &journal.header;
        let mut ledger = Ledger::new(header.batch).with_corrections(header.correction_images);
        for entry in &mut journal.entries {
            entry.provenance = self.provenance(entry.seq);
            tree.apply(&entry.event);
            ledger.apply(&entry.event, &tree, entry.provenance);
        }
        (tree, ledger)
    }

    /// The work counters of a run in this state.
    pub fn totals(&self, ledger: &Ledger, tree: &Tree) -> Totals {
        Totals {
            layer_forwards: self.spent.layer_forwards,
            layer_forwards_search: self
                .spent
                .layer_forwards
                .saturating_sub(self.spent.layer_forwards_after),
            layer_forwards_plain: ledger.layer_forwards_plain(tree),
            images: self.spent.images,
            seconds: self.spent.seconds,
            calibration_seconds: self.spent.calibration,
        }
    }
}

/// A work log that grows while it is read; none where there is no file.
#[derive(Debug, Default)]
pub(super) struct WorkReader {
    lines: Option<JsonLines>,
    pub logged: Logged,
}

impl WorkReader {
    /// Reads the work log of a run's folder.
    pub fn open(folder: &Path) -> Self {
        let mut reader = WorkReader::default();
        reader.refresh(folder);
        reader
    }

    /// Reads what has been added since.
    pub fn refresh(&mut self, folder: &Path) {
        if self.lines.is_none() {
            self.lines = JsonLines::reader(&folder.join(WORK), 0).ok();
        }
        if let Some(Ok(lines)) = self.lines.as_mut().map(JsonLines::read) {
            self.logged.add(&lines);
        }
    }
}

/// The costs of a run so far, kept on disk as they grow.
#[derive(Debug)]
pub(super) struct WorkLog {
    pub logged: Logged,
    lines: Option<JsonLines>,
    last: Instant,
}

impl WorkLog {
    /// Reads what there is and continues behind `events` events of the journal. A line
    /// that cannot be read or written never stops a run.
    pub fn open(folder: &Path, events: usize) -> Self {
        let mut lines = JsonLines::shared(&folder.join(WORK)).ok();
        let mut logged = Logged::default();
        if let Some(Ok(text)) = lines.as_mut().map(JsonLines::read) {
            logged.add(&text);
        }
        let mut log = WorkLog {
            logged,
            lines,
            last: Instant::now(),
        };
        // What the program was killed at before the event itself was written.
        let events = events as u64;
        let stale: Vec<u64> = log.logged.reused.extract_if(|seq| *seq > events).collect();
        for computed in stale {
            log.write(Line::Computed { computed });
        }
        log
    }

    /// Adds the costs of a job, and the time since the last call.
    pub fn add(&mut self, job: &Job, work: Work) {
        let after = !job.question.is_of_search();
        self.spend(Spent {
            layer_forwards: work.layer_forwards,
            layer_forwards_after: if after { work.layer_forwards } else { 0 },
            images: work.images,
            seconds: 0.0,
            calibration: work.calibration_seconds,
        });
    }

    /// Adds the time since the last call.
    pub fn elapse(&mut self) {
        self.spend(Spent::default());
    }

    fn spend(&mut self, spent: Spent) {
        let now = Instant::now();
        let seconds = now.duration_since(self.last).as_secs_f64();
        self.last = now;
        let spent = Spent { seconds, ..spent };
        self.logged.spent = self.logged.spent.plus(spent);
        self.write(Line::Spent(spent));
    }

    /// Notes that an earlier run had given the answer that leads to the event of this number.
    pub fn reused(&mut self, seq: u64) {
        self.logged.reused.insert(seq);
        self.write(Line::Reused { recalled: seq });
    }

    fn write(&mut self, line: Line) {
        if let (Some(lines), Ok(text)) = (self.lines.as_mut(), serde_json::to_string(&line)) {
            let _ = lines.append(&format!("{}\n", sealed(&text)));
        }
    }

    /// Counts time from now on: what has passed since the last call was no work.
    pub fn restart(&mut self) {
        self.last = Instant::now();
    }

    /// Seconds of working until now, where it works.
    pub fn seconds(&self) -> f64 {
        self.logged.spent.seconds + self.last.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::evaluate::{Question, Split};
    use crate::quant::Allocation;

    fn job() -> Job {
        Job {
            allocation: Allocation(Vec::new()),
            question: Question::Drift { images: None },
        }
    }

    #[test]
    fn work_for_the_test_split_is_not_of_the_search() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = WorkLog::open(folder.path(), 0);
        let test = Job {
            question: Question::Accuracy {
                split: Split::Test,
                from: 0,
                to: 1,
                stop: None,
            },
            ..job()
        };
        for (job, layer_forwards) in [(job(), 5), (test, 7)] {
            let work = Work {
                layer_forwards,
                ..Work::default()
            };
            log.add(&job, work);
        }
        let logged = WorkReader::open(folder.path()).logged;
        let totals = logged.totals(&Ledger::default(), &Tree::default());
        assert_eq!(
            (totals.layer_forwards, totals.layer_forwards_search),
            (12, 5)
        );
    }

    #[test]
    fn what_is_read_again_is_what_was_added() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = WorkLog::open(folder.path(), 8);
        for images in [3, 4] {
            log.add(
                &job(),
                Work {
                    layer_forwards: 10 * images,
                    images,
                    ..Work::default()
                },
            );
        }
        log.reused(8);
        let logged = WorkReader::open(folder.path()).logged;
        let total = logged.spent;
        assert_eq!(total, log.logged.spent);
        assert_eq!(logged.provenance(8), Provenance::EarlierRun);
        assert_eq!(logged.provenance(7), Provenance::Computed);
        assert_eq!((total.layer_forwards, total.images), (70, 7));
        drop(log);
        let again = WorkLog::open(folder.path(), 8);
        assert_eq!(again.logged.spent, logged.spent);
        assert_eq!(again.logged.provenance(8), Provenance::EarlierRun);
        // An event that never came into the journal was not led to by anything.
        drop(WorkLog::open(folder.path(), 7));
        let logged = WorkReader::open(folder.path()).logged;
        assert_eq!(logged.provenance(8), Provenance::Computed);
    }

    #[test]
    fn a_hostile_log_saturates_and_never_panics() {
        let folder = tempfile::tempdir().expect("a folder");
        let most = u64::MAX;
        let line =
            |seconds| format!(r#"{{"layer_forwards":{most},"images":{most},"seconds":{seconds}}}"#);
        let lines = [
            line("1e308"),
            line("1e308"),
            line("-5"),
            line("null"),
            "\u{0}".into(),
        ];
        let mut bytes = lines.join("\n").into_bytes();
        bytes.extend([0xff, b'\n', b'{']);
        fs::write(folder.path().join(WORK), bytes).expect("space");
        let mut log = WorkLog::open(folder.path(), 8);
        log.add(
            &job(),
            Work {
                layer_forwards: 1,
                images: 1,
                ..Work::default()
            },
        );
        let total = log.logged.spent;
        assert_eq!((total.layer_forwards, total.images), (most, most));
        assert_eq!(total.seconds, f64::MAX);
        assert_eq!(WorkReader::open(folder.path()).logged.spent.images, most);
    }
}
