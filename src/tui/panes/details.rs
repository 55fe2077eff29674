//! The facts about the selected node.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use super::gate;
use crate::evaluate::{Verdict, percent, wilson_95};
use crate::quant::saving_percent;
use crate::search::{Candidate, CandidateId, GateDecision, Judgement, State};
use crate::tui::model::{Model, Pane, ancestors};
use crate::tui::text::{self, bytes, bytes_change, count, points};
use crate::tui::widgets::{Sentence, cell, labelled};

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
    // The first line of several has the label.
    let once = |label: &'static str| std::iter::once(label).chain(std::iter::repeat(""));
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
        let lines = text::wrap(&text, usize::from(room)).into_iter();
        let lines = lines.map(|line| Line::from(Span::styled(line, style)));
        once("gate")
            .zip(lines)
            .for_each(|(label, line)| add(label, line));
    }
    let judged = [
        ("screening", node.screening),
        ("confirmed", node.confirmation),
    ];
    for (label, judgement) in judged {
        if let Some(judgement) = judgement {
            add(label, accuracy(model, &judgement, room));
            add("", loss(model, &judgement, room));
        }
    }
    let marks = model.theme.symbols.marks();
    if let Some(test) = text::certificate::of_candidate(&model.tree, node.id, marks) {
        let lines = text::wrap(&test, usize::from(room)).into_iter();
        once("certify")
            .zip(lines)
            .for_each(|(label, line)| add(label, Line::raw(line)));
    }
    if let Some((images, correct)) = node.tested {
        add("test", share(model, correct, images, room));
    }
    let why = text::wrap(&why(model, node), usize::from(room)).into_iter();
    once("verdict")
        .zip(why)
        .for_each(|(label, line)| add(label, Line::raw(line)));
    let mut above: Vec<_> = ancestors(&model.tree, node.id).collect();
    above.reverse();
    let above = above.into_iter().map(|id| ancestor(model, id, room));
    once("lineage")
        .zip(above)
        .for_each(|(label, line)| add(label, line));
    lines
}

fn standing(model: &Model, node: &Candidate, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let (symbol, word, style) = model.theme.state(node.state());
    let role = |is: bool, symbol: &str, word: &str, style| {
        is.then(|| Line::styled(format!("{symbol} {word}"), style))
    };
    let is = |id| id == Some(node.id);
    let (base, incumbent) = (is(model.tree.base), is(model.tree.incumbent));
    let title = model.title_in(node.id, usize::from(columns).saturating_sub(14));
    Sentence::new(model, columns)
        .styled(title, palette.strong)
        .styled(format!("{symbol} {word}"), style)
        .maybe(role(base, symbols.base, "base", palette.base))
        .maybe(role(
            incumbent,
            symbols.incumbent,
            "incumbent",
            palette.incumbent,
        ))
        .maybe(role(node.pruned, symbols.pruned, "pruned", palette.dim))
        .maybe(role(node.undone, symbols.pruned, "undone", palette.dim))
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
    let settings = model.tree.settings.as_deref();
    let saved = settings.map(|s| saving_percent(node.bytes, s.space.float_bytes()));
    Sentence::new(model, room)
        .add(bytes(node.bytes))
        .maybe(versus_parent(model, node))
        .maybe(saved.map(|saved| format!("{saved:.1} % smaller")))
        .line()
}

/// The memory against that of the parent.
pub fn versus_parent(model: &Model, node: &Candidate) -> Option<String> {
    let parent = model.tree.get(node.parent?)?;
    let change = bytes_change(parent.bytes, node.bytes);
    Some(format!("{change} vs {}", parent.id))
}

/// The drift, and how much of it the change added.
pub fn drift_text(node: &Candidate) -> Option<String> {
    let added = node.added_drift.filter(|_| node.parent.is_some());
    let added = added.map_or(String::new(), |a| format!(" ({})", text::drift_change(a)));
    Some(text::drift(node.drift?) + &added)
}

fn drift(model: &Model, node: &Candidate, room: u16) -> Line<'static> {
    let Some(drift) = drift_text(node) else {
        return Line::styled("not measured", model.theme.palette.dim);
    };
    let before = node.parent.and_then(|id| model.tree.get(id)?.drift);
    Sentence::new(model, room)
        .add(drift)
        .maybe(before.map(|d| format!("{} before", text::drift(d))))
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
    let (share, low, high) = (points(percent(correct, images)), 100.0 * low, 100.0 * high);
    Sentence::new(model, room)
        .add(format!("{share} % [{low:.1}, {high:.1}]"))
        .add(format!("{} images", count(images as u64)))
        .line()
}

fn accuracy(model: &Model, judgement: &Judgement, room: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let (word, style) = match judgement.verdict {
        Verdict::Met => ("met", palette.good),
        Verdict::NotMet => ("not met", palette.bad),
    };
    let (images, correct) = (judgement.images, judgement.correct);
    let verdict = Sentence::new(model, room).styled(word, style);
    let room = verdict.room() as u16;
    verdict.add(share(model, correct, images, room)).line()
}

fn loss(model: &Model, judgement: &Judgement, room: u16) -> Line<'static> {
    let text = text::judgement(judgement, model.theme.symbols.marks());
    Sentence::new(model, room).add(text).line()
}

/// Why the node stands where it stands, in a sentence.
fn why(model: &Model, node: &Candidate) -> String {
    if node.undone {
        return String::from(
            "Undone: it takes part again when the search proposes it, or by redo. What was measured is kept.",
        );
    }
    if node.pruned {
        let is_pruned = |id: &CandidateId| model.tree.get(*id).is_some_and(|c| c.pruned);
        let top = ancestors(&model.tree, node.id).take_while(is_pruned).last();
        return match top {
            Some(top) => format!("Pruned with {top}: not expanded until that is resumed."),
            None => String::from("Pruned: not expanded until it is resumed."),
        };
    }
    let text = match (node.state(), node.judgement()) {
        (State::Proposed, _) => "Waiting for its drift measurement.",
        (State::Measured, _) => "Waiting: candidates of its round are ranked before it.",
        (State::HeldBack, _) => "Rejected by the gate: it is not expected to meet the constraint.",
        (State::Passed, _) => "Passed screening: not yet confirmed on the whole search split.",
        (State::Confirmed, _) => match node.gate.map(|gate| gate.decision) {
            Some(GateDecision::Audited) => {
                "Meets the constraint on all search images. The gate had rejected it: a false \
                 rejection."
            }
            _ => "Meets the constraint on all search images.",
        },
        (State::Failed | State::Refuted, Some(j)) => {
            let (images, of) = (count(j.images as u64), count(j.of as u64));
            return format!(
                "Failed: {} of {images} evaluated images lost, at most {} of {of} may be.",
                j.float_correct as i64 - j.correct as i64,
                j.allowed_loss
            );
        }
        (State::Failed | State::Refuted, None) => "",
    };
    text.to_owned()
}

fn ancestor(model: &Model, id: CandidateId, room: u16) -> Line<'static> {
    let Some(node) = model.tree.get(id) else {
        return Line::raw(id.to_string());
    };
    let (symbol, _, style) = model.theme.state(node.state());
    let drift = node.drift.map_or(String::new(), text::drift);
    let numbers = format!(" {} {drift}", bytes(node.bytes));
    let left = usize::from(room).saturating_sub(text::width(&numbers) + 2);
    Line::from(vec![
        Span::styled(format!("{symbol} "), style),
        cell(&model.title_in(id, left), left, Style::new()),
        Span::styled(numbers, model.theme.palette.dim),
    ])
}
