//! The gate: each decision with its numbers, and how well the decisions hold.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::pieces::{Sentence, cell, line_area, number, row};
use crate::evaluate::Verdict;
use crate::profile::GateMode;
use crate::search::{Candidate, GateDecision, GateReason};
use crate::tui::layout::Layout;
use crate::tui::model::{GateStats, Model, Pane};
use crate::tui::text;

const DRIFT: usize = 6;
const NUMBERS: usize = 14;
const DECISION: usize = 12;
const OUTCOME: usize = 12;
const OTHERS: usize = 1 + DRIFT + NUMBERS + DECISION + OUTCOME;

/// Symbol, word and style of a decision.
pub fn decision(model: &Model, decision: GateDecision) -> (&'static str, &'static str, Style) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    match decision {
        GateDecision::Passed => (symbols.passed, "passed", palette.good),
        GateDecision::HeldBack => (symbols.held_back, "held back", palette.warn),
        GateDecision::Audited => (symbols.audited, "audited", palette.busy),
        GateDecision::Exempt => (symbols.exempt, "exempt", palette.text),
    }
}

/// Draws the counts and the decisions.
pub fn draw(model: &Model, frame: &mut Frame, layout: &Layout) {
    let (Some(fixed), Some(list)) = (layout.fixed(Pane::Gate), layout.list(Pane::Gate)) else {
        return;
    };
    let wide = list.width >= 64;
    let room = usize::from(list.width).saturating_sub(OTHERS - if wide { 0 } else { DECISION });
    summary(model, frame, fixed, room, wide);
    let pane = &model.gate;
    let focused = model.focus == Pane::Gate;
    for (i, at) in pane
        .scroll
        .window(pane.decisions.len(), usize::from(list.height))
        .enumerate()
    {
        let node = pane.decisions.get(at).and_then(|id| model.tree.get(*id));
        let Some((node, reason)) = node.and_then(|n| Some((n, n.gate?))) else {
            continue;
        };
        let line = decision_row(model, node, &reason, room, wide);
        let selected = focused && at == pane.scroll.cursor;
        row(model, frame, line_area(list, i), line, selected, focused);
    }
    if pane.decisions.is_empty() {
        let waiting = Line::styled("  no decision yet", model.theme.palette.dim);
        frame.render_widget(waiting, line_area(list, 0));
    }
}

fn summary(model: &Model, frame: &mut Frame, area: Rect, room: usize, wide: bool) {
    let (stats, dim) = (&model.gate.stats, model.theme.palette.dim);
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..area
    };
    let wrong_style = if stats.wrong > 0 {
        model.theme.palette.bad
    } else {
        model.theme.palette.text
    };
    let counts = Sentence::new(model, inside.width)
        .add(format!("{} passed", stats.passed))
        .add(format!("{} held back", stats.held_back))
        .add(format!("{} audited", stats.audited))
        .add(Line::styled(format!("{} wrong", stats.wrong), wrong_style));
    if area.height == 1 {
        let line = counts
            .add(false_rejections(stats))
            .maybe(correlation(stats, inside.width))
            .line();
        frame.render_widget(line, inside);
        return;
    }
    let rates = Sentence::new(model, inside.width)
        .add(false_rejections(stats))
        .maybe(correlation(stats, inside.width))
        .line();
    let heading = Line::from(vec![
        cell("node", room, dim),
        number("drift", DRIFT, dim),
        cell("  compared", NUMBERS, dim),
        cell("decision", if wide { DECISION } else { OUTCOME }, dim),
        cell(if wide { "verdict" } else { "" }, OUTCOME, dim),
    ]);
    for (i, line) in [counts.line(), rates, heading].into_iter().enumerate() {
        frame.render_widget(line, line_area(inside, i));
    }
}

fn false_rejections(stats: &GateStats) -> String {
    match stats.false_rejection {
        Some(share) => format!("false rejections {:.1} %", 100.0 * share),
        None => {
            let audits = stats.audits_judged;
            let plural = if audits == 1 { "" } else { "s" };
            format!("false rejections unknown ({audits} audit{plural})")
        }
    }
}

/// Rank correlation of drift with the drop that was measured.
fn correlation(stats: &GateStats, columns: u16) -> Option<String> {
    let rho = stats.correlation?;
    Some(if columns >= 78 {
        format!("rank correlation {rho:.2} ({} nodes)", stats.evaluated)
    } else {
        format!("correlation {rho:.2}")
    })
}

fn decision_row(
    model: &Model,
    node: &Candidate,
    reason: &GateReason,
    room: usize,
    wide: bool,
) -> Line<'static> {
    let palette = &model.theme.palette;
    let (symbol, word, style) = decision(model, reason.decision);
    let title = model.title_in(node.id, room.saturating_sub(1));
    let (verdict_symbol, verdict, verdict_style) = verdict(model, node, reason);
    let mut spans = vec![
        cell(&title, room, palette.text),
        number(&text::drift(reason.drift), DRIFT, palette.text),
        cell(
            &format!("  {}", numbers(model, reason)),
            NUMBERS,
            palette.dim,
        ),
    ];
    // Where there is room for one of them only, what came out says more than what was decided.
    let verdict_known = !verdict.is_empty();
    if wide || !verdict_known {
        spans.extend([cell(symbol, 2, style), cell(word, DECISION - 2, style)]);
    }
    if verdict_known {
        spans.push(Span::styled(
            format!("{verdict_symbol} {verdict}"),
            verdict_style,
        ));
    }
    Line::from(spans)
}

/// What was compared, in a column.
pub fn numbers(model: &Model, reason: &GateReason) -> String {
    let symbols = &model.theme.symbols;
    let through = reason.decision == GateDecision::Passed;
    match (reason.mode, reason.decision) {
        (_, GateDecision::Exempt) => String::from("by hand"),
        (GateMode::Off, _) => String::from("gate off"),
        (GateMode::Fixed, _) => match reason.limit {
            Some(limit) => {
                format!(
                    "{} {}",
                    if through { symbols.at_most } else { ">" },
                    text::drift(limit)
                )
            }
            None => String::new(),
        },
        (GateMode::Adaptive, _) => match (reason.chance, reason.min_chance) {
            (Some(chance), Some(least)) => {
                format!(
                    "{chance:.2} {} {least:.2}",
                    if through { symbols.at_least } else { "<" }
                )
            }
            _ => format!("warm-up {}", reason.verdicts),
        },
    }
}

/// What came out, and whether the gate was wrong.
fn verdict(
    model: &Model,
    node: &Candidate,
    reason: &GateReason,
) -> (&'static str, &'static str, Style) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let met = node.screening.map(|j| j.verdict == Verdict::Met);
    match (met, reason.decision) {
        (None, _) => ("", "", palette.text),
        (Some(true), GateDecision::Audited) => ("!", "met: wrong", palette.bad),
        (Some(false), GateDecision::Audited) => (symbols.failed, "audit: ok", palette.good),
        (Some(true), _) => (symbols.passed, "met", palette.good),
        (Some(false), _) => (symbols.failed, "not met", palette.bad),
    }
}
