//! Neurons: which kernel runs them, and what is recorded meanwhile.
#![forbid(unsafe_code)]

use tch::kind::Element;

use super::{
    Buffer, Float, Population, Record, Stored, TorchError, Value, fixed_rows, float_rows, launch,
    numbers_mut, signal,
};
use crate::kernels::{
    Elementwise, Epilogue, Extent, FixedLif, Launched, Level, Levels, Lif, Recorder, Signal, Target,
};
use crate::network::Neuron;
use crate::torch::record::{
    ChannelRecorder, Counted, HistogramRecorder, LeakRecorder, StepRecorder,
};

/// An accumulation or a value that takes an epilogue of any type.
pub(super) trait EpilogueUser<F> {
    /// Runs with the epilogue.
    fn with(self, epilogue: impl Epilogue<F>);
}

/// Runs a population over all time steps. Without an input, `out` holds it.
pub(super) fn neurons<F: Float + Element, O: Stored<F> + Element>(
    input: Option<&Value>,
    out: &mut Buffer,
    population: &Population<'_>,
    record: &mut Record,
) -> Result<(), TorchError> {
    let input: Option<Signal<'_, F>> = input.map(signal).transpose()?;
    let shape = population.shape;
    let value = InMemory {
        // All images of all time steps are the steps of one long sequence; what looks the same at
        // every time step is another number at each.
        input: match population.batch_leak {
            true => input.map(Signal::varying),
            false => input,
        },
        images: match population.batch_leak {
            true => 1,
            false => population.images,
        },
        image: shape.height * shape.width * shape.channels,
        channels: shape.channels,
    };
    recorded::<F, O, _>(out, population, record, value)
}

/// A value in memory.
struct InMemory<'a, F> {
    images: usize,
    image: usize,
    channels: usize,
    input: Option<Signal<'a, F>>,
}

impl<F: Float> EpilogueUser<F> for InMemory<'_, F> {
    fn with(self, epilogue: impl Epilogue<F>) {
        launch(Elementwise {
            images: self.images,
            image: self.image,
            channels: self.channels,
            input: self.input,
            epilogue,
        });
    }
}

/// Makes a population the epilogue of something, and records what was asked for.
pub(super) fn recorded<F: Float + Element, O: Stored<F> + Element, U: EpilogueUser<F>>(
    out: &mut Buffer,
    population: &Population<'_>,
    record: &mut Record,
    user: U,
) -> Result<(), TorchError> {
    let (site, neuron) = (population.site.index(), population.neuron);
    let channels = population.shape.channels;
    match record {
        Record::Channels(sums) => {
            let spikes = sums.spikes.recorder(site, neuron);
            let sums = sums.sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let recorder = (ChannelRecorder::new(channels, neuron, sums), spikes);
            observed::<F, O, _>(out, population, recorder, user)
        }
        Record::Steps(sites) => {
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let recorder = StepRecorder { steps, neuron };
            observed::<F, O, _>(out, population, recorder, user)
        }
        Record::Activity(activity) => {
            let images = activity.images;
            let sites = &mut activity.sites;
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let inner = StepRecorder { steps, neuron };
            observed::<F, O, _>(out, population, Counted { images, inner }, user)
        }
        Record::Histograms(all) => {
            let images = all.images;
            let steps = all.steps.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let inner = HistogramRecorder {
                site: all.seen.sites.get_mut(site),
                threshold: neuron.threshold(),
                steps: StepRecorder { steps, neuron },
            };
            observed::<F, O, _>(out, population, Counted { images, inner }, user)
        }
        Record::Nearness(nearness) => {
            let recorder = nearness.recorder(
                site,
                channels,
                neuron,
                (population.steps, population.batch_leak),
            );
            observed::<F, O, _>(out, population, recorder, user)
        }
        Record::Golden(golden) => {
            let recorder = golden.recorder(site, neuron);
            observed::<F, O, _>(out, population, recorder, user)
        }
        Record::Nothing | Record::Inputs(_) | Record::Times(_) => {
            epilogue::<F, O, _, _>(out, population, (), user)
        }
    }
}

/// Runs with a recorder behind a pointer: kernels are compiled with and without one, not for each.
fn observed<F: Float + Element, O: Stored<F> + Element, U: EpilogueUser<F>>(
    out: &mut Buffer,
    population: &Population<'_>,
    recorder: impl Recorder<F>,
    user: U,
) -> Result<(), TorchError> {
    let mut recorder = Launched(recorder);
    match population.batch_leak {
        false => epilogue::<F, O, &mut dyn Recorder<F>, _>(out, population, &mut recorder, user),
        true => {
            let mut recorder = LeakRecorder {
                images: population.images,
                inner: recorder,
            };
            epilogue::<F, O, &mut dyn Recorder<F>, _>(out, population, &mut recorder, user)
        }
    }
}

fn epilogue<F: Float + Element, O: Stored<F> + Element, R: Recorder<F>, U: EpilogueUser<F>>(
    out: &mut Buffer,
    population: &Population<'_>,
    recorder: R,
    user: U,
) -> Result<(), TorchError> {
    let (steps, images) = match population.batch_leak {
        false => (population.steps, population.images),
        true => (population.steps * population.images, 1),
    };
    let extent = Extent {
        steps,
        images,
        channels: population.shape.channels,
    };
    let affine = float_rows(population.affine)?;
    let fixed = fixed_rows(population.affine)?;
    let mut residual = population.residual.map(signal).transpose()?;
    if population.batch_leak {
        residual = residual.map(Signal::varying);
    }
    let target = Target::new(extent, affine, residual, numbers_mut::<O>(out)?).onto(fixed);
    match population.neuron {
        Neuron::Spiking(spiking) => match population.fixed {
            Some(dynamics) => user.with(FixedLif::new(target, dynamics, recorder)),
            None => user.with(Lif::new(target, &spiking, recorder)),
        },
        Neuron::Integer { max, halves, .. } => {
            let level = Level {
                max: F::of(max as f64),
                halves,
            };
            user.with(Levels::new(target, level, recorder));
        }
    }
    Ok(())
}
