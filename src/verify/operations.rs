//! Everything between layers. What only moves, compares and adds numbers is the same for f32 and
//! for integers.

use std::ops::{Add, Mul};

use super::engine::{Shape, Value};
use super::membrane::Membrane;
use crate::export::manifest::operation::{Halves, SiteNeuron};

/// f32 or f64, or integers of 64 bits.
pub(super) trait Number:
    Copy + Default + PartialOrd + Add<Output = Self> + Mul<Output = Self>
{
    /// A whole number.
    fn whole(self) -> i64;
    /// The same number in f64.
    fn real(self) -> f64;
    /// The nearest number.
    fn rounded(x: f64) -> Self;
}

impl Number for f32 {
    fn whole(self) -> i64 {
        self as i64
    }
    fn real(self) -> f64 {
        self.into()
    }
    fn rounded(x: f64) -> Self {
        x as f32
    }
}

impl Number for f64 {
    fn whole(self) -> i64 {
        self as i64
    }
    fn real(self) -> f64 {
        self
    }
    fn rounded(x: f64) -> Self {
        x
    }
}

impl Number for i64 {
    fn whole(self) -> i64 {
        self
    }
    fn real(self) -> f64 {
        self as f64
    }
    fn rounded(x: f64) -> Self {
        x as i64
    }
}

/// Neurons over all time steps: what they emit. `range` takes in the potentials before reset (of
/// integer neurons: the inputs).
pub(super) fn neurons(
    neuron: SiteNeuron,
    x: &Value<f32>,
    time_steps: usize,
    range: &mut (f64, f64),
) -> Vec<f32> {
    let mut emitted = Vec::with_capacity(x.at(0).len() * time_steps);
    let mut note = |v: f32| *range = (range.0.min(f64::from(v)), range.1.max(f64::from(v)));
    match neuron {
        SiteNeuron::Lif { tau, threshold, .. } => {
            let leak = Leak::of(tau);
            let threshold = threshold as f32;
            let mut potentials = vec![0f32; x.at(0).len()];
            for time in 0..time_steps {
                for (v, &x) in potentials.iter_mut().zip(x.at(time)) {
                    *v = match leak {
                        Leak::Times(k) => *v + (x - *v) * k,
                        Leak::Over(tau) => *v + (x - *v) / tau,
                    };
                    note(*v);
                    let fires = *v >= threshold;
                    emitted.push(if fires { 1.0 } else { 0.0 });
                    if fires {
                        *v = 0.0;
                    }
                }
            }
        }
        SiteNeuron::Spiking {
            charge,
            threshold,
            firing,
            reset,
        } => {
            let membrane = Membrane {
                charge,
                threshold: threshold as f32,
                firing,
                reset,
            };
            let mut potentials = vec![membrane.begin(); x.at(0).len()];
            for time in 0..time_steps {
                for (v, &x) in potentials.iter_mut().zip(x.at(time)) {
                    let charged = membrane.charged(*v, x);
                    note(charged);
                    emitted.push(if membrane.fires(charged) { 1.0 } else { 0.0 });
                    *v = membrane.after(charged);
                }
            }
        }
        SiteNeuron::Integer { max, halves, .. } => {
            let max = max as f32;
            for time in 0..time_steps {
                for &x in x.at(time) {
                    note(x);
                    let clamped = x.clamp(0.0, max);
                    emitted.push(match halves {
                        Halves::ToEven => clamped.round_ties_even(),
                        Halves::Up => (clamped + 0.5).floor(),
                    });
                }
            }
        }
    }
    emitted
}

/// The leak per time step.
#[derive(Clone, Copy)]
enum Leak {
    /// By the inverse of a power of two.
    Times(f32),
    /// By anything else.
    Over(f32),
}

impl Leak {
    fn of(tau: f64) -> Self {
        let fraction = tau.to_bits() << 12;
        match fraction == 0 && tau.is_normal() {
            true => Leak::Times((1.0 / tau) as f32),
            false => Leak::Over(tau as f32),
        }
    }
}

