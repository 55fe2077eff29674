//! An evaluation in parts that several workers answer, merged exactly.

use crate::evaluate::{CorrectBits, EvaluateError, Job, Outcome, Question, Statistics, StopRule};

/// The least images of a part.
const PART: usize = 256;

/// The parts of a job in order, and how many of them are asked for at the same time.
#[derive(Debug, PartialEq)]
pub(super) struct Parts {
    /// The parts; the job itself where it is not cut.
    pub jobs: Vec<Job>,
    /// At least one.
    pub at_once: usize,
}

impl Parts {
    /// Cuts a job for so many workers, at the bounds of batches. No part has a stop rule, which
    /// needs the answers of those before: where there is one, small parts are asked for as far as
    /// the workers go.
    pub fn of(job: &Job, batch: usize, workers: usize) -> Self {
        let whole = || Parts {
            jobs: vec![job.clone()],
            at_once: 1,
        };
        let (split, from, to, stops) = match &job.question {
            Question::Accuracy {
                split,
                from,
                to,
                stop,
            } => (*split, *from, *to, stop.is_some()),
            Question::Statistics { split, from, to } => (*split, *from, *to, false),
            Question::Drift { .. } | Question::LayerErrors => return whole(),
        };
        let most = match stops && workers > 1 {
            true => usize::MAX,
            false => workers,
        };
        let ranges = ranges((from, to), batch, most);
        if ranges.len() == 1 {
            return whole();
        }
        let part = |(from, to)| Job {
            allocation: job.allocation.clone(),
            question: match job.question {
                Question::Statistics { .. } => Question::Statistics { split, from, to },
                _ => Question::Accuracy {
                    split,
                    from,
                    to,
                    stop: None,
                },
            },
        };
        Parts {
            jobs: ranges.into_iter().map(part).collect(),
            at_once: workers.max(1),
        }
    }
}

/// Cuts a range of images into parts for so many workers, at the bounds of batches.
fn ranges((from, to): (usize, usize), batch: usize, workers: usize) -> Vec<(usize, usize)> {
    let (images, batch) = (to.saturating_sub(from), batch.max(1));
    let parts = (images / PART.max(4 * batch)).min(workers).max(1);
    let cut = |i: usize| match i {
        0 => from,
        i if i == parts => to,
        i => ((from + images * i / parts) / batch * batch).clamp(from, to),
    };
    (0..parts).map(|i| (cut(i), cut(i + 1))).collect()
}

/// The answers of the first parts.
#[derive(Debug)]
pub(super) enum Merged {
    /// To parts of [`Question::Accuracy`].
    Bits(CorrectBits),
    /// To parts of [`Question::Statistics`]; none before the first.
    Counted(Option<Statistics>),
}

impl Merged {
    /// Of no part of a job.
    pub fn none_of(job: &Job) -> Self {
        match job.question {
            Question::Statistics { .. } => Merged::Counted(None),
            _ => Merged::Bits(CorrectBits::new()),
        }
    }

    /// Images so far, and those that are classified correctly.
    pub fn done(&self) -> (usize, usize) {
        match self {
            Merged::Bits(bits) => (bits.len(), bits.correct()),
            Merged::Counted(None) => (0, 0),
            Merged::Counted(Some(counted)) => (counted.images, counted.correct()),
        }
    }

    /// Adds the answer of the next part.
    ///
    /// # Errors
    /// [`EvaluateError::Backend`] where it is the answer to another question.
    pub fn add(&mut self, outcome: Outcome) -> Result<(), EvaluateError> {
        match (self, outcome) {
            (Merged::Bits(bits), Outcome::Accuracy { correct }) => {
                bits.extend(&correct);
                Ok(())
            }
            (Merged::Counted(all), Outcome::Statistics(counted)) => match all {
                None => {
                    *all = Some(counted);
                    Ok(())
                }
                Some(all) => match all.add(&counted) {
                    true => Ok(()),
                    false => Err(EvaluateError::of_another()),
                },
            },
            _ => Err(EvaluateError::of_another()),
        }
    }

