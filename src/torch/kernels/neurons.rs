//! Neurons: which loop runs them, and what is written down meanwhile.
#![forbid(unsafe_code)]

use super::{Float, Fresh, Population, Stored, TorchError, Value, drive, numbers_mut, rows};
use crate::network::Neuron;
use crate::torch::activity::Counted;
use crate::torch::loops::{Drive, Level, Levels, Lif, Sweep, Tail};
use crate::torch::memory::launch;
use crate::torch::record::{
    ChannelRecorder, HistogramRecorder, LeakRecorder, Record, Recorder, StepRecorder,
};

/// Does something with a tail.
pub(super) trait Use<F> {
    fn with(self, tail: impl Tail<F>);
}

/// Runs a population over all time steps. Without an input, `out` holds it.
pub(super) fn neurons<F: Float, O: Stored<F>>(
    input: Option<&Value>,
    out: &mut Fresh,
    population: &Population<'_>,
    record: &mut Record,
) -> Result<(), TorchError> {
    let drive: Drive<'_, F> = drive(input)?;
    let shape = population.shape;
    let image = shape.height * shape.width * shape.channels;
    let sweep = Whole {
        // All images of all time steps are the steps of one long sequence; what looks the same at every time step is
        // another number at each.
        drive: match population.batch_leak {
            true => drive.in_steps(),
            false => drive,
        },
        images: match population.batch_leak {
            true => 1,
            false => population.images,
        },
        image,
        channels: shape.channels,
    };
    recorded::<F, O, _>(out, population, record, sweep)
}

/// A tail over a value in memory.
struct Whole<'a, F> {
    images: usize,
    image: usize,
    channels: usize,
    drive: Drive<'a, F>,
}

impl<F: Float> Use<F> for Whole<'_, F> {
    fn with(self, tail: impl Tail<F>) {
        launch(Sweep {
            images: self.images,
            image: self.image,
            channels: self.channels,
            drive: self.drive,
            tail,
        });
    }
}

/// Makes a population the tail of something, and writes down what the record asks for.
pub(super) fn recorded<F: Float, O: Stored<F>, U: Use<F>>(
    out: &mut Fresh,
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
            leaking::<F, O, _, _>(out, population, recorder, user)
        }
        Record::Steps(sites) => {
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let recorder = StepRecorder { steps, neuron };
            leaking::<F, O, _, _>(out, population, recorder, user)
        }
        Record::Activity(activity) => {
            let images = activity.images;
            let sites = &mut activity.sites;
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let inner = StepRecorder { steps, neuron };
            leaking::<F, O, _, _>(out, population, Counted { images, inner }, user)
        }
        Record::Histograms(all) => {
            let images = all.images;
            let steps = all.steps.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let inner = HistogramRecorder {
                site: all.seen.sites.get_mut(site),
                threshold: neuron.threshold(),
                steps: StepRecorder { steps, neuron },
            };
            leaking::<F, O, _, _>(out, population, Counted { images, inner }, user)
        }
        Record::Nothing => leaking::<F, O, _, _>(out, population, (), user),
    }
}

fn leaking<F: Float, O: Stored<F>, R: Recorder<F>, U: Use<F>>(
    out: &mut Fresh,
    population: &Population<'_>,
    recorder: R,
    user: U,
) -> Result<(), TorchError> {
    let (steps, images) = (population.steps, population.images);
    match population.batch_leak {
        false => tail::<F, O, _, _>(out, population, (steps, images), recorder, user),
        true => {
            let inner = recorder;
            let recorder = LeakRecorder { images, inner };
            tail::<F, O, _, _>(out, population, (steps * images, 1), recorder, user)
        }
    }
}

fn tail<F: Float, O: Stored<F>, R: Recorder<F>, U: Use<F>>(
    out: &mut Fresh,
    population: &Population<'_>,
    (steps, images): (usize, usize),
    recorder: R,
    user: U,
) -> Result<(), TorchError> {
    let sizes = (steps, images, population.shape.channels);
    let affine = population.affine.map(rows).transpose()?;
    let mut residual = drive(population.residual)?;
    if population.batch_leak {
        residual = residual.in_steps();
    }
    let out = numbers_mut::<O>(out)?;
    match population.neuron {
        Neuron::Lif { tau, threshold } => {
            let of = (tau, threshold);
            user.with(Lif::new(sizes, of, affine, residual, out, recorder));
        }
        Neuron::Integer { max, halves, .. } => {
            let level = Level {
                max: F::of(max as f64),
                halves,
            };
            user.with(Levels::new(sizes, level, affine, residual, out, recorder));
        }
    }
    Ok(())
}
