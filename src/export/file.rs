//! Files of an export before they are written.

/// A file below the folder of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFile {
    /// Its path from the folder, with `/`; made of safe names only.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl ExportFile {
    /// A file of text.
    pub(super) fn text(path: String, text: String) -> Self {
        ExportFile {
            path,
            bytes: text.into_bytes(),
        }
    }
}
