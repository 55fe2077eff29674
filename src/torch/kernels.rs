//! The executor's own operations on CPU tensors, by the loops of [`super::loops`].
#![forbid(unsafe_code)]

use tch::{Kind, Tensor};

use super::TorchError;
use super::activity::Counted;
use super::loops::{
    Affine, AffineRows, Attention, Drive, Float, HeadMask, HeadSum, Lif, MaxPool, TokenTimeSum,
};
use super::memory::{Fresh, launch, numbers, numbers_mut};
use super::ops::{Native, Operand, Ops, Population, Value};
use super::plan::Pool;
use super::record::{ChannelRecorder, Record, Recorder, StepRecorder};
use super::weights::AffineTensors;
use crate::network::{Neuron, Shape};

/// Calls a generic function for the number format of a tensor.
macro_rules! by_kind {
    ($kind:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $kind {
            Kind::Double => $function::<f64>($($argument),*),
            _ => $function::<f32>($($argument),*),
        }
    };
}

fn rows<F: Float>(affine: &AffineTensors) -> Result<AffineRows<'_, F>, TorchError> {
    Ok(AffineRows {
        scale: numbers(&affine.scale)?,
        shift: numbers(&affine.shift)?,
    })
}

fn owned(x: Operand<'_>) -> Result<Value, TorchError> {
    match x {
        Operand::Own(value) => Ok(value),
        Operand::Shared(value) => Ok(Value {
            data: Fresh::copy_of(value.tensor())?,
            steps: value.steps,
        }),
    }
}

impl Ops for Native {
    fn affine(&self, x: Operand<'_>, affine: &AffineTensors) -> Result<Value, TorchError> {
        fn run<F: Float>(x: &mut Fresh, affine: &AffineTensors) -> Result<(), TorchError> {
            launch(Affine::<F> {
                affine: rows(affine)?,
                values: numbers_mut(x)?,
            });
            Ok(())
        }
        let mut x = owned(x)?;
        by_kind!(x.tensor().kind(), run(&mut x.data, affine))?;
        Ok(x)
    }