pub(super) fn max_pool<N: Number>(
    x: &[N],
    [_, height, width]: Shape,
    to: Shape,
    (kernel, stride, padding): (usize, usize, usize),
) -> Vec<N> {
    let window = |o: usize, length: usize| {
        let from = (o * stride).saturating_sub(padding);
        from..(o * stride + kernel).saturating_sub(padding).min(length)
    };
    let mut out = Vec::with_capacity(to.iter().product());
    for map in x.chunks_exact((height * width).max(1)) {
        for oy in 0..to[1] {
            for ox in 0..to[2] {
                let columns = window(ox, width);
                let rows = window(oy, height);
                let lines = rows.filter_map(|y| map.get(y * width..(y + 1) * width));
                let numbers = lines.flat_map(|line| line.get(columns.clone()).unwrap_or(&[]));
                let largest = numbers.copied().reduce(|a, b| if b > a { b } else { a });
                out.push(largest.unwrap_or_default());
            }
        }
    }
    out
}

/// The sums of windows, padding as zeros.
pub(super) fn window_sums<N: Number>(
    x: &[N],
    [_, height, width]: Shape,
    to: Shape,
    (kernel, stride, padding): (usize, usize, usize),
) -> Vec<N> {
    let window = |o: usize, length: usize| {
        let from = (o * stride).saturating_sub(padding);
        let end = (o * stride).saturating_add(kernel);
        from..end.saturating_sub(padding).min(length)
    };
    let mut out = Vec::with_capacity(to.iter().product());
    for map in x.chunks_exact((height * width).max(1)) {
        for oy in 0..to[1] {
            for ox in 0..to[2] {
                let columns = window(ox, width);
                let lines = window(oy, height).filter_map(|y| map.get(y * width..(y + 1) * width));
                let numbers = lines.flat_map(|line| line.get(columns.clone()).unwrap_or(&[]));
                out.push(numbers.fold(N::default(), |sum, &x| sum + x));
            }
        }
    }
    out
}

/// The means of windows: sums of f64, rounded once.
pub(super) fn average_pool(
    x: &[f32],
    from: Shape,
    to: Shape,
    window: (usize, usize, usize),
    count_include_pad: bool,
) -> Vec<f32> {
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let ones = vec![1.0; from[1] * from[2]];
    let (kernel, _, padding) = window;
    let counts = match count_include_pad || padding == 0 {
        true => vec![(kernel as f64).powi(2)],
        false => window_sums(&ones, [1, from[1], from[2]], [1, to[1], to[2]], window),
    };
    let sums = window_sums(&wide, from, to, window);
    let pairs = sums.iter().zip(counts.iter().cycle());
    pairs.map(|(sum, count)| (sum / count) as f32).collect()
}

/// `scale * q (k^T v)` of each head, for q and k of one shape and v of another. Sums of whole
/// numbers are exact in f64; those of real ones are added in the order of tokens, then of channels.
pub(super) fn attention(
    qkv: [&[f32]; 3],
    shapes: (Shape, Shape),
    heads: usize,
    scale: f64,
) -> Vec<f32> {
    let scale = scale as f32;
    let wide = qkv.map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
    let sums = attention_sums(wide.each_ref().map(Vec::as_slice), shapes, heads);
    sums.into_iter().map(|sum| sum as f32 * scale).collect()
}

/// The same without scale.
pub(super) fn attention_sums<N: Number>(
    [q, k, v]: [&[N]; 3],
    (shape, v_shape): (Shape, Shape),
    heads: usize,
) -> Vec<N> {
    let tokens = shape[1] * shape[2];
    let (d, vd) = (shape[0] / heads, v_shape[0] / heads);
    let mut out = Vec::with_capacity(v.len());
    let rows = |x: &'_ [N], from: usize, count: usize| -> Vec<Vec<N>> {
        let rows = x.chunks_exact(tokens.max(1)).skip(from).take(count);
        rows.map(<[N]>::to_vec).collect()
    };
    for head in 0..heads {
        let (q, k) = (rows(q, head * d, d), rows(k, head * d, d));
        for v in rows(v, head * vd, vd) {
            // How much each channel of k has in common with this channel of v.
            let common = |k: &Vec<N>| {
                let products = k.iter().zip(&v).map(|(&k, &v)| k * v);
                products.fold(N::default(), |sum, product| sum + product)
            };
            let state: Vec<N> = k.iter().map(common).collect();
            let mut sums = vec![N::default(); tokens];
            for (q, &state) in q.iter().zip(&state).filter(|(_, s)| **s != N::default()) {
                for (sum, &q) in sums.iter_mut().zip(q) {
                    *sum = *sum + q * state;
                }
            }
            out.extend(sums);
        }
    }
    out
}

