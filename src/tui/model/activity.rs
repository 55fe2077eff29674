//! What the run is doing and has done, beside its decisions.

use std::collections::HashMap;
use std::time::Duration;

use super::losses::Losses;
use super::status::{Status, Task};
use crate::evaluate::{Caches, Job, Machines, Progress, Question, StopRule};
use crate::journal::Entry;
use crate::profile::StrategyName;
use crate::run::Totals;
use crate::search::{
    CandidateId, Command, Counters, Event, Group, Instruction, Ledger, Remaining, Request, Tree,
};
use crate::text::numbers::large;

/// A running job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// What is done.
    pub task: Task,
    /// To which candidate.
    pub candidate: Option<CandidateId>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What the images so far say of a limit on the accuracy drop.
    pub losses: Option<Losses>,
    /// When it began.
    pub since: Duration,
}

/// An evaluator and what it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worker {
    /// What it does; none while it is idle.
    pub request: Option<Request>,
    /// Since when it does that.
    pub since: Duration,
    /// Jobs that it has ended in this session.
    pub jobs: u32,
}

/// What the run is doing and has done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// The running job.
    pub work: Option<Work>,
    /// When it ends early, and against what it is counted.
    rule: Option<StopRule>,
    /// What every evaluator does; empty where that is not known.
    pub workers: Vec<Worker>,
    /// Who evaluates on other machines; none where all is done on this one.
    pub machines: Option<Machines>,
    /// What is kept between jobs.
    pub caches: Caches,
    /// Work counters.
    pub totals: Totals,
    totals_at: Duration,
    /// When progress was last heard of.
    pub heard: Duration,
    /// The bytes of this process in memory, where the system tells.
    pub resident: Option<u64>,
    /// Progress reports that the run could not tell in time. Events are never dropped.
    pub dropped: u64,
    /// Why the run cannot go on.
    pub failed: Option<String>,
    /// The node that was at work then.
    pub failed_at: Option<CandidateId>,
    /// The last thing another thread said before it panicked.
    pub panicked: Option<String>,
    /// True where the running job began in a pause: it was asked for by hand.
    pub in_pause: bool,
    /// The counts of the events shown.
    ledger: Ledger,
    /// Groups that may still be lowered at this level; none where that is not known.
    open: Option<Vec<Group>>,
    /// Number and total time of jobs by what they do, and of the images of accuracy jobs.
    timings: HashMap<Task, (u32, Duration)>,
}

impl Activity {
    /// The state of the run.
    pub fn status(&self, tree: &Tree, awaiting: &[Instruction]) -> Status {
        if self.failed.is_some() {
            return Status::Failed;
        }
        if tree.finished.is_some() {
            return Status::ended(tree);
        }
        let idle = self.work.is_none();
        let ends = |c: &&Command| {
            use Command::{Pause, Resume, Step, Stop};
            matches!(c, Pause | Resume | Step | Stop)
        };
        match awaiting.iter().rev().map(|sent| &sent.command).find(ends) {
            Some(Command::Stop) => Status::Stopping,
            Some(Command::Resume | Command::Step) => Status::Resuming,
            Some(_) => Status::Pausing,
            None if tree.paused && idle => Status::Paused,
            None if tree.stepping || (tree.paused && self.in_pause) => Status::Stepping,
            None if tree.paused => Status::Pausing,
            None if tree.settings.is_none() => Status::Starting,
            None if self.work.is_some_and(|w| w.task == Task::Test) => Status::Testing,
            None => Status::Running,
        }
    }

    /// A job began.
    pub fn began(&mut self, job: &Job, candidate: Option<CandidateId>, now: Duration) {
        let task = Task::of(job);
        self.ended(now);
        self.work = Some(Work {
            task,
            candidate,
            progress: None,
            losses: None,
            since: now,
        });
        self.rule = match &job.question {
            Question::Accuracy { stop, .. } => stop.clone(),
            Question::Drift { .. } | Question::LayerErrors | Question::Statistics { .. } => None,
        };
    }

