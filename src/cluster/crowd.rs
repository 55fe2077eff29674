//! The workers that a search has heard of lately.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::message::{Facts, Presence, Readiness};
use crate::evaluate::{RemoteState, RemoteWorker};

/// The time without a word after which a worker is taken for gone.
pub(super) const GONE: Duration = Duration::from_millis(3500);
/// The time after which a file that a worker still lacks is sent again.
const AGAIN: Duration = Duration::from_secs(60);

/// The workers, seen from one context.
pub(super) struct Crowd {
    context: String,
    workers: HashMap<String, (Presence, Instant)>,
    sent: HashMap<String, Instant>,
}

impl Crowd {
    pub fn new(context: &str) -> Self {
        Crowd {
            context: context.to_owned(),
            workers: HashMap::new(),
            sent: HashMap::new(),
        }
    }

    /// A worker is there, or leaves.
    pub fn heard(&mut self, presence: Presence) {
        match presence.leaving {
            true => drop(self.workers.remove(&presence.worker)),
            false => {
                let name = presence.worker.clone();
                self.workers.insert(name, (presence, Instant::now()));
            }
        }
    }

    /// Forgets who was not heard of for a while.
    pub fn forget(&mut self) {
        self.workers.retain(|_, (_, heard)| heard.elapsed() < GONE);
    }

    /// True where a file may be sent now: not while it probably is on its way.
    pub fn may_send(&mut self, hash: &str) -> bool {
        let may = self
            .sent
            .get(hash)
            .is_none_or(|sent| sent.elapsed() > AGAIN);
        if may {
            self.sent.insert(hash.to_owned(), Instant::now());
        }
        may
    }

    fn of(&self, numerics: &str) -> impl Iterator<Item = &Presence> {
        let fits = move |p: &&Presence| {
            p.facts(&self.context)
                .is_some_and(|f| f.numerics == numerics)
        };
        self.workers
            .values()
            .map(|(presence, _)| presence)
            .filter(fits)
    }

    /// Workers that can do jobs with this arithmetic.
    pub fn ready(&self, numerics: &str) -> usize {
        self.of(numerics).count()
    }

    /// True where one of them has nothing to do.
    pub fn idle(&self, numerics: &str) -> bool {
        self.of(numerics).any(|p| p.doing.is_none())
    }

