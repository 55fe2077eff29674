//! The start screen: continue a run, look at one, or set up a new search. It only asks; whoever
//! called it does what was chosen.

mod form;
mod view;

use std::io;
use std::path::PathBuf;

use crossbeam_channel::{Receiver, select};
use jiff::tz::TimeZone;

use super::config::Config;
use super::keymap::{Keymap, Scope};
use super::model::{Model, RunInfo, Scroll};
use super::terminal::{Input, PanicGuard, Tty};
use super::theme::Theme;
use super::{Action, Screen, Signal};
pub use form::{Form, Values};
pub use view::view;

/// A run that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// The folder.
    pub folder: PathBuf,
    /// The id.
    pub id: String,
    /// `running`, `unfinished`, `finished`, or why it cannot be read.
    pub condition: String,
    /// The result so far, in a few words.
    pub result: String,
    /// True when another program has it open: it can be watched only.
    pub is_open: bool,
}

/// A profile that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileEntry {
    /// The name.
    pub name: String,
    /// Where it comes from, and what there is to say of it.
    pub about: String,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Continue a run.
    Resume(PathBuf),
    /// Look at a run.
    Watch(PathBuf),
    /// Start a search.
    Search {
        /// The profile's name.
        profile: String,
        /// The user's settings, as `--set` takes it.
        set: Vec<String>,
    },
    /// Leave.
    Nothing,
}

/// What the start screen asks of its caller.
pub trait Profiles {
    /// What a profile says of the form's fields.
    ///
    /// # Errors
    /// Why it cannot be used.
    fn values(&self, profile: &str) -> Result<Values, String>;
    /// Checks whether a profile can be used with what the user set.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, profile: &str, set: &[String]) -> Result<(), String>;
}

/// Everything that is shown.
pub struct StartModel {
    /// The runs, the latest first.
    pub runs: Vec<RunEntry>,
    /// The profiles.
    pub profiles: Vec<ProfileEntry>,
    /// Cursor and window over runs, then profiles.
    pub scroll: Scroll,
    /// The form, once a profile is chosen.
    pub form: Option<Form>,
    /// What was wrong with the last choice.
    pub error: Option<String>,
    /// Set when all is said.
    pub chosen: Option<Chosen>,
    /// A model of no run: its theme, keymap and size.
    pub blank: Model,
}

impl StartModel {
    /// A start screen on which nothing is chosen yet.
    pub fn new(
        runs: Vec<RunEntry>,
        profiles: Vec<ProfileEntry>,
        theme: Theme,
        size: (u16, u16),
    ) -> Self {
        let (nothing, keymap) = (RunInfo::default(), Keymap::standard());
        StartModel {
            runs,
            profiles,
            scroll: Scroll::default(),
            form: None,
            error: None,
            chosen: None,
            blank: Model::new(nothing, theme, keymap, TimeZone::UTC, size),
        }
    }

    /// Where keys are looked up now.
    pub fn scope(&self) -> Scope {
        match self.form {
            Some(_) => Scope::Form,
            None => Scope::Start,
        }
    }

    fn len(&self) -> usize {
        self.runs.len() + self.profiles.len()
    }

    /// Folds an action in.
    pub fn update(&mut self, action: Action, profiles: &dyn Profiles) {
        match (action, self.form.take()) {
            (Action::Resize(columns, rows), form) => {
                self.blank.size = (columns, rows);
                self.form = form;
            }
            (Action::Interrupt | Action::Signal(_) | Action::InputLost, _) => {
                self.chosen = Some(Chosen::Nothing);
            }
            (Action::Cancel, Some(_)) => {}
            (Action::Submit, Some(form)) => self.start(form, profiles),
            (action, Some(mut form)) => {
                form.key(&action, profiles);
                self.form = Some(form);
            }
            (action, None) => self.list_key(&action, profiles),
        }
    }

    fn start(&mut self, form: Form, profiles: &dyn Profiles) {
        match form.checked(profiles) {
            Ok(set) => {
                let profile = form.profile;
                self.chosen = Some(Chosen::Search { profile, set });
            }
            Err(why) => {
                let error = Some(why);
                self.form = Some(Form { error, ..form });
            }
        }
    }

    fn list_key(&mut self, action: &Action, profiles: &dyn Profiles) {
        let len = self.len();
        self.error = None;
        match action {
            Action::Up => self.scroll.step(-1, len),
            Action::Down => self.scroll.step(1, len),
            Action::Top => self.scroll.step(isize::MIN, len),
            Action::Bottom => self.scroll.step(isize::MAX, len),
            Action::Wheel(_, _, by) => self.scroll.step(isize::from(*by), len),
            Action::Click(_, row) => {
                if let Some(at) = view::entry_at(self, *row) {
                    self.scroll.cursor = at;
                }
            }
            Action::Quit => self.chosen = Some(Chosen::Nothing),
            Action::Submit | Action::Watch => self.open(*action == Action::Watch, profiles),
            _ => {}
        }
    }

    fn open(&mut self, watch: bool, profiles: &dyn Profiles) {
        let at = self.scroll.cursor;
        if let Some(run) = self.runs.get(at) {
            let folder = run.folder.clone();
            self.chosen = Some(match watch || run.is_open {
                true => Chosen::Watch(folder),
                false => Chosen::Resume(folder),
            });
        } else if let Some(profile) = self.profiles.get(at - self.runs.len()) {
            if watch {
                self.error = Some(String::from("only a run can be watched"));
                return;
            }
            match profiles.values(&profile.name) {
                Ok(values) => self.form = Some(Form::new(&profile.name, values)),
                Err(why) => self.error = Some(why),
            }
        }
    }
}

/// Asks what to do, in this process's terminal. The terminal is restored whatever happens.
///
/// # Errors
/// When the terminal does not obey.
pub fn ask(
    runs: Vec<RunEntry>,
    entries: Vec<ProfileEntry>,
    profiles: &dyn Profiles,
    config: &Config,
    signals: &Receiver<Signal>,
) -> io::Result<Chosen> {
    let _panics = PanicGuard::new();
    let mut screen = Tty::open()?;
    let input = Input::start()?;
    let keymap = config.keymap().unwrap_or_else(|_| Keymap::standard());
    let mut model = StartModel::new(runs, entries, config.theme(), screen.size()?);
    model.blank.keymap = keymap;
    loop {
        screen.show(|frame| view(&model, frame))?;
        let action = select! {
            recv(input.events) -> event => match event {
                Ok(event) => model.blank.keymap.of_event(model.scope(), event),
                Err(_) => Some(Action::InputLost),
            },
            recv(signals) -> signal => signal.ok().map(Action::Signal),
        };
        match action {
            Some(Action::Suspend) => {
                screen.suspend()?;
                let (columns, rows) = screen.size()?;
                model.update(Action::Resize(columns, rows), profiles);
            }
            Some(Action::Redraw) => screen.clear()?,
            Some(action) => model.update(action, profiles),
            None => {}
        }
        if let Some(chosen) = model.chosen.take() {
            return Ok(chosen);
        }
    }
}
