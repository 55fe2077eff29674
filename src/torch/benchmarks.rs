//! The kernels on sizes of real networks, for `cargo bench --bench kernels`: nothing else has a use for it.
#![forbid(unsafe_code)]

use tch::Tensor;

use super::TorchError;
use super::error::Doing;
use super::loops::{
    Affine, Attention, Bytes, Dot, Drive, Floats, Input, Lif, MaxPool, Sweep, Window,
};
use super::memory::{ByteProducts, Vectors, launch};

/// A kernel on some numbers.
pub struct Benchmark {
    /// What it does, on which shape, by which instructions.
    pub name: String,
    /// Multiplications and additions of a convolution, or numbers that are read.
    pub items: usize,
    /// Runs it once.
    pub run: Box<dyn FnMut() -> Result<(), TorchError>>,
}

impl std::fmt::Debug for Benchmark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Benchmark").field(&self.name).finish()
    }
}

/// Time steps.
const STEPS: usize = 4;

/// A layer without a stride.
#[derive(Clone, Copy)]
struct Sizes {
    name: &'static str,
    side: usize,
    inputs: usize,
    channels: usize,
    kernel: usize,
}

const LAYERS: [Sizes; 2] = [
    Sizes {
        name: "3x3, 64 to 64 channels, 28x28",
        side: 28,
        inputs: 64,
        channels: 64,
        kernel: 3,
    },
    Sizes {
        name: "1x1, 384 to 1536 channels, 8x8",
        side: 8,
        inputs: 384,
        channels: 1536,
        kernel: 1,
    },
];

impl Sizes {
    fn positions(&self) -> usize {
        STEPS * self.side * self.side
    }
    fn fan_in(&self) -> usize {
        self.inputs * self.kernel * self.kernel
    }
    fn window(&self) -> Window {
        Window {
            kernel: self.kernel,
            stride: 1,
            padding: self.kernel / 2,
        }
    }
    /// A fifth of the neurons fire.
    fn spikes(&self) -> Vec<u8> {
        let numbers = 0..self.positions() * self.inputs;
        numbers.map(|i| u8::from(i * 7919 % 31 < 6)).collect()
    }
    fn weights(&self) -> Vec<i8> {
        let numbers = 0..self.channels * self.fan_in();
        numbers.map(|i| (i * 104_729 % 15) as i8 - 7).collect()
    }
    fn benchmark(
        &self,
        by: &str,
        run: impl FnMut() -> Result<(), TorchError> + 'static,
    ) -> Benchmark {
        Benchmark {
            name: format!("{}, {by}", self.name),
            items: self.positions() * self.fan_in() * self.channels,
            run: Box::new(run),
        }
    }
    fn dot<'a, P, X, S>(&self, packed: &'a P, input: &'a [X], tail: S) -> Dot<'a, P, X, S> {
        Dot {
            packed,
            steps: STEPS,
            images: 1,
            height: self.side,
            width: self.side,
            out_height: self.side,
            out_width: self.side,
            input: Input::Same(input),
            tail,
        }
    }

    fn convolutions(self) -> Result<Vec<Benchmark>, TorchError> {
        let (sizes, channels) = ((STEPS, 1, self.channels), self.channels);
        let (spikes, weights) = (self.spikes(), self.weights());
        let mut all = Vec::new();
        for products in ByteProducts::all() {
            let packed = Bytes::new(&weights, channels, self.window(), products.vectors());
            let Some(packed) = packed else { continue };
            let (spikes, mut out) = (spikes.clone(), vec![0f32; self.positions() * channels]);
            all.push(self.benchmark(&format!("bytes, {products:?}"), move || {
                let tail = Affine::new(sizes, None, Drive::InPlace, &mut out);
                products.launch(self.dot(&packed, &spikes, tail));
                Ok(())
            }));
        }
        let weights: Vec<f32> = weights.iter().map(|&w| f32::from(w)).collect();
        let spikes: Vec<f32> = spikes.iter().map(|&x| f32::from(x)).collect();
        for vectors in Vectors::all() {
            let packed = Floats::new(&weights, channels, self.window(), vectors.vectors());
            let Some(packed) = packed else { continue };
            let (spikes, mut out) = (spikes.clone(), vec![0f32; self.positions() * channels]);
            all.push(self.benchmark(&format!("f32, {vectors:?}"), move || {
                let tail = Affine::new(sizes, None, Drive::InPlace, &mut out);
                vectors.launch(self.dot(&packed, &spikes, tail));
                Ok(())
            }));
        }
        let (x, w) = self
            .tensors(&spikes, &weights)
            .doing(|| "making a convolution's tensors".to_owned())?;
        let padding = [self.kernel as i64 / 2; 2];
        all.push(self.benchmark("f32, libtorch", move || {
            let sums = x.f_conv2d(&w, None::<Tensor>, [1, 1], padding, [1, 1], 1);
            sums.map(drop).doing(|| "a convolution".to_owned())
        }));
        Ok(all)
    }

