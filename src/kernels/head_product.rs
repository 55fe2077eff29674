//! Products of two values per head, of which one is spikes as a rule: scores of attention, and what
//! they select.
#![forbid(unsafe_code)]

use super::{Float, Kernel};

/// The sizes of a product.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// True for `K^T X`, false for `V A`.
    pub scores: bool,
    /// Number of heads.
    pub heads: usize,
    /// Positions of the first value.
    pub places: usize,
    /// Positions of the second value and of the result.
    pub positions: usize,
    /// Channels of both values and of the result.
    pub channels: [usize; 3],
    /// Rows (time steps times images) of both values; the one with fewer is the same at every time
    /// step.
    pub rows: [usize; 2],
}

/// A product of two values per head, `[rows, positions, channels]` each. Terms are added in the
/// order of the first value's channels (scores) or positions, in f64, and the sum is rounded once;
/// products of f32 numbers are exact in f64. What is 0 in the second value is skipped, which most
/// spikes are.
#[derive(Debug)]
pub struct HeadProduct<'a, F> {
    /// The sizes.
    pub product: Product,
    /// Keys or values.
    pub a: &'a [F],
    /// What is multiplied with them: spikes as a rule.
    pub b: &'a [F],
    /// The result.
    pub out: &'a mut [F],
}

impl<F: Float> Kernel for HeadProduct<'_, F> {
    #[inline(always)]
    fn run(self) {
        let Product {
            scores,
            heads,
            places,
            positions,
            channels: [a_channels, b_channels, out_channels],
            rows: [a_rows, b_rows],
        } = self.product;
        let of_head = a_channels / heads.max(1);
        // Each head's matrix has a line of the result's channels for each term.
        let (terms, width) = match scores {
            true => (of_head, places),
            false => (places, of_head),
        };
        let (a_row, b_row, out_row) = (
            places * a_channels,
            positions * b_channels,
            positions * out_channels,
        );
        if [a_row, b_row, out_row, terms, width].contains(&0) {
            return;
        }
        let mut lines = vec![0f64; heads * terms * width];
        let mut sums = vec![0f64; width];
        for (i, out) in self.out.chunks_exact_mut(out_row).enumerate() {
            let (ai, bi) = (i % a_rows.max(1), i % b_rows.max(1));
            let a = &self.a[ai * a_row..][..a_row];
            let b = &self.b[bi * b_row..][..b_row];
            for (place, a) in a.chunks_exact(a_channels).enumerate() {
                for (c, x) in a.iter().enumerate() {
                    let (head, j) = (c / of_head, c % of_head);
                    let at = match scores {
                        true => (head * of_head + j) * places + place,
                        false => (head * places + place) * of_head + j,
                    };
                    lines[at] = x.f64();
                }
            }
            let positions = b
                .chunks_exact(b_channels)
                .zip(out.chunks_exact_mut(out_channels));
            for (b, out) in positions {
                let heads = lines.chunks_exact(terms * width);
                let heads = heads
                    .zip(b.chunks_exact(terms))
                    .zip(out.chunks_exact_mut(width));
                for ((lines, b), out) in heads {
                    sums.fill(0.0);
                    for (line, b) in lines.chunks_exact(width).zip(b) {
                        let b = b.f64();
                        if b != 0.0 {
                            for (sum, x) in sums.iter_mut().zip(line) {
                                *sum += b * x;
                            }
                        }
                    }
                    for (out, &sum) in out.iter_mut().zip(&sums) {
                        *out = F::of(sum);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two heads of two channels, two places, one position; `K^T X`, then `V A`.
    #[test]
    fn products_by_hand() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let sizes = Product {
            scores: true,
            heads: 2,
            places: 2,
            positions: 1,
            channels: [4, 4, 4],
            rows: [1, 2],
        };
        let b = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 2.0];
        let mut out = [0f32; 8];
        HeadProduct {
            product: sizes,
            a: &a,
            b: &b,
            out: &mut out,
        }
        .run();
        // Head 0: channel 0 of both places; head 1: channels 2 and 3. The second row reads the same
        // keys.
        assert_eq!(out, [1.0, 5.0, 7.0, 15.0, 2.0, 6.0, 8.0, 16.0]);
        let map = [1.0, 0.0, 1.0, 1.0];
        let mut out = [0f32; 4];
        let product = Product {
            scores: false,
            rows: [1, 1],
            ..sizes
        };
        HeadProduct {
            product,
            a: &a,
            b: &map,
            out: &mut out,
        }
        .run();
        // Head 0: place 0 alone; head 1: both places.
        assert_eq!(out, [1.0, 2.0, 10.0, 12.0]);
    }
}
