//! The facts about the selected node.

use ratatui::text::{Line, Span};

use super::component::{About, Component};
use super::gate;
use crate::evaluate::{Verdict, wilson_95};
use crate::quant::saving_percent;
use crate::search::{Candidate, GateDecision, Judgement, State};
use crate::tui::model::{Model, Pane, ancestors};
use crate::tui::text::{self, bytes, bytes_change, count, points};
use crate::tui::widgets::{Sentence, labelled};

/// The facts about the selected node.
pub struct Details;

impl Component for Details {
    fn about(&self) -> About {
        About::text(Pane::Details, "Node")
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        model.shown().map_or(String::new(), |n| n.id.to_string())
    }

    fn waiting(&self, model: &Model) -> Option<&'static str> {
        model.shown().is_none().then_some(" no node yet")
    }

    fn lines(&self, model: &Model, columns: u16) -> Vec<Line<'static>> {
        let node = model.shown();
        node.map_or(Vec::new(), |node| lines(model, node, columns))
    }
}

const LABEL: u16 = 11;

/// What is known of the node, its drift and accuracy, why it stands where it stands, and what it
/// was made from.
fn lines(model: &Model, node: &Candidate, columns: u16) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(LABEL);
    let mut lines = vec![standing(model, node, columns)];
    let mut add = |label, content| lines.push(labelled(model, label, LABEL, content));
    add("origin", made(model, node, room));
    add("memory", memory(model, node, room));
    add("drift", drift(model, node, room));
    if let Some(most) = most_moved(model, node) {
        let most = text::fit(&most, usize::from(room), model.theme.symbols.ellipsis);
        add("", Line::raw(most));
    }
    if let Some(reason) = &node.gate {
        let text = text::gate(reason, model.theme.symbols.marks());
        let (_, _, style) = gate::decision(model, reason.decision);
        for (i, line) in text::wrap(&text, usize::from(room)).into_iter().enumerate() {
            let mut line = Line::styled(line, style);
            line.spans.iter_mut().for_each(|span| span.style = style);
            line.style = ratatui::style::Style::new();
            add(if i == 0 { "gate" } else { "" }, line);
        }
    }
    for (label, judgement) in [
        ("screening", node.screening),
        ("confirmed", node.confirmation),
    ] {
        if let Some(judgement) = judgement {
            add(label, accuracy(model, &judgement, room));
            add("", loss(model, &judgement, room));
        }
    }
    if let Some((images, correct)) = node.tested {
        add("test", share(model, correct, images, room));
    }
    for (i, line) in text::wrap(&why(model, node), usize::from(room))
        .into_iter()
        .enumerate()
    {
        add(if i == 0 { "verdict" } else { "" }, Line::raw(line));
    }
    let mut above: Vec<_> = ancestors(&model.tree, node.id).collect();
    above.reverse();
    for (i, id) in above.iter().enumerate() {
        add(
            if i == 0 { "lineage" } else { "" },
            ancestor(model, *id, room),
        );
    }
    lines
}

fn standing(model: &Model, node: &Candidate, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let (symbol, word, style) = model.theme.state(node.state());
    let role = |is: bool, symbol: &str, word: &str, style| {
        is.then(|| Line::styled(format!("{symbol} {word}"), style))
    };
    let is_base = model.tree.base == Some(node.id);
    let is_incumbent = model.tree.incumbent == Some(node.id);
    let title = model.title_in(node.id, usize::from(columns).saturating_sub(14));
    Sentence::new(model, columns)
        .add(Line::styled(title, palette.strong))
        .add(Line::styled(format!("{symbol} {word}"), style))
        .maybe(role(is_base, symbols.base, "base", palette.base))
        .maybe(role(
            is_incumbent,
            symbols.incumbent,
            "incumbent",
            palette.incumbent,
        ))
        .maybe(role(node.pruned, symbols.pruned, "pruned", palette.dim))
        .line()
}

fn made(model: &Model, node: &Candidate, room: u16) -> Line<'static> {
    let why = text::origin(node.origin).phrase;
    let children = match node.children.len() {
        0 => None,
        1 => Some(String::from("1 child")),
        n => Some(format!("{n} children")),
    };
    Sentence::new(model, room)
        .add(match node.parent {
            Some(parent) => format!("{why}, from {parent}"),
            None => why.to_owned(),
        })
        .maybe(children)
        .line()
}

fn memory(model: &Model, node: &Candidate, room: u16) -> Line<'static> {
    let parent = node.parent.and_then(|id| model.tree.get(id));
    let settings = model.tree.settings.as_deref();
    let saved = settings.map(|s| {
        let saved = saving_percent(node.bytes, s.space.float_bytes());
        format!("{saved:.1} % smaller")
    });
    Sentence::new(model, room)
        .add(bytes(node.bytes))
        .maybe(parent.map(|p| format!("{} vs {}", bytes_change(p.bytes, node.bytes), p.id)))
        .maybe(saved)
        .line()
}

