//! Looking ahead: what will probably be asked next, so that several evaluators have something to
//! do.
//!
//! A copy of the engine goes on with guessed answers, and what it asks on its way is offered.
//! Guesses decide what is computed ahead of time, never what is decided: an answer counts when the
//! search itself comes to its question.

use std::collections::HashSet;

use super::CandidateId;
use super::engine::{Engine, Request};
use super::step::Ask;
use crate::evaluate::{CorrectBits, Outcome, Question, Split};
use crate::quant::Allocation;

/// Guesses for each question that is offered: of some that the copy comes to, the truth cannot be
/// asked yet.
const GUESSES: usize = 4;

/// What a question takes for granted.
#[derive(Default)]
struct Guessed {
    /// The float network's results are guessed.
    float: bool,
    /// Allocations whose correct images are guessed.
    bits: HashSet<Allocation>,
    /// Something is guessed that candidates are ordered by.
    measured: bool,
    /// The verdict on a candidate is guessed.
    judged: bool,
}

impl Guessed {
    /// True where a job does not depend on a guess.
    fn leaves(&self, request: &Request) -> bool {
        let of_search = matches!(
            request.job.question,
            Question::Accuracy {
                split: Split::Search,
                ..
            }
        );
        !(of_search && (self.float || self.bits.contains(&request.job.allocation)))
    }

    /// True where the guesses decide whether a question is asked at all. (Whatever the drifts are,
    /// those of all candidates of a step are asked for.)
    fn decide(&self, ask: Ask) -> bool {
        match ask {
            Ask::Screen(_) | Ask::Confirm(_) | Ask::Certify(_) | Ask::Test(_) => {
                self.judged || self.measured
            }
            Ask::Baseline
            | Ask::Drift(_)
            | Ask::LayerErrors(_)
            | Ask::CertifyFloat
            | Ask::TestFloat => self.judged,
        }
    }

    fn add(&mut self, ask: Ask, request: &Request) {
        match ask {
            Ask::Baseline => self.float = true,
            Ask::Screen(_) | Ask::Confirm(_) => {
                self.bits.insert(request.job.allocation.clone());
                self.judged = true;
            }
            Ask::Certify(_) => self.judged = true,
            Ask::Drift(_) | Ask::LayerErrors(_) => self.measured = true,
            Ask::CertifyFloat | Ask::TestFloat | Ask::Test(_) => {}
        }
    }
}

impl Engine {
    /// At most `most` questions, the one that is waited for first, then in the order in which they
    /// will probably come; at most `guesses` of them depend on what is guessed.
    pub(super) fn ahead(&self, most: usize, guesses: usize) -> Vec<Request> {
        let mut copy = self.clone();
        copy.hold = None;
        // Nothing is taken back there: what it decides need not be noted.
        copy.positions.clear();
        copy.tree.undoable.clear();
        let mut guessed = Guessed::default();
        let mut requests: Vec<Request> = Vec::new();
        let mut left = guesses;
        for _ in 0..most.saturating_mul(GUESSES) {
            let asking = copy.asking();
            let Some((ask, request)) = asking.and_then(|ask| Some((ask, copy.request(ask)?)))
            else {
                break;
            };
            if guessed.leaves(&request) && !requests.iter().any(|r| r.job == request.job) {
                if guessed.decide(ask) {
                    let Some(fewer) = left.checked_sub(1) else {
                        break;
                    };
                    left = fewer;
                }
                requests.push(Request {
                    candidate: self.named(&request),
                    job: request.job.clone(),
                });
            }
            if requests.len() >= most {
                break;
            }
            let outcome = copy.guess(ask, &request);
            guessed.add(ask, &request);
            copy.outcome(&request.job, outcome);
        }
        requests
    }

    /// The candidate that a request of the copy is about, where it is the same here.
    fn named(&self, request: &Request) -> Option<CandidateId> {
        let here = self.tree.get(request.candidate?)?;
        (here.allocation == request.job.allocation).then_some(here.id)
    }

    /// A measured drift adds nothing, so that what is measured next is screened next; a screening
    /// fails, unless the gate sees a better chance; a confirmation and a
    /// rung of the ladder succeed.
    fn guess(&self, ask: Ask, request: &Request) -> Outcome {
        let all = |right: bool| {
            let images = match request.job.question {
                Question::Accuracy { from, to, .. } => to.saturating_sub(from),
                Question::Drift { .. } | Question::LayerErrors | Question::Statistics { .. } => 0,
            };
            Outcome::Accuracy {
                correct: std::iter::repeat_n(right, images).collect::<CorrectBits>(),
            }
        };
        let candidate = request.candidate.and_then(|c| self.tree.get(c));
        match ask {
            Ask::Drift(id) => Outcome::Drift {
                drift: self.tree.parent_drift(id).unwrap_or(0.0),
                sites: Vec::new(),
                proxies: None,
            },
            // Half of the menu tells little: all of it is asked for one after the other.
            Ask::LayerErrors(width) => Outcome::LayerErrors {
                errors: vec![4f64.powi(-i32::from(width.bits())); request.job.allocation.len()],
            },
            Ask::Screen(_) => {
                let chance = candidate.and_then(|c| c.gate?.chance);
                all(chance.is_some_and(|chance| chance > 0.5))
            }
            Ask::Baseline | Ask::Confirm(_) | Ask::CertifyFloat | Ask::Certify(_) => all(true),
            Ask::TestFloat | Ask::Test(_) => all(false),
        }
    }
}
