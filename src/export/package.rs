//! A package in memory.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::SafeTensors;

use super::error::ExportError;
use super::fixed::FixedLayer;
use super::layers::{MadeLayer, make};
use super::manifest::facts::{Input, Network, Payload, Preprocessing, Program, Resize};
use super::manifest::{
    Accuracy, FIXED, FIXED_FORMAT, FORMAT, Golden, GoldenSource, Manifest, Number, Operation,
    OperationKind, Provenance, Span, TensorRef,
};
use super::operations::{Flow, flow};
use super::tensors::{Tensor, serialize};
use crate::checkpoint::StateDict;
use crate::network::{ConstantLayout, Graph, LayerId, Op, PerChannel};
use crate::profile::Profile;
use crate::quant::fixed::{FixedAffine, FixedNetwork};
use crate::quant::{Affine, Allocation, MemoryModel, QuantizedLayer};

/// What a package is made of.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The text of `profile.toml`, its paths relative to the package's folder.
    pub profile_text: String,
    /// The float weights.
    pub weights: &'a StateDict,
    /// The bit-widths.
    pub allocation: &'a Allocation,
    /// The quantized layers, their affines fixed, where they depend on calibration images; none
    /// for float layers. Empty: they are made by rounding to the nearest.
    pub layers: &'a [Option<QuantizedLayer>],
    /// Accuracies that are known.
    pub accuracy: Vec<Accuracy>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// A network as it is deployed: what every export format is written from.
#[derive(Clone, Debug)]
pub struct Package {
    /// Everything but the tensors. `golden.images` is empty until images have been run.
    pub manifest: Manifest,
    /// The layers in the manifest's order, unpacked.
    pub layers: Vec<PackageLayer>,
    /// The constants that are added to values, by the names of their tensors.
    pub constants: BTreeMap<String, Vec<f32>>,
    /// The bytes of `weights.safetensors`.
    pub weights: Vec<u8>,
    /// The text of `profile.toml`.
    pub profile: String,
}

/// A layer's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageLayer {
    /// Its name.
    pub name: String,
    /// The weights in the order `[out, in / groups, rows, columns]`.
    pub codes: Codes,
    /// The scale of the integers by output channel; empty for float.
    pub scales: Vec<f64>,
    /// The factor a by output channel, as it is stored (f16 numbers are exact in f32).
    pub factor: Vec<f32>,
    /// The summand b by output channel.
    pub summand: Vec<f32>,
    /// The affine in integers, of which `factor` and `summand` are what it stands for; none in f32
    /// and f16.
    pub fixed: Option<FixedAffine>,
}

/// A layer's weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Codes {
    /// Integers of the layer's bits.
    Integers(Vec<i16>),
    /// Not quantized.
    Floats(Vec<f32>),
}

/// What a network does on one input.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenImage {
    /// `[C, H, W]`, or `[T, C, H, W]` for frames.
    pub input: Vec<f32>,
    /// The accumulator of every layer, `[S, C, H, W]`, S = 1 where its input is the same at every
    /// time step.
    pub accumulators: Vec<Numbers>,
    /// The spikes or levels of every site, `[T, C, H, W]`.
    pub spikes: Vec<Vec<u8>>,
    /// The least and the largest potential of every site.
    pub potentials: Vec<Span<f64>>,
    /// How near a potential of every site comes to its threshold, relative to it.
    pub margins: Vec<f64>,
    /// `[classes]`.
    pub logits: Vec<f32>,
}

/// The sums of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Of a layer that is exact.
    Integers(Vec<i32>),
    /// Of any other.
    Reals(Vec<f64>),
}

