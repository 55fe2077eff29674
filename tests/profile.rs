//! Profiles that must load, and profiles that must be refused with a message that says what, where and what to do.

use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::profile::Profile;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/profiles")
        .join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn valid_profiles_load_and_fit_their_network() {
    for file in files("valid") {
        let profile = Profile::load(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let graph = profile
            .graph()
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        if let Some(allocation) = profile.allocation(&graph) {
            assert_eq!(allocation.len(), graph.layers.len());
        }
    }
}

/// The message stands in the file's leading `# expect: ` comments, one a line.
#[test]
fn invalid_profiles_are_refused_with_their_message() {
    for file in files("invalid") {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("# expect: "))
            .collect();
        let name = file.file_name().unwrap();
        let error = Profile::parse(&text, Path::new(name)).expect_err(&file.display().to_string());
        assert_eq!(error.to_string(), expected.join("\n"), "{}", file.display());
    }
}
