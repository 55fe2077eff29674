//! The start screen: continue a run, look at one, or set up a new search. It only asks; whoever
//! called it does what was chosen.

mod ask;
mod entry;
mod form;
mod list;
mod preview;
mod view;

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::Action;
use super::input::TextInput;
use super::keymap::{Keymap, Scope};
use super::model::{Model, RunInfo, Scroll, Setting};
use super::theme::Theme;
pub use ask::ask;
pub use entry::{Chart, Fact, Item, Order, ProfileEntry, Readiness, RunEntry, Subject};
pub use form::{Form, Values, Wrong};
pub use view::view;

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
    /// The profile that a new search takes to start from the result of a run.
    ///
    /// # Errors
    /// Why there is none.
    fn of_run(&self, _run: &std::path::Path) -> Result<String, String> {
        Err(String::from("runs cannot be started from here"))
    }
    /// Gives a run or profile another name.
    ///
    /// # Errors
    /// Why not.
    fn rename(&self, _what: &Subject, _name: &str) -> Result<(), String> {
        Err(String::from("nothing can be renamed here"))
    }
    /// Deletes a run or profile.
    ///
    /// # Errors
    /// Why not.
    fn delete(&self, _what: &Subject) -> Result<(), String> {
        Err(String::from("nothing can be deleted here"))
    }
    /// Keeps a setting of the interface for the next time.
    ///
    /// # Errors
    /// Why not.
    fn keep(&self, _setting: Setting) -> Result<(), String> {
        Ok(())
    }
    /// What there is now; none where that does not change.
    fn list(&self) -> Option<(Vec<RunEntry>, Vec<ProfileEntry>)> {
        None
    }
}

/// What lies over the list.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// The keys.
    Help,
    /// The text that entries are filtered by is typed.
    Filter(TextInput),
    /// Another name is asked for.
    Rename {
        /// Of what.
        what: Subject,
        /// The name so far.
        name: TextInput,
        /// What was wrong with the last try.
        error: Option<String>,
    },
    /// Whether something shall be deleted.
    Delete(Subject),
}