    /// The running job is so far.
    pub fn progressed(&mut self, progress: Progress, now: Duration) {
        let Some(work) = &mut self.work else { return };
        work.progress = Some(progress);
        let rule = self.rule.as_ref().filter(|_| !progress.preparing);
        work.losses = rule.map(|rule| Losses::of(rule, &progress));
        self.heard = now;
    }

    /// The running job ended.
    pub fn ended(&mut self, now: Duration) {
        if let Some(work) = self.work.take() {
            let (jobs, time) = self.timings.entry(work.task).or_default();
            *jobs += 1;
            *time += now.saturating_sub(work.since);
        }
    }

    /// The counters so far.
    pub fn counted(&mut self, totals: Totals, now: Duration) {
        self.totals = totals;
        self.totals_at = now;
    }

    /// Time spent searching. Between two reports of the run the clock of the interface goes on,
    /// while something is evaluated.
    pub fn elapsed(&self, now: Duration) -> Duration {
        let reported = Duration::try_from_secs_f64(self.totals.seconds).unwrap_or_default();
        let since = now.saturating_sub(self.totals_at);
        let unreported = self.work.map_or(Duration::ZERO, |_| since);
        reported.saturating_add(unreported)
    }

    /// Folds an event in. `tree` knows it already.
    pub fn apply(&mut self, entry: &Entry, tree: &Tree) {
        self.ledger.apply(&entry.event, tree, entry.provenance);
        match &entry.event {
            Event::LevelOpened { groups, .. } => self.open = Some(groups.clone()),
            Event::LevelClosed { .. } => self.open = Some(Vec::new()),
            // The search is where it was before some command: which groups were open then is not
            // known here, nor what a redo closes.
            Event::CommandAccepted {
                command: Command::Undo | Command::Redo,
                ..
            } => self.open = None,
            Event::GroupClosed { group, .. } => {
                if let Some(open) = &mut self.open {
                    open.retain(|g| g != group);
                }
            }
            _ => {}
        }
    }

    /// The counts of the events shown.
    pub fn counters(&self) -> Counters {
        self.ledger.counters()
    }

    /// The layer-forwards that optimizations avoided, as a number and as text.
    pub fn avoided(&self) -> (u64, String) {
        let Totals {
            layer_forwards,
            layer_forwards_plain: plain,
            ..
        } = self.totals;
        let avoided = plain.saturating_sub(layer_forwards);
        let share = 100.0 * avoided as f64 / plain.max(1) as f64;
        (
            avoided,
            format!("{} avoided ({share:.0} %)", large(avoided)),
        )
    }

    /// Grows with every measurement.
    pub fn measured(&self) -> u64 {
        let counters = self.counters();
        counters.evaluations + counters.drift_evaluations + counters.reused
    }

    /// What every evaluator does from now on.
    pub fn busy(&mut self, doing: Vec<Option<Request>>, now: Duration) {
        self.workers.resize(doing.len(), Worker::default());
        for (worker, request) in self.workers.iter_mut().zip(doing) {
            if worker.request != request {
                worker.jobs += u32::from(worker.request.is_some());
                worker.request = request;
                worker.since = now;
            }
        }
    }

    /// How many jobs of a kind there were in this session, and how long they took together.
    pub fn timing(&self, task: Task) -> (u32, Duration) {
        self.timings.get(&task).copied().unwrap_or_default()
    }

    /// Bounds on the time left: once enough jobs were timed to know what a step takes: of a search
    /// by levels or by fronts, and of the test split. No more than the steps of the open groups and
    /// of those of the levels to come can follow; the longer these levels are, the wider the range.
    pub fn time_left(&self, tree: &Tree) -> Option<(Duration, Duration)> {
        if let Some(work) = self.work.filter(|w| w.task == Task::Test) {
            return self.test_left(&work, tree);
        }
        // A beam is done when nothing in it can be lowered: nobody knows when that is.
        if tree.settings.as_ref()?.search.strategy == StrategyName::Beam {
            return None;
        }
        self.search_left(tree)
    }

