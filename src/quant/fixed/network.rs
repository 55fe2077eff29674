//! Which values of a network are on which grid, and what the others are made of.
//!
//! Outputs of layers, and sums and maxima of them, are *on a grid*: fixed-point numbers that
//! saturate. Values that are added to each other, pooled or normalised share one grid; together
//! they are a [`Part`]. Everything else (spikes, attention, sums over positions) is made of
//! integers by exact sums and products. Where neurons read such a value, a multiplier and a shift
//! bring it onto the neurons' own grid.

use super::parts::range;
use super::{FixedError, Grid, Membrane, Part, Word, two_to};
use crate::network::{Dynamics, Graph, LayerId, Neuron, NodeId, Op, SiteId, ValueRange};

/// The grid of images: normalised pixels from -4 to 4. All 256 levels of a byte stay apart, so a
/// table of 256 numbers for each channel makes them.
pub const IMAGE: Grid = Grid {
    bits: 12,
    fraction: 9,
};
/// The grid of event frames, which may hold counts: from -128 to 128.
pub const FRAMES: Grid = Grid {
    bits: 16,
    fraction: 8,
};
/// Integers below this are exact in f32.
const EXACT_F32: f64 = (1u64 << 24) as f64;

/// What the numbers of a value are: integers times `2^-fraction`, of at most this magnitude, and
/// times a factor that whoever reads them takes into account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// The fraction.
    pub fraction: i32,
    /// The largest integer, without sign.
    pub most: f64,
    /// The pending factor: the scale of attention, one over the positions of a mean.
    pub factor: f64,
}

/// The grid of a population, and what brings its input onto it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SiteGrid {
    /// The grid of the potential.
    pub grid: Grid,
    /// From integers of the input to numbers of the grid; none where the input is on it.
    pub input: Option<Word>,
}

/// A network in fixed-point arithmetic, without its layers' affines.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedNetwork {
    grids: Vec<Option<Grid>>,
    forms: Vec<Form>,
    sites: Vec<SiteGrid>,
    parts: Vec<Grid>,
}

impl FixedNetwork {
    /// The network with a grid for each [`Part`], potentials of `bits` bits.
    ///
    /// # Errors
    /// [`FixedError`] names the operation or the neurons that have no integer arithmetic.
    pub fn new(graph: &Graph, bits: u8, parts: &[Grid]) -> Result<Self, FixedError> {
        let all = Part::all(graph, bits);
        let (got, want) = (parts.len(), all.len());
        if got != want {
            return Err(FixedError::Grids { got, want });
        }
        let mut grids = vec![None; graph.nodes.len()];
        for (part, &grid) in all.iter().zip(parts) {
            part.nodes
                .iter()
                .for_each(|n| grids[n.index()] = Some(grid));
        }
        let mut network = FixedNetwork {
            grids,
            forms: Vec::new(),
            sites: Vec::new(),
            parts: parts.to_vec(),
        };
        let absorbers = graph.absorbers();
        for i in 0..graph.nodes.len() {
            let form = network.form_of(graph, &absorbers, i)?;
            network.forms.push(form);
        }
        for (i, node) in graph.nodes.iter().enumerate() {
            if let Op::Neuron(site) = node.op {
                let grid = network.site_of(graph, i, site, bits)?;
                network.sites.push(grid);
            }
        }
        Ok(network)
    }

    /// The grids of the parts.
    pub fn parts(&self) -> &[Grid] {
        &self.parts
    }

    /// The grid of a node's value; none where it is not on one.
    pub fn grid(&self, node: NodeId) -> Option<Grid> {
        self.grids.get(node.index()).copied().flatten()
    }

    /// What a node's value is made of.
    pub fn form(&self, node: NodeId) -> Form {
        let one = Form {
            fraction: 0,
            most: 1.0,
            factor: 1.0,
        };
        self.forms.get(node.index()).copied().unwrap_or(one)
    }

    /// The grid of a population, and what brings its input onto it.
    pub fn site(&self, site: SiteId) -> Option<SiteGrid> {
        self.sites.get(site.index()).copied()
    }

    /// The dynamics of a population whose numbers are known; none for integer neurons.
    ///
    /// # Errors
    /// [`FixedError`] for neurons without integer arithmetic.
    pub fn membrane(
        &self,
        graph: &Graph,
        site: SiteId,
        neuron: &Dynamics,
    ) -> Result<Option<Membrane>, FixedError> {
        match (neuron, self.site(site)) {
            (Neuron::Spiking(spiking), Some(known)) => {
                let made = Membrane::of(spiking, known.grid);
                let made = made.map_err(|why| FixedError::Neurons {
                    site: graph.site(site).name.clone(),
                    why,
                })?;
                Ok(Some(made))
            }
            _ => Ok(None),
        }
    }

    /// The largest sum of a layer of integers up to `q_max`, without sign, reading `input`.
    pub fn largest_sum(&self, graph: &Graph, layer: LayerId, input: NodeId, q_max: u32) -> f64 {
        let fan_in = graph.layer(layer).fan_in() as f64;
        self.form(input).most * fan_in * f64::from(q_max)
    }