pub(super) fn head_sum<N: Number>(
    x: &[N],
    [channels, height, width]: Shape,
    heads: usize,
) -> Vec<N> {
    let positions = height * width;
    let mut out = Vec::with_capacity(heads * positions);
    for head in x.chunks_exact((channels / heads * positions).max(1)) {
        let mut sums = vec![N::default(); positions];
        for channel in head.chunks_exact(positions.max(1)) {
            let pairs = sums.iter_mut().zip(channel);
            pairs.for_each(|(sum, &x)| *sum = *sum + x);
        }
        out.extend(sums);
    }
    out
}

pub(super) fn head_mask<N: Number>(
    mask: &[N],
    x: &[N],
    [channels, height, width]: Shape,
    heads: usize,
) -> Vec<N> {
    let positions = (height * width).max(1);
    let masks = mask.chunks_exact(positions);
    let values = x.chunks_exact((channels / heads * positions).max(1));
    let masked = masks.zip(values).flat_map(|(mask, x)| {
        let pairs = x.iter().zip(mask.iter().cycle());
        pairs.map(|(&x, &mask)| x * mask)
    });
    masked.collect()
}

pub(super) fn head_erode<N: Number>(
    x: &[N],
    [channels, height, width]: Shape,
    heads: usize,
) -> Vec<N> {
    let (tokens, d) = (height * width, channels / heads);
    let mut out = Vec::with_capacity(x.len());
    let around = |at: usize, length: usize| at.saturating_sub(1)..(at + 2).min(length);
    for head in x.chunks_exact((d * tokens).max(1)) {
        for channel in 0..d {
            for token in 0..tokens {
                let lines = around(channel, d).filter_map(|c| head.get(c * tokens..));
                let window = around(token, tokens);
                let numbers = lines.flat_map(|line| line.get(window.clone()).unwrap_or(&[]));
                let largest = numbers.copied().reduce(|a, b| if b > a { b } else { a });
                out.push(largest.unwrap_or_default());
            }
        }
    }
    out
}

pub(super) fn token_sum<N: Number>(x: &[N], [_, height, width]: Shape) -> Vec<N> {
    let maps = x.chunks_exact((height * width).max(1));
    let sum = |map: &[N]| map.iter().fold(N::default(), |sum, &x| sum + x);
    maps.map(sum).collect()
}

pub(super) fn channel_mask<N: Number>(mask: &[N], x: &[N], [_, height, width]: Shape) -> Vec<N> {
    let maps = x.chunks_exact((height * width).max(1)).zip(mask);
    maps.flat_map(|(map, &mask)| map.iter().map(move |&x| x * mask))
        .collect()
}

pub(super) fn token_mean(x: &[f32], [_, height, width]: Shape) -> Vec<f32> {
    let positions = height * width;
    let maps = x.chunks_exact(positions.max(1));
    let sum = |map: &[f32]| map.iter().fold(0f64, |sum, &x| sum + f64::from(x));
    maps.map(|map| (sum(map) / positions as f64) as f32)
        .collect()
}

