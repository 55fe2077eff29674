//! The loop: waits for keys, updates, signals and time; folds them into the model; draws what
//! changed.

use std::io;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select};
use crossterm::event::Event;
use jiff::tz::TimeZone;

use super::action::{Action, Effect, Signal};
use super::export;
use super::forecast::{Change, Forecaster, Prophecy};
use super::keymap::Keymap;
use super::model::{Model, Outcome, Replay};
use super::outside::Asker;
use super::saver::Saver;
use super::screen::Screen;
use super::session::{Ending, Ends, Retry, SaveRequest, Session};
use super::terminal::{Input, PanicGuard, Tty};
use super::theme::Theme;
use super::update::update_at;
use crate::run::{Probed, Update};
use crate::search::{CandidateId, Command};

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
    panics: &Receiver<Action>,
    theme: Theme,
    session: Session,
) -> io::Result<Ending> {
    // Read and checked by whoever made the session.
    let keymap = session.config.keymap();
    let keymap = keymap.unwrap_or_else(|_| Keymap::standard());
    let (zone, size) = (TimeZone::system(), screen.size()?);
    let mut model = Model::new(session.run, theme, keymap, zone, size);
    model.replay = session.watching.then(Replay::new);
    model.welcome = session.welcome;
    model.preferences = session.config.preferences();
    let now = Instant::now();
    let mut app = App {
        screen,
        model,
        ends: session.ends,
        saver: Saver::start(session.save)?,
        asker: Asker::start(session.outside)?,
        retry: session.retry,
        forecaster: None,
        pressed: false,
        started: now,
        next_frame: now,
        next_quiet_frame: now,
        next_tick: now + TICK,
        next_look: now,
    };
    app.run(input, panics, &session.signals)?;
    app.finish_saving(input, &session.signals)?;
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
    saver: Saver,
    asker: Asker,
    retry: Retry,
    forecaster: Option<Forecaster>,
    /// True when there was input since the last frame.
    pressed: bool,
    started: Instant,
    next_frame: Instant,
    next_quiet_frame: Instant,
    next_tick: Instant,
    next_look: Instant,
}

