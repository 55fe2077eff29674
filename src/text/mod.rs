//! Events, numbers and terms as text: for the log of the interface, for headless lines, for reports.
#![forbid(unsafe_code)]

pub mod gate;
pub mod numbers;

use crate::evaluate::{Verdict, percent};
use crate::profile::{ConstraintChange, GateMode, Level, Screening, SearchConfig, Strategy};
use crate::search::{
    Candidate, CandidateId, Command, Event, GateDecision, GateReason, Group, Judgement, Origin,
    StopReason, Tree,
};
use numbers::{bytes, count, drift, drift_change, points};

/// How much an event matters to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// A step on the way.
    Detail,
    /// It decides something.
    Decision,
    /// It changes the result, or a person did it.
    Milestone,
    /// Something is wrong.
    Problem,
}

/// Signs between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Becomes.
    pub arrow: &'static str,
    /// At most.
    pub at_most: &'static str,
    /// At least.
    pub at_least: &'static str,
}

impl Marks {
    /// For every terminal and file.
    pub const ASCII: Marks = Marks {
        arrow: "->",
        at_most: "<=",
        at_least: ">=",
    };
}

/// A candidate in a few words: `#12 stage2 -> 4`.
pub fn title(tree: &Tree, id: CandidateId, marks: Marks) -> String {
    match tree.get(id) {
        Some(candidate) => format!("{id} {}", change(candidate, marks)),
        None => id.to_string(),
    }
}

/// What a candidate changed: `stage2 -> 4`; where that is no single move, where it comes from.
pub fn change(candidate: &Candidate, marks: Marks) -> String {
    if let Some(change) = &candidate.change {
        return format!("{} {} {}", change.group, marks.arrow, change.bits);
    }
    String::from(match candidate.origin {
        Origin::Start => "start",
        Origin::Lowest => "smallest widths",
        Origin::Search | Origin::Manual => "several layers",
        Origin::Probe => "probe",
        Origin::Allocated => "allocated",
        Origin::Enumerated => "next smallest",
        Origin::Drawn => "drawn",
        Origin::Pin => "within the pins",
    })
}

/// The name of a group as a person says it.
pub fn group(group: &Group) -> String {
    match group {
        Group::Network => String::from("the network"),
        other => other.to_string(),
    }
}

