//! What a deployment of an allocation stores.

use std::collections::HashSet;

use super::{Affine, Allocation, BitWidth, packed_bytes};
use crate::network::{Graph, Layer, LayerId, TensorSpec};

/// The memory of a network under any allocation, in bytes.
///
/// A layer stores its packed weights (rounded up to a byte) and one affine of two numbers per
/// output channel, into which scale, bias and batch norm merge: of 32 or 16 bits each; fixed-point
/// ones of 16, a multiplier of 11 bits with its shift of 5, and a summand. A float layer stores
/// 32-bit weights and a 32-bit affine, merged in the same way, so the float network is the
/// allocation of float everywhere. Live tensors that belong to no layer are stored at 32 bits a
/// number; dead ones are not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryModel {
    layers: Vec<LayerSize>,
    affine: Affine,
    fixed: u64,
    dead: Vec<TensorSpec>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct LayerSize {
    weights: u64,
    channels: u64,
}

impl MemoryModel {
    /// Reads the sizes of a graph; `affine` is the number format of quantized layers' affines.
    pub fn of(graph: &Graph, affine: Affine) -> Self {
        let owned: HashSet<String> = graph.layers.iter().flat_map(Layer::keys).collect();
        let is_stored = |t: &&TensorSpec| {
            !t.dead && !t.key.ends_with("num_batches_tracked") && !owned.contains(&t.key)
        };
        let extra: u64 = graph.tensors.iter().filter(is_stored).map(numbers).sum();
        MemoryModel {
            layers: graph
                .layers
                .iter()
                .map(|l| LayerSize {
                    weights: l.weights() as u64,
                    channels: l.channels() as u64,
                })
                .collect(),
            affine,
            fixed: 4 * extra,
            dead: graph.tensors.iter().filter(|t| t.dead).cloned().collect(),
        }
    }

    /// Bytes of a layer at a width: packed weights and affine. 0 for a layer of another graph.
    pub fn layer_bytes(&self, layer: LayerId, width: BitWidth) -> u64 {
        self.layers
            .get(layer.index())
            .map_or(0, |l| l.weight_bytes(width) + self.affine_bytes(*l, width))
    }
    /// Bytes of a layer's packed weights at a width. 0 for a layer of another graph.
    pub fn layer_weight_bytes(&self, layer: LayerId, width: BitWidth) -> u64 {
        self.layers
            .get(layer.index())
            .map_or(0, |l| l.weight_bytes(width))
    }
    /// Bytes that no allocation changes: live tensors that belong to no layer, at 32 bits a number.
    pub fn fixed_bytes(&self) -> u64 {
        self.fixed
    }
    /// All bytes of an allocation: weights, affines and [`fixed_bytes`](Self::fixed_bytes).
    pub fn total(&self, allocation: &Allocation) -> u64 {
        let layers = self.ids().map(|l| self.layer_bytes(l, allocation.get(l)));
        layers.sum::<u64>() + self.fixed
    }
    /// Bytes of an allocation's packed weights alone, the figure that papers quote.
    pub fn weights_only(&self, allocation: &Allocation) -> u64 {
        self.ids()
            .map(|l| self.layer_weight_bytes(l, allocation.get(l)))
            .sum()
    }
    /// All bytes of the float network, merged in the same way.
    pub fn float_total(&self) -> u64 {
        self.total(&Allocation::uniform(self.layers.len(), BitWidth::FLOAT))
    }
    /// Bytes of the float network's weights alone.
    pub fn float_weights(&self) -> u64 {
        self.weights_only(&Allocation::uniform(self.layers.len(), BitWidth::FLOAT))
    }
    /// Tensors of the state dict that the network never uses, which no figure here counts.
    pub fn dead(&self) -> &[TensorSpec] {
        &self.dead
    }

    fn ids(&self) -> impl Iterator<Item = LayerId> + use<> {
        (0..self.layers.len() as u32).map(LayerId)
    }
    fn affine_bytes(&self, layer: LayerSize, width: BitWidth) -> u64 {
        let number = match self.affine {
            Affine::F16 | Affine::Fixed if !width.is_float() => 2,
            Affine::F16 | Affine::F32 | Affine::Fixed => 4,
        };
        2 * number * layer.channels
    }
}

impl LayerSize {
    fn weight_bytes(self, width: BitWidth) -> u64 {
        packed_bytes(self.weights, width)
    }
}

/// How much smaller `bytes` is than `float_bytes`, in percent; 0 when there is nothing to save.
pub fn saving_percent(bytes: u64, float_bytes: u64) -> f64 {
    if float_bytes == 0 {
        return 0.0;
    }
    100.0 * (1.0 - bytes as f64 / float_bytes as f64)
}

