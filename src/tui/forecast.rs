//! The predicted accuracy drop of a manual change, computed from what the run has measured: in a
//! thread of its own, because the fit grows with the run and keys must not wait for it.

use std::io;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::quant::Allocation;
use crate::search::{Estimate, Measured, Predictor, Tree};

/// The forecast for an allocation that is not submitted yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The allocation.
    pub allocation: Allocation,
    /// The accuracy drop that the measurements of others speak for; none before anything was
    /// measured.
    pub predicted: Option<Estimate>,
    /// What was measured of itself, if anything.
    pub measured: Option<Measured>,
    /// How many accuracies the prediction rests on.
    pub measurements: usize,
}

impl Forecast {
    /// The forecast of a run for an allocation.
    pub fn of(tree: &Tree, allocation: Allocation) -> Self {
        Self::by(Predictor::new(tree).as_ref(), allocation)
    }

    fn by(predictor: Option<&Predictor<'_>>, allocation: Allocation) -> Self {
        let said = predictor.map(|p| p.predict(&allocation));
        Forecast {
            predicted: said.and_then(|p| p.predicted),
            measured: said.and_then(|p| p.measured),
            measurements: predictor.map_or(0, Predictor::measurements),
            allocation,
        }
    }
}

/// A question; with the run where it has measured more since the last one.
struct Ask {
    run: Option<Box<Tree>>,
    allocation: Allocation,
}

/// The thread that predicts. It ends with this.
#[derive(Debug)]
pub struct Forecaster {
    ask: Sender<Ask>,
    /// Answers. Of several questions that wait, only the last is answered.
    pub answers: Receiver<Forecast>,
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

    /// Asks about an allocation. `version` changes whenever the run has measured more.
    pub fn ask(&mut self, tree: &Tree, version: u64, allocation: Allocation) {
        let known = self.version == Some(version);
        let run = (!known).then(|| Box::new(tree.clone()));
        self.version = Some(version);
        let _ = self.ask.send(Ask { run, allocation });
    }
}

fn answer_all(asked: &Receiver<Ask>, answers: &Sender<Forecast>) {
    let mut waiting = asked.recv().ok();
    while let Some(Ask {
        run: Some(tree),
        mut allocation,
    }) = waiting.take()
    {
        let predictor = Predictor::new(&tree);
        loop {
            let forecast = Forecast::by(predictor.as_ref(), allocation);
            if answers.send(forecast).is_err() {
                return;
            }
            let Some(next) = next(asked) else { return };
            if next.run.is_some() {
                waiting = Some(next);
                break;
            }
            allocation = next.allocation;
        }
    }
}

/// The last question that waits, with the latest run that any of them brought.
fn next(asked: &Receiver<Ask>) -> Option<Ask> {
    let mut last = asked.recv().ok()?;
    for later in asked.try_iter() {
        last = Ask {
            run: later.run.or(last.run),
            allocation: later.allocation,
        };
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::BitWidth;

    #[test]
    fn the_last_question_is_answered_and_the_run_is_sent_once() {
        let mut forecaster = Forecaster::start().unwrap();
        let uniform = |bits| Allocation::uniform(3, BitWidth::new(bits).unwrap());
        let tree = Tree::default();
        for (version, bits) in [(1, 2), (1, 3), (2, 4), (2, 8)] {
            forecaster.ask(&tree, version, uniform(bits));
        }
        let answers = forecaster.answers.iter();
        let mut answers = answers.skip_while(|a| a.allocation != uniform(8));
        assert_eq!(answers.next().unwrap().predicted, None);
        assert!(forecaster.answers.is_empty());
    }
}
