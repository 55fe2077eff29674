//! Events in words.

use super::model::{Importance, Model};
use super::text::{bytes, count, drift, drift_change, points};
use super::theme::Symbols;
use crate::evaluate::Verdict;
use crate::profile::{GateMode, Level, Strategy};
use crate::search::{Command, Event, GateDecision, GateReason, Judgement, Origin, StopReason};

/// An event as a sentence, and how much it matters. `model.tree` knows it already.
pub fn event(model: &Model, event: &Event) -> (Importance, String) {
    use Importance::{Decision, Detail, Milestone, Problem};
    let symbols = &model.theme.symbols;
    match event {
        Event::Started { settings } => {
            let menu: Vec<String> = settings
                .space
                .menu
                .iter()
                .map(ToString::to_string)
                .collect();
            let text = format!(
                "search started: {}, {}, {} layers of {} bits, accuracy drop at most {} points",
                settings.name,
                strategy(settings.search.strategy),
                settings.space.layers.len(),
                menu.join(" "),
                points(settings.constraint.max_accuracy_drop),
            );
            (Milestone, text)
        }
        Event::Baseline { correct } => {
            let share = 100.0 * correct.correct() as f64 / correct.len().max(1) as f64;
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
                model.title(*candidate),
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
            let parent = model.tree.get(*candidate).and_then(|c| c.parent);
            let change = parent.map(|p| format!(", {} on {p}", drift_change(*added)));
            let known = if *cached { ", known already" } else { "" };
            let text = format!(
                "{} drifts {}{}{known}",
                model.title(*candidate),
                drift(*d),
                change.unwrap_or_default()
            );
            (Detail, text)
        }
        Event::Gated { candidate, reason } => (
            Decision,
            format!("{} {}", model.title(*candidate), gate(reason, symbols)),
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
                format!(
                    "{} {word}: {}",
                    model.title(*candidate),
                    judgement(j, symbols)
                ),
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
                format!(
                    "{} {word}: {}",
                    model.title(*candidate),
                    judgement(j, symbols)
                ),
            )
        }
        Event::BaseChanged { candidate, reason } => (
            Decision,
            format!(
                "{} is the base now: {}",
                model.title(*candidate),
                reason.text()
            ),
        ),
        Event::GroupClosed { group, at, reason } => (
            Detail,
            format!(
                "{} is closed from {at} bits down: {}",
                Model::group_name(group),
                close(*reason)
            ),
        ),
        Event::IncumbentChanged {
            candidate: Some(id),
        } => {
            let size = model.tree.get(*id).map_or(0, |c| c.bytes);
            (
                Milestone,
                format!("{} is the incumbent now, {}", model.title(*id), bytes(size)),
            )
        }
        Event::IncumbentChanged { candidate: None } => (
            Milestone,
            String::from("no incumbent: the pins exclude everything confirmed so far"),
        ),
        Event::CommandAccepted { command: c, note } => {
            let text = if note.is_empty() {
                command(c, symbols)
            } else {
                note.clone()
            };
            (Milestone, text)
        }
        Event::CommandRefused { command: c, why } => {
            (Problem, format!("{}: refused, {why}", command(c, symbols)))
        }
        Event::Tested {
            candidate,
            images,
            correct,
            ..
        } => {
            let who = candidate.map_or(String::from("the float network"), |id| id.to_string());
            let share = points(100.0 * *correct as f64 / (*images).max(1) as f64);
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
pub fn gate(reason: &GateReason, symbols: &Symbols) -> String {
    let d = drift(reason.drift);
    let numbers = gate_numbers(reason, symbols);
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
pub fn gate_numbers(reason: &GateReason, symbols: &Symbols) -> String {
    let through = reason.decision == GateDecision::Passed;
    match (reason.mode, reason.decision) {
        (_, GateDecision::Exempt) => String::from("made by hand"),
        (GateMode::Off, _) => String::from("the gate is off"),
        (GateMode::Fixed, _) => match reason.limit {
            Some(limit) if through => format!("limit {} {}", symbols.at_most, drift(limit)),
            Some(limit) => format!("limit {} > {}", drift(reason.drift), drift(limit)),
            None => String::from("no limit"),
        },
        (GateMode::Adaptive, _) => match (reason.chance, reason.min_chance) {
            (Some(chance), Some(least)) if through => {
                format!("chance {chance:.2} {} {least:.2}", symbols.at_least)
            }
            (Some(chance), Some(least)) => format!("chance {chance:.2} < {least:.2}"),
            _ => format!("warming up, {} verdicts", reason.verdicts),
        },
    }
}

/// A judgement in numbers: `drop 1.20 on 500 of 500 images`.
pub fn judgement(j: &Judgement, symbols: &Symbols) -> String {
    let looked = images(j);
    let allowed = 100.0 * j.allowed_loss as f64 / j.of.max(1) as f64;
    let known = if j.cached { ", known already" } else { "" };
    format!(
        "drop {} on {looked} ({} {}{known})",
        points(j.drop()),
        symbols.at_most,
        points(allowed)
    )
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
pub fn command(command: &Command, symbols: &Symbols) -> String {
    match command {
        Command::Pause => String::from("pause"),
        Command::Resume => String::from("resume"),
        Command::Prune { candidate } => format!("prune {candidate}"),
        Command::ResumeBranch { candidate } => format!("resume branch {candidate}"),
        Command::SetBits { candidate, change } => {
            format!(
                "set {} {} {} on {candidate}",
                change.group, symbols.arrow, change.bits
            )
        }
        Command::Pin { pin } if pin.min == pin.max => format!("pin {} at {}", pin.pattern, pin.min),
        Command::Pin { pin } => format!("pin {} to {}-{}", pin.pattern, pin.min, pin.max),
        Command::Unpin { pattern } => format!("unpin {pattern}"),
        Command::Stop => String::from("stop"),
    }
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
    }
}

/// Why the search ended.
pub fn stop(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Complete => "all levels are done",
        StopReason::LowestPasses => "the smallest width everywhere meets the constraint",
        StopReason::NothingMet => "nothing met the constraint",
        StopReason::Stopped => "stopped by hand",
    }
}

/// How a candidate came about, where that is worth saying.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Start | Origin::Search => "",
        Origin::Lowest => " as the lowest of all",
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
    }
}
