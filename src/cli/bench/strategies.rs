//! `aq4svit bench --strategies`: what each strategy finds, and what it takes.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::child::{Measured, search};
use crate::cli::numbers::grouped;
use crate::cli::output::note;
use crate::profile::{Objective, Profile};
use crate::quant::saving_percent;
use crate::search::{MOST_ALLOCATIONS, Settings, StopReason};

/// What takes part, in the table's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Contestant {
    Greedy,
    Beam,
    Allocate,
    RandomAsGreedy,
    RandomAsBeam,
    Exhaustive,
}

const CONTESTANTS: [Contestant; 6] = [
    Contestant::Greedy,
    Contestant::Beam,
    Contestant::Allocate,
    Contestant::RandomAsGreedy,
    Contestant::RandomAsBeam,
    Contestant::Exhaustive,
];

impl Contestant {
    /// `search.strategy`.
    fn strategy(self) -> &'static str {
        match self {
            Contestant::Greedy => "greedy",
            Contestant::Beam => "beam",
            Contestant::Allocate => "allocate",
            Contestant::RandomAsGreedy | Contestant::RandomAsBeam => "random",
            Contestant::Exhaustive => "exhaustive",
        }
    }

    /// Whose number of evaluations it gets; none where it takes what it needs.
    fn as_many_as(self) -> Option<Contestant> {
        match self {
            Contestant::RandomAsGreedy => Some(Contestant::Greedy),
            Contestant::RandomAsBeam => Some(Contestant::Beam),
            _ => None,
        }
    }

    fn name(self) -> String {
        match self.as_many_as() {
            Some(other) => format!(
                "{}, as many evaluations as {}",
                self.strategy(),
                other.strategy()
            ),
            None => self.strategy().to_owned(),
        }
    }
}

/// Random allocations that are drawn: the evaluations end the search, not these.
const DRAWS: u32 = 1_000_000;

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "strategy")]
struct Row {
    strategy: Contestant,
    seed: u64,
    memory_bytes: Option<u64>,
    memory_saving_percent: Option<f64>,
    /// Bytes beyond greedy's result of the same seed.
    above_greedy_percent: Option<f64>,
    /// Bytes beyond the true optimum, where that is known.
    above_optimum_percent: Option<f64>,
    /// Accuracy drops in points; none where nothing met the constraint, or without a test split.
    drop: Option<f64>,
    drop_test: Option<f64>,
    evaluations: u64,
    drift_evaluations: u64,
    layer_forwards: u64,
    seconds: f64,
}

/// The searches with one seed.
struct Round {
    seed: u64,
    runs: Vec<(Contestant, Measured)>,
}

impl Round {
    fn of(&self, contestant: Contestant) -> Option<&Measured> {
        let found = self.runs.iter().find(|(c, _)| *c == contestant);
        found.map(|(_, run)| run)
    }

    /// Bytes of the optimum: of an exhaustive search that no limit has ended.
    fn optimum(&self) -> Option<u64> {
        let exhaustive = self.of(Contestant::Exhaustive)?;
        let done = matches!(
            exhaustive.tree.finished,
            Some(StopReason::Complete | StopReason::LowestPasses)
        );
        exhaustive.memory_bytes.filter(|_| done)
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let greedy = self.of(Contestant::Greedy).and_then(|run| run.memory_bytes);
        self.runs.iter().map(move |(strategy, run)| {
            let above = |than: Option<u64>| {
                let (bytes, than) = run.memory_bytes.zip(than)?;
                Some(100.0 * (bytes as f64 / than.max(1) as f64 - 1.0))
            };
            Row {
                strategy: *strategy,
                seed: self.seed,
                memory_bytes: run.memory_bytes,
                memory_saving_percent: saving(run),
                above_greedy_percent: above(greedy),
                above_optimum_percent: above(self.optimum()),
                drop: run.drop(),
                drop_test: run.drop_test(),
                evaluations: run.evaluations,
                drift_evaluations: run.drift_evaluations,
                layer_forwards: run.layer_forwards,
                seconds: run.seconds,
            }
        })
    }
}

