//! The allocation of the selected node: the network's parts with bits, bytes and drift; and the
//! change in the making.

mod details;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::quant::{Allocation, BitWidth};
use crate::search::{Candidate, Settings};
use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Model, Pane, Part, Scroll};
use crate::tui::text::{self, bytes, bytes_change};
use crate::tui::widgets::{cell, indented, number};

const BAR: usize = 8;
const BITS: usize = 5;
const MEMORY: usize = 10;
const DRIFT: usize = 6;
const RATE: usize = 8;
/// From so many columns on there is room for firing rates.
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
            Action::Right => {
                pane.fold(true);
            }
            Action::Toggle if !pane.fold(true) => {
                pane.fold(false);
            }
            _ => {}
        }
    }

    fn fixed(&self, height: u16) -> u16 {
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
        indented(details::lines(
            model,
            columns.saturating_sub(1),
            height,
            node,
            titles,
        ))
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
        let view = PartView {
            settings,
            part,
            index,
            node,
            now,
            before,
            other: columns.other,
            rates: columns.rates.as_deref(),
        };
        Some(part_row(model, &view, columns.name))
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
}

/// What has columns of its own.
struct Columns<'a> {
    /// The columns of the part's name.
    name: usize,
    /// The node that is compared with.
    other: Option<&'a Candidate>,
    /// The firing rates by site.
    rates: Option<Vec<f64>>,
}

impl<'a> Columns<'a> {
    fn of(model: &'a Model, columns: u16) -> Self {
        let other = model.other().filter(|_| model.edit.is_none());
        let rates = rates(model).filter(|_| other.is_none() && columns >= RATED);
        let others = match (other, &rates) {
            (Some(_), _) => OTHERS + BESIDE,
            (None, Some(_)) => OTHERS + RATE,
            (None, None) => OTHERS,
        };
        Columns {
            name: usize::from(columns).saturating_sub(others),
            other,
            rates,
        }
    }
}

/// Columns of the node that is compared with: its bar, its bits, and whether they differ.
const BESIDE: usize = BITS + 1 + BAR + 3;

fn titles(model: &Model, columns: &Columns) -> Line<'static> {
    let dim = model.theme.palette.dim;
    let other = columns.other;
    let mut line = Line::from(vec![cell("layer", columns.name, dim)]);
    if let Some(other) = other {
        let id = other.id.to_string();
        line.spans.push(cell(&id, BAR + 1, dim));
        line.spans.push(number("bits", BITS, dim));
        line.spans.push(cell("", 2, dim));
    }
    line.spans.extend([
        cell(&node_name(model, other), BAR + 1, dim),
        number("bits", BITS, dim),
        cell("", 2, dim),
        number(
            if other.is_some() { "change" } else { "memory" },
            MEMORY,
            dim,
        ),
        number("drift", DRIFT, dim),
    ]);
    if columns.rates.is_some() {
        line.spans.push(number("spikes", RATE, dim));
    }
    line
}

/// Spikes per neuron and time step of every site of the node shown, where somebody has looked
/// inside.
fn rates(model: &Model) -> Option<Vec<f64>> {
    let Some(Ok(seen)) = model.potentials().filter(|_| model.edit.is_none()) else {
        return None;
    };
    let mean = |rates: &Vec<f64>| rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    Some(seen.1.sites.iter().map(|site| mean(&site.rates)).collect())
}

/// The mean firing rate of a part's sites; none for the logits, which do not fire.
fn rate(rates: &[f64], part: &Part) -> Option<f64> {
    let known: Vec<f64> = match part.parent {
        None => rates.to_vec(),
        Some(_) => part
            .sites
            .iter()
            .filter_map(|s| rates.get(*s).copied())
            .collect(),
    };
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn node_name(model: &Model, other: Option<&Candidate>) -> String {
    match (other, model.shown()) {
        (Some(_), Some(node)) => node.id.to_string(),
        _ => String::new(),
    }
}

/// What a row needs to know.
struct PartView<'a> {
    settings: &'a Settings,
    part: &'a Part,
    index: usize,
    node: &'a Candidate,
    now: &'a Allocation,
    before: Option<&'a Allocation>,
    other: Option<&'a Candidate>,
    /// Firing rates by site, where they are shown.
    rates: Option<&'a [f64]>,
}

