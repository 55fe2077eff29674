//! Reading and appending.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Entry, Event, FORMAT, Header, JournalError};

/// The journal's name in its run folder.
pub const FILE_NAME: &str = "journal.jsonl";

/// A journal as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// Its first line.
    pub header: Header,
    /// Its events.
    pub entries: Vec<Entry>,
    /// Bytes up to and including the last whole line.
    pub whole: u64,
}

impl Journal {
    /// Reads the journal of a run folder. A torn last line is left out.
    ///
    /// # Errors
    /// [`JournalError`] for a missing file, a foreign header, or a damaged line before the last.
    pub fn read(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(FILE_NAME);
        match fs::read(&path) {
            Ok(bytes) => Self::parse(&bytes, &path),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(JournalError::Missing(folder.into()))
            }
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
        BufReader::new(file)
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
        let header: Header = serde_json::from_slice(first).map_err(|e| foreign(e.to_string()))?;
        if header.format != FORMAT {
            return Err(foreign(format!("it is of format {}", header.format)));
        }
        let mut journal = Journal {
            header,
            entries: Vec::new(),
            whole: first.len() as u64,
        };
        while let Some((index, line)) = lines.next() {
            let is_last = lines.peek().is_none();
            let damaged = |why: String| JournalError::Line {
                path: path.into(),
                line: index + 1,
                why,
            };
            let entry: Entry = match serde_json::from_slice(line) {
                Ok(entry) if line.ends_with(b"\n") => entry,
                Ok(_) => break,
                Err(_) if is_last => break,
                Err(e) => return Err(damaged(format!("not an event: {e}"))),
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

/// Appends to a journal. Holds the operating system's lock on it, which ends with the process.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    seq: u64,
    whole: u64,
}

impl Writer {
    /// Begins the journal of a new run; the folder is made if need be. The file appears with its header in it and
    /// locked, or not at all.
    ///
    /// # Errors
    /// [`JournalError::Exists`] when the folder holds one already.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, JournalError> {
        let path = folder.join(FILE_NAME);
        let fail = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::AlreadyExists => JournalError::Exists(folder.into()),
            _ => JournalError::io("make the journal", &path)(e),
        };
        fs::create_dir_all(folder).map_err(JournalError::io("make the run folder", folder))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".journal-").suffix(".tmp").append(true);
        // Readable as any file a person makes (the umask still applies), not private as temporary files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder).map_err(fail)?;
        lock(file.as_file(), folder)?;
        let line = serde_json::to_string(header).map_err(|e| fail(e.into()))? + "\n";
        file.write_all(line.as_bytes()).map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        let file = file.persist_noclobber(&path).map_err(|e| fail(e.error))?;
        Ok(Writer {
            file,
            path,
            seq: 0,
            whole: line.len() as u64,
        })
    }

    /// Opens a run's journal to continue it; a torn last line is cut off.
    ///
    /// # Errors
    /// As [`Journal::read`], and [`JournalError::Locked`].
    pub fn resume(folder: &Path) -> Result<(Journal, Self), JournalError> {
        let path = folder.join(FILE_NAME);
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => JournalError::Missing(folder.into()),
                _ => JournalError::io("open the journal", &path)(e),
            })?;
        lock(&file, folder)?;
        let journal = Journal::read(folder)?;
        file.set_len(journal.whole)
            .map_err(JournalError::io("cut the torn end off", &path))?;
        let writer = Writer {
            file,
            path,
            seq: journal.entries.len() as u64,
            whole: journal.whole,
        };
        Ok((journal, writer))
    }

    /// Appends events and returns them with their place and time, once they are safe on disk. Where the disk is full
    /// the journal stays as it was.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn append(&mut self, events: Vec<Event>, time: &str) -> Result<Vec<Entry>, JournalError> {
        let entries: Vec<Entry> = (self.seq + 1..)
            .zip(events)
            .map(|(seq, event)| Entry {
                seq,
                time: time.to_owned(),
                event,
            })
            .collect();
        let mut text = String::new();
        for entry in &entries {
            text += &serde_json::to_string(entry).map_err(|e| self.unwritable(e.into()))?;
            text.push('\n');
        }
        self.write(&text)?;
        self.seq += entries.len() as u64;
        Ok(entries)
    }

    fn write(&mut self, text: &str) -> Result<(), JournalError> {
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data());
        if let Err(e) = written {
            // Half a line is harmless to readers, but later lines must not be glued to it.
            let _ = self
                .file
                .set_len(self.whole)
                .and_then(|()| self.file.seek(SeekFrom::End(0)));
            return Err(self.unwritable(e));
        }
        self.whole += text.len() as u64;
        Ok(())
    }

    fn unwritable(&self, e: std::io::Error) -> JournalError {
        JournalError::io("write", &self.path)(e)
    }
}

fn lock(file: &File, folder: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked(folder.into())),
        Err(TryLockError::Error(e)) => Err(JournalError::io("lock", folder.join(FILE_NAME))(e)),
    }
}

/// True when another program has the run open.
pub fn is_open_elsewhere(folder: &Path) -> bool {
    File::open(folder.join(FILE_NAME))
        .is_ok_and(|f| matches!(f.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Fingerprint, HeaderKind};
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
        fs::write(&path, text.replacen("\"seq\":2", "\"seq\":7", 1)).expect("a test file");
        let error = Journal::read(folder.path()).expect_err("a gap").to_string();
        assert!(error.contains("event 2 expected, found event 7"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Journal::parse(&bytes, Path::new("x"));
        }

        #[test]
        fn no_changed_byte_makes_the_reader_panic(at in 0usize..1000, byte: u8) {
            let mut text = serde_json::to_string(&header()).expect("plain data") + "\n";
            for (seq, event) in (1..).zip(events()) {
                let entry = Entry { seq, time: "t".into(), event };
                text += &(serde_json::to_string(&entry).expect("plain data") + "\n");
            }
            let mut bytes = text.into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Journal::parse(&bytes, Path::new("x"));
        }
    }
}