    /// Bounds on the time left of a search.
    fn search_left(&self, tree: &Tree) -> Option<(Duration, Duration)> {
        if let Some(remaining) = tree.remaining().filter(|_| !tree.paused) {
            return self.remaining_left(remaining);
        }
        let settings = tree.settings.as_deref()?;
        let levels = &settings.search.levels;
        let at = levels.iter().position(|level| Some(*level) == tree.level)?;
        let base = tree.base.and_then(|id| tree.get(id))?;
        if tree.paused || tree.finished.is_some() {
            return None;
        }
        // What can still be tried in a group, were nothing else lowered.
        let steps = |group: &Group| {
            let members = settings.space.members(group);
            let widths = members.iter().filter_map(|m| base.allocation.0.get(*m));
            let widest = widths.max();
            let below = |w: &&_| widest.is_some_and(|widest| *w < widest);
            settings.space.menu.iter().filter(below).count()
        };
        let open: Vec<usize> = self.open.as_ref()?.iter().map(steps).collect();
        let later = levels.iter().skip(at + 1);
        let later = later.flat_map(|level| settings.space.groups(*level));
        let later: Vec<usize> = later.map(|group| steps(&group)).collect();
        let groups = |steps: &[usize]| steps.iter().filter(|s| **s > 0).count() as f64;
        let all = open.iter().chain(&later).sum::<usize>() * settings.search.beam();
        let (drift, screening) = (self.mean(Task::Drift, 3)?, self.mean(Task::Screening, 3)?);
        // The end of every level is confirmed on the whole split; the last one's always.
        let whole = screening * settings.search_images as f64 / settings.screen().max(1) as f64;
        // At least: every open group fails at its next step, and the gate holds back every group of
        // the levels to come.
        let least = groups(&open) * screening + groups(&later) * drift + whole;
        let most = all as f64 * (drift + screening) + whole * (levels.len() - at) as f64;
        let least = Duration::try_from_secs_f64(least).ok()?;
        Some((least, Duration::try_from_secs_f64(most).ok()?))
    }

    /// The seconds that a job of a kind takes, once at least so many of them were timed.
    fn mean(&self, task: Task, least: u32) -> Option<f64> {
        let (jobs, time) = self.timings.get(&task)?;
        (*jobs >= least).then(|| time.as_secs_f64() / f64::from(*jobs))
    }

    /// The bounds for questions that are counted. A search by fronts has screened one or two
    /// candidates only while it measures single groups.
    fn remaining_left(&self, remaining: Remaining) -> Option<(Duration, Duration)> {
        let (drift, screening) = (self.mean(Task::Drift, 1)?, self.mean(Task::Screening, 1)?);
        let seconds = |drifts: usize, evaluations: usize| {
            let seconds = drifts as f64 * drift + evaluations as f64 * screening;
            Duration::try_from_secs_f64(seconds).ok()
        };
        let Remaining {
            drifts,
            evaluations,
        } = remaining;
        Some((
            seconds(drifts.0, evaluations.0)?,
            seconds(drifts.1, evaluations.1)?,
        ))
    }

    /// The time left on the test split: what is left of this job at its pace, and as much again for
    /// the other network where that is still to come.
    fn test_left(&self, work: &Work, tree: &Tree) -> Option<(Duration, Duration)> {
        let spent = self.heard.saturating_sub(work.since);
        let progress = work.progress.filter(|p| p.done > 0 && !spent.is_zero())?;
        let each = spent.as_secs_f64() / progress.done as f64;
        let rest = each * progress.total.saturating_sub(progress.done) as f64;
        let other = match tree.tested_float {
            Some(_) => 0.0,
            None => each * progress.total as f64,
        };
        let left = Duration::try_from_secs_f64(rest + other).ok()?;
        Some((left, left))
    }
}
