//! Events, numbers and terms as text: for the log of the interface, for headless lines, for
//! reports.
#![forbid(unsafe_code)]

pub mod certificate;
mod commands;
pub mod doubts;
mod expected;
pub mod gate;
pub mod glossary;
pub mod numbers;
pub mod table;
mod titles;

pub use commands::command;
pub use expected::expected;
pub use titles::change;

use crate::evaluate::{Verdict, percent};
use crate::profile::{GateMode, Screening, SearchConfig, StrategyName};
use crate::search::{
    CandidateId, CloseReason, Estimate, Event, GateDecision, GateReason, Group, Judgement, Move,
    Origin, Settings, StopReason, Tree,
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
        Some(candidate) => format!("{id} {}", change(tree, candidate, marks)),
        None => id.to_string(),
    }
}

/// The texts for the origin of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginText {
    /// The title of a candidate that is no single move.
    pub title: &'static str,
    /// A tag beside the title, empty for the usual origins.
    pub tag: &'static str,
    /// A phrase that explains the origin.
    pub phrase: &'static str,
}

/// The texts for an origin.
pub fn origin(origin: Origin) -> OriginText {
    let (title, tag, phrase) = match origin {
        Origin::Start => ("start", "", "the start of the search"),
        Origin::Lowest => ("all lowest", "", "the lowest bit-width everywhere"),
        Origin::Search => ("several layers", "", "proposed by the search"),
        Origin::Probe => ("drift probe", "probe", "lowered alone to measure its drift"),
        Origin::Allocated => (
            "allocation",
            "predicted",
            "predicted from single-group drifts",
        ),
        Origin::Front => ("front", "predicted", "a point of a predicted front"),
        Origin::Enumerated => ("enumerated", "", "the next one in order of bytes"),
        Origin::Drawn => ("random draw", "drawn", "drawn at random"),
        Origin::Manual => ("several layers", "manual", "set by the user"),
        Origin::Pin => ("clamped to pins", "pin", "clamped to satisfy a pin"),
    };
    OriginText { title, tag, phrase }
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
    let of_candidate = of_candidate(tree, event, marks);
    let sentence = of_candidate.unwrap_or_else(|| of_search(event, marks));
    (importance(event), sentence)
}

fn importance(event: &Event) -> Importance {
    match event {
        Event::Proposed {
            origin: Origin::Manual | Origin::Pin,
            ..
        } => Importance::Milestone,
        Event::Proposed { .. }
        | Event::Measured { .. }
        | Event::LayerErrors { .. }
        | Event::RoundOpened { .. }
        | Event::BeamKept { .. }
        | Event::GroupClosed { .. } => Importance::Detail,
        Event::LevelOpened { .. }
        | Event::FrontOpened { .. }
        | Event::NotTried { .. }
        | Event::LevelClosed { .. }
        | Event::Gated { .. }
        | Event::Screened { .. }
        | Event::BaseChanged { .. } => Importance::Decision,
        Event::Started { .. }
        | Event::Baseline { .. }
        | Event::Confirmed { .. }
        | Event::IncumbentChanged { .. }
        | Event::CommandAccepted { .. }
        | Event::LadderFixed { .. }
        | Event::CertifyBaseline { .. }
        | Event::RungTested { .. }
        | Event::Certified { .. }
        | Event::Tested { .. }
        | Event::Finished { .. } => Importance::Milestone,
        Event::CommandRefused { .. } => Importance::Problem,
    }
}

