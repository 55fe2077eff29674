//! The allocation of the selected node: the network's parts with bits, bytes, drift and output
//! error; and the change in the making.

mod details;
mod errors;
mod widths;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use self::errors::Errors;
use self::widths::Widths;
use super::component::{About, Component};
use crate::quant::Allocation;
use crate::search::{Candidate, Settings};
use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Model, Pane, Part, Scroll, mean};
use crate::tui::text::{self, bytes_change};
use crate::tui::widgets::{cell, indented, number};

const BAR: usize = 8;
const BITS: usize = 5;
const MEMORY: usize = 10;
const DRIFT: usize = 6;
const RATE: usize = 8;
/// Columns from which on there is room for firing rates.
const RATED: u16 = 64;
const OTHERS: usize = 1 + BAR + 1 + BITS + 2 + MEMORY + DRIFT;

const SCOPE: Scope = Scope::Pane("allocation");
const SECTION: &str = "In the allocation";
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, SECTION, Action::Right, &["right", "l"], "", "unfold a stage or block"),
    bind(SCOPE, SECTION, Action::Left, &["left", "h"], "", "fold; then to what the row belongs to"),
    bind(SCOPE, SECTION, Action::Toggle, &["enter", "space"], "fold", "fold or unfold"),
];

/// The allocation of the selected node.
pub struct AllocationList;

impl Component for AllocationList {
    fn about(&self) -> About {
        About::list(Pane::Allocation, "Allocation", KEYS)
    }

    fn info(&self, model: &Model, columns: usize) -> String {
        if model.only_changes && model.edit.is_none() {
            let other = model.other().map(|o| o.id);
            let parent = || model.shown().and_then(|node| node.parent);
            if let Some(other) = other.or_else(parent) {
                return format!("only what differs from {other} (D: all)");
            }
        }
        match (model.shown(), model.other()) {
            (Some(node), Some(other)) if model.edit.is_none() => {
                format!("{} compared with {}", node.id, other.id)
            }
            (Some(node), _) => format!("of {}", model.title_in(node.id, columns.saturating_sub(3))),
            (None, _) => String::new(),
        }
    }

    fn act(&self, model: &mut Model, action: &Action) {
        let pane = &mut model.allocation;
        match action {
            Action::Left if !pane.fold(false) => pane.to_parent(),
            Action::Right => drop(pane.fold(true)),
            Action::Toggle if !pane.fold(true) => drop(pane.fold(false)),
            _ => {}
        }
    }

    fn fixed(&self, _model: &Model, height: u16) -> u16 {
        match height {
            14.. => 3,
            8.. => 2,
            _ => 1,
        }
    }

    fn heading(&self, model: &Model, columns: u16, height: u16) -> Vec<Line<'static>> {
        let Some(node) = model.shown() else {
            return vec![Line::styled("  no node yet", model.theme.palette.dim)];
        };
        let titles = titles(model, &Columns::of(model, columns));
        let columns = columns.saturating_sub(1);
        indented(details::lines(model, columns, height, node, titles))
    }

    fn rows(&self, model: &Model) -> usize {
        model.allocation.rows.len()
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        let (settings, node) = (model.tree.settings.as_deref()?, model.shown()?);
        let index = *model.allocation.rows.get(row)?;
        let part = model.allocation.parts.get(index)?;
        let parent = node.parent.and_then(|id| model.tree.get(id));
        // While a change is being made, the node itself is what it is compared with.
        let (now, before) = match &model.edit {
            Some(edit) => (&edit.preview, Some(&node.allocation)),
            None => (&node.allocation, parent.map(|p| &p.allocation)),
        };
        let columns = Columns::of(model, columns);
        let mut spans = name(model, index, part, columns.name);
        spans.extend(numbers(model, settings, part, (now, before), &columns));
        let drift = part.drift(node).filter(|_| model.edit.is_none());
        let drift = drift.map_or(String::new(), text::drift);
        spans.push(number(&drift, DRIFT, drift_style(model, part, node)));
        spans.extend(columns.errors.cells(model, settings, part, now));
        if let Some(rates) = &columns.rates {
            let rate = part.mean(rates, mean(rates));
            let rate = rate.map_or(String::new(), |r| format!("{r:.3}"));
            spans.push(number(&rate, RATE, model.theme.palette.text));
        }
        Some(Line::from(spans))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        let parts = &model.allocation.parts;
        let rows = model.allocation.rows.iter().filter_map(|r| parts.get(*r));
        rows.map(|part| part.group.to_string()).collect()
    }

    fn scroll(&self, model: &Model) -> Scroll {
        model.allocation.scroll
    }

    fn scroll_mut<'m>(&self, model: &'m mut Model) -> &'m mut Scroll {
        &mut model.allocation.scroll
    }

    fn is_selected(&self, model: &Model, row: usize) -> bool {
        row == model.allocation.scroll.cursor
    }

    fn settle(&self, model: &mut Model, list: Option<Rect>) {
        let differ = model.only_changes.then(|| differing(model)).flatten();
        model.allocation.show_only(differ);
        self.settle_scroll(model, list);
        let height = list.map_or(1, |list| usize::from(list.height));
        model.allocation.show_parents(height);
    }
}

