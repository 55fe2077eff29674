//! Golden images: which inputs are taken, and what the network does on them.

use std::path::PathBuf;

use super::error::ExportError;
use super::manifest::{Golden, GoldenEntry, GoldenSource, SiteMargin};
use super::package::{Codes, GoldenImage, Numbers, Package, Source};
use super::tensors::{Tensor, serialize};
use crate::network::{Graph, Op};

/// Inputs that may become golden ones.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// Where they come from.
    pub source: GoldenSource,
    /// The inputs.
    pub inputs: Vec<Candidate>,
}

/// An input, `[C, H, W]` (`[T, C, H, W]` for frames), normalised.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its place in the split or the file.
    pub index: Option<u64>,
    /// Its label, where it is known.
    pub label: Option<u32>,
    /// The numbers.
    pub values: Vec<f32>,
}

/// Numbers drawn for one input, uniformly from -2 to 2.
pub fn drawn(seed: u64, input: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_add(input.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let unit = |bits: u64| (bits >> 40) as f32 / (1u64 << 24) as f32;
    (0..count).map(|_| 4.0 * unit(next()) - 2.0).collect()
}

/// What the sums of a float layer contain beside the products of numbers.
#[derive(Clone, Debug)]
struct FloatSums {
    /// By channel.
    bias: Vec<f64>,
    /// What the numbers of the input count.
    unit: f64,
}

/// Turns what the executor computes into what a package stores.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// By layer; none for integers.
    float: Vec<Option<FloatSums>>,
}

impl Conversion {
    /// The conversion for the package of a source.
    ///
    /// # Errors
    /// [`ExportError::Weights`].
    pub fn new(source: &Source<'_>, package: &Package) -> Result<Self, ExportError> {
        let graph = source.profile.graph();
        let layers = graph.layers.iter().zip(&package.layers).enumerate();
        let of = |(i, (layer, made)): (usize, (&crate::network::Layer, &super::PackageLayer))| {
            let Codes::Floats(_) = made.codes else {
                return Ok(None);
            };
            let none = || vec![0.0; layer.channels()];
            Ok(Some(FloatSums {
                bias: source.weights.bias(layer)?.unwrap_or_else(none),
                unit: unit(&graph, i),
            }))
        };
        let float: Result<_, ExportError> = layers.map(of).collect();
        Ok(Conversion { float: float? })
    }

    /// The sums of a layer as they are stored: of integers as they are; of a float layer over the
    /// numbers of its input, without its bias.
    pub fn sums(&self, package: &Package, layer: usize, sums: &[f64]) -> Numbers {
        let entry = package.manifest.layers.get(layer);
        if entry.is_some_and(|l| l.exact) {
            let fits = |x: &f64| x.abs() <= f64::from(i32::MAX);
            return match sums.iter().all(fits) {
                true => Numbers::Integers(sums.iter().map(|&x| x as i32).collect()),
                false => Numbers::Reals(sums.to_vec()),
            };
        }
        let wide = sums.iter().copied();
        let Some(Some(float)) = self.float.get(layer) else {
            return Numbers::Reals(wide.collect());
        };
        let channels = float.bias.len().max(1);
        let operations = package.manifest.operations.iter();
        let shape = entry.and_then(|entry| {
            let mut of_layer = operations.filter(|o| {
                matches!(&o.op, super::manifest::OperationKind::Layer(name) if *name == entry.name)
            });
            of_layer.next().map(|o| o.shape)
        });
        let positions = shape.map_or(1, |[_, h, w]| h * w).max(1);
        let bias = |i: usize| float.bias.get(i / positions % channels);
        let own = wide.enumerate().map(|(i, x)| {
            let bias = bias(i).copied().unwrap_or(0.0);
            (x - bias) / float.unit
        });
        Numbers::Reals(own.collect())
    }
}

/// What the numbers of a layer's input count.
fn unit(graph: &Graph, layer: usize) -> f64 {
    let node = graph
        .nodes
        .iter()
        .find(|n| matches!(n.op, Op::Layer(l) if l.index() == layer));
    let input = node.and_then(|n| n.inputs.first());
    input.map_or(1.0, |&input| graph.node(input).scale)
}

/// The least margin of the sites that depend on rounding; none where there are none.
pub fn margin(package: &Package, margins: &[f64]) -> Option<f64> {
    let sites = package.manifest.sites.iter().zip(margins);
    let sensitive = sites.filter(|(site, _)| site.depends_on_rounding);
    sensitive.map(|(_, &margin)| margin).reduce(f64::min)
}

/// The `count` candidates of the widest margins, in their own order.
pub fn widest(margins: &[Option<f64>], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..margins.len()).collect();
    let of = |i: &usize| margins.get(*i).copied().flatten().unwrap_or(f64::INFINITY);
    // Stable: of equal margins the first.
    order.sort_by(|a, b| of(b).total_cmp(&of(a)));
    order.truncate(count);
    order.sort_unstable();
    order
}

impl Package {
    /// Says where golden images come from.
    pub fn set_golden(&mut self, source: GoldenSource, chosen_among: usize) {
        self.manifest.golden = Golden {
            source,
            chosen_among: chosen_among as u64,
            images: Vec::new(),
        };
    }