impl Package {
    /// Makes a package without golden images.
    ///
    /// # Errors
    /// [`ExportError`] names the layer, site or operation that the format cannot hold.
    pub fn new(source: Source<'_>) -> Result<Self, ExportError> {
        let (profile, graph) = (source.profile, source.profile.graph());
        let fixed = in_integers(&source, &graph)?;
        let Flow {
            operations,
            mut sites,
            units,
            constants,
        } = flow((&graph, source.weights), source.allocation, fixed.as_ref())?;
        let mut tensors = Vec::new();
        let (mut layers, mut entries) = (Vec::new(), Vec::new());
        let mut payload = Payload::default();
        for (i, layer) in graph.layers.iter().enumerate() {
            let known = source.layers.get(i).and_then(Option::as_ref);
            let unit = units.get(i).copied().unwrap_or(1.0);
            let around = fixed.as_ref().and_then(|network| {
                let read = input_of(&operations, &layer.name)?;
                FixedLayer::of((&graph, network), LayerId(i as u32), read)
            });
            let MadeLayer {
                entry,
                layer,
                tensors: own,
            } = make(&source, (&graph, layer), (i, known), (unit, around))?;
            payload.add(&entry, &own);
            tensors.extend(own);
            layers.push(layer);
            entries.push(entry);
        }
        let thresholds = match fixed {
            None => thresholds(&mut sites, &layers),
            Some(_) => Vec::new(),
        };
        let bytes = thresholds.iter().map(|t| t.bytes.len() as u64);
        payload.thresholds = bytes.sum();
        tensors.extend(thresholds);
        let trained: BTreeSet<&str> = graph.sites.iter().filter_map(|s| s.neuron.key()).collect();
        payload.neurons = 4 * trained.len() as u64;
        let (rates, factors) = per_channel(&graph);
        payload.factors = factors;
        for key in trained.into_iter().chain(rates) {
            let name = format!("{}{key}", super::layers::CHECKPOINT);
            // A float layer may have kept it.
            let is_new = !tensors.iter().any(|t: &Tensor| t.name == name);
            if let Some(known) = source.weights.get(key).filter(|_| is_new) {
                let tensor = Tensor::f32(name, known.shape.clone(), &known.values);
                payload.checkpoint += tensor.bytes.len() as u64;
                tensors.push(tensor);
            }
        }
        let bytes = constants.iter().map(|t| t.bytes.len() as u64);
        payload.constants = bytes.sum();
        let numbers = constants.iter().map(|t| (t.name.clone(), t.numbers()));
        let numbers = numbers.collect();
        tensors.extend(constants);
        let memory = MemoryModel::of(&graph, profile.scheme.affine);
        let (counted, stored) = (memory.total(source.allocation), payload.stored());
        if counted != stored {
            return Err(ExportError::Memory { counted, stored });
        }
        payload.memory_bytes = counted;
        let weights = serialize(&tensors)?;
        let mut package = Package {
            manifest: Manifest {
                format: if fixed.is_some() {
                    FIXED_FORMAT
                } else {
                    FORMAT
                },
                program: Program {
                    name: env!("CARGO_PKG_NAME").to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                },
                network: network(profile, fixed.is_some()),
                preprocessing: preprocessing(profile),
                data: data(&source.profile_text),
                operations,
                layers: entries,
                sites,
                payload,
                golden: Golden {
                    source: GoldenSource::File,
                    chosen_among: 0,
                    images: Vec::new(),
                },
                accuracy: source.accuracy,
                provenance: source.provenance,
            },
            layers,
            constants: numbers,
            weights,
            profile: source.profile_text,
        };
        package.place()?;
        Ok(package)
    }

