//! Reading and appending.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use tempfile::TempPath;

use super::check_sum::{Seal, seal, sealed};
use super::guard::is_held;
use super::lines::LARGEST;
use super::upgrade::Upgrade;
use super::{Entry, Event, Header, JournalError, JsonLines};
use crate::evaluate::Provenance;
use crate::system::read_within;

/// The journal's name in its run folder.
pub const FILE_NAME: &str = "journal.jsonl";
/// The most bytes at a journal's end that the disk may not have confirmed: more than an append of
/// any search has.
const UNCONFIRMED: u64 = 64 << 10;

/// The most bytes of its first line.
const LARGEST_HEADER: u64 = 1 << 20;

/// A journal as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// Its first line.
    pub header: Header,
    /// Its events.
    pub entries: Vec<Entry>,
    /// Bytes up to and including the last whole line.
    pub whole: u64,
    /// True where it was of an earlier format.
    pub upgraded: bool,
}

/// Why a line is not what was written.
const CHANGED: &str = "its check sum is another";

/// The entry of a line; or why it is none. (Lines of earlier versions have no check sum.)
pub(crate) fn entry(line: &[u8]) -> Result<Entry, String> {
    let entry = serde_json::from_slice(line).map_err(|e| format!("not an event: {e}"))?;
    match seal(line) {
        Seal::Broken => Err(CHANGED.to_owned()),
        Seal::Intact | Seal::Missing => Ok(entry),
    }
}

/// The entry of a line of an earlier format.
fn earlier_entry(line: &[u8], upgrade: &mut Upgrade) -> Result<Entry, String> {
    let not_one = |e: serde_json::Error| format!("not an event: {e}");
    let mut line: Value = serde_json::from_slice(line).map_err(not_one)?;
    upgrade.line(&mut line);
    serde_json::from_value(line).map_err(not_one)
}

impl Journal {
    /// Reads the journal of a run folder. A torn last line is left out.
    ///
    /// # Errors
    /// [`JournalError`] for a missing file, a foreign header, or a damaged line before the last.
    pub fn read(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(FILE_NAME);
        match read_within(&path, LARGEST) {
            Ok(bytes) => Self::parse(&bytes, &path),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(JournalError::Missing(folder.into())),
            Err(e) => Err(JournalError::io("read", path)(e)),
        }
    }

    /// Reads the first line alone.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub fn header(folder: &Path) -> Result<Header, JournalError> {
        let path = folder.join(FILE_NAME);
        let file = File::open(&path).map_err(JournalError::io("read", &path))?;
        let mut line = Vec::new();
        BufReader::new(file.take(LARGEST_HEADER))
            .read_until(b'\n', &mut line)
            .map_err(JournalError::io("read", &path))?;
        Ok(Self::parse(&line, &path)?.header)
    }

    /// Reads a journal's text; `path` is for messages.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, JournalError> {
        let foreign = |why: String| JournalError::Header {
            path: path.into(),
            why,
        };
        let mut lines = bytes
            .split_inclusive(|b| *b == b'\n')
            .enumerate()
            .peekable();
        let first = lines
            .next()
            .map(|(_, line)| line)
            .filter(|line| line.ends_with(b"\n"));
        let Some(first) = first else {
            let folder = path.parent().unwrap_or(path);
            return Err(JournalError::NeverBegan(folder.into()));
        };
        let not_json = |e: serde_json::Error| foreign(e.to_string());
        let mut header: Value = serde_json::from_slice(first).map_err(not_json)?;
        let mut upgrade = Upgrade::of(&header).map_err(foreign)?;
        match upgrade {
            Some(_) => Upgrade::header(&mut header),
            None if seal(first) == Seal::Broken => return Err(foreign(CHANGED.to_owned())),
            None => {}
        }
        let mut journal = Journal {
            header: serde_json::from_value(header).map_err(not_json)?,
            entries: Vec::new(),
            whole: first.len() as u64,
            upgraded: upgrade.is_some(),
        };
        while let Some((index, line)) = lines.next() {
            let is_last = lines.peek().is_none();
            let damaged = |why: String| JournalError::Line {
                path: path.into(),
                line: index + 1,
                why,
            };
            let entry = match &mut upgrade {
                None => entry(line),
                Some(upgrade) => earlier_entry(line, upgrade),
            };
            let entry = match entry {
                Ok(entry) if line.ends_with(b"\n") => entry,
                Ok(_) => break,
                Err(_) if is_last => break,
                // A power loss: sectors of the last append that never reached the disk are zeros.
                Err(_)
                    if line.contains(&0) && bytes.len() as u64 - journal.whole <= UNCONFIRMED =>
                {
                    break;
                }
                Err(why) => return Err(damaged(why)),
            };
            if entry.seq != journal.entries.len() as u64 + 1 {
                let expected = journal.entries.len() + 1;
                return Err(damaged(format!(
                    "event {expected} expected, found event {}",
                    entry.seq
                )));
            }
            journal.entries.push(entry);
            journal.whole += line.len() as u64;
        }
        Ok(journal)
    }

    /// The events alone.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.entries.iter().map(|e| &e.event)
    }
}

