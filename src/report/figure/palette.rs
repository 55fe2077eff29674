//! Colours: of Okabe and Ito's set, which people with any colour vision tell apart. Marks differ in
//! shape as well.

use std::fmt::Write as _;

use plotters::style::RGBColor;

/// A colour in light surroundings, and in dark ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colour {
    light: [u8; 3],
    dark: [u8; 3],
}

const fn colour(light: [u8; 3], dark: [u8; 3]) -> Colour {
    Colour { light, dark }
}

pub(super) const PAPER: Colour = colour([0xFF, 0xFF, 0xFF], [0x14, 0x18, 0x1D]);
pub(super) const INK: Colour = colour([0x1B, 0x1F, 0x24], [0xE6, 0xE9, 0xED]);
pub(super) const SOFT: Colour = colour([0x57, 0x60, 0x6A], [0xA3, 0xAD, 0xB8]);
pub(super) const GRID: Colour = colour([0xE3, 0xE7, 0xEC], [0x2B, 0x32, 0x3A]);
pub(super) const BLUE: Colour = colour([0x00, 0x72, 0xB2], [0x56, 0xB4, 0xE9]);
pub(super) const ORANGE: Colour = colour([0xD5, 0x5E, 0x00], [0xF0, 0x8A, 0x3C]);
pub(super) const GREEN: Colour = colour([0x00, 0x80, 0x60], [0x2F, 0xC3, 0x9B]);
pub(super) const PURPLE: Colour = colour([0xA8, 0x4E, 0x85], [0xD9, 0x8F, 0xBD]);
pub(super) const GREY: Colour = colour([0x84, 0x8D, 0x97], [0x7D, 0x87, 0x92]);

const ALL: [Colour; 9] = [PAPER, INK, SOFT, GRID, BLUE, ORANGE, GREEN, PURPLE, GREY];

/// The colours of runs that are compared, in order.
pub(super) const SERIES: [Colour; 5] = [BLUE, ORANGE, GREEN, PURPLE, GREY];

impl Colour {
    /// As `plotters` takes it.
    pub fn rgb(self) -> RGBColor {
        let [r, g, b] = self.light;
        RGBColor(r, g, b)
    }

    /// As SVG takes it.
    pub fn hex(self) -> String {
        hex(self.light)
    }
}

/// As the back end of `plotters` writes it: the style looks for exactly that.
fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// The style of figures: fonts, and the other colours where a screen is dark. (Paper is light.)
pub(in crate::report) fn style() -> String {
    let mut css = String::from(
        "svg.figure text { font-family: system-ui, \"DejaVu Sans\", Verdana, sans-serif; }\n\
         @media screen and (prefers-color-scheme: dark) {\n",
    );
    for colour in ALL {
        let (light, dark) = (hex(colour.light), hex(colour.dark));
        for property in ["fill", "stroke"] {
            // Writing to a string cannot fail.
            let _ = writeln!(
                css,
                "svg.figure [{property}=\"{light}\"] {{ {property}: {dark}; }}"
            );
        }
    }
    css.push_str("}\n");
    css
}

/// A colour from a share in 0..=1, light to dark: cells are filled with it in any surroundings.
pub(super) fn shade(share: f64) -> [u8; 3] {
    // Points of the map "cividis" reversed, which is even for any colour vision.
    const POINTS: [[f64; 3]; 6] = [
        [254.0, 232.0, 130.0],
        [217.0, 193.0, 104.0],
        [163.0, 151.0, 119.0],
        [113.0, 112.0, 119.0],
        [61.0, 78.0, 108.0],
        [0.0, 42.0, 92.0],
    ];
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        1.0
    };
    let at = share * (POINTS.len() - 1) as f64;
    let low = (at as usize).min(POINTS.len() - 2);
    let part = at - low as f64;
    [0, 1, 2].map(|i| (POINTS[low][i] * (1.0 - part) + POINTS[low + 1][i] * part).round() as u8)
}

/// A shade as SVG takes it, and the colour of text upon it.
pub(super) fn cell(share: f64) -> (String, &'static str) {
    let rgb = shade(share);
    let [r, g, b] = rgb.map(f64::from);
    let is_light = 0.299 * r + 0.587 * g + 0.114 * b > 120.0;
    // Not one of the colours that the style exchanges.
    (hex(rgb), if is_light { "#101418" } else { "#FEFEFE" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast ratio of WCAG.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |rgb: [u8; 3]| {
            let [r, g, b] = rgb.map(|c| {
                let c = f64::from(c) / 255.0;
                if c <= 0.04045 {
                    c / 12.92
                } else {
                    ((c + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_is_legible_in_light_and_dark() {
        for text in [INK, SOFT] {
            assert!(contrast(text.light, PAPER.light) >= 4.5);
            assert!(contrast(text.dark, PAPER.dark) >= 4.5);
        }
        for mark in [BLUE, ORANGE, GREEN, PURPLE, GREY] {
            assert!(contrast(mark.light, PAPER.light) >= 3.0, "{mark:?}");
            assert!(contrast(mark.dark, PAPER.dark) >= 3.0, "{mark:?}");
        }
        for i in 0..=40 {
            let share = f64::from(i) / 40.0;
            let (_, text) = cell(share);
            let text = if text == "#101418" {
                [0x10, 0x14, 0x18]
            } else {
                [0xFE; 3]
            };
            assert!(
                contrast(shade(share), text) >= 4.0,
                "{share}: {}",
                contrast(shade(share), text)
            );
        }
        assert_eq!(shade(f64::NAN), shade(1.0));
    }

    #[test]
    fn every_colour_is_exchanged_once() {
        let css = style();
        for colour in ALL {
            let selector = format!("[fill=\"{}\"]", colour.hex());
            assert_eq!(css.matches(&selector).count(), 1, "{selector}");
        }
    }
}
