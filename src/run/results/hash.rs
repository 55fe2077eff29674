//! Content hashes.

use serde::Serialize;

/// The first 64 bits of the BLAKE3 hash of what a value serialises to, as hexadecimal digits.
pub fn hash(content: &impl Serialize) -> String {
    // Plain data always serialises; should it ever not, nothing equals it.
    let text = serde_json::to_string(content).unwrap_or_else(|e| e.to_string());
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}
