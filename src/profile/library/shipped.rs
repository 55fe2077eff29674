//! The profiles that come with the program.

/// The profiles that come with the program: name and text of every file in `profiles/`, as
/// `build.rs` lists them.
pub const SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// The name and the text of a shipped profile.
pub fn shipped(name: &str) -> Option<(&'static str, &'static str)> {
    SHIPPED.iter().find(|(n, _)| *n == name).copied()
}
