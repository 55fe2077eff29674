//! `aq4svit bench --strategies`: the results of the strategies and their effort.

use std::fmt;

use anyhow::{Context, Result, bail};
use serde::{Serialize, Serializer};
use strum::VariantArray;

use super::run::{Measured, search};
use crate::cli::output::note;
use crate::profile::{Objective, Profile, STRATEGIES, StrategyName};
use crate::quant::saving_percent;
use crate::search::{MOST_ALLOCATIONS, Settings, StopReason};
use crate::text;
use crate::text::numbers::count;
use crate::text::table::{markdown, or_dash};

/// The searches that are compared, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantArray)]
#[serde(rename_all = "snake_case")]
enum Contestant {
    Front,
    Greedy,
    Beam,
    Allocate,
    RandomAsGreedy,
    RandomAsBeam,
    Exhaustive,
    AsPublished,
}

impl Contestant {
    /// The value of `search.strategy`.
    fn strategy(self) -> &'static str {
        let strategy = match self {
            Contestant::Front => StrategyName::Front,
            Contestant::Greedy | Contestant::AsPublished => StrategyName::Greedy,
            Contestant::Beam => StrategyName::Beam,
            Contestant::Allocate => StrategyName::Allocate,
            Contestant::RandomAsGreedy | Contestant::RandomAsBeam => StrategyName::Random,
            Contestant::Exhaustive => StrategyName::Exhaustive,
        };
        strategy.name()
    }

    /// The search whose number of evaluations is the budget; none for a search without one.
    fn budget_of(self) -> Option<Contestant> {
        match self {
            Contestant::RandomAsGreedy => Some(Contestant::Greedy),
            Contestant::RandomAsBeam => Some(Contestant::Beam),
            _ => None,
        }
    }

    fn name(self) -> String {
        let strategy = self.strategy();
        match self.budget_of() {
            None if self == Contestant::AsPublished => {
                format!("{strategy}, as published methods evaluate")
            }
            Some(other) => format!("{strategy}, as many evaluations as {}", other.strategy()),
            None => strategy.to_owned(),
        }
    }
}

/// Every candidate on all search images, with float kernels, without a gate, early ends and caches:
/// how published methods evaluate.
const AS_PUBLISHED: [&str; 4] = [
    "--plain",
    "--set=search.screening=exact",
    "--set=search.screen=all",
    "--set=gate.mode=off",
];

/// The number of random allocations: more than the evaluations, which end the search.
const DRAWS: u32 = 1_000_000;

/// The figures of one search, or their means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Figures {
    #[serde(serialize_with = "whole")]
    memory_bytes: Option<f64>,
    memory_saving_percent: Option<f64>,
    /// Bytes beyond greedy's result with the same seed.
    above_greedy_percent: Option<f64>,
    /// Bytes beyond the true optimum, where that is known.
    above_optimum_percent: Option<f64>,
    /// Accuracy drops in points; none where nothing met the constraint, or without a test split.
    drop: Option<f64>,
    drop_test: Option<f64>,
    #[serde(serialize_with = "whole")]
    evaluations: Option<f64>,
    #[serde(serialize_with = "whole")]
    drift_evaluations: Option<f64>,
    /// Evaluated in screenings and confirmations.
    #[serde(serialize_with = "whole")]
    images: Option<f64>,
    /// But for the test split.
    #[serde(serialize_with = "whole")]
    layer_forwards: Option<f64>,
    seconds: Option<f64>,
}

/// Writes a count as an integer; only a mean can have a fraction.
fn whole<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(n) if n.fract() == 0.0 => serializer.serialize_u64(*n as u64),
        number => number.serialize(serializer),
    }
}

/// One search, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "strategy")]
struct Row {
    strategy: Contestant,
    seed: u64,
    #[serde(flatten)]
    figures: Figures,
}

/// The means of a strategy over the seeds, as a line of JSON; a figure that one seed lacks has no
/// mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "strategy_mean")]
struct Mean {
    strategy: Contestant,
    #[serde(flatten)]
    figures: Figures,
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

    /// The bytes of the optimum: the result of an exhaustive search that no limit has ended.
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
                figures: Figures {
                    memory_bytes: run.memory_bytes.map(|b| b as f64),
                    memory_saving_percent: saving(run),
                    above_greedy_percent: above(greedy),
                    above_optimum_percent: above(self.optimum()),
                    drop: run.drop(),
                    drop_test: run.drop_test(),
                    evaluations: Some(run.evaluations as f64),
                    drift_evaluations: Some(run.drift_evaluations as f64),
                    images: Some(run.evaluated_images as f64),
                    layer_forwards: Some(run.layer_forwards_search as f64),
                    seconds: Some(run.seconds),
                },
            }
        })
    }
}