fn saving(run: &Measured) -> Option<f64> {
    let space = &run.tree.settings.as_ref()?.space;
    Some(saving_percent(run.memory_bytes?, space.float_bytes()))
}

/// Every strategy on the same problems.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    rows: Vec<Row>,
    seeds: u64,
    /// Allocations that an exhaustive search would try; none beyond every number.
    allocations: Option<u64>,
}

impl Comparison {
    /// Runs all searches, one after the other.
    ///
    /// # Errors
    /// Where a search fails, and for a profile that does not look for the smallest memory.
    pub(super) fn run(profile: &Profile, common: &[String], seeds: u8) -> Result<Self> {
        if profile.constraint.objective() != Objective::SmallestMemory {
            bail!(
                "--strategies compares how small the results are, and this profile looks for the highest accuracy: give \
                 constraint.max_accuracy_drop in points or percent"
            );
        }
        let mut found = Comparison {
            rows: Vec::new(),
            seeds: u64::from(seeds),
            allocations: None,
        };
        for seed in 0..u64::from(seeds) {
            let mut round = Round {
                seed,
                runs: Vec::new(),
            };
            for contestant in CONTESTANTS {
                if contestant == Contestant::Exhaustive && !found.can_be_enumerated() {
                    continue;
                }
                note(&format!("seed {seed}: {}", contestant.name()));
                let mut flags = flags(profile, contestant, seed);
                let other = contestant.as_many_as().and_then(|c| round.of(c));
                // A search that is done without an evaluation leaves nothing to be compared with.
                let most = other.map(|run| run.evaluations.max(1));
                flags.extend(most.map(|n| set("constraint.max_evaluations", n)));
                let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
                let run = search(common, &flags)
                    .with_context(|| format!("the search by {}", contestant.name()))?;
                note(&told(&run));
                let settings = run.tree.settings.as_deref();
                found.allocations = settings.and_then(Settings::allocations);
                round.runs.push((contestant, run));
            }
            found.rows.extend(round.rows());
        }
        Ok(found)
    }

    fn can_be_enumerated(&self) -> bool {
        self.allocations.is_some_and(|n| n <= MOST_ALLOCATIONS)
    }

    /// The lines of `--json`: every search, then the means.
    pub(super) fn lines(&self) -> Result<Vec<serde_json::Value>> {
        let rows = self.rows.iter().map(serde_json::to_value);
        let means = self.means();
        let means = means.iter().map(serde_json::to_value);
        rows.chain(means).map(|line| Ok(line?)).collect()
    }

    fn means(&self) -> Vec<Mean> {
        let of = |contestant: &Contestant| {
            let rows = self.rows.iter().filter(|r| r.strategy == *contestant);
            Mean::of(*contestant, &rows.collect::<Vec<_>>())
        };
        CONTESTANTS.iter().filter_map(of).collect()
    }
}

/// What a search came to, while the others are still to come.
fn told(run: &Measured) -> String {
    let bytes = run.memory_bytes.map(|b| format!("{} bytes", grouped(b)));
    format!(
        "  {}, {} evaluations, {:.0} s",
        bytes.as_deref().unwrap_or("nothing met the constraint"),
        grouped(run.evaluations),
        run.seconds
    )
}

fn set(key: &str, value: impl std::fmt::Display) -> String {
    format!("--set={key}={value}")
}

/// What asks for a strategy and a seed.
fn flags(profile: &Profile, contestant: Contestant, seed: u64) -> Vec<String> {
    let split_seed = profile.data.as_ref().map_or(0, |data| data.split_seed);
    let mut flags = vec![
        "--no-result-cache".to_owned(),
        set("search.strategy", contestant.strategy()),
        set("search.seed", profile.search.seed.saturating_add(seed)),
        set("data.split_seed", split_seed.saturating_add(seed)),
    ];
    if contestant.as_many_as().is_some() {
        flags.push(set("search.draws", DRAWS));
    }
    flags
}