    /// Writes into the manifest where each tensor lies in the file.
    fn place(&mut self) -> Result<(), ExportError> {
        let failed = |e: safetensors::SafeTensorError| ExportError::Tensors(e.to_string());
        let (header, metadata) = SafeTensors::read_metadata(&self.weights).map_err(failed)?;
        let begin = 8 + header as u64;
        let places: BTreeMap<String, [u64; 2]> = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (from, to) = info.data_offsets;
                (name, [begin + from as u64, begin + to as u64])
            })
            .collect();
        self.manifest.payload.header = begin;
        for tensor in references(&mut self.manifest) {
            let place = places.get(&tensor.tensor);
            tensor.bytes =
                *place.ok_or_else(|| ExportError::Tensors(format!("{} is lost", tensor.tensor)))?;
        }
        Ok(())
    }

    /// The layers that do not sum integers alone, each with the reason.
    pub fn real_layers(&self) -> Vec<String> {
        let reason = |layer: &super::manifest::Layer| match (layer.bits, layer.input) {
            (32, Number::Real) => Some("its weights are float, and it reads real numbers"),
            (32, Number::Integer(_)) => Some("its weights are float"),
            (_, Number::Real) => Some("it reads real numbers"),
            _ => None,
        };
        let layers = self.manifest.layers.iter();
        let named = layers.filter_map(|l| Some(format!("{}: {}", l.name, reason(l)?)));
        named.collect()
    }

    /// Adds what a golden image shows of accumulators and potentials to the manifest.
    pub fn observe(&mut self, image: &GoldenImage) {
        for (layer, numbers) in self.manifest.layers.iter_mut().zip(&image.accumulators) {
            let Some(accumulator) = &mut layer.accumulator else {
                continue;
            };
            let seen = match numbers {
                Numbers::Integers(sums) => span(sums.iter().map(|&x| i64::from(x))),
                Numbers::Reals(sums) => span(sums.iter().map(|&x| x as i64)),
            };
            let all = [accumulator.observed, seen].into_iter().flatten();
            accumulator.observed = all.reduce(Span::with);
            accumulator.observed_bits = accumulator.observed.map(Span::bits);
        }
        for (site, seen) in self.manifest.sites.iter_mut().zip(&image.potentials) {
            let all = [site.potential, Some(*seen)].into_iter().flatten();
            site.potential = all.reduce(Span::with);
        }
    }
}

impl Payload {
    fn add(&mut self, entry: &super::manifest::Layer, tensors: &[Tensor]) {
        match entry.codes {
            Some(_) => self.codes += entry.weight_bytes,
            None => self.float_weights += entry.weight_bytes,
        }
        self.affines += entry.affine_bytes;
        for tensor in tensors {
            let bytes = tensor.bytes.len() as u64;
            if tensor.name.starts_with(super::layers::CHECKPOINT) {
                self.checkpoint += bytes;
            } else if tensor.name == format!("{}.scale", entry.name) {
                self.scales += bytes;
            }
        }
    }

    /// The bytes of codes, float weights, affines, trained time constants, what no layer takes in,
    /// and constants.
    pub fn stored(&self) -> u64 {
        let layers = self.codes + self.float_weights + self.affines;
        layers + self.neurons + self.factors + self.constants
    }
}

