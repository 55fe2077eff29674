//! A file of answers, append-only: each line a check sum and a record. Several programs may use it
//! at once.
//!
//! A line that is torn or damaged is passed over; what it said is computed again. Nothing that goes
//! wrong with the file is an error: without it the same answers are computed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::folder::replace;
use crate::evaluate::{CorrectBits, Outcome};
use crate::journal::{JsonLines, check_sum};
use crate::quant::Allocation;
use crate::system::make_room;

/// The largest size of a file in bytes; a larger one is cut to its newer half when it is opened.
const LARGEST_FILE: u64 = 64 << 20;
/// All files of a folder together; beyond it the least recently used ones are removed.
const LARGEST_FOLDER: u64 = 512 << 20;
const ENDING: &str = "answers";

/// Answers of one context.
#[derive(Debug)]
pub struct Store {
    lines: Option<JsonLines>,
    known: HashMap<Allocation, Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// By the most images that were asked for; none: all.
    drift: HashMap<Option<usize>, Outcome>,
    /// Of the split's first images.
    correct: CorrectBits,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    allocation: Allocation,
    /// Accuracy: the first image that the answer speaks of.
    #[serde(default, skip_serializing_if = "is_zero")]
    from: usize,
    /// Drift: the most images that it was to be measured on; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<usize>,
    outcome: Outcome,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Store {
    /// Opens a context's file in a folder; both are made where they are missing.
    pub fn open(folder: &Path, context: &str) -> Self {
        Store::bounded(folder, context, LARGEST_FILE, LARGEST_FOLDER)
    }

    fn bounded(folder: &Path, context: &str, largest_file: u64, largest_folder: u64) -> Self {
        let path = folder.join(format!("{context}.{ENDING}"));
        let _ = fs::create_dir_all(folder);
        if fs::metadata(&path).is_ok_and(|m| m.len() > largest_file) {
            shorten(&path, largest_file / 2);
        }
        make_room((folder, ENDING), &path, largest_folder);
        let mut store = Store {
            lines: JsonLines::shared(&path).ok(),
            known: HashMap::new(),
        };
        if let Some(lines) = &store.lines {
            let _ = lines.file().set_modified(SystemTime::now());
        }
        store.refresh();
        store
    }

    /// The drift of an allocation on at most so many images (none: all), if known.
    pub fn drift(&mut self, allocation: &Allocation, images: Option<usize>) -> Option<Outcome> {
        let known = self.known(allocation, |k| k.drift.contains_key(&images))?;
        known.drift.get(&images).cloned()
    }

    /// Which of the split's first images are classified correctly: at least `wanted` of them, or as
    /// many as are known.
    pub fn correct(&mut self, allocation: &Allocation, wanted: usize) -> CorrectBits {
        let known = self.known(allocation, |k| k.correct.len() >= wanted);
        known.map(|k| k.correct.clone()).unwrap_or_default()
    }

    fn known(
        &mut self,
        allocation: &Allocation,
        enough: impl Fn(&Known) -> bool,
    ) -> Option<&Known> {
        if !self.known.get(allocation).is_some_and(enough) {
            self.refresh();
        }
        self.known.get(allocation)
    }

    /// Keeps the answer to a question about an allocation. Of accuracies, `from` is the first image
    /// that the answer speaks of.
    pub fn keep(&mut self, allocation: &Allocation, from: usize, outcome: Outcome) {
        self.append(Record {
            allocation: allocation.clone(),
            from,
            images: None,
            outcome,
        });
    }

    /// Keeps the drift of an allocation on at most so many images; none: all.
    pub fn keep_drift(&mut self, allocation: &Allocation, images: Option<usize>, outcome: Outcome) {
        self.append(Record {
            allocation: allocation.clone(),
            from: 0,
            images,
            outcome,
        });
    }

    fn append(&mut self, record: Record) {
        if let (Ok(text), Some(lines)) = (serde_json::to_string(&record), &mut self.lines) {
            let _ = lines.append(&format!("{} {text}\n", check_sum(text.as_bytes())));
        }
        self.learn(record);
    }

    /// Reads what has been appended since, by whomever.
    fn refresh(&mut self) {
        let Some(Ok(lines)) = self.lines.as_mut().map(JsonLines::read) else {
            return;
        };
        for record in lines.split(|b| *b == b'\n').filter_map(parse) {
            self.learn(record);
        }
    }

    fn learn(&mut self, record: Record) {
        let known = self.known.entry(record.allocation).or_default();
        match record.outcome {
            Outcome::Accuracy { correct } => {
                let have = known.correct.len();
                let from = record.from;
                if (from..from.saturating_add(correct.len())).contains(&have) {
                    known
                        .correct
                        .extend(&correct.iter().skip(have - record.from).collect());
                }
            }
            drift @ Outcome::Drift { .. } => {
                known.drift.insert(record.images, drift);
            }
            Outcome::LayerErrors { .. } | Outcome::Statistics(_) => {}
        }
    }
}

fn parse(line: &[u8]) -> Option<Record> {
    let (sum, text) = line.split_at_checked(8)?;
    let text = text.strip_prefix(b" ")?;
    (check_sum(text).as_bytes() == sum)
        .then(|| serde_json::from_slice(text).ok())
        .flatten()
}

/// Leaves the newer lines of a file, at most `to` bytes. A program that has it open goes on with
/// the old one.
fn shorten(path: &Path, to: u64) {
    let Ok(bytes) = end_of(path, to) else { return };
    let line = bytes.iter().position(|b| *b == b'\n');
    let kept = line.and_then(|i| bytes.get(i + 1..)).unwrap_or_default();
    let _ = replace(path, kept);
}

/// The last bytes of a file, at most `most`.
fn end_of(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(most);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Proxies;
    use crate::quant::BitWidth;
    use std::path::PathBuf;

    fn allocation(bits: u8) -> Allocation {
        Allocation::uniform(3, BitWidth::new(bits).expect("a width"))
    }

    fn accuracy(text: &str) -> Outcome {
        Outcome::Accuracy {
            correct: bits(text),
        }
    }

    fn bits(text: &str) -> CorrectBits {
        text.chars().map(|c| c == '1').collect()
    }

    fn drift(drift: f64) -> Outcome {
        Outcome::Drift {
            drift,
            sites: vec![drift / 3.0, 0.1],
            proxies: Some(Proxies {
                max_drift: 0.1,
                weight_error: drift / 7.0,
                divergence: Some(1.0 / 3.0),
                spike_flips: None,
                image_drift: Some(drift / 11.0),
                wide_divergence: None,
                output_error: None,
                loss_increase: None,
                disagreement: None,
            }),
        }
    }

    fn file(folder: &Path) -> PathBuf {
        folder.join(format!("c.{ENDING}"))
    }

    #[test]
    fn answers_are_found_again_and_pieces_make_a_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(folder.path(), "c");
        store.keep_drift(&allocation(4), None, drift(0.1 + 0.2));
        store.keep_drift(&allocation(4), Some(2), drift(0.7));
        store.keep(&allocation(4), 0, accuracy("1101"));
        store.keep(&allocation(4), 4, accuracy("001"));
        // What overlaps agrees; what leaves a gap is of no use.
        store.keep(&allocation(4), 5, accuracy("0111"));
        store.keep(&allocation(4), 20, accuracy("1"));
        let mut again = Store::open(folder.path(), "c");
        for store in [&mut store, &mut again] {
            assert_eq!(store.drift(&allocation(4), None), Some(drift(0.1 + 0.2)));
            assert_eq!(store.drift(&allocation(4), Some(2)), Some(drift(0.7)));
            assert_eq!(store.drift(&allocation(4), Some(3)), None);
            assert_eq!(store.correct(&allocation(4), 3), bits("110100111"));
            assert_eq!(store.drift(&allocation(5), None), None);
        }
        assert_eq!(
            Store::open(folder.path(), "d").drift(&allocation(4), None),
            None
        );
    }

