//! Convolutions, and what follows them while the sums are in the cache: of bytes times signed bytes, summed in 32 bits,
//! which is exact; and of f32, summed tap by tap and input by input in one order, whatever runs beside it.
#![forbid(unsafe_code)]

use super::packed::{Bytes, Floats, Packed};
use super::sweep::{Series, Tail};
use super::tile_positions;

/// Bytes of sums that are made before they are worked on: half of a second-level cache or less.
const SUMS: usize = 256 << 10;

/// A convolution of `[steps, images, height, width, inputs]`. The sums are handed to a tail as f32; it holds sums of integers
/// exactly where [`Layer::exact_at`](crate::network::Layer::exact_at) says so.
pub(in crate::torch) struct Dot<'a, P, X, S> {
    pub packed: &'a P,
    /// Of the input.
    pub steps: usize,
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub out_height: usize,
    pub out_width: usize,
    pub input: Input<'a, X>,
    /// Works on `[steps, images, out_height, out_width, channels]`.
    pub tail: S,
}

/// What a convolution reads.
#[derive(Clone, Copy)]
pub(in crate::torch) enum Input<'a, X> {
    /// In the format that is multiplied.
    Same(&'a [X]),
    /// Whole numbers.
    Bytes(&'a [u8]),
}

/// The input of one image with its border.
struct Maps {
    /// Where the map of a time step begins.
    first: usize,
    step: usize,
    /// Numbers of a row.
    line: usize,
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::*;
    use crate::torch::memory::{
        load, load_float_halves, load_floats, load_halves, store, store_halves,
    };

    macro_rules! convolution {
        (
            $features:literal, $run:ident, $packed:ty, $input:ty, $multiply:ident, [$four:literal, $three:literal, $two:literal, $one:literal],
            $zero:expr, $start:expr, $load:expr, $broadcast:expr, $add:ident, $sum:expr, $store:ident
        ) => {
            impl<S: Tail<f32>> Dot<'_, $packed, $input, S> {
                /// Runs it.
                #[target_feature(enable = $features)]
                pub(in crate::torch) fn $run(mut self) {
                    let (packed, positions) = (self.packed, self.out_height * self.out_width);
                    let channels = packed.channels;
                    let tile = tile_positions(channels);
                    let position = (self.steps * channels * 4).max(1);
                    let band = (SUMS / position / tile).max(1) * tile;
                    let mut sums = vec![0f32; self.steps * band.min(positions) * channels];
                    let mut border = self.border();
                    let mut at = Vec::new();
                    for image in 0..self.images {
                        let maps = self.maps(image, border.as_deref_mut());
                        let input = match (&border, self.input) {
                            (Some(border), _) => border.as_slice(),
                            (None, Input::Same(input)) => input,
                            (None, Input::Bytes(_)) => &[],
                        };
                        for start in (0..positions).step_by(band) {
                            let count = band.min(positions - start);
                            self.places(&maps, start..start + count, &mut at);
                            let (line, sums) = (maps.line, &mut sums);
                            for (i, block) in packed.blocks.iter().enumerate() {
                                match block.vectors {
                                    4 => $multiply::<$four, 4>(packed, i, input, line, &at, sums),
                                    3 => $multiply::<$three, 3>(packed, i, input, line, &at, sums),
                                    2 => $multiply::<$two, 2>(packed, i, input, line, &at, sums),
                                    _ => $multiply::<$one, 1>(packed, i, input, line, &at, sums),
                                }
                            }
                            for first in (0..count).step_by(tile) {
                                let series = Series {
                                    numbers: sums,
                                    start: first * channels,
                                    step: match self.steps {
                                        1 => 0,
                                        _ => count * channels,
                                    },
                                };
                                let length = tile.min(count - first) * channels;
                                let start = (start + first) * channels;
                                self.tail.tile(image, start, length, Some(series));
                            }
                        }
                        self.tail.end_of_image(image);
                    }
                }
            }

            /// The sums of one block of channels at some places.
            #[inline(never)]
            #[target_feature(enable = $features)]
            fn $multiply<const M: usize, const V: usize>(
                packed: &$packed,
                block: usize,
                input: &[$input],
                line: usize,
                places: &[usize],
                sums: &mut [f32],
            ) {
                const GROUP: usize = <$packed>::GROUP;
                let block = &packed.blocks[block];
                let lines = packed.window.kernel;
                let run = lines * packed.padded_inputs;
                let groups = run / GROUP;
                let weights = block.weights.as_chunks::<V>().0;
                let channels = packed.channels;
                let last = places.len().saturating_sub(1);
                let mut begin = [$zero; V];
                if let Some(bias) = &packed.bias {
                    for (v, begin) in begin.iter_mut().enumerate() {
                        let mut numbers = [0f32; 16];
                        let bias = bias.iter().skip(block.first + 16 * v);
                        numbers.iter_mut().zip(bias).for_each(|(n, &b)| *n = b);
                        *begin = $start(&numbers);
                    }
                }
                for first in (0..places.len()).step_by(M) {
                    // The last places are done twice rather than by other code.
                    let mut rows = [last; M];
                    for m in 0..M {
                        rows[m] = (first + m).min(last);
                    }
                    let mut acc = [begin; M];
                    for l in 0..lines {
                        let weights = &weights[l * groups..][..groups];
                        // Loops instead of closures: those are not always compiled in place.
                        let mut inputs: [&[[$input; GROUP]]; M] = [&[]; M];
                        for m in 0..M {
                            let row = &input[places[rows[m]] + l * line..][..run];
                            inputs[m] = &row.as_chunks::<GROUP>().0[..groups];
                        }
                        for (k, weights) in weights.iter().enumerate() {
                            let mut w = [$zero; V];
                            for v in 0..V {
                                w[v] = $load(&weights[v]);
                            }
                            for m in 0..M {
                                let x = $broadcast(inputs[m][k]);
                                for v in 0..V {
                                    acc[m][v] = $add!(acc[m][v], x, w[v]);
                                }
                            }
                        }
                    }
                    for m in 0..M {
                        for v in 0..V {
                            let channel = block.first + 16 * v;
                            let y = $sum(acc[m][v]);
                            let out = &mut sums[rows[m] * channels..][..channels][channel..];
                            match out.first_chunk_mut() {
                                Some(out) => $store(out, y),
                                None => {
                                    let mut all = [0f32; 16];
                                    $store(&mut all, y);
                                    out.copy_from_slice(&all[..out.len()]);
                                }
                            }
                        }
                    }
                }
            }
        };
    }

    macro_rules! add_bytes {
        ($sum:expr, $x:expr, $w:expr) => {
            _mm512_dpbusd_epi32($sum, $x, $w)
        };
    }

    macro_rules! add_floats {
        ($sum:expr, $x:expr, $w:expr) => {
            _mm512_fmadd_ps($x, $w, $sum)
        };
    }

    // Sixteen channels are two vectors here.
    macro_rules! add_bytes_by_halves {
        ($sum:expr, $x:expr, $w:expr) => {{
            let ones = _mm256_set1_epi16(1);
            // Two products fit 16 bits, as the caller of `Dot` knows.
            let low = _mm256_madd_epi16(_mm256_maddubs_epi16($x, $w[0]), ones);
            let high = _mm256_madd_epi16(_mm256_maddubs_epi16($x, $w[1]), ones);
            [
                _mm256_add_epi32($sum[0], low),
                _mm256_add_epi32($sum[1], high),
            ]
        }};
    }

    macro_rules! add_floats_by_halves {
        ($sum:expr, $x:expr, $w:expr) => {
            [
                _mm256_fmadd_ps($x, $w[0], $sum[0]),
                _mm256_fmadd_ps($x, $w[1], $sum[1]),
            ]
        };
    }

    convolution!(
        "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni",
        run_avx512,
        Bytes,
        u8,
        multiply_bytes,
        [6, 8, 8, 12],
        _mm512_setzero_si512(),
        |bias| _mm512_cvtps_epi32(load_floats(bias)),
        load,
        |x| _mm512_set1_epi32(i32::from_le_bytes(x)),
        add_bytes,
        |sum| _mm512_cvtepi32_ps(sum),
        store
    );

    convolution!(
        "avx512f,avx512bw,avx512dq,avx512vl",
        run_avx512,
        Floats,
        f32,
        multiply_floats,
        [6, 8, 8, 12],
        _mm512_setzero_ps(),
        load_floats,
        load_floats,
        |[x]: [f32; 1]| _mm512_set1_ps(x),
        add_floats,
        |sum| sum,
        store
    );

    convolution!(
        "avx2,fma",
        run_avx2,
        Bytes,
        u8,
        multiply_bytes_by_halves,
        [1, 2, 2, 4],
        [_mm256_setzero_si256(); 2],
        |bias| {
            let halves = load_float_halves(bias);
            [_mm256_cvtps_epi32(halves[0]), _mm256_cvtps_epi32(halves[1])]
        },
        load_halves,
        |x| _mm256_set1_epi32(i32::from_le_bytes(x)),
        add_bytes_by_halves,
        |sum: [__m256i; 2]| [_mm256_cvtepi32_ps(sum[0]), _mm256_cvtepi32_ps(sum[1])],
        store_halves
    );

    convolution!(
        "avx2,fma",
        run_avx2,
        Floats,
        f32,
        multiply_floats_by_halves,
        [1, 1, 2, 5],
        [_mm256_setzero_ps(); 2],
        load_float_halves,
        load_float_halves,
        |[x]: [f32; 1]| _mm256_set1_ps(x),
        add_floats_by_halves,
        |sum| sum,
        store_halves
    );
}