    /// True where a rule stops, with the images after it left out.
    pub fn stops(&mut self, rule: &StopRule) -> bool {
        let Merged::Bits(bits) = self else {
            return false;
        };
        let decided = rule.decided(bits);
        if let Some(decided) = &decided {
            bits.truncate(decided.images);
        }
        decided.is_some()
    }

    /// The answer to the job.
    ///
    /// # Errors
    /// [`EvaluateError::Backend`] where no part was answered.
    pub fn outcome(self) -> Result<Outcome, EvaluateError> {
        match self {
            Merged::Bits(correct) => Ok(Outcome::Accuracy { correct }),
            Merged::Counted(Some(counted)) => Ok(Outcome::Statistics(counted)),
            Merged::Counted(None) => Err(EvaluateError::of_another()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluate::{Cancel, Evaluator, Landscape, Split};
    use crate::quant::{Allocation, BitWidth};

    #[test]
    fn parts_are_whole_batches_and_make_up_the_whole() {
        assert_eq!(ranges((0, 10_000), 32, 1), [(0, 10_000)]);
        assert_eq!(ranges((0, 500), 32, 8), [(0, 500)]);
        assert_eq!(ranges((0, 600), 32, usize::MAX), [(0, 288), (288, 600)]);
        for (from, to) in [(0, 10_000), (17, 9_999), (500, 10_000), (7, 7)] {
            for workers in 0..9 {
                let all = ranges((from, to), 32, workers);
                assert!(all.len() <= workers.max(1));
                assert_eq!((all[0].0, all[all.len() - 1].1), (from, to));
                for pair in all.windows(2) {
                    assert_eq!(pair[0].1, pair[1].0);
                    assert_eq!(pair[0].1 % 32, 0);
                }
            }
        }
        assert_eq!(ranges((0, 10_000), 32, 3).len(), 3);
    }

    fn answer(landscape: &mut Landscape, job: &Job) -> Outcome {
        let answer = landscape.evaluate(job, &Cancel::default(), &mut |_| ());
        answer.expect("a landscape answers").0
    }

    proptest! {
        /// However many workers share it: the answer is that of one, with and without a stop rule.
        #[test]
        fn merged_answers_are_those_of_one_worker(
            workers in 0_usize..12,
            batch in 1_usize..40,
            from in 0_usize..4,
            images in 1_usize..3000,
            bits in 2_u8..9,
            rule in prop::option::of((-5_i64..60, any::<bool>())),
            counted: bool,
        ) {
            let mut landscape = Landscape::new(3, 4, 8, 3200, 0);
            let (from, split) = (from * batch, Split::Search);
            let to = from + images;
            let float = || Allocation::uniform(4, BitWidth::FLOAT);
            let stop = rule.map(|(allowed_loss, stop_when_met)| {
                let question = Question::Accuracy { split, from, to, stop: None };
                let float = answer(&mut landscape, &Job { allocation: float(), question });
                let Outcome::Accuracy { correct: float } = float else { unreachable!() };
                StopRule { lost_before: 0, allowed_loss, float, stop_when_met, sequential: None }
            });
            let job = Job {
                allocation: Allocation::uniform(4, BitWidth::new(bits).expect("a width")),
                question: match counted {
                    true => Question::Statistics { split, from, to },
                    false => Question::Accuracy { split, from, to, stop: stop.clone() },
                },
            };
            let parts = Parts::of(&job, batch, workers);
            prop_assert!(parts.at_once >= 1 && parts.at_once <= workers.max(1));
            let mut merged = Merged::none_of(&job);
            for part in &parts.jobs {
                merged.add(answer(&mut landscape, part)).expect("of the same question");
                if stop.as_ref().is_some_and(|stop| merged.stops(stop)) {
                    break;
                }
            }
            prop_assert_eq!(merged.outcome(), Ok(answer(&mut landscape, &job)));
        }
    }
}