fn saving(run: &Measured) -> Option<f64> {
    let space = &run.tree.settings.as_ref()?.space;
    Some(saving_percent(run.memory_bytes?, space.float_bytes()))
}

/// The comparison of the strategies on the same problems.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    rows: Vec<Row>,
    seeds: u64,
    /// The number of allocations for an exhaustive search; none where it overflows.
    allocations: Option<u64>,
}

impl Comparison {
    /// Runs all searches, one after the other.
    ///
    /// # Errors
    /// Where a search fails, and for a profile whose objective is not the smallest memory.
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
        for row in &STRATEGIES {
            note(&text::strategy(row.strategy));
        }
        for seed in 0..u64::from(seeds) {
            let mut round = Round {
                seed,
                runs: Vec::new(),
            };
            for &contestant in Contestant::VARIANTS {
                if contestant == Contestant::Exhaustive && !found.can_be_enumerated() {
                    continue;
                }
                note(&format!("seed {seed}: {}", contestant.name()));
                let flags = flags(profile, contestant, &round);
                let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
                let run = search(common, &flags)
                    .with_context(|| format!("the search by {}", contestant.name()))?;
                note(&outcome(&run));
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

    fn rows_of(&self, contestant: Contestant) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |r| r.strategy == contestant)
    }

    fn means(&self) -> Vec<Mean> {
        let of = |&strategy: &Contestant| {
            let rows: Vec<_> = self.rows_of(strategy).map(|r| r.figures).collect();
            let figures = Figures::mean(&rows)?;
            Some(Mean { strategy, figures })
        };
        Contestant::VARIANTS.iter().filter_map(of).collect()
    }
}

/// The outcome of one search, while the others are still to come.
fn outcome(run: &Measured) -> String {
    let bytes = run.memory_bytes.map(|b| format!("{} bytes", count(b)));
    format!(
        "  {}, {} evaluations, {:.0} s",
        bytes.as_deref().unwrap_or("nothing met the constraint"),
        count(run.evaluations),
        run.seconds
    )
}

/// The flags for a strategy and the seed of a round, with the budget that an earlier search sets.
fn flags(profile: &Profile, contestant: Contestant, round: &Round) -> Vec<String> {
    let set = |key: &str, value: &dyn fmt::Display| format!("--set={key}={value}");
    let split_seed = profile.data.as_ref().map_or(0, |data| data.split_seed);
    let seed = profile.search.seed.saturating_add(round.seed);
    let mut flags = vec![
        "--no-result-cache".to_owned(),
        set("search.strategy", &contestant.strategy()),
        set("search.seed", &seed),
        set("data.split_seed", &split_seed.saturating_add(round.seed)),
    ];
    if contestant == Contestant::AsPublished {
        flags.extend(AS_PUBLISHED.map(str::to_owned));
    }
    if let Some(other) = contestant.budget_of() {
        flags.push(set("search.draws", &DRAWS));
        // A search that ended without an evaluation leaves nothing to compare with.
        let most = round.of(other).map(|run| run.evaluations.max(1));
        flags.extend(most.map(|n| set("constraint.max_evaluations", &n)));
    }
    flags
}

impl Figures {
    /// The mean of each figure; none without rows.
    fn mean(rows: &[Self]) -> Option<Self> {
        let mean = |figure: fn(&Self) -> Option<f64>| {
            let figures: Option<Vec<f64>> = rows.iter().map(figure).collect();
            figures.map(|f| f.iter().sum::<f64>() / f.len() as f64)
        };
        (!rows.is_empty()).then(|| Figures {
            memory_bytes: mean(|r| r.memory_bytes),
            memory_saving_percent: mean(|r| r.memory_saving_percent),
            above_greedy_percent: mean(|r| r.above_greedy_percent),
            above_optimum_percent: mean(|r| r.above_optimum_percent),
            drop: mean(|r| r.drop),
            drop_test: mean(|r| r.drop_test),
            evaluations: mean(|r| r.evaluations),
            drift_evaluations: mean(|r| r.drift_evaluations),
            images: mean(|r| r.images),
            layer_forwards: mean(|r| r.layer_forwards),
            seconds: mean(|r| r.seconds),
        })
    }

