//! The native kernels, one thread, on layers of real networks, beside libtorch's convolution:
//!
//! `cargo bench --bench kernels`

use aq4svit::kernels::{
    AffineEpilogue, Attention, ByteConv, Bytes, Conv, ConvInput, Elementwise, Extent, FloatConv,
    Floats, HeadProduct, Lif, MaxPool, Operands, Packed, Product, Signal, Target, Window, launch,
};
use aq4svit::network::{Charge, Firing, Rate, Reset, Spiking};
use divan::Bencher;
use divan::counter::ItemsCount;
use tch::Tensor;

fn main() {
    tch::set_num_threads(1);
    divan::main();
}

fn all() -> Vec<Benchmark> {
    let layers = LAYERS.into_iter().flat_map(Sizes::convolutions);
    let others = [neurons(), max_pool(), attention(), scores()];
    layers.chain(others).collect()
}

fn names() -> Vec<String> {
    all().into_iter().map(|b| b.name).collect()
}

#[divan::bench(args = names())]
fn kernel(bencher: Bencher<'_, '_>, name: &str) {
    let named = all().into_iter().find(|b| b.name == name);
    let mut benchmark = named.expect("the names are theirs");
    bencher
        .counter(ItemsCount::new(benchmark.items))
        .bench_local(|| (benchmark.run)());
}

/// A kernel on some numbers.
struct Benchmark {
    /// What it does, on which shape, by which instructions.
    name: String,
    /// Multiplications and additions of a convolution, or numbers that are read.
    items: usize,
    /// Runs it once.
    run: Box<dyn FnMut()>,
}

/// Time steps.
const STEPS: usize = 4;

fn extent(channels: usize) -> Extent {
    Extent {
        steps: STEPS,
        images: 1,
        channels,
    }
}

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
        Window::square(self.kernel, 1, self.kernel / 2)
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
    fn benchmark(&self, by: &str, run: impl FnMut() + 'static) -> Benchmark {
        Benchmark {
            name: format!("{}, {by}", self.name),
            items: self.positions() * self.fan_in() * self.channels,
            run: Box::new(run),
        }
    }
    fn conv<'a, O: Operands>(&self, packed: &'a Packed<O>, input: &'a [O::Input]) -> Conv<'a, O> {
        Conv {
            packed,
            steps: STEPS,
            images: 1,
            height: self.side,
            width: self.side,
            out_height: self.side,
            out_width: self.side,
            input: ConvInput::Same(input),
        }
    }

    fn convolutions(self) -> Vec<Benchmark> {
        let channels = self.channels;
        let extent = extent(channels);
        let (spikes, weights) = (self.spikes(), self.weights());
        let mut all = Vec::new();
        for kernel in ByteConv::all() {
            let packed =
                Packed::<Bytes>::new(&weights, (channels, 1), self.window(), kernel.vectors());
            let heaviest = weights.iter().map(|w| w.unsigned_abs()).max().unwrap_or(0);
            let narrow = kernel
                .narrow(1, heaviest)
                .expect("sums of spikes are exact");
            let packed = packed.expect("the weights fit").with_narrow(narrow);
            let (spikes, mut out) = (spikes.clone(), vec![0f32; self.positions() * channels]);
            all.push(
                self.benchmark(&format!("bytes, {:?}", kernel.set()), move || {
                    let target = Target::new(extent, None, None, &mut out);
                    kernel.launch(self.conv(&packed, &spikes), AffineEpilogue(target));
                }),
            );
        }
        let weights: Vec<f32> = weights.iter().map(|&w| f32::from(w)).collect();
        let spikes: Vec<f32> = spikes.iter().map(|&x| f32::from(x)).collect();
        for kernel in FloatConv::all() {
            let packed =
                Packed::<Floats>::new(&weights, (channels, 1), self.window(), kernel.vectors());
            let packed = packed.expect("the weights fit");
            let (spikes, mut out) = (spikes.clone(), vec![0f32; self.positions() * channels]);
            all.push(
                self.benchmark(&format!("f32, {:?}", kernel.set()), move || {
                    let target = Target::new(extent, None, None, &mut out);
                    kernel.launch(self.conv(&packed, &spikes), AffineEpilogue(target));
                }),
            );
        }
        let (x, w) = self
            .tensors(&spikes, &weights)
            .expect("libtorch takes these sizes");
        let padding = [self.kernel as i64 / 2; 2];
        all.push(self.benchmark("f32, libtorch", move || {
            let sums = x.f_conv2d(&w, None::<Tensor>, [1, 1], padding, [1, 1], 1);
            sums.map(drop).expect("a convolution");
        }));
        all
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
    let lif = Spiking {
        charge: Charge::DecayInput(Rate::OverTau(2.0)),
        threshold: 1.0,
        firing: Firing::AtLeast,
        reset: Reset::Hard(0.0),
    };
    let input = numbers(STEPS * image);
    let mut out = vec![0u8; STEPS * image];
    Benchmark {
        name: "LIF over 4 time steps, 64 channels, 28x28".to_owned(),
        items: input.len(),
        run: Box::new(move || {
            let target = Target::new(extent(channels), None, None, &mut out);
            launch(Elementwise {
                images: 1,
                image,
                channels,
                input: Some(Signal::Varying(&input)),
                epilogue: Lif::<f32, u8, ()>::new(target, &lif, ()),
            });
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
        }),
    }
}

fn scores() -> Benchmark {
    let (heads, of_head, places, side) = (3, 64, 49, 28);
    let channels = heads * of_head;
    let spikes = (0..STEPS * side * side * channels).map(|i| u8::from(i * 7919 % 31 < 6));
    let spikes: Vec<u8> = spikes.collect();
    let keys = numbers(STEPS * places * channels);
    let mut out = vec![0f32; STEPS * side * side * heads * places];
    Benchmark {
        name: "scores of real keys, 3 heads, 192 channels, 49 places, 28x28".to_owned(),
        items: spikes.len(),
        run: Box::new(move || {
            let product = Product {
                scores: true,
                heads,
                places,
                positions: side * side,
                channels: [channels, channels, heads * places],
                rows: [STEPS, STEPS],
            };
            launch(HeadProduct::<f32, u8> {
                product,
                a: &keys,
                b: &spikes,
                out: &mut out,
            });
        }),
    }
}
