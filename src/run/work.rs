//! `RUN/work.jsonl`: what the evaluations cost. Beside the journal, because it depends on machine, switches and resumes.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::evaluate::Work;

const FILE_NAME: &str = "work.jsonl";

/// One line: what has come to the run's costs since the line before.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Line {
    layer_forwards: u64,
    images: u64,
    seconds: f64,
}

/// The costs of a run so far, kept on disk as they grow.
#[derive(Debug)]
pub(super) struct WorkLog {
    file: Option<File>,
    total: Line,
    last: Instant,
}

impl WorkLog {
    /// Reads what there is and goes on from there. Costs are for information: a line that cannot be read or written is
    /// passed over, and never stops a run.
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE_NAME);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let total = lines.fold(Line::default(), |sum, line| Line {
            layer_forwards: sum.layer_forwards.saturating_add(line.layer_forwards),
            images: sum.images.saturating_add(line.images),
            seconds: sum.seconds + line.seconds,
        });
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .ok();
        if let (false, Some(file)) = (text.is_empty() || text.ends_with('\n'), file.as_mut()) {
            let _ = file.write_all(b"\n");
        }
        WorkLog {
            file,
            total,
            last: Instant::now(),
        }
    }

    /// Adds the costs of a job, and the time since the last call.
    pub fn add(&mut self, work: Work) {
        let now = Instant::now();
        let seconds = now.duration_since(self.last).as_secs_f64();
        self.last = now;
        let line = Line {
            layer_forwards: work.layer_forwards,
            images: work.images,
            seconds,
        };
        self.total.layer_forwards += line.layer_forwards;
        self.total.images += line.images;
        self.total.seconds += line.seconds;
        if let (Some(file), Ok(text)) = (self.file.as_mut(), serde_json::to_string(&line)) {
            let _ = file.write_all(format!("{text}\n").as_bytes());
        }
    }

    /// Counts time from now on: what has passed since the last call was no work.
    pub fn restart(&mut self) {
        self.last = Instant::now();
    }

    /// Layer-forwards, images and seconds up to the last call of [`WorkLog::add`].
    pub fn total(&self) -> (u64, u64, f64) {
        (
            self.total.layer_forwards,
            self.total.images,
            self.total.seconds,
        )
    }
}

/// The costs of a run that is not open: layer-forwards, images, seconds.
pub(super) fn read(folder: &Path) -> (u64, u64, f64) {
    let text = fs::read_to_string(folder.join(FILE_NAME)).unwrap_or_default();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.fold((0, 0, 0.0), |(f, i, s), l| {
        (f + l.layer_forwards, i + l.images, s + l.seconds)
    })
}