    fn form_of(
        &self,
        graph: &Graph,
        absorbers: &[Option<LayerId>],
        i: usize,
    ) -> Result<Form, FixedError> {
        let node = &graph.nodes[i];
        let fails = |why: &str| {
            Err(FixedError::Operation {
                what: format!("{:?}", node.op),
                block: graph.blocks[node.block.index()].name.clone(),
                why: why.to_owned(),
            })
        };
        let inputs = node.inputs.iter().map(|&n| self.form(n));
        let inputs: Vec<Form> = inputs.collect();
        let on_grid = |grid: Grid| Form {
            fraction: grid.fraction,
            most: -grid.least() as f64,
            factor: 1.0,
        };
        if let Some(grid) = self.grids[i] {
            let mut known = node.inputs.iter();
            let fits = |n: &NodeId| {
                let whole = matches!(graph.node(*n).range, ValueRange::Integer(_));
                self.grid(*n).is_some() || (whole && matches!(node.op, Op::Add | Op::Average))
            };
            return match node.op {
                Op::Layer(_) => Ok(on_grid(grid)),
                Op::BatchNorm(_) | Op::ChannelScale(_) | Op::HeadScale { .. }
                    if absorbers[i].is_none() =>
                {
                    fails("it follows no layer directly, whose affine could take it in")
                }
                _ if known.all(fits) => Ok(on_grid(grid)),
                _ => fails("it reads numbers that are on no grid"),
            };
        }
        let first = inputs
            .first()
            .copied()
            .unwrap_or(self.form(NodeId(u32::MAX)));
        let times = |most: f64| Form {
            most: first.most * most,
            ..first
        };
        let count = |n: Option<&NodeId>| n.map_or(1, |&n| positions(graph, n)) as f64;
        let input = node.inputs.first();
        let form = match node.op {
            Op::HeadScale { .. } => return fails("its factor differs from head to head"),
            Op::Input => on_grid(if node.time_invariant { IMAGE } else { FRAMES }),
            Op::Neuron(site) => Form {
                fraction: 0,
                most: graph.site(site).neuron.max_output() as f64,
                factor: 1.0,
            },
            Op::TokenMean => Form {
                factor: first.factor / count(input),
                ..times(count(input))
            },
            Op::TokenSum => times(count(input)),
            Op::TokenTimeSum => {
                let still = input.is_some_and(|&n| graph.node(n).time_invariant);
                let steps = if still { 1 } else { graph.time_steps };
                times(count(input) * steps as f64)
            }
            Op::HeadSum { heads } => {
                let channels = input.map_or(1, |&n| graph.node(n).shape.channels);
                times((channels / heads.max(1)) as f64)
            }
            Op::AveragePool {
                kernel,
                padding,
                count_include_pad,
                ..
            } => {
                if padding > 0 && !count_include_pad {
                    return fails("its windows have other numbers of positions at the border");
                }
                // The sum: whoever reads it takes the number of positions into account.
                let terms = (kernel * kernel) as f64;
                Form {
                    factor: first.factor / terms,
                    ..times(terms)
                }
            }
            Op::AddConstant { .. } => return fails("it adds a constant that is on no grid"),
            Op::MaxPool { .. } | Op::HeadErode { .. } => first,
            _ => {
                let whole = |n: &NodeId| matches!(graph.node(*n).range, ValueRange::Integer(_));
                if !node.inputs.iter().all(whole) {
                    return fails("it reads real numbers");
                }
                combined(graph, i, &inputs)
            }
        };
        match form.most < EXACT_F32 {
            true => Ok(form),
            false => fails("its sums may reach 2^24; take fewer membrane_bits"),
        }
    }

    fn site_of(
        &self,
        graph: &Graph,
        i: usize,
        site: SiteId,
        bits: u8,
    ) -> Result<SiteGrid, FixedError> {
        let neuron = &graph.site(site).neuron;
        let fails = |why: String| {
            let site = graph.site(site).name.clone();
            Err(FixedError::Neurons { site, why })
        };
        let input = graph.nodes[i].inputs.first().copied();
        let input = input.unwrap_or(NodeId(u32::MAX));
        let (grid, word) = match self.grid(input) {
            Some(grid) => (grid, None),
            None => {
                let grid = Grid::reaching(range(neuron), bits);
                let form = self.form(input);
                let word = Word::nearest(form.factor * two_to(grid.fraction - form.fraction));
                match word {
                    Some(word) => (grid, Some(word)),
                    None => return fails("their input's factor is too large".to_owned()),
                }
            }
        };
        // What has a trained time constant is checked when that is known.
        if let Ok(Neuron::Spiking(spiking)) = neuron.dynamics(|_| Err(()))
            && let Err(why) = Membrane::of(&spiking, grid)
        {
            return fails(why);
        }
        Ok(SiteGrid { grid, input: word })
    }
}

/// The form of a sum or product of integers.
fn combined(graph: &Graph, i: usize, inputs: &[Form]) -> Form {
    let node = &graph.nodes[i];
    let product = inputs.iter().map(|f| f.most).product::<f64>();
    let form = |most: f64, factor: f64| Form {
        fraction: 0,
        most,
        factor,
    };
    match node.op {
        Op::Attention {
            heads,
            scale,
            tokens,
        } => {
            let shape = node
                .inputs
                .first()
                .map_or(node.shape, |&n| graph.node(n).shape);
            let terms = tokens.count(shape) * (shape.channels / heads.max(1));
            form(product * terms as f64, scale)
        }
        Op::Add => form(inputs.iter().map(|f| f.most).sum(), 1.0),
        Op::Concat { .. } => form(inputs.iter().map(|f| f.most).fold(0.0, f64::max), 1.0),
        Op::Scores { heads } => {
            let keys = node
                .inputs
                .first()
                .map_or(1, |&n| graph.node(n).shape.channels);
            form(product * (keys / heads.max(1)) as f64, 1.0)
        }
        Op::Apply { .. } => {
            let terms = node.inputs.first().map_or(1, |&n| positions(graph, n));
            form(product * terms as f64, 1.0)
        }
        _ => form(product, 1.0),
    }
}

fn positions(graph: &Graph, node: NodeId) -> usize {
    let shape = graph.node(node).shape;
    shape.height * shape.width
}
