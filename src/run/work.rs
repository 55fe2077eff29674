//! `RUN/work.jsonl`: what the evaluations cost. Beside the journal, because it depends on machine, switches and resumes.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::evaluate::Work;

/// The file's name in its run folder.
pub(super) const FILE_NAME: &str = "work.jsonl";

/// One line: what has come to the run's costs since the line before. Also their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spent {
    pub layer_forwards: u64,
    pub images: u64,
    pub seconds: f64,
}

impl Spent {
    /// The sum; counts that do not fit stay at the largest number.
    fn plus(self, more: Spent) -> Spent {
        Spent {
            layer_forwards: self.layer_forwards.saturating_add(more.layer_forwards),
            images: self.images.saturating_add(more.images),
            seconds: (self.seconds + more.seconds).min(f64::MAX),
        }
    }

    /// The sum of all lines. Costs are for information: a line that is none is passed over.
    fn sum(text: &str) -> Spent {
        text.lines()
            .filter_map(|line| serde_json::from_str::<Spent>(line).ok())
            .filter(|line| line.seconds >= 0.0)
            .fold(Spent::default(), Spent::plus)
    }
}

/// A line about an event whose answer an earlier run had given.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Recalled {
    recalled: u64,
}

/// Everything that a work log says.
#[derive(Clone, Debug, Default)]
pub(super) struct Logged {
    pub spent: Spent,
    recalled: HashSet<u64>,
}

impl Logged {
    /// Costs are for information: a line that is none is passed over.
    fn parse(text: &str) -> Self {
        let recalled = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Recalled>(line).ok());
        Logged {
            spent: Spent::sum(text),
            recalled: recalled.map(|line| line.recalled).collect(),
        }
    }

    /// True where an earlier run's answer led to the event of this number.
    pub fn is_recalled(&self, seq: u64) -> bool {
        self.recalled.contains(&seq)
    }
}

/// The costs of a run so far, kept on disk as they grow.
#[derive(Debug)]
pub(super) struct WorkLog {
    logged: Logged,
    file: Option<File>,
    last: Instant,
}

impl WorkLog {
    /// Reads what there is and goes on from there. A line that cannot be read or written never stops a run.
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE_NAME);
        let text = read_text(folder);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .ok();
        if let (false, Some(file)) = (text.is_empty() || text.ends_with('\n'), file.as_mut()) {
            let _ = file.write_all(b"\n");
        }
        WorkLog {
            logged: Logged::parse(&text),
            file,
            last: Instant::now(),
        }
    }

    /// Adds the costs of a job, and the time since the last call.
    pub fn add(&mut self, work: Work) {
        let now = Instant::now();
        let seconds = now.duration_since(self.last).as_secs_f64();
        self.last = now;
        let line = Spent {
            layer_forwards: work.layer_forwards,
            images: work.images,
            seconds,
        };
        self.logged.spent = self.logged.spent.plus(line);
        self.write(&line);
    }

    /// An earlier run's answer led to the event of this number.
    pub fn recalled(&mut self, seq: u64) {
        self.logged.recalled.insert(seq);
        self.write(&Recalled { recalled: seq });
    }

    /// True where an earlier run's answer led to the event of this number.
    pub fn is_recalled(&self, seq: u64) -> bool {
        self.logged.is_recalled(seq)
    }

    fn write(&mut self, line: &impl Serialize) {
        if let (Some(file), Ok(text)) = (self.file.as_mut(), serde_json::to_string(line)) {
            let _ = file.write_all(format!("{text}\n").as_bytes());
        }
    }

    /// Counts time from now on: what has passed since the last call was no work.
    pub fn restart(&mut self) {
        self.last = Instant::now();
    }

    /// Seconds of working until now, where it works.
    pub fn seconds(&self) -> f64 {
        self.total().seconds + self.last.elapsed().as_secs_f64()
    }

    /// All costs up to the last call of [`WorkLog::add`].
    pub fn total(&self) -> Spent {
        self.logged.spent
    }
}

/// The work log of a run that is not open.
pub(super) fn read(folder: &Path) -> Logged {
    Logged::parse(&read_text(folder))
}

fn read_text(folder: &Path) -> String {
    let bytes = fs::read(folder.join(FILE_NAME)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_again_is_what_was_added() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = WorkLog::open(folder.path());
        for images in [3, 4] {
            log.add(Work {
                layer_forwards: 10 * images,
                images,
                ..Work::default()
            });
        }
        log.recalled(8);
        let logged = read(folder.path());
        assert_eq!(logged.spent, log.total());
        assert!(logged.is_recalled(8) && log.is_recalled(8) && !logged.is_recalled(7));
        assert_eq!((log.total().layer_forwards, log.total().images), (70, 7));
        drop(log);
        let again = WorkLog::open(folder.path());
        assert_eq!(again.total(), logged.spent);
        assert!(again.is_recalled(8));
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
        fs::write(folder.path().join(FILE_NAME), bytes).expect("space");
        let mut log = WorkLog::open(folder.path());
        log.add(Work {
            layer_forwards: 1,
            images: 1,
            ..Work::default()
        });
        let total = log.total();
        assert_eq!((total.layer_forwards, total.images), (most, most));
        assert_eq!(total.seconds, f64::MAX);
        assert_eq!(read(folder.path()).spent.images, most);
    }
}