impl<S: Screen> App<'_, S> {
    fn run(
        &mut self,
        input: &Receiver<Event>,
        panics: &Receiver<Action>,
        signals: &Receiver<Signal>,
    ) -> io::Result<()> {
        let mut signals = signals.clone();
        while self.model.outcome.is_none() {
            let frame = self.draw_when_due()?.map_or(never(), at);
            let tick = at(self.next_tick);
            let probe = self.ends.probe.as_ref();
            let probed = probe.map_or(never(), |p| p.answers.clone());
            let forecaster = self.forecaster.as_ref();
            let forecast = forecaster.map_or(never(), |f| f.answers.clone());
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
                    for panic in panics.try_iter() {
                        self.act(panic)?;
                    }
                    self.updated(update.ok())?;
                },
                recv(signals) -> signal => match signal {
                    Ok(signal) => self.act(Action::Signal(signal))?,
                    Err(_) => signals = never(),
                },
                recv(panics) -> panic => {
                    if let Ok(panic) = panic {
                        self.act(panic)?;
                    }
                },
                recv(probed) -> answer => match answer {
                    Ok(answer) => self.act(Action::Probed(answer))?,
                    Err(_) => self.ends.probe = None,
                },
                recv(forecast) -> answer => match answer {
                    Ok(Prophecy::Of(answer)) => self.act(Action::Forecast(answer))?,
                    Ok(Prophecy::Front(answer)) => self.act(Action::PredictedFront(answer))?,
                    // The next question starts another.
                    Err(_) => self.forecaster = None,
                },
                recv(self.saver.answers.clone()) -> answer => match answer {
                    Ok(answer) => self.act(Action::Saved(answer))?,
                    // Not reached: it lives as long as this.
                    Err(_) => self.saver.answers = never(),
                },
                recv(self.asker.answers.clone()) -> answer => match answer {
                    Ok(answer) => self.act(Action::Answered(answer))?,
                    // Not reached: it lives as long as this.
                    Err(_) => self.asker.answers = never(),
                },
                recv(frame) -> _ => {},
                recv(tick) -> _ => self.tick()?,
            }
        }
        Ok(())
    }

    /// Waits for a profile that is being saved, unless the person or the system will not.
    fn finish_saving(
        &mut self,
        input: &Receiver<Event>,
        signals: &Receiver<Signal>,
    ) -> io::Result<()> {
        if self.model.saving.is_none() || self.model.outcome == Some(Outcome::Terminated) {
            return Ok(());
        }
        let name = self.model.saving.as_ref().map(|s| s.prompt.name.text());
        let name = name.unwrap_or_default();
        self.model
            .note(format!("leaving when {name} is saved; ctrl-c leaves now"));
        self.screen.draw(&self.model)?;
        let (mut input, mut signals) = (input.clone(), signals.clone());
        loop {
            select! {
                recv(self.saver.answers.clone()) -> answer => {
                    return answer.map_or(Ok(()), |answer| self.act(Action::Saved(answer)));
                },
                recv(signals) -> signal => match signal {
                    Ok(_) => return Ok(()),
                    Err(_) => signals = never(),
                },
                recv(input) -> event => match event {
                    Ok(event) => {
                        let action = self.model.keymap.of_event(self.model.scope(), event);
                        if action == Some(Action::Interrupt) {
                            return Ok(());
                        }
                    }
                    Err(_) => input = never(),
                },
            }
        }
    }

    /// Draws what has changed, or says when it is time to.
    fn draw_when_due(&mut self) -> io::Result<Option<Instant>> {
        if !self.model.changed {
            return Ok(None);
        }
        let now = Instant::now();
        let due = match self.pressed {
            true => self.next_frame,
            false => self.next_quiet_frame,
        };
        if now < due {
            return Ok(Some(due));
        }
        if std::mem::take(&mut self.pressed) {
            self.next_frame = now + FRAME;
        }
        self.next_quiet_frame = now + QUIET_FRAME;
        self.screen.draw(&self.model)?;
        self.model.changed = false;
        Ok(None)
    }

    /// Folds in an update and those that wait behind it; without one the run is gone.
    fn updated(&mut self, first: Option<Update>) -> io::Result<()> {
        let Some(first) = first else {
            self.ends.updates = never();
            return self.act(Action::Disconnected);
        };
        let mut burst = vec![first];
        burst.extend(self.ends.updates.try_iter().take(BURST));
        self.act(Action::Updates(burst))
    }

    fn tick(&mut self) -> io::Result<()> {
        let now = Instant::now();
        self.next_tick = now + TICK;
        self.act(Action::Tick(self.started.elapsed()))?;
        if self.next_look <= now {
            self.next_look = now + LOOK;
            if let Some(bytes) = crate::system::resident_memory() {
                self.act(Action::Resident(bytes))?;
            }
        }
        Ok(())
    }

    fn input(&mut self, event: Event) -> io::Result<()> {
        self.pressed = true;
        let is_key = matches!(&event, Event::Key(key) if key.is_press());
        let action = self.model.keymap.of_event(self.model.scope(), event);
        // Any key closes the card of a first run.
        let begin = (is_key && self.model.welcome).then_some(Action::Begin);
        action.or(begin).map_or(Ok(()), |action| self.act(action))
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
                    self.saver.save(SaveRequest {
                        name,
                        allocation,
                        pins: tree.pins.clone(),
                        constraint: tree.constraint,
                        overwrite,
                    });
                }
                Effect::Copy { text, what } => {
                    let copied = self.screen.copy(&text).map(|()| what);
                    self.act(Action::Copied(copied.map_err(|e| e.to_string())))?;
                }
                Effect::Probe(allocation) => {
                    let probe = self.ends.probe.as_ref();
                    if probe.is_none_or(|p| p.ask.send(allocation.clone()).is_err()) {
                        let seen = Err(String::from("there is no network here to look into"));
                        self.act(Action::Probed(Probed { allocation, seen }))?;
                    }
                }
                Effect::Ask(asked) => self.asker.ask(asked),
                Effect::Forecast(change) => self.forecast(Some(change))?,
                Effect::PredictFront => self.forecast(None)?,
                Effect::Export => {
                    let written = export::write(&self.model, &self.model.run.folder);
                    self.act(Action::Exported(written.map_err(|e| e.to_string())))?;
                }
                Effect::Retry { skip } => self.retry(skip)?,
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

    fn forecast(&mut self, change: Option<Change>) -> io::Result<()> {
        let mut forecaster = match self.forecaster.take() {
            Some(forecaster) => forecaster,
            None => Forecaster::start()?,
        };
        let version = self.model.activity.measured();
        forecaster.ask(&self.model.tree, version, change);
        self.forecaster = Some(forecaster);
        Ok(())
    }

    fn retry(&mut self, skip: Option<CandidateId>) -> io::Result<()> {
        let opened = (self.retry)().map(|ends| self.ends = ends);
        let skip = skip.filter(|_| opened.is_ok());
        self.act(Action::Retried(opened))?;
        if let Some(candidate) = skip {
            let _ = self.ends.commands.send(Command::Prune { candidate }.into());
        }
        Ok(())
    }
}
