//! What is done and read outside the run, in a thread of its own: keys must not wait for it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::session::{Answer, Asked, Outside};

/// The thread. It ends with this, after what it is at.
#[derive(Debug)]
pub struct Asker {
    requests: Sender<Asked>,
    /// Answers, one for each request.
    pub answers: Receiver<Answer>,
}

impl Asker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(mut outside: Outside) -> io::Result<Self> {
        let (requests, asked) = unbounded();
        let (answer, answers) = unbounded();
        thread::Builder::new()
            .name("outside".into())
            .spawn(move || {
                for request in asked.iter() {
                    let done = catch_unwind(AssertUnwindSafe(|| outside(request)));
                    let failed = |_| Answer::Kept(Err("that failed inside the program".into()));
                    if answer.send(done.unwrap_or_else(failed)).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Asker { requests, answers })
    }

    /// Asks for something.
    pub fn ask(&self, asked: Asked) {
        // The thread ends only with the receiver of its answers.
        let _ = self.requests.send(asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_outside_is_told_and_the_next_request_is_answered() {
        let outside = |asked| match asked {
            Asked::Report => panic!("the report lost its mind"),
            _ => Answer::Places(Default::default()),
        };
        let asker = Asker::start(Box::new(outside)).expect("a thread");
        asker.ask(Asked::Report);
        asker.ask(Asked::Places);
        let told = Answer::Kept(Err("that failed inside the program".into()));
        assert_eq!(asker.answers.recv(), Ok(told));
        let places = Answer::Places(Default::default());
        assert_eq!(asker.answers.recv(), Ok(places));
    }
}