    #[test]
    fn programs_see_each_others_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut one = Store::open(folder.path(), "c");
        let mut other = Store::open(folder.path(), "c");
        one.keep(&allocation(3), 0, accuracy("10"));
        assert_eq!(other.correct(&allocation(3), 1), bits("10"));
        other.keep(&allocation(3), 2, accuracy("1"));
        assert_eq!(one.correct(&allocation(3), 3), bits("101"));
    }

    #[test]
    fn torn_and_damaged_lines_are_passed_over_wherever_they_break() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path());
        let mut store = Store::open(folder.path(), "c");
        store.keep_drift(&allocation(2), None, drift(0.5));
        store.keep_drift(&allocation(3), None, drift(0.25));
        drop(store);
        let whole = fs::read(&path).expect("just written");
        let second = whole.iter().position(|b| *b == b'\n').expect("lines") + 1;
        for cut in second..whole.len() {
            fs::write(&path, &whole[..cut]).expect("a test file");
            let mut store = Store::open(folder.path(), "c");
            assert_eq!(
                store.drift(&allocation(2), None),
                Some(drift(0.5)),
                "cut at {cut}"
            );
            assert_eq!(store.drift(&allocation(3), None), None);
            store.keep_drift(&allocation(3), None, drift(0.25));
            let mut again = Store::open(folder.path(), "c");
            assert_eq!(
                again.drift(&allocation(3), None),
                Some(drift(0.25)),
                "cut at {cut}"
            );
        }
        for at in 0..second - 1 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).expect("a test file");
            let mut store = Store::open(folder.path(), "c");
            assert_eq!(store.drift(&allocation(2), None), None, "damaged at {at}");
            assert_eq!(store.drift(&allocation(3), None), Some(drift(0.25)));
        }
    }

    #[test]
    fn files_and_folders_stay_small() {
        let folder = tempfile::tempdir().expect("a folder");
        let fill = |context: &str, answers: u64| {
            let mut store = Store::open(folder.path(), context);
            for i in 0..answers {
                store.keep(&allocation(4), i as usize, accuracy("1"));
            }
        };
        fill("c", 100);
        let len = || fs::metadata(file(folder.path())).expect("there").len();
        let before = len();
        fill("old", 50);
        let old = folder.path().join(format!("old.{ENDING}"));
        let long_ago = SystemTime::now() - std::time::Duration::from_secs(9000);
        fs::File::options()
            .write(true)
            .open(&old)
            .and_then(|f| f.set_modified(long_ago))
            .expect("a time");
        Store::bounded(folder.path(), "c", before, before);
        assert!(!old.exists() && len() == before);
        Store::bounded(folder.path(), "c", before - 1, before);
        assert!(len() <= before / 2 && len() > before / 4);
    }

    #[test]
    fn without_a_file_answers_are_known_while_the_program_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let blocked = folder.path().join("file");
        fs::write(&blocked, "").expect("space");
        let mut store = Store::open(&blocked, "c");
        store.keep_drift(&allocation(4), None, drift(0.5));
        assert_eq!(store.drift(&allocation(4), None), Some(drift(0.5)));
    }
}
