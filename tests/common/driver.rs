//! Runs an engine on a landscape, with verdicts of single allocations forced, and checks what
//! always holds.

use aq4svit::evaluate::{
    Cancel, CorrectBits, Evaluator, Job, Landscape, Outcome, Question, Split, Verdict,
};
use aq4svit::profile::Objective;
use aq4svit::quant::Allocation;
use aq4svit::search::{
    Candidate, CandidateId, Certification, Command, Engine, Event, GateDecision, Ladder, Request,
    Settings, State, StopReason, Tree,
};

/// What a forced allocation does on the search split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    /// Every image is right.
    Passes,
    /// No image is right.
    Fails,
    /// Every image of the screening is right, none behind it.
    Refuted,
}

/// Which allocations are forced, and to what.
pub type Force = Box<dyn Fn(&Allocation) -> Option<Forced>>;

/// An engine, what answers it, and all events so far.
pub struct Driver {
    pub engine: Engine,
    pub events: Vec<Event>,
    settings: Settings,
    landscape: Landscape,
    force: Force,
}

impl Driver {
    /// Starts a search.
    pub fn new(settings: Settings, landscape: Landscape) -> Self {
        Driver::forced(settings, landscape, Box::new(|_| None))
    }

    /// Starts a search in which some verdicts are forced.
    pub fn forced(settings: Settings, landscape: Landscape, force: Force) -> Self {
        let mut engine =
            Engine::new(settings.clone()).expect("pins that leave every layer a width");
        let events = engine.start();
        Driver {
            engine,
            events,
            settings,
            landscape,
            force,
        }
    }

    pub fn tree(&self) -> &Tree {
        self.engine.tree()
    }
    pub fn candidate(&self, id: CandidateId) -> &Candidate {
        self.tree().get(id).expect("in the tree")
    }
    pub fn base(&self) -> &Candidate {
        self.candidate(self.tree().base.expect("a base"))
    }
    pub fn incumbent(&self) -> &Candidate {
        self.candidate(self.tree().incumbent.expect("an incumbent"))
    }
    pub fn wanted(&self) -> Option<Request> {
        self.engine.wanted(1).pop()
    }
    /// True while a question about the test split is open.
    pub fn is_testing(&self) -> bool {
        let of_test = |q: &Question| {
            matches!(
                q,
                Question::Accuracy {
                    split: Split::Test,
                    ..
                }
            )
        };
        self.wanted().is_some_and(|r| of_test(&r.job.question))
    }

    /// The answer to a job.
    pub fn answer(&mut self, job: &Job) -> Outcome {
        let forced = (self.force)(&job.allocation);
        if let (
            Some(forced),
            Question::Accuracy {
                split: Split::Search,
                from,
                to,
                stop,
            },
        ) = (forced, &job.question)
        {
            let screen = self.settings.screen();
            let right = |image: usize| match forced {
                Forced::Passes => true,
                Forced::Fails => false,
                Forced::Refuted => image < screen,
            };
            let all: CorrectBits = (*from..*to).map(right).collect();
            let decided = stop.as_ref().and_then(|rule| rule.decided(&all));
            let images = decided.map_or(all.len(), |decided| decided.images);
            return Outcome::Accuracy {
                correct: all.iter().take(images).collect(),
            };
        }
        self.landscape
            .evaluate(job, &Cancel::default(), &mut |_| {})
            .expect("a landscape answers")
            .0
    }

    /// Answers one question; false when none is open.
    pub fn step(&mut self) -> bool {
        let Some(request) = self.wanted() else {
            return false;
        };
        let outcome = self.answer(&request.job);
        self.events
            .extend(self.engine.outcome(&request.job, outcome));
        true
    }

    /// Answers questions until something holds.
    pub fn until(&mut self, what: &str, holds: impl Fn(&Driver) -> bool) {
        while !holds(self) {
            assert!(self.step(), "the search ended before {what}");
        }
    }

    /// Gives a command and returns the event that answers it.
    pub fn command(&mut self, command: Command) -> Event {
        let events = self.engine.command(command);
        let answer = events.first().expect("every command is answered").clone();
        self.events.extend(events);
        answer
    }

    /// Gives a command that must be accepted.
    pub fn accepted(&mut self, command: Command) {
        let answer = self.command(command);
        assert!(
            matches!(answer, Event::CommandAccepted { .. }),
            "{answer:?}"
        );
    }

