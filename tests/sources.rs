//! What holds for the source files themselves.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut open = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A file that no `mod` names would never be run, and nothing would say so.
#[test]
fn every_test_file_is_part_of_the_test_program() {
    let tests = root().join("tests");
    for file in files("tests") {
        if file == tests.join("main.rs") {
            continue;
        }
        let mut folder = file.parent().expect("a folder").to_owned();
        let mut name = file.file_stem().expect("a name").to_owned();
        if name == "mod" {
            name = folder.file_name().expect("a name").to_owned();
            folder.pop();
        }
        let candidates = ["mod.rs", "main.rs"].map(|f| folder.join(f));
        let parents = candidates.into_iter().chain([folder.with_extension("rs")]);
        let parent = parents.into_iter().find(|p| p.is_file());
        let parent = parent.unwrap_or_else(|| panic!("{}: no parent module", file.display()));
        let declared = format!("mod {};", name.display());
        let text = fs::read_to_string(&parent).expect("text");
        assert!(
            text.lines()
                .any(|l| l.trim_start_matches("pub ").trim() == declared),
            "{}: {} lacks `{declared}`",
            file.display(),
            parent.display()
        );
    }
}

#[test]
fn comments_are_at_most_100_columns_wide() {
    let folders = ["src", "tests", "benches", "examples"];
    for file in folders.into_iter().flat_map(files) {
        let text = fs::read_to_string(&file).expect("text");
        for (i, line) in text.lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//");
            assert!(
                !is_comment || line.chars().count() <= 100,
                "{}:{}: wider than 100 columns",
                file.display(),
                i + 1
            );
        }
    }
}

/// The engine that verifies packages is independent: of this program it takes the types of the
/// manifest, and for its tests what it is compared with.
#[test]
fn the_verifying_engine_shares_no_arithmetic() {
    for file in files("src/verify") {
        let text = fs::read_to_string(&file).expect("text");
        let own = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in own.lines().filter(|l| !l.trim_start().starts_with("//")) {
            let uses = line.contains("crate::");
            assert!(
                !uses || line.contains("crate::export::manifest"),
                "{}: {line}",
                file.display()
            );
        }
    }
}

/// `make test` runs the integration tests with libtorch, and without it only the modules of
/// `CHANGED_BY_LIBTORCH`: where the feature changes what is compiled, the module must be among
/// them.
#[test]
fn libtorch_changes_only_what_is_tested_with_it() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("text");
    let list = makefile
        .lines()
        .find_map(|l| l.strip_prefix("CHANGED_BY_LIBTORCH := "));
    let list: Vec<&str> = list.expect("the list").split(' ').collect();
    // Declarations of modules, and lints of helpers.
    let harmless = ["tests/main.rs", "tests/common/mod.rs"];
    let mut found = 0;
    for file in files("tests") {
        let text = fs::read_to_string(&file).expect("text");
        let file = file.strip_prefix(root()).expect("below the root");
        if !text.contains(concat!("feature = ", "\"torch\""))
            || harmless.iter().any(|h| file == Path::new(h))
        {
            continue;
        }
        found += 1;
        let module = file.with_extension("");
        let module: Vec<_> = module
            .iter()
            .skip(1)
            .map(|part| part.to_string_lossy())
            .collect();
        let module = format!("{}::", module.join("::"));
        assert!(
            list.iter().any(|tested| module.starts_with(tested)),
            "{}: not among CHANGED_BY_LIBTORCH of the Makefile",
            file.display()
        );
    }
    assert!(found > 3, "{found} files");
}

/// The tables of faults name tests that exist.
#[test]
fn every_fault_has_its_test() {
    let page = fs::read_to_string(root().join("docs/reliability.md")).expect("a page");
    let all: String = files("tests")
        .into_iter()
        .chain(files("src"))
        .map(|file| fs::read_to_string(file).expect("text"))
        .collect();
    let rows = page.lines().filter_map(|line| line.strip_suffix("` |"));
    let names: Vec<&str> = rows.filter_map(|row| row.rsplit('`').next()).collect();
    assert!(names.len() > 30, "{} tests", names.len());
    for name in names {
        assert!(all.contains(&format!("fn {name}(")), "no test {name}");
    }
}

/// The table of findings about the terminal names tests that exist, and every one of them.
#[test]
fn every_finding_has_its_test() {
    let table = fs::read_to_string(root().join("docs/terminal.md")).expect("a page");
    let all: String = files("tests")
        .into_iter()
        .chain(files("src"))
        .map(|file| fs::read_to_string(file).expect("text"))
        .collect();
    let mut named = Vec::new();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    for row in rows.skip(1) {
        let cells: Vec<&str> = row.split('|').collect();
        let tests: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        let names = tests.iter().filter(|name| !name.contains('/'));
        let names: Vec<&str> = names.copied().collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in &names {
            assert!(
                all.contains(&format!("fn {name}(")),
                "no test {name}: {row}"
            );
        }
        named.extend(names);
    }
    assert!(named.len() > 60, "{} tests", named.len());
    let tests = all.split("fn finding_").skip(1);
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let tests = tests.filter_map(|rest| Some(rest.split_once('(')?.0));
    for test in tests.filter(is_name) {
        let name = format!("finding_{test}");
        assert!(
            named.contains(&name.as_str()),
            "{name} is not in docs/terminal.md"
        );
    }
}