pub(super) fn token_time_sum(x: &Value<f32>) -> Vec<f32> {
    let [channels, height, width] = x.shape;
    let mut sums = vec![0f64; channels];
    for time in 0..x.times {
        let maps = x.at(time).chunks_exact((height * width).max(1));
        for (sum, map) in sums.iter_mut().zip(maps) {
            map.iter().for_each(|&x| *sum += f64::from(x));
        }
    }
    sums.iter().map(|&sum| sum as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(times: usize, shape: Shape, numbers: &[f32]) -> Value<f32> {
        Value {
            times,
            shape,
            numbers: numbers.to_vec(),
        }
    }

    #[test]
    fn neurons_by_hand() {
        let lif = |tau| SiteNeuron::Lif {
            tau,
            threshold: 1.0,
            reset: 0.0,
        };
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        // 0.75, 1.125 fires, 0.75, ...
        let same = value(1, [1, 1, 1], &[1.5]);
        assert_eq!(
            neurons(lif(2.0), &same, 4, &mut range),
            [0.0, 1.0, 0.0, 1.0]
        );
        assert_eq!(range, (0.75, 1.125));
        let steps = value(2, [1, 1, 1], &[3.0, 0.0]);
        assert_eq!(neurons(lif(3.0), &steps, 2, &mut range), [1.0, 0.0]);
        let integer = |halves| SiteNeuron::Integer {
            max: 4,
            norm: 4,
            halves,
        };
        let x = value(1, [1, 1, 5], &[-1.0, 0.5, 1.5, 2.5, 9.0]);
        let even = neurons(integer(Halves::ToEven), &x, 1, &mut range);
        assert_eq!(even, [0.0, 0.0, 2.0, 2.0, 4.0]);
        let up = neurons(integer(Halves::Up), &x, 1, &mut range);
        assert_eq!(up, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn attention_by_hand() {
        // Two tokens, one head of two channels: q = [[1, 0], [1, 1]] and so on, by token.
        let (q, k, v) = (
            [1.0, 1.0, 0.0, 1.0],
            [1.0, 0.0, 1.0, 1.0],
            [1.0, 1.0, 0.0, 1.0],
        );
        // k^T v = [[1, 0], [2, 1]]; q (k^T v) = [[1, 0], [3, 1]].
        let shape = [2, 1, 2];
        let out = attention([&q, &k, &v], (shape, shape), 1, 0.5);
        assert_eq!(out, [0.5, 1.5, 0.0, 0.5]);
        // Real values: k^T v = [[0.5, -0.25], [2, 0.75]]; q (k^T v) = [[0.5, -0.25], [2.5, 0.5]].
        let v = [0.5, 1.5, -0.25, 1.0];
        let out = attention([&q, &k, &v], (shape, shape), 1, 0.5);
        assert_eq!(out, [0.25, 1.25, -0.125, 0.25]);
    }

    #[test]
    fn windows_by_hand() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(max_pool(&x, [1, 2, 2], [1, 1, 1], (3, 2, 1)), [4.0]);
        assert_eq!(
            max_pool(&[-1.0, -2.0], [1, 1, 2], [1, 1, 1], (3, 2, 1)),
            [-1.0]
        );
        let means = |count| average_pool(&x, [1, 2, 2], [1, 2, 2], (2, 1, 1), count);
        // Windows begin above and to the left; 3x3 of them would be all.
        assert_eq!(means(true), [0.25, 0.75, 1.0, 2.5]);
        assert_eq!(means(false), [1.0, 1.5, 2.0, 2.5]);
        assert_eq!(
            average_pool(&x, [1, 2, 2], [1, 1, 1], (2, 2, 0), false),
            [2.5]
        );
        // Two heads of one channel each: nothing comes from the other head.
        assert_eq!(head_erode(&x, [2, 1, 2], 2), [2.0, 2.0, 4.0, 4.0]);
        assert_eq!(head_erode(&x, [2, 1, 2], 1), [4.0; 4]);
        assert_eq!(head_sum(&x, [2, 1, 2], 1), [4.0, 6.0]);
        assert_eq!(
            head_mask(&[1.0, 0.0], &x, [2, 1, 2], 1),
            [1.0, 0.0, 3.0, 0.0]
        );
        assert_eq!(
            channel_mask(&[0.0, 1.0], &x, [2, 1, 2]),
            [0.0, 0.0, 3.0, 4.0]
        );
        assert_eq!(token_sum(&x, [2, 1, 2]), [3.0, 7.0]);
        assert_eq!(token_mean(&x, [2, 1, 2]), [1.5, 3.5]);
        assert_eq!(token_time_sum(&value(2, [1, 1, 2], &x)), [10.0]);
    }
}
