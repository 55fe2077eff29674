//! The figures of a report, each one SVG that needs no fonts and no files.
//!
//! Charts are drawn by `plotters`, strips and maps of cells by `svg::Canvas`. Colours are written
//! as in light surroundings; the style of a figure exchanges them where a screen is dark.

mod axis;
mod bits;
mod chart;
mod course;
mod front;
mod heat;
mod histograms;
mod palette;
mod proxies;
mod svg;

use super::Report;
use super::compare::Compared;
use super::html::escape;
pub(super) use palette::style;

/// The width of every figure in pixels.
const WIDTH: u32 = 760;
/// The size of text in pixels.
const TEXT: u32 = 12;

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name: that of its file without the ending.
    pub name: &'static str,
    /// Its title.
    pub title: String,
    /// What is to be seen, in a sentence or two.
    pub caption: String,
    /// The element `svg`.
    svg: String,
}

impl Figure {
    fn new(name: &'static str, title: impl Into<String>, caption: impl Into<String>) -> Self {
        Figure {
            name,
            title: title.into(),
            caption: caption.into(),
            svg: String::new(),
        }
    }

    /// The figure with what was drawn; none where it could not be.
    fn drawn(self, svg: Option<String>) -> Option<Self> {
        Some(Figure { svg: svg?, ..self })
    }

    /// As a file of its own.
    pub fn file(&self) -> String {
        let text = format!("<style>\n{}</style>\n", style());
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}",
            self.with(&text)
        )
    }

    /// As an element of a page that has the style.
    pub(super) fn inline(&self) -> String {
        self.with("")
            .replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")
    }

    /// The element with a title, a role and more behind its opening tag.
    fn with(&self, more: &str) -> String {
        let (open, rest) = self.svg.split_once('>').unwrap_or((&self.svg, ""));
        let title = escape(&self.title);
        format!("{open} class=\"figure\" role=\"img\">\n<title>{title}</title>\n{more}{rest}")
    }
}

/// All figures that a report has the numbers for, in the order of its text.
pub fn figures(report: &Report) -> Vec<Figure> {
    let all = [
        front::figure(report),
        bits::strip(report),
        bits::by_stage(report),
        course::figure(report),
        proxies::figure(report),
        heat::figure(report),
        histograms::figure(report),
    ];
    all.into_iter().flatten().collect()
}

/// The figures of a comparison.
pub(super) fn compared(runs: &[Compared<'_>]) -> Vec<Figure> {
    [front::compared(runs), bits::compared(runs)]
        .into_iter()
        .flatten()
        .collect()
}
