//! Drift against measured drop: how well the gate's proxy ranks, and where the limits lie.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::component::{About, Area, Component};
use crate::evaluate::Verdict;
use crate::profile::GateMode;
use crate::search::{Candidate, GateDecision, Proxy};
use crate::tui::model::{Model, Pane};
use crate::tui::text::{self, points};
use crate::tui::widgets::{Axes, Axis, Plot, Sentence};

/// The plot of drift against accuracy drop.
pub struct Scatter;

impl Component for Scatter {
    fn about(&self) -> About {
        About::plot(Pane::Scatter, "Drift and drop", Pane::Gate)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        format!("{} evaluated", model.gate.evidence.evaluated)
    }

    fn draw(&self, model: &Model, frame: &mut Frame, area: Area) {
        if let Some(axes) = Axes::of(area.fixed) {
            plot(model, frame, &axes);
        }
    }
}

/// A node that was measured and evaluated.
struct Dot<'a> {
    node: &'a Candidate,
    drift: f64,
    drop: f64,
    met: bool,
}

fn dots(model: &Model) -> Vec<Dot<'_>> {
    let dot = |node| {
        let node: &Candidate = node;
        let judgement = node.judgement().filter(|j| j.images > 0)?;
        Some(Dot {
            node,
            drift: node.drift?,
            drop: judgement.drop(),
            met: judgement.verdict == Verdict::Met,
        })
    };
    model.tree.candidates.iter().filter_map(dot).collect()
}

/// The drift above which the gate holds back now: given, or the largest seen to pass.
fn limit(model: &Model) -> Option<f64> {
    let settings = model.tree.settings.as_deref()?;
    match settings.gate.mode {
        GateMode::Off => None,
        GateMode::Fixed => Some(settings.gate.limit),
        GateMode::Adaptive => {
            let gated = model.gate.decisions.iter().rev();
            gated
                .filter_map(|id| model.tree.get(*id)?.gate?.limit)
                .next()
        }
    }
}

fn plot(model: &Model, frame: &mut Frame, axes: &Axes) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let dots = dots(model);
    let columns = axes.area.width;
    if dots.is_empty() {
        axes.title(frame, Line::styled("no node is evaluated yet", palette.dim));
        return;
    }
    let allowed = model.tree.max_drop();
    let range = |of: fn(&Dot) -> f64| {
        let values = || dots.iter().map(of).filter(|v| v.is_finite());
        (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    let (least, most) = range(|d| d.drift);
    // As with drops below: what lies far beyond the limit would press the rest together.
    let far = limit(model).map_or(most, |limit| 3.0 * limit);
    let x = Axis::log(least.max(1e-4).min(far), most.clamp(least, far.max(least)));
    let (low, high) = range(|d| d.drop);
    // A drop of 70 points next to one of 1 would press everything that matters into one line.
    let ceiling = (6.0 * allowed).max(1.0);
    let y = Axis::linear(
        low.min(0.0),
        high.clamp(allowed * 1.2, ceiling.max(allowed * 1.2)),
    );
    let mut plot = Plot::new(model, axes.area, x, y);
    plot.across(allowed, palette.warn);
    if let Some(limit) = limit(model) {
        plot.down(limit, palette.warn);
    }
    for dot in dots.iter().filter(|d| !d.met) {
        plot.dot(dot.drift, dot.drop, palette.bad);
    }
    for dot in dots.iter().filter(|d| d.met) {
        plot.sign(dot.drift, dot.drop, symbols.trunk, palette.good);
    }
    for dot in &dots {
        let audited = dot
            .node
            .gate
            .is_some_and(|g| g.decision == GateDecision::Audited);
        let sign = if model.nodes.selected == Some(dot.node.id) {
            Some((symbols.cursor, palette.selected))
        } else if model.tree.incumbent == Some(dot.node.id) {
            Some((symbols.incumbent, palette.incumbent))
        } else if model.tree.base == Some(dot.node.id) {
            Some((symbols.base, palette.base))
        } else if audited {
            Some((symbols.audited, palette.busy))
        } else {
            None
        };
        if let Some((sign, style)) = sign {
            plot.sign(dot.drift, dot.drop, sign, style);
        }
    }
    plot.draw(frame);
    let legend = Sentence::new(model, columns)
        .add(Line::styled(format!("{} met", symbols.trunk), palette.good))
        .add(Line::from(vec![
            Span::styled(if symbols.ascii { "." } else { "⠂" }, palette.bad),
            Span::styled(" not met", palette.bad),
        ]))
        .add(Line::styled(
            format!("{} audited", symbols.audited),
            palette.busy,
        ))
        .maybe(
            (model.gate.evidence.correlation(Proxy::Drift))
                .map(|rho| format!("rank correlation {:.2}", rho.value)),
        );
    axes.title(frame, legend.line());
    let top = if high > ceiling {
        format!("{} {}", symbols.at_least, points(ceiling))
    } else {
        points(high)
    };
    let y_labels = [
        (allowed, format!("{} {}", symbols.at_most, points(allowed))),
        (low.min(0.0), points(low.min(0.0))),
        (high.min(ceiling), top),
        (0.0, points(0.0)),
    ];
    axes.y_labels(frame, model, y, &y_labels);
    let last = if most > far {
        (far, format!("{} {}", symbols.at_least, text::drift(far)))
    } else {
        (most, text::drift(most))
    };
    let mut x_labels = vec![(least, text::drift(least)), last];
    if let Some(limit) = limit(model) {
        x_labels.insert(0, (limit, format!("limit {}", text::drift(limit))));
    }
    axes.x_labels(
        frame,
        model,
        x,
        &x_labels,
        "drift (log); vertical: measured drop in pp",
    );
}
