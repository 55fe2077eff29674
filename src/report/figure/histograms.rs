//! Histograms of membrane potentials at the sites that drifted most.

use super::axis::Axis;
use super::chart::{Drawn, Entry, LEFT, Mark, Panel, Root, legend, svg};
use super::palette::{BLUE, INK, ORANGE};
use super::svg::{characters, shortened};
use super::{Figure, WIDTH};
use crate::evaluate::SitePotentials;
use crate::report::Report;

/// Sites that are shown.
const SITES: usize = 6;
const COLUMNS: usize = 2;
const HEIGHT: i32 = 230;

/// A site: its name, its drift, and its potentials in the float network and under the result.
struct Site<'a> {
    name: &'a str,
    drift: Option<f64>,
    float: &'a SitePotentials,
    result: &'a SitePotentials,
}

/// The figure; none where the potentials were not measured.
pub(super) fn figure(report: &Report) -> Option<Figure> {
    let sites = sites(report)?;
    let caption = format!(
        "The share of potentials before the reset, over images, neurons and time steps, at the {} neuron sites of largest drift; \
         measured for this report on the calibration images. The upright line is the threshold; what lies beyond the range is \
         counted in its outermost bins.",
        sites.len()
    );
    let figure = Figure::new(
        "potentials",
        "Membrane potentials of the most drifted sites",
        caption,
    );
    let rows = sites.len().div_ceil(COLUMNS) as i32;
    let draw = |root: &Root<'_>| -> Drawn {
        let entries: [Entry<'_>; 2] = [
            (Mark::Line, BLUE, "float network"),
            (Mark::Line, ORANGE, "the result"),
        ];
        let top = legend(root, (LEFT, 4), &entries)?;
        for (i, site) in sites.iter().enumerate() {
            let (column, row) = ((i % COLUMNS) as i32, (i / COLUMNS) as i32);
            let wide = WIDTH as i32 / COLUMNS as i32;
            let corner = (column * wide, top + row * HEIGHT);
            site.draw(root, [corner, (corner.0 + wide, corner.1 + HEIGHT)])?;
        }
        Ok(())
    };
    figure.drawn(svg((rows * HEIGHT + 30) as u32, draw))
}

/// The sites of largest drift, the largest first.
fn sites(report: &Report) -> Option<Vec<Site<'_>>> {
    let activity = report.activity.as_ref()?.measured.as_ref()?;
    let records = &report.records;
    let pairs = activity.float.sites.iter().zip(&activity.result.sites);
    let mut sites: Vec<Site<'_>> = Vec::new();
    for (i, (float, result)) in pairs.enumerate() {
        sites.push(Site {
            name: records.sites.get(i).map_or("", String::as_str),
            drift: records.site_drift.get(i).copied(),
            float,
            result,
        });
    }
    let drift = |site: &Site<'_>| site.drift.unwrap_or(0.0);
    sites.sort_by(|a, b| drift(b).total_cmp(&drift(a)));
    sites.truncate(SITES);
    (!sites.is_empty()).then_some(sites)
}

impl Site<'_> {
    fn draw(&self, root: &Root<'_>, corners: [(i32, i32); 2]) -> Drawn {
        let shares = |of: &SitePotentials| -> Vec<f64> {
            let all: u64 = of.bins.iter().fold(0, |a, b| a.saturating_add(*b));
            of.bins
                .iter()
                .map(|n| 100.0 * *n as f64 / all.max(1) as f64)
                .collect()
        };
        let (float, result) = (shares(self.float), shares(self.result));
        let most = float.iter().chain(&result).copied().fold(0.0, f64::max);
        let x = Axis::between("potential (thresholds)", self.float.from, self.float.to);
        let y = Axis::between("share (%)", 0.0, most * 1.05);
        let drift = self
            .drift
            .map_or_else(String::new, |d| format!(", drift {d:.3}"));
        let room = characters(f64::from(corners[1].0 - corners[0].0) - 80.0);
        let name = shortened(self.name, room.saturating_sub(drift.len()));
        let panel = Panel::new(root, corners, &format!("{name}{drift}"), (x, y))?;
        panel.upright(1.0, INK)?;
        for (shares, colour) in [(float, BLUE), (result, ORANGE)] {
            let step = (self.float.to - self.float.from) / shares.len().max(1) as f64;
            let bin = |(i, share): (usize, &f64)| (self.float.from + i as f64 * step, *share);
            let mut points: Vec<(f64, f64)> = shares.iter().enumerate().map(bin).collect();
            points.push((self.float.to, shares.last().copied().unwrap_or(0.0)));
            panel.steps(&points, colour)?;
        }
        Ok(())
    }
}
