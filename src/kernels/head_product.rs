//! Products of two values per head, of which one is spikes as a rule: scores of attention, and what
//! they select.
#![forbid(unsafe_code)]

use super::{Float, Kernel, Stored};

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
pub struct HeadProduct<'a, F, X> {
    /// The sizes.
    pub product: Product,
    /// Keys or values.
    pub a: &'a [F],
    /// What is multiplied with them: spikes as a rule.
    pub b: &'a [X],
    /// The result.
    pub out: &'a mut [F],
}

/// Numbers of a line that are summed together, in registers: a line is padded to whole blocks.
const BLOCK: usize = 8;

impl<F: Float, X: Stored<F>> Kernel for HeadProduct<'_, F, X> {
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
        let line = width.next_multiple_of(BLOCK);
        let mut lines = vec![0f64; heads * terms * line];
        let mut factors = Factors::of_at_most(terms);
        let mut read = None;
        for (i, out) in self.out.chunks_exact_mut(out_row).enumerate() {
            let (ai, bi) = (i % a_rows.max(1), i % b_rows.max(1));
            // The same row may be read again: at every time step.
            if read.replace(ai) != Some(ai) {
                let a = &self.a[ai * a_row..][..a_row];
                for (place, a) in a.chunks_exact(a_channels).enumerate() {
                    for (head, a) in a.chunks_exact(of_head).enumerate() {
                        let lines = &mut lines[head * terms * line..][..terms * line];
                        match scores {
                            true => (lines.chunks_exact_mut(line).zip(a))
                                .for_each(|(line, x)| line[place] = x.f64()),
                            false => (lines[place * line..].iter_mut().zip(a))
                                .for_each(|(number, x)| *number = x.f64()),
                        }
                    }
                }
            }
            let b = &self.b[bi * b_row..][..b_row];
            let positions = b
                .chunks_exact(b_channels)
                .zip(out.chunks_exact_mut(out_channels));
            for (b, out) in positions {
                let heads = lines.chunks_exact(terms * line);
                let heads = heads
                    .zip(b.chunks_exact(terms))
                    .zip(out.chunks_exact_mut(width));
                for ((lines, b), out) in heads {
                    factors.read::<F, X>(b);
                    factors.sum(lines, line, out);
                }
            }
        }
    }
}

/// The numbers other than 0 among those that a position's lines are multiplied with.
struct Factors {
    /// Their terms, in the room of all.
    terms: Vec<u32>,
    /// How many there are.
    count: usize,
    /// Themselves; not written where all are 1, as spikes are.
    numbers: Vec<f64>,
    all_ones: bool,
}

impl Factors {
    fn of_at_most(terms: usize) -> Self {
        Factors {
            terms: vec![0; terms],
            count: 0,
            numbers: vec![0.0; terms],
            all_ones: true,
        }
    }

    #[inline(always)]
    fn read<F: Float, X: Stored<F>>(&mut self, b: &[X]) {
        let (zero, one) = (X::default(), X::put(F::ONE));
        self.all_ones = b
            .iter()
            .fold(true, |ones, &b| ones & (b == zero || b == one));
        let mut count = 0;
        for (term, &b) in b.iter().enumerate() {
            // Always written and seldom kept: without a branch that nothing can predict.
            if let Some(place) = self.terms.get_mut(count) {
                *place = term as u32;
            }
            count += usize::from(b != zero);
        }
        self.count = count;
        if !self.all_ones {
            for (number, &term) in self.numbers.iter_mut().zip(&self.terms[..self.count]) {
                *number = b[term as usize].get().f64();
            }
        }
    }

    /// Writes the sums of the lines, as many blocks at a time as registers hold.
    #[inline(always)]
    fn sum<F: Float>(&self, lines: &[f64], line: usize, out: &mut [F]) {
        for from in (0..line).step_by(8 * BLOCK) {
            let (lines, out) = (&lines[from..], &mut out[from..]);
            match (line - from) / BLOCK {
                1 => self.blocks::<F, BLOCK>(lines, line, out),
                2 => self.blocks::<F, { 2 * BLOCK }>(lines, line, out),
                3 => self.blocks::<F, { 3 * BLOCK }>(lines, line, out),
                4 => self.blocks::<F, { 4 * BLOCK }>(lines, line, out),
                5 => self.blocks::<F, { 5 * BLOCK }>(lines, line, out),
                6 => self.blocks::<F, { 6 * BLOCK }>(lines, line, out),
                7 => self.blocks::<F, { 7 * BLOCK }>(lines, line, out),
                _ => self.blocks::<F, { 8 * BLOCK }>(lines, line, out),
            }
        }
    }

