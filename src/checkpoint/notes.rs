//! What a person should know of how a checkpoint's weights were found.

use super::Contents;
use super::names::is_average;

/// How many tensors that are left out a note names.
const NAMED: usize = 4;

impl Contents<'_> {
    /// What a person should know of how the weights were found, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let origin = self.origin();
        let mut notes = Vec::new();
        if let Some(listing) = self.first() {
            let under = match (&listing.under, self.prefix()) {
                (_, Some(prefix)) if is_average(prefix) => prefix,
                (under, _) => under.as_deref().unwrap_or_default(),
            };
            let under = under.escape_debug();
            match (listing.is_average, listing.averages.as_slice()) {
                (true, _) => notes.push(format!(
                    "the weights of {origin} are the moving average under `{under}`"
                )),
                (false, [first, ..]) => notes.push(format!(
                    "{origin} also has a moving average of its weights, under `{}`: model.weights = \"ema\" takes it",
                    first.escape_debug()
                )),
                (false, []) => {}
            }
        }
        // The wrapper of data parallelism is in most files and changes nothing.
        if let Some(prefix) = self.prefix().filter(|prefix| *prefix != "module.") {
            notes.push(format!(
                "all keys of {origin} begin with `{}`, which is left out",
                prefix.escape_debug()
            ));
        }
        notes.extend(self.left_out_note());
        notes
    }

    /// Which tensors are left out, in a sentence.
    fn left_out_note(&self) -> Option<String> {
        let all = self.left_out();
        let keys = all.iter().take(NAMED).map(|key| {
            let key: String = key.chars().take(80).collect();
            key.escape_debug().to_string()
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        let more = match all.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let origin = self.origin();
        match all.len() {
            0 => None,
            1 => Some(format!(
                "1 tensor of {origin} that no network has is left out: {keys}"
            )),
            count => Some(format!(
                "{count} tensors of {origin} that no network has are left out: {keys}{more}"
            )),
        }
    }
}
