//! Accuracy against memory: all that was measured, the front, the constraint, the incumbent.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::component::{About, Area, Component};
use super::what_if;
use crate::evaluate::percent;
use crate::search::CandidateId;
use crate::tui::model::{Model, Pane, Point, points_of};
use crate::tui::text::{bytes, points};
use crate::tui::widgets::{Axis, Plot, Sentence, draw_title};

/// The plot of accuracy against memory.
pub struct Front;

impl Component for Front {
    fn about(&self) -> About {
        About::plot(Pane::Front, "Accuracy and memory", Pane::Points)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        let all = &model.front.points;
        let best = all.iter().filter(|p| p.best).count();
        let dot = model.theme.symbols.separator;
        match &model.what_if {
            Some(_) => String::from("what if: a memory budget"),
            None => format!("{} evaluated {dot} {best} on the front", all.len()),
        }
    }

    fn draw(&self, model: &Model, frame: &mut Frame, area: Area) {
        if Plot::fits(area.fixed) {
            plot(model, frame, area.fixed);
        }
    }
}

/// The float network's accuracy in percent; 100 while it is unknown.
pub fn float_accuracy(model: &Model) -> f64 {
    match &model.tree.float {
        float if float.is_empty() => 100.0,
        float => percent(float.correct(), float.len()),
    }
}

/// What the axes hold: bytes and drops, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    bytes: (f64, f64),
    drop: (f64, f64),
}

impl Window {
    /// The band around the limit, where it matters which node meets the constraint; or everything.
    fn of(model: &Model) -> Option<Self> {
        let all = &model.front.points;
        let allowed = model.tree.max_drop();
        let band = match allowed.is_finite() {
            true => (2.5 * allowed).max(0.5),
            false => f64::INFINITY,
        };
        let near = |p: &&Point| p.drop <= band;
        let smallest = all.iter().filter(|p| p.met).map(|p| p.bytes).min();
        let around = |p: &&Point| smallest.is_none_or(|n| p.bytes as f64 <= 1.7 * n as f64);
        let chosen: Vec<&Point> = all.iter().filter(|p| near(p) && around(p)).collect();
        let shown: Vec<&Point> = match model.front.whole || chosen.len() < 2 {
            true => all.iter().collect(),
            false => chosen,
        };
        let range = |of: &dyn Fn(&Point) -> f64| {
            let values = || shown.iter().map(|p| of(p));
            let least = values().fold(f64::INFINITY, f64::min);
            (least, values().fold(f64::NEG_INFINITY, f64::max))
        };
        let (least, most) = range(&|p| p.bytes as f64);
        let (best, worst) = range(&|p| p.drop);
        (!shown.is_empty()).then(|| Window {
            bytes: (0.99 * least, 1.01 * most),
            drop: (
                best.min(0.0),
                match allowed.is_finite() {
                    true => worst.max(1.2 * allowed),
                    false => worst.max(1.0),
                },
            ),
        })
    }

    fn holds(&self, bytes: u64, drop: f64) -> bool {
        let bytes = bytes as f64;
        (self.bytes.0..=self.bytes.1).contains(&bytes) && drop <= self.drop.1
    }
}

fn plot(model: &Model, frame: &mut Frame, inside: Rect) {
    let palette = &model.theme.palette;
    let Some(window) = Window::of(model) else {
        let none = Line::styled("no node is evaluated yet", palette.dim);
        return draw_title(frame, inside, none);
    };
    let float = float_accuracy(model);
    let allowed = model.tree.max_drop();
    let x = Axis::log(window.bytes.0, window.bytes.1);
    let y = Axis::linear(float - window.drop.1, float - window.drop.0);
    let mut plot = Plot::new(model, inside, x, y);
    if allowed.is_finite() {
        plot.across(float - allowed, palette.warn);
    }
    if let Some(most) = model.tree.constraint.max_memory {
        plot.down(most as f64, palette.warn);
    }
    draw_other(model, &mut plot, &window);
    what_if::draw(model, &mut plot, float);
    draw_points(model, &mut plot, float, &window);
    let mut y_labels = Vec::new();
    if allowed.is_finite() {
        let at_least = model.theme.symbols.at_least;
        y_labels.push((
            float - allowed,
            format!("{at_least}{}", points(float - allowed)),
        ));
    }
    y_labels.push((float, points(float)));
    let round = usize::from(inside.height / 4).clamp(2, 6);
    y_labels.extend(y.ticks(round).into_iter().map(|v| (v, format!("{v:.1}"))));
    let mut x_labels: Vec<_> = model
        .tree
        .constraint
        .max_memory
        .map(|most| (most as f64, format!("limit {}", bytes(most))))
        .into_iter()
        .collect();
    // Round numbers of the unit that is read.
    let unit = if window.bytes.1 < 1024.0 * 1024.0 {
        1024.0
    } else {
        1024.0 * 1024.0
    };
    let ticks = Axis::log(window.bytes.0 / unit, window.bytes.1 / unit);
    let ticks = ticks
        .ticks(usize::from(inside.width / 16).clamp(2, 6))
        .into_iter();
    x_labels.extend(ticks.map(|v| (v * unit, bytes((v * unit).round() as u64))));
    let name = match model.front.whole {
        true => "accuracy (%) vs memory (log); a: zoom",
        false => "accuracy (%) vs memory (log); a: all",
    };
    plot.draw(
        frame,
        legend(model, &window, inside),
        &x_labels,
        &y_labels,
        name,
    );
}