/// The keys of the firing rates that heads are scaled by, and of batch norms and scales that no
/// layer takes in; and the bytes of what no layer takes in.
fn per_channel(graph: &Graph) -> (BTreeSet<&str>, u64) {
    let taken: BTreeSet<&str> = graph
        .layers
        .iter()
        .flat_map(|layer| &layer.absorbed)
        .filter_map(|operation| match operation {
            PerChannel::HeadScale { key, .. } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let mut keys = BTreeSet::new();
    let mut bytes = 0;
    for node in &graph.nodes {
        if let Op::HeadScale { heads, key, .. } = &node.op
            && keys.insert(key.as_str())
            && !taken.contains(key.as_str())
        {
            bytes += 4 * *heads as u64;
        }
    }
    let absorbers = graph.absorbers();
    let apart = graph.nodes.iter().zip(absorbers);
    let apart = apart.filter(|(_, absorber)| absorber.is_none());
    let of_channels = apart.filter_map(|(node, _)| match (&node.op, PerChannel::of(&node.op)) {
        (Op::AddConstant { key, layout }, _) if *layout == ConstantLayout::Channels => {
            Some(vec![key.clone()])
        }
        (_, Some(PerChannel::HeadScale { .. }) | None) => None,
        (_, Some(own)) => Some(own.keys()),
    });
    let own: BTreeSet<String> = of_channels.flatten().collect();
    for tensor in graph
        .tensors
        .iter()
        .filter(|t| !t.dead && own.contains(&t.key))
    {
        if !tensor.key.ends_with("num_batches_tracked") && keys.insert(tensor.key.as_str()) {
            bytes += 4 * tensor.shape.iter().product::<usize>() as u64;
        }
    }
    (keys, bytes)
}

/// The thresholds and offsets of sites in units of the accumulators that feed them.
fn thresholds(sites: &mut [super::manifest::Site], layers: &[PackageLayer]) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    for site in sites {
        let layer = site.input_layer.as_ref();
        let layer = layer.and_then(|name| layers.iter().find(|l| l.name == *name));
        let Some(tensor) = layer.and_then(|layer| super::layers::units(site, layer)) else {
            continue;
        };
        site.accumulator_units = Some(super::manifest::Units {
            tensor: tensor.reference(),
        });
        tensors.push(tensor);
    }
    tensors
}

/// All references to tensors.
fn references(manifest: &mut Manifest) -> impl Iterator<Item = &mut TensorRef> {
    let layers = manifest.layers.iter_mut().flat_map(|layer| {
        let scale = layer.scale.as_mut().map(|s| &mut s.tensor);
        let parts = [layer.codes.as_mut(), layer.weight.as_mut(), scale];
        parts.into_iter().flatten().chain([&mut layer.affine])
    });
    let operations = manifest.operations.iter_mut();
    let constants = operations.filter_map(|operation| match &mut operation.op {
        OperationKind::AddConstant { constant, .. } => Some(constant),
        _ => None,
    });
    let sites = manifest.sites.iter_mut();
    let layers = layers.chain(constants);
    layers.chain(sites.filter_map(|s| s.accumulator_units.as_mut().map(|u| &mut u.tensor)))
}

/// The least and the largest; none of nothing.
pub(super) fn span<T: PartialOrd + Copy>(mut numbers: impl Iterator<Item = T>) -> Option<Span<T>> {
    let first = numbers.next()?;
    let one = |x| Span { min: x, max: x };
    Some(numbers.fold(one(first), |all, x| all.with(one(x))))
}

/// The integer arithmetic of a network that is computed in it.
fn in_integers(source: &Source<'_>, graph: &Graph) -> Result<Option<FixedNetwork>, ExportError> {
    let bits = source.profile.scheme.fixed();
    let Some(bits) = bits.filter(|_| !source.allocation.is_float()) else {
        return Ok(None);
    };
    let layers = graph.layers.iter().zip(&source.allocation.0);
    let float = layers.filter(|(_, width)| width.is_float());
    let float: Vec<String> = float.map(|(layer, _)| layer.name.clone()).collect();
    if !float.is_empty() {
        return Err(ExportError::Float(float));
    }
    let grids = source.weights.grids(graph, bits)?;
    Ok(Some(FixedNetwork::new(graph, bits, &grids)?))
}

/// The numbers that a layer reads.
fn input_of(operations: &[Operation], layer: &str) -> Option<Number> {
    let is_own = |o: &&Operation| matches!(&o.op, OperationKind::Layer(name) if name == layer);
    let own = operations.iter().find(is_own)?;
    Some(operations.get(*own.inputs.first()?)?.numbers)
}

fn network(profile: &Profile, fixed: bool) -> Network {
    let graph = profile.graph();
    let input = graph.input;
    Network {
        name: profile.name.clone(),
        family: profile.model.family().to_owned(),
        input: Input {
            shape: [input.channels, input.height, input.width],
            frames: graph.frames().is_some(),
        },
        time_steps: graph.time_steps,
        classes: graph.classes,
        affine: match profile.scheme.affine {
            Affine::Fixed if fixed => FIXED,
            Affine::F32 | Affine::Fixed => "f32",
            Affine::F16 => "f16",
        }
        .to_owned(),
        membrane_bits: profile.scheme.fixed().filter(|_| fixed),
    }
}

fn preprocessing(profile: &Profile) -> Option<Preprocessing> {
    let data = profile.data.as_ref()?;
    let (recipe, input) = (data.recipe_for(&profile.model), profile.graph().input);
    let own = |own: &Option<Vec<f64>>, usual: &[f64]| own.clone().unwrap_or(usual.to_vec());
    Some(Preprocessing {
        recipe: recipe.name.to_owned(),
        size: [input.height, input.width],
        resize: recipe.resize.map(|resize| Resize {
            shorter: resize.shorter(input.height),
            filter: format!("{:?}", resize.filter).to_lowercase(),
        }),
        mean: own(&data.mean, recipe.mean),
        std: own(&data.std, recipe.std),
    })
}

/// The section `[data]` of a profile's text.
fn data(profile: &str) -> Option<serde_json::Value> {
    let table: toml::Table = toml::from_str(profile).ok()?;
    serde_json::to_value(table.get("data")?).ok()
}
