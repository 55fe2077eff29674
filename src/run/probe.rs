//! Looking into the network for display, beside the search and at lower priority: one thread, one
//! question at a time. Nothing of it is journalled, counted or learned from.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::evaluate::{Cancel, Potentials, Prober};
use crate::quant::{Allocation, BitWidth};

/// What was seen under an allocation, or why nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// The allocation.
    pub allocation: Allocation,
    /// The float network and this one.
    pub seen: Result<Box<(Potentials, Potentials)>, String>,
}

/// Where allocations are asked about, and where the answers come.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Questions. Of several that wait, the last one is answered first.
    pub ask: Sender<Allocation>,
    /// Answers.
    pub answers: Receiver<Probed>,
    /// Asks a running one to stop; kept alive by whoever holds this.
    cancel: Cancel,
}

impl Probe {
    /// Starts the thread; it ends when its senders are gone.
    ///
    /// # Errors
    /// When there is no thread.
    pub(super) fn spawn(mut prober: Box<dyn Prober>) -> std::io::Result<Self> {
        let (ask, asked) = unbounded::<Allocation>();
        let (answer, answers) = unbounded();
        let cancel = Cancel::default();
        let stopped = cancel.clone();
        thread::Builder::new().name("probe".into()).spawn(move || {
            let mut float: Option<Potentials> = None;
            for first in asked.iter() {
                let allocation = asked.try_iter().last().unwrap_or(first);
                let mut see = |allocation: &Allocation| {
                    let see = AssertUnwindSafe(|| prober.potentials(allocation, &stopped));
                    match catch_unwind(see) {
                        Ok(seen) => seen.map_err(|e| e.to_string()),
                        Err(_) => Err(String::from("looking into the network failed")),
                    }
                };
                let seen = (|| {
                    let plain = match &float {
                        Some(known) => known.clone(),
                        None => see(&Allocation::uniform(allocation.len(), BitWidth::FLOAT))?,
                    };
                    float = Some(plain.clone());
                    Ok(Box::new((plain, see(&allocation)?)))
                })();
                if answer.send(Probed { allocation, seen }).is_err() {
                    break;
                }
            }
        })?;
        Ok(Probe {
            ask,
            answers,
            cancel,
        })
    }

    /// Stops a running question at its next batch.
    pub(super) fn stop(&self) {
        self.cancel.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::EvaluateError;

    /// Panics at its second question.
    struct Failing(usize);

    impl Prober for Failing {
        fn potentials(&mut self, _: &Allocation, _: &Cancel) -> Result<Potentials, EvaluateError> {
            self.0 += 1;
            assert_ne!(self.0, 2, "the prober lost its mind");
            Ok(Potentials { sites: Vec::new() })
        }
    }

    #[test]
    fn a_panic_while_looking_into_the_network_is_told_and_the_next_look_succeeds() {
        let probe = Probe::spawn(Box::new(Failing(0))).expect("a thread");
        let allocation = Allocation::uniform(3, BitWidth::FLOAT);
        let mut seen = (0..2).map(|_| {
            probe.ask.send(allocation.clone()).expect("it listens");
            probe.answers.recv().expect("it answers").seen
        });
        let failed = seen.next().expect("an answer");
        assert_eq!(failed, Err("looking into the network failed".into()));
        assert!(seen.next().expect("an answer").is_ok());
    }
}
