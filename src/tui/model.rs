//! Everything that is shown. Nothing here knows a terminal, a channel or a clock.

mod activity;
mod allocation;
mod banner;
mod can;
mod cannot;
mod command_log;
mod edit;
mod find;
mod front;
mod gate;
mod heat;
mod history;
mod log;
mod losses;
mod measured;
mod navigate;
mod output_errors;
mod overlay;
mod parts;
pub mod preferences;
mod prompt;
mod replay;
mod scroll;
mod status;
mod titles;
mod toast;
mod tree;
mod uniform;
mod what_if;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use strum::VariantArray;

pub use activity::{Activity, Work, Worker};
pub use allocation::AllocationPane;
pub use command_log::{CommandLog, Given, INTERFACE, Reply};
pub use edit::Edit;
pub use find::Find;
pub use front::{FrontPane, Point, PointOrder, points as points_of};
pub use gate::{GateOrder, GatePane};
pub use heat::{HeatPane, Measure};
pub use history::{Evaluated, History};
pub use log::{LogLine, LogPane};
pub use losses::Losses;
pub use measured::MeasuredDrop;
pub use output_errors::{Neighbours, OutputErrors};
pub use overlay::{CommandPrompt, Confirm, FindPrompt, Overlay, SavePrompt, Saving};
pub use parts::{Part, mean};
pub use preferences::{Preferences, Setting};
pub use prompt::{Asked, FieldPrompt};
pub use replay::Replay;
pub use scroll::{Page, Scroll};
pub use status::{Destination, Outcome, Status, Task};
pub use toast::{Toast, ToastKind, Toasts};
pub use tree::{Filter, Fold, Joint, Row, TreePane, ancestors, is_probe};
pub use what_if::{WhatIf, evaluate};

use super::action::Effect;
use super::forecast::Forecast;
use super::keys::Keymap;
use super::session::{OtherRun, Places};
use super::theme::Theme;
use super::views::{Border, MOST_BORDERS};
pub use super::views::{Pane, View};
use crate::evaluate::Potentials;
use crate::quant::{Allocation, BitWidth};
use crate::run::{Expected, Probed};
use crate::search::{Candidate, CandidateId, Instruction, Prediction, Tree};

/// What is known of the run beside its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInfo {
    /// The id: the name of its folder.
    pub id: String,
    /// The run as an argument of `aq4svit resume`, in quotes where a shell needs them.
    pub argument: String,
    /// The folder.
    pub folder: PathBuf,
    /// Where the network runs, such as `cpu`.
    pub device: String,
    /// The number of classes, where it is known.
    pub classes: Option<usize>,
    /// How long it was expected to take when it began; none where that is not known.
    pub expected: Option<Expected>,
}

