//! The incumbent over evaluations and over seconds.

use super::axis::Axis;
use super::chart::{Drawn, Mark, Panel, Root, svg};
use super::front::memory_axis;
use super::palette::{BLUE, INK};
use super::{Figure, WIDTH};
use crate::report::Report;
use crate::text::numbers::count;

const HEIGHT: u32 = 300;

/// The figure; none before there was an incumbent.
pub(super) fn figure(report: &Report) -> Option<Figure> {
    let records = &report.records;
    let points = || records.course.iter().filter_map(|p| Some((p, p.bytes?)));
    let (_, last) = points().next_back()?;
    let (y, scale) = memory_axis(points().map(|(_, bytes)| bytes).collect::<Vec<u64>>());
    let y = y.down_to_zero();
    // Until the end of the run the last one stays.
    let over = |of: &dyn Fn(&crate::report::records::CoursePoint) -> f64, end: f64| {
        let mut line: Vec<(f64, f64)> = points()
            .map(|(p, bytes)| (of(p), bytes as f64 / scale))
            .collect();
        line.push((end, last as f64 / scale));
        line
    };
    let by_evaluations = over(&|p| p.evaluations as f64, records.evaluations as f64);
    let by_seconds = over(&|p| p.seconds, records.seconds);
    let caption = format!(
        "The memory of the incumbent, from the first confirmed allocation to the end of the run after {} evaluations and {:.0} \
         seconds of the clock (interruptions included). Answers of earlier runs count as evaluations here and take no time.",
        count(records.evaluations),
        records.seconds
    );
    let figure = Figure::new("course", "The incumbent over the search", caption);
    let draw = |root: &Root<'_>| -> Drawn {
        let middle = WIDTH as i32 / 2;
        let halves = [
            (0, middle, "evaluations", &by_evaluations),
            (middle, WIDTH as i32, "seconds since the start", &by_seconds),
        ];
        for (left, right, title, line) in halves {
            let most = line.iter().map(|p| p.0).fold(1.0, f64::max);
            let x = Axis::between(title, 0.0, most * 1.03);
            let corners = [(left, 0), (right, HEIGHT as i32)];
            let panel = Panel::new(root, corners, "", (x, y.clone()))?;
            panel.steps(line, BLUE)?;
            // The last point is the end of the run, no incumbent.
            for (x, y) in line.iter().take(line.len() - 1) {
                panel.mark(*x, *y, Mark::Dot, BLUE)?;
            }
            if let Some(most) = report.constraint.max_memory {
                panel.level(most as f64 / scale, INK)?;
            }
        }
        Ok(())
    };
    figure.drawn(svg(HEIGHT, draw))
}
