//! The grids of a network in fixed-point arithmetic, from its float weights alone.
//!
//! Values that neurons alone read get the grid of their threshold ([`Part::by_threshold`]). Streams
//! (shortcuts of real numbers, inputs of other layers, logits) reach as far as their numbers do.
//! What is known of these without any image: a batch norm puts out numbers of mean beta and
//! deviation |gamma|, by channel; sums add means and variances; a layer without one adds up
//! independent inputs. Spikes are taken to occur at every fourth place, pixels to have mean 0 and
//! deviation 1. The grid is then the one with the least squared error, of rounding and of
//! saturation, over channels with normal distributions; of the logits, the finest that holds
//! [`REACH`] deviations.

use super::{StateDict, WrongTensor};
use crate::network::{Graph, LayerId, NodeId, Op, PerChannel, ValueRange};
use crate::quant::fixed::{Grid, Part};

/// The share of places where spikes are taken to occur.
const FIRING: f64 = 0.25;
/// Deviations that logits are taken to reach.
const REACH: f64 = 8.0;
/// The finest grid that is tried.
const FINEST: i32 = 24;

/// Mean and variance of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Spread {
    mean: f64,
    variance: f64,
}

impl StateDict {
    /// The grids of all [`Part`]s, in their order, for potentials of `bits` bits.
    ///
    /// # Errors
    /// [`WrongTensor`] for a tensor that is missing or misshapen.
    pub fn grids(&self, graph: &Graph, bits: u8) -> Result<Vec<Grid>, WrongTensor> {
        let parts = Part::all(graph, bits);
        if parts.iter().all(|part| !part.stream) {
            return Ok(parts.iter().map(|p| p.by_threshold(graph)).collect());
        }
        let spreads = self.spreads(graph)?;
        let grid = |part: &Part| match part.stream {
            false => part.by_threshold(graph),
            true => {
                let nodes = part.nodes.iter().filter_map(|n| spreads.get(n.index()));
                stream(part, &nodes.flatten().copied().collect::<Vec<_>>(), graph)
            }
        };
        Ok(parts.iter().map(grid).collect())
    }

    /// Of every node's channels.
    fn spreads(&self, graph: &Graph) -> Result<Vec<Vec<Spread>>, WrongTensor> {
        let mut spreads: Vec<Vec<Spread>> = Vec::new();
        for node in &graph.nodes {
            let input = |i: usize| node.inputs.get(i).and_then(|n| spreads.get(n.index()));
            let first = || input(0).cloned().unwrap_or_default();
            let channels = node.shape.channels;
            let own = match &node.op {
                Op::Layer(layer) => self.sums(graph, (*layer, node.inputs.first()), &first())?,
                Op::BatchNorm(name) => self.normalized(name, channels)?,
                Op::ChannelScale(key) => {
                    let scale = self.wide(key, &[channels])?;
                    let pairs = first().into_iter().zip(scale);
                    pairs.map(|(x, s)| x.times(s)).collect()
                }
                &Op::HeadScale {
                    heads,
                    ref key,
                    terms,
                } => {
                    let factors = self.head_factors(key, heads, terms)?;
                    let of_head = (channels / heads.max(1)).max(1);
                    let pairs = first().into_iter().enumerate();
                    let factor = |c: usize| factors.get(c / of_head).copied().unwrap_or(1.0);
                    pairs.map(|(c, x)| x.times(factor(c))).collect()
                }
                Op::Add => both(&first(), input(1), 1.0),
                Op::Average => both(&first(), input(1), 0.5),
                Op::MaxPool { .. } | Op::AveragePool { .. } | Op::TokenMean | Op::TokenTimeSum
                    if node.range == ValueRange::Real =>
                {
                    first()
                }
                Op::Input => vec![
                    Spread {
                        mean: 0.0,
                        variance: 1.0
                    };
                    channels
                ],
                _ => vec![whole(node.range, node.scale); channels],
            };
            spreads.push(own);
        }
        Ok(spreads)
    }

    /// A batch norm's output.
    fn normalized(&self, name: &str, channels: usize) -> Result<Vec<Spread>, WrongTensor> {
        let gamma = self.wide(&format!("{name}.weight"), &[channels])?;
        let beta = self.wide(&format!("{name}.bias"), &[channels])?;
        let spread = |(gamma, mean): (f64, f64)| Spread {
            mean,
            variance: gamma * gamma,
        };
        Ok(gamma.into_iter().zip(beta).map(spread).collect())
    }