/// Everything that is shown.
#[derive(Clone, Debug)]
pub struct Model {
    /// The run.
    pub run: RunInfo,
    /// How it looks.
    pub theme: Theme,
    /// Which key does what.
    pub keymap: Keymap,
    /// In which zone times are told.
    pub zone: TimeZone,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Time since the interface started.
    pub clock: Duration,
    /// The search.
    pub tree: Tree,
    /// What the run is doing and has done.
    pub activity: Activity,
    /// The search tree as shown.
    pub nodes: TreePane,
    /// The selected node's allocation as shown.
    pub allocation: AllocationPane,
    /// The errors of layers' outputs.
    pub output_errors: OutputErrors,
    /// The gate as shown.
    pub gate: GatePane,
    /// Accuracy against memory as shown.
    pub front: FrontPane,
    /// The cursors of the panes that keep nothing else, and the lines of those of text.
    pub pages: [Page; Pane::VARIANTS.len()],
    /// Potentials seen, the latest last.
    pub seen: VecDeque<Probed>,
    /// The allocation being looked at.
    pub looking: Option<Allocation>,
    /// The sensitivity of the layers as shown.
    pub heat: HeatPane,
    /// The neuron sites in the order in which they are shown; empty for that of the network.
    pub site_order: Vec<usize>,
    /// True where the site that moved most is shown first.
    pub worst_sites: bool,
    /// The course of the search.
    pub history: History,
    /// The log as shown.
    pub log: LogPane,
    /// The commands answered.
    pub commands: CommandLog,
    /// What the user chose of the interface.
    pub preferences: Preferences,
    /// What the screen shows.
    pub view: View,
    /// The pane that takes the keys.
    pub focus: Pane,
    /// The pane that last had the focus, by view.
    pub places: [Pane; View::COUNT],
    /// The shares that the user dragged the borders of each view to, in percent.
    pub shares: [[Option<u16>; MOST_BORDERS]; View::COUNT],
    /// The border being dragged.
    pub dragging: Option<Border>,
    /// What was last searched for.
    pub find: Find,
    /// Events folded in so far.
    pub told: usize,
    /// The journal that is watched; none for a run of one's own.
    pub replay: Option<Replay>,
    /// The node that the selected one is compared with.
    pub compared: Option<CandidateId>,
    /// By view, the pane that was chosen beside its main one where there is room for two only.
    pub companions: [Option<Pane>; View::COUNT],
    /// True when the focused pane has the screen to itself.
    pub zoomed: bool,
    /// A dialog over the panes.
    pub overlay: Option<Overlay>,
    /// Bit-widths being changed.
    pub edit: Option<Edit>,
    /// What was last predicted about bit-widths being changed.
    pub forecast: Option<Forecast>,
    /// Short messages.
    pub toasts: Toasts,
    /// Commands sent and not yet answered.
    pub awaiting: Vec<Instruction>,
    /// The number of commands sent.
    pub sent: u64,
    /// A change by hand has been sent from this node; its child is to be shown.
    pub expecting: Option<CandidateId>,
    /// The profile that is being saved.
    pub saving: Option<Saving>,
    /// Profiles saved.
    pub saved: Vec<PathBuf>,
    /// True while the card of a first run is shown.
    pub welcome: bool,
    /// True where the allocation shows only what differs.
    pub only_changes: bool,
    /// A memory budget that is moved along the predicted front.
    pub what_if: Option<WhatIf>,
    /// What is known of one bit-width for all layers, narrowest first; empty before it was asked
    /// for.
    pub uniform: Vec<(BitWidth, Prediction)>,
    /// The other runs and the profiles, as far as they were asked for.
    pub elsewhere: Places,
    /// Another run that is compared with this one.
    pub other_run: Option<Box<OtherRun>>,
    /// Set when the interface is to be left.
    pub outcome: Option<Outcome>,
    /// What has to be done outside, until [`Model::take_effects`].
    effects: Vec<Effect>,
    /// True when something shown has changed since the last frame.
    pub changed: bool,
}

impl Model {
    /// A run of which nothing is known yet.
    pub fn new(
        run: RunInfo,
        theme: Theme,
        keymap: Keymap,
        zone: TimeZone,
        size: (u16, u16),
    ) -> Self {
        Model {
            run,
            theme,
            keymap,
            zone,
            size,
            clock: Duration::ZERO,
            tree: Tree::default(),
            activity: Activity::default(),
            nodes: TreePane::default(),
            allocation: AllocationPane::default(),
            output_errors: OutputErrors::default(),
            gate: GatePane::default(),
            front: FrontPane::default(),
            pages: Default::default(),
            seen: VecDeque::new(),
            looking: None,
            heat: HeatPane::default(),
            site_order: Vec::new(),
            worst_sites: false,
            history: History::default(),
            log: LogPane::default(),
            commands: CommandLog::default(),
            preferences: Preferences::default(),
            view: View::default(),
            focus: Pane::Tree,
            places: std::array::from_fn(|view| View::VARIANTS[view].panes()[0]),
            shares: Default::default(),
            dragging: None,
            find: Find::default(),
            told: 0,
            replay: None,
            compared: None,
            companions: [None; View::COUNT],
            zoomed: false,
            overlay: None,
            edit: None,
            forecast: None,
            toasts: Toasts::default(),
            awaiting: Vec::new(),
            sent: 0,
            expecting: None,
            saving: None,
            saved: Vec::new(),
            welcome: false,
            only_changes: false,
            what_if: None,
            uniform: Vec::new(),
            elsewhere: Places::default(),
            other_run: None,
            outcome: None,
            effects: Vec::new(),
            changed: true,
        }
    }

    /// The cursor and the lines of a pane that keeps nothing else.
    pub fn page(&self, pane: Pane) -> &Page {
        &self.pages[pane as usize]
    }

    /// [`Model::page`], to be changed.
    pub fn page_mut(&mut self, pane: Pane) -> &mut Page {
        &mut self.pages[pane as usize]
    }

