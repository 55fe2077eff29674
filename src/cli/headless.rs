//! A run without the interface: lines of text, or the event stream as JSON.

use std::path::Path;

use anyhow::{Result, bail};
use crossbeam_channel::{Receiver, Sender, never, select};
use indicatif::ProgressBar;

use super::ExitCode;
use super::INTERRUPTED;
use super::commands::ScriptError;
use super::front::Front;
use super::output::{Reader, line, message, note, offer, offer_json};
use super::prepared::say_notes;
use super::progress::bar;
use super::signals::Signals;
use crate::evaluate::{Question, Split};
use crate::journal::{self, Entry};
use crate::profile::Paths;
use crate::run::{self, Handle, Update};
use crate::search::{Command, Event, Instruction, Tree};
use crate::text::{self, Importance, Marks};
use crate::tui::Signal;

/// Follows a run to its end.
pub(crate) fn watch(
    mut handle: Handle,
    script_errors: Receiver<ScriptError>,
    front: Front,
    signals: Signals,
) -> Result<ExitCode> {
    let run = handle.folder.clone();
    let name = run::argument(&Paths::from_env()?.runs(), &run);
    let json = front == Front::Json;
    let mut watcher = Watcher::new(json, &handle);
    let signals = signals.watch();
    if !json {
        line(&format!("run {}", run.display()))?;
    }
    let mut ended = watcher.follow(&handle.updates, &script_errors, &signals);
    // Both threads end before anything is said of the result.
    handle.stop();
    let unobeyed = handle.unobeyed.iter().map(ScriptError::unobeyed);
    for error in script_errors.try_iter().chain(unobeyed) {
        if matches!(ended, Ok(Ended::Finished)) && watcher.report_error(&error)? == Reader::Gone {
            ended = Ok(Ended::Unread);
        }
    }
    watcher.bar.finish_and_clear();
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => bail!("{}", failed(&message(&error), &run, &name)),
    };
    let why = match ended {
        Ended::Finished => return front.report(&handle.summary()?),
        Ended::Failed(why) => {
            bail!("{}", failed(&why, &run, &name))
        }
        Ended::Interrupted => "interrupted",
        Ended::Unread => "the reader of the output is gone",
    };
    note(&format!(
        "{why}; everything so far is safe: continue with `aq4svit resume {name}`"
    ));
    Ok(ExitCode::from(INTERRUPTED))
}

/// The message of a run that failed; nothing continues one whose folder is gone.
pub(crate) fn failed(why: &str, folder: &Path, name: &str) -> String {
    match folder.join(journal::FILE_NAME).exists() {
        true => format!("{why}\nwhat was computed is safe: continue with `aq4svit resume {name}`"),
        false => why.to_owned(),
    }
}

enum Ended {
    Finished,
    Interrupted,
    /// The reader of the output is gone.
    Unread,
    Failed(String),
}

struct Watcher {
    json: bool,
    commands: Sender<Instruction>,
    /// Events of earlier sessions still to come: not printed again.
    history: usize,
    tree: Tree,
    /// Classes of the network, where they are known.
    classes: Option<usize>,
    bar: ProgressBar,
}

impl Watcher {
    fn new(json: bool, handle: &Handle) -> Self {
        let bar = match json {
            true => ProgressBar::hidden(),
            false => bar(0, "{spinner} {msg} [{bar:24}] {pos}/{len} images"),
        };
        Watcher {
            json,
            commands: handle.commands.clone(),
            history: handle.history,
            tree: Tree::default(),
            classes: run::classes(&handle.folder),
            bar,
        }
    }

    fn follow(
        &mut self,
        updates: &Receiver<Update>,
        script_errors: &Receiver<ScriptError>,
        signals: &Receiver<Signal>,
    ) -> Result<Ended> {
        let mut script_errors = script_errors.clone();
        loop {
            select! {
                recv(script_errors) -> error => match error {
                    Ok(error) => if self.report_error(&error)? == Reader::Gone {
                        return Ok(Ended::Unread);
                    },
                    Err(_) => script_errors = never(),
                },
                recv(signals) -> _ => return Ok(Ended::Interrupted),
                recv(updates) -> update => match update {
                    Ok(Update::Failed(why)) => return Ok(Ended::Failed(why)),
                    Ok(update) => if self.take(update)? == Reader::Gone {
                        return Ok(Ended::Unread);
                    },
                    Err(_) if self.tree.finished.is_some() => return Ok(Ended::Finished),
                    Err(_) => return Ok(Ended::Failed("the search has ended unexpectedly".into())),
                },
            }
        }
    }

    /// Reports an error of a line of commands: as text on standard error, and in the stream of
    /// JSON.
    fn report_error(&self, error: &ScriptError) -> Result<Reader> {
        self.bar.suspend(|| note(&error.to_string()));
        match self.json {
            true => offer_json(error),
            false => Ok(Reader::There),
        }
    }

    fn take(&mut self, update: Update) -> Result<Reader> {
        match update {
            Update::Event(entry) => return self.event(&entry),
            Update::Working { job, candidate } => {
                let what = match &job.question {
                    Question::Drift { .. } => "drift",
                    Question::LayerErrors => "layer errors",
                    Question::Statistics { .. } => "statistics",
                    Question::Accuracy {
                        split: Split::Test, ..
                    } => "test",
                    Question::Accuracy {
                        split: Split::Certify,
                        ..
                    } => "certificate",
                    Question::Accuracy { to, .. } if *to < self.tree.float.len() => "screening",
                    Question::Accuracy { .. } => "accuracy",
                };
                let whose = candidate.map_or_else(|| "float".to_owned(), |c| c.to_string());
                self.bar.set_message(format!("{whose} {what}"));
            }
            Update::Progress(progress) => {
                self.bar.set_length(progress.total as u64);
                self.bar.set_position(progress.done as u64);
            }
            Update::Note(text) => self.bar.suspend(|| note(&format!("note: {text}"))),
            Update::Workers(_) | Update::Machines(_) => {}
            Update::Caches(_) | Update::OutputErrors(_) => {}
            Update::Totals(_) | Update::Dropped(_) | Update::Idle | Update::Failed(_) => {}
        }
        Ok(Reader::There)
    }

    fn event(&mut self, entry: &Entry) -> Result<Reader> {
        self.tree.apply(&entry.event);
        if self.history > 0 {
            self.history -= 1;
            if self.history == 0 && self.tree.paused {
                // It was left paused, and no key can be pressed here. A run that is gone
                // has said why.
                let _ = self.commands.send(Command::Resume.into());
            }
            return Ok(Reader::There);
        }
        if let Event::Baseline { .. } = entry.event {
            let doubts = text::doubts::of_run(&self.tree, self.classes);
            self.bar.suspend(|| say_notes(&doubts));
        }
        // The result is the last line.
        if let Event::Finished { .. } = entry.event {
            return Ok(Reader::There);
        }
        if self.json {
            return offer_json(entry);
        }
        match text::event(&self.tree, &entry.event, Marks::ASCII) {
            (Importance::Detail, _) => Ok(Reader::There),
            (_, text) => self.bar.suspend(|| offer(&format!("{text}\n"))),
        }
    }
}