/// The values of what the cursor is on, and what the signs mean.
fn legend(model: &Model, window: &Window, inside: Rect) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let columns = inside.width.saturating_sub(1);
    let at = model.nodes.selected;
    let selected = model.front.points.iter().find(|p| Some(p.id) == at);
    let float = float_accuracy(model);
    let cross = selected.map(|p| {
        format!(
            "{} {} {} {} % drop {}",
            symbols.cursor,
            p.id,
            bytes(p.bytes),
            points(float - p.drop),
            points(p.drop)
        )
    });
    let beyond = model
        .front
        .points
        .iter()
        .filter(|p| !window.holds(p.bytes, p.drop))
        .count();
    let other = model.other_run.as_ref();
    Sentence::new(model, columns)
        .maybe(what_if::legend(model))
        .maybe(cross.map(|text| Line::styled(text, palette.strong)))
        .styled(format!("{} met", symbols.confirmed), palette.good)
        .styled(format!("{} not met", symbols.failed), palette.bad)
        .styled(
            format!("{} incumbent", symbols.incumbent),
            palette.incumbent,
        )
        .maybe(
            other
                .map(|run| Line::styled(format!("{} {}", symbols.exempt, run.id), palette.changed)),
        )
        .maybe((beyond > 0).then(|| Line::styled(format!("{beyond} beyond"), palette.dim)))
        .line()
}

/// The front of another run.
fn draw_other(model: &Model, plot: &mut Plot, window: &Window) {
    let Some(other) = &model.other_run else {
        return;
    };
    let float = float_accuracy(model);
    let front = points_of(&other.tree).into_iter().filter(|p| p.best);
    for point in front.filter(|p| window.holds(p.bytes, p.drop)) {
        let style = model.theme.palette.changed;
        plot.sign(
            point.bytes as f64,
            float - point.drop,
            model.theme.symbols.exempt,
            style,
        );
    }
}

/// The front as a line of steps, and on it and beside it the nodes.
fn draw_points(model: &Model, plot: &mut Plot, float: f64, window: &Window) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let held = |p: &&Point| window.holds(p.bytes, p.drop);
    let all = || model.front.points.iter().filter(held);
    let place = |p: &Point| (p.bytes as f64, float - p.drop);
    let mut front: Vec<&Point> = all().filter(|p| p.best).collect();
    front.sort_by_key(|p| p.bytes);
    let corners: Vec<_> = front.iter().map(|p| place(p)).collect();
    plot.steps(&corners, palette.bar);
    let selected = model.nodes.selected;
    if let Some(point) = all().find(|p| Some(p.id) == selected) {
        let (x, y) = place(point);
        plot.cross(x, y, palette.rail);
    }
    for point in all().filter(|p| !p.met) {
        let (x, y) = place(point);
        plot.sign(x, y, symbols.failed, palette.bad);
    }
    for point in all().filter(|p| p.met) {
        let (x, y) = place(point);
        plot.sign(x, y, symbols.confirmed, palette.good);
    }
    for point in all() {
        if let Some((sign, style)) = mark(model, point.id) {
            let (x, y) = place(point);
            plot.sign(x, y, sign, style);
        }
    }
}

/// The sign of the selected node and of the incumbent in a plot.
pub fn mark(model: &Model, id: CandidateId) -> Option<(&'static str, Style)> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    if model.nodes.selected == Some(id) {
        Some((symbols.cursor, palette.selected))
    } else {
        let is_incumbent = model.tree.incumbent == Some(id);
        is_incumbent.then_some((symbols.incumbent, palette.incumbent))
    }
}