    /// Writes `N` sums of lines that begin `line` numbers apart, or as many as `out` has: what pads
    /// a line is left out.
    #[allow(
        clippy::needless_range_loop,
        reason = "unrolled, so that sums stay in registers"
    )]
    #[inline(always)]
    fn blocks<F: Float, const N: usize>(&self, lines: &[f64], line: usize, out: &mut [F]) {
        let mut sums = [0f64; N];
        let numbers = self.terms[..self.count].iter().map(|&term| {
            let numbers = lines[term as usize * line..].first_chunk::<N>();
            numbers.unwrap_or(&[0.0; N])
        });
        if self.all_ones {
            for x in numbers {
                for i in 0..N {
                    sums[i] += x[i];
                }
            }
        } else {
            for (x, b) in numbers.zip(&self.numbers) {
                for i in 0..N {
                    sums[i] += b * x[i];
                }
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = F::of(sum);
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

    /// Against three loops, for lines of every length around a block's, spikes as bytes and as
    /// numbers, and factors that are no spikes.
    #[test]
    fn products_of_all_lengths_equal_three_loops() {
        let number = |i: usize| ((i * 7919 + 13) % 1000) as f32 / 400.0 - 1.25;
        let spike = |i: usize| u8::from((i * 104_729 + 5) % 31 < 9);
        for (of_head, places) in [(1, 1), (3, 8), (8, 9), (5, 33), (70, 3), (4, 130), (64, 49)] {
            for scores in [true, false] {
                let (heads, positions, rows) = (2, 3, [2, 4]);
                let terms = if scores { of_head } else { places };
                let width = if scores { places } else { of_head };
                let (channels, factors, sums) = (heads * of_head, heads * terms, heads * width);
                let product = Product {
                    scores,
                    heads,
                    places,
                    positions,
                    channels: [channels, factors, sums],
                    rows,
                };
                let a: Vec<f32> = (0..rows[0] * places * channels).map(number).collect();
                let bytes: Vec<u8> = (0..rows[1] * positions * factors).map(spike).collect();
                let spikes: Vec<f32> = bytes.iter().map(|&x| f32::from(x)).collect();
                let real: Vec<f32> = (spikes.iter().enumerate())
                    .map(|(i, &x)| x * number(i))
                    .collect();
                let naive = |b: &[f32]| -> Vec<f32> {
                    let at = |i: usize| {
                        let (row, position) = (i / sums / positions, i / sums % positions);
                        let (head, column) = (i % sums / width, i % width);
                        let term = |t: usize| {
                            let (place, c) = if scores { (column, t) } else { (t, column) };
                            let a = a[((row % rows[0]) * places + place) * channels
                                + head * of_head
                                + c];
                            let b = b[(row * positions + position) * factors + head * terms + t];
                            f64::from(a) * f64::from(b)
                        };
                        (0..terms).fold(0.0, |sum, t| sum + term(t)) as f32
                    };
                    (0..rows[1] * positions * sums).map(at).collect()
                };
                let mut out = vec![0f32; rows[1] * positions * sums];
                let case = format!("{scores} {of_head} {places}");
                let a = a.as_slice();
                HeadProduct {
                    product,
                    a,
                    b: &bytes,
                    out: &mut out,
                }
                .run();
                assert_eq!(out, naive(&spikes), "{case}, bytes");
                HeadProduct {
                    product,
                    a,
                    b: &spikes,
                    out: &mut out,
                }
                .run();
                assert_eq!(out, naive(&spikes), "{case}, spikes");
                HeadProduct {
                    product,
                    a,
                    b: &real,
                    out: &mut out,
                }
                .run();
                assert_eq!(out, naive(&real), "{case}, real factors");
            }
        }
    }
}
