//! How the potentials of the selected node are spread at the chosen site, against the float
//! network's.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::component::{About, Area, Component};
use crate::evaluate::SitePotentials;
use crate::tui::model::{Model, Pane};
use crate::tui::text;
use crate::tui::widgets::{Sentence, cell, line_area, number, spinner};

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
        frame.render_widget(
            Line::styled("no node yet", palette.dim),
            line_area(inside, 0),
        );
        return;
    };
    let say = |frame: &mut Frame, from: usize, content: &str, style: Style| {
        let lines = text::wrap(content, usize::from(inside.width));
        let room = usize::from(inside.height).saturating_sub(from);
        for (i, line) in lines.into_iter().take(room).enumerate() {
            frame.render_widget(Line::styled(line, style), line_area(inside, from + i));
        }
    };
    let moved = match node.site_drift.get(at) {
        Some(drift) => format!("{} thresholds from float", text::drift(*drift)),
        None => String::from("drift not measured"),
    };
    let first = Sentence::new(model, inside.width).add(moved);
    if model.looking.as_ref() == Some(&node.allocation) {
        let line = first.add(format!("{} measuring", spinner(model))).line();
        frame.render_widget(line, line_area(inside, 0));
        return;
    }
    match model.potentials() {
        None => {
            frame.render_widget(first.line(), line_area(inside, 0));
            let todo = "Not measured yet: enter measures the potentials of this node on the calibration images, in a \
                        background thread. The search does not use them.";
            say(frame, 2, todo, palette.dim);
        }
        Some(Err(why)) => {
            frame.render_widget(first.line(), line_area(inside, 0));
            say(frame, 2, &format!("! {why}"), palette.bad);
        }
        Some(Ok(both)) => match (both.0.sites.get(at), both.1.sites.get(at)) {
            (Some(float), Some(own)) => {
                let legend = first
                    .add(Line::styled(
                        format!("{} {}", model.theme.symbols.full, node.id),
                        palette.bar,
                    ))
                    .add(Line::styled(
                        format!("{} float", model.theme.symbols.edge),
                        palette.strong,
                    ))
                    .line();
                frame.render_widget(legend, line_area(inside, 0));
                let table = TABLE.min(inside.height.saturating_sub(6));
                let area = Rect {
                    y: inside.y + 1,
                    height: inside.height.saturating_sub(1 + table),
                    ..inside
                };
                histogram(model, frame, area, float, own);
                let below = Rect {
                    y: area.bottom(),
                    height: table,
                    ..inside
                };
                steps(model, frame, below, float, own);
            }
            _ => say(
                frame,
                1,
                &format!("{name} has no neurons: no potentials."),
                palette.dim,
            ),
        },
    }
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
    let most = (0..area.width)
        .flat_map(|x| [root(float, x), root(own, x)])
        .fold(1.0, f64::max);
    let eighths = |value: f64| (value / most * f64::from(height) * 8.0).round() as u32;
    let threshold = (1.0 - own.from) / (own.to - own.from) * f64::from(area.width);
    let threshold = threshold as u16;
    for x in 0..area.width {
        let (own, float) = (eighths(root(own, x)), eighths(root(float, x)));
        for y in 0..height {
            let below = u32::from(height - 1 - y) * 8;
            let fill = own.saturating_sub(below).min(8);
            let is_edge = float > below && float <= below + 8;
            let (sign, style) = if is_edge {
                (model.theme.symbols.edge, palette.strong)
            } else if fill == 8 {
                (model.theme.symbols.full, palette.bar)
            } else if fill > 0 {
                let part = if model.theme.symbols.ascii {
                    if fill > 3 { "#" } else { "." }
                } else {
                    EIGHTHS[fill as usize]
                };
                (part, palette.bar)
            } else if x == threshold {
                (model.theme.symbols.rail, palette.warn)
            } else {
                continue;
            };
            let at = Rect {
                x: area.x + x,
                y: area.y + y,
                width: 1,
                height: 1,
            };
            frame.render_widget(Span::styled(sign, style), at);
        }
    }
    let mut axis = vec![' '; usize::from(area.width)];
    let mut put = |at: usize, label: &str| {
        let at = at.min(axis.len().saturating_sub(label.chars().count()));
        for (cell, c) in axis.iter_mut().skip(at).zip(label.chars()) {
            *cell = c;
        }
    };
    put(0, &format!("{:.0}", own.from));
    put(usize::MAX, &format!("{:.0}", own.to));
    put(usize::from(threshold), "threshold 1");
    let axis: String = axis.into_iter().collect();
    let at = Rect {
        y: area.y + height,
        height: 1,
        ..area
    };
    frame.render_widget(Line::styled(axis, palette.dim), at);
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
    let moved: Vec<f64> = own
        .means
        .iter()
        .zip(&float.means)
        .map(|(own, float)| (own - float).abs())
        .collect();
    let most = moved.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut line = row("moved", numbers(&moved), palette.text);
    let spark = moved.iter().take(count).map(|m| {
        let eighth = (m / most * 8.0).round().clamp(0.0, 8.0) as usize;
        match (model.theme.symbols.ascii, eighth) {
            (true, n) => [" ", ".", ":", "-", "=", "+", "*", "%", "#"][n],
            (false, 8) => "█",
            (false, n) => EIGHTHS[n],
        }
    });
    line.spans.push(Span::raw("  "));
    line.spans
        .push(Span::styled(spark.collect::<String>(), palette.changed));
    let heading = (1..=count).map(|i| i.to_string()).collect();
    let lines = [
        row("time step", heading, palette.dim),
        row("mean", numbers(&own.means), palette.text),
        row("  of float", numbers(&float.means), palette.dim),
        line,
        row("spikes", numbers(&own.rates), palette.text),
        row("  of float", numbers(&float.rates), palette.dim),
    ];
    for (i, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        frame.render_widget(line, line_area(area, i));
    }
}
