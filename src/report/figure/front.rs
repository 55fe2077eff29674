//! Accuracy against memory: what was measured, what was predicted, and the limit.

use super::axis::Axis;
use super::chart::{Drawn, Entry, LEFT, Mark, Panel, Root, dashed, legend, svg};
use super::palette::{BLUE, Colour, GREEN, GREY, INK, ORANGE, PURPLE, SERIES};
use super::{Figure, WIDTH};
use crate::report::Report;
use crate::report::compare::Compared;
use crate::report::records::{CandidateRecord, Records};
use crate::text::numbers::points;

const HEIGHT: u32 = 420;

/// The unit in which a memory of so many bytes at most is told.
pub(super) fn unit(bytes: u64) -> (f64, &'static str) {
    match bytes {
        0..8192 => (1.0, "bytes"),
        8192..8_388_608 => (1024.0, "KiB"),
        _ => (1_048_576.0, "MiB"),
    }
}

/// An axis of memory for so many bytes at most.
pub(super) fn memory_axis(bytes: impl IntoIterator<Item = u64> + Clone) -> (Axis, f64) {
    let (scale, unit) = unit(bytes.clone().into_iter().max().unwrap_or(0));
    let values: Vec<f64> = bytes.into_iter().map(|b| b as f64 / scale).collect();
    let axis = Axis::wide(format!("memory ({unit})"), values.iter().copied());
    (axis, scale)
}

/// An axis of accuracy drops: what is far above the limit lies at its upper end.
pub(super) fn drop_axis(drops: &[f64], limit: f64) -> Axis {
    let finite = || drops.iter().copied().filter(|d| d.is_finite());
    let most = finite().fold(0.0, f64::max);
    let least = finite().fold(0.0, f64::min);
    let high = match limit.is_finite() {
        true => most.min((4.0 * limit).max(4.0)).max(1.3 * limit),
        false => most,
    };
    let room = 0.06 * (high - least).max(0.5);
    Axis::between("accuracy drop (points)", least - room, high + room)
}

/// How many drops lie above the axis.
fn beyond(axis: &Axis, drops: &[f64]) -> usize {
    drops.iter().filter(|d| **d > axis.range().1).count()
}

