//! Neurons over all time steps by plain tensor operations, and what is recorded of them.
#![forbid(unsafe_code)]

use tch::{Kind, TchError, Tensor};

use super::{apply, saturated};
use crate::kernels::FixedDynamics;
use crate::network::{Charge, Firing, Halves, Rate, Reset, Spiking};
use crate::torch::ops::Population;
use crate::torch::record::{Record, Spikes, clamp};
use crate::torch::value::Value;

/// Integer neurons.
pub(super) fn levels(
    x: &Value,
    population: &Population<'_>,
    (max, halves): (f64, Halves),
    record: &mut Record,
) -> Result<Tensor, TchError> {
    let mut outputs = Vec::with_capacity(population.steps);
    for t in 0..population.steps {
        let x = apply(&now(x, t, population.images)?, population.affine)?;
        let clamped = x.f_clamp(0.0, max)?;
        let levels = match halves {
            Halves::ToEven => clamped.f_round()?,
            Halves::Up => clamped.f_add_scalar(0.5)?.f_floor()?,
        };
        note(record, population, t, &x, &levels)?;
        outputs.push(match population.residual {
            None => levels,
            Some(residual) => now(residual, t, population.images)?.f_add(&levels)?,
        });
    }
    Tensor::f_cat(&outputs, 0)
}

/// The rows of one time step.
fn now(value: &Value, step: usize, images: usize) -> Result<Tensor, TchError> {
    match value.steps {
        1 => Ok(value.tensor().shallow_clone()),
        _ => {
            let images = images as i64;
            value.tensor().f_narrow(0, step as i64 * images, images)
        }
    }
}

/// Neurons with a membrane potential.
pub(super) struct Membrane<'a> {
    pub spiking: Spiking<Rate>,
    pub population: &'a Population<'a>,
}

impl Membrane<'_> {
    pub(super) fn run(&self, x: &Value, record: &mut Record) -> Result<Tensor, TchError> {
        let p = self.population;
        let kind = x.tensor().kind();
        let options = (kind, x.tensor().device());
        let rows = if p.batch_leak { 1 } else { p.images };
        let size = [rows, p.shape.height, p.shape.width, p.shape.channels].map(|n| n as i64);
        let rest = p.fixed.map_or(self.spiking.reset, |f| f.reset).rest();
        let mut v = Tensor::f_full(size, rest, options)?;
        let mut outputs = Vec::with_capacity(p.steps);
        for t in 0..p.steps {
            let x = apply(&now(x, t, p.images)?, p.affine)?;
            let (potential, spikes) = match p.batch_leak {
                false => self.step(&mut v, &x)?,
                true => {
                    let (mut potentials, mut spikes) = (Vec::new(), Vec::new());
                    for x in x.f_split(1, 0)? {
                        let (potential, s) = self.step(&mut v, &x)?;
                        potentials.push(potential);
                        spikes.push(s);
                    }
                    (Tensor::f_cat(&potentials, 0)?, Tensor::f_cat(&spikes, 0)?)
                }
            };
            note(record, p, t, &potential, &spikes)?;
            outputs.push(match p.residual {
                None => spikes,
                Some(residual) => {
                    let sum = now(residual, t, p.images)?.f_add(&spikes)?;
                    saturated(sum, p.fixed.and_then(|f| f.sum))?
                }
            });
        }
        Tensor::f_cat(&outputs, 0)
    }

    /// One step of the recurrence: the potential before the reset, and the spikes.
    fn step(&self, v: &mut Tensor, x: &Tensor) -> Result<(Tensor, Tensor), TchError> {
        let fixed = self.population.fixed;
        let (reset, subtracted) = match fixed {
            None => (self.spiking.reset, self.spiking.threshold),
            Some(fixed) => (fixed.reset, fixed.subtracted),
        };
        let mut potential = match fixed {
            None => self.charge(v, x)?,
            Some(fixed) => on_grid(&fixed, v, x)?,
        };
        if reset == Reset::SoftNext {
            let less = self.spikes(v)?.f_mul_scalar(subtracted)?;
            potential = saturated(potential.f_sub(&less)?, fixed.map(|f| f.grid))?;
        }
        let spikes = self.spikes(&potential)?;
        *v = match reset {
            Reset::Hard(rest) => {
                let kept = potential.f_mul(&spikes.f_neg()?.f_add_scalar(1.0)?)?;
                kept.f_add(&spikes.f_mul_scalar(rest)?)?
            }
            Reset::Soft => potential.f_sub(&spikes.f_mul_scalar(subtracted)?)?,
            Reset::SoftNext => potential.shallow_clone(),
        };
        Ok((potential, spikes))
    }

    /// Where a potential fires, as numbers.
    fn spikes(&self, potential: &Tensor) -> Result<Tensor, TchError> {
        let threshold = self.spiking.threshold;
        let fires = match self.spiking.firing {
            Firing::AtLeast => potential.f_ge(threshold)?,
            Firing::Above => potential.f_gt(threshold)?,
        };
        fires.f_to_kind(potential.kind())
    }

    /// The potential with the input, in floating point.
    fn charge(&self, v: &Tensor, x: &Tensor) -> Result<Tensor, TchError> {
        let rest = self.spiking.reset.rest();
        let part = |x: &Tensor, rate: Rate| match rate {
            // A tensor, because division by a number may become multiplication by its inverse.
            Rate::OverTau(tau) => x.f_div(&Tensor::f_full([1], tau, (x.kind(), x.device()))?),
            other => x.f_mul_scalar(other.leak()),
        };
        match self.spiking.charge {
            Charge::Integrate => v.f_add(x),
            Charge::DecayInput(rate) => v.f_add(&part(&x.f_sub(&v.f_sub_scalar(rest)?)?, rate)?),
            Charge::Leak(rate) => v.f_sub(&part(&v.f_sub_scalar(rest)?, rate)?)?.f_add(x),
            Charge::Retain(rate) => v.f_mul_scalar(rate.kept())?.f_add(x),
        }
    }
}

