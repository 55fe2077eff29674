//! The engine of packages in integer arithmetic (format 2): everything in integers of 64 bits,
//! products before a shift in 128.

use super::compare::Comparison;
use super::convolution::{Sums, integer_sums};
use super::engine::{
    FixedAffine, Kind, Network, Step, Value, at_all, each, each_pair, last_value, wrong,
};
use super::error::VerifyError;
use super::golden::Golden;
use super::heads::{apply, concat, scores, slice};
use super::membrane;
use super::operations::{
    attention_sums, channel_mask, head_erode, head_mask, head_sum, max_pool, token_sum, window_sums,
};
use super::tokens::among;
use crate::export::manifest::operation::{Factor, Halves, Number, SiteFixed, SiteNeuron};

/// The integers of a value, the least and the largest.
#[derive(Clone, Copy)]
struct Ends {
    least: i64,
    most: i64,
}

impl Ends {
    /// Of so many bits in two's complement.
    fn of_bits(bits: u8) -> Self {
        let most = (1i64 << (bits.clamp(1, 62) - 1)) - 1;
        Ends {
            least: -most - 1,
            most,
        }
    }

    fn of(number: Number) -> Self {
        let limited = |most: u64| i64::try_from(most).unwrap_or(i64::MAX);
        match number {
            Number::Fixed { bits, .. } => Ends::of_bits(bits),
            Number::Integer(most) => Ends {
                least: 0,
                most: limited(most),
            },
            Number::Sum { most, .. } => Ends {
                least: -limited(most),
                most: limited(most),
            },
            // The check of the manifest lets none through.
            Number::Real => Ends { least: 0, most: 0 },
        }
    }

    fn saturate(self, x: i64) -> i64 {
        x.clamp(self.least, self.most)
    }
}

/// `(product << (t - s)) + (offset << (t - g))`, shifted right by t with halves up, saturated.
fn rounded(sum: i64, factor: Factor, (offset, guard): (i64, i32), ends: Ends) -> i64 {
    let shift = factor.shift.max(guard).max(0);
    let product = i128::from(sum) * i128::from(factor.multiplier);
    let all = (product << (shift - factor.shift)) + (i128::from(offset) << (shift - guard));
    let half = if shift > 0 { 1i128 << (shift - 1) } else { 0 };
    let result = (all + half) >> shift;
    result.clamp(ends.least.into(), ends.most.into()) as i64
}

/// Runs one golden image and compares it.
pub(super) fn run(
    network: &Network,
    golden: &Golden,
    comparison: &mut Comparison,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), VerifyError> {
    let logits = last_value(network, cancelled, |i, step, inputs| {
        let numbers = compute(network, step, inputs, golden, comparison);
        let ends = Ends::of(step.numbers);
        match numbers.iter().find(|x| **x != ends.saturate(**x)) {
            None => Ok(numbers),
            Some(x) => {
                let why = format!("numbers: {x} is not {} to {}", ends.least, ends.most);
                Err(wrong(i, why))
            }
        }
    })?;
    let unit = network.steps.last().map_or(1.0, |s| one(s.numbers));
    let logits: Vec<f32> = logits.iter().map(|&n| (n as f64 * unit) as f32).collect();
    comparison.logits(golden, &logits);
    Ok(())
}

/// What an integer of 1 stands for, but for its unit.
fn one(number: Number) -> f64 {
    f64::from(-fraction(number)).exp2()
}

fn fraction(number: Number) -> i32 {
    match number {
        Number::Fixed { fraction, .. } | Number::Sum { fraction, .. } => fraction,
        Number::Integer(_) | Number::Real => 0,
    }
}

