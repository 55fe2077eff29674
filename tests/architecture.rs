//! The page on the architecture names files and items that exist; the README stays short.

use std::fs;
use std::path::Path;

#[test]
fn every_place_in_the_architecture_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| … "));
    let mut wrong = Vec::new();
    let mut seen = 0;
    for row in rows {
        seen += 1;
        let ticked: Vec<&str> = row.split('`').collect();
        let [.., file, _, item, _] = ticked[..] else {
            panic!("a file and an item: {row}");
        };
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        if !text.contains(item) {
            wrong.push(row);
        }
    }
    assert!(seen > 20, "{seen} rows");
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let bytes = fs::metadata(path).expect("the README").len();
    assert!(bytes <= 9_000, "{bytes} bytes: move what is long to docs/");
}
