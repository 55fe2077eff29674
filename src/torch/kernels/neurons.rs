//! Neurons: which loop runs them, and what is written down meanwhile.
#![forbid(unsafe_code)]

use super::{Float, Fresh, Population, TorchError, Value, drive, launch, numbers_mut, rows};
use crate::network::Neuron;
use crate::torch::activity::Counted;
use crate::torch::loops::{Level, Levels, Lif};
use crate::torch::record::{ChannelRecorder, LeakRecorder, Record, Recorder, StepRecorder};

/// Runs a population over all time steps. Without an input, `out` holds it.
pub(super) fn neurons<F: Float>(
    input: Option<&Value>,
    out: &mut Fresh,
    population: &Population<'_>,
    record: &mut Record,
) -> Result<(), TorchError> {
    let (site, neuron) = (population.site.index(), population.neuron);
    let channels = population.shape.channels;
    match record {
        Record::Channels(sums) => {
            let sums = sums.sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let recorder = ChannelRecorder::new(channels, neuron, sums);
            recorded::<F, _>(input, out, population, recorder)
        }
        Record::Steps(sites) => {
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let recorder = StepRecorder { steps, neuron };
            recorded::<F, _>(input, out, population, recorder)
        }
        Record::Activity(activity) => {
            let images = activity.images;
            let sites = &mut activity.sites;
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let inner = StepRecorder { steps, neuron };
            recorded::<F, _>(input, out, population, Counted { images, inner })
        }
        Record::Nothing => recorded::<F, _>(input, out, population, ()),
    }
}

fn recorded<F: Float, R: Recorder<F>>(
    input: Option<&Value>,
    out: &mut Fresh,
    population: &Population<'_>,
    recorder: R,
) -> Result<(), TorchError> {
    match population.batch_leak {
        false => sweep::<F, R>(
            input,
            out,
            population,
            (population.steps, population.images),
            recorder,
        ),
        // All images of all time steps are the steps of one long sequence.
        true => {
            let images = population.images;
            let inner = recorder;
            let recorder = LeakRecorder { images, inner };
            let steps = population.steps * images;
            sweep::<F, _>(input, out, population, (steps, 1), recorder)
        }
    }
}

fn sweep<F: Float, R: Recorder<F>>(
    input: Option<&Value>,
    out: &mut Fresh,
    population: &Population<'_>,
    (steps, images): (usize, usize),
    recorder: R,
) -> Result<(), TorchError> {
    let channels = population.shape.channels;
    let affine = population.affine.map(rows).transpose()?;
    let (mut drive, mut residual) = (drive(input)?, drive(population.residual)?);
    if population.batch_leak {
        // One image is one step: what looks the same at every time step is another number at each.
        (drive, residual) = (drive.in_steps(), residual.in_steps());
    }
    let out = numbers_mut(out)?;
    match population.neuron {
        Neuron::Lif { tau, threshold } => launch(Lif::<F, R> {
            steps,
            images,
            channels,
            tau,
            threshold,
            affine,
            drive,
            residual,
            out,
            recorder,
        }),
        Neuron::Integer { max, halves, .. } => launch(Levels::<F, R> {
            steps,
            images,
            channels,
            level: Level {
                max: F::of(max as f64),
                halves,
            },
            affine,
            drive,
            residual,
            out,
            recorder,
        }),
    }
    Ok(())
}
