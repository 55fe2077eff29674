//! Accuracy against memory: all that was measured, the front, the constraint, the incumbent.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::pieces::{Sentence, cell, line_area, number, row};
use super::plot::{Axes, Axis, Plot};
use crate::tui::layout::Layout;
use crate::tui::model::{Model, Pane, Point};
use crate::tui::text::{self, bytes, points};

/// The float network's accuracy in percent; 100 while it is unknown.
fn float(model: &Model) -> f64 {
    let float = &model.tree.float;
    if float.is_empty() {
        100.0
    } else {
        100.0 * float.correct() as f64 / float.len() as f64
    }
}

/// Draws the plot.
pub fn plot(model: &Model, frame: &mut Frame, layout: &Layout) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let Some(axes) = layout.fixed(Pane::Front).and_then(Axes::of) else {
        return;
    };
    let all = &model.front.points;
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        axes.title(frame, Line::styled("no node is evaluated yet", palette.dim));
        return;
    };
    let float = float(model);
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
    let name = "memory, upward accuracy in percent: float's less the measured drop";
    axes.x_labels(frame, model, x, &x_labels, name);
}

const DROP: usize = 8;
const ACCURACY: usize = 8;
const MEMORY: usize = 10;
const STATE: usize = 12;

/// Draws the nodes of the plot, smallest first.
pub fn list(model: &Model, frame: &mut Frame, layout: &Layout) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let (Some(fixed), Some(list)) = (layout.fixed(Pane::Points), layout.list(Pane::Points)) else {
        return;
    };
    // In a narrow pane the name matters more than what can be told from the others.
    let wide = list.width >= 66;
    let (accuracy, state) = if wide { (ACCURACY, STATE) } else { (0, 2) };
    let others = 1 + 2 + MEMORY + accuracy + DROP + 1 + state;
    let room = usize::from(list.width).saturating_sub(others);
    if fixed.height > 0 {
        let heading = Line::from(vec![
            cell("   node", room + 3, palette.dim),
            number("memory", MEMORY, palette.dim),
            number(
                if wide { "accuracy" } else { "" },
                accuracy + usize::from(wide),
                palette.dim,
            ),
            number("drop", DROP - usize::from(wide), palette.dim),
            cell(if wide { " state" } else { "" }, state, palette.dim),
        ]);
        frame.render_widget(heading, fixed);
    }
    let (pane, float) = (&model.front, float(model));
    let focused = matches!(model.focus, Pane::Front | Pane::Points);
    let window = pane
        .scroll
        .window(pane.points.len(), usize::from(list.height));
    for (i, at) in window.enumerate() {
        let node = pane
            .points
            .get(at)
            .and_then(|p| Some((p, model.tree.get(p.id)?)));
        let Some((point, node)) = node else { continue };
        let mark = if model.tree.incumbent == Some(point.id) {
            Span::styled(format!("{} ", symbols.incumbent), palette.incumbent)
        } else if point.best {
            Span::styled(format!("{} ", symbols.trunk), palette.bar)
        } else {
            Span::raw("  ")
        };
        let (symbol, word, style) = model.theme.state(node.state());
        let line = Line::from(vec![
            mark,
            cell(
                &model.title_in(point.id, room.saturating_sub(1)),
                room,
                palette.text,
            ),
            number(&bytes(point.bytes), MEMORY, palette.text),
            number(
                &if wide {
                    points(float - point.drop)
                } else {
                    String::new()
                },
                accuracy,
                palette.text,
            ),
            number(&points(point.drop), DROP, palette.text),
            Span::raw(" "),
            cell(
                &if wide {
                    format!("{symbol} {word}")
                } else {
                    symbol.to_owned()
                },
                state,
                style,
            ),
        ]);
        let selected = model.nodes.selected == Some(point.id);
        row(model, frame, line_area(list, i), line, selected, focused);
    }
    if pane.points.is_empty() {
        let waiting = text::cut("  no node is evaluated yet", usize::from(list.width), "");
        frame.render_widget(Line::styled(waiting, palette.dim), line_area(list, 0));
    }
}
