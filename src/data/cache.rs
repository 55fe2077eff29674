//! The cache on disk: decoded images by the content of their files, and which content each file had
//! when last read.
//!
//! Nothing in it is needed: what is missing, damaged or cannot be written is decoded again.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use blake3::Hash;

/// Raised when decoding or resizing gives other pixels.
pub(super) const PIPELINE: u32 = 1;
/// What a decoded image begins with.
const MAGIC: &[u8; 4] = b"AQI1";

/// Decoded images of one recipe.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// What was done to the images, as a part of file names.
    recipe: String,
}

impl Cache {
    /// The cache below the program's cache folder.
    pub(super) fn new(root: &Path, recipe: &str) -> Cache {
        Cache {
            folder: root.join(format!("images-{PIPELINE}")),
            recipe: recipe.to_owned(),
        }
    }

    fn file(&self, content: Hash) -> PathBuf {
        let name = content.to_hex();
        let folder = self.folder.join(&name[..2]);
        folder.join(format!("{name}-{}", self.recipe))
    }

    /// True when there is an entry, whatever is in it.
    pub(super) fn has(&self, content: Hash) -> bool {
        self.file(content).is_file()
    }

    /// The decoded pixels of a file's content.
    pub(super) fn get(&self, content: Hash, length: usize) -> Option<Vec<u8>> {
        let file = self.file(content);
        let whole = MAGIC.len() + blake3::OUT_LEN + length;
        if fs::metadata(&file).ok()?.len() != whole as u64 {
            return None;
        }
        let bytes = fs::read(&file).ok()?;
        let (sum, pixels) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
        let intact = pixels.len() == length && blake3::hash(pixels) == Hash::from_bytes(*sum);
        intact.then(|| pixels.to_vec())
    }

    /// Keeps decoded pixels.
    pub(super) fn put(&self, content: Hash, pixels: &[u8]) {
        let sum = blake3::hash(pixels);
        // Without the entry the image is decoded again.
        let _ = write(&self.file(content), &[MAGIC, sum.as_bytes(), pixels]);
    }
}

/// Writes a file wholly or not at all.
fn write(file: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    for part in parts {
        temporary.write_all(part)?;
    }
    temporary.persist(file)?;
    Ok(())
}

/// Size and time of a file: while both stay, so does its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    nanoseconds: u128,
}

impl Stamp {
    /// Of a file; none where the system does not tell.
    pub(super) fn of(metadata: &fs::Metadata) -> Option<Stamp> {
        let time = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Stamp {
            size: metadata.len(),
            nanoseconds: time.as_nanos(),
        })
    }
}

/// The contents of a folder's files when they were last read, so that a file need not be read to
/// know its content.
#[derive(Debug, Default)]
pub(super) struct Index {
    file: Option<PathBuf>,
    known: HashMap<String, (Stamp, Hash)>,
    changed: bool,
}

impl Index {
    /// The index of a folder; an empty one where there is none, or parts of it make no sense.
    pub(super) fn open(cache: Option<&Cache>, folder: &Path) -> Index {
        let Some(cache) = cache else {
            return Index::default();
        };
        let key = blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex();
        let file = cache.folder.join("index").join(&key[..32]);
        let text = fs::read_to_string(&file).unwrap_or_default();
        Index {
            known: text.lines().filter_map(parse).collect(),
            file: Some(file),
            changed: false,
        }
    }

    /// The content of a file that has not changed since.
    pub(super) fn content(&self, name: &str, stamp: Option<Stamp>) -> Option<Hash> {
        let (then, content) = self.known.get(name)?;
        (Some(*then) == stamp).then_some(*content)
    }

    /// Notes a file's content.
    pub(super) fn note(&mut self, name: &str, stamp: Option<Stamp>, content: Hash) {
        if let Some(stamp) = stamp
            && !name.contains(['\n', '\t'])
        {
            self.known.insert(name.to_owned(), (stamp, content));
            self.changed = true;
        }
    }

    /// Writes what was noted.
    pub(super) fn save(&mut self) {
        let Some(file) = self.file.as_ref().filter(|_| self.changed) else {
            return;
        };
        let mut lines: Vec<String> = self.known.iter().map(line).collect();
        lines.sort_unstable();
        // Without it the files are read again.
        let _ = write(file, &[lines.concat().as_bytes()]);
        self.changed = false;
    }
}

fn line((name, (stamp, content)): (&String, &(Stamp, Hash))) -> String {
    format!("{content}\t{}\t{}\t{name}\n", stamp.size, stamp.nanoseconds)
}

fn parse(line: &str) -> Option<(String, (Stamp, Hash))> {
    let mut parts = line.splitn(4, '\t');
    let content = Hash::from_hex(parts.next()?).ok()?;
    let stamp = Stamp {
        size: parts.next()?.parse().ok()?,
        nanoseconds: parts.next()?.parse().ok()?,
    };
    Some((parts.next()?.to_owned(), (stamp, content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_unless_damaged() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path(), "r");
        let content = blake3::hash(b"file");
        assert_eq!(cache.get(content, 3), None);
        cache.put(content, &[1, 2, 3]);
        assert!(cache.has(content));
        assert_eq!(cache.get(content, 3), Some(vec![1, 2, 3]));
        // Another length, recipe or content is another image.
        assert_eq!(cache.get(content, 4), None);
        assert_eq!(Cache::new(root.path(), "s").get(content, 3), None);
        assert_eq!(cache.get(blake3::hash(b"other"), 3), None);

        let file = cache.file(content);
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(cache.get(content, 3), None);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_no_error() {
        let root = tempfile::NamedTempFile::new().unwrap();
        let cache = Cache::new(root.path(), "r");
        cache.put(blake3::hash(b"file"), &[1]);
        assert_eq!(cache.get(blake3::hash(b"file"), 1), None);
        let mut index = Index::open(Some(&cache), Path::new("/x"));
        index.note(
            "a",
            Some(Stamp {
                size: 1,
                nanoseconds: 2,
            }),
            blake3::hash(b"a"),
        );
        index.save();
    }

    #[test]
    fn the_index_knows_unchanged_files() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path(), "r");
        let [then, now] = [5, 6].map(|nanoseconds| {
            Some(Stamp {
                size: 9,
                nanoseconds,
            })
        });
        let mut index = Index::open(Some(&cache), Path::new("/images"));
        index.note("a/b.png", then, blake3::hash(b"a"));
        index.note("no\ttabs", then, blake3::hash(b"b"));
        index.save();

        let index = Index::open(Some(&cache), Path::new("/images"));
        assert_eq!(index.content("a/b.png", then), Some(blake3::hash(b"a")));
        assert_eq!(index.content("a/b.png", now), None);
        assert_eq!(index.content("a/b.png", None), None);
        assert_eq!(index.content("no\ttabs", then), None);
        let other = Index::open(Some(&cache), Path::new("/others"));
        assert_eq!(other.content("a/b.png", then), None);

        // Lines that make no sense are passed over.
        let file = index.file.unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("junk\n{text}\tx\n")).unwrap();
        let index = Index::open(Some(&cache), Path::new("/images"));
        assert_eq!(index.content("a/b.png", then), Some(blake3::hash(b"a")));
    }
}