fn part_row(model: &Model, view: &PartView, room: usize) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let (part, node) = (view.part, view.node);
    let fold = match (
        model.allocation.has_parts(view.index),
        model.allocation.is_folded(view.index),
    ) {
        (false, _) => String::from(" "),
        (true, true) => format!("{} ", symbols.fold_closed),
        (true, false) => format!("{} ", symbols.fold_open),
    };
    let indent = " ".repeat(part.depth) + &fold;
    let label_room = room.saturating_sub(text::width(&indent));
    let label = text::fit(&part.label, label_room.saturating_sub(1), symbols.ellipsis);
    let name_style = if part.is_layer() {
        palette.text
    } else {
        palette.strong
    };

    let widths = Widths::of(view.settings, part, view.now);
    let before = view.before.map(|b| Widths::of(view.settings, part, b));
    let compared = view
        .other
        .map(|o| Widths::of(view.settings, part, &o.allocation));
    let changed = compared.or(before).is_some_and(|b| b != widths);
    let bits = match before.filter(|_| changed && part.is_layer() && compared.is_none()) {
        Some(before) => format!("{}{}{}", before.short(), symbols.arrow, widths.short()),
        None => widths.text(),
    };
    let bits_style = if changed {
        palette.changed
    } else {
        palette.text
    };
    let pinned = pin(model, view.settings, part);
    let known = model.edit.is_none();
    let drift = part
        .drift(node)
        .filter(|_| known)
        .map_or(String::new(), text::drift);
    let memory = memory(view.settings, part, view.now);

    let mut line = Line::from(vec![
        Span::styled(indent, palette.dim),
        cell(&label, label_room, name_style),
    ]);
    let mut memory = bytes(memory);
    if let Some(other) = view.other {
        let beside = Widths::of(view.settings, part, &other.allocation);
        let differs = beside != widths;
        line.spans.extend(heat_bar(model, beside));
        line.spans.push(number(&beside.text(), BITS, palette.text));
        let sign = if differs { symbols.differs } else { " " };
        line.spans
            .push(cell(&format!(" {sign}"), 2, palette.changed));
        let theirs = self::memory(view.settings, part, &other.allocation);
        let ours = self::memory(view.settings, part, view.now);
        memory = if differs {
            bytes_change(theirs, ours)
        } else {
            String::new()
        };
    }
    line.spans.extend(heat_bar(model, widths));
    line.spans.extend([
        number(&bits, BITS, bits_style),
        cell(
            &format!(" {}", if pinned { symbols.pin } else { " " }),
            2,
            palette.base,
        ),
        number(&memory, MEMORY, palette.text),
        number(&drift, DRIFT, drift_style(model, part, node)),
    ]);
    if let Some(rates) = view.rates {
        let rate = rate(rates, part).map_or(String::new(), |r| format!("{r:.3}"));
        line.spans.push(number(&rate, RATE, palette.text));
    }
    line
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

/// The bit-widths of a part.
#[derive(Clone, Copy, PartialEq)]
struct Widths {
    min: BitWidth,
    max: BitWidth,
    /// The mean over its weights.
    mean: f64,
}

impl Widths {
    fn of(settings: &Settings, part: &Part, allocation: &Allocation) -> Self {
        let (mut min, mut max) = (BitWidth::FLOAT, None);
        let (mut bits, mut weights) = (0.0, 0.0);
        for member in &part.members {
            let width = allocation
                .0
                .get(*member)
                .copied()
                .unwrap_or(BitWidth::FLOAT);
            min = min.min(width);
            max = max.max(Some(width));
            let count = settings.space.layers.get(*member).map_or(0, |l| l.weights) as f64;
            bits += f64::from(width.bits()) * count;
            weights += count;
        }
        let max = max.unwrap_or(min);
        let mean = if weights > 0.0 {
            bits / weights
        } else {
            f64::from(max.bits())
        };
        Widths { min, max, mean }
    }
    fn text(self) -> String {
        if self.min == self.max {
            self.min.to_string()
        } else {
            format!("{}-{}", self.min.bits(), self.max.bits())
        }
    }
    /// In at most two columns.
    fn short(self) -> String {
        self.max.bits().to_string()
    }
}

fn memory(settings: &Settings, part: &Part, allocation: &Allocation) -> u64 {
    let space = &settings.space;
    let layer = |member: &usize| {
        let layer = space.layers.get(*member)?;
        let width = allocation.0.get(*member)?;
        Some(space.layer_bytes(layer, *width))
    };
    let fixed = if part.parent.is_none() {
        space.fixed_bytes
    } else {
        0
    };
    part.members.iter().filter_map(layer).sum::<u64>() + fixed
}

/// True when pins hold every layer of a part.
fn pin(model: &Model, settings: &Settings, part: &Part) -> bool {
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
