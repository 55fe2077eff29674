//! Replay: an engine rebuilt from the events of a journal.

use super::Event;
use super::engine::{Ask, Engine};
use crate::evaluate::{CorrectBits, Outcome, Question};

/// Why events are not those of this search.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error(
    "event {at} of the journal ({found}) is not what this search does there ({expected}): the journal was written by another version, or changed"
)]
pub struct ReplayError {
    /// Which event, counted from 1.
    pub at: usize,
    /// Its type.
    pub found: String,
    /// What the engine does instead.
    pub expected: String,
}

impl Engine {
    /// Feeds an engine that was not started yet with a journal's events: outcomes and commands are taken from them, all
    /// else is done again and compared. Returns the events that the journal's torn end lacks; they are to be appended.
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
                Some(expected) if &expected == event => {}
                expected => {
                    let name = |e: &Event| e.name().to_owned();
                    let expected = expected.as_ref().map_or_else(|| "nothing".to_owned(), name);
                    return Err(ReplayError {
                        at: index + 1,
                        found: name(event),
                        expected,
                    });
                }
            }
        }
        Ok(due.into())
    }

    /// Does again what led to an event: a command, or the answer to the question now open.
    fn redo(&mut self, event: &Event) -> Vec<Event> {
        if let Event::CommandAccepted { command, .. } | Event::CommandRefused { command, .. } =
            event
        {
            return self.command(command.clone());
        }
        let Some(request) = self.asking().and_then(|ask| self.request(ask)) else {
            return Vec::new();
        };
        let from = match request.job.question {
            Question::Accuracy { from, .. } => from,
            Question::Drift => 0,
        };
        let tail = |bits: &CorrectBits| Outcome::Accuracy {
            correct: bits.iter().skip(from).collect(),
        };
        let outcome = match (self.asking(), event) {
            (Some(Ask::Baseline), Event::Baseline { correct }) => tail(correct),
            (Some(Ask::Drift(_)), Event::Measured { drift, sites, .. }) => Outcome::Drift {
                drift: *drift,
                sites: sites.clone(),
            },
            (Some(Ask::Screen(_)), Event::Screened { bits, .. })
            | (Some(Ask::Confirm(_)), Event::Confirmed { bits, .. })
            | (Some(Ask::TestFloat | Ask::Test(_)), Event::Tested { bits, .. }) => tail(bits),
            _ => return Vec::new(),
        };
        self.outcome(&request.job, outcome)
    }
}