    /// Shows a short message.
    pub fn toast(&mut self, kind: ToastKind, text: impl Into<String>) {
        self.toasts.push(kind, text, self.clock);
    }

    /// Shows a short message for information.
    pub fn note(&mut self, text: impl Into<String>) {
        self.toast(ToastKind::Note, text);
    }

    /// Has something done outside.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// What has to be done outside since the last time.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Resets the search, to fold its events in from the first one again. What the user arranged
    /// stays.
    pub fn restart(&mut self) {
        self.tree = Tree::default();
        self.told = 0;
        self.activity = Activity::default();
        self.allocation = AllocationPane::default();
        self.gate = GatePane::default();
        self.front = FrontPane::default();
        self.heat.measured = None;
        self.history = History::default();
        self.log = LogPane::default();
        self.commands = CommandLog::default();
        self.overlay = None;
        self.edit = None;
        self.awaiting.clear();
        self.expecting = None;
        let nodes = std::mem::take(&mut self.nodes);
        self.nodes.filter = nodes.filter;
        self.nodes.follow = nodes.follow;
        self.nodes.selected = nodes.selected;
    }

    /// The state of the run.
    pub fn status(&self) -> Status {
        match &self.replay {
            Some(_) if self.tree.finished.is_some() => Status::ended(&self.tree),
            // What is shown is as paused as the run is.
            Some(replay) if replay.is_live() && self.tree.paused => Status::Paused,
            Some(replay) if replay.is_live() => Status::Watching,
            Some(_) => Status::Replaying,
            None => self.activity.status(&self.tree, &self.awaiting),
        }
    }

    /// Bounds on the time left: by what was measured so far, at the beginning by what was expected.
    pub fn time_left(&self) -> Option<(Duration, Duration)> {
        let begins = |task| self.activity.timing(task).0 == 0;
        let begins = begins(Task::Drift) || begins(Task::Screening);
        let runs = self.tree.finished.is_none() && !self.tree.paused;
        let expected = self.run.expected.filter(|_| begins && runs);
        let measured = self.activity.time_left(&self.tree);
        measured.or_else(|| expected?.left(self.elapsed()))
    }

    /// Time spent searching. Of a journal, from its first entry to the one shown, which is no more
    /// than the run spent: it may have been interrupted.
    pub fn elapsed(&self) -> Duration {
        let spent = self.activity.elapsed(self.clock);
        match &self.replay {
            Some(replay) if spent.is_zero() => replay.elapsed(),
            Some(replay) if !replay.is_live() => replay.elapsed().min(spent),
            _ => spent,
        }
    }

    /// The candidate whose allocation is shown: the selected one, or the one being changed.
    pub fn shown(&self) -> Option<&Candidate> {
        let edited = self.edit.as_ref().map(|e| e.candidate);
        self.tree.get(edited.or(self.nodes.selected)?)
    }

    /// The part of the network that the cursor of the allocation is on.
    pub fn part(&self) -> Option<&Part> {
        self.allocation.current()
    }

    /// The node that the one shown is compared with: another one.
    pub fn other(&self) -> Option<&Candidate> {
        let other = self.tree.get(self.compared?)?;
        let shown = self.shown()?;
        (other.id != shown.id).then_some(other)
    }

    /// What was seen of the node that is shown: the float network's potentials and its own, or why
    /// nothing.
    pub fn potentials(&self) -> Option<&Result<Box<(Potentials, Potentials)>, String>> {
        let node = self.shown()?;
        let seen = self.seen.iter().rev();
        let mut seen = seen.filter(|p| p.allocation == node.allocation);
        seen.next().map(|p| &p.seen)
    }

    /// The position in a candidate's drifts of the chosen site, and its name.
    pub fn site(&self) -> Option<(usize, &str)> {
        self.site_at(self.page(Pane::Sites).scroll.cursor)
    }

    /// The position in a candidate's drifts of the site in a row, and its name: the logits after
    /// the last site of the network.
    pub fn site_at(&self, row: usize) -> Option<(usize, &str)> {
        let at = self.site_order.get(row).copied().unwrap_or(row);
        let settings = self.tree.settings.as_deref()?;
        let name = settings.space.sites.get(at);
        Some((at, name.map_or("logits", String::as_str)))
    }

    /// True while the search is neither over nor failed.
    pub fn is_live(&self) -> bool {
        self.tree.finished.is_none() && self.activity.failed.is_none() && self.replay.is_none()
    }
}