/// A kind of candidates: its mark, colour and name, and where they lie.
struct Series {
    entry: (Mark, Colour, &'static str),
    at: Vec<(u64, f64)>,
}

fn series(records: &Records) -> Vec<Series> {
    let of = |entry, at: &dyn Fn(&CandidateRecord) -> Option<f64>| Series {
        entry,
        at: records
            .candidates
            .iter()
            .filter_map(|c| Some((c.bytes, at(c)?)))
            .collect(),
    };
    let verdict =
        |met: bool| move |c: &CandidateRecord| c.measured().filter(|m| m.1 == met).map(|m| m.0);
    let rejected = |c: &CandidateRecord| {
        let predicted = c.gate.and_then(|gate| gate.predicted);
        predicted
            .filter(|_| c.measured().is_none() && is_rejected(c))
            .map(|p| p.drop)
    };
    vec![
        of((Mark::Cross, ORANGE, "constraint not met"), &verdict(false)),
        of(
            (
                Mark::Square,
                GREY,
                "rejected by the gate, at the drop predicted",
            ),
            &rejected,
        ),
        of((Mark::Dot, BLUE, "constraint met"), &verdict(true)),
    ]
}

fn is_rejected(candidate: &CandidateRecord) -> bool {
    candidate.state == crate::search::State::HeldBack
}

/// The predicted front: memory and drop, without what another prediction dominates. (What was
/// measured has marks of its own.)
fn predicted(report: &Report) -> Vec<(u64, f64)> {
    let point = |line: &crate::report::FrontLine| {
        let prediction = line.point.prediction;
        let is_measured = prediction.measured.is_some_and(|measured| measured.whole);
        let predicted = prediction.predicted.filter(|_| !is_measured)?;
        Some((prediction.memory_bytes, predicted.drop))
    };
    let mut points: Vec<(u64, f64)> = report.front.iter().filter_map(point).collect();
    points.sort_by_key(|(bytes, _)| *bytes);
    let mut least = f64::INFINITY;
    points.retain(|(_, drop)| {
        let is_on_front = *drop < least;
        least = least.min(*drop);
        is_on_front
    });
    points
}

/// The figure of a run; none before anything was measured.
pub(super) fn figure(report: &Report) -> Option<Figure> {
    let records = &report.records;
    let all = series(records);
    let front = predicted(report);
    let at = || all.iter().flat_map(|s| s.at.iter()).chain(&front);
    at().next()?;
    let drops: Vec<f64> = at().map(|(_, drop)| *drop).collect();
    let bytes: Vec<u64> = at().map(|(bytes, _)| *bytes).collect();
    let (x, scale) = memory_axis(bytes);
    let y = drop_axis(&drops, records.limit);
    let caption = caption(records, beyond(&y, &drops));
    let figure = Figure::new("front", "Accuracy drop against memory", caption);
    let draw = |root: &Root<'_>| draw(root, report, (&all, &front), (x, y, scale));
    figure.drawn(svg(HEIGHT, draw))
}

fn caption(records: &Records, above: usize) -> String {
    let mut caption = String::from(
        "Each mark is a candidate at its memory and its drop on the search images looked at; a screening that stopped early \
         looked at few.",
    );
    let candidates = |n: usize| match n {
        1 => String::from("1 candidate"),
        n => format!("{n} candidates"),
    };
    if above > 0 {
        caption.push_str(&format!(
            " {} above the range: drawn at its upper edge.",
            candidates(above)
        ));
    }
    let unknown = records.candidates.iter().filter(|c| {
        is_rejected(c) && c.measured().is_none() && c.gate.is_none_or(|g| g.predicted.is_none())
    });
    match unknown.count() {
        0 => {}
        n => caption.push_str(&format!(
            " {} rejected by the gate and not drawn: nothing is known of the drop.",
            candidates(n)
        )),
    }
    caption
}

fn draw(
    root: &Root<'_>,
    report: &Report,
    (all, front): (&[Series], &[(u64, f64)]),
    (x, y, scale): (Axis, Axis, f64),
) -> Drawn {
    let mut entries: Vec<Entry<'_>> = all
        .iter()
        .filter(|s| !s.at.is_empty())
        .map(|s| s.entry)
        .collect();
    if !front.is_empty() {
        entries.push((Mark::Line, PURPLE, "predicted front"));
    }
    let result = report.records.result();
    if result.is_some() {
        entries.push((Mark::Ring, GREEN, "the result"));
    }
    let told = limit_text(report.records.limit);
    entries.extend(told.as_deref().map(|told| (Mark::Dashes, INK, told)));
    let top = legend(root, (LEFT, 4), &entries)?;
    let corners = [(0, top + 4), (WIDTH as i32, HEIGHT as i32)];
    let panel = Panel::new(root, corners, "", (x, y))?;
    limit(&panel, report.records.limit)?;
    panel.line(front.iter().map(|(b, d)| (*b as f64 / scale, *d)), PURPLE)?;
    for of in all {
        let (shape, colour, _) = of.entry;
        for (bytes, drop) in &of.at {
            panel.mark(*bytes as f64 / scale, *drop, shape, colour)?;
        }
    }
    if let Some((drop, _)) = result.and_then(CandidateRecord::measured) {
        let bytes = result.map_or(0, |r| r.bytes);
        panel.mark(bytes as f64 / scale, drop, Mark::Ring, GREEN)?;
    }
    if let Some(most) = report.constraint.max_memory {
        panel.upright(most as f64 / scale, INK)?;
    }
    Ok(())
}

/// The line of the limit, where there is one.
fn limit(panel: &Panel<'_, '_>, limit: f64) -> Drawn {
    match limit.is_finite() {
        true => panel.level(limit, INK),
        false => Ok(()),
    }
}

/// The limit in a legend, where there is one.
pub(super) fn limit_text(limit: f64) -> Option<String> {
    let told = || format!("limit: {} points", points(limit));
    limit.is_finite().then(told)
}

/// The fronts of several runs in one chart.
pub(super) fn compared(runs: &[Compared<'_>]) -> Option<Figure> {
    let fronts: Vec<Vec<(u64, f64)>> = runs.iter().map(|run| predicted(run.report)).collect();
    let results: Vec<Option<(u64, f64)>> = runs
        .iter()
        .map(|run| {
            let result = run.report.records.result()?;
            Some((result.bytes, result.measured()?.0))
        })
        .collect();
    let at = || fronts.iter().flatten().chain(results.iter().flatten());
    at().next()?;
    let drops: Vec<f64> = at().map(|p| p.1).collect();
    let (x, scale) = memory_axis(at().map(|p| p.0).collect::<Vec<u64>>());
    let bound = runs
        .iter()
        .map(|run| run.report.records.limit)
        .fold(f64::NEG_INFINITY, f64::max);
    let y = drop_axis(&drops, bound);
    let figure = Figure::new(
        "compared-front",
        "Fronts of the runs",
        "The front that each run predicts, a ring at its result, and the limit of each as a level broken line.",
    );
    let draw = |root: &Root<'_>| {
        let colour = |i: usize| SERIES[i % SERIES.len()];
        let labels: Vec<String> = runs.iter().map(Compared::label).collect();
        let entries: Vec<Entry<'_>> = labels
            .iter()
            .enumerate()
            .map(|(i, label)| (shape(i), colour(i), label.as_str()))
            .collect();
        let top = legend(root, (LEFT, 4), &entries)?;
        let corners = [(0, top + 4), (WIDTH as i32, HEIGHT as i32 + 20)];
        let panel = Panel::new(root, corners, "", (x, y))?;
        for (i, (front, result)) in fronts.iter().zip(&results).enumerate() {
            limit(
                &panel,
                runs.get(i)
                    .map_or(f64::INFINITY, |run| run.report.records.limit),
            )?;
            let points: Vec<(f64, f64)> =
                front.iter().map(|(b, d)| (*b as f64 / scale, *d)).collect();
            match shape(i) {
                Mark::Dashes => {
                    let pixels: Vec<(i32, i32)> =
                        points.iter().map(|(x, y)| panel.at(*x, *y)).collect();
                    dashed(root, &pixels, colour(i))?;
                }
                _ => panel.line(points, colour(i))?,
            }
            if let Some((bytes, drop)) = result {
                panel.mark(*bytes as f64 / scale, *drop, Mark::Ring, colour(i))?;
            }
        }
        Ok(())
    };
    figure.drawn(svg(HEIGHT + 20, draw))
}

/// Lines of every other run are broken.
fn shape(run: usize) -> Mark {
    match run % 2 {
        0 => Mark::Line,
        _ => Mark::Dashes,
    }
}
