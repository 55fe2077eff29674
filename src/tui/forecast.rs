//! The predicted accuracy drop of a manual change, computed from what the run has measured: in a
//! thread of its own, because the fit grows with the run and keys must not wait for it.

use std::io;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::quant::{Allocation, BitWidth};
use crate::search::{Estimate, Measured, Prediction, Predictor, Solution, Tree, Unsolved};

/// The forecast for an allocation that is not submitted yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The allocation.
    pub allocation: Allocation,
    /// The accuracy drop that the measurements of others speak for; none before anything was
    /// measured.
    pub predicted: Option<Estimate>,
    /// The same for the allocation that it was made from, whose drop may be measured.
    pub parent: Option<Estimate>,
    /// What was measured of itself, if anything.
    pub measured: Option<Measured>,
    /// How many accuracies the prediction rests on.
    pub measurements: usize,
}

impl Forecast {
    /// The forecast of a run for an allocation made from another one.
    pub fn of(tree: &Tree, change: Change) -> Self {
        Self::by(Predictor::new(tree).as_ref(), change)
    }

    fn by(predictor: Option<&Predictor<'_>>, change: Change) -> Self {
        let said = predictor.map(|p| p.predict(&change.allocation));
        let parent = predictor.map(|p| p.predict(&change.from));
        Forecast {
            predicted: said.and_then(|p| p.predicted),
            parent: parent.and_then(|p| p.predicted),
            measured: said.and_then(|p| p.measured),
            measurements: predictor.map_or(0, Predictor::measurements),
            allocation: change.allocation,
        }
    }
}

/// An allocation, and the one that it is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The allocation.
    pub allocation: Allocation,
    /// The one that it is made from.
    pub from: Allocation,
}

/// The predicted front of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictedFront {
    /// Its points, or why there are none.
    pub front: Result<Vec<Solution>, String>,
    /// One bit-width for all layers, for each of the menu, narrowest first.
    pub uniform: Vec<(BitWidth, Prediction)>,
    /// How many accuracies it rests on.
    pub measurements: usize,
}

impl PredictedFront {
    /// The most predicted points.
    const MOST: usize = 60;

    /// The predicted front of a run.
    pub fn of(tree: &Tree) -> Self {
        Self::by(Predictor::new(tree).as_ref())
    }

    fn by(predictor: Option<&Predictor<'_>>) -> Self {
        let early = || Unsolved::TooEarly.to_string();
        let front = predictor.ok_or_else(early);
        let front = front.and_then(|p| p.front(&[], Self::MOST).map_err(|e| e.to_string()));
        PredictedFront {
            front,
            uniform: predictor.map(Predictor::uniform).unwrap_or_default(),
            measurements: predictor.map_or(0, Predictor::measurements),
        }
    }
}

/// What the thread predicts.
#[derive(Clone, Debug, PartialEq)]
pub enum Prophecy {
    /// The drop of an allocation.
    Of(Forecast),
    /// The front.
    Front(PredictedFront),
}

/// Questions; with the run where it has measured more since the last one.
#[derive(Default)]
struct Ask {
    run: Option<Box<Tree>>,
    change: Option<Change>,
    front: bool,
}

/// The thread that predicts. It ends with this.
#[derive(Debug)]
pub struct Forecaster {
    ask: Sender<Ask>,
    /// Answers. Of several questions of a kind that wait, only the last is answered.
    pub answers: Receiver<Prophecy>,
    /// What the thread knows of the run.
    version: Option<u64>,
}

impl Forecaster {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> io::Result<Self> {
        let (ask, asked) = unbounded();
        let (answer, answers) = unbounded();
        thread::Builder::new()
            .name("forecast".into())
            .spawn(move || answer_all(&asked, &answer))?;
        Ok(Forecaster {
            ask,
            answers,
            version: None,
        })
    }

    /// Asks about an allocation, or (without one) for the front. `version` changes whenever the run
    /// has measured more.
    pub fn ask(&mut self, tree: &Tree, version: u64, change: Option<Change>) {
        let known = self.version == Some(version);
        let run = (!known).then(|| Box::new(tree.clone()));
        self.version = Some(version);
        let front = change.is_none();
        let _ = self.ask.send(Ask { run, change, front });
    }
}

fn answer_all(asked: &Receiver<Ask>, answers: &Sender<Prophecy>) {
    let mut waiting = asked.recv().ok();
    while let Some(mut ask) = waiting.take() {
        let Some(tree) = ask.run.take() else { return };
        let predictor = Predictor::new(&tree);
        loop {
            let change = ask.change.take();
            let forecast = change.map(|c| Prophecy::Of(Forecast::by(predictor.as_ref(), c)));
            let front = || Prophecy::Front(PredictedFront::by(predictor.as_ref()));
            let front = ask.front.then(front);
            for answer in forecast.into_iter().chain(front) {
                if answers.send(answer).is_err() {
                    return;
                }
            }
            let Some(next) = next(asked) else { return };
            if next.run.is_some() {
                waiting = Some(next);
                break;
            }
            ask = next;
        }
    }
}

/// The last questions that wait, with the latest run that any of them brought.
fn next(asked: &Receiver<Ask>) -> Option<Ask> {
    let mut last = asked.recv().ok()?;
    for later in asked.try_iter() {
        last = Ask {
            run: later.run.or(last.run),
            change: later.change.or(last.change),
            front: later.front || last.front,
        };
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_question_is_answered_and_the_run_is_sent_once() {
        let mut forecaster = Forecaster::start().unwrap();
        let uniform = |bits| Allocation::uniform(3, BitWidth::new(bits).unwrap());
        let tree = Tree::default();
        let change = |bits| Change {
            allocation: uniform(bits),
            from: uniform(8),
        };
        for (version, bits) in [(1, 2), (1, 3), (2, 4), (2, 8)] {
            forecaster.ask(&tree, version, Some(change(bits)));
        }
        let is_last = |a: &Prophecy| matches!(a, Prophecy::Of(f) if f.allocation == uniform(8));
        let mut answers = forecaster.answers.iter().skip_while(|a| !is_last(a));
        assert!(matches!(answers.next(), Some(Prophecy::Of(f)) if f.predicted.is_none()));
        assert!(forecaster.answers.is_empty());
        forecaster.ask(&tree, 2, None);
        let front = forecaster.answers.recv().unwrap();
        assert!(matches!(front, Prophecy::Front(f) if f.front.is_err()));
    }
}
