//! Sums of products.

use super::engine::{LayerNumbers, Shape, Value};
use super::operations::Number;

/// The sums of a layer, `[times, channels, rows, columns]`.
#[derive(Debug)]
pub(super) enum Sums {
    /// Of integers.
    Integers(Vec<i64>),
    /// Of real numbers.
    Reals {
        sums: Vec<f64>,
        /// The sums of the products' magnitudes, which say how far rounding can reach.
        magnitudes: Vec<f64>,
    },
}

impl LayerNumbers {
    /// A shape as the layer sees it: over tokens, all positions are one row.
    fn seen(&self, shape: Shape) -> Shape {
        match self.over_tokens {
            true => [shape[0], 1, shape[1] * shape[2]],
            false => shape,
        }
    }
}

/// The sums of integer weights over whole numbers. (The manifest's check has made sure that 64 bits
/// hold them.)
pub(super) fn integer_sums<N: Number>(
    layer: &LayerNumbers,
    codes: &[i16],
    x: &Value<N>,
    to: Shape,
) -> Vec<i64> {
    let [out, inputs, rows, columns] = layer.shape;
    let own_out = out / layer.groups;
    let (from, to) = (layer.seen(x.shape), layer.seen(to));
    let (positions, taps) = (to[1] * to[2], rows * columns);
    let mut all = vec![0i64; x.times * out * positions];
    for group in 0..layer.groups {
        // Weights with outputs innermost: an input is added to all of them at once.
        let first = group * own_out * inputs * taps;
        let weight = |place: usize, o: usize| codes.get(first + o * inputs * taps + place);
        let mut weights = Vec::with_capacity(own_out * inputs * taps);
        for place in 0..inputs * taps {
            let of_all = (0..own_out).map(|o| weight(place, o).map_or(0, |&q| i64::from(q)));
            weights.extend(of_all);
        }
        for time in 0..x.times {
            let mut sums = vec![0i64; positions * own_out];
            scatter(
                layer,
                &weights,
                (x.at(time), from, group * inputs),
                (to, &mut sums),
            );
            let begin = (time * out + group * own_out) * positions;
            let planes = all.get_mut(begin..begin + own_out * positions);
            let planes = planes.unwrap_or(&mut []).chunks_exact_mut(positions.max(1));
            for (o, plane) in planes.enumerate() {
                let from = sums.iter().skip(o).step_by(own_out);
                plane
                    .iter_mut()
                    .zip(from)
                    .for_each(|(to, from)| *to = *from);
            }
        }
    }
    all
}

/// Adds every input that is not 0 to the sums that it reaches, `[positions, outputs]`.
#[expect(clippy::indexing_slicing, reason = "an axis is 0 or 1")]
fn scatter<N: Number>(
    layer: &LayerNumbers,
    weights: &[i64],
    (x, from, first): (&[N], Shape, usize),
    (to, sums): (Shape, &mut [i64]),
) {
    let [out, inputs, rows, columns] = layer.shape;
    let own_out = out / layer.groups;
    let [_, height, width] = from;
    let reached = |at: usize, tap: usize, axis: usize| {
        let (stride, length) = (layer.stride[axis], to[1 + axis]);
        let place = (at + layer.padding[axis]).checked_sub(tap)?;
        let output = place / stride;
        (place % stride == 0 && output < length).then_some(output)
    };
    let plane = height * width;
    let maps = x.chunks_exact(plane.max(1)).skip(first).take(inputs);
    for (i, map) in maps.enumerate() {
        for (at, &number) in map.iter().enumerate() {
            let (y, x, number) = (at / width, at % width, number.whole());
            if number == 0 {
                continue;
            }
            for j in 0..rows {
                let Some(oy) = reached(y, j, 0) else {
                    continue;
                };
                for k in 0..columns {
                    let Some(ox) = reached(x, k, 1) else {
                        continue;
                    };
                    let place = ((i * rows + j) * columns + k) * own_out;
                    let at = (oy * to[2] + ox) * own_out;
                    let sums = sums.get_mut(at..at + own_out).unwrap_or(&mut []);
                    let weights = weights.get(place..place + own_out).unwrap_or(&[]);
                    let pairs = sums.iter_mut().zip(weights);
                    match number {
                        1 => pairs.for_each(|(sum, w)| *sum += w),
                        n => pairs.for_each(|(sum, w)| *sum += w * n),
                    }
                }
            }
        }
    }
}

/// The sums over real numbers: f64, in the order of inputs, rows and columns.
pub(super) fn real_sums(layer: &LayerNumbers, weights: &[f64], x: &Value<f32>, to: Shape) -> Sums {
    let [out, inputs, rows, columns] = layer.shape;
    let (from, to) = (layer.seen(x.shape), layer.seen(to));
    let positions = to[1] * to[2];
    let own_out = (out / layer.groups).max(1);
    let fan_in = inputs * rows * columns;
    let mut sums = Vec::with_capacity(x.times * out * positions);
    let mut magnitudes = Vec::with_capacity(x.times * out * positions);
    for time in 0..x.times {
        let wide: Vec<f64> = x.at(time).iter().map(|&x| f64::from(x)).collect();
        for (o, weights) in weights.chunks_exact(fan_in.max(1)).enumerate() {
            let mut plane = vec![(0f64, 0f64); positions];
            for (place, &weight) in weights.iter().enumerate() {
                let (i, tap) = (place / (rows * columns), place % (rows * columns));
                let channel = o / own_out * inputs + i;
                let map = wide.chunks_exact(from[1] * from[2]).nth(channel);
                let tap = (tap / columns, tap % columns);
                add_tap(
                    layer,
                    (map.unwrap_or(&[]), from),
                    (weight, tap),
                    (&mut plane, to),
                );
            }
            sums.extend(plane.iter().map(|p| p.0));
            magnitudes.extend(plane.iter().map(|p| p.1));
        }
    }
    Sums::Reals { sums, magnitudes }
}