    /// Who is there, by name, and what everyone does, for a search with this arithmetic that waits
    /// for the jobs (pool and name) of which `is_ours` is true: searches of one network share a
    /// pool.
    pub fn report(
        &self,
        numerics: &str,
        is_ours: impl Fn(&str, &str) -> bool,
    ) -> Vec<RemoteWorker> {
        let state = |presence: &Presence| match (&presence.doing, presence.readiness(&self.context))
        {
            (Some((pool, key)), _) if is_ours(pool, key) => RemoteState::Working,
            (_, Some(Readiness::Ready { facts })) if facts.numerics != numerics => {
                RemoteState::OtherNumerics
            }
            (_, Some(Readiness::Unable { .. })) => RemoteState::Unable,
            (Some(_), _) => RemoteState::Elsewhere,
            (None, Some(Readiness::Ready { .. })) => RemoteState::Idle,
            (None, Some(_)) => RemoteState::Preparing,
            (None, None) => RemoteState::New,
        };
        let worker = |(presence, _): &(Presence, Instant)| RemoteWorker {
            name: presence.worker.clone(),
            device: presence.device.clone(),
            threads: presence.threads,
            state: state(presence),
            answered: presence.answered,
            rate: (presence.images > 0 && presence.busy > 0.0)
                .then(|| presence.images as f64 / presence.busy),
        };
        let mut all: Vec<RemoteWorker> = self.workers.values().map(worker).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The arithmetic of most threads among the workers that are ready, or the one that is wanted.
    pub fn choice(&self, wanted: Option<&str>) -> Option<Facts> {
        let mut all: BTreeMap<&str, (usize, &Facts)> = BTreeMap::new();
        for (presence, _) in self.workers.values() {
            if let Some(facts) = presence.facts(&self.context)
                && wanted.is_none_or(|w| w == facts.numerics)
            {
                let (threads, _) = all.entry(&facts.numerics).or_insert((0, facts));
                *threads += presence.threads;
            }
        }
        // Of as many threads, the first by name: no order of arrival decides.
        let most = all.into_values().rev().max_by_key(|(threads, _)| *threads);
        most.map(|(_, facts)| facts.clone())
    }

    /// Why all workers cannot do it; none while one still may.
    pub fn all_unable(&self) -> Option<String> {
        let why = |presence: &Presence| match presence.readiness(&self.context) {
            Some(Readiness::Unable { why }) => Some(format!(
                "  worker {} on {}: {why}",
                presence.worker, presence.host
            )),
            _ => None,
        };
        let mut all: Vec<String> = self
            .workers
            .values()
            .map(|(presence, _)| why(presence))
            .collect::<Option<_>>()?;
        all.sort();
        (!all.is_empty()).then(|| all.join("\n"))
    }

    /// What a search waits for.
    pub fn waiting_for(&self, wanted: Option<&str>) -> String {
        const START: &str = "start some with `aq4svit worker --cluster FILE`";
        if self.workers.is_empty() {
            return format!("no worker is there; the search waits: {START}");
        }
        let others = self
            .workers
            .values()
            .filter_map(|(p, _)| p.facts(&self.context));
        let mut others: Vec<&str> = others.map(|f| f.numerics.as_str()).collect();
        others.sort_unstable();
        others.dedup();
        match wanted {
            Some(wanted) if !others.is_empty() && !others.contains(&wanted) => format!(
                "no worker computes as this run does ({wanted}), those that are there compute otherwise ({}), and decisions would depend on it; the search waits: {START} on machines of the same kind",
                others.join("; ")
            ),
            _ => format!(
                "{} worker(s) are there, none is ready yet; the search waits",
                self.workers.len()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(worker: &str, threads: usize, readiness: Readiness) -> Presence {
        Presence {
            worker: worker.into(),
            host: "h".into(),
            process: 1,
            device: "cpu".into(),
            threads,
            seconds: 1.0,
            busy: 0.0,
            answered: 0,
            images: 0,
            doing: None,
            contexts: vec![("c".into(), readiness)],
            leaving: false,
        }
    }

    fn ready(numerics: &str) -> Readiness {
        let numerics = numerics.to_owned();
        Readiness::Ready {
            facts: Facts {
                numerics,
                batch: 1,
                correction_images: 0,
            },
        }
    }

    fn unable() -> Readiness {
        Readiness::Unable { why: "no".into() }
    }

    #[test]
    fn the_arithmetic_of_most_threads_is_chosen_whoever_comes_first() {
        let all = [
            presence("a", 4, ready("avx2")),
            presence("b", 3, ready("avx512")),
            presence("c", 2, ready("avx512")),
            presence("d", 64, unable()),
        ];
        for shift in 0..all.len() {
            let mut crowd = Crowd::new("c");
            let order = all.iter().cycle().skip(shift).take(all.len());
            order.cloned().for_each(|p| crowd.heard(p));
            let choice = |wanted| crowd.choice(wanted).map(|f| f.numerics);
            assert_eq!(choice(None).as_deref(), Some("avx512"));
            assert_eq!(choice(Some("avx2")).as_deref(), Some("avx2"));
            assert_eq!(choice(Some("cuda")), None);
            assert_eq!(crowd.ready("avx512"), 2);
            assert!(crowd.waiting_for(Some("cuda")).contains("avx2; avx512"));
            assert_eq!(crowd.all_unable(), None);
        }
        let mut even = Crowd::new("c");
        even.heard(presence("a", 2, ready("y")));
        even.heard(presence("b", 2, ready("x")));
        assert_eq!(even.choice(None).map(|f| f.numerics).as_deref(), Some("x"));
    }

    #[test]
    fn a_worker_that_leaves_is_gone_at_once() {
        let mut crowd = Crowd::new("c");
        crowd.heard(presence("a", 2, unable()));
        assert!(
            crowd
                .all_unable()
                .is_some_and(|why| why.contains("worker a on h: no"))
        );
        crowd.heard(Presence {
            leaving: true,
            ..presence("a", 2, unable())
        });
        assert_eq!(crowd.all_unable(), None);
        assert!(crowd.waiting_for(None).starts_with("no worker is there"));
    }

    #[test]
    fn a_report_says_what_everyone_does() {
        let mut crowd = Crowd::new("c");
        let at = |pool: &str, job: &str| Some((pool.to_owned(), job.to_owned()));
        let working = Presence {
            doing: at("p", "ours"),
            images: 300,
            busy: 2.0,
            ..presence("d", 2, ready("avx2"))
        };
        let elsewhere = Presence {
            doing: at("q", "ours"),
            ..presence("c", 2, ready("avx2"))
        };
        // Another search of the same network.
        let beside = Presence {
            doing: at("p", "theirs"),
            ..presence("h", 2, ready("avx2"))
        };
        let new = Presence {
            contexts: vec![],
            ..presence("b", 2, unable())
        };
        let others = [
            presence("a", 2, ready("avx512")),
            presence("e", 2, ready("avx2")),
            presence("f", 2, unable()),
            presence("g", 2, Readiness::Preparing),
        ];
        for presence in others.into_iter().chain([working, elsewhere, beside, new]) {
            crowd.heard(presence);
        }
        let report = crowd.report("avx2", |pool, job| pool == "p" && job == "ours");
        let states: Vec<_> = report.iter().map(|w| (w.name.as_str(), w.state)).collect();
        use RemoteState::*;
        let expected = [
            ("a", OtherNumerics),
            ("b", New),
            ("c", Elsewhere),
            ("d", Working),
            ("e", Idle),
            ("f", Unable),
            ("g", Preparing),
            ("h", Elsewhere),
        ];
        assert_eq!(states, expected);
        let rates: Vec<_> = report.iter().filter_map(|w| w.rate).collect();
        assert_eq!(rates, [150.0]);
    }
}
