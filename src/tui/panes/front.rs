//! Accuracy against memory: all that was measured, the front, the constraint, the incumbent.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::component::{About, Area, Component};
use crate::evaluate::percent;
use crate::search::CandidateId;
use crate::tui::model::{Model, Pane, Point};
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
        format!("{} evaluated {dot} {best} on the front", all.len())
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

fn plot(model: &Model, frame: &mut Frame, inside: Rect) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let all = &model.front.points;
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        let none = Line::styled("no node is evaluated yet", palette.dim);
        return draw_title(frame, inside, none);
    };
    let float = float_accuracy(model);
    let allowed = model.tree.max_drop();
    let accuracies = || all.iter().map(|p| float - p.drop);
    let best = accuracies().fold(float, f64::max);
    // Hopeless ones are drawn at the lower edge: what matters lies around the constraint.
    let floor = accuracies().fold(f64::INFINITY, f64::min);
    let floor = floor.max(float - (5.0 * allowed).max(1.0));
    let floor = floor.min(float - 1.2 * allowed);
    let ends = [first, last].map(|point| (point.bytes as f64, bytes(point.bytes)));
    let x = Axis::linear(ends[0].0, ends[1].0);
    let mut plot = Plot::new(model, inside, x, Axis::linear(floor, best));
    plot.across(float - allowed, palette.warn);
    if let Some(most) = model.tree.constraint.max_memory {
        plot.down(most as f64, palette.warn);
    }
    draw_points(model, &mut plot, float, allowed);
    let legend = Sentence::new(model, Plot::columns(inside))
        .styled(format!("{} on the front", symbols.trunk), palette.text)
        .styled(
            format!("{} incumbent", symbols.incumbent),
            palette.incumbent,
        )
        .styled(format!("{} selected", symbols.cursor), palette.strong)
        .styled(format!("float {} %", points(float)), palette.dim);
    let y_labels = [
        (float - allowed, points(float - allowed)),
        (float, points(float)),
        (floor, format!("{} {}", symbols.at_most, points(floor))),
        (best, points(best)),
    ];
    let name = "memory; vertical: accuracy in %, float accuracy minus measured drop";
    plot.draw(frame, legend.line(), &ends, &y_labels, name);
}

/// The front as a line of steps, and on it and beside it the nodes.
fn draw_points(model: &Model, plot: &mut Plot, float: f64, allowed: f64) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let all = &model.front.points;
    let place = |p: &Point| (p.bytes as f64, float - p.drop);
    let (front, others): (Vec<&Point>, Vec<&Point>) = all.iter().partition(|p| p.best);
    let corners: Vec<_> = front.iter().map(|p| place(p)).collect();
    plot.steps(&corners, palette.bar);
    let style = |p: &Point| match p.drop <= allowed {
        true => palette.good,
        false => palette.bad,
    };
    for point in others {
        let (x, y) = place(point);
        plot.dot(x, y, style(point));
    }
    for point in front {
        let (x, y) = place(point);
        plot.sign(x, y, symbols.trunk, style(point));
    }
    for point in all {
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
