//! The result so far: accuracy and memory from float to incumbent.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::profile::AccuracyDrop;
use crate::quant::{Allocation, BitWidth, saving_percent};
use crate::search::{Candidate, Settings};
use crate::tui::model::Model;
use crate::tui::text::{self, bytes, count, points};
use crate::tui::widgets::{Sentence, bar};

fn incumbent(model: &Model) -> Option<&Candidate> {
    model.tree.get(model.tree.incumbent?)
}

fn float_accuracy(model: &Model) -> Option<String> {
    let float = &model.tree.float;
    (!float.is_empty()).then(|| points(100.0 * float.correct() as f64 / float.len() as f64))
}

/// The incumbent's accuracy, its drop, and how much of the allowed drop that is.
fn result(model: &Model) -> Option<(String, f64, String)> {
    let judgement = incumbent(model)?.judgement()?;
    let partial = if judgement.images < judgement.of {
        format!(
            " on {} of {} images",
            count(judgement.images as u64),
            count(judgement.of as u64)
        )
    } else {
        String::new()
    };
    Some((points(judgement.accuracy()), judgement.drop(), partial))
}

fn limit(model: &Model) -> Option<f64> {
    let tree = &model.tree;
    tree.settings.as_ref()?;
    match tree.constraint.max_accuracy_drop {
        AccuracyDrop::Points(points) => Some(points),
        // Parts of what float has: known once float is.
        _ => (!tree.float.is_empty()).then(|| tree.max_drop()),
    }
}

fn drop_style(model: &Model, drop: f64) -> Style {
    let palette = &model.theme.palette;
    match limit(model) {
        Some(limit) if drop > limit => palette.bad,
        _ => palette.good,
    }
}

/// Accuracy from float to incumbent, and how much of the allowed drop that takes.
pub fn accuracy(model: &Model, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let float = float_accuracy(model).map_or(symbols.none.to_owned(), |a| format!("{a} %"));
    let mut from = vec![Span::styled("float ", palette.dim), Span::raw(float)];
    from.extend([
        Span::styled(format!("  {}  ", symbols.arrow), palette.dim),
        Span::styled("incumbent ", palette.dim),
    ]);
    let found = result(model);
    match &found {
        Some((accuracy, _, _)) => from.push(Span::styled(format!("{accuracy} %"), palette.strong)),
        None => from.push(Span::raw("none yet")),
    }
    let limit = limit(model);
    let sentence = Sentence::new(model, columns).add(Line::from(from));
    match (found, limit) {
        (Some((_, drop, partial)), Some(limit)) => {
            let mut spent = vec![
                Span::styled("drop ", palette.dim),
                Span::styled(points(drop), drop_style(model, drop)),
                Span::styled(format!(" of {} allowed  ", points(limit)), palette.dim),
            ];
            spent.extend(bar(
                model,
                drop / limit.max(f64::MIN_POSITIVE),
                16,
                drop_style(model, drop),
            ));
            let partial = (!partial.is_empty()).then(|| partial.trim_start().to_owned());
            sentence.add(Line::from(spent)).maybe(partial).line()
        }
        (None, Some(limit)) => sentence
            .add(format!("drop: at most {} allowed", points(limit)))
            .line(),
        _ => sentence.line(),
    }
}

/// Memory from float to incumbent, and what that saves.
pub fn memory(model: &Model, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let Some(settings) = model.tree.settings.as_deref() else {
        return Line::raw(symbols.none);
    };
    let float = settings.space.float_bytes();
    let mut from = vec![
        Span::styled("float ", palette.dim),
        Span::raw(text::pad(&bytes(float), 7, false)),
        Span::styled(format!("  {}  ", symbols.arrow), palette.dim),
    ];
    let node = incumbent(model);
    let base = model.tree.base.and_then(|id| model.tree.get(id));
    from.push(Span::styled("incumbent ", palette.dim));
    match node {
        Some(node) => from.push(Span::styled(bytes(node.bytes), palette.strong)),
        None => from.push(Span::raw("none yet")),
    }
    let sentence = Sentence::new(model, columns).add(Line::from(from));
    let allowed = model
        .tree
        .constraint
        .max_memory
        .map(|most| format!("at most {} allowed", bytes(most)));
    let sentence = match node {
        Some(node) => {
            let mut saved = vec![
                Span::styled("smaller by ", palette.dim),
                Span::styled(format!("{} %", saving(float, node.bytes)), palette.good),
            ];
            saved.push(Span::styled(" (weights only ", palette.dim));
            saved.push(Span::raw(format!("{} %", weights_saving(settings, node))));
            saved.push(Span::styled(")", palette.dim));
            sentence.add(Line::from(saved))
        }
        None => sentence,
    };
    sentence
        .maybe(allowed)
        .maybe(base.map(|b| format!("base {}", bytes(b.bytes))))
        .line()
}

fn saving(float: u64, now: u64) -> String {
    format!("{:.1}", saving_percent(now, float))
}

/// The saving of the weights alone: the figure that papers quote.
fn weights_saving(settings: &Settings, node: &Candidate) -> String {
    let space = &settings.space;
    let float = Allocation::uniform(space.layers.len(), BitWidth::FLOAT);
    saving(
        space.weight_bytes(&float),
        space.weight_bytes(&node.allocation),
    )
}

/// Both in one line.
pub fn short_result(model: &Model, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let arrow = symbols.arrow;
    let float = float_accuracy(model);
    let Some(settings) = model.tree.settings.as_deref() else {
        return Line::default();
    };
    let total = settings.space.float_bytes();
    let written = || model.tree.constraint.max_accuracy_drop.to_string();
    let allowed = limit(model).map_or_else(written, points);
    match (result(model), incumbent(model)) {
        (Some((accuracy, drop, _)), Some(node)) => Sentence::new(model, columns)
            .add(Line::from(vec![
                Span::styled("accuracy ", palette.dim),
                Span::raw(format!(
                    "{} {arrow} ",
                    float.as_deref().unwrap_or(symbols.none)
                )),
                Span::styled(format!("{accuracy} %"), palette.strong),
                Span::styled(" drop ", palette.dim),
                Span::styled(points(drop), drop_style(model, drop)),
                Span::styled(format!(" of {allowed}"), palette.dim),
            ]))
            .add(Line::from(vec![
                Span::raw(format!("{} {arrow} ", bytes(total))),
                Span::styled(bytes(node.bytes), palette.strong),
                Span::styled(format!(" -{} %", saving(total, node.bytes)), palette.good),
            ]))
            .line(),
        _ => Sentence::new(model, columns)
            .add(Line::from(vec![
                Span::styled("accuracy ", palette.dim),
                Span::raw(float.map_or(symbols.none.to_owned(), |f| format!("{f} %"))),
                Span::styled(format!(" may drop by {allowed}"), palette.dim),
            ]))
            .add(Line::from(vec![
                Span::styled("memory ", palette.dim),
                Span::raw(bytes(total)),
            ]))
            .add("nothing confirmed yet")
            .line(),
    }
}
