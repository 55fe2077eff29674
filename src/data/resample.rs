//! Resizing as Pillow does it: `Image.resize` with a filter widened by the scale (antialias), in
//! its fixed-point arithmetic, so that networks see the very pixels that they were validated on.
//!
//! Horizontally first, rounded and clipped to bytes in between, then vertically; weights of 22
//! fractional bits, each rounded by itself. (The resizing libraries of Rust take the directions in
//! the other order, or round the weights otherwise, and differ by up to ten levels at edges.)

use std::ops::Range;

/// The filter between pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Cubic convolution with a = -1/2, over two pixels to each side.
    Bicubic,
    /// A triangle over one pixel to each side.
    Bilinear,
}

impl Filter {
    /// Its name in messages and cache keys.
    pub fn name(self) -> &'static str {
        match self {
            Filter::Bicubic => "bicubic",
            Filter::Bilinear => "bilinear",
        }
    }

    fn support(self) -> f64 {
        match self {
            Filter::Bicubic => 2.0,
            Filter::Bilinear => 1.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Filter::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Filter::Bilinear if x < 1.0 => 1.0 - x,
            Filter::Bicubic | Filter::Bilinear => 0.0,
        }
    }
}

/// Fractional bits of the weights: a byte, its sign and a carry leave this many of 32.
const FRACTION: u32 = 32 - 8 - 2;

/// What one output pixel reads along one direction.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// The taps of output pixels `wanted` when `from` pixels become `to`.
fn taps(from: usize, to: usize, wanted: Range<usize>, filter: Filter) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let widened = scale.max(1.0);
    let support = filter.support() * widened;
    let step = 1.0 / widened;
    let one = |place: usize| {
        let center = (place as f64 + 0.5) * scale;
        // Both are rounded by adding a half and truncating, as C does it; negative ones count as 0.
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let at = |x: usize| filter.weight((x as f64 + first as f64 - center + 0.5) * step);
        let weights: Vec<f64> = (0..end.saturating_sub(first)).map(at).collect();
        let sum = weights.iter().fold(0.0, |sum, w| sum + w);
        let fixed = |w: &f64| {
            let w = if sum == 0.0 { *w } else { w / sum } * f64::from(1_u32 << FRACTION);
            if w < 0.0 {
                (w - 0.5) as i32
            } else {
                (w + 0.5) as i32
            }
        };
        Taps {
            first,
            weights: weights.iter().map(fixed).collect(),
        }
    };
    wanted.map(one).collect()
}

/// Rounded and clipped.
fn byte(sum: i32) -> u8 {
    (sum >> FRACTION).clamp(0, 255) as u8
}

/// What a sum begins with: a half, so that cutting the fraction off rounds.
const HALF: i32 = 1 << (FRACTION - 1);

/// Adds a weighted byte. (The weights of one pixel sum up to 1 and overshoot by little: this stays
/// far from overflow.)
fn add(sum: &mut i32, pixel: u8, weight: i32) {
    *sum = sum.wrapping_add(i32::from(pixel).wrapping_mul(weight));
}

/// A rectangle of pixels: columns, rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) columns: Range<usize>,
    pub(super) rows: Range<usize>,
}