/// The integers of an operation's value.
fn compute(
    network: &Network,
    step: &Step,
    inputs: &[&Value<i64>],
    golden: &Golden,
    comparison: &mut Comparison,
) -> Vec<i64> {
    let ends = Ends::of(step.numbers);
    let shape = step.shape;
    match (step.kind, inputs) {
        (Kind::Input, _) => image(&golden.input, step.numbers),
        (Kind::Layer(index), [x]) => layer(network, index, (step, x), golden, comparison),
        (Kind::Neuron(site), [x]) => {
            let (Some(&neuron), Some(Some(fixed))) =
                (network.neurons.get(site), network.fixed.get(site))
            else {
                return Vec::new();
            };
            let mut range = (i64::MAX, i64::MIN);
            let emitted = neurons(neuron, fixed, x, network.time_steps, &mut range);
            let step = f64::from(-fixed.fraction).exp2();
            let range = (range.0 as f64 * step, range.1 as f64 * step);
            let spikes: Vec<f32> = emitted.iter().map(|&n| n as f32).collect();
            comparison.spikes(site, golden, &spikes, range);
            emitted
        }
        (
            Kind::MaxPool {
                kernel,
                stride,
                padding,
            },
            [x],
        ) => each(step, x, |x, from| {
            max_pool(x, from, shape, (kernel, stride, padding))
        }),
        (Kind::Add, [a, b]) => {
            let shifts = match step.numbers {
                Number::Fixed { fraction: own, .. } => {
                    let read = step.inputs.iter().map(|&i| network.steps.get(i));
                    let read = read.map(|s| own - s.map_or(own, |s| fraction(s.numbers)));
                    read.map(|shift| shift.clamp(0, 62)).collect()
                }
                _ => vec![0; 2],
            };
            let scaled = |x: &Value<i64>, i: usize| Value {
                times: x.times,
                shape: x.shape,
                numbers: x
                    .numbers
                    .iter()
                    .map(|&n| n << shifts.get(i).copied().unwrap_or(0))
                    .collect(),
            };
            let (a, b) = (scaled(a, 0), scaled(b, 1));
            each_pair(step, &[&a, &b], |a, b, _| {
                let pairs = a.iter().zip(b);
                pairs.map(|(a, b)| ends.saturate(a + b)).collect()
            })
        }
        (Kind::Average, _) => each_pair(step, inputs, |a, b, _| {
            a.iter().zip(b).map(|(a, b)| (a + b + 1) >> 1).collect()
        }),
        (Kind::Multiply, _) => each_pair(step, inputs, |a, b, _| {
            a.iter().zip(b).map(|(a, b)| a * b).collect()
        }),
        (Kind::Attention { heads, tokens, .. }, &[q, k, v]) => {
            among(tokens, step.times, [q, k, v], |qkv, shapes| {
                attention_sums(qkv, shapes, heads)
            })
        }
        (
            Kind::AveragePool {
                kernel,
                stride,
                padding,
                ..
            },
            [x],
        ) => each(step, x, |x, from| {
            window_sums(x, from, shape, (kernel, stride, padding))
        }),
        (Kind::HeadSum { heads }, [x]) => each(step, x, |x, from| head_sum(x, from, heads)),
        (Kind::HeadMask { heads }, _) => each_pair(step, inputs, |mask, x, from| {
            head_mask(mask, x, from, heads)
        }),
        (Kind::HeadErode { heads }, [x]) => each(step, x, |x, from| head_erode(x, from, heads)),
        (
            Kind::Slice {
                heads,
                start,
                count,
            },
            [x],
        ) => each(step, x, |x, from| slice(x, from, heads, (start, count))),
        (Kind::Concat { heads }, values) => concat(step, values, heads),
        (Kind::Scores { heads }, [keys, x]) => at_all(step, |t| {
            scores((keys.at(t), keys.shape), (x.at(t), x.shape), heads)
        }),
        (Kind::Apply { heads }, [values, map]) => at_all(step, |t| {
            apply((values.at(t), values.shape), (map.at(t), map.shape), heads)
        }),
        (Kind::TokenSum | Kind::TokenMean, [x]) => each(step, x, token_sum),
        (Kind::ChannelMask, _) => each_pair(step, inputs, channel_mask),
        (Kind::TokenTimeSum, [x]) => token_time_sum(x),
        // The number of inputs was checked.
        _ => Vec::new(),
    }
}

/// The image on its grid.
fn image(input: &[f32], number: Number) -> Vec<i64> {
    let ends = Ends::of(number);
    let per_one = f64::from(fraction(number)).exp2();
    let nearest = |&x: &f32| (f64::from(x) * per_one + 0.5).floor();
    let limited = |x: f64| x.clamp(ends.least as f64, ends.most as f64) as i64;
    input.iter().map(nearest).map(limited).collect()
}

/// The value of a layer: its sums, compared, then its affine.
fn layer(
    network: &Network,
    index: usize,
    (step, x): (&Step, &Value<i64>),
    golden: &Golden,
    comparison: &mut Comparison,
) -> Vec<i64> {
    let layer = network.layers.get(index);
    let Some((layer, affine)) = layer.and_then(|l| Some((l, l.fixed.as_ref()?))) else {
        return Vec::new();
    };
    let super::engine::Weights::Integers(codes) = &layer.weights else {
        return Vec::new();
    };
    let sums = Sums::Integers(integer_sums(layer, codes, x, step.shape));
    comparison.sums(index, golden, &sums);
    match sums {
        Sums::Integers(sums) => behind(affine, &sums, step),
        Sums::Reals { .. } => Vec::new(),
    }
}

/// The affine of a layer's sums.
fn behind(affine: &FixedAffine, sums: &[i64], step: &Step) -> Vec<i64> {
    let ends = Ends::of(step.numbers);
    let positions = (step.shape[1] * step.shape[2]).max(1);
    let channels = affine.factors.iter().zip(&affine.offsets).cycle();
    let planes = channels.zip(sums.chunks(positions));
    let result = planes.flat_map(|((&factor, &offset), plane)| {
        let of = move |&sum: &i64| rounded(sum, factor, (offset, affine.guard), ends);
        plane.iter().map(of)
    });
    result.collect()
}

