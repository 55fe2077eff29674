//! A search as the interface sees it: the real engine, a synthetic evaluator, no threads and no
//! clock.

use std::time::Duration;

use aq4svit::evaluate::{
    CacheUse, Caches, Cancel, Evaluator, Landscape, Outcome, Progress, Provenance,
};
use aq4svit::journal::Entry;
use aq4svit::profile::{
    AccuracyDrop, Constraint, GateConfig, GateMode, Screen, Screening, SearchConfig, StrategyName,
};
use aq4svit::quant::{Affine, BitWidth, MemoryModel};
use aq4svit::run::{Totals, Update};
use aq4svit::search::{Command, Engine, Event, Instruction, Settings, Space};
use aq4svit::tui::keymap::Keymap;
use aq4svit::tui::model::{Model, RunInfo};
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{Action, Effect, Forecast, PredictedFront, update};
use jiff::tz::TimeZone;

use crate::common::network::demo;

/// The demo's network as the search sees it.
pub fn demo_space() -> Space {
    let graph = demo();
    let memory = MemoryModel::of(&graph, Affine::F32);
    let menu: Vec<BitWidth> = [2, 3, 4, 5, 6, 8]
        .map(|b| BitWidth::new(b).unwrap())
        .to_vec();
    let mut space = Space::of(&graph, &memory, &menu, Vec::new());
    // The landscape gives one drift per layer and one for the logits.
    let sites = space.layers.iter().filter(|l| l.name != "head");
    let sites = sites.map(|l| l.name.replace("conv", "lif").replace("linear", "lif"));
    space.sites = sites.collect();
    space
}

pub fn demo_settings() -> Settings {
    Settings {
        name: "qkformer on fashion-mnist".into(),
        space: demo_space(),
        constraint: Constraint {
            max_accuracy_drop: AccuracyDrop::Points(1.5),
            ..Constraint::default()
        },
        search: SearchConfig {
            strategy: StrategyName::Greedy,
            screen: Screen::First(500),
            screening: Screening::Exact,
            ..SearchConfig::default()
        },
        gate: GateConfig {
            mode: GateMode::Drift,
            ..GateConfig::default()
        },
        pins: vec![],
        target: None,
        start: None,
        calibration_images: 64,
        evidence_images: 0,
        narrower: true,
        search_images: 2000,
        search_order: Default::default(),
        certify_images: 0,
        test_images: 1000,
    }
}

/// The engine and its evaluator.
pub struct Story {
    pub engine: Engine,
    landscape: Landscape,
    seq: u64,
    totals: Totals,
    /// Where the answers come from.
    pub provenance: Provenance,
    /// Whether drifts come with the proxies of a calibrated quantizer.
    pub calibrated: bool,
}

impl Story {
    pub fn new(settings: Settings) -> Self {
        let layers = settings.space.layers.len();
        let landscape = Landscape::new(7, layers, 64, settings.search_images, settings.test_images)
            .with_certify(settings.certify_images);
        Story {
            engine: Engine::new(settings).unwrap(),
            landscape,
            seq: 0,
            totals: Totals::default(),
            provenance: Provenance::Computed,
            calibrated: false,
        }
    }

    pub fn entries(&mut self, events: Vec<Event>) -> Vec<Update> {
        let entry = |event| {
            self.seq += 1;
            let provenance = self.engine.provenance(self.seq);
            let s = self.seq / 4;
            Update::Event(Box::new(Entry {
                seq: self.seq,
                time: format!(
                    "2026-05-04T{:02}:{:02}:{:02}Z",
                    9 + s / 3600,
                    s / 60 % 60,
                    s % 60
                ),
                event,
                provenance,
            }))
        };
        events.into_iter().map(entry).collect()
    }

    pub fn start(&mut self) -> Vec<Update> {
        let events = self.engine.start();
        self.entries(events)
    }

    /// The wanted job begins and gets half way; none while paused and at the end.
    pub fn begin(&self) -> Vec<Update> {
        let Some(request) = self.engine.wanted(1).pop() else {
            return vec![Update::Workers(vec![None, None]), Update::Idle];
        };
        let total = match &request.job.question {
            aq4svit::evaluate::Question::Drift { .. } => 64,
            aq4svit::evaluate::Question::LayerErrors => 1,
            aq4svit::evaluate::Question::Accuracy { from, to, .. }
            | aq4svit::evaluate::Question::Statistics { from, to, .. } => to - from,
        };
        let done = total / 2;
        let progress = Progress {
            done,
            total,
            // Of what has a limit, two fewer than the float network: it is not decided yet.
            correct: match &request.job.question {
                aq4svit::evaluate::Question::Accuracy {
                    stop: Some(rule), ..
                } => rule.float.correct_in(0, done).saturating_sub(2),
                _ => total * 2 / 5,
            },
            preparing: false,
        };
        let ahead = self.engine.wanted(2).into_iter().nth(1);
        vec![
            Update::Workers(vec![Some(request.clone()), ahead]),
            Update::Working {
                job: Box::new(request.job),
                candidate: request.candidate,
            },
            Update::Progress(progress),
        ]
    }