    /// A layer's sums and bias.
    fn sums(
        &self,
        graph: &Graph,
        (id, input): (LayerId, Option<&NodeId>),
        inputs: &[Spread],
    ) -> Result<Vec<Spread>, WrongTensor> {
        let layer = graph.layer(id);
        let channels = layer.channels();
        if layer
            .absorbed
            .iter()
            .any(|o| matches!(o, PerChannel::BatchNorm(_)))
        {
            // The batch norm says what comes out.
            return Ok(vec![Spread::default(); channels]);
        }
        let (weight, bias) = self.weight_and_bias(layer)?;
        let weight = weight.rounded();
        let window = layer.kind.taps().max(1);
        let groups = layer.groups();
        let unit = input.map_or(1.0, |&n| match graph.node(n).op {
            // Its spread is that of the mean already.
            Op::TokenTimeSum => 1.0,
            _ => graph.node(n).scale,
        });
        let rows = weight.chunks(layer.fan_in().max(1)).enumerate();
        let sums = rows.map(|(o, row)| {
            let from = o / (channels / groups).max(1) * (inputs.len() / groups);
            let mut sum = Spread {
                mean: bias.as_ref().and_then(|b| b.get(o)).copied().unwrap_or(0.0),
                variance: 0.0,
            };
            for (i, taps) in row.chunks(window).enumerate() {
                let x = inputs
                    .get(from + i)
                    .copied()
                    .unwrap_or_default()
                    .times(unit);
                for &w in taps {
                    let w = x.times(f64::from(w));
                    sum.mean += w.mean;
                    sum.variance += w.variance;
                }
            }
            sum
        });
        Ok(sums.collect())
    }
}

impl Spread {
    fn times(self, factor: f64) -> Self {
        Spread {
            mean: self.mean * factor,
            variance: self.variance * factor * factor,
        }
    }
}

/// A sum of two values, times a factor.
fn both(a: &[Spread], b: Option<&Vec<Spread>>, factor: f64) -> Vec<Spread> {
    let pairs = a.iter().zip(b.into_iter().flatten());
    let sum = |(a, b): (&Spread, &Spread)| Spread {
        mean: a.mean + b.mean,
        variance: a.variance + b.variance,
    };
    pairs.map(|pair| sum(pair).times(factor)).collect()
}

/// Spikes, levels and what is counted of them.
fn whole(range: ValueRange, unit: f64) -> Spread {
    let most = match range {
        ValueRange::Integer(most) => most as f64 * unit,
        ValueRange::Real => 1.0,
    };
    Spread {
        mean: FIRING * most,
        variance: FIRING * (1.0 - FIRING) * most * most,
    }
}

/// The grid of a stream.
fn stream(part: &Part, spreads: &[Spread], graph: &Graph) -> Grid {
    let reach = |s: &Spread| s.mean.abs() + REACH * s.variance.sqrt();
    let largest = spreads.iter().map(reach).fold(0.0, f64::max);
    if part.sites.is_empty() && part.bits > *crate::quant::fixed::MEMBRANE_BITS.end() {
        return Grid::reaching(largest, part.bits);
    }
    let grids = (0..=FINEST).map(|fraction| Grid {
        bits: part.bits,
        fraction,
    });
    // Neurons must be able to fire.
    let thresholds = part.sites.iter().map(|&s| graph.site(s).neuron.threshold());
    let highest = thresholds.fold(0.0, f64::max);
    let fits = grids.filter(|grid| grid.threshold(highest) <= grid.most());
    let errors = fits.map(|grid| (error(grid, spreads), grid));
    let best = errors.reduce(|a, b| if b.0 < a.0 { b } else { a });
    best.map_or(Grid::reaching(largest, part.bits), |(_, grid)| grid)
}

/// The expected squared error of numbers on a grid, summed over channels.
fn error(grid: Grid, spreads: &[Spread]) -> f64 {
    let step = grid.step();
    let (least, most) = (grid.least() as f64 * step, grid.most() as f64 * step);
    let clipped = |s: &Spread| {
        let deviation = s.variance.sqrt();
        beyond(most - s.mean, deviation) + beyond(s.mean - least, deviation)
    };
    let rounding = step * step / 12.0 * spreads.len() as f64;
    rounding + spreads.iter().map(clipped).sum::<f64>()
}

/// The expected square of what a normal number of mean 0 exceeds a limit by.
fn beyond(limit: f64, deviation: f64) -> f64 {
    if deviation <= 0.0 {
        return (-limit).max(0.0).powi(2);
    }
    let z = limit / deviation;
    let tail = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
    let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
    deviation * deviation * ((1.0 + z * z) * tail - z * density).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_by_hand() {
        assert!((beyond(0.0, 2.0) - 2.0).abs() < 1e-12);
        // 1 - 2 phi(1) + ... by numerical integration.
        assert!((beyond(1.0, 1.0) - 0.075_339_86).abs() < 1e-6);
        assert!(beyond(20.0, 1.0) < 1e-80);
        assert_eq!((beyond(1.0, 0.0), beyond(-2.0, 0.0)), (0.0, 4.0));
    }

    #[test]
    fn the_grid_of_a_stream_balances_rounding_and_saturation() {
        let grid = |bits, deviation: f64| {
            let spreads = [Spread {
                mean: 0.0,
                variance: deviation * deviation,
            }];
            let errors = (0..=FINEST).map(|fraction| Grid { bits, fraction });
            let errors = errors.map(|grid| (error(grid, &spreads), grid.fraction));
            errors
                .reduce(|a, b| if b.0 < a.0 { b } else { a })
                .unwrap()
                .1
        };
        // 8 bits: 4 deviations on either side; twice the deviation, one bit less.
        assert_eq!((grid(8, 1.0), grid(8, 2.0), grid(8, 0.5)), (5, 4, 6));
        assert!(grid(16, 1.0) >= 12);
    }
}
