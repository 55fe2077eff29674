//! Spike-driven Transformer (Yao et al., arXiv 2307.01694;
//! github.com/BICLab/Spike-Driven-Transformer): membrane shortcuts, and an attention of masks and
//! sums alone (SDSA): over all tokens, the spikes of k and v that coincide decide channel by
//! channel, by a neuron of threshold 1/2, whether q's spikes pass.
//!
//! The heads do not change the result, but for event cameras (`dvs_mode`), where `Erode`, a 3x3
//! maximum, acts on the maps of k and v, and on `k v` and on the masked q as tensors of tokens and
//! channels within a head.

use serde::{Serialize, Serializer};

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::config::{ModelTable, missing, wrong};
use super::super::{
    Architecture, BlockLayout, Family, Graph, Layout, ModelConfig, ModelError, NodeId, Op,
};
use super::definition::{self, Definition, Sizes};
use super::parts::{self, Isotropic, Mlp};
use super::row::Literal::{Number, Text};
use super::row::{BLOCKS, DVS, FOUR_STEPS, Row, Size, Stored};
use super::spikformer;

/// The sizes of the Spike-driven Transformer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SdtV1 {
    /// Embedding width.
    pub embed_dims: usize,
    /// Blocks.
    pub depths: usize,
    /// Which of the embedding's four convolutions are followed by a pooling.
    #[serde(serialize_with = "digits")]
    pub pooling: [bool; 4],
    /// The authors' `dvs_mode` (frames, eroding attention) with this membrane time constant; none
    /// for images.
    #[serde(flatten, serialize_with = "dvs_layout")]
    pub dvs: Option<f64>,
}

/// What is said of the family.
pub(super) const FAMILY: Definition = Definition {
    required: &["depths"],
    optional: &["layout", "pooling", "tau"],
    read: |table| {
        Ok(Architecture::SdtV1(SdtV1 {
            dvs: definition::dvs_tau(table, 2.0)?,
            embed_dims: table.width(Family::SdtV1)?,
            depths: table.required("depths", "the number of blocks")?,
            pooling: pooling(table)?,
        }))
    },
    rows: &[IMAGE_ROW, DVS_ROW],
    recipes: &[
        ("cifar", Some(100), "cifar100"),
        ("imagenet", None, "imagenet-235"),
    ],
};

const TWO_BLOCKS: &str = "the CIFAR networks have 2 blocks";
const MORE_BLOCKS: &str = "the ImageNet networks have 6 to 10 blocks";
const OF_GESTURE: &str = "as published for DVS128 Gesture";
const OF_CIFAR_DVS: &str = "as published for CIFAR10-DVS";

pub(super) const IMAGE_ROW: Row = Row {
    fixed: &[],
    image: Size::published(
        &[("depths", 2, (Number(32), TWO_BLOCKS))],
        Number(224),
        MORE_BLOCKS,
    ),
    // The heads change nothing but the shape of a tensor that is never used.
    heads: Stored::Axis("block.0.attn.talking_heads.weight", 0).or(8, "as published"),
    mlp: "block.0.mlp.fc1_conv.weight",
    others: &[
        BLOCKS,
        (
            "pooling",
            Size::published(
                &[("depths", 2, (Text("0011"), TWO_BLOCKS))],
                Text("1111"),
                MORE_BLOCKS,
            ),
        ),
        FOUR_STEPS,
    ],
    ..spikformer::CIFAR_ROW
};

/// The same tensors as for images.
pub(super) const DVS_ROW: Row = Row {
    fixed: DVS,
    two_channels: true,
    image: Size::published(
        &[("num_classes", 11, (Number(128), OF_GESTURE))],
        Number(64),
        OF_CIFAR_DVS,
    ),
    others: &[
        BLOCKS,
        (
            "pooling",
            Size::published(
                &[("num_classes", 11, (Text("0111"), OF_GESTURE))],
                Text("0011"),
                OF_CIFAR_DVS,
            ),
        ),
        (
            "time_steps",
            Size::published(
                &[(
                    "num_classes",
                    11,
                    (Number(16), "published with 16 and with 10 frames"),
                )],
                Number(10),
                OF_CIFAR_DVS,
            ),
        ),
    ],
    ..IMAGE_ROW
};

/// Whether a pooling follows each of the four convolutions. Published: `0011` for CIFAR, `1111` for
/// ImageNet; the event-camera models differ.
fn pooling(table: &ModelTable) -> Result<[bool; 4], ModelError> {
    let why = "four digits, 1 where a pooling follows the convolution, such as \"0011\"";
    let text = match (table.text("pooling")?, table.text("layout")?) {
        (Some(text), _) => text,
        (None, Some("cifar")) => "0011",
        (None, Some("imagenet")) => "1111",
        (None, _) => return Err(missing("pooling", why)),
    };
    let digits: Option<Vec<bool>> = text
        .chars()
        .map(|c| "01".contains(c).then_some(c == '1'))
        .collect();
    let stages = digits.and_then(|d| d.try_into().ok());
    stages.ok_or_else(|| wrong("pooling", format!("{text:?}"), &format!("must be {why}")))
}

