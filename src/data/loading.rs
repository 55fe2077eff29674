//! The options of loading data.

use std::path::Path;

/// The options of loading that are no part of a profile.
#[derive(Clone, Copy, Default)]
pub struct Loading<'a> {
    /// The program's cache folder; none: decoded images are not kept.
    pub cache: Option<&'a Path>,
    /// True where the test split is left out.
    pub without_test: bool,
    /// True where only the test split is loaded: the other two are empty, and their files need not
    /// be there.
    pub only_test: bool,
    /// A file of decoded images that stands for the source ([`super::Splits::write_decoded`]).
    pub decoded: Option<&'a Path>,
    /// The callback with the number of checked images on disk and their total.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl std::fmt::Debug for Loading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loading")
            .field("cache", &self.cache)
            .field("without_test", &self.without_test)
            .field("only_test", &self.only_test)
            .field("decoded", &self.decoded)
            .finish_non_exhaustive()
    }
}