impl<W: Copy + Default, const L: usize, X, S> Dot<'_, Packed<W, L>, X, S>
where
    X: Copy + Default + From<u8>,
{
    /// Memory for the input of one image in the format that is multiplied, with a border of zeros and as many channels as
    /// the weights expect; none if the input can be read as it is.
    fn border(&self) -> Option<Vec<X>> {
        let (packed, padding) = (self.packed, self.packed.window.padding);
        let as_it_is = padding == 0 && packed.padded_inputs == packed.inputs;
        let map = (self.height + 2 * padding) * (self.width + 2 * padding);
        let zeros = || vec![X::default(); self.steps * map * packed.padded_inputs];
        match self.input {
            Input::Same(_) if as_it_is => None,
            _ => Some(zeros()),
        }
    }

    /// Where the maps of an image lie: in the input, or copied into the memory for its border.
    fn maps(&self, image: usize, border: Option<&mut [X]>) -> Maps {
        let (inputs, padded) = (self.packed.inputs, self.packed.padded_inputs);
        let padding = self.packed.window.padding;
        let map = self.height * self.width * inputs;
        let Some(border) = border else {
            return Maps {
                first: image * map,
                step: self.images * map,
                line: self.width * inputs,
            };
        };
        let line = (self.width + 2 * padding) * padded;
        let step = (self.height + 2 * padding) * line;
        let inner = padding * (line + padded);
        for (t, to) in border.chunks_exact_mut(step).enumerate() {
            let map = (t * self.images + image) * map..(t * self.images + image + 1) * map;
            let to = to[inner..].chunks_mut(line);
            match self.input {
                Input::Same(x) => {
                    let rows = x[map].chunks_exact(self.width * inputs);
                    to.zip(rows)
                        .for_each(|(to, from)| copy(to, from, padded, inputs, |x| x));
                }
                Input::Bytes(x) => {
                    let rows = x[map].chunks_exact(self.width * inputs);
                    to.zip(rows)
                        .for_each(|(to, from)| copy(to, from, padded, inputs, X::from));
                }
            }
        }
        Maps {
            first: 0,
            step,
            line,
        }
    }

    /// Where the windows of some positions begin, at every time step.
    fn places(&self, maps: &Maps, positions: std::ops::Range<usize>, at: &mut Vec<usize>) {
        let stride = self.packed.window.stride;
        at.clear();
        for t in 0..self.steps {
            let map = maps.first + t * maps.step;
            at.extend(positions.clone().map(|p| {
                let (y, x) = (p / self.out_width, p % self.out_width);
                map + y * stride * maps.line + x * stride * self.packed.padded_inputs
            }));
        }
    }
}

