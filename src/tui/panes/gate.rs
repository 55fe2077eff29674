//! The gate: each decision with its numbers, and how well the decisions hold.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::evaluate::Verdict;
use crate::profile::GateMode;
use crate::search::{Candidate, GateDecision, GateEvidence, GateReason, Proxy, State};
use crate::text::gate::{self as gate_text, false_rejections};
use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{GateOrder, Model, Pane, Scroll};
use crate::tui::text;
use crate::tui::theme::Symbols;
use crate::tui::widgets::{Sentence, cell, indented, number};

const DRIFT: usize = 6;
const NUMBERS: usize = 15;
const DECISION: usize = 12;
const OUTCOME: usize = 14;
const PROXY: usize = 12;
const COUNT: usize = 4;
const CORRELATION: usize = 19;
/// Lines above the list that are no proxies where all evidence is shown: three of counts and rates,
/// and two of titles.
const WITHOUT_PROXIES: usize = 5;
/// Lines of proxies that are kept free before any is measured: those of every quantizer.
const PROXIES: usize = 5;
/// Lines of decisions below, without which not all evidence is shown.
const DECISIONS: u16 = 7;
const OTHERS: usize = 1 + DRIFT + NUMBERS + DECISION + OUTCOME;

/// Symbol, word and style of a decision.
pub fn decision(model: &Model, decision: GateDecision) -> (&'static str, &'static str, Style) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    match decision {
        GateDecision::Passed => (symbols.passed, "passed", palette.good),
        GateDecision::HeldBack => (symbols.rejected, "rejected", palette.warn),
        GateDecision::Audited => (symbols.audited, "audited", palette.busy),
        GateDecision::Exempt => (symbols.exempt, "exempt", palette.text),
    }
}

const SCOPE: Scope = Scope::Pane("gate");
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, super::LISTS, Action::Axes, &["a"], "axes", "gate: the axes around the limit, or over everything"),
    bind(SCOPE, super::LISTS, Action::ShowNode, &["enter", "space"], "show node", "gate: show the decision's node in the tree"),
];

/// The decisions of the gate, and how well they hold.
pub struct Gate;

impl Component for Gate {
    fn about(&self) -> About {
        About::list(Pane::Gate, "Gate decisions", KEYS)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        let Symbols {
            separator: dot,
            at_least,
            at_most,
            ..
        } = model.theme.symbols;
        let gate = model.tree.settings.as_ref().map(|s| s.gate);
        gate.map_or(String::new(), |gate| match gate.mode {
            mode @ (GateMode::Adaptive | GateMode::Drift) => {
                format!(
                    "{mode} {dot} passes: chance {at_least} {:.2}",
                    gate.min_chance
                )
            }
            GateMode::Fixed => {
                let limit = text::drift(gate.limit);
                format!("fixed {dot} passes: drift {at_most} {limit}")
            }
            GateMode::Off => String::from("off"),
        })
    }

    fn act(&self, model: &mut Model, action: &Action) {
        match action {
            Action::ShowNode => {
                let id = model.gate.shown.get(model.gate.scroll.cursor).copied();
                model.jump(id, "no decision yet");
            }
            Action::Sort => model.gate.next_order(),
            Action::Axes => model.front.whole = !model.front.whole,
            _ => {}
        }
    }

    fn fixed(&self, model: &Model, height: u16) -> u16 {
        let tall = tall(model);
        match height {
            _ if height >= tall + DECISIONS => tall,
            8.. => 3,
            _ => 1,
        }
    }

    fn heading(&self, model: &Model, columns: u16, height: u16) -> Vec<Line<'static>> {
        indented(heading(model, columns.saturating_sub(1), height))
    }

    fn waiting(&self, model: &Model) -> Option<&'static str> {
        let empty = model.gate.shown.is_empty();
        empty.then_some("  no decision yet")
    }

    fn rows(&self, model: &Model) -> usize {
        model.gate.shown.len()
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        let node = model.tree.get(*model.gate.shown.get(row)?)?;
        Some(decision_row(model, node, &node.gate?, columns))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        let decisions = model.gate.shown.iter();
        decisions.map(|id| model.title_and_state(*id)).collect()
    }

    fn scroll(&self, model: &Model) -> Scroll {
        model.gate.scroll
    }

    fn scroll_mut<'m>(&self, model: &'m mut Model) -> &'m mut Scroll {
        &mut model.gate.scroll
    }

    fn settle(&self, model: &mut Model, list: Option<Rect>) {
        model.gate.arrange(&model.tree);
        if model.gate.stale {
            model.gate.evidence = GateEvidence::of(&model.tree);
            model.gate.stale = false;
        }
        self.settle_scroll(model, list);
    }
}

/// Whether decision and verdict have a column each, and the columns left for the name.
fn columns_of(columns: u16) -> (bool, usize) {
    let wide = columns >= 74;
    let others = OTHERS - if wide { 0 } else { DECISION };
    (wide, usize::from(columns).saturating_sub(others))
}

