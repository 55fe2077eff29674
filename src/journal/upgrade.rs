//! Upgrades of journals that earlier versions of the program wrote, one step for each format.
//!
//! Everything behind this file sees the current format alone. A journal of a newer format is
//! refused.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::FORMAT;

/// The state of upgrading one journal, line by line.
#[derive(Debug, Default)]
pub(super) struct Upgrade {
    /// Candidates that the gate rejected so far.
    gated: HashSet<u64>,
}

impl Upgrade {
    /// The upgrade that a journal with this header needs; none for the current format.
    ///
    /// # Errors
    /// Why a header is none of a format that can be read.
    pub fn of(header: &Value) -> Result<Option<Self>, String> {
        match header.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => Ok(None),
            Some(1) => Ok(Some(Upgrade::default())),
            Some(format) if format > u64::from(FORMAT) => Err(format!(
                "it is of format {format}, which a newer aq4svit wrote: update this one"
            )),
            Some(format) => Err(format!("there is no format {format}")),
            None => Err("it names no format".to_owned()),
        }
    }

    /// Format 1 to 2: the first journals did not name the images of a batch.
    pub fn header(header: &mut Value) {
        if let Some(header) = header.as_object_mut() {
            header.insert("format".to_owned(), FORMAT.into());
            header.entry("batch").or_insert_with(|| json!(1));
        }
    }

    /// Format 1 to 2: some versions counted a candidate in `gated` as often as the gate rejected it.
    pub fn line(&mut self, line: &mut Value) {
        let held_back = line.get("decision").and_then(Value::as_str) == Some("held_back");
        match line.get("type").and_then(Value::as_str) {
            Some("gated") if held_back => {
                self.gated
                    .extend(line.get("candidate").and_then(Value::as_u64));
            }
            Some("finished") if line.get("gated").is_some() => {
                line["gated"] = self.gated.len().into();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_rejected_twice_is_counted_once() {
        let mut upgrade = Upgrade::of(&json!({"format": 1}))
            .expect("known")
            .expect("older");
        let rejected = json!({"type": "gated", "candidate": 7, "decision": "held_back"});
        for _ in 0..2 {
            upgrade.line(&mut rejected.clone());
        }
        let mut finished = json!({"type": "finished", "gated": 2});
        upgrade.line(&mut finished);
        assert_eq!(finished["gated"], 1);
        let mut header = json!({"format": 1});
        Upgrade::header(&mut header);
        assert_eq!(header, json!({"format": FORMAT, "batch": 1}));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let why = |header: Value| Upgrade::of(&header).expect_err("refused");
        assert!(why(json!({"format": FORMAT + 1})).contains("update this one"));
        assert!(why(json!({"format": 0})).contains("no format 0"));
        assert!(why(json!({})).contains("names no format"));
    }
}
