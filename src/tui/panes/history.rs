//! The course of the search: the memory of the incumbent and the drop of every evaluation, one
//! after the other.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::component::{About, Area, Component};
use crate::tui::model::{Evaluated, Model, Pane};
use crate::tui::text::{bytes, count, points};
use crate::tui::widgets::{Axis, Plot, Sentence, below, draw_title};

/// The lines from which on memory and drop have a plot each.
const BOTH: u16 = 14;

/// The course of the search.
pub struct Course;

impl Component for Course {
    fn about(&self) -> About {
        About::plot(Pane::History, "History", Pane::Log)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        let n = model.history.all().len();
        let plural = if n == 1 { "" } else { "s" };
        format!("{} evaluation{plural}", count(n as u64))
    }

    fn draw(&self, model: &Model, frame: &mut Frame, area: Area) {
        let all = model.history.all();
        let inside = area.fixed;
        if !Plot::fits(inside) {
            return;
        }
        if all.is_empty() {
            let none = Line::styled("no node is evaluated yet", model.theme.palette.dim);
            return draw_title(frame, inside, none);
        }
        if inside.height < BOTH {
            return memory(model, frame, inside, all);
        }
        let height = inside.height / 2;
        memory(model, frame, Rect { height, ..inside }, all);
        drops(model, frame, below(inside, height), all);
    }
}

fn evaluations(all: &[Evaluated]) -> Axis {
    Axis::linear(1.0, all.len().max(2) as f64)
}

/// The memory of every evaluated node, and the incumbent as steps.
fn memory(model: &Model, frame: &mut Frame, area: Rect, all: &[Evaluated]) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let sizes = || all.iter().map(|e| e.bytes);
    let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(1));
    let x = evaluations(all);
    let mut plot = Plot::new(model, area, x, Axis::log(least as f64, most as f64));
    let incumbents: Vec<(f64, f64)> = (1..)
        .zip(all)
        .filter_map(|(at, e): (u32, _)| Some((f64::from(at), e.incumbent? as f64)))
        .collect();
    plot.steps(&incumbents, palette.incumbent);
    for (at, e) in (1u32..).zip(all) {
        let (sign, style) = match e.met {
            true => (symbols.confirmed, palette.good),
            false => (symbols.failed, palette.bad),
        };
        plot.sign(f64::from(at), e.bytes as f64, sign, style);
    }
    let now = incumbents.last().map(|(_, n)| *n as u64);
    let legend = Sentence::new(model, Plot::columns(area))
        .maybe(now.map(|n| Line::styled(format!("incumbent {}", bytes(n)), palette.incumbent)))
        .styled(format!("{} met", symbols.confirmed), palette.good)
        .styled(format!("{} not met", symbols.failed), palette.bad);
    let y = [(least as f64, bytes(least)), (most as f64, bytes(most))];
    let name = "memory (log) over evaluations";
    plot.draw(frame, legend.line(), &labels(x), &y, name);
}

/// The drop of every evaluated node and the limit.
fn drops(model: &Model, frame: &mut Frame, area: Rect, all: &[Evaluated]) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let allowed = model.tree.max_drop();
    let limit = allowed.is_finite().then_some(allowed);
    let low = all.iter().map(|e| e.drop).fold(0.0, f64::min);
    let high = all.iter().map(|e| e.drop).fold(0.5, f64::max);
    // What lies far above the limit would press everything that matters into one line.
    let high = limit.map_or(high, |limit| high.min((3.0 * limit).max(1.0)));
    let x = evaluations(all);
    let mut plot = Plot::new(model, area, x, Axis::linear(low, high));
    if let Some(limit) = limit {
        plot.across(limit, palette.warn);
    }
    for (at, e) in (1u32..).zip(all) {
        let (sign, style) = match e.met {
            true => (symbols.confirmed, palette.good),
            false => (symbols.failed, palette.bad),
        };
        plot.sign(f64::from(at), e.drop, sign, style);
    }
    let beyond = all.iter().filter(|e| e.drop > high).count();
    let legend = Sentence::new(model, Plot::columns(area))
        .maybe(limit.map(|l| Line::styled(format!("limit {} pp", points(l)), palette.warn)))
        .maybe((beyond > 0).then(|| format!("{beyond} beyond, at the upper edge")));
    let mut y: Vec<_> = limit.map(|l| (l, points(l))).into_iter().collect();
    y.extend([(low, points(low)), (high, points(high))]);
    plot.draw(
        frame,
        legend.line(),
        &labels(x),
        &y,
        "drop (pp) over evaluations",
    );
}

fn labels(x: Axis) -> Vec<(f64, String)> {
    let whole = |v: &f64| (v.round() - v).abs() < 1e-9;
    let ticks = x.ticks(5).into_iter().filter(whole);
    ticks.map(|v| (v, format!("{v:.0}"))).collect()
}
