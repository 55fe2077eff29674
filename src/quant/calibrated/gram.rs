//! Sums of products of a layer's inputs, collected batch by batch.

use ndarray::{Array2, ArrayView2};

use super::linear::add_product;
use super::statistics::InputMoments;
use crate::kernels::{CountPairs, INPUTS, PackColumns, Patches, WORD, launch, launch_counting};

/// 64-sample words that are counted at a time: few enough to stay in the second-level cache.
const WORDS: usize = 32;
/// Samples of real inputs that are multiplied at a time.
const SAMPLES: usize = 512;

/// Sums over samples, where a sample is an output position of an image at a time step. Sums of
/// whole numbers are exact in whatever order they are added; those of real numbers depend on it.
#[derive(Clone, Debug)]
pub struct Gram {
    patches: Patches,
    groups: usize,
    /// Inputs of a group.
    inputs: usize,
    /// Inputs padded to whole vectors.
    padded: usize,
    /// The sum of the samples' weights.
    total: f64,
    /// Of every group, `[padded]`; inputs in the order taps, channels.
    sums: Vec<Vec<f64>>,
    /// Of every group, `[padded, padded]`; only tiles on and above the diagonal.
    products: Vec<Vec<f64>>,
}

impl Gram {
    /// Empty sums of a layer that reads such patches, whose channels are divided among groups.
    pub fn new(patches: Patches, groups: usize) -> Self {
        let groups = groups.max(1);
        let inputs = patches.inputs() / groups;
        let padded = inputs.next_multiple_of(INPUTS);
        Gram {
            patches,
            groups,
            inputs,
            padded,
            total: 0.0,
            sums: vec![vec![0.0; padded]; groups],
            products: vec![vec![0.0; padded * padded]; groups],
        }
    }

    /// Empty sums of the same layer.
    pub fn like(&self) -> Self {
        Gram::new(self.patches, self.groups)
    }

    /// Bytes of memory of the sums of a layer of `groups` groups and `inputs` inputs of each.
    pub fn bytes(groups: usize, inputs: usize) -> u64 {
        let padded = inputs.next_multiple_of(INPUTS) as u64;
        8 * groups as u64 * padded * (padded + 1)
    }

    /// Adds rows `[height, width, channels]` of whole numbers; exact.
    pub fn add_bytes(&mut self, rows: &[&[u8]]) {
        let samples = rows.len() * self.patches.positions();
        self.total += samples as f64;
        let largest = rows
            .iter()
            .flat_map(|row| row.iter())
            .max()
            .copied()
            .unwrap_or(0);
        let bits = u8::BITS - largest.leading_zeros();
        let all = self.patches.inputs();
        let stride = bits as usize * self.groups * self.padded;
        if stride == 0 {
            return;
        }
        let mut columns = Vec::new();
        let mut words = Vec::new();
        for first in (0..samples).step_by(WORDS * WORD) {
            let count = (samples - first).div_ceil(WORD).min(WORDS);
            words.clear();
            words.resize(count * stride, 0);
            for bit in 0..bits {
                columns.clear();
                columns.resize(count * all, 0);
                launch(PackColumns {
                    rows,
                    patches: self.patches,
                    bit,
                    first,
                    words: &mut columns,
                    stride: all,
                });
                let rows = words
                    .chunks_exact_mut(stride)
                    .zip(columns.chunks_exact(all));
                for (to, from) in rows {
                    let begin = bit as usize * self.groups * self.padded;
                    self.by_group(from, &mut to[begin..], |word| word);
                }
            }
            self.count(&words, stride, bits);
        }
    }

    /// Counts the pairs of some words, `[words, bits, groups, padded]`.
    fn count(&mut self, words: &[u64], stride: usize, bits: u32) {
        let padded = self.padded;
        let plane = |bit: u32, group: usize| (bit as usize * self.groups + group) * padded;
        for (group, products) in self.products.iter_mut().enumerate() {
            for (a, b) in (0..bits).flat_map(|a| (0..bits).map(move |b| (a, b))) {
                launch_counting(CountPairs {
                    words,
                    stride,
                    planes: (plane(a, group), plane(b, group)),
                    inputs: padded,
                    weight: f64::from(1u32 << (a + b)),
                    sums: products,
                });
            }
        }
        for words in words.chunks_exact(stride) {
            for bit in 0..bits {
                for (group, sums) in self.sums.iter_mut().enumerate() {
                    let words = &words[plane(bit, group)..][..padded];
                    for (sum, word) in sums.iter_mut().zip(words) {
                        *sum += f64::from(word.count_ones() << bit);
                    }
                }
            }
        }
    }