/// Resizes interleaved RGB pixels from `from` to `to` (width, height), and computes of the result
/// only `window`. Memory is bounded by the source's height times the window's width.
pub(super) fn resize(
    pixels: &[u8],
    from: (usize, usize),
    to: (usize, usize),
    window: &Window,
    filter: Filter,
) -> Vec<u8> {
    let across = taps(from.0, to.0, window.columns.clone(), filter);
    let down = taps(from.1, to.1, window.rows.clone(), filter);
    let top = down.iter().map(|t| t.first).min().unwrap_or(0);
    let bottom = down.iter().map(|t| t.first + t.weights.len()).max();
    let rows = top..bottom.unwrap_or(top);

    let mut wide = Vec::with_capacity(3 * across.len() * rows.len());
    let lines = pixels.chunks_exact((3 * from.0).max(1));
    for line in lines.take(rows.end).skip(top) {
        let (line, _) = line.as_chunks::<3>();
        for taps in &across {
            let mut sums = [HALF; 3];
            let read = line.get(taps.first..).unwrap_or_default();
            for (pixel, &weight) in read.iter().zip(&taps.weights) {
                for (sum, &channel) in sums.iter_mut().zip(pixel) {
                    add(sum, channel, weight);
                }
            }
            wide.extend(sums.map(byte));
        }
    }
    let length = (3 * across.len()).max(1);
    let mut out = Vec::with_capacity(length * down.len());
    let mut sums = vec![HALF; length];
    for taps in &down {
        sums.fill(HALF);
        let lines = wide.chunks_exact(length).skip(taps.first - top);
        for (line, &weight) in lines.zip(&taps.weights) {
            for (sum, &pixel) in sums.iter_mut().zip(line) {
                add(sum, pixel, weight);
            }
        }
        out.extend(sums.iter().map(|sum| byte(*sum)));
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole((width, height): (usize, usize)) -> Window {
        Window {
            columns: 0..width,
            rows: 0..height,
        }
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let pixels: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 37) as u8).collect();
        for filter in [Filter::Bicubic, Filter::Bilinear] {
            let same = resize(&pixels, (7, 5), (7, 5), &whole((7, 5)), filter);
            assert_eq!(same, pixels);
        }
    }

    /// By hand: two pixels to one average; one to two by the triangle keep their ends.
    #[test]
    fn small_pictures() {
        let pixels = [0, 10, 20, 100, 110, 121];
        let one = resize(&pixels, (2, 1), (1, 1), &whole((1, 1)), Filter::Bilinear);
        assert_eq!(one, [50, 60, 71]);
        let four = resize(&pixels, (2, 1), (4, 1), &whole((4, 1)), Filter::Bilinear);
        assert_eq!(four, [0, 10, 20, 25, 35, 45, 75, 85, 96, 100, 110, 121]);
        // Cubic convolution overshoots and is clipped.
        let edge = [0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255];
        let wide = resize(&edge, (4, 1), (8, 1), &whole((8, 1)), Filter::Bicubic);
        assert_eq!(&wide[..3], [0, 0, 0]);
        assert!(wide[9] > 0 && wide[12] < 255, "{wide:?}");
    }

    proptest! {
        /// A window of the result is that part of the whole result, and an even grey stays as it
        /// is.
        #[test]
        fn windows_are_parts(
            from in (1..20_usize, 1..20_usize), to in (1..30_usize, 1..30_usize),
            cut in (0.0..1.0, 0.0..1.0, 0.0..1.0, 0.0..1.0), seed: u64, grey: u8, cubic: bool,
        ) {
            let filter = if cubic { Filter::Bicubic } else { Filter::Bilinear };
            let pixels: Vec<u8> = (0..from.0 * from.1 * 3)
                .map(|i| (seed.wrapping_mul(i as u64 + 1) >> 32) as u8)
                .collect();
            let part = |length: usize, a: f64, b: f64| {
                let start = (a * length as f64) as usize;
                start..start + 1 + (b * (length - start) as f64) as usize
            };
            let window = Window { columns: part(to.0, cut.0, cut.1), rows: part(to.1, cut.2, cut.3) };
            let window = Window {
                columns: window.columns.start..window.columns.end.min(to.0),
                rows: window.rows.start..window.rows.end.min(to.1),
            };
            let all = resize(&pixels, from, to, &whole(to), filter);
            let some = resize(&pixels, from, to, &window, filter);
            let expected: Vec<u8> = window.rows.clone()
                .flat_map(|y| all[3 * (y * to.0 + window.columns.start)..3 * (y * to.0 + window.columns.end)].to_vec())
                .collect();
            prop_assert_eq!(some, expected);
            let even = resize(&vec![grey; pixels.len()], from, to, &window, filter);
            prop_assert!(even.iter().all(|p| *p == grey));
        }
    }
}