    /// The wanted job is answered.
    pub fn answer(&mut self) -> Vec<Update> {
        let Some(request) = self.engine.wanted(1).pop() else {
            return vec![];
        };
        let cancel = Cancel::default();
        let (mut outcome, work) = self
            .landscape
            .evaluate(&request.job, &cancel, &mut |_| {})
            .unwrap();
        if let (true, Outcome::Drift { proxies, drift, .. }) = (self.calibrated, &mut outcome)
            && let Some(proxies) = proxies
        {
            proxies.image_drift = Some(2.0 * *drift);
            proxies.wide_divergence = proxies.divergence;
            proxies.output_error = Some(drift.sqrt());
            proxies.loss_increase = proxies.divergence;
            proxies.disagreement = Some(drift.min(1.0));
        }
        self.totals.layer_forwards += work.layer_forwards;
        self.totals.layer_forwards_plain += work.layer_forwards * 3;
        self.totals.images += work.images;
        self.totals.seconds += 1.25;
        let events = self.engine.answer(&request.job, outcome, self.provenance);
        let mut updates = self.entries(events);
        let used = |n: u64| CacheUse {
            bytes: n * self.seq,
            budget: 1 << 30,
            hits: 9 * self.seq,
            misses: self.seq,
        };
        updates.push(Update::Caches(Caches {
            values: Some(used(100_000)),
            weights: Some(used(1_000)),
        }));
        updates.push(Update::Totals(self.totals));
        updates
    }

    pub fn command(&mut self, command: impl Into<Instruction>) -> Vec<Update> {
        let events = self.engine.command(command);
        self.entries(events)
    }
}

/// The commands among effects.
pub fn sent(effects: &[Effect]) -> Vec<Command> {
    let command = |e: &Effect| match e {
        Effect::Send(sent) => Some(sent.command.clone()),
        _ => None,
    };
    effects.iter().filter_map(command).collect()
}

pub fn model(theme: Theme, size: (u16, u16)) -> Model {
    let run = RunInfo {
        id: "2026-05-04-demo".into(),
        argument: "2026-05-04-demo".into(),
        folder: "/home/ada/.local/share/aq4svit/runs/2026-05-04-demo".into(),
        device: "cpu".into(),
        classes: None,
        expected: None,
    };
    Model::new(run, theme, Keymap::standard(), TimeZone::UTC, size)
}

/// The interface on a story, as one.
pub struct Play {
    pub story: Story,
    pub model: Model,
}

impl Play {
    pub fn new(size: (u16, u16)) -> Self {
        Self::with(Theme::colour(), demo_settings(), size)
    }

    pub fn with(theme: Theme, settings: Settings, size: (u16, u16)) -> Self {
        let mut play = Play {
            story: Story::new(settings),
            model: model(theme, size),
        };
        let updates = play.story.start();
        play.tell(updates);
        play
    }

    pub fn tell(&mut self, updates: Vec<Update>) {
        let effects = update(&mut self.model, Action::Updates(updates));
        assert_eq!(self.forecast(effects), []);
    }

    /// Runs jobs, each a second and a quarter long, and leaves the next one half done.
    pub fn jobs(&mut self, jobs: usize) -> &mut Self {
        for _ in 0..jobs {
            let begun = self.story.begin();
            self.tell(begun);
            self.wait(1_250);
            let answered = self.story.answer();
            self.tell(answered);
        }
        let begun = self.story.begin();
        self.tell(begun);
        self
    }

    pub fn finish(&mut self) -> &mut Self {
        while !self.story.engine.is_finished() {
            self.jobs(1);
        }
        self
    }

    pub fn wait(&mut self, milliseconds: u64) -> &mut Self {
        let clock = self.model.clock + Duration::from_millis(milliseconds);
        let effects = update(&mut self.model, Action::Tick(clock));
        assert_eq!(effects, []);
        self
    }

    /// Answers what is to be predicted; returns all other effects.
    fn forecast(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let (asked, others) = effects
            .into_iter()
            .partition::<Vec<_>, _>(|e| matches!(e, Effect::Forecast(_) | Effect::PredictFront));
        for effect in asked {
            let answer = match effect {
                Effect::Forecast(change) => {
                    Action::Forecast(Forecast::of(&self.model.tree, change))
                }
                _ => Action::PredictedFront(PredictedFront::of(&self.model.tree)),
            };
            update(&mut self.model, answer);
        }
        others
    }

    /// Lets the search answer the commands among effects.
    pub fn answer(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Send(command) = effect {
                let answer = self.story.command(command.clone());
                self.tell(answer);
            }
        }
    }

    /// Acts, and lets the search answer the commands that come of it.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        let effects = update(&mut self.model, action);
        let effects = self.forecast(effects);
        self.answer(&effects);
        effects
    }
}
