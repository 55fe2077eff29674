//! Convolutions, and what follows them while the sums are in the cache: of bytes times signed
//! bytes, summed in 32 bits, which is exact; and of f32, summed tap by tap and input by input in
//! one order, whatever runs beside it.
#![forbid(unsafe_code)]

use super::epilogue::{Epilogue, Series};
use super::packed::{Operands, Packed};
use super::simd::{BlockSums, Simd};
use super::{Kernel, tile_positions};

/// Bytes of sums that are made before they are worked on: half of a second-level cache or less.
const SUMS: usize = 256 << 10;
/// Bytes of a line of the cache, and numbers more than fill one.
const LINE: usize = 64;

/// A convolution of `[steps, images, height, width, inputs]`. Its sums are handed to an epilogue as
/// f32, which holds sums of integers exactly where
/// [`Layer::exact_at`](crate::network::Layer::exact_at) says so.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a, O: Operands> {
    /// The weights.
    pub packed: &'a Packed<O>,
    /// Time steps of the input.
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Rows of the result.
    pub out_height: usize,
    /// Columns of the result.
    pub out_width: usize,
    /// The input.
    pub input: ConvInput<'a, O::Input>,
}

/// The input of a convolution.
#[derive(Clone, Copy, Debug)]
pub enum ConvInput<'a, X> {
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

/// A convolution with its epilogue, which works on `[steps, images, out_height, out_width,
/// channels]`.
pub(super) struct Run<'a, S: Simd, E> {
    pub simd: S,
    pub conv: Conv<'a, S::Operands>,
    pub epilogue: E,
}

impl<S: Simd, E: Epilogue<f32>> Kernel for Run<'_, S, E> {
    #[inline(always)]
    fn run(mut self) {
        let conv = self.conv;
        let packed = conv.packed;
        let positions = conv.out_height * conv.out_width;
        let channels = packed.channels;
        let tile = tile_positions(channels);
        let position = (conv.steps * channels * 4).max(1);
        let band = (SUMS / position / tile).max(1) * tile;
        let mut sums = vec![0f32; conv.steps * band.min(positions) * channels];
        let mut border = conv.border();
        // Vectors of 64 bytes are loaded at once where they do not cross a line of the cache.
        let aligned = border.as_ref().map_or(0..0, |border| {
            let skip = border.as_ptr().align_offset(LINE).min(LINE);
            skip..skip + border.len() - LINE
        });
        let mut places = Vec::new();
        for image in 0..conv.images {
            let maps = conv.maps(
                image,
                border.as_deref_mut().map(|b| &mut b[aligned.clone()]),
            );
            let input = match (&border, conv.input) {
                (Some(border), _) => &border[aligned.clone()],
                (None, ConvInput::Same(input)) => input,
                (None, ConvInput::Bytes(_)) => &[],
            };
            for start in (0..positions).step_by(band) {
                let count = band.min(positions - start);
                conv.places(&maps, start..start + count, &mut places);
                for block in 0..packed.blocks.len() {
                    self.simd.accumulate(BlockSums {
                        simd: self.simd,
                        packed,
                        block,
                        input,
                        line: maps.line,
                        places: &places,
                        sums: &mut sums,
                    });
                }
                for first in (0..count).step_by(tile) {
                    let series = Series {
                        numbers: &sums,
                        start: first * channels,
                        step: match conv.steps {
                            1 => 0,
                            _ => count * channels,
                        },
                    };
                    let length = tile.min(count - first) * channels;
                    let start = (start + first) * channels;
                    self.epilogue.tile(image, start, length, Some(series));
                }
            }
            self.epilogue.end_of_image(image);
        }
    }
}