fn numbers(tensor: &TensorSpec) -> u64 {
    tensor.shape.iter().map(|&n| n as u64).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{
        BlockId, LayerKind, PerChannel, Shape, TensorKind, ValueRange, WeightSource,
    };

    fn layer(name: &str, weight_shape: &[usize], bias: bool, norm: Option<&str>) -> Layer {
        Layer {
            name: name.to_owned(),
            block: BlockId(0),
            kind: LayerKind::Linear,
            weight_shape: weight_shape.to_vec(),
            bias,
            source: WeightSource::Stored,
            absorbed: norm
                .map(|n| PerChannel::BatchNorm(n.to_owned()))
                .into_iter()
                .collect(),
            input: ValueRange::Real,
            macs: 0,
        }
    }
    fn tensor(key: &str, shape: &[usize], kind: TensorKind, dead: bool) -> TensorSpec {
        TensorSpec {
            key: key.to_owned(),
            shape: shape.to_vec(),
            kind,
            dead,
        }
    }
    /// A convolution with batch norm, a head with a bias, one extra tensor, one dead tensor.
    fn graph() -> Graph {
        use TensorKind::{Buffer, Param};
        Graph {
            nodes: Vec::new(),
            layers: vec![
                layer("conv", &[3, 1, 3, 3], false, Some("bn")),
                layer("head", &[5, 3], true, None),
            ],
            sites: Vec::new(),
            blocks: Vec::new(),
            stages: Vec::new(),
            tensors: vec![
                tensor("conv.weight", &[3, 1, 3, 3], Param, false),
                tensor("bn.weight", &[3], Param, false),
                tensor("bn.bias", &[3], Param, false),
                tensor("bn.running_mean", &[3], Buffer, false),
                tensor("bn.running_var", &[3], Buffer, false),
                tensor("bn.num_batches_tracked", &[], Buffer, false),
                tensor("pos_embed", &[2, 7], Param, false),
                tensor("step", &[], Param, false),
                tensor("unused.weight", &[9, 9], Param, true),
                tensor("head.weight", &[5, 3], Param, false),
                tensor("head.bias", &[5], Param, false),
            ],
            input: Shape {
                channels: 1,
                height: 3,
                width: 3,
            },
            time_steps: 1,
            classes: 5,
        }
    }
    fn width(bits: u8) -> BitWidth {
        BitWidth::new(bits).unwrap()
    }
    const CONV: LayerId = LayerId(0);
    const HEAD: LayerId = LayerId(1);

    #[test]
    fn bytes_by_hand() {
        let memory = MemoryModel::of(&graph(), Affine::F32);
        // 27 weights and 3 channels; 15 weights and 5 channels.
        assert_eq!(memory.layer_weight_bytes(CONV, width(3)), 11); // 81 bits
        assert_eq!(memory.layer_bytes(CONV, width(3)), 11 + 24);
        assert_eq!(memory.layer_bytes(HEAD, width(1)), 2 + 40);
        assert_eq!(
            memory.layer_bytes(HEAD, BitWidth::FLOAT),
            15 * 4 + 5 * 2 * 4
        );
        assert_eq!(memory.fixed_bytes(), (14 + 1) * 4);
        let mixed = Allocation(vec![width(3), width(1)]);
        assert_eq!(memory.total(&mixed), 35 + 42 + 60);
        assert_eq!(memory.weights_only(&mixed), 13);
        assert_eq!(memory.float_weights(), 42 * 4);
        assert_eq!(memory.float_total(), 42 * 4 + 8 * 8 + 60);
    }

    #[test]
    fn half_precision_affines_belong_to_quantized_layers() {
        let all = [Affine::F32, Affine::F16, Affine::Fixed];
        let [single, half, fixed] = all.map(|a| MemoryModel::of(&graph(), a));
        assert_eq!(
            half,
            MemoryModel {
                affine: Affine::F16,
                ..fixed
            }
        );
        assert_eq!(half.layer_bytes(CONV, width(3)), 11 + 12);
        assert_eq!(
            half.layer_bytes(CONV, BitWidth::FLOAT),
            single.layer_bytes(CONV, BitWidth::FLOAT)
        );
        assert_eq!(half.float_total(), single.float_total());
    }

    #[test]
    fn dead_tensors_are_listed_and_not_counted() {
        let memory = MemoryModel::of(&graph(), Affine::F32);
        let keys: Vec<&str> = memory.dead().iter().map(|t| t.key.as_str()).collect();
        assert_eq!(keys, ["unused.weight"]);
    }

    #[test]
    fn a_batch_norm_that_no_layer_absorbs_is_stored() {
        let mut graph = graph();
        graph.layers[0].absorbed.clear();
        let memory = MemoryModel::of(&graph, Affine::F32);
        assert_eq!(memory.fixed_bytes(), (14 + 1 + 4 * 3) * 4);
    }

    #[test]
    fn an_unknown_layer_takes_nothing() {
        let memory = MemoryModel::of(&graph(), Affine::F32);
        assert_eq!(memory.layer_bytes(LayerId(2), width(4)), 0);
        assert_eq!(memory.layer_weight_bytes(LayerId(2), width(4)), 0);
    }

    #[test]
    fn savings() {
        assert_eq!(saving_percent(25, 100), 75.0);
        assert_eq!(saving_percent(100, 100), 0.0);
        assert_eq!(saving_percent(5, 0), 0.0);
    }
}
