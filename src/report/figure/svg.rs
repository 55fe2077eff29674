//! Strips and maps of cells, written as SVG.

use std::fmt::Write as _;

use super::palette::Colour;
use super::{TEXT, WIDTH};
use crate::report::html::escape;

/// The share of the text size that a character takes on average, generously.
const CHARACTER: f64 = 0.62;

/// How text stands at its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Elements of an SVG, from the top left corner on.
#[derive(Clone, Debug, Default)]
pub(super) struct Canvas {
    elements: String,
}

impl Canvas {
    /// A rectangle of a colour, with what a pointer over it shows.
    pub fn cell(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), fill: &str, tip: &str) {
        let tip = escape(tip);
        let _ = writeln!(
            self.elements,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"{fill}\"><title>{tip}</title></rect>"
        );
    }

    /// A straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: Colour) {
        let stroke = colour.hex();
        let _ = writeln!(
            self.elements,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\" stroke-width=\"1\"/>"
        );
    }

    /// Text at a point on its base line.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, fill: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = writeln!(
            self.elements,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{TEXT}\" fill=\"{fill}\">{text}</text>"
        );
    }

    /// The element `svg` of this height.
    pub fn finish(self, height: f64) -> String {
        let height = height.ceil();
        format!(
            "<svg width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n{}</svg>\n",
            self.elements
        )
    }
}

/// The most characters that fit into so many pixels.
pub(super) fn characters(width: f64) -> usize {
    (width / (f64::from(TEXT) * CHARACTER)).max(0.0) as usize
}

/// The width of a text in pixels, generously.
pub(super) fn width(text: &str) -> f64 {
    text.chars().count() as f64 * f64::from(TEXT) * CHARACTER
}

/// Text shortened in its middle to so many characters; empty where not even three fit.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= most {
        return text.to_owned();
    }
    if most < 3 {
        return String::new();
    }
    let (start, end) = (most / 2, (most - 1) / 2);
    let start = all.iter().take(start);
    let end = all.iter().skip(all.len() - end);
    start.chain(['…'].iter()).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("stage1.0.q_conv", 20), "stage1.0.q_conv");
        assert_eq!(shortened("stage1.0.q_conv", 9), "stag…conv");
        assert_eq!(shortened("head", 2), "");
        assert_eq!(shortened("äöüß", 3), "ä…ß");
    }

    #[test]
    fn names_are_escaped() {
        let mut canvas = Canvas::default();
        canvas.cell((0.0, 0.0), (1.0, 1.0), "#000000", "<&\"'>");
        canvas.text((0.0, 0.0), Anchor::Start, "#000000", "</text><script>");
        let svg = canvas.finish(10.0);
        assert!(
            !svg.contains("<script>") && svg.contains("&lt;&amp;&quot;&#39;&gt;"),
            "{svg}"
        );
    }
}