    /// The row of a table.
    fn cells(&self, name: String, with_optimum: bool) -> Vec<String> {
        let number = |x| or_dash(x, |x: f64| count(x.round() as u64));
        let points = |x| or_dash(x, |x: f64| format!("{x:.2}"));
        let percent = |x| or_dash(x, |x: f64| format!("{x:.2} %"));
        let signed = |x| or_dash(x, |x: f64| format!("{x:+.2} %"));
        let mut cells = vec![
            name,
            number(self.memory_bytes),
            signed(self.above_greedy_percent),
        ];
        cells.extend(with_optimum.then(|| percent(self.above_optimum_percent)));
        cells.extend([
            percent(self.memory_saving_percent),
            points(self.drop),
            points(self.drop_test),
            number(self.evaluations),
            number(self.drift_evaluations),
            number(self.images),
            number(self.layer_forwards),
            or_dash(self.seconds, |s| format!("{s:.0}")),
        ]);
        cells
    }
}

impl fmt::Display for Comparison {
    /// Two tables in Markdown: the means, and every seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_optimum = (self.rows.iter()).any(|r| r.figures.above_optimum_percent.is_some());
        let optimum = if with_optimum {
            "above the optimum> | "
        } else {
            ""
        };
        let head = format!(
            "bytes> | vs greedy> | {optimum}saved> | drop, search> | drop, test> | evaluations> | drifts> | images> | \
             layer-forwards> | seconds>"
        );
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
                count(allocations)
            )?;
        }
        let plural = if self.seeds == 1 { "" } else { "s" };
        let title = format!("mean of {} seed{plural} | {head}", self.seeds);
        let means = self.means();
        let rows = means
            .iter()
            .map(|mean| mean.figures.cells(mean.strategy.name(), with_optimum));
        f.write_str(&markdown(&title, rows))?;
        if self.seeds < 2 {
            return Ok(());
        }
        let rows = Contestant::VARIANTS.iter().flat_map(|c| self.rows_of(*c));
        let rows = rows.map(|row| {
            let name = format!("{}: {}", row.strategy.name(), row.seed);
            row.figures.cells(name, with_optimum)
        });
        let head = format!("strategy, seed | {head}");
        write!(f, "\n{}", markdown(&head, rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(bytes: u64, evaluations: u64, finished: StopReason) -> Measured {
        let mut run = Measured {
            memory_bytes: Some(bytes),
            evaluations,
            layer_forwards_search: 1000 * evaluations,
            evaluated_images: 100 * evaluations,
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
            "| mean of 2 seeds | bytes | vs greedy | above the optimum |",
            "| greedy | 1,050 | +0.00 % | 17.50 % | - | - | - | 10 | 0 | 1,000 | 10,000 | 1 |",
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
            text.contains("| mean of 1 seed | bytes | vs greedy | saved |")
                && !text.contains("strategy, seed"),
            "{text}"
        );
    }

    #[test]
    fn no_mean_of_what_a_seed_does_not_have() {
        let mut first = round(0, None);
        first.runs[1].1.memory_bytes = None;
        let means = comparison(&[first, round(1, None)]).means();
        let [greedy, beam, ..] = means.as_slice() else {
            panic!("two means")
        };
        assert_eq!(greedy.figures.memory_bytes, Some(1050.0));
        assert_eq!(beam.figures.memory_bytes, None);
        assert_eq!(beam.figures.evaluations, Some(20.0));
    }

    #[test]
    fn a_seed_changes_images_audits_and_draws() {
        let demo = include_str!("../../../profiles/demo.toml");
        let folder = std::path::Path::new("/");
        let profile = Profile::parse(demo, folder).expect("the demo");
        let first = flags(&profile, Contestant::Greedy, &round(0, None));
        let third = flags(&profile, Contestant::RandomAsBeam, &round(2, None));
        let has = |flags: &[String], flag: &str| flags.iter().any(|f| f == flag);
        assert!(has(&first, "--set=search.seed=0") && has(&first, "--set=data.split_seed=0"));
        assert!(has(&third, "--set=search.seed=2") && has(&third, "--set=data.split_seed=2"));
        assert!(has(&third, "--set=search.strategy=random"));
        assert!(has(&third, "--set=constraint.max_evaluations=20"));
    }
}
