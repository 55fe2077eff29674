//! Max-Former (arXiv 2505.18608; github.com/bic-L/MaxFormer): early stages mix tokens by depthwise
//! convolutions, which pass high frequencies, and embeddings pool their shortcuts too; the last
//! stage attends by spiking self-attention.
//!
//! The layouts differ in the first embedding and in the mixers: 7x7 and 5x5 (`imagenet`), none and
//! 3x3 (`cifar`), 3x3 (`dvs`, with two stages).

use serde::Serialize;

use super::super::builder::{Conv, Form};
use super::super::{Architecture, Family, Graph, Layout, ModelConfig, ModelError, NodeId};
use super::definition::{self, Definition, Sizes};
use super::membrane::{self, Membrane, Parts};
use super::parts;
use super::qkformer;
use super::row::{Row, Size, Stored};

/// The sizes of Max-Former.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MaxFormer {
    /// The layout.
    #[serde(flatten)]
    pub layout: Layout,
    /// Embedding width of the last stage.
    pub embed_dims: usize,
    /// Blocks in all; the last stage has what the others leave of them.
    pub depths: usize,
}

/// What is said of the family.
pub(super) const FAMILY: Definition = Definition {
    required: &["layout", "depths"],
    optional: &["tau"],
    read: |table| {
        let (layout, embed_dims, depths) = definition::layered(table, Family::MaxFormer, 2.0)?;
        Ok(Architecture::MaxFormer(MaxFormer {
            layout,
            embed_dims,
            depths,
        }))
    },
    rows: &[CIFAR_ROW, IMAGENET_ROW, DVS_ROW],
    recipes: &[
        ("cifar", Some(100), "cifar100"),
        ("imagenet", None, "imagenet-256"),
    ],
};

const FC1: &str = "stage1.0.mlp.fc1_conv.weight";
pub(super) const THREE_STAGES: Stored =
    Stored::Dimension(&[("head.weight", 1), ("stage3.0.attn.q_conv.weight", 0)]);
const TWO_STAGES: Stored =
    Stored::Dimension(&[("head.weight", 1), ("stage2.0.attn.q_conv.weight", 0)]);

pub(super) const CIFAR_ROW: Row = Row {
    width: THREE_STAGES,
    mlp: FC1,
    ..qkformer::CIFAR_ROW
};

pub(super) const IMAGENET_ROW: Row = Row {
    first_layer: "patch_embed1.embed1.embed_conv.weight",
    width: THREE_STAGES,
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 3))),
        (
            "time_steps",
            Size::assumed(4, "published with 4 and, files named T1, with 1"),
        ),
    ],
    ..qkformer::IMAGENET_ROW
};

pub(super) const DVS_ROW: Row = Row {
    width: TWO_STAGES,
    mlp: FC1,
    ..qkformer::DVS_ROW
};

impl Sizes for MaxFormer {
    fn layout(&self) -> Option<Layout> {
        Some(self.layout)
    }

    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        config.check_heads(self.embed_dims, "embed_dims")?;
        membrane::build(config, self.layout, self.embed_dims, self.depths, self)
    }
}

impl Parts for MaxFormer {
    fn embed(&self, m: &mut Membrane<'_>, x: NodeId, stage: usize, width: usize) -> NodeId {
        match (stage, m.layout) {
            (1, Layout::Cifar) => m.cifar_embed(x, width),
            (1, Layout::Dvs { .. }) => m.event_embed(x, width),
            (1, Layout::Imagenet) => strided_embed(m, x, width),
            _ => pooled_embed(m, x, &format!("patch_embed{stage}"), width),
        }
    }

    fn mixer(&self, m: &mut Membrane<'_>, x: NodeId, block: &str, width: usize) -> NodeId {
        // `conv5` is what the authors call their 7x7 convolution.
        let (layer, kernel) = match (m.layout, block.starts_with("stage1.")) {
            (Layout::Imagenet, true) => ("conv5", 7),
            (Layout::Imagenet, false) => ("conv", 5),
            (Layout::Cifar, true) => return x,
            (Layout::Cifar | Layout::Dvs { .. }, _) => ("conv", 3),
        };
        let name = format!("{block}.mixer.{layer}");
        let names = [format!("{name}_neuron"), name.clone(), format!("{name}_bn")];
        let conv = Conv::depthwise(width, kernel).bias(true);
        let y = parts::led(m.b, x, names, parts::lif(m.layout.tau()), conv);
        m.b.add(x, y)
    }
}

/// `patch_embed1` of layout `imagenet`: halved twice by strides, with a 1x1 residual.
fn strided_embed(m: &mut Membrane<'_>, image: NodeId, width: usize) -> NodeId {
    let name = |part: &str| format!("patch_embed1.{part}");
    let first = Conv::three(width / 2).stride(2);
    let x = m.plain(image, &name("embed1"), first);
    let spikes = m.spikes(x, &name("embed2"));
    let x = m.plain(spikes, &name("embed2"), Conv::three(width).stride(2));
    let main = m.led(x, &name("embed3"), Conv::three(width));
    let side = Conv::one(width, Form::Map).stride(2);
    let side = m.plain(spikes, &name("embed4"), side);
    m.b.add(main, side)
}

/// The later embeddings: half the size, twice the width. The 1x1 residual sees the whole map and is
/// pooled as the main branch is.
fn pooled_embed(m: &mut Membrane<'_>, x: NodeId, name: &str, width: usize) -> NodeId {
    let name = |part: &str| format!("{name}.{part}");
    let spikes = m.spikes(x, &name("max_embed1"));
    let x = m.pooled(spikes, &name("max_embed1"), Conv::three(width));
    let main = m.led(x, &name("embed1"), Conv::three(width));
    let side = Conv::one(width, Form::Map);
    let side = m.pooled(spikes, &name("max_embed2"), side);
    m.b.add(main, side)
}
