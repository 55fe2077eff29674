//! The key table of the documentation is the keymap's.

use aq4svit::tui::keymap;

#[test]
fn the_key_table_is_the_keymap() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
    let text = std::fs::read_to_string(path).expect("the page of keys");
    let (before, rest) = text.split_once("<!-- keys -->\n").expect("a mark");
    let (_, after) = rest.split_once("<!-- /keys -->").expect("a mark");
    let right = format!(
        "{before}<!-- keys -->\n{}<!-- /keys -->{after}",
        keymap::markdown()
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &right).expect("writable");
    }
    assert!(
        text == right,
        "run UPDATE_DOCS=1 cargo test --test all readme"
    );
}
