//! Every proxy against the measured accuracy drop.

use super::axis::Axis;
use super::chart::{Drawn, Entry, LEFT, Mark, Panel, Root, legend, svg};
use super::front::{drop_axis, limit_text};
use super::palette::{BLUE, INK, ORANGE};
use super::{Figure, WIDTH};
use crate::evaluate::Bounded;
use crate::profile::GateMode;
use crate::report::Report;
use crate::report::records::{CandidateRecord, Records};
use crate::search::Proxy;

const COLUMNS: usize = 2;
const HEIGHT: i32 = 256;
/// With fewer points a chart says nothing.
const ENOUGH: usize = 3;

/// A chart: its title, the title of its axis, its points (drop, and whether it was met), and a
/// limit of the gate.
struct Chart {
    title: String,
    axis: String,
    points: Vec<(f64, f64, bool)>,
    limit: Option<f64>,
}

/// The figure; none where too little was evaluated.
pub(super) fn figure(report: &Report) -> Option<Figure> {
    let records = &report.records;
    let charts = charts(report);
    charts.first()?;
    let drops: Vec<f64> = records
        .candidates
        .iter()
        .filter_map(|c| Some(c.measured()?.0))
        .collect();
    let y = drop_axis(&drops, records.limit);
    let gate = match report.gate.mode {
        GateMode::Adaptive => {
            "The gate of this run has no limit on one proxy: it rejects by the drop that its model predicts of several (the \
             first chart, where there is one)."
        }
        GateMode::Drift => {
            "The upright line is the largest drift that had passed when the gate decided last; it rejects by the fitted chance \
             of passing."
        }
        GateMode::Fixed => "The upright line is the gate's limit on the drift.",
        GateMode::Off => "This run had no gate.",
    };
    let caption = format!(
        "Each mark is an allocation that was evaluated, drops far above the limit at the upper edge; Spearman's rank \
         correlation in brackets. {gate}"
    );
    let figure = Figure::new("proxies", "Proxies against the measured drop", caption);
    let rows = charts.len().div_ceil(COLUMNS) as i32;
    let draw = |root: &Root<'_>| -> Drawn {
        let mut entries: Vec<Entry<'_>> = vec![
            (Mark::Dot, BLUE, "constraint met"),
            (Mark::Cross, ORANGE, "constraint not met"),
        ];
        let told = limit_text(records.limit);
        entries.extend(told.as_deref().map(|told| (Mark::Dashes, INK, told)));
        let top = legend(root, (LEFT, 4), &entries)?;
        for (i, chart) in charts.iter().enumerate() {
            let (column, row) = ((i % COLUMNS) as i32, (i / COLUMNS) as i32);
            let wide = WIDTH as i32 / COLUMNS as i32;
            let corner = (column * wide, top + row * HEIGHT);
            let corners = [corner, (corner.0 + wide, corner.1 + HEIGHT)];
            chart.draw(root, corners, y.clone(), records.limit)?;
        }
        Ok(())
    };
    figure.drawn(svg((rows * HEIGHT + 30) as u32, draw))
}

impl Chart {
    fn draw(&self, root: &Root<'_>, corners: [(i32, i32); 2], y: Axis, limit: f64) -> Drawn {
        let values: Vec<f64> = self.points.iter().map(|p| p.0).chain(self.limit).collect();
        let x = Axis::wide(self.axis.clone(), values.iter().copied());
        let panel = Panel::new(root, corners, &self.title, (x, y))?;
        if limit.is_finite() {
            panel.level(limit, INK)?;
        }
        if let Some(limit) = self.limit {
            panel.upright(limit, INK)?;
        }
        for (value, drop, met) in &self.points {
            let (shape, colour) = match met {
                true => (Mark::Dot, BLUE),
                false => (Mark::Cross, ORANGE),
            };
            panel.mark(*value, *drop, shape, colour)?;
        }
        Ok(())
    }
}

fn charts(report: &Report) -> Vec<Chart> {
    let records = &report.records;
    let points = |of: &dyn Fn(&CandidateRecord) -> Option<f64>| -> Vec<(f64, f64, bool)> {
        let point = |c: &CandidateRecord| {
            let (drop, met) = c.measured()?;
            Some((of(c)?, drop, met))
        };
        records.candidates.iter().filter_map(point).collect()
    };
    let forecast = Chart {
        title: String::from("the gate's forecast"),
        axis: String::from("predicted drop (points)"),
        points: points(&|c| Some(c.gate?.predicted?.drop)),
        limit: None,
    };
    let of_proxy = |proxy: Proxy| Chart {
        title: format!("{}{}", proxy.name(), rank(report, proxy)),
        axis: axis_of(proxy),
        points: points(&|c| proxy.among(c.drift, c.proxies)),
        limit: last_limit(records).filter(|_| proxy == Proxy::Drift),
    };
    let all = [forecast].into_iter().chain(Proxy::ALL.map(of_proxy));
    all.filter(|chart| chart.points.len() >= ENOUGH).collect()
}

fn rank(report: &Report, proxy: Proxy) -> String {
    let found = report.evidence.correlation(proxy);
    found.map_or_else(String::new, |Bounded { value, .. }| {
        format!(" ({value:.2})")
    })
}

/// The limit on drift that the gate told when it decided last.
fn last_limit(records: &Records) -> Option<f64> {
    records.candidates.iter().rev().find_map(|c| c.gate?.limit)
}

fn axis_of(proxy: Proxy) -> String {
    let unit = match proxy {
        Proxy::Drift | Proxy::MaxDrift | Proxy::ImageDrift => "thresholds",
        Proxy::SpikeFlips => "share of spikes",
        Proxy::Divergence | Proxy::WideDivergence | Proxy::LossIncrease => "nats",
        Proxy::WeightError | Proxy::OutputError => "relative",
        Proxy::Disagreement => "share of images",
    };
    format!("{} ({unit})", proxy.name())
}