    /// The input and the weights, channels innermost, as the executor has them.
    fn tensors(&self, spikes: &[f32], weights: &[f32]) -> Result<(Tensor, Tensor), tch::TchError> {
        let (side, inputs) = (self.side as i64, self.inputs as i64);
        let (channels, kernel) = (self.channels as i64, self.kernel as i64);
        let x = Tensor::f_from_slice(spikes)?.f_view([STEPS as i64, side, side, inputs])?;
        let w = Tensor::f_from_slice(weights)?.f_view([channels, inputs, kernel, kernel])?;
        let w = w.f_permute([0, 2, 3, 1])?.f_contiguous()?;
        Ok((x.f_permute([0, 3, 1, 2])?, w.f_permute([0, 3, 1, 2])?))
    }
}

fn numbers(count: usize) -> Vec<f32> {
    let of = |i: usize| (i * 7919 % 1000) as f32 / 400.0 - 0.5;
    (0..count).map(of).collect()
}

fn neurons() -> Benchmark {
    let (channels, image) = (64, 28 * 28 * 64);
    let input = numbers(STEPS * image);
    let mut out = vec![0u8; STEPS * image];
    Benchmark {
        name: "LIF over 4 time steps, 64 channels, 28x28".to_owned(),
        items: input.len(),
        run: Box::new(move || {
            let (sizes, of) = ((STEPS, 1, channels), (2.0, 1.0));
            launch(Sweep {
                images: 1,
                image,
                channels,
                drive: Drive::Steps(&input),
                tail: Lif::new(sizes, of, None, Drive::InPlace, &mut out, ()),
            });
            Ok(())
        }),
    }
}

fn max_pool() -> Benchmark {
    let (side, channels) = (28, 64);
    let input = numbers(STEPS * side * side * channels);
    let mut out = vec![0f32; STEPS * 14 * 14 * channels];
    Benchmark {
        name: "3x3 max-pool with stride 2, 64 channels, 28x28".to_owned(),
        items: input.len(),
        run: Box::new(move || {
            launch(MaxPool {
                height: side,
                width: side,
                channels,
                kernel: 3,
                stride: 2,
                padding: 1,
                affine: None,
                input: &input,
                out: &mut out,
                out_height: 14,
                out_width: 14,
            });
            Ok(())
        }),
    }
}

fn attention() -> Benchmark {
    let (tokens, channels) = (64, 384);
    let spikes: Vec<u8> = (0..STEPS * tokens * channels)
        .map(|i| u8::from(i * 7919 % 31 < 6))
        .collect();
    let mut out = vec![0f32; spikes.len()];
    Benchmark {
        name: "spiking attention, 12 heads, 384 channels, 64 tokens".to_owned(),
        items: spikes.len(),
        run: Box::new(move || {
            launch(Attention::<f32, u8> {
                tokens,
                heads: 12,
                channels,
                v_channels: channels,
                scale: 0.125,
                q: &spikes,
                k: &spikes,
                v: &spikes,
                out: &mut out,
            });
            Ok(())
        }),
    }
}

/// All of them, on one thread.
///
/// # Errors
/// [`TorchError`] where libtorch refuses a tensor.
pub fn benchmarks() -> Result<Vec<Benchmark>, TorchError> {
    tch::set_num_threads(1);
    let mut all = Vec::new();
    for layer in LAYERS {
        all.extend(layer.convolutions()?);
    }
    all.extend([neurons(), max_pool(), attention()]);
    Ok(all)
}
