//! [`Calibrated`]: a layer's channels, solved on several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::channels::{Channels, Start};
use super::gptq::{Candidate, Grid};
use super::hessian::Hessian;
use super::statistics::InputStatistics;
use crate::quant::scale::{power_of_two_below, ratios};
use crate::quant::{
    BitWidth, Granularity, LayerWeights, Nearest, QuantError, Quantized, Quantizer, Resources,
    ScaleRule, Scheme,
};

/// Raised when the same weights and statistics may give other integers than before.
const VERSION: u32 = 1;
/// Channels that are solved together. A constant, so that nothing depends on the number of threads.
const CHANNELS: usize = 16;
/// 1 bit: scales in mean magnitudes, largest first.
const SIGN_RATIOS: [f64; 11] = [1.75, 1.5, 1.35, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5];
/// One scale for a tensor: how often it is fitted again.
const REFITS: usize = 3;

/// Integers that keep the layer's output over the calibration images; see the module's page. Of the
/// scheme it reads granularity, scale rule and damping (by way of the statistics). 16 bits are
/// rounded to the nearest: their error is far below that of the statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibrated(pub Scheme);

impl Quantizer for Calibrated {
    fn id(&self) -> String {
        let Scheme {
            granularity,
            scale,
            damping,
            weighting,
            ..
        } = self.0;
        format!("calibrated {VERSION} {granularity:?} {scale:?} {damping} {weighting:?}")
    }

    fn needs_statistics(&self, width: BitWidth) -> bool {
        width.bits() <= 8
    }

    fn quantize(
        &self,
        layer: LayerWeights<'_>,
        width: BitWidth,
        statistics: Option<&InputStatistics>,
        resources: Resources<'_>,
    ) -> Result<Quantized, QuantError> {
        let nearest = Nearest(self.0).quantize(layer, width, None, resources)?;
        if !self.needs_statistics(width) {
            return Ok(nearest);
        }
        let statistics = statistics.ok_or_else(|| QuantError::NoStatistics {
            layer: layer.name.to_owned(),
        })?;
        let fits = statistics.fan_in() == nearest.fan_in
            && layer.channels.is_multiple_of(statistics.groups());
        if !fits {
            return Err(QuantError::Statistics {
                layer: layer.name.to_owned(),
                fan_in: nearest.fan_in,
                inputs: statistics.fan_in(),
                groups: statistics.groups(),
            });
        }
        let problem = Problem {
            weights: layer.values,
            statistics,
            grid: match width.bits() {
                1 => Grid::Sign,
                _ => Grid::UpTo(width.q_max().map_or(1.0, f64::from)),
            },
            rule: self.0.scale,
            nearest: &nearest,
            resources,
        };
        match self.0.granularity {
            Granularity::Channel => problem.per_channel(),
            Granularity::Tensor => problem.per_tensor(),
        }
    }
}

/// A layer at one width.
struct Problem<'a> {
    weights: &'a [f32],
    statistics: &'a InputStatistics,
    grid: Grid,
    rule: ScaleRule,
    /// Rounded to the nearest.
    nearest: &'a Quantized,
    resources: Resources<'a>,
}

/// A layer's integers at one scale for all channels.
struct TensorCandidate {
    /// The sum of the channels' errors.
    error: f64,
    quantized: Quantized,
    /// The scale of least error for these integers.
    refitted: f64,
}