fn drift(model: &Model, node: &Candidate, room: u16) -> Line<'static> {
    let Some(drift) = node.drift else {
        return Line::styled("not measured", model.theme.palette.dim);
    };
    let added = node.added_drift.filter(|_| node.parent.is_some());
    let change = added.map_or(String::new(), |a| format!(" ({})", text::drift_change(a)));
    let mean = node.parent.and_then(|id| model.tree.get(id)?.drift);
    Sentence::new(model, room)
        .add(format!("{}{change}", text::drift(drift)))
        .maybe(mean.map(|d| format!("{} before", text::drift(d))))
        .line()
}

/// The site whose potentials moved most.
fn most_moved(model: &Model, node: &Candidate) -> Option<String> {
    let sites = model.tree.settings.as_deref().map(|s| &s.space.sites);
    let all = node.site_drift.iter().enumerate();
    let (at, drift) = all.max_by(|a, b| a.1.total_cmp(b.1))?;
    let site = sites.and_then(|s| s.get(at));
    let site = site.map_or("the logits", String::as_str);
    Some(format!("most {} at {site}", text::drift(*drift)))
}

/// A share of correct images with its 95 % interval.
fn share(model: &Model, correct: usize, images: usize, room: u16) -> Line<'static> {
    // A journal may say anything.
    let (low, high) = wilson_95(correct.min(images), images);
    let share = 100.0 * correct as f64 / images.max(1) as f64;
    Sentence::new(model, room)
        .add(format!(
            "{} % [{:.1}, {:.1}]",
            points(share),
            100.0 * low,
            100.0 * high
        ))
        .add(format!("{} images", count(images as u64)))
        .line()
}

fn accuracy(model: &Model, judgement: &Judgement, room: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let (word, style) = match judgement.verdict {
        Verdict::Met => ("met", palette.good),
        Verdict::NotMet => ("not met", palette.bad),
    };
    let mut line = Line::from(vec![Span::styled(word, style)]);
    let rest = share(
        model,
        judgement.correct,
        judgement.images,
        room.saturating_sub(word.len() as u16 + 3),
    );
    let separator = format!(" {} ", model.theme.symbols.separator);
    line.spans.push(Span::styled(separator, palette.dim));
    line.spans.extend(rest.spans);
    line
}

fn loss(model: &Model, judgement: &Judgement, room: u16) -> Line<'static> {
    let text = text::judgement(judgement, model.theme.symbols.marks());
    Sentence::new(model, room).add(text).line()
}

/// Why the node stands where it stands, in a sentence.
fn why(model: &Model, node: &Candidate) -> String {
    let lost = |j: &Judgement| j.float_correct as i64 - j.correct as i64;
    if node.pruned {
        let top = ancestors(&model.tree, node.id)
            .take_while(|id| model.tree.get(*id).is_some_and(|c| c.pruned))
            .last();
        return match top {
            Some(top) => format!("Pruned with {top}: not expanded until that is resumed."),
            None => String::from("Pruned: not expanded until it is resumed."),
        };
    }
    match (node.state(), node.judgement()) {
        (State::Proposed, _) => String::from("Waiting for its drift measurement."),
        (State::Measured, _) => {
            String::from("Waiting: candidates of its round are ranked before it.")
        }
        (State::HeldBack, _) => {
            String::from("Rejected by the gate: it is not expected to meet the constraint.")
        }
        (State::Failed | State::Refuted, Some(j)) => format!(
            "Failed: {} of {} evaluated images lost, at most {} of {} may be.",
            lost(j),
            count(j.images as u64),
            j.allowed_loss,
            count(j.of as u64)
        ),
        (State::Passed, _) => {
            String::from("Passed screening: not yet confirmed on the whole search split.")
        }
        (State::Confirmed, _) => {
            let audit = node
                .gate
                .is_some_and(|g| g.decision == GateDecision::Audited);
            let wrong = if audit {
                " The gate had rejected it: a false rejection."
            } else {
                ""
            };
            format!("Meets the constraint on all search images.{wrong}")
        }
        (_, None) => String::new(),
    }
}

fn ancestor(model: &Model, id: crate::search::CandidateId, room: u16) -> Line<'static> {
    let Some(node) = model.tree.get(id) else {
        return Line::raw(id.to_string());
    };
    let (symbol, _, style) = model.theme.state(node.state());
    let numbers = format!(
        " {} {}",
        bytes(node.bytes),
        node.drift.map_or(String::new(), text::drift)
    );
    let left = usize::from(room).saturating_sub(text::width(&numbers) + 2);
    Line::from(vec![
        Span::styled(format!("{symbol} "), style),
        Span::raw(text::pad(&model.title_in(id, left), left, false)),
        Span::styled(numbers, model.theme.palette.dim),
    ])
}
