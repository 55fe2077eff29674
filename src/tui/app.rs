//! The loop: waits for keys, updates, signals and time; folds them into the model; draws what
//! changed.

use std::io;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select};
use crossterm::event::Event;
use jiff::tz::TimeZone;

use super::action::{Action, Effect, Signal};
use super::export;
use super::forecast::Forecaster;
use super::keymap::Keymap;
use super::model::{Model, Outcome, Replay, RunInfo};
use super::screen::Screen;
use super::session::{Ending, Ends, Retry, Save, Session};
use super::terminal::{Input, PanicGuard, Tty};
use super::theme::Theme;
use super::update::update_at;
use crate::run::Probed;
use crate::search::Command;

/// The least time between frames: at most 30 a second, drawn at once after a key.
const FRAME: Duration = Duration::from_millis(33);
/// The least time between frames without a key, so that a key seldom finds a frame just drawn.
const QUIET_FRAME: Duration = Duration::from_millis(66);
/// The interval in which time is passed to the model.
const TICK: Duration = Duration::from_millis(125);
/// The most updates folded in before the next key: a replayed journal brings thousands at once.
const BURST: usize = 2_000;

/// Shows a run and lets the user steer it, in this process's terminal, until they leave. The
/// terminal is restored whatever happens.
///
/// # Errors
/// When the terminal does not obey.
pub fn run(session: Session) -> io::Result<Ending> {
    // Dropped in the opposite order: first the input thread ends, then the terminal is given back.
    let panics = PanicGuard::new();
    let mut screen = Tty::open()?;
    let input = Input::start()?;
    let theme = session.config.theme();
    run_on(&mut screen, &input.events, &panics.messages, theme, session)
}

/// [`run()`] on any screen, with any input.
///
/// # Errors
/// When the screen fails.
pub fn run_on(
    screen: &mut impl Screen,
    input: &Receiver<Event>,
    panics: &Receiver<String>,
    theme: Theme,
    session: Session,
) -> io::Result<Ending> {
    let info = RunInfo {
        id: session.run_id,
        argument: session.argument,
        folder: session.folder,
        device: session.device,
    };
    // Read and checked by whoever made the session.
    let keymap = session.config.keymap();
    let keymap = keymap.unwrap_or_else(|_| Keymap::standard());
    let mut model = Model::new(info, theme, keymap, TimeZone::system(), screen.size()?);
    model.replay = session.watching.then(Replay::new);
    let mut app = App {
        screen,
        model,
        ends: Ends {
            commands: session.commands,
            updates: session.updates,
            probe: session.probe,
        },
        save: session.save,
        retry: session.retry,
        forecaster: None,
        pressed: false,
        started: Instant::now(),
    };
    app.run(input, panics, session.signals)?;
    Ok(Ending {
        outcome: app.model.outcome.unwrap_or(Outcome::Terminated),
        saved: app.model.saved,
        tree: app.model.tree,
    })
}

/// The interval in which the memory of this process is measured.
const LOOK: Duration = Duration::from_secs(2);

struct App<'a, S: Screen> {
    screen: &'a mut S,
    model: Model,
    ends: Ends,
    save: Save,
    retry: Retry,
    forecaster: Option<Forecaster>,
    /// True when there was input since the last frame.
    pressed: bool,
    started: Instant,
}