impl Problem<'_> {
    /// A scale for every channel.
    fn per_channel(&self) -> Result<Quantized, QuantError> {
        let (quantized, _) = self.solved(|channels, rows| {
            let scales: Vec<Vec<f64>> = (0..rows.len())
                .map(|channel| self.scales(channels.row(channel)))
                .collect();
            let rounded = rows
                .enumerate()
                .filter(|(channel, _)| !scales[*channel].is_empty());
            let rounded = rounded.map(|(channel, row)| (channel, self.rounded(row)));
            (
                channels.solve(&scales, self.refits(), rounded.collect()),
                (),
            )
        })?;
        Ok(quantized)
    }

    /// One scale for all channels.
    fn per_tensor(&self) -> Result<Quantized, QuantError> {
        let weights: Vec<f64> = self.weights.iter().map(|&w| f64::from(w)).collect();
        let candidates = self.scales(&weights);
        let errors = self.each(|channels, _| channels.errors(&candidates))?;
        let total = |at: usize| errors.iter().filter_map(|e| e.get(at)).sum::<f64>();
        let best = (0..candidates.len()).min_by(|&a, &b| total(a).total_cmp(&total(b)));
        let Some(first) = best.and_then(|at| candidates.get(at)).copied() else {
            return Ok(self.nearest.clone());
        };
        let rounded = self.nearest.scales.first().copied();
        let tried = [first]
            .into_iter()
            .chain(rounded)
            .map(|scale| self.at(scale));
        let tried: Vec<TensorCandidate> = tried.collect::<Result<_, _>>()?;
        let least = tried.into_iter().min_by(|a, b| a.error.total_cmp(&b.error));
        let Some(mut best) = least else {
            return Ok(self.nearest.clone());
        };
        for _ in 0..REFITS {
            let fits = self.refits() && best.refitted > 0.0 && best.refitted.is_finite();
            if !fits {
                break;
            }
            let next = self.at(best.refitted)?;
            if next.error >= best.error {
                break;
            }
            best = next;
        }
        Ok(best.quantized)
    }

    /// The integers at one scale for all channels.
    fn at(&self, scale: f64) -> Result<TensorCandidate, QuantError> {
        let (quantized, sums) = self.solved(|channels, rows| {
            let scales = vec![vec![scale]; rows.len()];
            let rounded = rows.map(|row| self.rounded(row)).enumerate();
            let rounded: Vec<Start> = rounded.filter(|(_, known)| known.scale == scale).collect();
            let solved = channels.solve(&scales, false, rounded);
            let sums = channels.sums(&solved);
            (solved, sums)
        })?;
        // In the order of channels: sums do not depend on threads.
        let total = |at: usize| sums.iter().fold(0.0, |total, sum| total + sum[at]);
        Ok(TensorCandidate {
            error: total(0),
            quantized,
            refitted: total(1) / total(2),
        })
    }

    /// The candidate scales of some weights, largest first; none where all are 0.
    fn scales(&self, weights: &[f64]) -> Vec<f64> {
        let largest = weights.iter().fold(0f64, |most, w| most.max(w.abs()));
        if largest == 0.0 {
            return Vec::new();
        }
        let full = match self.grid {
            Grid::Sign => weights.iter().map(|w| w.abs()).sum::<f64>() / weights.len() as f64,
            Grid::UpTo(most) => largest / most,
        };
        match (self.rule, self.grid) {
            (ScaleRule::PowerOfTwo, _) => {
                let below = power_of_two_below(full);
                vec![2.0 * below, below, below / 2.0]
            }
            (ScaleRule::Mse | ScaleRule::Max, Grid::Sign) => SIGN_RATIOS.map(|r| r * full).to_vec(),
            (ScaleRule::Mse, Grid::UpTo(most)) => ratios().map(|r| r * largest / most).collect(),
            (ScaleRule::Max, Grid::UpTo(_)) => vec![full],
        }
    }

    /// Whether the best of the candidate scales is fitted further.
    fn refits(&self) -> bool {
        match self.rule {
            ScaleRule::Mse => true,
            ScaleRule::Max => self.grid == Grid::Sign,
            ScaleRule::PowerOfTwo => false,
        }
    }

    /// A channel as it is rounded to the nearest; its error is not computed.
    fn rounded(&self, channel: usize) -> Candidate {
        let n = self.nearest.fan_in;
        let codes = self.nearest.values.get(channel * n..(channel + 1) * n);
        Candidate {
            scale: self.nearest.scales.get(channel).copied().unwrap_or(1.0),
            codes: codes.unwrap_or(&[]).to_vec(),
            error: f64::INFINITY,
        }
    }

    /// Solves all channels; those for which nothing is found stay rounded to the nearest. Also
    /// returns what `solve` says beside, in the order of channels.
    fn solved<R: Send>(
        &self,
        solve: impl Fn(&Channels<'_>, Range<usize>) -> (Vec<Option<Candidate>>, R) + Sync,
    ) -> Result<(Quantized, Vec<R>), QuantError> {
        let pieces = self.each(|channels, rows| (rows.start, solve(channels, rows)))?;
        let mut quantized = self.nearest.clone();
        let n = quantized.fan_in;
        let mut beside = Vec::with_capacity(pieces.len());
        for (first, (solved, own)) in pieces {
            beside.push(own);
            for (row, candidate) in (first..).zip(solved) {
                let place = quantized.values.get_mut(row * n..(row + 1) * n);
                let scale = quantized.scales.get_mut(row);
                if let (Some(candidate), Some(place), Some(scale)) = (candidate, place, scale) {
                    place.copy_from_slice(&candidate.codes);
                    *scale = candidate.scale;
                }
            }
        }
        Ok((quantized, beside))
    }

    /// Works on all channels of groups whose input varies, some at a time, side by side; answers in
    /// the order of channels.
    fn each<R: Send>(
        &self,
        work: impl Fn(&Channels<'_>, Range<usize>) -> R + Sync,
    ) -> Result<Vec<R>, QuantError> {
        let groups = self.statistics.groups();
        let per_group = self.nearest.channels / groups.max(1);
        let pieces: Vec<(usize, Range<usize>)> = (0..groups)
            .flat_map(|group| {
                let rows = group * per_group..(group + 1) * per_group;
                let starts = rows.clone().step_by(CHANNELS);
                starts.map(move |start| (group, start..(start + CHANNELS).min(rows.end)))
            })
            .collect();
        let run = |(group, rows): &(usize, Range<usize>)| -> Option<R> {
            let hessian: &Hessian = self.statistics.hessian(*group)?;
            let n = self.nearest.fan_in;
            let weights = self.weights.get(rows.start * n..rows.end * n)?;
            let of = self.statistics.group(*group);
            let channels = Channels::new(of, hessian, self.grid, weights);
            Some(work(&channels, rows.clone()))
        };
        let next = AtomicUsize::new(0);
        let given_up = AtomicBool::new(false);
        let done = Mutex::new(Vec::new());
        let work = || {
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                if (self.resources.cancelled)() {
                    given_up.store(true, Ordering::Relaxed);
                    break;
                }
                let answer = run(piece).map(|r| (piece.1.start, r));
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.extend(answer);
            }
        };
        match self.resources.threads.clamp(1, pieces.len().max(1)) {
            1 => work(),
            threads => std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(work);
                }
            }),
        }
        if given_up.into_inner() {
            return Err(QuantError::Cancelled);
        }
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(start, _)| *start);
        Ok(done.into_iter().map(|(_, r)| r).collect())
    }
}
