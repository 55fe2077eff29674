//! `SHA256SUMS`: one line for every other file, sorted by path, as `sha256sum -c` reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::VerifyError;
use super::tensors::read_at_most;

/// The name of the file.
pub const SUMS: &str = "SHA256SUMS";
/// The largest list that is read, in bytes.
const LARGEST: u64 = 16 << 20;
/// Files and folders of a package.
const MOST_FILES: usize = 100_000;
/// Folders within folders.
const DEEPEST: usize = 4;
/// Names of files that differ which are named.
const NAMED: usize = 20;

/// Checks that a folder holds exactly the listed files with the listed hashes.
pub(super) fn check(folder: &Path) -> Result<(), VerifyError> {
    let text = read_at_most(folder, SUMS, LARGEST)?;
    let listed = parse(&text)?;
    let found = files(folder)?;
    let mut changed = Vec::new();
    for path in found.iter().filter(|p| !listed.contains_key(*p)) {
        changed.push(format!("{path}: is not listed in {SUMS}"));
    }
    for path in listed.keys().filter(|p| !found.contains(*p)) {
        changed.push(format!("{path}: is missing"));
    }
    for (path, expected) in listed.iter().filter(|(p, _)| found.contains(*p)) {
        let hash = hash(&folder.join(path))?;
        if hash != *expected {
            changed.push(format!(
                "{path}: its SHA-256 is {}…, {SUMS} says {}…",
                &hash[..16],
                &expected[..16]
            ));
        }
    }
    if changed.len() > NAMED {
        let more = changed.len() - NAMED;
        changed.truncate(NAMED);
        changed.push(format!("and {more} more"));
    }
    match changed.is_empty() {
        true => Ok(()),
        false => Err(VerifyError::Changed(changed)),
    }
}

/// Reads the list, which has one form only.
fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, VerifyError> {
    let wrong = |line: usize, why: &str| VerifyError::wrong(SUMS, format!("line {line}"), why);
    let text = std::str::from_utf8(bytes).map_err(|_| wrong(1, "it is not UTF-8"))?;
    let mut listed = BTreeMap::new();
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let line_number = i + 1;
        let line = line.strip_suffix('\n');
        let line = line.ok_or_else(|| wrong(line_number, "it does not end"))?;
        let (hash, path) = line
            .split_once("  ")
            .ok_or_else(|| wrong(line_number, "expected a hash, two spaces and a path"))?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hash.len() != 64 || !hash.bytes().all(is_hex) {
            return Err(wrong(
                line_number,
                "expected 64 lower-case hexadecimal digits",
            ));
        }
        if !is_plain(path) {
            return Err(wrong(line_number, "expected a path inside the package"));
        }
        if listed
            .keys()
            .next_back()
            .is_some_and(|last: &String| last.as_str() >= path)
        {
            return Err(wrong(line_number, "paths must be sorted, each once"));
        }
        listed.insert(path.to_owned(), hash.to_owned());
    }
    match listed.is_empty() {
        true => Err(wrong(1, "no file is listed")),
        false => Ok(listed),
    }
}

/// Whether a path is a relative one of ordinary names.
fn is_plain(path: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.contains(['\\', ':'])
            && !part.chars().any(char::is_control)
    };
    path.split('/').count() <= DEEPEST && path.split('/').all(is_name)
}

/// The files below a folder but the list itself, by their paths with `/`.
fn files(folder: &Path) -> Result<BTreeSet<String>, VerifyError> {
    let mut found = BTreeSet::new();
    let mut open: Vec<(PathBuf, String)> = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = open.pop() {
        let io = |source| VerifyError::Io {
            path: path.clone(),
            source,
        };
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|name| {
                VerifyError::wrong(name.to_string_lossy(), "the name", "it is not Unicode")
            })?;
            let name = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(io)?;
            if found.len() + open.len() >= MOST_FILES || !is_plain(&name) {
                return Err(VerifyError::wrong(
                    name,
                    "the file",
                    "it belongs to no package",
                ));
            }
            if kind.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                found.insert(name);
            } else {
                return Err(VerifyError::wrong(
                    name,
                    "the file",
                    "it is a link or no file",
                ));
            }
        }
    }
    found.remove(SUMS);
    Ok(found)
}

/// The SHA-256 of a file in hexadecimal.
fn hash(path: &Path) -> Result<String, VerifyError> {
    let io = |source| VerifyError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(io)?;
        match buffer.get(..count) {
            Some([]) | None => break,
            Some(read) => hasher.update(read),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_one_form() {
        let hash = "0123456789abcdef".repeat(4);
        let good = format!("{hash}  a/b.txt\n{hash}  c d\n");
        assert_eq!(parse(good.as_bytes()).unwrap().len(), 2);
        let upper = hash.to_uppercase();
        for bad in [
            String::new(),
            format!("{hash}  a"),
            format!("{hash} *a\n"),
            format!("{hash}  a\n{hash}  a\n"),
            format!("{hash}  b\n{hash}  a\n"),
            format!("{upper}  a\n"),
            format!("{}  a\n", &hash[1..]),
            format!("{hash}  /a\n"),
            format!("{hash}  a/../b\n"),
            format!("{hash}  a\r\n"),
            format!("{hash}  a\n\n"),
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
