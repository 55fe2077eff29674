//! Replay: an engine rebuilt from the events of a journal.

use serde_json::Value;

use super::engine::Engine;
use super::step::Ask;
use super::{Event, Settings};
use crate::evaluate::{CorrectBits, Outcome, Question};

/// Why events are not those of this search.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error(
    "event {at} of the journal ({found}) is not what this search does there ({expected}): the journal was written by another version, or changed"
)]
pub struct ReplayError {
    /// Which event, counted from 1.
    pub at: usize,
    /// Its type; and the field that differs, where the engine emits the same type.
    pub found: String,
    /// The engine's event instead, in the same form.
    pub expected: String,
}

impl Engine {
    /// Feeds an engine that was not started yet with a journal's events: outcomes and commands are
    /// taken from them, all else is done again and compared. Returns the events that the journal's
    /// torn end lacks; they are to be appended.
    ///
    /// # Errors
    /// [`ReplayError`] at the first event that does not follow.
    pub fn replay<'a>(
        &mut self,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<Vec<Event>, ReplayError> {
        let mut due: std::collections::VecDeque<Event> = self.start().into();
        for (index, event) in events.into_iter().enumerate() {
            if due.is_empty() {
                due = self.redo(event).into();
            }
            match due.pop_front() {
                Some(expected) if expected.same(event) => {}
                expected => {
                    let (found, expected) = difference(event, expected.as_ref());
                    return Err(ReplayError {
                        at: index + 1,
                        found,
                        expected,
                    });
                }
            }
        }
        Ok(due.into())
    }

    /// Does again what led to an event: a command, or the answer to the question now open.
    fn redo(&mut self, event: &Event) -> Vec<Event> {
        if let Some(instruction) = event.acknowledged() {
            return self.command(instruction);
        }
        let Some(request) = self.asking().and_then(|ask| self.request(ask)) else {
            return Vec::new();
        };
        let from = match request.job.question {
            Question::Accuracy { from, .. } => from,
            Question::Drift { .. } | Question::LayerErrors | Question::Statistics { .. } => 0,
        };
        let tail = |bits: &CorrectBits| Outcome::Accuracy {
            correct: bits.iter().skip(from).collect(),
        };
        let outcome = match (self.asking(), event) {
            (Some(Ask::Baseline), Event::Baseline { correct })
            | (Some(Ask::CertifyFloat), Event::CertifyBaseline { correct }) => tail(correct),
            (Some(Ask::Certify(_)), Event::RungTested { bits, .. }) => tail(bits),
            (
                Some(Ask::Drift(_)),
                Event::Measured {
                    drift,
                    sites,
                    proxies,
                    ..
                },
            ) => Outcome::Drift {
                drift: *drift,
                sites: sites.clone(),
                proxies: *proxies,
            },
            (Some(Ask::LayerErrors(_)), Event::LayerErrors { errors, .. }) => {
                Outcome::LayerErrors {
                    errors: errors.clone(),
                }
            }
            (Some(Ask::Screen(_)), Event::Screened { bits, .. })
            | (Some(Ask::Confirm(_)), Event::Confirmed { bits, .. })
            | (Some(Ask::TestFloat | Ask::Test(_)), Event::Tested { bits, .. }) => tail(bits),
            _ => return Vec::new(),
        };
        self.outcome(&request.job, outcome)
    }
}

impl Event {
    /// Equal in all that the search depends on: how a command was answered in words, and the
    /// profile's name, may differ.
    fn same(&self, other: &Event) -> bool {
        match (self, other) {
            (Event::Started { settings: a }, Event::Started { settings: b }) => {
                let name = a.name.clone();
                **a == Settings {
                    name,
                    ..(**b).clone()
                }
            }
            (Event::CommandAccepted { .. }, Event::CommandAccepted { .. })
            | (Event::CommandRefused { .. }, Event::CommandRefused { .. }) => {
                self.acknowledged() == other.acknowledged()
            }
            _ => self == other,
        }
    }
}

/// Two events in words: their types, or the first field that differs between two of a type.
fn difference(found: &Event, expected: Option<&Event>) -> (String, String) {
    let written = |event| serde_json::to_value(event).unwrap_or_default();
    let (found, expected) = (written(Some(found)), written(expected));
    let kind = |event: &Value| event["type"].as_str().unwrap_or("nothing").to_owned();
    let kinds = (kind(&found), kind(&expected));
    match kinds.0 == kinds.1 {
        true => first_difference(kinds.0.clone(), &found, &expected).unwrap_or(kinds),
        false => kinds,
    }
}

/// `path = value` on both sides, where two values first differ.
fn first_difference(path: String, a: &Value, b: &Value) -> Option<(String, String)> {
    match (a, b) {
        _ if a == b => None,
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let side = |of: &serde_json::Map<String, Value>, key: &str| {
                of.get(key).cloned().unwrap_or(Value::Null)
            };
            keys.into_iter().find_map(|key| {
                first_difference(format!("{path}.{key}"), &side(a, key), &side(b, key))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(i, (a, b))| first_difference(format!("{path}[{i}]"), a, b))
        }
        _ => Some((format!("{path} = {a}"), format!("{path} = {b}"))),
    }
}