    /// Gives a command that must be refused, and returns why it was.
    pub fn refused(&mut self, command: Command) -> String {
        match self.command(command) {
            Event::CommandRefused { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    /// Answers questions to the end of the search, going on where it is paused, and checks what
    /// always holds.
    pub fn finish(&mut self) {
        for steps in 0.. {
            assert!(steps < 20_000, "the search does not end");
            if self.step() {
                continue;
            }
            if self.engine.is_finished() {
                break;
            }
            assert!(
                self.tree().paused,
                "nothing wanted, not finished, not paused"
            );
            self.accepted(Command::Resume);
        }
        self.check();
    }

    /// True where an allocation keeps to the pins now in force.
    pub fn conforms(&self, allocation: &Allocation) -> bool {
        let domains = self.settings.domains(&self.tree().pins);
        domains.expect("pins that hold").allows(allocation)
    }

    /// What holds at every moment, and at the end.
    pub fn check(&self) {
        let tree = self.tree();
        let mut folded = Tree::default();
        self.events.iter().for_each(|e| folded.apply(e));
        assert_eq!(&folded, tree, "the tree is the fold of the events");
        for c in &tree.candidates {
            assert_eq!(c.bytes, self.settings.space.bytes(&c.allocation));
            if c.gate.is_some_and(|g| g.decision == GateDecision::HeldBack) {
                assert!(c.screening.is_none(), "{} was held back and screened", c.id);
            }
            if let Some(j) = c.confirmation.filter(|j| j.verdict == Verdict::Met) {
                assert_eq!(j.images, self.settings.search_images);
                assert!(j.drop() <= self.tree().max_drop() + 1e-9);
            }
        }
        let confirmed = tree.active().filter(|c| c.state() == State::Confirmed);
        let stopped = tree.finished.is_some_and(StopReason::is_early);
        let fitting =
            confirmed.filter(|c| self.conforms(&c.allocation) && tree.constraint.fits(c.bytes));
        let lost = |c: &Candidate| tree.float.correct() as i64 - c.bits.correct() as i64;
        let objective = tree.constraint.objective();
        let rank = |c: &Candidate| match objective {
            Objective::SmallestMemory => (0, c.bytes),
            Objective::HighestAccuracy => (lost(c), c.bytes),
        };
        let best = fitting.map(rank).min();
        let incumbent = tree.incumbent.and_then(|i| tree.get(i));
        if let Some(incumbent) = incumbent {
            assert_eq!(incumbent.state(), State::Confirmed);
            assert!(
                self.conforms(&incumbent.allocation),
                "the incumbent keeps to the pins"
            );
            assert!(tree.constraint.fits(incumbent.bytes), "and to the memory");
        }
        assert_eq!(
            incumbent.map(rank),
            best,
            "the incumbent is the best that is confirmed"
        );
        self.check_certificate();
        if tree.finished.is_some() && !stopped {
            self.check_end();
        }
    }

    /// Every ladder leads to smaller allocations and stops at its first failure; the ladders that
    /// failed share the error probability; a search that has ended has a verdict on its result.
    fn check_certificate(&self) {
        let tree = self.tree();
        let Some(confidence) = tree.constraint.confidence else {
            assert_eq!(tree.certification, Certification::default());
            return;
        };
        let failed = |ladder: &Ladder| {
            let tests = ladder.tests.iter();
            tests.clone().any(|test| test.verdict == Verdict::NotMet)
        };
        let ladders = &tree.certification.ladders;
        let spent: f64 = ladders.iter().filter(|l| failed(l)).map(|l| l.error).sum();
        assert!(spent < 1.0 - confidence, "{spent} of the error is spent");
        for ladder in ladders {
            let bytes: Vec<u64> = ladder
                .rungs
                .iter()
                .map(|id| self.candidate(*id).bytes)
                .collect();
            assert!(bytes.is_sorted_by(|a, b| a > b), "{bytes:?}");
            let before_last = ladder.tests.len().saturating_sub(1);
            let all_held = ladder.tests[..before_last]
                .iter()
                .all(|test| test.verdict == Verdict::Met);
            assert!(all_held, "nothing is tested behind a failure");
        }
        if tree.finished.is_none() || tree.incumbent.is_none() {
            return;
        }
        let ladder = tree.certification.ladder().expect("a ladder");
        assert_eq!(ladder.rungs.last().copied(), tree.incumbent);
        let held = ladder.held().map(|(id, _)| id);
        assert_eq!(tree.result().map(|c| c.id), held);
        if let Some(result) = tree.result() {
            assert!(self.conforms(&result.allocation) && tree.constraint.fits(result.bytes));
        }
    }

    /// A search that ends by itself leaves nothing unconfirmed, and gives up only when the largest
    /// width fails.
    fn check_end(&self) {
        let tree = self.tree();
        match tree.incumbent {
            Some(_) => {
                let base = self.base();
                let passed = matches!(base.state(), State::Passed | State::Confirmed);
                if passed && !base.pruned && self.conforms(&base.allocation) {
                    assert_eq!(base.state(), State::Confirmed, "the last base is confirmed");
                }
            }
            // Something may be confirmed that is too large.
            None if tree.constraint.max_memory.is_some() => {}
            None => {
                let domains = self.settings.domains(&tree.pins);
                let largest = domains.expect("pins that hold").highest();
                let mut tried = tree.active();
                let tried = tried
                    .find(|c| c.allocation == largest)
                    .expect("the largest width was tried");
                let failed = matches!(tried.state(), State::Failed | State::Refuted);
                assert!(failed || tried.pruned, "the largest width fails");
            }
        }
    }
}
