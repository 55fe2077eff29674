//! Accuracy against memory: all that was measured, the front, the constraint, the incumbent.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::component::{About, Area, Component};
use crate::tui::model::{Model, Pane, Point};
use crate::tui::text::{bytes, points};
use crate::tui::widgets::{Axes, Axis, Plot, Sentence};

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
        if let Some(axes) = Axes::of(area.fixed) {
            plot(model, frame, &axes);
        }
    }
}

/// The float network's accuracy in percent; 100 while it is unknown.
pub fn float_accuracy(model: &Model) -> f64 {
    let float = &model.tree.float;
    if float.is_empty() {
        100.0
    } else {
        100.0 * float.correct() as f64 / float.len() as f64
    }
}

fn plot(model: &Model, frame: &mut Frame, axes: &Axes) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let all = &model.front.points;
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        axes.title(frame, Line::styled("no node is evaluated yet", palette.dim));
        return;
    };
    let float = float_accuracy(model);
    let allowed = model.tree.max_drop();
    let accuracy = |p: &Point| float - p.drop;
    let best = all.iter().map(accuracy).fold(float, f64::max);
    // Hopeless ones are drawn at the lower edge: what matters lies around the constraint.
    let worst = all.iter().map(accuracy).fold(f64::INFINITY, f64::min);
    let floor = worst
        .max(float - (5.0 * allowed).max(1.0))
        .min(float - 1.2 * allowed);
    let x = Axis::linear(first.bytes as f64, last.bytes as f64);
    let y = Axis::linear(floor, best);
    let mut plot = Plot::new(model, axes.area, x, y);
    plot.across(float - allowed, palette.warn);
    if let Some(most) = model.tree.constraint.max_memory {
        plot.down(most as f64, palette.warn);
    }
    let front: Vec<_> = all.iter().filter(|p| p.best).collect();
    let corners: Vec<_> = front
        .iter()
        .map(|p| (p.bytes as f64, accuracy(p)))
        .collect();
    plot.steps(&corners, palette.bar);
    for point in all.iter().filter(|p| !p.best) {
        let style = if point.drop <= allowed {
            palette.good
        } else {
            palette.bad
        };
        plot.dot(point.bytes as f64, accuracy(point), style);
    }
    for point in &front {
        let style = if point.drop <= allowed {
            palette.good
        } else {
            palette.bad
        };
        plot.sign(point.bytes as f64, accuracy(point), symbols.trunk, style);
    }
    for point in all {
        let sign = if model.nodes.selected == Some(point.id) {
            Some((symbols.cursor, palette.selected))
        } else if model.tree.incumbent == Some(point.id) {
            Some((symbols.incumbent, palette.incumbent))
        } else {
            None
        };
        if let Some((sign, style)) = sign {
            plot.sign(point.bytes as f64, accuracy(point), sign, style);
        }
    }
    plot.draw(frame);
    let legend = Sentence::new(model, axes.area.width)
        .add(Line::styled(
            format!("{} on the front", symbols.trunk),
            palette.text,
        ))
        .add(Line::styled(
            format!("{} incumbent", symbols.incumbent),
            palette.incumbent,
        ))
        .add(Line::styled(
            format!("{} selected", symbols.cursor),
            palette.strong,
        ))
        .add(Line::from(vec![Span::styled(
            format!("float {} %", points(float)),
            palette.dim,
        )]));
    axes.title(frame, legend.line());
    let y_labels = [
        (float - allowed, points(float - allowed)),
        (float, points(float)),
        (floor, format!("{} {}", symbols.at_most, points(floor))),
        (best, points(best)),
    ];
    axes.y_labels(frame, model, y, &y_labels);
    let x_labels = [
        (first.bytes as f64, bytes(first.bytes)),
        (last.bytes as f64, bytes(last.bytes)),
    ];
    let name = "memory; vertical: accuracy in %, float accuracy minus measured drop";
    axes.x_labels(frame, model, x, &x_labels, name);
}
