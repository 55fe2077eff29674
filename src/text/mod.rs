//! Events, numbers and terms as text: for the log of the interface, for headless lines, for reports.
#![forbid(unsafe_code)]

pub mod gate;
pub mod glossary;
pub mod numbers;
pub mod table;

use crate::evaluate::{Verdict, percent};
use crate::profile::{ConstraintChange, GateMode, Level, Screening, SearchConfig, Strategy};
use crate::search::{
    Candidate, CandidateId, Command, Event, GateDecision, GateReason, Group, Judgement, Origin,
    StopReason, Tree,
};
use numbers::{bytes, count, drift, drift_change, points};

/// The importance of an event to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// An intermediate step.
    Detail,
    /// A decision of the search.
    Decision,
    /// A change of the result, or an action of the user.
    Milestone,
    /// An error or a refusal.
    Problem,
}

/// The symbols that stand between words, as the terminal can show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The arrow of a change.
    pub arrow: &'static str,
    /// Less than or equal.
    pub at_most: &'static str,
    /// Greater than or equal.
    pub at_least: &'static str,
}

impl Marks {
    /// The ASCII symbols, for files and terminals without Unicode.
    pub const ASCII: Marks = Marks {
        arrow: "->",
        at_most: "<=",
        at_least: ">=",
    };
}

/// The title of a candidate: `#12 stage2 -> 4`.
pub fn title(tree: &Tree, id: CandidateId, marks: Marks) -> String {
    match tree.get(id) {
        Some(candidate) => format!("{id} {}", change(candidate, marks)),
        None => id.to_string(),
    }
}

/// The change that made a candidate: `stage2 -> 4`; for other than single moves, its origin.
pub fn change(candidate: &Candidate, marks: Marks) -> String {
    if let Some(change) = &candidate.change {
        return format!("{} {} {}", change.group, marks.arrow, change.bits);
    }
    String::from(match candidate.origin {
        Origin::Start => "start",
        Origin::Lowest => "all lowest",
        Origin::Search | Origin::Manual => "several layers",
        Origin::Probe => "drift probe",
        Origin::Allocated => "allocation",
        Origin::Enumerated => "enumerated",
        Origin::Drawn => "random draw",
        Origin::Pin => "clamped to pins",
    })
}

/// The name of a group in a sentence.
pub fn group(group: &Group) -> String {
    match group {
        Group::Network => String::from("the network"),
        other => other.to_string(),
    }
}

/// The sentence for an event, and its importance. `tree` has applied the event already.
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
            let change = parent.map(|p| format!(", {} vs {p}", drift_change(*added)));
            let known = if *cached { ", cached" } else { "" };
            let text = format!(
                "{} drift {}{}{known}",
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
                "failed confirmation on the search split"
            };
            (
                Milestone,
                format!("{} {word}: {}", title(*candidate), judgement(j, marks)),
            )
        }
        Event::BaseChanged { candidate, reason } => (
            Decision,
            format!("{} is the new base: {}", title(*candidate), reason.text()),
        ),
        Event::BeamKept { states } => {
            let titles: Vec<String> = states.iter().map(ToString::to_string).collect();
            (Detail, format!("the beam keeps {}", titles.join(", ")))
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
                format!("{} is the new incumbent, {}", title(*id), bytes(size)),
            )
        }
        Event::IncumbentChanged { candidate: None } => (
            Milestone,
            String::from("no incumbent: no confirmed allocation satisfies the pins"),
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

/// The gate's decision with its numbers: `passed the gate at drift 0.051: chance 0.62 ≥ 0.10`.
pub fn gate(reason: &GateReason, marks: Marks) -> String {
    let d = drift(reason.drift);
    let numbers = gate_numbers(reason, marks);
    match reason.decision {
        GateDecision::Passed => format!("passed the gate at drift {d}: {numbers}"),
        GateDecision::HeldBack => format!("rejected by the gate at drift {d}: {numbers}"),
        GateDecision::Audited => {
            format!("rejected by the gate at drift {d}, evaluated as an audit: {numbers}")
        }
        GateDecision::Exempt => format!("exempt from the gate: set by the user (drift {d})"),
    }
}

/// The numbers that the gate compared.
pub fn gate_numbers(reason: &GateReason, marks: Marks) -> String {
    let through = reason.decision == GateDecision::Passed;
    match (reason.mode, reason.decision) {
        (_, GateDecision::Exempt) => String::from("set by the user"),
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

/// The numbers of a verdict: `drop 1.20 on 500 of 500 images`.
pub fn judgement(j: &Judgement, marks: Marks) -> String {
    let looked = images(j);
    let allowed = 100.0 * j.allowed_loss as f64 / j.of.max(1) as f64;
    let known = if j.cached { ", cached" } else { "" };
    let likely = if j.sequential {
        ", sequential test"
    } else {
        ""
    };
    format!(
        "drop {} on {looked} ({} {}{likely}{known})",
        points(j.drop()),
        marks.at_most,
        points(allowed)
    )
}

/// The error probabilities of sequential screening; none for an exact one.
pub fn screening(search: &SearchConfig) -> Option<String> {
    (search.screening == Screening::Sequential).then(|| {
        format!(
            "sequential screening (false rejection at most {}, false acceptance at most {}, outside an indifference zone of {} points)",
            search.alpha, search.beta, search.indifference
        )
    })
}

/// The number of images behind a verdict: `471 of 500 images`.
pub fn images(j: &Judgement) -> String {
    let of = count(j.of as u64);
    if j.images == j.of {
        format!("{of} images")
    } else {
        format!("{} of {of} images", count(j.images as u64))
    }
}

/// The text of a command.
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
        Command::TimeUp => String::from("time limit reached"),
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

/// The name of a level.
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Network => "network",
        Level::Stage => "stage",
        Level::Block => "block",
        Level::Layer => "layer",
    }
}

/// The name of a strategy.
pub fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Greedy => "greedy",
        Strategy::Beam => "beam",
        Strategy::Allocate => "allocate",
        Strategy::Exhaustive => "exhaustive",
        Strategy::Random => "random",
    }
}

/// The reason why the search ended.
pub fn stop(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Complete => "search complete",
        StopReason::LowestPasses => "the lowest bit-width everywhere meets the constraint",
        StopReason::NothingMet => "nothing met the constraint",
        StopReason::Stopped => "stopped by the user",
        StopReason::MaxEvaluations => "evaluation budget exhausted",
        StopReason::MaxSeconds => "time limit reached",
    }
}

/// The origin of a candidate, empty for the usual one.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Start | Origin::Search => "",
        Origin::Lowest => " as the lowest allocation",
        Origin::Probe => " to measure its drift",
        Origin::Allocated => " as predicted from single-group drifts",
        Origin::Enumerated => " in order of bytes",
        Origin::Drawn => " at random",
        Origin::Manual => " by the user",
        Origin::Pin => " to satisfy a pin",
    }
}

fn close(reason: crate::search::CloseReason) -> &'static str {
    use crate::search::CloseReason;
    match reason {
        CloseReason::Lowest => "it is at its lowest bit-width",
        CloseReason::Failed => "it failed screening",
        CloseReason::HeldBack => "it was rejected by the gate",
        CloseReason::Pruned => "it lies in a pruned branch",
        CloseReason::AlreadyFailed => "it failed the constraint before",
        CloseReason::WiderFailed => "a wider allocation failed",
        CloseReason::CannotBeat => "it cannot improve on the incumbent",
    }
}
