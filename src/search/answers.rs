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
        let whole = |split, images| Question::Accuracy {
            split,
            from: 0,
            to: images,
            stop: None,
        };
        let (search, test) = (self.settings.search_images, self.settings.test_images);
        let certify = self.settings.certify_images;
        let (candidate, question) = match ask {
            Ask::Baseline => (None, whole(Split::Search, search)),
            Ask::CertifyFloat => (None, whole(Split::Certify, certify)),
            Ask::Certify(c) => (Some(c), whole(Split::Certify, certify)),
            Ask::TestFloat => (None, whole(Split::Test, test)),
            Ask::Test(c) => (Some(c), whole(Split::Test, test)),
            Ask::Drift(c) => {
                let images = self
                    .settings
                    .drift_question_images(self.tree.get(c)?.origin);
                (Some(c), Question::Drift { images })
            }
            Ask::LayerErrors(_) => (None, Question::LayerErrors),
            Ask::Screen(c) | Ask::Confirm(c) => {
                let Needed { from, to, stop } = self.judge(ask, c)?.err()?;
                let question = Question::Accuracy {
                    split: Split::Search,
                    from,
                    to,
                    stop: Some(stop),
                };
                (Some(c), question)
            }
        };
        let allocation = match (candidate, ask) {
            (Some(c), _) => self.tree.get(c)?.allocation.clone(),
            (None, Ask::LayerErrors(width)) => Allocation::uniform(layers, width),
            (None, _) => Allocation::uniform(layers, BitWidth::FLOAT),
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
                let allocation = self.tree.get(c).map(|c| &c.allocation);
                let known = allocation.and_then(|a| self.measurements.drift(a));
                let is_known = known.is_some();
                if let Some(drift) = known {
                    self.commit_drift(c, drift, true);
                }
                is_known
            }
            Ask::Screen(c) | Ask::Confirm(c) => {
                let Some(Ok((mut judgement, bits))) = self.judge(ask, c) else {
                    return false;
                };
                judgement.cached = true;
                self.commit_judgement(ask, c, judgement, bits);
                true
            }
            Ask::Certify(c) => {
                let known = self.tree.get(c).and_then(|c| c.certify.clone());
                let is_known = known.is_some();
                if let Some(bits) = known {
                    self.commit_rung(c, bits, true);
                }
                is_known
            }
            Ask::Baseline
            | Ask::LayerErrors(_)
            | Ask::CertifyFloat
            | Ask::TestFloat
            | Ask::Test(_) => false,
        }
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
            (Ask::CertifyFloat, Outcome::Accuracy { correct }) => {
                self.emit(Event::CertifyBaseline { correct });
            }
            (Ask::Certify(c), Outcome::Accuracy { correct }) => {
                self.commit_rung(c, correct, false);
            }
            (Ask::LayerErrors(bits), Outcome::LayerErrors { errors }) => {
                self.emit(Event::LayerErrors { bits, errors });
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
        let added = drift - self.tree.parent_drift(candidate).unwrap_or(0.0);
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
        let met = judgement.verdict == Verdict::Met;
        if !matches!(ask, Ask::Confirm(_)) {
            return self.learn(candidate, met);
        }
        self.refuted = if met { 0 } else { self.refuted + 1 };
        self.update_incumbent();
    }

    /// Lets the gate learn a screening verdict, once per allocation.
    fn learn(&mut self, candidate: CandidateId, met: bool) {
        let Some(judged) = self.tree.get(candidate) else {
            return;
        };
        let again = |c: &Candidate| {
            c.id != candidate && c.screening.is_some() && c.allocation == judged.allocation
        };
        if let (Some(drift), false) = (judged.drift, self.tree.active().any(again)) {
            self.gate.learn(drift, met);
        }
    }
}

/// An outcome as it answers a job: what was asked ahead of time may have been asked under another
/// constraint, and goes on too long or stops too early.
fn fitting(job: &Job, outcome: Outcome) -> Option<Outcome> {
    match (&job.question, outcome) {
        (Question::Drift { .. }, outcome @ Outcome::Drift { .. })
        | (Question::LayerErrors, outcome @ Outcome::LayerErrors { .. }) => Some(outcome),
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