/// The sentence for an event about one candidate.
fn of_candidate(tree: &Tree, event: &Event, marks: Marks) -> Option<String> {
    let title = |id: &CandidateId| title(tree, *id, marks);
    let judged = |id, j: &Judgement, met, not_met| {
        let text = match j.verdict {
            Verdict::Met => met,
            Verdict::NotMet => not_met,
        };
        format!("{} {text}: {}", title(id), judgement(j, marks))
    };
    Some(match event {
        Event::Proposed {
            candidate,
            parent,
            origin: made_by,
            bytes: size,
            ..
        } => {
            let from = parent.map_or(String::new(), |p| format!(" from {p}"));
            let why = match made_by {
                Origin::Start | Origin::Search => String::new(),
                other => format!(" ({})", origin(*other).phrase),
            };
            format!("{} proposed{from}{why}, {}", title(candidate), bytes(*size))
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
            let cached = if *cached { ", cached" } else { "" };
            let change = change.unwrap_or_default();
            format!("{} drift {}{change}{cached}", title(candidate), drift(*d))
        }
        Event::Gated { candidate, reason } => {
            format!("{} {}", title(candidate), gate(reason, marks))
        }
        Event::Screened {
            candidate,
            judgement: j,
            ..
        } => judged(candidate, j, "passed screening", "failed screening"),
        Event::Confirmed {
            candidate,
            judgement: j,
            ..
        } => judged(candidate, j, "confirmed", "failed confirmation"),
        Event::BaseChanged { candidate, reason } => {
            format!("{} is the new base: {}", title(candidate), reason.text())
        }
        Event::IncumbentChanged {
            candidate: Some(id),
        } => {
            let size = tree.get(*id).map_or(0, |c| c.bytes);
            format!("{} is the new incumbent, {}", title(id), bytes(size))
        }
        Event::RungTested {
            candidate, test, ..
        } => {
            let limit = tree.certification.ladder().map_or(0.0, |l| l.limit);
            let held = match test.verdict {
                Verdict::Met => "holds",
                Verdict::NotMet => "does not hold",
            };
            let numbers = certificate::rung(test, limit, marks);
            format!("{} {held}: {numbers}", title(candidate))
        }
        Event::Certified { candidate } => {
            let outcome = certificate::outcome(tree, marks).unwrap_or_default();
            match candidate {
                Some(id) => format!("{} is the result: {outcome}", title(id)),
                None => outcome,
            }
        }
        _ => return None,
    })
}

/// The sentence for an event about the search as a whole.
fn of_search(event: &Event, marks: Marks) -> String {
    match event {
        Event::Started { settings } => started(settings),
        Event::Baseline { correct } => {
            accuracy("the float network", correct.correct(), correct.len(), "")
        }
        Event::LadderFixed {
            rungs,
            limit,
            error,
            images,
        } => certificate::ladder(rungs, *limit, *error, *images),
        Event::CertifyBaseline { correct } => {
            let (correct, images) = (correct.correct(), correct.len());
            accuracy("the float network", correct, images, "unseen ")
        }
        Event::LevelOpened { level, groups } => {
            format!("{level} level opened: {}", plural(groups.len(), "group"))
        }
        Event::LayerErrors { bits, errors } => {
            let sum: f64 = errors.iter().sum();
            let width = bits.with_unit();
            format!("errors of the layers' outputs at {width}: {sum:.3} in all")
        }
        Event::FrontOpened {
            costs,
            points,
            most,
            least,
        } => format!(
            "front by {}: {points} allocations from {} down to {}",
            costs.name(),
            bytes(*most),
            bytes(*least)
        ),
        Event::NotTried { base, moves } => not_tried(*base, moves, marks),
        Event::LevelClosed { level } => format!("{level} level closed"),
        Event::RoundOpened {
            round, base, open, ..
        } => format!("round {round} on {base}: {} open", plural(*open, "group")),
        Event::BeamKept { states } => {
            let titles: Vec<String> = states.iter().map(ToString::to_string).collect();
            format!("the beam keeps {}", titles.join(", "))
        }
        Event::GroupClosed {
            group: closed,
            at,
            reason,
            ..
        } => {
            let (closed, reason) = (group(closed), close(*reason));
            let at = at.with_unit();
            format!("{closed} is closed from {at} down: {reason}")
        }
        Event::CommandAccepted {
            command: c, note, ..
        } if note.is_empty() => command(c, marks),
        Event::CommandAccepted { note, .. } => note.clone(),
        Event::CommandRefused {
            command: c, why, ..
        } => {
            format!("{}: refused, {why}", command(c, marks))
        }
        Event::Tested {
            candidate,
            images,
            correct,
            ..
        } => {
            let whose = candidate.map_or(String::from("the float network"), |id| id.to_string());
            accuracy(&whose, *correct, *images, "test ")
        }
        Event::Finished { reason, .. } => format!("search finished: {}", stop(*reason)),
        _ => String::from("no incumbent: no confirmed allocation satisfies the pins"),
    }
}

/// A number of things: `1 group`, `2 groups`.
fn plural(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", count(n as u64))
}

/// The first of some moves that were not tried, and how many they are.
fn not_tried(base: CandidateId, moves: &[Move], marks: Marks) -> String {
    let named = moves.iter().take(3);
    let named = named.map(|m| format!("{} {} {}", m.group, marks.arrow, m.bits));
    let more = if moves.len() > 3 { ", ..." } else { "" };
    format!(
        "not tried on {base}: {} moves below a bit-width that failed ({}{more})",
        moves.len(),
        named.collect::<Vec<_>>().join(", ")
    )
}