    /// Adds rows `[height, width, channels]` of real numbers; `weights` are those of the samples,
    /// none where all count alike.
    pub fn add_reals(&mut self, rows: &[&[f32]], weights: Option<&[f64]>) {
        let positions = self.patches.positions();
        let (samples, all) = (rows.len() * positions, self.patches.inputs());
        self.total += match weights {
            Some(weights) => weights.iter().take(samples).sum::<f64>(),
            None => samples as f64,
        };
        let mut columns = vec![0.0; all];
        for first in (0..samples).step_by(SAMPLES) {
            let count = SAMPLES.min(samples - first);
            let mut x = vec![0.0; count * self.groups * self.padded];
            let by_sample = x.chunks_exact_mut(self.groups * self.padded).enumerate();
            for (sample, to) in by_sample.map(|(i, to)| (first + i, to)) {
                columns.fill(0.0);
                let channels = self.patches.channels;
                if let Some(row) = rows.get(sample / positions.max(1)) {
                    self.patches.taps(sample % positions, |tap, offset| {
                        let to = &mut columns[tap * channels..][..channels];
                        let from = to.iter_mut().zip(&row[offset..offset + channels]);
                        from.for_each(|(to, &x)| *to = f64::from(x));
                    });
                }
                self.by_group(&columns, to, |x| x);
            }
            let weight = |i: usize| {
                weights
                    .and_then(|w| w.get(first + i))
                    .copied()
                    .unwrap_or(1.0)
            };
            self.multiply(&x, count, weight);
        }
    }

