//! The facts about the selected node.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use super::gate;
use crate::evaluate::{Verdict, percent, wilson_95};
use crate::quant::saving_percent;
use crate::search::{Candidate, CandidateId, GateDecision, Judgement, State};
use crate::tui::model::{MeasuredDrop, Model, Pane, ancestors};
use crate::tui::text::{self, bytes, bytes_change, count, points};
use crate::tui::widgets::{Sentence, cell, labelled, strip};

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

/// What is known of the node, the most important first: its accuracy and verdict, its memory and
/// drift, what the gate said, and what it was made from.
fn lines(model: &Model, node: &Candidate, columns: u16) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(LABEL);
    let mut lines = vec![standing(model, node, columns)];
    lines.extend(accuracies(model, node, room));
    let mut add = |label, content| lines.push(labelled(model, label, LABEL, content));
    // The first line of several has the label.
    let once = |label: &'static str| std::iter::once(label).chain(std::iter::repeat(""));
    let why = text::wrap(&why(model, node), usize::from(room)).into_iter();
    once("verdict")
        .zip(why)
        .for_each(|(label, line)| add(label, Line::raw(line)));
    add("memory", memory(model, node, room));
    if let Some(settings) = model.tree.settings.as_deref().filter(|_| room >= 24) {
        let before = node.parent.and_then(|id| model.tree.get(id));
        let before = before.map(|parent| &parent.allocation);
        let columns = usize::from(room).min(settings.space.layers.len());
        add(
            "bits",
            Line::from(strip(model, &node.allocation, before, columns)),
        );
    }
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
    add("origin", made(model, node, room));
    let mut above: Vec<_> = ancestors(&model.tree, node.id).collect();
    above.reverse();
    let above = above.into_iter().map(|id| ancestor(model, id, room));
    once("lineage")
        .zip(above)
        .for_each(|(label, line)| add(label, line));
    lines
}

/// The drop that counts, then every judgement of the node.
fn accuracies(model: &Model, node: &Candidate, room: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut add = |label: &str, content| lines.push(labelled(model, label, LABEL, content));
    if let Some(measured) = model.measured_drop(node) {
        add("drop", loss(model, &measured, room));
    }
    if let Some((images, correct)) = node.tested {
        add("test", share(model, correct, images, room));
    }
    let judged = [
        ("confirmed", node.confirmation),
        ("screening", node.screening),
    ];
    for (label, judgement) in judged {
        if let Some(judgement) = judgement {
            add(label, accuracy(model, &judgement, room));
        }
    }
    let marks = model.theme.symbols.marks();
    if let Some(test) = text::certificate::of_candidate(&model.tree, node.id, marks) {
        for (at, line) in text::wrap(&test, usize::from(room)).into_iter().enumerate() {
            add(if at == 0 { "certify" } else { "" }, Line::raw(line));
        }
    }
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
    // Of a split ordered by margin the first images are no sample: their share says nothing of all.
    if judgement.expected_loss.is_some() && judgement.images < judgement.of {
        let lost = judgement.float_correct as i64 - judgement.correct as i64;
        return Sentence::new(model, room)
            .styled(word, style)
            .add(format!(
                "{lost} lost net of {} allowed",
                judgement.allowed_loss
            ))
            .add(text::images(judgement))
            .line();
    }
    let (images, correct) = (judgement.images, judgement.correct);
    let (low, high) = wilson_95(correct.min(images), images);
    let share = points(percent(correct, images));
    Sentence::new(model, room)
        .styled(word, style)
        .add(format!("{share} %"))
        .add(text::images(judgement))
        .add(format!("[{:.1}, {:.1}]", 100.0 * low, 100.0 * high))
        .line()
}

/// The measured drop: the number first, what it rests on last.
fn loss(model: &Model, measured: &MeasuredDrop, room: u16) -> Line<'static> {
    let (palette, at_most) = (&model.theme.palette, model.theme.symbols.at_most);
    let style = match measured.judgement.map(|j| j.verdict) {
        Some(Verdict::Met) => palette.good,
        Some(Verdict::NotMet) => palette.bad,
        None => palette.text,
    };
    let is_part = |j: Judgement| j.expected_loss.is_some() && measured.images < j.of;
    let expected = match measured.judgement.is_some_and(is_part) {
        true => " expected",
        false => "",
    };
    let drop = format!("{} pp{expected}", points(measured.drop));
    let sentence = Sentence::new(model, room).styled(drop, style.add_modifier(Modifier::BOLD));
    let Some(j) = measured.judgement else {
        let images = format!("{} images", count(measured.images as u64));
        let open = "open at the limit in force";
        return sentence.add(images).styled(open, palette.warn).line();
    };
    let allowed = model.tree.max_drop();
    let allowed = allowed.is_finite().then(|| points(allowed));
    sentence
        .maybe(allowed.map(|limit| format!("{at_most} {limit} allowed")))
        .add(match measured.images > j.images {
            true => format!("{} images", count(measured.images as u64)),
            false => text::images(&j),
        })
        .maybe(j.sequential.then_some("early verdict"))
        .maybe(j.cached.then_some("cached"))
        .line()
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
    let work = model.activity.work.filter(|w| w.candidate == Some(node.id));
    if let Some(work) = work {
        return format!("Being evaluated now: {}.", work.task.word());
    }
    let most = model.tree.constraint.max_memory;
    let exceeds = most.filter(|most| node.bytes > *most);
    if let (Some(most), Some(_)) = (exceeds, node.judgement()) {
        let over = bytes(node.bytes - most);
        return format!("Exceeds the memory limit of {} by {over}.", bytes(most));
    }
    if node.judgement().is_none() && !node.bits.is_empty() {
        return String::from("Open: the images evaluated so far do not decide the limit in force.");
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
