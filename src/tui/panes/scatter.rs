//! Drift against measured drop: how well the gate's proxy ranks, and where the limits lie.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::component::{About, Area, Component};
use super::front::mark;
use crate::evaluate::Verdict;
use crate::profile::GateMode;
use crate::search::{Candidate, GateDecision, GateReason, Proxy};
use crate::tui::model::{Model, Pane};
use crate::tui::text::{self, points};
use crate::tui::widgets::{Axis, Plot, Sentence, draw_title};

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
        if Plot::fits(area.fixed) {
            plot(model, frame, area.fixed);
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
        // The model has no limit on drift alone.
        GateMode::Adaptive => None,
        GateMode::Drift => {
            let mut gated = model.gate.decisions.iter().rev();
            gated.find_map(|id| model.tree.get(*id)?.gate?.limit)
        }
    }
}

fn plot(model: &Model, frame: &mut Frame, inside: Rect) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let dots = dots(model);
    if dots.is_empty() {
        let none = Line::styled("no node is evaluated yet", palette.dim);
        return draw_title(frame, inside, none);
    }
    let (allowed, limit) = (model.tree.max_drop(), limit(model));
    let range = |of: fn(&Dot) -> f64| {
        let values = || dots.iter().map(of).filter(|v| v.is_finite());
        let least = values().fold(f64::INFINITY, f64::min);
        (least, values().fold(f64::NEG_INFINITY, f64::max))
    };
    let (least, most) = range(|d| d.drift);
    // As with drops below: what lies far beyond the limit would press the rest together.
    let far = limit.map_or(most, |limit| 3.0 * limit);
    let x = Axis::log(least.max(1e-4).min(far), most.clamp(least, far.max(least)));
    let (low, high) = range(|d| d.drop);
    // A drop of 70 points next to one of 1 would press everything that matters into one line.
    let ceiling = match model.front.whole {
        true => f64::INFINITY,
        false => (2.5 * allowed).max(1.0),
    };
    let highest = high.clamp(allowed * 1.2, ceiling.max(allowed * 1.2));
    let axis = Axis::linear(low.min(0.0), highest);
    let mut plot = Plot::new(model, inside, x, axis);
    plot.across(allowed, palette.warn);
    if let Some(limit) = limit {
        plot.down(limit, palette.warn);
    }
    draw_dots(model, &mut plot, &dots);
    let at_least = |shown: String| format!("{} {shown}", symbols.at_least);
    let top = match high > ceiling {
        true => at_least(points(ceiling)),
        false => points(high),
    };
    let mut y_labels = vec![
        (allowed, format!("{}{}", symbols.at_most, points(allowed))),
        (high.min(ceiling), top),
        (low.min(0.0), points(low.min(0.0))),
    ];
    let ticks = axis
        .ticks(usize::from(inside.height / 5).clamp(2, 6))
        .into_iter();
    y_labels.extend(ticks.map(|v| (v, format!("{v:.1}"))));
    let last = match most > far {
        true => (far, at_least(text::drift(far))),
        false => (most, text::drift(most)),
    };
    let marked = limit.map(|limit| (limit, format!("limit {}", text::drift(limit))));
    let ends = [(least, text::drift(least)), last];
    let x_labels: Vec<_> = marked.into_iter().chain(ends).collect();
    let legend = legend(model, Plot::columns(inside));
    let name = "drop (pp) vs drift (log); a: all or zoom";
    plot.draw(frame, legend, &x_labels, &y_labels, name);
}

fn draw_dots(model: &Model, plot: &mut Plot, dots: &[Dot]) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    for dot in dots.iter().filter(|d| !d.met) {
        plot.sign(dot.drift, dot.drop, symbols.failed, palette.bad);
    }
    for dot in dots.iter().filter(|d| d.met) {
        plot.sign(dot.drift, dot.drop, symbols.confirmed, palette.good);
    }
    for dot in dots {
        let is_audited = |g: GateReason| g.decision == GateDecision::Audited;
        let sign = match mark(model, dot.node.id) {
            None if model.tree.base == Some(dot.node.id) => Some((symbols.base, palette.base)),
            None if dot.node.gate.is_some_and(is_audited) => Some((symbols.audited, palette.busy)),
            mark => mark,
        };
        if let Some((sign, style)) = sign {
            plot.sign(dot.drift, dot.drop, sign, style);
        }
    }
}

fn legend(model: &Model, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let rho = model.gate.evidence.correlation(Proxy::Drift);
    Sentence::new(model, columns)
        .styled(format!("{} met", symbols.confirmed), palette.good)
        .styled(format!("{} not met", symbols.failed), palette.bad)
        .styled(format!("{} audited", symbols.audited), palette.busy)
        .maybe(rho.map(|rho| format!("rank correlation {:.2}", rho.value)))
        .line()
}
