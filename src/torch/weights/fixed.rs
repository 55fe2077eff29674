//! Parameters in fixed-point arithmetic: affines onto grids.
#![forbid(unsafe_code)]

use tch::Kind;

use super::maker::Maker;
use super::parameters::{Accumulation, AffineTensors, Parameters, Squares};
use crate::kernels::FixedDynamics;
use crate::network::{LayerId, NodeId, Op, SiteId};
use crate::quant::fixed::{FixedAffine, FixedError, FixedNetwork, Grid};
use crate::quant::{BitWidth, ChannelAffine, QuantizedLayer};
use crate::torch::TorchError;
use crate::torch::plan::{Source, Step};

/// Integers below this are exact in f32.
const EXACT_F32: f64 = (1u64 << 24) as f64;

/// What a step computes in fixed-point arithmetic beside its affine.
#[derive(Clone, Copy, Debug)]
pub(in crate::torch) struct FixedStep {
    /// The dynamics of its neurons, where they have a state.
    pub dynamics: Option<FixedDynamics>,
}

/// `2^n`.
fn two_to(n: i32) -> f64 {
    f64::from(n).exp2()
}

impl Maker<'_> {
    /// The parameters of a step whose layer, if it has one, has this width.
    pub(super) fn in_fixed_point(
        &self,
        network: &FixedNetwork,
        (step, width): (&Step, BitWidth),
        quantized: Option<&QuantizedLayer>,
    ) -> Result<Parameters, TorchError> {
        let fixed = Some(FixedStep {
            dynamics: self.dynamics(network, step)?,
        });
        let Source::Layer { layer, .. } = step.source else {
            return Ok(Parameters {
                affine: self.onto_grid(network, step)?,
                sum: self.sum(network, step)?,
                fixed,
                ..Parameters::default()
            });
        };
        let input = step.inputs.first().copied().unwrap_or(NodeId(u32::MAX));
        let (accumulation, squares, affine) = match width.is_float() {
            true => {
                let made = self.make(step, width, None)?;
                let affine = self.behind_float(step, network.form(input).factor)?;
                (made.accumulation, made.squares, Sums::Real(affine))
            }
            false => {
                let known = self.quantize(self.model.graph.layer(layer), width, quantized)?;
                let affine = self.fixed(step, &known)?.affine;
                let largest = network.largest_sum(
                    &self.model.graph,
                    layer,
                    input,
                    known.quantized.width.q_max().unwrap_or(1),
                );
                let (accumulation, squares) = self.exactly(layer, &known, largest)?;
                let affine = affine.unwrap_or_else(|| ChannelAffine::identity(0));
                (Some(accumulation), squares, Sums::Integers(affine))
            }
        };
        let affine = self.behind_sums(network, (step, layer), input, affine)?;
        Ok(Parameters {
            accumulation,
            affine: Some(affine),
            sum: self.sum(network, step)?,
            fixed,
            squares,
            ..Parameters::default()
        })
    }

    /// The affine behind a float layer's sums, which contain its bias, of an input that counts
    /// `factor`.
    fn behind_float(&self, step: &Step, factor: f64) -> Result<ChannelAffine, TorchError> {
        let (bias, _) = self.bias_and_unit(step)?;
        let channels = step.shape.channels;
        let more = |b: f64| b * (1.0 - factor);
        let bias = bias.map(|bias| bias.into_iter().map(more).collect());
        let sums = ChannelAffine::new(vec![factor; channels], bias);
        let absorbed = self.absorbed(step)?;
        Ok(absorbed.iter().fold(sums, ChannelAffine::then))
    }

    /// The same parameters with another affine behind the sums of integers.
    pub(super) fn with_fixed_affine(
        &self,
        (network, step): (&FixedNetwork, &Step),
        parameters: Parameters,
        affine: &ChannelAffine,
    ) -> Result<Parameters, TorchError> {
        let Source::Layer { layer, .. } = step.source else {
            return Ok(parameters);
        };
        let input = step.inputs.first().copied().unwrap_or(NodeId(u32::MAX));
        let sums = Sums::Integers(affine.clone());
        let affine = Some(self.behind_sums(network, (step, layer), input, sums)?);
        Ok(Parameters {
            affine,
            ..parameters
        })
    }

    /// The affine of a layer's sums onto the grid of its output.
    fn behind_sums(
        &self,
        network: &FixedNetwork,
        (step, layer): (&Step, LayerId),
        input: NodeId,
        affine: Sums,
    ) -> Result<AffineTensors, TorchError> {
        let mut nodes = self.model.graph.nodes.iter();
        let own = nodes.position(|n| n.op == Op::Layer(layer));
        let grid = own.and_then(|i| network.grid(NodeId(i as u32)));
        let grid = grid.ok_or_else(|| TorchError::Graph {
            node: step.node.index(),
            why: format!("{} is on no grid", step.name),
        })?;
        let form = network.form(input);
        let (scale, shift) = match affine {
            Sums::Integers(real) => {
                let one = form.factor * two_to(-form.fraction);
                let fixed = FixedAffine::new(&real.of_unit(one), grid);
                let fixed = fixed.map_err(|source| FixedError::Affine {
                    layer: self.model.graph.layer(layer).name.clone(),
                    source,
                })?;
                let (mut scale, shift) = fixed.numbers();
                let to_integers = two_to(form.fraction);
                scale.iter_mut().for_each(|a| *a *= to_integers);
                (scale, shift)
            }
            Sums::Real(real) => {
                let all = |x: &[f64], factor: f64| x.iter().map(|x| x * factor).collect();
                let steps = two_to(grid.fraction);
                (all(&real.scale, steps), all(&real.shift, steps))
            }
        };
        self.rows(&scale, &shift, grid)
    }

    /// What brings the numbers of a step without a layer onto its grid; none where they are on it.
    fn onto_grid(
        &self,
        network: &FixedNetwork,
        step: &Step,
    ) -> Result<Option<AffineTensors>, TorchError> {
        let channels = step.shape.channels;
        let same = |factor: f64, grid: Grid| {
            let (scale, shift) = (vec![factor; channels], vec![0.0; channels]);
            self.rows(&scale, &shift, grid).map(Some)
        };
        if step.source == Source::Image {
            let form = network.form(step.node);
            let bits = (form.most.log2() + 1.0) as u8;
            let fraction = form.fraction;
            return same(two_to(fraction), Grid { bits, fraction });
        }
        if let Some(site) = step.neuron {
            let input = network.site(site).and_then(|s| Some((s.input?, s.grid)));
            if let Some((word, grid)) = input {
                let form = network.form(self.read_by(site));
                return same(word.factor() * two_to(form.fraction), grid);
            }
        }
        let sums = matches!(step.source, Source::Pair(_));
        let node = match step.neuron {
            Some(site) => self.read_by(site),
            None => step.node,
        };
        match network.grid(node).filter(|_| sums) {
            Some(grid) => same(two_to(grid.fraction), grid),
            None => Ok(None),
        }
    }

    /// What keeps the sum of a step with a residual on its grid.
    fn sum(
        &self,
        network: &FixedNetwork,
        step: &Step,
    ) -> Result<Option<AffineTensors>, TorchError> {
        let grid = step.residual.and_then(|_| network.grid(step.node));
        // Neurons keep theirs there themselves.
        let Some(grid) = grid.filter(|_| step.neuron.is_none()) else {
            return Ok(None);
        };
        let channels = step.shape.channels;
        let (scale, shift) = (vec![two_to(grid.fraction); channels], vec![0.0; channels]);
        self.rows(&scale, &shift, grid).map(Some)
    }

    /// The node that neurons read.
    fn read_by(&self, site: SiteId) -> NodeId {
        let mut nodes = self.model.graph.nodes.iter();
        let node = nodes.find(|n| n.op == Op::Neuron(site));
        let input = node.and_then(|n| n.inputs.first()).copied();
        input.unwrap_or(NodeId(u32::MAX))
    }

    fn dynamics(
        &self,
        network: &FixedNetwork,
        step: &Step,
    ) -> Result<Option<FixedDynamics>, TorchError> {
        let Some((site, neuron)) = step.neuron.zip(self.neuron(step)?) else {
            return Ok(None);
        };
        let membrane = network.membrane(&self.model.graph, site, &neuron)?;
        let sum = step.residual.and_then(|_| network.grid(step.node));
        Ok(membrane.map(|membrane| membrane.dynamics(sum)))
    }

    /// The accumulation over a quantized layer's integers, exact up to the largest sum.
    fn exactly(
        &self,
        layer: LayerId,
        known: &QuantizedLayer,
        largest: f64,
    ) -> Result<(Accumulation, Squares), TorchError> {
        let layer = self.model.graph.layer(layer);
        let quantized = &known.quantized;
        let (weight, _) = self.model.weights.weight_and_bias(layer)?;
        let squares = Squares {
            changed: quantized.squared_error(&weight.rounded()),
            float: weight.square(),
        };
        if largest < EXACT_F32 {
            return Ok((self.integers(layer, quantized)?, squares));
        }
        if largest >= two_to(53) {
            return Err(TorchError::Graph {
                node: 0,
                why: format!("the sums of layer {} do not fit 53 bits", layer.name),
            });
        }
        let values: Vec<f64> = quantized.values.iter().map(|&q| f64::from(q)).collect();
        let weight = self.upload_as(&values, Kind::Double)?;
        Ok((self.by_libtorch(layer, weight, None, None)?, squares))
    }

    fn rows(&self, scale: &[f64], shift: &[f64], grid: Grid) -> Result<AffineTensors, TorchError> {
        Ok(AffineTensors {
            scale: self.upload_as(scale, Kind::Double)?,
            shift: self.upload_as(shift, Kind::Double)?,
            grid: Some(grid),
        })
    }
}

/// A layer's sums: of integers, with the affine over what they count, or real ones, with theirs.
enum Sums {
    Integers(ChannelAffine),
    Real(ChannelAffine),
}