    /// Adds a golden image: to the manifest, and as the name and the bytes of its file.
    ///
    /// # Errors
    /// [`ExportError::Tensors`], and [`ExportError::Accumulator`] for sums beyond 32 bits.
    pub fn add_golden(
        &mut self,
        candidate: &Candidate,
        image: &GoldenImage,
    ) -> Result<(PathBuf, Vec<u8>), ExportError> {
        let pairs = self.manifest.layers.iter().zip(&image.accumulators);
        for (layer, numbers) in pairs {
            if let (true, Numbers::Reals(_)) = (layer.exact, numbers) {
                let layer = layer.name.clone();
                return Err(ExportError::Accumulator { layer });
            }
        }
        let file = format!("golden/{}.safetensors", self.manifest.golden.images.len());
        let bytes = serialize(&self.golden_tensors(image))?;
        self.observe(image);
        let sites = self.manifest.sites.iter().zip(&image.margins);
        let sites = sites.filter(|(site, _)| site.depends_on_rounding);
        let sites = sites.map(|(site, &margin)| SiteMargin {
            site: site.name.clone(),
            margin,
        });
        let largest = image.logits.iter().enumerate();
        let largest = largest.reduce(|a, b| if b.1 > a.1 { b } else { a });
        let entry = GoldenEntry {
            file: file.clone(),
            index: candidate.index,
            label: candidate.label,
            predicted: largest.map_or(0, |(class, _)| class as u32),
            margin: margin(self, &image.margins),
            sites: sites.collect(),
        };
        self.manifest.golden.images.push(entry);
        Ok((file.into(), bytes))
    }

    fn golden_tensors(&self, image: &GoldenImage) -> Vec<Tensor> {
        let manifest = &self.manifest;
        let steps = manifest.network.time_steps;
        let input = &manifest.network.input;
        let frames = input.frames.then_some(steps);
        let shape = frames.into_iter().chain(input.shape).collect();
        let classes = vec![manifest.network.classes];
        let mut tensors = vec![
            Tensor::f32("input".to_owned(), shape, &image.input),
            Tensor::f32("logits".to_owned(), classes, &image.logits),
        ];
        let is_layer = |o: &&super::manifest::Operation| {
            matches!(o.op, super::manifest::OperationKind::Layer(_))
        };
        let operations = manifest.operations.iter().filter(is_layer);
        let layers = manifest.layers.iter().zip(operations);
        for ((layer, operation), numbers) in layers.zip(&image.accumulators) {
            let [c, h, w] = operation.shape;
            let times = if operation.time_invariant { 1 } else { steps };
            let (name, shape) = (format!("accumulator.{}", layer.name), vec![times, c, h, w]);
            tensors.push(match numbers {
                Numbers::Integers(sums) => {
                    let bytes = sums.iter().flat_map(|x| x.to_le_bytes()).collect();
                    Tensor::new(name, safetensors::Dtype::I32, shape, bytes)
                }
                Numbers::Reals(sums) => Tensor::f64(name, shape, sums),
            });
        }
        for (site, spikes) in manifest.sites.iter().zip(&image.spikes) {
            let [c, h, w] = site.shape;
            let (name, shape) = (format!("spikes.{}", site.name), vec![steps, c, h, w]);
            tensors.push(Tensor::new(
                name,
                safetensors::Dtype::U8,
                shape,
                spikes.clone(),
            ));
        }
        tensors
    }
}

#[cfg(feature = "torch")]
impl Conversion {
    /// What a network did on an input, as a package stores it.
    pub fn image(
        &self,
        package: &Package,
        input: &[f32],
        trace: crate::torch::GoldenTrace,
    ) -> GoldenImage {
        let sums = trace.sums.iter().enumerate();
        let span = |(min, max)| super::manifest::Span { min, max };
        GoldenImage {
            input: input.to_vec(),
            accumulators: sums.map(|(i, sums)| self.sums(package, i, sums)).collect(),
            spikes: trace.spikes,
            potentials: trace.potentials.into_iter().map(span).collect(),
            margins: trace.margins,
            logits: trace.logits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_margins_are_taken_in_order() {
        let margins = [Some(0.1), Some(0.3), None, Some(0.3), Some(0.2)];
        assert_eq!(widest(&margins, 3), [1, 2, 3]);
        assert_eq!(widest(&margins, 9), [0, 1, 2, 3, 4]);
        assert_eq!(widest(&[None, None, None], 2), [0, 1]);
    }

    #[test]
    fn drawn_inputs_are_in_range_and_depend_on_seed_and_place() {
        let numbers = drawn(7, 0, 1000);
        assert!(numbers.iter().all(|x| (-2.0..2.0).contains(x)));
        assert!(numbers.iter().any(|x| *x < -1.0) && numbers.iter().any(|x| *x > 1.0));
        assert_eq!(numbers, drawn(7, 0, 1000));
        assert!(numbers != drawn(8, 0, 1000) && numbers != drawn(7, 1, 1000));
    }
}
