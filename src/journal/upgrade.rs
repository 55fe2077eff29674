//! Upgrades of journals that earlier versions of the program wrote, one step for each format.
//!
//! Everything behind this file sees the current format alone. A journal of a newer format is
//! refused.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::FORMAT;
use undone::Undone;

mod undone;

/// The state of upgrading one journal, line by line.
#[derive(Debug, Default)]
pub(super) struct Upgrade {
    /// The format of the journal.
    from: u64,
    /// Candidates that the gate rejected so far.
    gated: HashSet<u64>,
    /// The allocation of each candidate.
    allocations: HashMap<u64, Value>,
    /// Images of the search split whose answers are known, by allocation as text.
    known: HashMap<String, u64>,
    /// Images evaluated in screenings and confirmations.
    images: u64,
    /// What an undo took back.
    undone: Undone,
}

impl Upgrade {
    /// The upgrade that a journal with this header needs; none for the current format.
    ///
    /// # Errors
    /// Why a header is none of a format that can be read.
    pub fn of(header: &Value) -> Result<Option<Self>, String> {
        match header.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => Ok(None),
            Some(from @ 1..=3) => Ok(Some(Upgrade {
                from,
                ..Upgrade::default()
            })),
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

    /// The steps from the journal's format on.
    pub fn line(&mut self, line: &mut Value) {
        if self.from < 2 {
            self.upgrade_to_2(line);
        }
        if self.from < 3 {
            upgrade_to_3(line);
            self.count_images(line);
        }
        self.undone.upgrade_to_4(line);
    }

    /// Format 2 to 3: `finished` counts the images of screenings and confirmations.
    fn count_images(&mut self, line: &mut Value) {
        let candidate = line.get("candidate").and_then(Value::as_u64);
        match line.get("type").and_then(Value::as_str) {
            Some("proposed") => {
                let allocation = line.get("allocation").cloned();
                self.allocations.extend(candidate.zip(allocation));
            }
            Some("screened" | "confirmed") if line.get("cached") != Some(&json!(true)) => {
                let bits = line.get("bits").and_then(Value::as_str);
                let len: Option<u64> = bits.and_then(|bits| bits.split_once(':')?.0.parse().ok());
                let of = candidate.and_then(|c| self.allocations.get(&c));
                if let Some((len, allocation)) = len.zip(of) {
                    let known = self.known.entry(allocation.to_string()).or_default();
                    self.images += len - len.min(*known);
                    *known = len.max(*known);
                }
            }
            Some("finished") => line["images"] = self.images.into(),
            _ => {}
        }
    }

    /// Format 1 to 2: some versions counted a candidate in `gated` as often as the gate rejected
    /// it.
    fn upgrade_to_2(&mut self, line: &mut Value) {
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

/// Format 2 to 3: the gate that is called `drift` now was called `adaptive`, and a screening was
/// exact unless it said otherwise.
fn upgrade_to_3(line: &mut Value) {
    let rename = |mode: &mut Value| {
        if mode == "adaptive" {
            *mode = json!("drift");
        }
    };
    match line.get("type").and_then(Value::as_str) {
        Some("started") => {
            if let Some(search) = line.pointer_mut("/settings/search")
                && let Some(search) = search.as_object_mut()
            {
                search.entry("screening").or_insert_with(|| json!("exact"));
            }
            line.pointer_mut("/settings/gate/mode").map(rename);
        }
        Some("gated") => {
            line.pointer_mut("/mode").map(rename);
        }
        _ => {}
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
    fn the_gate_on_drift_and_exact_screening_have_their_names() {
        let mut upgrade = Upgrade::of(&json!({"format": 2}))
            .expect("known")
            .expect("older");
        let mut started =
            json!({"type": "started", "settings": {"search": {}, "gate": {"mode": "adaptive"}}});
        upgrade.line(&mut started);
        let settings = json!({"search": {"screening": "exact"}, "gate": {"mode": "drift"}});
        assert_eq!(started["settings"], settings);
        let mut gated = json!({"type": "gated", "mode": "adaptive"});
        upgrade.line(&mut gated);
        assert_eq!(gated["mode"], "drift");
        let mut fixed = json!({"type": "gated", "mode": "fixed"});
        upgrade.line(&mut fixed);
        assert_eq!(fixed["mode"], "fixed");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let why = |header: Value| Upgrade::of(&header).expect_err("refused");
        assert!(why(json!({"format": FORMAT + 1})).contains("update this one"));
        assert!(why(json!({"format": 0})).contains("no format 0"));
        assert!(why(json!({})).contains("names no format"));
    }
}