fn heading(model: &Model, columns: u16, height: u16) -> Vec<Line<'static>> {
    let (evidence, dim) = (&model.gate.evidence, model.theme.palette.dim);
    let wrong = evidence.audited.met;
    let wrong_style = match wrong {
        0 => model.theme.palette.text,
        _ => model.theme.palette.bad,
    };
    let counts = Sentence::new(model, columns)
        .add(format!("{} passed", evidence.passed.all()))
        .add(format!("{} rejected", evidence.held_back))
        .add(format!("{} audited", evidence.audited.all()))
        .styled(format!("{wrong} false"), wrong_style);
    let correlation = correlation(evidence, columns);
    if height == 1 {
        let line = counts.add(false_rejections(evidence)).maybe(correlation);
        return vec![line.line()];
    }
    let mut lines = vec![counts.line()];
    let rates = Sentence::new(model, columns).add(false_rejections(evidence));
    if height >= tall(model) {
        let verdicts = Sentence::new(model, columns)
            .add(format!("passed: {}", gate_text::verdicts(evidence.passed)))
            .add(format!("audits: {}", gate_text::verdicts(evidence.audited)));
        lines.extend([verdicts.line(), rates.line()]);
        lines.extend(proxies(model, columns));
    } else {
        lines.push(rates.maybe(correlation).line());
    }
    let (wide, name) = columns_of(columns + 1);
    let order = model.gate.order;
    let title = |name: &str, is: GateOrder| match order == is {
        true => format!("{name}{}", model.theme.symbols.fold_open),
        false => name.to_owned(),
    };
    let verdict = if wide {
        title("verdict", GateOrder::Drop)
    } else {
        String::new()
    };
    lines.push(Line::from(vec![
        cell(&title("node", GateOrder::Time), name, dim),
        number(&title("drift", GateOrder::Drift), DRIFT, dim),
        cell("  criterion", NUMBERS, dim),
        cell("decision", if wide { DECISION } else { OUTCOME }, dim),
        cell(&verdict, OUTCOME, dim),
    ]));
    lines
}

/// The lines above the list that show all evidence.
fn tall(model: &Model) -> u16 {
    let proxies = model.gate.evidence.proxies.len().max(PROXIES);
    (WITHOUT_PROXIES + proxies) as u16
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
        let [rho, tau] = [p.spearman, p.kendall].map(gate_text::correlation);
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
    columns: u16,
) -> Line<'static> {
    let (wide, room) = columns_of(columns);
    let palette = &model.theme.palette;
    let (symbol, word, style) = decision(model, reason.decision);
    let title = model.title_in(node.id, room.saturating_sub(1));
    let verdict = verdict(model, node, reason);
    let numbers = format!("  {}", numbers(model, reason));
    let mut spans = vec![
        cell(&title, room, palette.text),
        number(&text::drift(reason.drift), DRIFT, palette.text),
        cell(&numbers, NUMBERS, palette.dim),
    ];
    // Where there is room for one of them only, what came out says more than what was decided.
    if wide || verdict.is_none() {
        spans.extend([cell(symbol, 2, style), cell(word, DECISION - 2, style)]);
    }
    spans.extend(verdict);
    Line::from(spans)
}

/// What was compared, in a column.
pub fn numbers(model: &Model, reason: &GateReason) -> String {
    let symbols = &model.theme.symbols;
    let (at_most, at_least) = match reason.decision {
        GateDecision::Exempt => return String::from("not asked"),
        GateDecision::Passed => (symbols.at_most, symbols.at_least),
        GateDecision::HeldBack | GateDecision::Audited => (">", "<"),
    };
    match reason.mode {
        GateMode::Off => String::from("gate off"),
        GateMode::Fixed => {
            let limit = reason
                .limit
                .map(|limit| format!("{at_most} {}", text::drift(limit)));
            limit.unwrap_or_default()
        }
        GateMode::Adaptive | GateMode::Drift if reason.untrusted => String::from("untrusted"),
        GateMode::Adaptive | GateMode::Drift => match reason.chance.zip(reason.min_chance) {
            Some((chance, least)) => format!("{chance:.2} {at_least} {least:.2}"),
            None => format!("warm-up {}", reason.verdicts),
        },
    }
}

/// What came out, and whether the gate was wrong.
fn verdict(model: &Model, node: &Candidate, reason: &GateReason) -> Option<Span<'static>> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let met = node.screening?.verdict == Verdict::Met;
    // What met the screening and failed the confirmation is no success.
    let refuted = node
        .confirmation
        .is_some_and(|j| j.verdict == Verdict::NotMet);
    if met && refuted {
        let (sign, word, style) = model.theme.state(State::Refuted);
        return Some(Span::styled(format!("{sign} {word}"), style));
    }
    let (symbol, word, style) = match (met, reason.decision) {
        (true, GateDecision::Audited) => ("!", "false rej.", palette.bad),
        (false, GateDecision::Audited) => (symbols.failed, "audit: ok", palette.good),
        (true, _) => (symbols.passed, "met", palette.good),
        (false, _) => (symbols.failed, "not met", palette.bad),
    };
    Some(Span::styled(format!("{symbol} {word}"), style))
}