/// An event as a sentence, and how much it matters. `tree` knows it already.
pub fn event(tree: &Tree, event: &Event, marks: Marks) -> (Importance, String) {
    use Importance::{Decision, Detail, Milestone, Problem};
    let title = |id: CandidateId| title(tree, id, marks);
    match event {
        Event::Started { settings } => {
            let menu: Vec<String> = settings
                .space
                .menu
                .iter()
                .map(ToString::to_string)
                .collect();
            let text = format!(
                "search started: {}, {}, {} layers of {} bits, {}{}",
                settings.name,
                strategy(settings.search.strategy),
                settings.space.layers.len(),
                menu.join(" "),
                settings.constraint,
                screening(&settings.search).map_or_else(String::new, |s| format!(", {s}")),
            );
            (Milestone, text)
        }
        Event::Baseline { correct } => {
            let share = percent(correct.correct(), correct.len());
            let images = count(correct.len() as u64);
            (
                Milestone,
                format!(
                    "the float network classifies {} % of {images} images correctly",
                    points(share)
                ),
            )
        }
        Event::LevelOpened {
            level: opened,
            groups,
        } => (
            Decision,
            format!(
                "{} level opened: {} groups to lower",
                level(*opened),
                groups.len()
            ),
        ),
        Event::LevelClosed { level: closed } => {
            (Decision, format!("{} level closed", level(*closed)))
        }
        Event::RoundOpened {
            round, base, open, ..
        } => (
            Detail,
            format!("round {round} on {base}: {open} groups open"),
        ),
        Event::Proposed {
            candidate,
            parent,
            origin: why,
            bytes: size,
            ..
        } => {
            let from = parent.map_or(String::new(), |p| format!(" from {p}"));
            let text = format!(
                "{} proposed{from}{}, {}",
                title(*candidate),
                origin(*why),
                bytes(*size)
            );
            let by_hand = matches!(why, Origin::Manual | Origin::Pin);
            (if by_hand { Milestone } else { Detail }, text)
        }
        Event::Measured {
            candidate,
            drift: d,
            added,
            cached,
            ..
        } => {
            let parent = tree.get(*candidate).and_then(|c| c.parent);
            let change = parent.map(|p| format!(", {} on {p}", drift_change(*added)));
            let known = if *cached { ", known already" } else { "" };
            let text = format!(
                "{} drifts {}{}{known}",
                title(*candidate),
                drift(*d),
                change.unwrap_or_default()
            );
            (Detail, text)
        }
        Event::Gated { candidate, reason } => (
            Decision,
            format!("{} {}", title(*candidate), gate(reason, marks)),
        ),
        Event::Screened {
            candidate,
            judgement: j,
            ..
        } => {
            let word = if j.verdict == Verdict::Met {
                "passed screening"
            } else {
                "failed screening"
            };
            (
                Decision,
                format!("{} {word}: {}", title(*candidate), judgement(j, marks)),
            )
        }
        Event::Confirmed {
            candidate,
            judgement: j,
            ..
        } => {
            let word = if j.verdict == Verdict::Met {
                "confirmed"
            } else {
                "refuted on the whole search split"
            };
            (
                Milestone,
                format!("{} {word}: {}", title(*candidate), judgement(j, marks)),
            )
        }
        Event::BaseChanged { candidate, reason } => (
            Decision,
            format!("{} is the base now: {}", title(*candidate), reason.text()),
        ),
        Event::BeamKept { states } => {
            let titles: Vec<String> = states.iter().map(ToString::to_string).collect();
            (
                Detail,
                format!("the beam goes on with {}", titles.join(", ")),
            )
        }
        Event::GroupClosed {
            group, at, reason, ..
        } => (
            Detail,
            format!(
                "{} is closed from {at} bits down: {}",
                self::group(group),
                close(*reason)
            ),
        ),
        Event::IncumbentChanged {
            candidate: Some(id),
        } => {
            let size = tree.get(*id).map_or(0, |c| c.bytes);
            (
                Milestone,
                format!("{} is the incumbent now, {}", title(*id), bytes(size)),
            )
        }
        Event::IncumbentChanged { candidate: None } => (
            Milestone,
            String::from("no incumbent: the pins exclude everything confirmed so far"),
        ),
        Event::CommandAccepted {
            command: c, note, ..
        } => {
            let text = if note.is_empty() {
                command(c, marks)
            } else {
                note.clone()
            };
            (Milestone, text)
        }
        Event::CommandRefused {
            command: c, why, ..
        } => (Problem, format!("{}: refused, {why}", command(c, marks))),
        Event::Tested {
            candidate,
            images,
            correct,
            ..
        } => {
            let who = candidate.map_or(String::from("the float network"), |id| id.to_string());
            let share = points(percent(*correct, *images));
            let images = count(*images as u64);
            (
                Milestone,
                format!("{who} classifies {share} % of the {images} test images correctly"),
            )
        }
        Event::Finished { reason, .. } => {
            (Milestone, format!("search finished: {}", stop(*reason)))
        }
    }
}

/// A gate decision with its numbers: `passed: chance 0.62 ≥ 0.10 at drift 0.051`.
pub fn gate(reason: &GateReason, marks: Marks) -> String {
    let d = drift(reason.drift);
    let numbers = gate_numbers(reason, marks);
    match reason.decision {
        GateDecision::Passed => format!("passed the gate at drift {d}: {numbers}"),
        GateDecision::HeldBack => format!("held back at drift {d}: {numbers}"),
        GateDecision::Audited => {
            format!("held back at drift {d}, evaluated as an audit: {numbers}")
        }
        GateDecision::Exempt => format!("exempt from the gate: made by hand (drift {d})"),
    }
}

/// What the gate compared.
pub fn gate_numbers(reason: &GateReason, marks: Marks) -> String {
    let through = reason.decision == GateDecision::Passed;
    match (reason.mode, reason.decision) {
        (_, GateDecision::Exempt) => String::from("made by hand"),
        (GateMode::Off, _) => String::from("the gate is off"),
        (GateMode::Fixed, _) => match reason.limit {
            Some(limit) if through => format!("limit {} {}", marks.at_most, drift(limit)),
            Some(limit) => format!("limit {} > {}", drift(reason.drift), drift(limit)),
            None => String::from("no limit"),
        },
        (GateMode::Adaptive, _) => match (reason.chance, reason.min_chance) {
            (Some(chance), Some(least)) if through => {
                format!("chance {chance:.2} {} {least:.2}", marks.at_least)
            }
            (Some(chance), Some(least)) => format!("chance {chance:.2} < {least:.2}"),
            _ => format!("warming up, {} verdicts", reason.verdicts),
        },
    }
}

