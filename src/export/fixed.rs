//! Layers of packages in integer arithmetic.

use safetensors::Dtype;

use super::error::ExportError;
use super::manifest::operation::Number;
use super::tensors::Tensor;
use crate::network::{Graph, LayerId, Op};
use crate::quant::ChannelAffine;
use crate::quant::fixed::{FixedAffine, FixedError, FixedNetwork, Form, Grid, Word};

/// What lies around a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct FixedLayer {
    /// The numbers that it reads.
    pub input: Number,
    form: Form,
    grid: Grid,
}

impl FixedLayer {
    /// A layer of a network; none that the graph does not run. `input` are the numbers it reads.
    pub(super) fn of(
        (graph, network): (&Graph, &FixedNetwork),
        layer: LayerId,
        input: Number,
    ) -> Option<Self> {
        let at = graph.nodes.iter().position(|n| n.op == Op::Layer(layer))?;
        let read = *graph.nodes.get(at)?.inputs.first()?;
        Some(FixedLayer {
            input,
            form: network.form(read),
            grid: network.grid(crate::network::NodeId(at as u32))?,
        })
    }

    /// The affine behind the sums of integers, from that over what they count.
    pub(super) fn affine(
        &self,
        real: ChannelAffine,
        layer: &str,
    ) -> Result<FixedAffine, ExportError> {
        let one = self.form.factor * f64::from(-self.form.fraction).exp2();
        FixedAffine::new(&real.of_unit(one), self.grid).map_err(|source| {
            ExportError::Fixed(FixedError::Affine {
                layer: layer.to_owned(),
                source,
            })
        })
    }
}

/// Words and offsets as a tensor.
pub(super) fn fixed_tensor(affine: &FixedAffine, layer: &str) -> Tensor {
    let words = affine.words.iter().copied().map(Word::packed);
    let numbers = words.chain(affine.offsets.iter().copied());
    let bytes = numbers.flat_map(i16::to_le_bytes).collect();
    let shape = vec![2, affine.words.len()];
    Tensor::new(format!("{layer}.affine"), Dtype::I16, shape, bytes)
}

/// The least and the largest integer of a value; none where numbers are real.
pub(super) fn ends(number: Number) -> Option<[i64; 2]> {
    let limited = |most: u64| i64::try_from(most).unwrap_or(i64::MAX);
    match number {
        Number::Real => None,
        Number::Integer(most) => Some([0, limited(most)]),
        Number::Fixed { bits, fraction } => {
            let grid = Grid { bits, fraction };
            Some([grid.least(), grid.most()])
        }
        Number::Sum { most, .. } => Some([-limited(most), limited(most)]),
    }
}
