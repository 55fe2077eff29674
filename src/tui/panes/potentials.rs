//! How the potentials of the selected node are spread at the chosen site, against the float
//! network's.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::component::{About, Area, Component};
use crate::evaluate::SitePotentials;
use crate::tui::model::{Model, Pane, mean};
use crate::tui::text;
use crate::tui::widgets::{Sentence, below, cell, line_area, number, spinner};

/// The potentials of the selected node at the chosen site.
pub struct PotentialsPlot;

impl Component for PotentialsPlot {
    fn about(&self) -> About {
        About::plot(Pane::Potentials, "Potentials", Pane::Sites)
    }

    fn info(&self, model: &Model, columns: usize) -> String {
        let site = model.site().map_or("", |(_, name)| name);
        text::fit(site, columns, model.theme.symbols.ellipsis)
    }

    fn draw(&self, model: &Model, frame: &mut Frame, area: Area) {
        let inside = Rect {
            x: area.fixed.x + 1,
            width: area.fixed.width.saturating_sub(1),
            ..area.fixed
        };
        draw(model, frame, inside);
    }
}

/// Columns of a number per time step.
const STEP: usize = 8;
/// Columns of a row's name.
const NAME: usize = 12;
/// Rows of the table of time steps.
const TABLE: u16 = 6;

/// Draws histogram and time steps, or what to do to see them.
fn draw(model: &Model, frame: &mut Frame, inside: Rect) {
    let palette = &model.theme.palette;
    let (Some(node), Some((at, name))) = (model.shown(), model.site()) else {
        return frame.render_widget(Line::styled("no node yet", palette.dim), inside);
    };
    let moved = match node.site_drift.get(at) {
        Some(drift) => format!("{} thresholds from float", text::drift(*drift)),
        None => String::from("drift not measured"),
    };
    let first = Sentence::new(model, inside.width).add(moved);
    if model.looking.as_ref() == Some(&node.allocation) {
        let line = first.add(format!("{} measuring", spinner(model))).line();
        return frame.render_widget(line, inside);
    }
    let mut lines = vec![Line::default()];
    let (text, style) = match model.potentials() {
        None => {
            lines.insert(0, first.line());
            let todo = "Not measured yet: enter measures the potentials of this node on the calibration images, in a \
                        background thread. The search does not use them.";
            (String::from(todo), palette.dim)
        }
        Some(Err(why)) => {
            lines.insert(0, first.line());
            (format!("! {why}"), palette.bad)
        }
        Some(Ok(both)) => match both.0.sites.get(at).zip(both.1.sites.get(at)) {
            Some(sites) => {
                let (full, edge) = (model.theme.symbols.full, model.theme.symbols.edge);
                let legend = first
                    .styled(format!("{full} {}", node.id), palette.bar)
                    .styled(format!("{edge} float"), palette.strong)
                    .styled(means(model, sites), palette.text);
                frame.render_widget(legend.line(), inside);
                return draw_sites(model, frame, below(inside, 1), sites);
            }
            None => (
                format!("{name} has no neurons: no potentials."),
                palette.dim,
            ),
        },
    };
    let text = text::wrap(&text, usize::from(inside.width)).into_iter();
    lines.extend(text.map(|line| Line::styled(line, style)));
    frame.render_widget(Text::from(lines), inside);
}

/// The mean over the time steps, of the float network and of the node.
fn means(model: &Model, (float, own): (&SitePotentials, &SitePotentials)) -> String {
    let mean = |site: &SitePotentials| mean(&site.means).unwrap_or(0.0);
    let arrow = model.theme.symbols.arrow;
    format!("mean {:.3} {arrow} {:.3}", mean(float), mean(own))
}

/// Draws the potentials of a site: the float network's and the node's.
fn draw_sites(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    (float, own): (&SitePotentials, &SitePotentials),
) {
    let table = TABLE.min(area.height.saturating_sub(5));
    let height = area.height.saturating_sub(table);
    histogram(model, frame, Rect { height, ..area }, float, own);
    steps(model, frame, below(area, height), float, own);
}

/// Eighths of a cell, from below.
const EIGHTHS: [&str; 8] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"];