impl<O: Operands> Conv<'_, O> {
    /// Memory for the input of one image in the format that is multiplied, with a border of zeros
    /// and as many channels as the weights expect; none if the input can be read as it is.
    fn border(&self) -> Option<Vec<O::Input>> {
        let packed = self.packed;
        let (rows, padding) = (packed.window.row_padding(), packed.window.padding);
        let as_it_is = padding == 0 && packed.padded_inputs == packed.inputs;
        let map = (self.height + 2 * rows) * (self.width + 2 * padding);
        let zeros = || vec![O::Input::default(); self.steps * map * packed.padded_inputs + LINE];
        match self.input {
            ConvInput::Same(_) if as_it_is => None,
            _ => Some(zeros()),
        }
    }

    /// Where the maps of an image lie: in the input, or copied into the memory for its border.
    fn maps(&self, image: usize, border: Option<&mut [O::Input]>) -> Maps {
        let (inputs, padded) = (self.packed.inputs, self.packed.padded_inputs);
        let window = self.packed.window;
        let (rows, padding) = (window.row_padding(), window.padding);
        let map = self.height * self.width * inputs;
        let Some(border) = border else {
            return Maps {
                first: image * map,
                step: self.images * map,
                line: self.width * inputs,
            };
        };
        let line = (self.width + 2 * padding) * padded;
        let step = (self.height + 2 * rows) * line;
        let inner = rows * line + padding * padded;
        for (t, to) in border.chunks_exact_mut(step).enumerate() {
            let map = (t * self.images + image) * map..(t * self.images + image + 1) * map;
            let to = to[inner..].chunks_mut(line);
            match self.input {
                ConvInput::Same(x) => {
                    let rows = x[map].chunks_exact(self.width * inputs);
                    to.zip(rows)
                        .for_each(|(to, from)| copy(to, from, padded, inputs, |x| x));
                }
                ConvInput::Bytes(x) => {
                    let rows = x[map].chunks_exact(self.width * inputs);
                    to.zip(rows)
                        .for_each(|(to, from)| copy(to, from, padded, inputs, O::Input::from));
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

    use super::super::{
        AffineEpilogue, ByteConv, Bytes, Extent, FloatConv, Floats, Target, Window,
    };
    use super::*;

    /// A convolution's sizes.
    #[derive(Clone, Copy, Debug)]
    struct Sizes {
        steps: usize,
        images: usize,
        height: usize,
        width: usize,
        inputs: usize,
        channels: usize,
        groups: usize,
        window: Window,
    }

    impl Sizes {
        fn out_height(&self) -> usize {
            let w = self.window;
            (self.height + 2 * w.row_padding() - w.rows()) / w.stride + 1
        }
        fn out_width(&self) -> usize {
            let w = self.window;
            (self.width + 2 * w.padding - w.kernel) / w.stride + 1
        }
        fn fan_in(&self) -> usize {
            self.inputs / self.groups * self.window.taps()
        }
        fn grouped(&self) -> (usize, usize) {
            (self.channels, self.groups)
        }
        fn outputs(&self) -> usize {
            let positions = self.out_height() * self.out_width();
            self.steps * self.images * positions * self.channels
        }
        fn conv<'a, O: Operands>(
            &self,
            packed: &'a Packed<O>,
            input: ConvInput<'a, O::Input>,
        ) -> Conv<'a, O> {
            Conv {
                packed,
                steps: self.steps,
                images: self.images,
                height: self.height,
                width: self.width,
                out_height: self.out_height(),
                out_width: self.out_width(),
                input,
            }
        }
        fn sums<'a>(&self, out: &'a mut [f32]) -> AffineEpilogue<'a, f32> {
            let extent = Extent {
                steps: self.steps,
                images: self.images,
                channels: self.channels,
            };
            AffineEpilogue(Target::new(extent, None, None, out))
        }
        /// Term by term, as the definition says.
        fn by_definition(&self, weights: &[i8], input: &[u8]) -> Vec<i64> {
            let Window {
                kernel,
                stride,
                padding,
                ..
            } = self.window;
            let (taps, above) = (self.window.taps(), self.window.row_padding());
            let mut sums = Vec::new();
            for map in input.chunks(self.height * self.width * self.inputs) {
                for y in 0..self.out_height() {
                    for x in 0..self.out_width() {
                        for (out, row) in weights.chunks(self.fan_in()).enumerate() {
                            let group = out / (self.channels / self.groups);
                            let first = group * (self.inputs / self.groups);
                            let mut sum = 0;
                            for (i, &w) in row.iter().enumerate() {
                                let tap = i % taps;
                                let c = first + i / taps;
                                let y = y * stride + tap / kernel;
                                let (y, x) = (y as i64 - above as i64, x * stride + tap % kernel);
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
        let kernel = prop_oneof![Just(1), Just(3), Just(7)];
        let window = (kernel, 1usize..3, 0usize..4, any::<bool>());
        let lengths = (1usize..4, 1usize..3, 7usize..12, 7usize..12);
        let channels = prop_oneof![
            (1usize..21, 1usize..150, Just(1)),
            // Depthwise, and groups of a few channels.
            (1usize..90).prop_map(|n| (n, n, n)),
            (1usize..9, 1usize..20, 2usize..5).prop_map(|(own, out, n)| (own * n, out * n, n)),
        ];
        (lengths, channels, window).prop_map(
            |((steps, images, height, width), (inputs, channels, groups), window)| {
                let (kernel, stride, padding, is_row) = window;
                Sizes {
                    steps,
                    images,
                    height: if is_row { 1 } else { height },
                    width,
                    inputs,
                    channels,
                    groups,
                    window: Window {
                        is_row,
                        ..Window::square(kernel, stride, padding.min(kernel / 2))
                    },
                }
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

        /// Both convolutions give the exact sums of whole numbers, whatever the shapes (where the
        /// processor has them).
        #[test]
        fn sums_of_whole_numbers_are_exact((sizes, weights, input) in cases()) {
            let expected = sizes.by_definition(&weights, &input);
            prop_assert!(expected.iter().all(|s| s.unsigned_abs() < 1 << 24));
            let check = |sums: &[f32]| sums.iter().zip(&expected).all(|(&a, &b)| a == b as f32);
            let most = input.iter().max().map_or(0, |&x| x);
            for products in ByteConv::all() {
                let Some(narrow) = products.narrow(most, 127) else { continue };
                let mut sums = vec![f32::NAN; sizes.outputs()];
                let packed = Packed::<Bytes>::new(&weights, sizes.grouped(), sizes.window, products.vectors());
                let whole = sizes.groups == 1 || sizes.inputs / sizes.groups % 4 == 0;
                prop_assert_eq!(packed.is_some(), whole);
                let Some(packed) = packed.map(|p| p.with_narrow(narrow)) else { continue };
                products.launch(sizes.conv(&packed, ConvInput::Same(&input)), sizes.sums(&mut sums));
                prop_assert!(check(&sums));
            }
            for vectors in FloatConv::all() {
                let weights: Vec<f32> = weights.iter().map(|&w| f32::from(w)).collect();
                let packed = Packed::<Floats>::new(&weights, sizes.grouped(), sizes.window, vectors.vectors()).unwrap();
                let wide: Vec<f32> = input.iter().map(|&x| f32::from(x)).collect();
                for input in [ConvInput::Same(&wide[..]), ConvInput::Bytes(&input)] {
                    let mut sums = vec![f32::NAN; sizes.outputs()];
                    vectors.launch(sizes.conv(&packed, input), sizes.sums(&mut sums));
                    prop_assert!(check(&sums));
                }
            }
        }

        /// A real sum is the same number in every company: alone, in a batch, at the border of a
        /// tile, by any instructions.
        #[test]
        fn real_sums_do_not_depend_on_the_batch((sizes, weights, input) in cases()) {
            let Some(vectors) = FloatConv::detect() else { return Ok(()) };
            let weights: Vec<f32> = weights.iter().map(|&w| f32::from(w) / 97.0).collect();
            let input: Vec<f32> = input.iter().map(|&x| f32::from(x) / 31.0).collect();
            let bias: Vec<f32> = (0..sizes.channels).map(|c| c as f32 / 7.0).collect();
            let packed = |vectors: FloatConv| {
                let packed = Packed::<Floats>::new(&weights, sizes.grouped(), sizes.window, vectors.vectors());
                packed.unwrap().with_bias(Some(bias.clone()))
            };
            let all = |vectors: FloatConv| {
                let mut sums = vec![f32::NAN; sizes.outputs()];
                let packed = packed(vectors);
                vectors.launch(sizes.conv(&packed, ConvInput::Same(&input)), sizes.sums(&mut sums));
                sums
            };
            let together = all(vectors);
            for other in FloatConv::all() {
                prop_assert_eq!(&all(other), &together);
            }
            let packed = packed(vectors);
            let one = Sizes { steps: 1, images: 1, ..sizes };
            let maps = input.chunks(sizes.height * sizes.width * sizes.inputs);
            for (map, expected) in maps.zip(together.chunks(one.outputs())) {
                let mut alone = vec![f32::NAN; one.outputs()];
                vectors.launch(one.conv(&packed, ConvInput::Same(map)), one.sums(&mut alone));
                prop_assert_eq!(&alone, expected);
            }
            // And it is the sum that was asked for.
            let terms = sizes.fan_in() as f32;
            let (first, row) = (together[0], &weights[..sizes.fan_in()]);
            if sizes.window.padding == 0 && sizes.groups == 1 {
                let kernel = sizes.window.kernel;
                let exact: f64 = row.iter().enumerate().map(|(i, &w)| {
                    let (c, tap) = (i / sizes.window.taps(), i % sizes.window.taps());
                    let at = (tap / kernel * sizes.width + tap % kernel) * sizes.inputs + c;
                    f64::from(w) * f64::from(input[at])
                }).sum();
                prop_assert!((f64::from(first) - exact).abs() < f64::from(terms) * 1e-5, "{first} {exact}");
            }
        }
    }

    #[test]
    fn weights_that_do_not_fit_are_not_packed() {
        let window = Window::square(3, 1, 1);
        let misfits = [
            (0, (1, 1)),
            (18, (0, 1)),
            (17, (2, 1)),
            (18, (4, 1)),
            (18, (2, 0)),
            (27, (3, 2)),
        ];
        for (count, channels) in misfits {
            assert!(Packed::<Floats>::new(&vec![1.0; count], channels, window, 4).is_none());
        }
        assert!(Packed::<Floats>::new(&[1.0; 18], (2, 1), window, 4).is_some());
        assert!(Packed::<Floats>::new(&[1.0; 18], (2, 2), window, 4).is_some());
        assert!(
            Packed::<Floats>::new(
                &[1.0; 18],
                (2, 1),
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