impl<S: Screen> App<'_, S> {
    fn run(
        &mut self,
        input: &Receiver<Event>,
        panics: &Receiver<String>,
        mut signals: Receiver<Signal>,
    ) -> io::Result<()> {
        let (mut next_frame, mut next_quiet_frame) = (Instant::now(), Instant::now());
        let mut next_tick = Instant::now() + TICK;
        let mut next_look = Instant::now();
        while self.model.outcome.is_none() {
            let now = Instant::now();
            let due = if self.pressed {
                next_frame
            } else {
                next_quiet_frame
            };
            if self.model.changed && now >= due {
                if std::mem::take(&mut self.pressed) {
                    next_frame = now + FRAME;
                }
                next_quiet_frame = now + QUIET_FRAME;
                self.screen.draw(&self.model)?;
                self.model.changed = false;
            }
            let frame = if self.model.changed { at(due) } else { never() };
            let tick = at(next_tick);
            let probed = self
                .ends
                .probe
                .as_ref()
                .map_or(never(), |p| p.answers.clone());
            let forecast = self.forecaster.as_ref();
            let forecast = forecast.map_or(never(), |f| f.answers.clone());
            select! {
                recv(input) -> event => match event {
                    Ok(event) => {
                        self.input(event)?;
                        for event in input.try_iter() {
                            self.input(event)?;
                        }
                    }
                    Err(_) => self.act(Action::InputLost)?,
                },
                recv(self.ends.updates.clone()) -> update => {
                    // A worker that panicked said so before its run could tell what that means.
                    for message in panics.try_iter() {
                        self.act(Action::Panicked(message))?;
                    }
                    match update {
                        Ok(first) => {
                            let mut burst = vec![first];
                            burst.extend(self.ends.updates.try_iter().take(BURST));
                            self.act(Action::Updates(burst))?;
                        }
                        Err(_) => {
                            self.ends.updates = never();
                            self.act(Action::Disconnected)?;
                        }
                    }
                },
                recv(signals) -> signal => match signal {
                    Ok(signal) => self.act(Action::Signal(signal))?,
                    Err(_) => signals = never(),
                },
                recv(panics) -> message => {
                    if let Ok(message) = message {
                        self.act(Action::Panicked(message))?;
                    }
                },
                recv(probed) -> answer => match answer {
                    Ok(answer) => self.act(Action::Probed(answer))?,
                    Err(_) => self.ends.probe = None,
                },
                recv(forecast) -> answer => match answer {
                    Ok(answer) => self.act(Action::Forecast(answer))?,
                    // The next question starts another.
                    Err(_) => self.forecaster = None,
                },
                recv(frame) -> _ => {},
                recv(tick) -> _ => {
                    next_tick = Instant::now() + TICK;
                    self.act(Action::Tick(self.started.elapsed()))?;
                    if next_look <= Instant::now() {
                        next_look = Instant::now() + LOOK;
                        if let Some(bytes) = crate::procfs::resident_memory() {
                            self.act(Action::Resident(bytes))?;
                        }
                    }
                },
            }
        }
        Ok(())
    }

    fn input(&mut self, event: Event) -> io::Result<()> {
        self.pressed = true;
        let action = self.model.keymap.of_event(self.model.scope(), event);
        action.map_or(Ok(()), |action| self.act(action))
    }

    fn act(&mut self, action: Action) -> io::Result<()> {
        let now = self.started.elapsed();
        for effect in update_at(&mut self.model, now, action) {
            match effect {
                Effect::Send(command) => {
                    if self.ends.commands.send(command.clone()).is_err() {
                        self.act(Action::Undelivered(command))?;
                    }
                }
                Effect::Save {
                    name,
                    allocation,
                    overwrite,
                } => {
                    let tree = &self.model.tree;
                    let rules = (tree.pins.as_slice(), &tree.constraint);
                    let result = (self.save)(&name, &allocation, rules, overwrite);
                    self.act(Action::Saved(result))?;
                }
                Effect::Copy { text, what } => {
                    let copied = self.screen.copy(&text).map(|()| what);
                    self.act(Action::Copied(copied.map_err(|e| e.to_string())))?;
                }
                Effect::Probe(allocation) => {
                    let asked = self.ends.probe.as_ref();
                    let asked = asked.is_some_and(|p| p.ask.send(allocation.clone()).is_ok());
                    if !asked {
                        let seen = Err(String::from("there is no network here to look into"));
                        self.act(Action::Probed(Probed { allocation, seen }))?;
                    }
                }
                Effect::Forecast(allocation) => {
                    if self.forecaster.is_none() {
                        self.forecaster = Some(Forecaster::start()?);
                    }
                    let version = self.model.activity.measured();
                    if let Some(forecaster) = &mut self.forecaster {
                        forecaster.ask(&self.model.tree, version, allocation);
                    }
                }
                Effect::Export => {
                    let written = export::write(&self.model, &self.model.run.folder);
                    self.act(Action::Exported(written.map_err(|e| e.to_string())))?;
                }
                Effect::Retry { skip } => {
                    let opened = (self.retry)().map(|ends| self.ends = ends);
                    let went_on = opened.is_ok();
                    self.act(Action::Retried(opened))?;
                    if let Some(candidate) = skip.filter(|_| went_on) {
                        let _ = self.ends.commands.send(Command::Prune { candidate }.into());
                    }
                }
                Effect::Suspend => {
                    self.screen.suspend()?;
                    let (columns, rows) = self.screen.size()?;
                    self.act(Action::Resize(columns, rows))?;
                }
                Effect::Redraw => self.screen.clear()?,
            }
        }
        Ok(())
    }
}