/// Appends to a journal. Holds it for this process alone.
#[derive(Debug)]
pub struct Writer {
    lines: JsonLines,
    path: PathBuf,
    seq: u64,
}

impl Writer {
    /// Begins the journal of a new run; the folder is made if need be. The file appears with its
    /// header in it and locked, or not at all.
    ///
    /// # Errors
    /// [`JournalError::Exists`] when the folder holds one already.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, JournalError> {
        let path = folder.join(FILE_NAME);
        fs::create_dir_all(folder).map_err(JournalError::io("make the run folder", folder))?;
        let (mut lines, temporary) = new_file(folder, JsonLines::sole_of)?;
        append(&mut lines, [header]).map_err(JournalError::io("make the journal", &path))?;
        match temporary.persist_noclobber(&path) {
            Ok(()) => Ok(Writer {
                lines,
                path,
                seq: 0,
            }),
            Err(e) if e.error.kind() == ErrorKind::AlreadyExists => {
                Err(JournalError::Exists(folder.into()))
            }
            Err(e) => Err(JournalError::io("make the journal", path)(e.error)),
        }
    }

    /// Replaces the journal of an earlier format by the same one of the current format.
    fn upgrade(
        journal: &Journal,
        folder: &Path,
        old: &mut JsonLines,
    ) -> Result<JsonLines, JournalError> {
        let path = folder.join(FILE_NAME);
        let (mut lines, temporary) = new_file(folder, |file, path| old.successor(file, path))?;
        let fail = JournalError::io("upgrade the journal", &path);
        append(&mut lines, [&journal.header])
            .and_then(|()| append(&mut lines, &journal.entries))
            .and_then(|()| temporary.persist(&path).map_err(|e| e.error))
            .map_err(fail)?;
        Ok(lines)
    }

    /// Opens a run's journal to continue it; a torn last line is cut off.
    ///
    /// # Errors
    /// As [`Journal::read`], and [`JournalError::Locked`].
    pub fn resume(folder: &Path) -> Result<(Journal, Self), JournalError> {
        let path = folder.join(FILE_NAME);
        let mut lines = JsonLines::sole(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => JournalError::Missing(folder.into()),
            ErrorKind::WouldBlock => JournalError::Locked(folder.into()),
            _ => JournalError::io("open the journal", &path)(e),
        })?;
        let bytes = lines.read().map_err(JournalError::io("read", &path))?;
        let journal = Journal::parse(&bytes, &path)?;
        let seq = journal.entries.len() as u64;
        if journal.upgraded {
            lines = Self::upgrade(&journal, folder, &mut lines)?;
        } else {
            lines
                .cut(journal.whole)
                .map_err(JournalError::io("cut the torn end off", &path))?;
        }
        Ok((journal, Writer { lines, path, seq }))
    }

    /// The file that keeps other programs from the run, where its file system has no locks.
    pub fn guard_file(&self) -> Option<&Path> {
        self.lines.guard_file()
    }

    /// The number of the next event.
    pub fn next(&self) -> u64 {
        self.seq + 1
    }

    /// Appends events and returns them with their place and time, once they are safe on disk. Where
    /// the disk is full the journal stays as it was.
    ///
    /// # Errors
    /// [`JournalError::Io`]; [`JournalError::Deleted`] where somebody has deleted the file.
    pub fn append(&mut self, events: Vec<Event>, time: &str) -> Result<Vec<Entry>, JournalError> {
        let entries: Vec<Entry> = (self.next()..)
            .zip(events)
            .map(|(seq, event)| Entry {
                seq,
                time: time.to_owned(),
                event,
                provenance: Provenance::default(),
            })
            .collect();
        append(&mut self.lines, &entries).map_err(JournalError::io("write", &self.path))?;
        if self.lines.is_deleted() {
            let folder = self.path.parent().unwrap_or(&self.path);
            return Err(JournalError::Deleted(folder.to_owned()));
        }
        self.seq += entries.len() as u64;
        Ok(entries)
    }
}

/// A locked file beside a run's journal, which becomes the journal once it holds what it should.
fn new_file(
    folder: &Path,
    sole: impl FnOnce(File, &Path) -> std::io::Result<JsonLines>,
) -> Result<(JsonLines, TempPath), JournalError> {
    let fail = || JournalError::io("make the journal", folder.join(FILE_NAME));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".journal-").suffix(".tmp").append(true);
    // Readable as any file a user makes (the umask still applies), not private as temporary files
    // are.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let (file, temporary) = builder.tempfile_in(folder).map_err(fail())?.into_parts();
    let path = folder.join(FILE_NAME);
    let lines = sole(file, &path).map_err(|e| match e.kind() {
        ErrorKind::WouldBlock => JournalError::Locked(folder.into()),
        _ => JournalError::io("lock", path)(e),
    })?;
    Ok((lines, temporary))
}

