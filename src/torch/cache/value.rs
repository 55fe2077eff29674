//! The storage format of a cached value: spikes as bits, counts as bytes, real numbers as f32.

use tch::{Device, Kind};

use crate::kernels::{FromBits, ToBits, launch};
use crate::network::ValueRange;
use crate::torch::TorchError;
use crate::torch::buffer::Buffer;
use crate::torch::slices::{numbers, numbers_mut};
use crate::torch::value::Value;

/// A cached value, from which the same bits are made again.
#[derive(Debug)]
pub(in crate::torch) struct CachedValue {
    data: Data,
    /// The number format it had.
    kind: Kind,
    size: Vec<i64>,
    steps: usize,
}

#[derive(Debug)]
enum Data {
    Bits(Box<[u8]>),
    Bytes(Box<[u8]>),
    Floats(Box<[f32]>),
}

impl CachedValue {
    /// The storage of a value of such numbers; none in f64 and on other devices than the CPU.
    pub(in crate::torch) fn of(
        value: &Value,
        range: ValueRange,
    ) -> Result<Option<CachedValue>, TorchError> {
        let tensor = value.tensor();
        if tensor.device() != Device::Cpu {
            return Ok(None);
        }
        let data = match (tensor.kind(), range) {
            (Kind::Uint8, ValueRange::Integer(1)) => {
                let input: &[u8] = numbers(tensor)?;
                let mut out = vec![0; input.len().div_ceil(8)].into_boxed_slice();
                launch(ToBits {
                    input,
                    out: &mut out,
                });
                Data::Bits(out)
            }
            (Kind::Float, ValueRange::Integer(1)) => {
                let input: &[f32] = numbers(tensor)?;
                let mut out = vec![0; input.len().div_ceil(8)].into_boxed_slice();
                launch(ToBits {
                    input,
                    out: &mut out,
                });
                Data::Bits(out)
            }
            (Kind::Uint8, _) => Data::Bytes(numbers::<u8>(tensor)?.into()),
            (Kind::Float, ValueRange::Integer(..=255)) => {
                let counts = value.to_bytes()?;
                let data = Data::Bytes(numbers::<u8>(counts.tensor())?.into());
                counts.data.recycle();
                data
            }
            (Kind::Float, _) => Data::Floats(numbers::<f32>(tensor)?.into()),
            _ => return Ok(None),
        };
        Ok(Some(CachedValue {
            data,
            kind: tensor.kind(),
            size: tensor.size(),
            steps: value.steps,
        }))
    }

    /// The value, in memory of its own.
    pub(in crate::torch) fn value(&self) -> Result<Value, TorchError> {
        let mut fresh = Buffer::of_size(&self.size, self.kind)?;
        match (&self.data, self.kind) {
            (Data::Bits(input), Kind::Uint8) => launch(FromBits {
                input,
                out: numbers_mut::<u8>(&mut fresh)?,
            }),
            (Data::Bits(input), _) => launch(FromBits {
                input,
                out: numbers_mut::<f32>(&mut fresh)?,
            }),
            (Data::Bytes(input), Kind::Uint8) => copy(input, numbers_mut(&mut fresh)?),
            (Data::Bytes(input), _) => {
                let out = numbers_mut::<f32>(&mut fresh)?.iter_mut().zip(input);
                out.for_each(|(out, &x)| *out = f32::from(x));
            }
            (Data::Floats(input), _) => copy(input, numbers_mut(&mut fresh)?),
        }
        Ok(Value::new(fresh, self.steps))
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> u64 {
        let numbers = match &self.data {
            Data::Bits(x) | Data::Bytes(x) => x.len(),
            Data::Floats(x) => 4 * x.len(),
        };
        super::store::resident(numbers)
    }
}

fn copy<X: Copy>(from: &[X], to: &mut [X]) {
    to.iter_mut().zip(from).for_each(|(to, x)| *to = *x);
}