/// The layers in which the node shown differs from the one it is compared with: the marked one, or
/// its parent; none where there is no other.
fn differing(model: &Model) -> Option<Vec<usize>> {
    let node = model.shown()?;
    let parent = || model.tree.get(node.parent?);
    let other = model.other().or_else(parent)?;
    let now = match &model.edit {
        Some(edit) => &edit.preview,
        None => &node.allocation,
    };
    let pairs = now.0.iter().zip(&other.allocation.0).enumerate();
    Some(
        pairs
            .filter(|(_, (a, b))| a != b)
            .map(|(at, _)| at)
            .collect(),
    )
}

/// What has columns of its own.
struct Columns<'a> {
    /// The columns of the part's name.
    name: usize,
    /// The node that is compared with.
    other: Option<&'a Candidate>,
    /// Whether bit-widths are drawn as bars.
    bars: bool,
    /// The errors of layers' outputs.
    errors: Errors,
    /// The firing rates by site.
    rates: Option<Vec<f64>>,
}

impl<'a> Columns<'a> {
    fn of(model: &'a Model, columns: u16) -> Self {
        let other = model.other().filter(|_| model.edit.is_none());
        let mut left = columns;
        let rates = rates(model).filter(|_| other.is_none() && columns >= RATED);
        if rates.is_some() {
            left = left.saturating_sub(RATE as u16);
        }
        let errors = match other {
            Some(_) => Errors::Nothing,
            None => Errors::of(model, left),
        };
        // Names before bars: the bars repeat the numbers.
        let bars = other.is_none() || columns >= BARS;
        let others = match (other, &rates) {
            (Some(_), _) if !bars => OTHERS + BESIDE - 2 * (BAR + 1),
            (Some(_), _) => OTHERS + BESIDE,
            (None, Some(_)) => OTHERS + RATE,
            (None, None) => OTHERS,
        };
        Columns {
            name: usize::from(columns)
                .saturating_sub(others + errors.columns())
                .min(MOST_NAME),
            other,
            bars,
            errors,
            rates,
        }
    }
}

/// The most columns of a name: beyond, its bits would be too far from it to be read as its own.
const MOST_NAME: usize = 48;
/// Columns from which on two nodes beside each other have bars.
const BARS: u16 = 74;
/// Columns of the node that is compared with: its bar, its bits, and whether they differ.
const BESIDE: usize = BITS + 1 + BAR + 3;

fn titles(model: &Model, columns: &Columns) -> Line<'static> {
    let dim = model.theme.palette.dim;
    let mut spans = vec![cell("layer", columns.name, dim)];
    let mut own = String::new();
    if let (Some(other), Some(node)) = (columns.other, model.shown()) {
        own = node.id.to_string();
        match columns.bars {
            true => {
                spans.push(cell(&other.id.to_string(), BAR + 1, dim));
                spans.push(number("bits", BITS, dim));
            }
            false => spans.push(number(&other.id.to_string(), BITS, dim)),
        }
        spans.push(cell("", 2, dim));
    }
    let memory = columns.other.map_or("memory", |_| "change");
    match columns.bars {
        true => spans.extend([cell(&own, BAR + 1, dim), number("bits", BITS, dim)]),
        false => spans.push(number(&own, BITS, dim)),
    }
    spans.extend([
        cell("", 2, dim),
        number(memory, MEMORY, dim),
        number("drift", DRIFT, dim),
    ]);
    spans.extend(columns.errors.title(model));
    if columns.rates.is_some() {
        spans.push(number("spikes", RATE, dim));
    }
    Line::from(spans)
}