/// Everything that is shown.
pub struct StartModel {
    /// The runs, the latest first.
    pub runs: Vec<RunEntry>,
    /// The profiles.
    pub profiles: Vec<ProfileEntry>,
    /// Cursor and window over what can be chosen.
    pub scroll: Scroll,
    /// The order of the runs.
    pub order: Order,
    /// What entries are filtered by.
    pub filter: String,
    /// True where the profiles that need something are shown.
    pub missing_open: bool,
    /// What lies over the list.
    pub dialog: Option<Dialog>,
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
            order: Order::default(),
            filter: String::new(),
            missing_open: false,
            dialog: None,
            form: None,
            error: None,
            chosen: None,
            blank: Model::new(nothing, theme, keymap, TimeZone::UTC, size),
        }
    }

    /// Says why what was chosen could not be begun: in the form, with its field, where one is open.
    /// What is offered may have changed meanwhile.
    pub fn failed(&mut self, why: String, profiles: &dyn Profiles) {
        self.relist(profiles);
        match &mut self.form {
            Some(form) => form.refused(why),
            None => self.error = Some(why),
        }
    }

    /// Where keys are looked up now.
    pub fn scope(&self) -> Scope {
        match (&self.dialog, &self.form) {
            (Some(Dialog::Help), _) => Scope::Help,
            (Some(Dialog::Filter(_) | Dialog::Rename { .. }), _) => Scope::Prompt,
            (Some(Dialog::Delete(_)), _) => Scope::Confirm,
            (None, Some(_)) => Scope::Form,
            (None, None) => Scope::Start,
        }
    }

    /// Folds an action in.
    pub fn update(&mut self, action: Action, profiles: &dyn Profiles) {
        match action {
            Action::Resize(columns, rows) => self.blank.size = (columns, rows),
            Action::Interrupt | Action::Signal(_) | Action::InputLost => {
                self.chosen = Some(Chosen::Nothing);
            }
            action => match (self.dialog.take(), self.form.take()) {
                (Some(dialog), form) => {
                    self.form = form;
                    self.dialog_key(dialog, action, profiles);
                }
                (None, Some(form)) => self.form_key(form, &action, profiles),
                (None, None) => self.list_key(&action, profiles),
            },
        }
        let last = self.items().len().saturating_sub(1);
        self.scroll.cursor = self.scroll.cursor.min(last);
    }

    fn form_key(&mut self, mut form: Form, action: &Action, profiles: &dyn Profiles) {
        match action {
            Action::Cancel => {}
            // The form stays: a search that cannot begin comes back to it.
            Action::Submit => {
                match form.checked(profiles) {
                    Ok(set) => {
                        let profile = form.profile.clone();
                        self.chosen = Some(Chosen::Search { profile, set });
                    }
                    Err(wrong) => form.refuse(wrong),
                }
                self.form = Some(form);
            }
            action => {
                form.key(action, profiles);
                self.form = Some(form);
            }
        }
    }

    fn dialog_key(&mut self, dialog: Dialog, action: Action, profiles: &dyn Profiles) {
        match (dialog, action) {
            (Dialog::Help, _) => {}
            (Dialog::Filter(_), Action::Submit) => {}
            (Dialog::Filter(_), Action::Cancel) => self.filter.clear(),
            (Dialog::Filter(mut text), action) => {
                text.key(&action);
                self.filter = text.text();
                self.scroll.cursor = 0;
                self.dialog = Some(Dialog::Filter(text));
            }
            (Dialog::Delete(what), Action::Submit) => {
                self.error = profiles.delete(&what).err();
                self.relist(profiles);
            }
            (Dialog::Delete(_), Action::Cancel) => {}
            (dialog @ Dialog::Delete(_), _) => self.dialog = Some(dialog),
            (Dialog::Rename { .. }, Action::Cancel) => {}
            (Dialog::Rename { what, name, .. }, Action::Submit) => {
                match profiles.rename(&what, name.text().trim()) {
                    Ok(()) => self.relist(profiles),
                    Err(why) => {
                        let error = Some(why);
                        self.dialog = Some(Dialog::Rename { what, name, error });
                    }
                }
            }
            (Dialog::Rename { what, mut name, .. }, action) => {
                name.key(&action);
                let error = None;
                self.dialog = Some(Dialog::Rename { what, name, error });
            }
        }
    }

    fn relist(&mut self, profiles: &dyn Profiles) {
        if let Some((runs, profiles)) = profiles.list() {
            (self.runs, self.profiles) = (runs, profiles);
        }
    }

    fn list_key(&mut self, action: &Action, profiles: &dyn Profiles) {
        let len = self.items().len();
        let page = view::page(self);
        self.error = None;
        match action {
            Action::Up => self.scroll.step(-1, len),
            Action::Down => self.scroll.step(1, len),
            Action::PageUp => self.scroll.step(-page, len),
            Action::PageDown => self.scroll.step(page, len),
            Action::Top => self.scroll.step(isize::MIN, len),
            Action::Bottom => self.scroll.step(isize::MAX, len),
            Action::Wheel(_, _, by) => self.scroll.step(isize::from(*by), len),
            Action::Click(column, row) => {
                if let Some(at) = view::item_at(self, *column, *row) {
                    self.scroll.cursor = at;
                }
            }
            Action::Quit => self.chosen = Some(Chosen::Nothing),
            Action::Cancel if !self.filter.is_empty() => self.filter.clear(),
            Action::Cancel => self.error = Some(String::from("q quits")),
            Action::Help => self.dialog = Some(Dialog::Help),
            Action::Find => self.dialog = Some(Dialog::Filter(TextInput::new(&self.filter))),
            Action::Sort => self.order = self.order.next(),
            Action::NextTheme => {
                let theme = self.blank.theme.name.next();
                self.blank.theme.set(theme);
                self.error = profiles.keep(Setting::Theme(theme)).err();
            }
            action => self.item_key(action, profiles),
        }
    }

    /// A key that does something with what is chosen.
    fn item_key(&mut self, action: &Action, profiles: &dyn Profiles) {
        let Some(item) = self.item() else { return };
        match action {
            Action::Submit if item == Item::Missing => self.missing_open = !self.missing_open,
            Action::Submit | Action::Watch => self.open(item, *action == Action::Watch, profiles),
            Action::NewRun => self.new_run(item, profiles),
            Action::Rename | Action::Delete => match self.changeable(item) {
                Ok((what, name)) if *action == Action::Rename => {
                    let (name, error) = (TextInput::new(&name), None);
                    self.dialog = Some(Dialog::Rename { what, name, error });
                }
                Ok((what, _)) => self.dialog = Some(Dialog::Delete(what)),
                Err(why) => self.error = Some(why.to_owned()),
            },
            _ => {}
        }
    }

    /// What can be renamed and deleted, with its name.
    fn changeable(&self, item: Item) -> Result<(Subject, String), &'static str> {
        match item {
            Item::Run(at) => match self.runs.get(at) {
                Some(run) if run.is_open => Err("another program has this run open"),
                Some(run) => Ok((Subject::Run(run.folder.clone()), run.id.clone())),
                None => Err("nothing is chosen"),
            },
            Item::Profile(at) => match self.profiles.get(at) {
                Some(p) if p.readiness == Readiness::Saved => {
                    Ok((Subject::Profile(p.name.clone()), p.name.clone()))
                }
                _ => Err("this profile is part of the program"),
            },
            Item::Missing => Err("choose one of them"),
        }
    }

    fn open(&mut self, item: Item, watch: bool, profiles: &dyn Profiles) {
        match item {
            Item::Run(at) => {
                let Some(run) = self.runs.get(at) else { return };
                let folder = run.folder.clone();
                self.chosen = Some(match watch || run.is_open {
                    true => Chosen::Watch(folder),
                    false => Chosen::Resume(folder),
                });
            }
            _ if watch => self.error = Some(String::from("only a run can be watched")),
            Item::Profile(at) => {
                if let Some(name) = self.profiles.get(at).map(|p| p.name.clone()) {
                    self.set_up(&name, profiles);
                }
            }
            Item::Missing => {}
        }
    }

    fn new_run(&mut self, item: Item, profiles: &dyn Profiles) {
        let Item::Run(at) = item else {
            return self.open(item, false, profiles);
        };
        let profile = self.runs.get(at).map(|run| profiles.of_run(&run.folder));
        match profile {
            Some(Ok(profile)) => self.set_up(&profile, profiles),
            Some(Err(why)) => self.error = Some(why),
            None => {}
        }
    }

    /// Opens the form of a profile; where a search cannot start with it as it is, that is said at
    /// once.
    pub fn set_up(&mut self, profile: &str, profiles: &dyn Profiles) {
        match profiles.values(profile) {
            Ok(values) => {
                let mut form = Form::new(profile, values);
                form.wrong = form.checked(profiles).err();
                self.form = Some(form);
            }
            Err(why) => self.error = Some(why),
        }
    }
}
