//! The preview of what is chosen: what is known of it, its chart, its bit-widths.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::entry::{Chart, Fact, Item};
use super::{Readiness, StartModel};
use crate::tui::model::Model;
use crate::tui::text::{self, bytes, points};
use crate::tui::widgets::{Axis, Plot, below, cell, strip};

const LABEL: usize = 12;
/// The lines of a chart.
const CHART: u16 = 9;

/// Draws the preview of what is chosen.
pub fn draw(model: &StartModel, frame: &mut Frame, area: Rect) {
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    let columns = usize::from(area.width);
    let mut lines = Vec::new();
    let mut chart = None;
    match model.item() {
        Some(Item::Run(at)) => {
            let Some(run) = model.runs.get(at) else {
                return;
            };
            lines.push(Line::styled(run.id.clone(), palette.strong));
            if run.is_open {
                let open = "Another program has it open: enter shows it without steering, as aq4svit watch does.";
                let open = text::wrap(open, columns).into_iter();
                lines.extend(open.map(|line| Line::styled(line, palette.busy)));
            }
            lines.extend(facts(blank, &run.facts, columns));
            chart = run.chart.as_deref();
        }
        Some(Item::Profile(at)) => {
            let Some(profile) = model.profiles.get(at) else {
                return;
            };
            lines.push(Line::styled(profile.name.clone(), palette.strong));
            lines.extend(facts(blank, &profile.facts, columns));
            if profile.readiness == Readiness::Missing {
                let advice = "Put the files where the profile names them, or change the paths by --set or in a \
                              profile of your own; then it can be started.";
                let advice = text::wrap(advice, columns).into_iter();
                lines.extend(advice.map(|line| Line::styled(line, palette.warn)));
            }
        }
        Some(Item::Missing) => {
            let text = "Profiles of networks whose weights or images are published elsewhere. Each says where they \
                        are to be had; enter shows or hides them.";
            lines.extend(text::wrap(text, columns).into_iter().map(Line::from));
        }
        None => lines.push(Line::styled("nothing matches", palette.dim)),
    }
    if let Some(bits) = chart.and_then(|c| c.bits.as_ref()) {
        let mut line = strip(blank, bits, None, columns.saturating_sub(LABEL));
        line.insert(0, cell("bits", LABEL, palette.dim));
        lines.push(Line::from(line));
    }
    let height = (lines.len() as u16).min(area.height);
    frame.render_widget(Text::from(lines), area);
    let rest = below(area, height + 1);
    if let Some(chart) = chart.filter(|_| rest.height >= CHART && Plot::fits(rest)) {
        let height = rest.height.min(2 * CHART);
        plot(blank, frame, Rect { height, ..rest }, chart);
    }
}

fn facts(blank: &Model, facts: &[Fact], columns: usize) -> Vec<Line<'static>> {
    let palette = &blank.theme.palette;
    let mut lines = Vec::new();
    for (label, text) in facts {
        let wrapped = text::wrap(text, columns.saturating_sub(LABEL));
        for (at, line) in wrapped.into_iter().enumerate() {
            let label = cell(if at == 0 { label } else { "" }, LABEL, palette.dim);
            lines.push(Line::from(vec![label, Span::raw(line)]));
        }
    }
    lines
}

/// The evaluated allocations of a run around its limit.
fn plot(blank: &Model, frame: &mut Frame, area: Rect, chart: &Chart) {
    let palette = &blank.theme.palette;
    let symbols = &blank.theme.symbols;
    let limit = if chart.limit.is_finite() {
        chart.limit
    } else {
        1.0
    };
    let most = (3.0 * limit).max(1.0);
    let shown = || chart.points.iter().filter(|(_, drop, _)| *drop <= most);
    let sizes = || shown().map(|(bytes, ..)| *bytes);
    let (Some(least), Some(largest)) = (sizes().min(), sizes().max()) else {
        return;
    };
    let low = shown().map(|(_, drop, _)| *drop).fold(0.0, f64::min);
    let mut plot = Plot::new(
        blank,
        area,
        Axis::log(least as f64, largest as f64),
        Axis::linear(low, most),
    );
    plot.across(limit, palette.warn);
    for (bytes, drop, met) in shown() {
        let (sign, style) = match met {
            true => (symbols.confirmed, palette.good),
            false => (symbols.failed, palette.bad),
        };
        plot.sign(*bytes as f64, *drop, sign, style);
    }
    let x = [least, largest].map(|n| (n as f64, bytes(n)));
    let y = [
        (limit, points(limit)),
        (most, points(most)),
        (low, points(low)),
    ];
    plot.draw(
        frame,
        Line::default(),
        &x,
        &y,
        "drop (pp) against memory (log)",
    );
}
