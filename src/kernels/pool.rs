//! Max-pooling.
#![forbid(unsafe_code)]

use std::ops::{Add, Mul};

use super::{AffineRows, Kernel};

/// Max-pooling of `[rows, height, width, channels]`, of `scale * x + shift` where an affine is
/// given.
#[derive(Debug)]
pub struct MaxPool<'a, F> {
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Stride, both directions.
    pub stride: usize,
    /// Padding, both directions.
    pub padding: usize,
    /// An affine of the input.
    pub affine: Option<AffineRows<'a, F>>,
    /// `[rows, height, width, channels]`.
    pub input: &'a [F],
    /// `[rows, out_height, out_width, channels]`.
    pub out: &'a mut [F],
    /// Rows of the result.
    pub out_height: usize,
    /// Columns of the result.
    pub out_width: usize,
}

impl<F> Kernel for MaxPool<'_, F>
where
    F: Copy + Default + PartialOrd + Add<Output = F> + Mul<Output = F>,
{
    #[inline(always)]
    fn run(self) {
        let (c, line) = (self.channels, self.width * self.channels);
        let out_line = self.out_width * c;
        if line == 0 || out_line == 0 {
            return;
        }
        let affine = self.affine.map(|a| a.tiled(self.width));
        // The largest of the window's lines, then of the window's columns.
        let mut tallest = vec![F::default(); line];
        let maps = self.input.chunks_exact(self.height * line);
        let outs = self.out.chunks_exact_mut(self.out_height * out_line);
        for (map, out) in maps.zip(outs) {
            for (oy, out) in out.chunks_exact_mut(out_line).enumerate() {
                let lines = window(oy, self.kernel, self.stride, self.padding, self.height);
                for (i, x) in map[lines.start * line..lines.end * line]
                    .chunks_exact(line)
                    .enumerate()
                {
                    keep_larger(&mut tallest, x, affine.as_ref(), i == 0);
                }
                for (ox, out) in out.chunks_exact_mut(c).enumerate() {
                    let columns = window(ox, self.kernel, self.stride, self.padding, self.width);
                    out.copy_from_slice(&tallest[columns.start * c..][..c]);
                    for x in columns.skip(1) {
                        keep_larger(out, &tallest[x * c..][..c], None, false);
                    }
                }
            }
        }
    }
}

/// The input indices under output `o` that are not padding.
fn window(
    o: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    length: usize,
) -> std::ops::Range<usize> {
    let start = o * stride;
    start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(length)
}

#[inline(always)]
fn keep_larger<F>(best: &mut [F], x: &[F], affine: Option<&(Vec<F>, Vec<F>)>, first: bool)
where
    F: Copy + PartialOrd + Add<Output = F> + Mul<Output = F>,
{
    let larger = |best: &mut F, y: F| {
        if first || y > *best {
            *best = y;
        }
    };
    let best = best.iter_mut().zip(x);
    match affine {
        None => best.for_each(|(best, &x)| larger(best, x)),
        Some((a, b)) => best
            .zip(a)
            .zip(b)
            .for_each(|(((best, &x), &a), &b)| larger(best, x * a + b)),
    }
}