/// Appends each row as a line, all at once.
fn append<T: Serialize>(
    lines: &mut JsonLines,
    rows: impl IntoIterator<Item = T>,
) -> std::io::Result<()> {
    let mut text = String::new();
    for row in rows {
        text += &sealed(&serde_json::to_string(&row)?);
        text.push('\n');
    }
    lines.append(&text)
}

/// True when another program has the run open.
pub fn is_open_elsewhere(folder: &Path) -> bool {
    is_held(&folder.join(FILE_NAME))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{FORMAT, Fingerprint, HeaderKind};
    use super::*;
    use crate::profile::Level;
    use crate::search::Command;

    fn header() -> Header {
        Header {
            kind: HeaderKind::Journal,
            format: FORMAT,
            version: "0".into(),
            run: "test".into(),
            time: "2026-01-01T00:00:00Z".into(),
            host: "here".into(),
            profile: "demo".into(),
            batch: 8,
            correction_images: 0,
            fingerprint: Fingerprint::default(),
        }
    }

    fn events() -> Vec<Event> {
        vec![
            Event::LevelClosed {
                level: Level::Stage,
            },
            Event::CommandAccepted {
                id: None,
                command: Command::Pause,
                candidate: None,
                note: "paused".into(),
            },
            Event::IncumbentChanged { candidate: None },
        ]
    }

    #[test]
    fn what_is_appended_is_read_back_and_continued() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::create(folder.path(), &header()).expect("new");
        let first = writer.append(events(), "t").expect("space");
        assert!(matches!(
            Writer::create(folder.path(), &header()),
            Err(JournalError::Exists(_))
        ));
        assert!(matches!(
            Writer::resume(folder.path()),
            Err(JournalError::Locked(_))
        ));
        assert!(is_open_elsewhere(folder.path()));
        drop(writer);
        assert!(!is_open_elsewhere(folder.path()));
        let (journal, mut writer) = Writer::resume(folder.path()).expect("there");
        assert_eq!(journal.entries, first);
        assert_eq!(writer.append(events(), "t").expect("space")[0].seq, 4);
        assert_eq!(
            Journal::read(folder.path()).expect("whole").entries.len(),
            6
        );
    }

    #[test]
    fn a_torn_last_line_is_cut_off_wherever_it_is_torn() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::create(folder.path(), &header()).expect("new");
        writer.append(events(), "t").expect("space");
        drop(writer);
        let path = folder.path().join(FILE_NAME);
        let whole = fs::read(&path).expect("just written");
        let last = whole[..whole.len() - 1]
            .iter()
            .rposition(|b| *b == b'\n')
            .expect("lines")
            + 1;
        for cut in last..whole.len() {
            fs::write(&path, &whole[..cut]).expect("a test file");
            let (journal, mut writer) = Writer::resume(folder.path()).expect("tolerated");
            assert_eq!(journal.entries.len(), 2, "cut at {cut}");
            writer.append(events()[2..].to_vec(), "t").expect("space");
            assert_eq!(fs::read(&path).expect("there"), whole);
        }
    }

    #[test]
    fn a_journal_that_ends_within_its_header_never_began() {
        let folder = tempfile::tempdir().expect("a folder");
        let line = serde_json::to_string(&header()).expect("plain data");
        for text in ["", &line[..40], &line] {
            fs::write(folder.path().join(FILE_NAME), text).expect("a test file");
            let error = Journal::read(folder.path()).expect_err("no whole line");
            assert!(matches!(error, JournalError::NeverBegan(f) if f == folder.path()));
        }
    }

    #[test]
    fn a_new_journal_appears_with_its_header_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = Writer::create(folder.path(), &header()).expect("new");
        let names = || -> Vec<_> {
            let entries = fs::read_dir(folder.path()).expect("a folder");
            entries.map(|e| e.expect("an entry").file_name()).collect()
        };
        assert_eq!(names(), [FILE_NAME]);
        assert_eq!(
            Journal::read(folder.path()).expect("whole").header,
            header()
        );
        // What is refused leaves nothing behind.
        drop(writer);
        let again = Writer::create(folder.path(), &header());
        assert!(matches!(again, Err(JournalError::Exists(_))));
        assert_eq!(names(), [FILE_NAME]);
    }

    #[test]
    fn a_folder_is_named_as_a_shell_takes_it() {
        assert_eq!(super::super::quoted(Path::new("/a/b")), "/a/b");
        assert_eq!(super::super::quoted(Path::new("/a b")), "'/a b'");
        let error = JournalError::Exists("/a b".into()).to_string();
        assert!(error.contains("`aq4svit resume '/a b'`"), "{error}");
    }

    #[test]
    fn damage_before_the_last_line_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::create(folder.path(), &header()).expect("new");
        writer.append(events(), "t").expect("space");
        drop(writer);
        let path = folder.path().join(FILE_NAME);
        let text = fs::read_to_string(&path).expect("just written");
        fs::write(&path, text.replacen("level_closed", "level_clsd", 1)).expect("a test file");
        let error = Journal::read(folder.path())
            .expect_err("damaged")
            .to_string();
        assert!(error.contains("line 2"), "{error}");
        let changed = text.replacen("\"seq\":2", "\"seq\":7", 1);
        fs::write(&path, changed).expect("a test file");
        let error = Journal::read(folder.path()).expect_err("changed");
        let error = error.to_string();
        assert!(
            error.contains("line 3: its check sum is another"),
            "{error}"
        );
        // A line that is whole, and in the wrong place.
        let gap: Vec<&str> = text.lines().collect();
        let second = gap[2].replacen("\"seq\":2", "\"seq\":7", 1);
        let (object, _) = second.split_once(",\"check_sum\"").expect("it has one");
        let second = sealed(&format!("{object}}}"));
        let gap = [gap[0], gap[1], &second, gap[3], ""].join("\n");
        fs::write(&path, gap).expect("a test file");
        let error = Journal::read(folder.path()).expect_err("a gap").to_string();
        assert!(error.contains("event 2 expected, found event 7"), "{error}");
    }

    proptest! {
        /// Each append is on disk before the next one begins, so that only sectors of the last one
        /// can be missing, in any order.
        #[test]
        fn sectors_missing_from_the_last_append_are_a_torn_end(
            before in 1usize..40,
            last in 1usize..40,
            missing in prop::collection::vec(any::<bool>(), 64),
            sector in prop::sample::select(vec![32usize, 64, 512]),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut writer = Writer::create(folder.path(), &header()).expect("new");
            let some = |n: usize| events().into_iter().cycle().take(n).collect();
            writer.append(some(before), "t").expect("space");
            let path = folder.path().join(FILE_NAME);
            let confirmed = fs::metadata(&path).expect("a file").len() as usize;
            writer.append(some(last), "t").expect("space");
            drop(writer);
            let mut bytes = fs::read(&path).expect("a file");
            let whole = Journal::parse(&bytes, &path).expect("whole");
            for (at, byte) in bytes.iter_mut().enumerate().skip(confirmed) {
                if missing.get(at / sector % missing.len()).copied().unwrap_or_default() {
                    *byte = 0;
                }
            }
            fs::write(&path, &bytes).expect("space");
            let (journal, mut writer) = Writer::resume(folder.path()).expect("it is read");
            prop_assert!(journal.entries.len() >= before);
            prop_assert_eq!(&journal.entries[..], &whole.entries[..journal.entries.len()]);
            writer.append(some(1), "t").expect("space");
            let again = Journal::read(folder.path()).expect("it is read");
            prop_assert_eq!(again.entries.len(), journal.entries.len() + 1);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Journal::parse(&bytes, Path::new("x"));
        }

        #[test]
        fn a_changed_byte_is_an_error_or_the_journal_ends_before_it(at in 0usize..2000, byte: u8) {
            let mut text = sealed(&serde_json::to_string(&header()).expect("plain data")) + "\n";
            for (seq, event) in (1..).zip(events()) {
                let entry = Entry { seq, time: "t".into(), event, provenance: Provenance::Computed };
                text += &(sealed(&serde_json::to_string(&entry).expect("plain data")) + "\n");
            }
            let mut bytes = text.into_bytes();
            let whole = Journal::parse(&bytes, Path::new("x")).expect("whole");
            prop_assert_eq!(whole.entries.len(), events().len());
            let at = at % bytes.len();
            let was = std::mem::replace(&mut bytes[at], byte);
            if let Ok(read) = Journal::parse(&bytes, Path::new("x")) {
                let time = whole.header.time.clone();
                let same = Header { time, ..read.header.clone() };
                prop_assert_eq!(&same, &whole.header);
                let lost = match (byte, was) {
                    // What a sector holds that was lost with the last append.
                    (0, _) => whole.entries.len(),
                    // Without its line feed a line is one with the last one.
                    (_, b'\n') => 2,
                    _ => 1,
                };
                prop_assert!(read.entries.len() + lost >= whole.entries.len());
                let events: Vec<_> = read.events().collect();
                let written: Vec<_> = whole.events().take(events.len()).collect();
                prop_assert_eq!(events, written);
            }
        }
    }
}