/// Spikes per neuron and time step of every site of the node shown, where somebody has looked
/// inside.
fn rates(model: &Model) -> Option<Vec<f64>> {
    let Some(Ok(seen)) = model.potentials().filter(|_| model.edit.is_none()) else {
        return None;
    };
    let sites = seen.1.sites.iter();
    Some(sites.map(|s| mean(&s.rates).unwrap_or(0.0)).collect())
}

/// The name of a part below what it belongs to, and whether its own parts are shown.
fn name(model: &Model, index: usize, part: &Part, room: usize) -> Vec<Span<'static>> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let pane = &model.allocation;
    let fold = match (pane.has_parts(index), pane.is_folded(index)) {
        (false, _) => String::from(" "),
        (true, true) => format!("{} ", symbols.fold_closed),
        (true, false) => format!("{} ", symbols.fold_open),
    };
    let indent = " ".repeat(part.depth) + &fold;
    let room = room.saturating_sub(text::width(&indent));
    let label = text::fit(&part.label, room.saturating_sub(1), symbols.ellipsis);
    let style = match part.is_layer() {
        true => palette.text,
        false => palette.strong,
    };
    vec![Span::styled(indent, palette.dim), cell(&label, room, style)]
}

/// Bit-widths and memory of a part, beside those of the node that is compared with.
fn numbers(
    model: &Model,
    settings: &Settings,
    part: &Part,
    (now, before): (&Allocation, Option<&Allocation>),
    columns: &Columns,
) -> Vec<Span<'static>> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let widths = |of| Widths::of(settings, part, of);
    let bytes_of = |of| memory(settings, part, of);
    let (own, mut bytes) = (widths(now), text::bytes(bytes_of(now)));
    let mut text = own.text();
    let mut changed = false;
    let mut spans = Vec::new();
    if let Some(other) = columns.other.map(|node| &node.allocation) {
        let theirs = widths(other);
        changed = theirs != own;
        bytes = match changed {
            true => bytes_change(bytes_of(other), bytes_of(now)),
            false => String::new(),
        };
        let sign = if changed { symbols.differs } else { " " };
        spans.extend(
            columns
                .bars
                .then(|| heat_bar(model, theirs))
                .into_iter()
                .flatten(),
        );
        spans.push(number(&theirs.text(), BITS, palette.text));
        spans.push(cell(&format!(" {sign}"), 2, palette.changed));
    } else if let Some(before) = before.map(widths).filter(|b| *b != own) {
        changed = true;
        if part.is_layer() {
            text = format!("{}{}{}", before.short(), symbols.arrow, own.short());
        }
    }
    let style = if changed {
        palette.changed
    } else {
        palette.text
    };
    let pin = if is_pinned(model, settings, part) {
        symbols.pin
    } else {
        " "
    };
    spans.extend(
        columns
            .bars
            .then(|| heat_bar(model, own))
            .into_iter()
            .flatten(),
    );
    spans.extend([
        number(&text, BITS, style),
        cell(&format!(" {pin}"), 2, palette.base),
        number(&bytes, MEMORY, palette.text),
    ]);
    spans
}

fn heat_bar(model: &Model, widths: Widths) -> [Span<'static>; 3] {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let filled = (widths.mean.min(BAR as f64)).round() as usize;
    [
        Span::styled(symbols.bit.repeat(filled), model.theme.heat(widths.mean)),
        Span::styled(symbols.bit_rest.repeat(BAR - filled), palette.bar_rest),
        Span::raw(" "),
    ]
}

fn memory(settings: &Settings, part: &Part, allocation: &Allocation) -> u64 {
    let space = &settings.space;
    let layer = |member: &usize| {
        let layer = space.layers.get(*member)?;
        let width = allocation.0.get(*member)?;
        Some(space.layer_bytes(layer, *width))
    };
    let fixed = part.parent.is_none().then_some(space.fixed_bytes);
    part.members.iter().filter_map(layer).chain(fixed).sum()
}

/// True when pins hold every layer of a part.
fn is_pinned(model: &Model, settings: &Settings, part: &Part) -> bool {
    let pins = &model.tree.pins;
    !part.members.is_empty()
        && part.members.iter().all(|member| {
            let layer = settings.space.layers.get(*member);
            layer.is_some_and(|layer| pins.iter().any(|pin| pin.matches(&layer.name)))
        })
}

/// Potentials that moved far more than the mean stand out.
fn drift_style(model: &Model, part: &Part, node: &Candidate) -> Style {
    let palette = &model.theme.palette;
    match (part.drift(node), node.drift) {
        (Some(own), Some(mean)) if part.is_layer() && own > 2.0 * mean => palette.warn,
        _ => palette.text,
    }
}