/// A judgement in numbers: `drop 1.20 on 500 of 500 images`.
pub fn judgement(j: &Judgement, marks: Marks) -> String {
    let looked = images(j);
    let allowed = 100.0 * j.allowed_loss as f64 / j.of.max(1) as f64;
    let known = if j.cached { ", known already" } else { "" };
    let likely = if j.sequential { ", likely enough" } else { "" };
    format!(
        "drop {} on {looked} ({} {}{likely}{known})",
        points(j.drop()),
        marks.at_most,
        points(allowed)
    )
}

/// What a screening may be wrong in; none where it is exact.
pub fn screening(search: &SearchConfig) -> Option<String> {
    (search.screening == Screening::Sequential).then(|| {
        format!(
            "sequential screening (rejects what is good with probability {} at most, takes what is bad with {}, beyond {} points of the limit)",
            search.alpha, search.beta, search.indifference
        )
    })
}

/// How many images a judgement looked at: `471 of 500 images`.
pub fn images(j: &Judgement) -> String {
    let of = count(j.of as u64);
    if j.images == j.of {
        format!("{of} images")
    } else {
        format!("{} of {of} images", count(j.images as u64))
    }
}

/// A command in words.
pub fn command(command: &Command, marks: Marks) -> String {
    match command {
        Command::Pause => String::from("pause"),
        Command::Resume => String::from("resume"),
        Command::Prune { candidate } => format!("prune {candidate}"),
        Command::ResumeBranch { candidate } => format!("resume branch {candidate}"),
        Command::SetBits { candidate, change } => {
            format!(
                "set {} {} {} on {candidate}",
                change.group, marks.arrow, change.bits
            )
        }
        Command::SetLayers { candidate, bits } => {
            let (count, plural) = (bits.len(), if bits.len() == 1 { "" } else { "s" });
            format!("set {count} layer{plural} on {candidate}")
        }
        Command::Pin { pin } => format!("pin {} at {}", pin.pattern, pin.describe()),
        Command::Unpin { pattern } => format!("unpin {pattern}"),
        Command::Constrain { change } => constrain(change),
        Command::Undo => String::from("undo"),
        Command::Stop => String::from("stop"),
        Command::TimeUp => String::from("time is up"),
    }
}

fn constrain(change: &ConstraintChange) -> String {
    let limit = |n: Option<String>| n.unwrap_or_else(|| String::from("any"));
    let parts = [
        change
            .max_accuracy_drop
            .map(|d| format!("accuracy drop {d}")),
        change
            .max_memory
            .map(|n| format!("memory {}", limit(n.map(bytes)))),
        change
            .max_evaluations
            .map(|n| format!("evaluations {}", limit(n.map(count)))),
        change
            .max_seconds
            .map(|n| format!("seconds {}", limit(n.map(|n| n.to_string())))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("constrain {}", parts.join(", "))
}

/// A level's name.
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Network => "network",
        Level::Stage => "stage",
        Level::Block => "block",
        Level::Layer => "layer",
    }
}

/// A strategy's name.
pub fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Greedy => "greedy",
        Strategy::Beam => "beam",
        Strategy::Allocate => "allocate",
        Strategy::Exhaustive => "exhaustive",
        Strategy::Random => "random",
    }
}

/// Why the search ended.
pub fn stop(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Complete => "all levels are done",
        StopReason::LowestPasses => "the smallest width everywhere meets the constraint",
        StopReason::NothingMet => "nothing met the constraint",
        StopReason::Stopped => "stopped by hand",
        StopReason::MaxEvaluations => "as many evaluations as allowed",
        StopReason::MaxSeconds => "the time is over",
    }
}

/// How a candidate came about, where that is worth saying.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Start | Origin::Search => "",
        Origin::Lowest => " as the lowest of all",
        Origin::Probe => " to learn its drift",
        Origin::Allocated => " as predicted from single drifts",
        Origin::Enumerated => " as the next smallest of all",
        Origin::Drawn => " at random",
        Origin::Manual => " by hand",
        Origin::Pin => " by a pin",
    }
}

fn close(reason: crate::search::CloseReason) -> &'static str {
    use crate::search::CloseReason;
    match reason {
        CloseReason::Lowest => "it is at its smallest width",
        CloseReason::Failed => "it failed screening",
        CloseReason::HeldBack => "it was held back",
        CloseReason::Pruned => "it lies in a pruned branch",
        CloseReason::AlreadyFailed => "it was found not to meet the constraint before",
        CloseReason::WiderFailed => "a wider one failed",
        CloseReason::CannotBeat => "nothing smaller than the best so far can come of it",
    }
}