fn started(settings: &Settings) -> String {
    let menu = settings.space.menu.iter().map(ToString::to_string);
    format!(
        "search started: {}, {}, {} layers of {} bits, {}{}",
        settings.name,
        settings.search.strategy.name(),
        settings.space.layers.len(),
        menu.collect::<Vec<_>>().join(" "),
        settings.constraint,
        screening(&settings.search).map_or_else(String::new, |s| format!(", {s}")),
    )
}

fn accuracy(whose: &str, correct: usize, images: usize, split: &str) -> String {
    let share = points(percent(correct, images));
    let images = count(images as u64);
    format!("{whose} classifies {share} % of {images} {split}images correctly")
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
        GateDecision::Exempt => format!("exempt from the gate (drift {d})"),
    }
}

/// The numbers that the gate compared.
pub fn gate_numbers(reason: &GateReason, marks: Marks) -> String {
    let through = reason.decision == GateDecision::Passed;
    match (reason.mode, reason.decision) {
        (_, GateDecision::Exempt) => String::from("not asked"),
        (GateMode::Off, _) => String::from("the gate is off"),
        (GateMode::Fixed, _) => match reason.limit {
            Some(limit) if through => format!("limit {} {}", marks.at_most, drift(limit)),
            Some(limit) => format!("limit {} > {}", drift(reason.drift), drift(limit)),
            None => String::from("no limit"),
        },
        (GateMode::Adaptive, _) if reason.untrusted => match reason.predicted {
            Some(predicted) => format!("model not trusted yet, {}", estimate(&predicted)),
            None => String::from("no model yet"),
        },
        (GateMode::Adaptive | GateMode::Drift, _) => match reason.chance.zip(reason.min_chance) {
            Some((chance, least)) => {
                let relation = if through { marks.at_least } else { "<" };
                format!("chance {chance:.2} {relation} {least:.2}")
            }
            None if reason.verdicts == 1 => String::from("warming up, 1 verdict"),
            None => format!("warming up, {} verdicts", reason.verdicts),
        },
    }
}

/// A predicted drop: `predicted drop 1.20 (0.40 to 3.10)`.
pub fn estimate(of: &Estimate) -> String {
    let bounds = of.low.zip(of.high);
    let bounds = bounds.map(|(low, high)| format!(" ({} to {})", points(low), points(high)));
    format!(
        "predicted drop {}{}",
        points(of.drop),
        bounds.unwrap_or_default()
    )
}

/// The numbers of a verdict: `drop 1.20 on 500 of 500 images`.
pub fn judgement(j: &Judgement, marks: Marks) -> String {
    let looked = images(j);
    let allowed = 100.0 * j.allowed_loss as f64 / j.of.max(1) as f64;
    let known = if j.cached { ", cached" } else { "" };
    let likely = if j.sequential { ", early verdict" } else { "" };
    let (drop, at_most, allowed) = (points(j.drop()), marks.at_most, points(allowed));
    format!("drop {drop} on {looked} ({at_most} {allowed}{likely}{known})")
}

/// How a screening may stop before its verdict is certain; none for an exact one.
pub fn screening(search: &SearchConfig) -> Option<String> {
    match search.screening {
        Screening::Exact => None,
        Screening::TwoSided => Some(String::from(
            "two-sided screening (images by margin; not met is certain, met is 2.5 standard errors from the limit, looked at every 250 images)",
        )),
        Screening::Sequential => Some(format!(
            "sequential screening (false rejection at most {}, false acceptance at most {}, outside an indifference zone of {} points)",
            search.alpha, search.beta, search.indifference
        )),
    }
}

/// The number of images behind a verdict: `471 of 500 images`.
pub fn images(j: &Judgement) -> String {
    let (images, of) = (count(j.images as u64), count(j.of as u64));
    match j.images == j.of {
        true => format!("{of} images"),
        false => format!("{images} of {of} images"),
    }
}

/// The sentence about a strategy: what it does, and what it costs.
pub fn strategy(strategy: StrategyName) -> String {
    let row = strategy.row();
    format!("{}: {} ({})", row.name, row.doc, row.cost)
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

fn close(reason: CloseReason) -> &'static str {
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
