//! Questions and answers: the job that answers a question, and what an answer is committed as.

use super::engine::{Engine, Kind, Request};
use super::measurements::{Drift, Needed};
use super::step::Ask;
use super::{Candidate, CandidateId, Event, Judgement};
use crate::evaluate::{CorrectBits, Job, Outcome, Provenance, Question, Split, Verdict};
use crate::quant::{Allocation, BitWidth};

impl Engine {
    /// The job that answers a question; none where it is answered already.
    pub(super) fn request(&self, ask: Ask) -> Option<Request> {
        let layers = self.settings.space.layers.len();
        let accuracy = |split, from, to, stop| Question::Accuracy {
            split,
            from,
            to,
            stop,
        };
        let (candidate, question) = match ask {
            Ask::Baseline => (
                None,
                accuracy(Split::Search, 0, self.settings.search_images, None),
            ),
            Ask::TestFloat => (
                None,
                accuracy(Split::Test, 0, self.settings.test_images, None),
            ),
            Ask::Test(c) => (
                Some(c),
                accuracy(Split::Test, 0, self.settings.test_images, None),
            ),
            Ask::Drift(c) => (Some(c), Question::Drift),
            Ask::Screen(c) | Ask::Confirm(c) => {
                let needed = self.judge(ask, c)?.err()?;
                (
                    Some(c),
                    accuracy(Split::Search, needed.from, needed.to, Some(needed.stop)),
                )
            }
        };
        let allocation = match candidate {
            Some(c) => self.tree.get(c)?.allocation.clone(),
            None => Allocation::uniform(layers, BitWidth::FLOAT),
        };
        Some(Request {
            candidate,
            job: Job {
                allocation,
                question,
            },
        })
    }

    fn judge(
        &self,
        ask: Ask,
        candidate: CandidateId,
    ) -> Option<Result<(Judgement, CorrectBits), Needed>> {
        let allocation = &self.tree.get(candidate)?.allocation;
        let criterion = match ask {
            Ask::Confirm(_) => self.confirmation(allocation),
            _ => self.settings.screening(self.tree.max_drop()),
        };
        Some(self.measurements.judge(allocation, &criterion))
    }

    /// Commits a question's answer if an earlier result of this run is one.
    pub(super) fn recalled(&mut self, ask: Ask) -> bool {
        match ask {
            Ask::Drift(c) => {
                let Some(allocation) = self.tree.get(c).map(|c| c.allocation.clone()) else {
                    return false;
                };
                if let Some(drift) = self.measurements.drift(&allocation) {
                    self.commit_drift(c, drift, true);
                    return true;
                }
            }
            Ask::Screen(c) | Ask::Confirm(c) => {
                if let Some(Ok((judgement, bits))) = self.judge(ask, c) {
                    self.commit_judgement(
                        ask,
                        c,
                        Judgement {
                            cached: true,
                            ..judgement
                        },
                        bits,
                    );
                    return true;
                }
            }
            Ask::Baseline | Ask::TestFloat | Ask::Test(_) => {}
        }
        false
    }

    /// Commits a question's answer if it has arrived.
    pub(super) fn received(&mut self, ask: Ask) -> bool {
        let Some(request) = self.request(ask) else {
            return false;
        };
        let key = (
            request.job.allocation.clone(),
            Kind::of(&request.job.question),
        );
        let Some((outcome, provenance)) = self.arrived.remove(&key) else {
            return false;
        };
        let Some(outcome) = fitting(&request.job, outcome) else {
            return false;
        };
        // The first event that a commit emits is the one about its answer.
        if provenance == Provenance::EarlierRun {
            self.reused.insert(self.emitted() + 1);
        }
        self.commit(ask, &request.job, outcome)
    }

    pub(super) fn commit(&mut self, ask: Ask, job: &Job, outcome: Outcome) -> bool {
        match (ask, outcome) {
            (Ask::Baseline, Outcome::Accuracy { correct }) => {
                self.measurements.set_float(correct.clone());
                self.emit(Event::Baseline { correct });
            }
            (
                Ask::Drift(c),
                Outcome::Drift {
                    drift,
                    sites,
                    proxies,
                },
            ) => {
                let drift = (drift, sites, proxies);
                self.measurements.set_drift(&job.allocation, drift.clone());
                self.commit_drift(c, drift, false);
            }
            (Ask::Screen(c) | Ask::Confirm(c), Outcome::Accuracy { correct }) => {
                self.measurements.extend(&job.allocation, &correct);
                let Some(Ok((judgement, bits))) = self.judge(ask, c) else {
                    return false;
                };
                self.commit_judgement(ask, c, judgement, bits);
            }
            (Ask::TestFloat, Outcome::Accuracy { correct }) => self.commit_test(None, correct),
            (Ask::Test(c), Outcome::Accuracy { correct }) => self.commit_test(Some(c), correct),
            _ => return false,
        }
        true
    }

    pub(super) fn commit_test(&mut self, candidate: Option<CandidateId>, bits: CorrectBits) {
        self.emit(Event::Tested {
            candidate,
            images: bits.len(),
            correct: bits.correct(),
            bits,
        });
    }

    pub(super) fn commit_drift(
        &mut self,
        candidate: CandidateId,
        (drift, sites, proxies): Drift,
        cached: bool,
    ) {
        let parent = self
            .tree
            .get(candidate)
            .and_then(|c| c.parent)
            .and_then(|p| self.tree.get(p));
        let added = drift - parent.and_then(|p| p.drift).unwrap_or(0.0);
        self.emit(Event::Measured {
            candidate,
            drift,
            added,
            sites,
            proxies,
            cached,
        });
    }

    pub(super) fn commit_judgement(
        &mut self,
        ask: Ask,
        candidate: CandidateId,
        judgement: Judgement,
        bits: CorrectBits,
    ) {
        let event = match ask {
            Ask::Confirm(_) => Event::Confirmed {
                candidate,
                judgement,
                bits,
            },
            _ => Event::Screened {
                candidate,
                judgement,
                bits,
            },
        };
        self.emit(event);
        if matches!(ask, Ask::Confirm(_)) {
            self.refuted = match judgement.verdict {
                Verdict::Met => 0,
                Verdict::NotMet => self.refuted + 1,
            };
            self.update_incumbent();
        }
        if matches!(ask, Ask::Screen(_)) {
            self.learn(candidate, judgement.verdict == Verdict::Met);
        }
    }

    /// Lets the gate learn a screening verdict, once per allocation.
    fn learn(&mut self, candidate: CandidateId, met: bool) {
        let Some(judged) = self.tree.get(candidate) else {
            return;
        };
        let again = |c: &Candidate| {
            c.id != candidate && c.screening.is_some() && c.allocation == judged.allocation
        };
        if let (Some(drift), false) = (judged.drift, self.tree.candidates.iter().any(again)) {
            self.gate.learn(drift, met);
        }
    }
}

/// An outcome as it answers a job: what was asked ahead of time may have been asked under another
/// constraint, and goes on too long or stops too early.
fn fitting(job: &Job, outcome: Outcome) -> Option<Outcome> {
    match (&job.question, outcome) {
        (Question::Drift, outcome @ Outcome::Drift { .. }) => Some(outcome),
        (Question::Accuracy { from, to, stop, .. }, Outcome::Accuracy { mut correct }) => {
            let asked = to.saturating_sub(*from);
            correct.truncate(asked);
            let images = match stop {
                Some(rule) => rule.decided(&correct)?.images,
                None => asked,
            };
            correct.truncate(images);
            (correct.len() == images).then_some(Outcome::Accuracy { correct })
        }
        _ => None,
    }
}