/// A strategy's means over the seeds; none of what a seed does not have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "strategy_mean")]
struct Mean {
    strategy: Contestant,
    memory_bytes: Option<f64>,
    memory_saving_percent: Option<f64>,
    above_greedy_percent: Option<f64>,
    above_optimum_percent: Option<f64>,
    drop: Option<f64>,
    drop_test: Option<f64>,
    evaluations: f64,
    drift_evaluations: f64,
    layer_forwards: f64,
    seconds: f64,
}

impl Mean {
    /// None without rows.
    fn of(strategy: Contestant, rows: &[&Row]) -> Option<Mean> {
        let all = |number: &dyn Fn(&Row) -> Option<f64>| {
            let numbers: Option<Vec<f64>> = rows.iter().map(|r| number(r)).collect();
            Some(numbers?.iter().sum::<f64>() / rows.len() as f64)
        };
        if rows.is_empty() {
            return None;
        }
        Some(Mean {
            strategy,
            memory_bytes: all(&|r| r.memory_bytes.map(|b| b as f64)),
            memory_saving_percent: all(&|r| r.memory_saving_percent),
            above_greedy_percent: all(&|r| r.above_greedy_percent),
            above_optimum_percent: all(&|r| r.above_optimum_percent),
            drop: all(&|r| r.drop),
            drop_test: all(&|r| r.drop_test),
            evaluations: all(&|r| Some(r.evaluations as f64))?,
            drift_evaluations: all(&|r| Some(r.drift_evaluations as f64))?,
            layer_forwards: all(&|r| Some(r.layer_forwards as f64))?,
            seconds: all(&|r| Some(r.seconds))?,
        })
    }

    /// The rest of a line of the table.
    fn cells(&self, with_optimum: bool) -> String {
        let number = |x: f64| grouped(x.round() as u64);
        let points = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.2}"));
        let percent = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.2} %"));
        let signed = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:+.2} %"));
        let optimum = match with_optimum {
            true => format!("{} | ", percent(self.above_optimum_percent)),
            false => String::new(),
        };
        format!(
            "{} | {} | {optimum}{} | {} | {} | {} | {} | {} | {:.0} |",
            self.memory_bytes.map_or("-".to_owned(), number),
            signed(self.above_greedy_percent),
            percent(self.memory_saving_percent),
            points(self.drop),
            points(self.drop_test),
            number(self.evaluations),
            number(self.drift_evaluations),
            number(self.layer_forwards),
            self.seconds,
        )
    }
}

impl std::fmt::Display for Comparison {
    /// Two tables in Markdown: the means, and every seed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let with_optimum = self.rows.iter().any(|r| r.above_optimum_percent.is_some());
        let mut columns = vec!["bytes", "beside greedy"];
        columns.extend(with_optimum.then_some("above the optimum"));
        columns.extend([
            "saved",
            "drop, search",
            "drop, test",
            "evaluations",
            "drifts",
            "layer-forwards",
            "seconds",
        ]);
        let mut head = String::new();
        write!(head, " {} |\n|---|", columns.join(" | "))?;
        let ruler = "--:|".repeat(columns.len());
        writeln!(
            f,
            "Seed 0 is the profile as it stands. Every other one draws other calibration and search images (data.split_seed + \
             seed) and other audits and random allocations (search.seed + seed).\n"
        )?;
        if let Some(allocations) = self.allocations.filter(|_| with_optimum) {
            writeln!(
                f,
                "The optimum is the smallest of {} allocations that meets the constraint, found by trying them in the order of \
                 their bytes.\n",
                grouped(allocations)
            )?;
        }
        writeln!(f, "| mean of {} |{head}{ruler}", seeds(self.seeds))?;
        for mean in self.means() {
            let (name, cells) = (mean.strategy.name(), mean.cells(with_optimum));
            writeln!(f, "| {name} | {cells}")?;
        }
        if self.seeds < 2 {
            return Ok(());
        }
        writeln!(f, "\n| strategy, seed |{head}{ruler}")?;
        for contestant in CONTESTANTS {
            for row in self.rows.iter().filter(|r| r.strategy == contestant) {
                let Some(one) = Mean::of(contestant, &[row]) else {
                    continue;
                };
                let (name, cells) = (contestant.name(), one.cells(with_optimum));
                writeln!(f, "| {name}: {} | {cells}", row.seed)?;
            }
        }
        Ok(())
    }
}

