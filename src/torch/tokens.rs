//! Attention among some of the tokens: those that see each other are brought together as the tokens
//! of rows of their own, which the attention of all tokens then runs on.
#![forbid(unsafe_code)]

use tch::{TchError, Tensor};

use super::TorchError;
use super::buffer::Buffer;
use super::error::Context;
use super::value::Value;
use crate::network::{Shape, Tokens};

/// Runs the attention of all tokens of a row on those that see each other. `shape` is v's.
pub(super) fn among(
    tokens: Tokens,
    qkv: [&Value; 3],
    shape: Shape,
    attention: impl Fn([&Value; 3], Shape) -> Result<Value, TorchError>,
) -> Result<Value, TorchError> {
    let size = qkv[2].tensor().size();
    let rearrangement = match tokens {
        Tokens::All => return attention(qkv, shape),
        Tokens::Grid(stride) => Rearrangement::grid(stride, shape),
        Tokens::Steps(chunk) => Rearrangement::steps(chunk, qkv[2].steps, shape),
    };
    let [q, k, v] = qkv.map(|x| rearrangement.there(x));
    let (q, k, v) = (q?, k?, v?);
    let together = attention([&q, &k, &v], rearrangement.shape)?;
    rearrangement.back(&together, &size, qkv[2].steps)
}

/// Dimensions in another order. The last one are always the channels.
struct Rearrangement {
    /// The dimensions that rows, rows of positions and columns are made of, in memory's order; -1
    /// is that of the images.
    parts: Vec<i64>,
    /// The order in which they come together.
    order: Vec<i64>,
    /// The shape of a row of tokens that see each other, with v's channels.
    shape: Shape,
}

impl Rearrangement {
    fn grid(stride: usize, shape: Shape) -> Self {
        let (height, width) = (shape.height / stride.max(1), shape.width / stride.max(1));
        let [n, h, w] = [stride, height, width].map(|n| n as i64);
        Rearrangement {
            parts: vec![-1, h, n, w, n],
            order: vec![0, 2, 4, 1, 3],
            shape: Shape {
                height,
                width,
                ..shape
            },
        }
    }

    fn steps(chunk: usize, steps: usize, shape: Shape) -> Self {
        let [chunks, length] = [steps / chunk.max(1), chunk].map(|n| n as i64);
        let [h, w] = [shape.height, shape.width].map(|n| n as i64);
        Rearrangement {
            parts: vec![chunks, length, -1, h, w],
            order: vec![0, 2, 1, 3, 4],
            shape: Shape {
                height: chunk * shape.height,
                ..shape
            },
        }
    }

    /// The tokens together, each group as the positions of a row.
    fn there(&self, x: &Value) -> Result<Value, TorchError> {
        let channels = x.tensor().size().last().copied().unwrap_or(0);
        let [height, width] = [self.shape.height, self.shape.width].map(|n| n as i64);
        let run = || -> Result<Tensor, TchError> {
            let parts: Vec<i64> = self.parts.iter().copied().chain([channels]).collect();
            let order: Vec<i64> = self.order.iter().copied().chain([5]).collect();
            let moved = x.tensor().f_reshape(parts)?.f_permute(order)?;
            moved
                .f_reshape([-1, height, width, channels])?
                .f_contiguous()
        };
        let moved = run().context(|| "bringing tokens together".to_owned())?;
        Ok(Value::new(Buffer::new(moved), x.steps))
    }

    /// The other way round; `size` is that of the value before.
    fn back(&self, x: &Value, size: &[i64], steps: usize) -> Result<Value, TorchError> {
        let channels = size.last().copied().unwrap_or(0);
        let run = || -> Result<Tensor, TchError> {
            let part = |&at: &i64| self.parts.get(at as usize).copied().unwrap_or(1);
            let parts: Vec<i64> = self.order.iter().map(part).chain([channels]).collect();
            // Where each dimension went.
            let mut inverse = vec![5; 6];
            for (to, &from) in self.order.iter().enumerate() {
                if let Some(place) = inverse.get_mut(from as usize) {
                    *place = to as i64;
                }
            }
            let moved = x.tensor().f_reshape(parts)?.f_permute(inverse)?;
            moved.f_reshape(size)?.f_contiguous()
        };
        let moved = run().context(|| "putting tokens back".to_owned())?;
        Ok(Value::new(Buffer::new(moved), steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What sees a token is what an attention of ones sums up; here each row's numbers are replaced
    /// by the row's first one.
    #[test]
    fn tokens_come_together_and_go_back() {
        let shape = Shape {
            channels: 1,
            height: 2,
            width: 4,
        };
        let (steps, images) = (4i64, 2i64);
        let numbers = Tensor::arange(steps * images * 8, (tch::Kind::Float, tch::Device::Cpu));
        let data = numbers.reshape([steps * images, 2, 4, 1]);
        let value = Value::new(Buffer::new(data), 4);
        let first = |qkv: [&Value; 3], to: Shape| {
            let x = qkv[2].tensor();
            assert_eq!(x.size()[1..3], [to.height as i64, to.width as i64]);
            let first = x.narrow(1, 0, 1).narrow(2, 0, 1);
            let filled = first.expand_as(x).contiguous();
            Ok(Value::new(Buffer::new(filled), qkv[2].steps))
        };
        let run = |tokens| -> Vec<f32> {
            let out = among(tokens, [&value; 3], shape, first).unwrap();
            assert_eq!(out.tensor().size(), value.tensor().size());
            Vec::try_from(&out.tensor().reshape([-1])).unwrap()
        };
        // Rows and columns modulo 2.
        let grid = run(Tokens::Grid(2));
        assert_eq!(grid[..8], [0.0, 1.0, 0.0, 1.0, 4.0, 5.0, 4.0, 5.0]);
        assert_eq!(grid[8..12], [8.0, 9.0, 8.0, 9.0]);
        // Steps 0 and 1, then 2 and 3, of each image by itself.
        let chunks = run(Tokens::Steps(2));
        let firsts: Vec<f32> = chunks.chunks(8).map(|row| row[7]).collect();
        assert_eq!(firsts, [0.0, 8.0, 0.0, 8.0, 32.0, 40.0, 32.0, 40.0]);
    }
}