/// The share of the bins that a column of the screen covers: whole bins and parts of them, so that
/// no column has more of them than its neighbours.
fn column(site: &SitePotentials, x: u16, width: u16) -> f64 {
    let per = site.bins.len() as f64 / f64::from(width.max(1));
    let (from, to) = (f64::from(x) * per, f64::from(x + 1) * per);
    let overlap = |(i, count): (usize, &u64)| {
        let (start, end) = (i as f64, i as f64 + 1.0);
        *count as f64 * (end.min(to) - start.max(from)).max(0.0)
    };
    site.bins.iter().enumerate().map(overlap).sum()
}

/// Columns are the node's potentials, the edge is the float network's. Counts are drawn as their
/// square roots, so that rare ones are seen.
fn histogram(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    float: &SitePotentials,
    own: &SitePotentials,
) {
    let palette = &model.theme.palette;
    let height = area.height.saturating_sub(1);
    if height == 0 || area.width < 8 {
        return;
    }
    let root = |site: &SitePotentials, x| column(site, x, area.width).sqrt();
    let roots = (0..area.width).flat_map(|x| [root(float, x), root(own, x)]);
    let most = roots.fold(1.0, f64::max);
    let eighths = |value: f64| (value / most * f64::from(height) * 8.0).round() as u32;
    let threshold = (1.0 - own.from) / (own.to - own.from) * f64::from(area.width);
    let threshold = threshold as u16;
    let symbols = &model.theme.symbols;
    let buffer = frame.buffer_mut();
    for x in 0..area.width {
        let (filled, edge) = (eighths(root(own, x)), eighths(root(float, x)));
        for y in 0..height {
            let under = u32::from(height - 1 - y) * 8;
            let (sign, style) = match filled.saturating_sub(under).min(8) {
                _ if edge > under && edge <= under + 8 => (symbols.edge, palette.strong),
                0 if x == threshold => (symbols.rail, palette.warn),
                0 => continue,
                8 => (symbols.full, palette.bar),
                4.. if symbols.ascii => ("#", palette.bar),
                _ if symbols.ascii => (".", palette.bar),
                fill => (EIGHTHS[fill as usize], palette.bar),
            };
            buffer.set_string(area.x + x, area.y + y, sign, style);
        }
    }
    let labels = [
        (0, format!("{:.0}", own.from)),
        (u16::MAX, format!("{:.0}", own.to)),
        (threshold, String::from("threshold 1")),
    ];
    let axis = line_area(area, usize::from(height));
    buffer.set_style(axis, palette.dim);
    for (at, label) in labels {
        let at = at.min(axis.width.saturating_sub(label.len() as u16));
        buffer.set_stringn(
            axis.x + at,
            axis.y,
            label,
            usize::from(axis.width),
            palette.dim,
        );
    }
}

/// Means and spikes per time step, and where in time the potentials moved.
fn steps(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    float: &SitePotentials,
    own: &SitePotentials,
) {
    let palette = &model.theme.palette;
    let room = usize::from(area.width).saturating_sub(NAME) / STEP;
    let count = own.means.len().min(room);
    let row = |name: &str, values: Vec<String>, style: Style| {
        let mut spans = vec![cell(name, NAME, palette.dim)];
        spans.extend(values.iter().map(|v| number(v, STEP, style)));
        Line::from(spans)
    };
    let numbers = |values: &[f64]| {
        let shown = values.iter().take(count);
        shown.map(|v| format!("{v:.3}")).collect::<Vec<_>>()
    };
    let pairs = own.means.iter().zip(&float.means);
    let moved: Vec<f64> = pairs.map(|(own, float)| (own - float).abs()).collect();
    let most = moved.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let spark = moved.iter().take(count).map(|m| {
        let eighth = (m / most * 8.0).round().clamp(0.0, 8.0) as usize;
        match (model.theme.symbols.ascii, eighth) {
            (true, n) => [" ", ".", ":", "-", "=", "+", "*", "%", "#"][n],
            (false, 8) => "█",
            (false, n) => EIGHTHS[n],
        }
    });
    let spark = Span::styled(spark.collect::<String>(), palette.changed);
    let heading = (1..=count).map(|i| i.to_string()).collect();
    let lines = [
        row("time step", heading, palette.dim),
        row("mean", numbers(&own.means), palette.text),
        row("  of float", numbers(&float.means), palette.dim),
        row("moved", numbers(&moved), palette.text) + Span::raw("  ") + spark,
        row("spikes", numbers(&own.rates), palette.text),
        row("  of float", numbers(&float.rates), palette.dim),
    ];
    frame.render_widget(Text::from_iter(lines), area);
}
