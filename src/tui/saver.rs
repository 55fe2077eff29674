//! The saving of profiles in a thread of its own: layers that were never evaluated are quantized
//! first, and keys must not wait for that.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::action::{SaveError, Saved};
use super::session::{Save, SaveRequest};

/// The thread that saves. It ends with this, after what it is at.
#[derive(Debug)]
pub struct Saver {
    requests: Sender<SaveRequest>,
    /// Answers, one for each request.
    pub answers: Receiver<Result<Saved, SaveError>>,
}

impl Saver {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(mut save: Save) -> io::Result<Self> {
        let (requests, asked) = unbounded();
        let (answer, answers) = unbounded();
        thread::Builder::new().name("save".into()).spawn(move || {
            for request in asked.iter() {
                let saved = catch_unwind(AssertUnwindSafe(|| save(request)));
                let failed = |_| Err(SaveError::Other("saving failed".into()));
                if answer.send(saved.unwrap_or_else(failed)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Saver { requests, answers })
    }

    /// Has an allocation saved.
    pub fn save(&self, request: SaveRequest) {
        // The thread ends only with the receiver of its answers.
        let _ = self.requests.send(request);
    }
}