fn seeds(count: u64) -> String {
    match count {
        1 => "1 seed".to_owned(),
        n => format!("{n} seeds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(bytes: u64, evaluations: u64, finished: StopReason) -> Measured {
        let mut run = Measured {
            memory_bytes: Some(bytes),
            evaluations,
            layer_forwards: 1000 * evaluations,
            seconds: 1.0,
            ..Measured::default()
        };
        run.tree.finished = Some(finished);
        run
    }

    fn round(seed: u64, exhaustive: Option<Measured>) -> Round {
        let done = StopReason::Complete;
        let bytes = 1000 + 100 * seed;
        let mut runs = vec![
            (Contestant::Greedy, run(bytes, 10, done)),
            (Contestant::Beam, run(bytes - 50, 20, done)),
        ];
        runs.extend(exhaustive.map(|run| (Contestant::Exhaustive, run)));
        Round { seed, runs }
    }

    fn comparison(rounds: &[Round]) -> Comparison {
        Comparison {
            rows: rounds.iter().flat_map(Round::rows).collect(),
            seeds: rounds.len() as u64,
            allocations: Some(81),
        }
    }

    #[test]
    fn strategies_stand_beside_greedy_and_above_the_optimum() {
        let optimum = |bytes| Some(run(bytes, 60, StopReason::Complete));
        let text = comparison(&[round(0, optimum(800)), round(1, optimum(1000))]).to_string();
        for line in [
            "smallest of 81 allocations",
            "| mean of 2 seeds | bytes | beside greedy | above the optimum |",
            "| greedy | 1,050 | +0.00 % | 17.50 % | - | - | - | 10 | 0 | 10,000 | 1 |",
            "| beam | 1,000 | -4.77 % | 11.88 % |",
            "| exhaustive | 900 | -14.55 % | 0.00 % |",
            "| beam: 1 | 1,050 | -4.55 % | 5.00 % |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_search_that_a_limit_ended_is_no_optimum() {
        let cut = Some(run(800, 60, StopReason::MaxEvaluations));
        let text = comparison(&[round(0, cut)]).to_string();
        assert!(!text.contains("optimum"), "{text}");
        assert!(
            text.contains("| mean of 1 seed | bytes | beside greedy | saved |")
                && !text.contains("strategy, seed"),
            "{text}"
        );
    }

    #[test]
    fn no_mean_of_what_a_seed_does_not_have() {
        let mut first = round(0, None);
        first.runs[1].1.memory_bytes = None;
        let means = comparison(&[first, round(1, None)]).means();
        assert_eq!(means[0].memory_bytes, Some(1050.0));
        assert_eq!((means[1].memory_bytes, means[1].evaluations), (None, 20.0));
    }

    #[test]
    fn a_seed_changes_images_audits_and_draws() {
        let demo = include_str!("../../../profiles/demo.toml");
        let folder = std::path::Path::new("/");
        let profile = Profile::parse(demo, folder).expect("the demo");
        let first = flags(&profile, Contestant::Greedy, 0);
        let third = flags(&profile, Contestant::RandomAsBeam, 2);
        let has = |flags: &[String], flag: &str| flags.iter().any(|f| f == flag);
        assert!(has(&first, "--set=search.seed=0") && has(&first, "--set=data.split_seed=0"));
        assert!(has(&third, "--set=search.seed=2") && has(&third, "--set=data.split_seed=2"));
        assert!(has(&third, "--set=search.strategy=random"));
    }
}