/// Neurons over all time steps: what they emit.
fn neurons(
    neuron: SiteNeuron,
    fixed: &SiteFixed,
    x: &Value<i64>,
    time_steps: usize,
    range: &mut (i64, i64),
) -> Vec<i64> {
    let ends = Ends::of_bits(fixed.bits);
    let input = |x: i64| match fixed.input {
        None => x,
        Some(factor) => rounded(x, factor, (0, 0), ends),
    };
    let mut note = |v: i64| *range = (range.0.min(v), range.1.max(v));
    let mut emitted = Vec::with_capacity(x.at(0).len() * time_steps);
    let mut potentials = vec![fixed.rest.unwrap_or(0); x.at(0).len()];
    for time in 0..time_steps {
        for (v, &x) in potentials.iter_mut().zip(x.at(time)) {
            let x = input(x);
            match (neuron, fixed.leak, fixed.threshold) {
                (SiteNeuron::Lif { .. }, Some(leak), Some(threshold)) => {
                    *v += ((x - *v) * i64::from(leak.multiplier)) >> leak.shift;
                    note(*v);
                    emitted.push(i64::from(*v >= threshold));
                    if *v >= threshold {
                        *v = 0;
                    }
                }
                (SiteNeuron::Spiking { charge, reset, .. }, _, Some(threshold)) => {
                    let limit = |n: i64| n.clamp(ends.least, ends.most);
                    let known = (fixed, threshold);
                    let (charged, after) = membrane::step((charge, reset), known, (*v, x), limit);
                    note(charged);
                    emitted.push(i64::from(charged >= threshold));
                    *v = after;
                }
                (SiteNeuron::Integer { max, halves, .. }, ..) => {
                    note(x);
                    emitted.push(level(x, fixed.fraction, max, halves));
                }
                // The check of the manifest lets none through.
                _ => emitted.push(0),
            }
        }
    }
    emitted
}

/// The level of an integer neuron's input.
fn level(x: i64, fraction: i32, max: u64, halves: Halves) -> i64 {
    let most = i64::try_from(max).unwrap_or(i64::MAX).min(i64::MAX >> 32) << fraction;
    let x = x.clamp(0, most);
    let (whole, rest) = (x >> fraction, x & ((1 << fraction) - 1));
    let half = if fraction > 0 { 1 << (fraction - 1) } else { 1 };
    let up = match halves {
        Halves::Up => rest >= half,
        Halves::ToEven => rest > half || (rest == half && whole % 2 == 1),
    };
    whole + i64::from(up)
}

fn token_time_sum(x: &Value<i64>) -> Vec<i64> {
    let [channels, height, width] = x.shape;
    let mut sums = vec![0i64; channels];
    for time in 0..x.times {
        for (sum, more) in sums
            .iter_mut()
            .zip(token_sum(x.at(time), [channels, height, width]))
        {
            *sum += more;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_by_hand() {
        let eight = Ends::of_bits(8);
        let of = |sum, multiplier, shift, offset, guard| {
            rounded(sum, Factor { multiplier, shift }, (offset, guard), eight)
        };
        // 3 * 5 / 4 = 3.75; -3.75; halves up; to the left; saturated on both sides.
        assert_eq!((of(5, 3, 2, 0, 0), of(-5, 3, 2, 0, 0)), (4, -4));
        assert_eq!((of(1, 1, 1, 0, 0), of(-1, 1, 1, 0, 0)), (1, 0));
        assert_eq!((of(3, 1, -2, 1, 1), of(3, 1, -2, 1, -3)), (13, 20));
        assert_eq!((of(1000, 1, 0, 0, 0), of(-1000, 1, 0, 0, 0)), (127, -128));
    }

    #[test]
    fn levels_by_hand() {
        let even = [-3, 1, 2, 3, 6, 7, 10, 99].map(|x| level(x, 2, 4, Halves::ToEven));
        assert_eq!(even, [0, 0, 0, 1, 2, 2, 2, 4]);
        let up = [-3, 1, 2, 3, 6, 7, 10, 99].map(|x| level(x, 2, 4, Halves::Up));
        assert_eq!(up, [0, 0, 1, 1, 2, 2, 3, 4]);
        assert_eq!([0, 3, 9].map(|x| level(x, 0, 4, Halves::Up)), [0, 3, 4]);
    }

    #[test]
    fn neurons_by_hand() {
        let fixed = |multiplier, shift| SiteFixed {
            bits: 8,
            fraction: 5,
            input: None,
            leak: Some(Factor { multiplier, shift }),
            threshold: Some(32),
            rest: None,
            subtracted: None,
        };
        let lif = SiteNeuron::Lif {
            tau: 2.0,
            threshold: 1.0,
            reset: 0.0,
        };
        let x = Value {
            times: 1,
            shape: [2, 1, 1],
            numbers: vec![45, -3],
        };
        let mut range = (0, 0);
        // 22, 33 fires, 22, 33; -2, -3, -3, -3.
        let spikes = neurons(lif, &fixed(1, 1), &x, 4, &mut range);
        assert_eq!(spikes, [0, 0, 1, 0, 0, 0, 1, 0]);
        assert_eq!(range, (-3, 33));
        // Two thirds: 29; 39 fires.
        let spikes = neurons(lif, &fixed(21845, 15), &x, 2, &mut range);
        assert_eq!(spikes, [0, 0, 1, 0]);
    }
}