/// Adds one weight times what it reads to every output position.
#[expect(clippy::indexing_slicing, reason = "an axis is 0 or 1")]
fn add_tap(
    layer: &LayerNumbers,
    (map, from): (&[f64], Shape),
    (weight, (j, k)): (f64, (usize, usize)),
    (plane, to): (&mut [(f64, f64)], Shape),
) {
    let width = from[2];
    let read = |o: usize, tap: usize, axis: usize| {
        let at = (o * layer.stride[axis] + tap).checked_sub(layer.padding[axis])?;
        (at < from[1 + axis]).then_some(at)
    };
    for (oy, line) in plane.chunks_exact_mut(to[2].max(1)).enumerate() {
        let Some(row) = read(oy, j, 0).and_then(|y| map.get(y * width..(y + 1) * width)) else {
            continue;
        };
        for (ox, (sum, magnitude)) in line.iter_mut().enumerate() {
            if let Some(&x) = read(ox, k, 1).and_then(|x| row.get(x)) {
                let product = weight * x;
                *sum += product;
                *magnitude += product.abs();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Weights;
    use super::*;

    /// Both ways of summing agree on whole numbers, whatever the window.
    #[test]
    fn scattering_and_gathering_are_the_same_convolution() {
        for (kernel, stride, padding, groups) in [
            (1, 1, 0, 1),
            (3, 1, 1, 1),
            (3, 2, 1, 2),
            (1, 1, 1, 1),
            (7, 1, 3, 4),
            (2, 2, 0, 1),
        ] {
            let (channels, out, size) = (4, 8, 9);
            let count = (size + 2 * padding - kernel) / stride + 1;
            let shape = [out, channels / groups, kernel, kernel];
            let number = |n: usize, m: usize| ((n * 7919 + 13) % 101 % m) as i16;
            let codes: Vec<i16> = (0..shape.iter().product())
                .map(|n| number(n, 15) - 7)
                .collect();
            let layer = LayerNumbers {
                stride: [stride; 2],
                groups,
                ..layer(shape, [padding; 2], false)
            };
            let numbers = (0..2 * channels * size * size).map(|n| f32::from(number(n, 4)));
            let x = Value {
                times: 2,
                shape: [channels, size, size],
                numbers: numbers.collect(),
            };
            let to = [out, count, count];
            let wide: Vec<f64> = codes.iter().map(|&q| f64::from(q)).collect();
            let exact = integer_sums(&layer, &codes, &x, to);
            let Sums::Reals { sums, .. } = real_sums(&layer, &wide, &x, to) else {
                panic!("not real");
            };
            assert_eq!(sums, exact.iter().map(|&x| x as f64).collect::<Vec<_>>());
            assert!(exact.iter().any(|&x| x != 0));
        }
    }

    /// A layer of stride 1 whose weights are given with every sum.
    fn layer(shape: [usize; 4], padding: [usize; 2], over_tokens: bool) -> LayerNumbers {
        LayerNumbers {
            shape,
            stride: [1; 2],
            padding,
            groups: 1,
            over_tokens,
            weights: Weights::Floats(Vec::new()),
            factor: Vec::new(),
            summand: Vec::new(),
            exact: true,
            whole_input: true,
            fixed: None,
        }
    }

    #[test]
    fn a_convolution_by_hand() {
        let layer = layer([1, 1, 2, 2], [1; 2], false);
        let x = Value {
            times: 1,
            shape: [1, 1, 2],
            numbers: vec![1.0, 2.0],
        };
        // Weights 1 2 / 3 4 over a row 1 2, padded by one.
        let sums = integer_sums(&layer, &[1, 2, 3, 4], &x, [1, 2, 3]);
        assert_eq!(sums, [4, 11, 6, 2, 5, 2]);
    }
    /// Over tokens the window goes from row to row.
    #[test]
    fn a_convolution_over_tokens_by_hand() {
        let layer = layer([1, 1, 1, 3], [0, 1], true);
        let x = Value {
            times: 1,
            shape: [1, 2, 2],
            numbers: vec![1.0, 2.0, 3.0, 4.0],
        };
        let sums = integer_sums(&layer, &[1, 10, 100], &x, [1, 2, 2]);
        assert_eq!(sums, [210, 321, 432, 43]);
        let Sums::Reals { sums, .. } = real_sums(&layer, &[1.0, 10.0, 100.0], &x, [1, 2, 2]) else {
            panic!("not real");
        };
        assert_eq!(sums, [210.0, 321.0, 432.0, 43.0]);
    }
}
