//! The gate: each decision with its numbers, and how well the decisions hold.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::pieces::{Sentence, cell, line_area, number, row};
use crate::evaluate::Verdict;
use crate::profile::GateMode;
use crate::search::{Candidate, GateDecision, GateEvidence, GateReason, Proxy};
use crate::text::gate::{self as gate_text, false_rejections};
use crate::tui::layout::Layout;
use crate::tui::model::{Model, Pane};
use crate::tui::text;

const DRIFT: usize = 6;
const NUMBERS: usize = 14;
const DECISION: usize = 12;
const OUTCOME: usize = 12;
const PROXY: usize = 12;
const COUNT: usize = 4;
const CORRELATION: usize = 19;
/// From so many lines on above the list, all evidence is shown.
const TALL: u16 = 10;
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
    let wide = list.width >= 74;
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
    let (evidence, dim) = (&model.gate.evidence, model.theme.palette.dim);
    let wrong = evidence.audited.met;
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..area
    };
    let wrong_style = if wrong > 0 {
        model.theme.palette.bad
    } else {
        model.theme.palette.text
    };
    let counts = Sentence::new(model, inside.width)
        .add(format!("{} passed", evidence.passed.all()))
        .add(format!("{} held back", evidence.held_back))
        .add(format!("{} audited", evidence.audited.all()))
        .add(Line::styled(format!("{wrong} wrong"), wrong_style));
    if area.height == 1 {
        let line = counts
            .add(false_rejections(evidence))
            .maybe(correlation(evidence, inside.width))
            .line();
        frame.render_widget(line, inside);
        return;
    }
    let mut lines = vec![counts.line()];
    let rates = Sentence::new(model, inside.width).add(false_rejections(evidence));
    if area.height >= TALL {
        let verdicts = Sentence::new(model, inside.width)
            .add(format!("passed: {}", gate_text::verdicts(evidence.passed)))
            .add(format!("audits: {}", gate_text::verdicts(evidence.audited)));
        lines.extend([verdicts.line(), rates.line()]);
        lines.extend(proxies(model, inside.width));
    } else {
        lines.push(rates.maybe(correlation(evidence, inside.width)).line());
    }
    let heading = Line::from(vec![
        cell("node", room, dim),
        number("drift", DRIFT, dim),
        cell("  compared", NUMBERS, dim),
        cell("decision", if wide { DECISION } else { OUTCOME }, dim),
        cell(if wide { "verdict" } else { "" }, OUTCOME, dim),
    ]);
    lines.push(heading);
    for (i, line) in lines.into_iter().enumerate() {
        frame.render_widget(line, line_area(inside, i));
    }
}

/// How every proxy goes with the drop that was measured.
fn proxies(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let both = usize::from(columns) >= PROXY + COUNT + 2 * CORRELATION;
    let line = |cells: [&str; 4], style: Style| {
        let mut spans = vec![
            cell(cells[0], PROXY, style),
            number(cells[1], COUNT, style),
            cell(&format!("  {}", cells[2]), CORRELATION, style),
        ];
        if both {
            spans.push(cell(&format!("  {}", cells[3]), CORRELATION, style));
        }
        Line::from(spans)
    };
    let titles = ["proxy", "n", "Spearman, 95 %", "Kendall, 95 %"];
    let mut lines = vec![line(titles, palette.dim)];
    lines.extend(model.gate.evidence.proxies.iter().map(|p| {
        let (rho, tau) = (
            gate_text::correlation(p.spearman),
            gate_text::correlation(p.kendall),
        );
        let cells = [p.proxy.name(), &p.n.to_string(), &rho, &tau];
        line(cells, palette.text)
    }));
    lines
}

/// Rank correlation of drift with the drop that was measured.
fn correlation(evidence: &GateEvidence, columns: u16) -> Option<String> {
    let rho = evidence.correlation(Proxy::Drift)?.value;
    Some(if columns >= 78 {
        format!("rank correlation {rho:.2} ({} nodes)", evidence.evaluated)
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