    fn max_pool(
        &self,
        x: &Value,
        from: Shape,
        pool: Pool,
        affine: Option<&AffineTensors>,
    ) -> Result<Value, TorchError> {
        fn run<F: Float>(
            x: &Tensor,
            from: Shape,
            pool: Pool,
            affine: Option<&AffineTensors>,
            out: &mut Fresh,
        ) -> Result<(), TorchError> {
            launch(MaxPool::<F> {
                height: from.height,
                width: from.width,
                channels: from.channels,
                kernel: pool.kernel,
                stride: pool.stride,
                padding: pool.padding,
                affine: affine.map(rows).transpose()?,
                input: numbers(x)?,
                out: numbers_mut(out)?,
                out_height: pool.shape.height,
                out_width: pool.shape.width,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let mut data = Fresh::zeros(row_count(x), pool.shape, kind)?;
        by_kind!(kind, run(x.tensor(), from, pool, affine, &mut data))?;
        Ok(Value {
            data,
            steps: x.steps,
        })
    }

    fn neuron(
        &self,
        x: Operand<'_>,
        population: &Population<'_>,
        record: &mut Record,
    ) -> Result<Value, TorchError> {
        let kind = x.tensor().kind();
        let (input, mut data) = match x {
            Operand::Own(Value { data, steps }) if steps == population.steps => (None, data),
            x => {
                let rows = population.steps * population.images;
                (Some(x), Fresh::zeros(rows, population.shape, kind)?)
            }
        };
        let input = input.as_ref().map(Operand::value);
        by_kind!(kind, lif(input, &mut data, population, record))?;
        Ok(Value {
            data,
            steps: population.steps,
        })
    }

    fn head_sum(&self, x: &Value, shape: Shape) -> Result<Value, TorchError> {
        fn run<F: Float>(x: &Tensor, out: &mut Fresh) -> Result<(), TorchError> {
            let (input, out) = (numbers(x)?, numbers_mut::<F>(out)?);
            launch(HeadSum::<F> {
                width: input.len() / out.len().max(1),
                input,
                out,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let mut data = Fresh::zeros(row_count(x), shape, kind)?;
        by_kind!(kind, run(x.tensor(), &mut data))?;
        Ok(Value {
            data,
            steps: x.steps,
        })
    }

    fn head_mask(&self, mask: &Value, x: Operand<'_>, _heads: usize) -> Result<Value, TorchError> {
        fn run<F: Float>(mask: &Tensor, x: &mut Fresh) -> Result<(), TorchError> {
            let (mask, values) = (numbers(mask)?, numbers_mut::<F>(x)?);
            launch(HeadMask::<F> {
                width: values.len() / mask.len().max(1),
                mask,
                values,
            });
            Ok(())
        }
        let mut x = owned(x)?;
        by_kind!(x.tensor().kind(), run(mask.tensor(), &mut x.data))?;
        Ok(x)
    }

    fn attention(
        &self,
        qkv: [&Value; 3],
        shape: Shape,
        heads: usize,
        scale: f64,
    ) -> Result<Value, TorchError> {
        fn run<F: Float>(
            [q, k, v]: [&Value; 3],
            shape: Shape,
            heads: usize,
            scale: f64,
            out: &mut Fresh,
        ) -> Result<(), TorchError> {
            launch(Attention::<F> {
                tokens: shape.height * shape.width,
                heads,
                channels: shape.channels,
                scale,
                q: numbers(q.tensor())?,
                k: numbers(k.tensor())?,
                v: numbers(v.tensor())?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let kind = qkv[0].tensor().kind();
        let mut data = Fresh::zeros(row_count(qkv[0]), shape, kind)?;
        by_kind!(kind, run(qkv, shape, heads, scale, &mut data))?;
        Ok(Value {
            data,
            steps: qkv[0].steps,
        })
    }

    fn token_time_sum(&self, x: &Value) -> Result<Value, TorchError> {
        fn run<F: Float>(
            x: &Value,
            images: usize,
            channels: usize,
            out: &mut Fresh,
        ) -> Result<(), TorchError> {
            launch(TokenTimeSum::<F> {
                images,
                channels,
                steps: x.steps,
                input: numbers(x.tensor())?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let images = row_count(x) / x.steps.max(1);
        let channels = x.tensor().size().last().map_or(0, |&n| n as usize);
        let shape = Shape {
            channels,
            height: 1,
            width: 1,
        };
        let mut data = Fresh::zeros(images, shape, kind)?;
        by_kind!(kind, run(x, images, channels, &mut data))?;
        Ok(Value { data, steps: 1 })
    }
}

fn row_count(x: &Value) -> usize {
    x.tensor().size().first().map_or(0, |&n| n as usize)
}

fn lif<F: Float>(
    input: Option<&Value>,
    out: &mut Fresh,
    population: &Population<'_>,
    record: &mut Record,
) -> Result<(), TorchError> {
    let Neuron::Lif { tau, threshold } = population.neuron;
    let site = population.site.index();
    let channels = population.shape.channels;
    match record {
        Record::Channels(sums) => {
            let sums = sums.sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let recorder = ChannelRecorder::new(channels, sums);
            lif_recorded::<F, _>(input, out, population, (tau, threshold), recorder)
        }
        Record::Steps(sites) => {
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let recorder = StepRecorder { steps, threshold };
            lif_recorded::<F, _>(input, out, population, (tau, threshold), recorder)
        }
        Record::Activity(activity) => {
            let images = activity.images;
            let sites = &mut activity.sites;
            let steps = sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
            let inner = StepRecorder { steps, threshold };
            let recorder = Counted { images, inner };
            lif_recorded::<F, _>(input, out, population, (tau, threshold), recorder)
        }
        Record::Nothing => lif_recorded::<F, _>(input, out, population, (tau, threshold), ()),
    }
}

fn lif_recorded<F: Float, R: Recorder<F>>(
    input: Option<&Value>,
    out: &mut Fresh,
    population: &Population<'_>,
    (tau, threshold): (f64, f64),
    recorder: R,
) -> Result<(), TorchError> {
    fn drive<F: Float>(value: Option<&Value>) -> Result<Drive<'_, F>, TorchError> {
        Ok(match value {
            None => Drive::InPlace,
            Some(value) if value.steps == 1 => Drive::Static(numbers(value.tensor())?),
            Some(value) => Drive::Steps(numbers(value.tensor())?),
        })
    }
    launch(Lif::<F, R> {
        steps: population.steps,
        images: population.images,
        channels: population.shape.channels,
        tau,
        threshold,
        affine: population.affine.map(rows).transpose()?,
        drive: drive(input)?,
        residual: drive(population.residual)?,
        out: numbers_mut(out)?,
        recorder,
    });
    Ok(())
}