    /// Adds the products of samples `[count, groups, padded]`.
    fn multiply(&mut self, x: &[f64], count: usize, weight: impl Fn(usize) -> f64) {
        let stride = self.groups * self.padded;
        for group in 0..self.groups {
            let own = x
                .chunks_exact(stride)
                .map(|x| &x[group * self.padded..][..self.padded]);
            let mut weighted = Vec::with_capacity(count * self.padded);
            let mut plain = Vec::with_capacity(count * self.padded);
            for (i, x) in own.enumerate() {
                let w = weight(i);
                plain.extend_from_slice(x);
                weighted.extend(x.iter().map(|x| w * x));
                if let Some(sums) = self.sums.get_mut(group) {
                    sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += w * x);
                }
            }
            let shape = (count, self.padded);
            let square = (self.padded, self.padded);
            let products = self
                .products
                .get_mut(group)
                .map(Vec::as_mut_slice)
                .unwrap_or_default();
            let (Ok(plain), Ok(weighted), Ok(products)) = (
                ArrayView2::from_shape(shape, &plain),
                ArrayView2::from_shape(shape, &weighted),
                ndarray::ArrayViewMut2::from_shape(square, products),
            ) else {
                return;
            };
            add_product(1.0, &plain.t(), &weighted.view(), products);
        }
    }

    /// Copies a patch `[taps, channels]` to `[groups, padded]`, taps and channels of each.
    fn by_group<T: Copy>(&self, from: &[T], to: &mut [T], convert: impl Fn(T) -> T) {
        let share = (self.patches.channels / self.groups).max(1);
        for (tap, channels) in from.chunks_exact(self.patches.channels.max(1)).enumerate() {
            for (group, channels) in channels.chunks_exact(share).enumerate() {
                let begin = group * self.padded + tap * share;
                let to = &mut to[begin..begin + share];
                to.iter_mut()
                    .zip(channels)
                    .for_each(|(to, &x)| *to = convert(x));
            }
        }
    }

    /// Adds the sums of later samples of the same layer.
    pub fn add(&mut self, later: &Gram) {
        self.total += later.total;
        let own = self.sums.iter_mut().chain(&mut self.products);
        for (own, later) in own.zip(later.sums.iter().chain(&later.products)) {
            own.iter_mut().zip(later).for_each(|(sum, x)| *sum += x);
        }
    }

    /// The moments of every group's input, with the inputs in the order of the weights: channels,
    /// kernel rows, kernel columns.
    pub fn moments(&self) -> Vec<InputMoments> {
        let per = if self.total > 0.0 {
            1.0 / self.total
        } else {
            0.0
        };
        let taps = self.patches.window.taps();
        let share = self.inputs / taps.max(1);
        // From the order of the weights to the order here.
        let place = |i: usize| (i % taps) * share + i / taps;
        let of = |(sums, products): (&Vec<f64>, &Vec<f64>)| InputMoments {
            mean: (0..self.inputs).map(|i| sums[place(i)] * per).collect(),
            gram: Array2::from_shape_fn((self.inputs, self.inputs), |(i, j)| {
                let (i, j) = (place(i), place(j));
                products[i.min(j) * self.padded + i.max(j)] * per
            })
            .into_raw_vec_and_offset()
            .0,
        };
        self.sums.iter().zip(&self.products).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Window;

    /// Patches by their definition, in the order of the weights.
    fn naive(rows: &[Vec<f32>], patches: Patches, groups: usize) -> Vec<InputMoments> {
        let Window {
            kernel,
            stride,
            padding,
            ..
        } = patches.window;
        let (taps, above) = (patches.window.taps(), patches.window.row_padding());
        let share = patches.channels / groups;
        let n = share * taps;
        let mut all = Vec::new();
        for group in 0..groups {
            let (mut mean, mut gram) = (vec![0.0; n], vec![0.0; n * n]);
            let samples = (rows.len() * patches.positions()) as f64;
            for row in rows {
                for position in 0..patches.positions() {
                    let (oy, ox) = (position / patches.out_width, position % patches.out_width);
                    let x: Vec<f64> = (0..n)
                        .map(|i| {
                            let (c, tap) = (i / taps, i % taps);
                            let (ky, kx) = (tap / kernel, tap % kernel);
                            let y = (oy * stride + ky) as i64 - above as i64;
                            let x = (ox * stride + kx) as i64 - padding as i64;
                            let inside = (0..patches.height as i64).contains(&y)
                                && (0..patches.width as i64).contains(&x);
                            if !inside {
                                return 0.0;
                            }
                            let at = (y as usize * patches.width + x as usize) * patches.channels;
                            f64::from(row[at + group * share + c])
                        })
                        .collect();
                    for i in 0..n {
                        mean[i] += x[i] / samples;
                        for j in 0..n {
                            gram[i * n + j] += x[i] * x[j] / samples;
                        }
                    }
                }
            }
            all.push(InputMoments { mean, gram });
        }
        all
    }

    fn near(a: &[InputMoments], b: &[InputMoments]) -> bool {
        let pairs = |f: fn(&InputMoments) -> &Vec<f64>| {
            a.iter().zip(b).all(|(a, b)| {
                f(a).len() == f(b).len() && f(a).iter().zip(f(b)).all(|(x, y)| (x - y).abs() < 1e-9)
            })
        };
        a.len() == b.len() && pairs(|m| &m.mean) && pairs(|m| &m.gram)
    }

    #[test]
    fn sums_are_those_of_the_definition() {
        let square = [(1, 1, 0), (3, 1, 1), (3, 2, 1), (7, 1, 3), (2, 2, 0)];
        let square =
            square.map(|(kernel, stride, padding)| Window::square(kernel, stride, padding));
        for window in square
            .into_iter()
            .chain([Window::row(3, 1, 1), Window::row(3, 2, 0)])
        {
            let (kernel, stride) = (window.kernel, window.stride);
            for (channels, groups) in [(1, 1), (5, 1), (6, 2), (4, 4)] {
                let (height, width) = (if window.is_row { 1 } else { 6 }, 5);
                let out = |size: usize, taps: usize, padding: usize| {
                    (size + 2 * padding - taps) / stride + 1
                };
                let patches = Patches {
                    window,
                    channels,
                    height,
                    width,
                    out_height: out(height, window.rows(), window.row_padding()),
                    out_width: out(width, kernel, window.padding),
                };
                let random = |i: usize| ((i * 2_654_435_761) >> 7) % 11;
                let numbers = height * width * channels;
                let bytes: Vec<Vec<u8>> = (0..9)
                    .map(|r| {
                        (0..numbers)
                            .map(|i| (random(r * numbers + i) % (1 + r)) as u8)
                            .collect()
                    })
                    .collect();
                let reals: Vec<Vec<f32>> = bytes
                    .iter()
                    .map(|r| r.iter().map(|&x| f32::from(x)).collect())
                    .collect();
                let want = naive(&reals, patches, groups);
                let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
                let mut whole = Gram::new(patches, groups);
                whole.add_bytes(&slices);
                assert!(
                    near(&whole.moments(), &want),
                    "{window:?} {channels} {groups}"
                );
                let mut parts = Gram::new(patches, groups);
                let mut rest = Gram::new(patches, groups);
                let slices: Vec<&[f32]> = reals.iter().map(Vec::as_slice).collect();
                parts.add_reals(&slices[..4], None);
                rest.add_reals(&slices[4..], None);
                parts.add(&rest);
                assert!(near(&parts.moments(), &want));
                // Whole numbers are exact, in whatever pieces.
                assert_eq!(parts.moments(), whole.moments());
                let samples = 9 * patches.positions();
                let mut weighted = Gram::new(patches, groups);
                weighted.add_reals(&slices, Some(&vec![0.5; samples]));
                assert!(near(&weighted.moments(), &want));
            }
        }
    }
}