/// The potential with the input on a grid.
fn on_grid(fixed: &FixedDynamics, v: &Tensor, x: &Tensor) -> Result<Tensor, TchError> {
    let (step, kind, rest) = (fixed.grid.step, x.kind(), fixed.reset.rest());
    // Whole steps, rounded down.
    let down = |x: Tensor, leak: f64| {
        let part = x.f_to_kind(Kind::Double)?.f_mul_scalar(leak / step)?;
        part.f_floor()?.f_mul_scalar(step)?.f_to_kind(kind)
    };
    let potential = match fixed.charge {
        Charge::Integrate => v.f_add(x)?,
        Charge::DecayInput(leak) => v.f_add(&down(x.f_sub(&v.f_sub_scalar(rest)?)?, leak)?)?,
        Charge::Leak(leak) => v.f_sub(&down(v.f_sub_scalar(rest)?, leak)?)?.f_add(x)?,
        Charge::Retain(leak) => v.f_sub(&down(v.shallow_clone(), leak)?)?.f_add(x)?,
    };
    saturated(potential, Some(fixed.grid))
}

/// Adds one time step to the record.
fn note(
    record: &mut Record,
    population: &Population<'_>,
    step: usize,
    potential: &Tensor,
    spikes: &Tensor,
) -> Result<(), TchError> {
    let site = population.site.index();
    match record {
        Record::Nothing | Record::Inputs(_) | Record::Times(_) => {}
        Record::Nearness(nearness) => {
            let scaled = potential.f_div_scalar(population.neuron.threshold())?;
            let near = scaled
                .f_sub_scalar(1.0)?
                .f_mul_scalar(std::f64::consts::PI)?;
            let near = near.f_square()?.f_add_scalar(1.0)?.f_reciprocal()?;
            let near = near.f_mean_dim([3].as_slice(), false, Kind::Double)?;
            let near = Vec::<f64>::try_from(&near.f_reshape([-1])?)?;
            if let Some(values) = nearness.sites.get_mut(site) {
                let to = values.iter_mut().skip(step * near.len());
                to.zip(near).for_each(|(to, x)| *to = x);
            }
        }
        Record::Golden(golden) => {
            let seen = potential.f_to_kind(Kind::Float)?.f_contiguous()?;
            let values = Vec::<f32>::try_from(&seen.f_reshape([-1])?)?;
            golden.recorder(site, population.neuron).note(step, &values);
        }
        Record::Channels(sums) => {
            if let Some(site) = sums.sites.get_mut(site).filter(|s| !s.is_empty()) {
                let wide = potential.f_to_kind(Kind::Double)?;
                let wide = match clamp(population.neuron) {
                    None => wide,
                    Some(max) => wide.f_clamp(0.0, max)?,
                };
                let new = wide.f_sum_dim_intlist([1, 2].as_slice(), false, Kind::Double)?;
                let new = Vec::<f64>::try_from(&new.f_reshape([-1])?)?;
                site.iter_mut().zip(new).for_each(|(sum, x)| *sum += x);
            }
            if !matches!(sums.spikes, Spikes::Ignored) {
                let levels = spikes.f_to_kind(Kind::Uint8)?.f_contiguous()?;
                let levels = Vec::<u8>::try_from(&levels.f_reshape([-1])?)?;
                let shape = population.shape;
                let units = shape.channels * shape.height * shape.width;
                let mut recorder = sums.spikes.recorder(site, population.neuron);
                for (image, levels) in levels.chunks_exact(units.max(1)).enumerate() {
                    recorder.emitted(image, step, levels);
                }
            }
        }
        Record::Histograms(all) => {
            let images = (all.images as i64).min(population.images as i64);
            let seen = potential.f_narrow(0, 0, images)?.f_to_kind(Kind::Double)?;
            let values = Vec::<f64>::try_from(&seen.f_contiguous()?.f_reshape([-1])?)?;
            let threshold = population.neuron.threshold();
            if let Some(site) = all.seen.sites.get_mut(site) {
                for v in &values {
                    let bin = site.bin(v / threshold);
                    site.bins[bin] += 1;
                }
            }
            let counted = spikes.f_narrow(0, 0, images)?.f_sum(Kind::Double)?;
            if let Some(sums) = all.steps.get_mut(site).and_then(|s| s.get_mut(step)) {
                sums.sum += values.iter().sum::<f64>();
                sums.spikes += counted.f_double_value(&[])? as i64;
            }
        }
        Record::Activity(activity) => {
            let images = (activity.images as i64).min(population.images as i64);
            let counted = spikes.f_narrow(0, 0, images)?.f_sum(Kind::Double)?;
            if let Some(sums) = activity.sites.get_mut(site).and_then(|s| s.get_mut(step)) {
                sums.spikes += counted.f_double_value(&[])? as i64;
            }
        }
        Record::Steps(sites) => {
            let wide = potential.f_to_kind(Kind::Double)?;
            let total = |x: &Tensor| x.f_sum(Kind::Double)?.f_double_value(&[]);
            if let Some(sums) = sites.get_mut(site).and_then(|s| s.get_mut(step)) {
                sums.sum += total(&wide)?;
                sums.square += total(&wide.f_square()?)?;
                sums.spikes += total(spikes)? as i64;
            }
        }
    }
    Ok(())
}