/// Writes a flag for each convolution as a text of digits.
fn digits<S: Serializer>(flags: &[bool; 4], serializer: S) -> Result<S::Ok, S::Error> {
    let digits = flags.map(|flag| if flag { '1' } else { '0' });
    serializer.serialize_str(&String::from_iter(digits))
}

/// Writes the time constant of event cameras as their layout.
fn dvs_layout<S: Serializer>(tau: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    tau.map(|tau| Layout::Dvs { tau }).serialize(serializer)
}

impl Sizes for SdtV1 {
    /// The code for images is one for all of them.
    fn layout(&self) -> Option<Layout> {
        self.dvs.map(|tau| Layout::Dvs { tau })
    }

    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        build(config, self)
    }
}

fn build(config: &ModelConfig, sizes: &SdtV1) -> Result<Graph, ModelError> {
    let &SdtV1 {
        embed_dims: width,
        depths,
        pooling,
        dvs,
    } = sizes;
    let network = Isotropic {
        config,
        width,
        depths,
        pooled: pooling,
        output: BlockLayout::Map,
    };
    network.check()?;
    let mut builder = parts::builder(config);
    let family = Network {
        config,
        width,
        erodes: dvs.is_some(),
        tau: dvs.unwrap_or(2.0),
    };
    let x = network.build(
        &mut builder,
        |b, image| family.patch_embed(b, image, pooling),
        |b, x, name| family.block(b, x, name),
    );
    let neuron = ("head_lif", parts::lif(family.tau));
    parts::spiking_head(&mut builder, x, neuron, config.num_classes, false);
    builder.finish()
}

struct Network<'a> {
    config: &'a ModelConfig,
    width: usize,
    erodes: bool,
    tau: f64,
}

impl Network<'_> {
    /// Four 3x3 convolutions, of which the last is pooled before its neuron, then a residual one of
    /// its spikes.
    fn patch_embed(&self, b: &mut GraphBuilder, image: NodeId, pooling: [bool; 4]) -> NodeId {
        let lif = parts::lif(self.tau);
        let (mut x, mut membrane) = (image, image);
        for (i, pool) in pooling.into_iter().enumerate() {
            let number = if i == 0 { String::new() } else { i.to_string() };
            let name = |part: &str| format!("patch_embed.proj_{part}{number}");
            x = b.conv(x, &name("conv"), Conv::three(self.width >> (3 - i)));
            x = b.batch_norm(x, &name("bn"));
            if pool && i == 3 {
                x = parts::halve(b, x);
            }
            membrane = x;
            x = b.neuron(x, &name("lif"), &lif);
            if pool && i < 3 {
                x = parts::halve(b, x);
            }
        }
        let position = parts::layer(b, x, "patch_embed.rpe", Conv::three(self.width));
        b.add(position, membrane)
    }

    fn block(&self, b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
        let y = self.attention(b, x, &format!("{name}.attn"));
        let x = b.add(x, y);
        self.mlp(b, x, name)
    }

    fn attention(&self, b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
        let heads = self.config.num_heads;
        let conv = Conv::one(self.width, Form::Map);
        let shortcut = format!("{name}.shortcut_lif");
        let s = b.neuron(x, &shortcut, parts::lif(self.tau));
        let [q, mut k, mut v] = ["q", "k", "v"]
            .map(|part| parts::unit(b, s, &format!("{name}.{part}"), conv, self.tau));
        if self.erodes {
            [k, v] = [k, v].map(|x| b.max_pool(x, 3, 1, 1));
        }
        let mut kv = b.product(Op::Multiply, k, v);
        if self.erodes {
            kv = b.head_erode(kv, heads);
        }
        let sum = b.token_sum(kv);
        b.dead(format!("{name}.talking_heads.weight"), &[heads, heads, 1]);
        let neuron = parts::attention_lif(self.tau);
        let mask = b.neuron(sum, &format!("{name}.talking_heads_lif"), neuron);
        let mut y = b.product(Op::ChannelMask, mask, q);
        if self.erodes {
            y = b.head_erode(y, heads);
        }
        parts::layer(b, y, &format!("{name}.proj"), conv.bias(true))
    }

    /// With a hidden layer as wide as the block, each of the two layers has a shortcut.
    fn mlp(&self, b: &mut GraphBuilder, x: NodeId, block: &str) -> NodeId {
        let mlp = Mlp {
            width: self.width,
            hidden: self.width * self.config.mlp_ratio,
            form: Form::Map,
            tau: self.tau,
        };
        let [first, second] = mlp.layers();
        let mut identity = x;
        let mut y = parts::reversed_unit(b, x, &format!("{block}.mlp.fc1"), first, self.tau);
        if self.config.mlp_ratio == 1 {
            y = b.add(identity, y);
            identity = y;
        }
        let y = parts::reversed_unit(b, y, &format!("{block}.mlp.fc2"), second, self.tau);
        b.add(y, identity)
    }
}