/// Copies a row of positions of `inputs` numbers to positions of `padded` numbers.
#[inline(always)]
fn copy<A: Copy, B>(to: &mut [B], from: &[A], padded: usize, inputs: usize, of: impl Fn(A) -> B) {
    let each = |to: &mut [B], from: &[A]| {
        to.iter_mut().zip(from).for_each(|(to, &x)| *to = of(x));
    };
    if inputs == padded {
        return each(to, from);
    }
    let positions = from.chunks_exact(inputs.max(1));
    for (to, from) in to.chunks_exact_mut(padded).zip(positions) {
        each(to, from);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Affine, Drive, Window};
    use super::*;
    use crate::torch::memory::{ByteProducts, Vectors};

    /// A convolution's sizes.
    #[derive(Clone, Copy, Debug)]
    struct Sizes {
        steps: usize,
        images: usize,
        height: usize,
        width: usize,
        inputs: usize,
        channels: usize,
        window: Window,
    }

    impl Sizes {
        fn out(&self, length: usize) -> usize {
            let w = self.window;
            (length + 2 * w.padding - w.kernel) / w.stride + 1
        }
        fn fan_in(&self) -> usize {
            self.inputs * self.window.kernel * self.window.kernel
        }
        fn outputs(&self) -> usize {
            let positions = self.out(self.height) * self.out(self.width);
            self.steps * self.images * positions * self.channels
        }
        fn dot<'a, P, X, S>(
            &self,
            packed: &'a P,
            input: Input<'a, X>,
            tail: S,
        ) -> Dot<'a, P, X, S> {
            Dot {
                packed,
                steps: self.steps,
                images: self.images,
                height: self.height,
                width: self.width,
                out_height: self.out(self.height),
                out_width: self.out(self.width),
                input,
                tail,
            }
        }
        fn tail<'a>(&self, out: &'a mut [f32]) -> Affine<'a, f32> {
            let sizes = (self.steps, self.images, self.channels);
            Affine::new(sizes, None, Drive::InPlace, out)
        }
        /// Term by term, as the definition says.
        fn by_definition(&self, weights: &[i8], input: &[u8]) -> Vec<i64> {
            let Window {
                kernel,
                stride,
                padding,
            } = self.window;
            let mut sums = Vec::new();
            for map in input.chunks(self.height * self.width * self.inputs) {
                for y in 0..self.out(self.height) {
                    for x in 0..self.out(self.width) {
                        for row in weights.chunks(self.fan_in()) {
                            let mut sum = 0;
                            for (i, &w) in row.iter().enumerate() {
                                let tap = i % (kernel * kernel);
                                let (c, y) = (i / (kernel * kernel), y * stride + tap / kernel);
                                let (y, x) = (y as i64 - padding as i64, x * stride + tap % kernel);
                                let x = x as i64 - padding as i64;
                                let inside = (0..self.height as i64).contains(&y)
                                    && (0..self.width as i64).contains(&x);
                                if inside {
                                    let at =
                                        (y as usize * self.width + x as usize) * self.inputs + c;
                                    sum += i64::from(w) * i64::from(map[at]);
                                }
                            }
                            sums.push(sum);
                        }
                    }
                }
            }
            sums
        }
    }

    fn sizes() -> impl Strategy<Value = Sizes> {
        let window = (prop_oneof![Just(1), Just(3), Just(7)], 1usize..3, 0usize..4);
        let lengths = (1usize..4, 1usize..3, 7usize..12, 7usize..12);
        (lengths, 1usize..21, 1usize..150, window).prop_map(
            |((steps, images, height, width), inputs, channels, (kernel, stride, padding))| Sizes {
                steps,
                images,
                height,
                width,
                inputs,
                channels,
                window: Window {
                    kernel,
                    stride,
                    padding: padding.min(kernel / 2),
                },
            },
        )
    }

    fn cases() -> impl Strategy<Value = (Sizes, Vec<i8>, Vec<u8>)> {
        sizes().prop_flat_map(|s| {
            let inputs = s.steps * s.images * s.height * s.width * s.inputs;
            let weights = prop::collection::vec(-127i8.., s.channels * s.fan_in());
            let most = prop_oneof![Just(1u8), Just(129), Just(255)];
            let bytes = most.prop_flat_map(move |most| {
                prop::collection::vec(prop_oneof![0u8..=1, 0..=most, Just(most)], inputs)
            });
            (Just(s), weights, bytes)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Both convolutions give the exact sums of whole numbers, whatever the shapes (where the processor has them).
        #[test]
        fn sums_of_whole_numbers_are_exact((sizes, weights, input) in cases()) {
            let expected = sizes.by_definition(&weights, &input);
            prop_assert!(expected.iter().all(|s| s.unsigned_abs() < 1 << 24));
            let check = |sums: &[f32]| sums.iter().zip(&expected).all(|(&a, &b)| a == b as f32);
            let most = input.iter().max().map_or(0, |&x| x);
            for products in ByteProducts::all().into_iter().filter(|p| p.are_exact(most, 127)) {
                let mut sums = vec![f32::NAN; sizes.outputs()];
                let packed = Bytes::new(&weights, sizes.channels, sizes.window, products.vectors()).unwrap();
                products.launch(sizes.dot(&packed, Input::Same(&input), sizes.tail(&mut sums)));
                prop_assert!(check(&sums));
            }
            for vectors in Vectors::all() {
                let weights: Vec<f32> = weights.iter().map(|&w| f32::from(w)).collect();
                let packed = Floats::new(&weights, sizes.channels, sizes.window, vectors.vectors()).unwrap();
                let wide: Vec<f32> = input.iter().map(|&x| f32::from(x)).collect();
                for input in [Input::Same(&wide[..]), Input::Bytes(&input)] {
                    let mut sums = vec![f32::NAN; sizes.outputs()];
                    vectors.launch(sizes.dot(&packed, input, sizes.tail(&mut sums)));
                    prop_assert!(check(&sums));
                }
            }
        }

        /// A real sum is the same number in every company: alone, in a batch, at the border of a tile, by any instructions.
        #[test]
        fn real_sums_do_not_depend_on_the_batch((sizes, weights, input) in cases()) {
            let Some(vectors) = Vectors::detect() else { return Ok(()) };
            let weights: Vec<f32> = weights.iter().map(|&w| f32::from(w) / 97.0).collect();
            let input: Vec<f32> = input.iter().map(|&x| f32::from(x) / 31.0).collect();
            let bias: Vec<f32> = (0..sizes.channels).map(|c| c as f32 / 7.0).collect();
            let packed = |vectors: Vectors| {
                let packed = Floats::new(&weights, sizes.channels, sizes.window, vectors.vectors());
                packed.unwrap().with_bias(Some(bias.clone()))
            };
            let all = |vectors: Vectors| {
                let mut sums = vec![f32::NAN; sizes.outputs()];
                let packed = packed(vectors);
                vectors.launch(sizes.dot(&packed, Input::Same(&input), sizes.tail(&mut sums)));
                sums
            };
            let together = all(vectors);
            for other in Vectors::all() {
                prop_assert_eq!(&all(other), &together);
            }
            let packed = packed(vectors);
            let one = Sizes { steps: 1, images: 1, ..sizes };
            let maps = input.chunks(sizes.height * sizes.width * sizes.inputs);
            for (map, expected) in maps.zip(together.chunks(one.outputs())) {
                let mut alone = vec![f32::NAN; one.outputs()];
                vectors.launch(one.dot(&packed, Input::Same(map), one.tail(&mut alone)));
                prop_assert_eq!(&alone, expected);
            }
            // And it is the sum that was asked for.
            let terms = sizes.fan_in() as f32;
            let (first, row) = (together[0], &weights[..sizes.fan_in()]);
            if sizes.window.padding == 0 {
                let kernel = sizes.window.kernel;
                let exact: f64 = row.iter().enumerate().map(|(i, &w)| {
                    let (c, tap) = (i / (kernel * kernel), i % (kernel * kernel));
                    let at = (tap / kernel * sizes.width + tap % kernel) * sizes.inputs + c;
                    f64::from(w) * f64::from(input[at])
                }).sum();
                prop_assert!((f64::from(first) - exact).abs() < f64::from(terms) * 1e-5, "{first} {exact}");
            }
        }
    }

    #[test]
    fn weights_that_do_not_fit_are_not_packed() {
        let window = Window {
            kernel: 3,
            stride: 1,
            padding: 1,
        };
        for (count, channels) in [(0, 1), (18, 0), (17, 2), (18, 4)] {
            assert!(Floats::new(&vec![1.0; count], channels, window, 4).is_none());
        }
        assert!(Floats::new(&[1.0; 18], 2, window, 4).is_some());
        assert!(
            Floats::new(
                &[1.0; 18],
                2,
                Window {
                    stride: 0,
                    ..window
                },
                4
            )
            .is_none()
        );
    }
}
