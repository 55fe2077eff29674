//! MS-QKFormer (by the authors of Max-Former, arXiv 2505.18608; github.com/bic-L/MaxFormer):
//! QKFormer with membrane shortcuts. The parameters have QKFormer's shapes, and the network is
//! another one: a neuron leads every convolution, residuals add membranes, a neuron stands before
//! the head, and no state runs on from image to image.
//!
//! The authors' event code does not run as published; layout `dvs` is what its parts describe (the
//! embedding of `cifar` behind that of Max-Former's `dvs`).

use serde::Serialize;

use super::super::builder::{Conv, Form};
use super::super::{Architecture, Family, Graph, Layout, ModelConfig, ModelError, NodeId, Op};
use super::definition::{self, Definition, Sizes};
use super::membrane::{self, Membrane, Parts, Stages};
use super::parts;
use super::row::Literal::Number;
use super::row::{Row, Size, Stored};
use super::{max_former, qkformer};

/// The sizes of MS-QKFormer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MsQkFormer {
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
        let (layout, embed_dims, depths) = definition::layered(table, Family::MsQkFormer, 2.0)?;
        Ok(Architecture::MsQkFormer(MsQkFormer {
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

pub(super) const CIFAR_ROW: Row = Row {
    ..max_former::CIFAR_ROW
};

pub(super) const IMAGENET_ROW: Row = Row {
    width: max_former::THREE_STAGES,
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 3))),
        (
            "time_steps",
            Size::published(
                &[("embed_dims", 768, (Number(1), "as published for 10-768"))],
                Number(4),
                "as published for 10-384",
            ),
        ),
    ],
    ..qkformer::IMAGENET_ROW
};

pub(super) const DVS_ROW: Row = Row {
    ..max_former::DVS_ROW
};

impl Sizes for MsQkFormer {
    fn layout(&self) -> Option<Layout> {
        Some(self.layout)
    }

    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        let narrowing = 1 << Stages::of(self.layout).early.len();
        config.check_heads(
            self.embed_dims / narrowing,
            &format!("embed_dims / {narrowing}, the first stage's width"),
        )?;
        membrane::build(config, self.layout, self.embed_dims, self.depths, self)
    }
}

impl Parts for MsQkFormer {
    fn embed(&self, m: &mut Membrane<'_>, x: NodeId, stage: usize, width: usize) -> NodeId {
        let name = format!("patch_embed{stage}");
        match (stage, m.layout) {
            (1, Layout::Cifar) => m.cifar_embed(x, width),
            (1, Layout::Dvs { .. }) => m.event_embed(x, width),
            (1, Layout::Imagenet) => first_embed(m, x, width),
            (_, Layout::Imagenet) => first_pooled(m, x, &name, width),
            (_, Layout::Cifar | Layout::Dvs { .. }) => second_pooled(m, x, &name, width),
        }
    }

    /// QK token attention: the spikes of q, summed over each head's channels, decide by a neuron of
    /// threshold 1/2 which tokens of k pass. `proj_lif` leads, in spite of its name.
    fn mixer(&self, m: &mut Membrane<'_>, x: NodeId, block: &str, width: usize) -> NodeId {
        let name = |part: &str| format!("{block}.attn.{part}");
        let (heads, tau) = (m.config.num_heads, m.layout.tau());
        let conv = Conv::one(width, Form::Sequence);
        let led = m.neuron(x, &name("proj_lif"));
        let [q, k] = ["q", "k"].map(|part| parts::unit(m.b, led, &name(part), conv, tau));
        let sum = m.b.head_sum(q, heads);
        let mask =
            m.b.neuron(sum, &name("attn_lif"), parts::attention_lif(tau));
        let masked = m.b.product(Op::HeadMask { heads }, mask, k);
        let y = parts::layer(m.b, masked, &name("proj"), conv.bias(true));
        m.b.add(x, y)
    }
}

/// `patch_embed1` of layout `imagenet`.
fn first_embed(m: &mut Membrane<'_>, image: NodeId, width: usize) -> NodeId {
    let name = |part: &str| format!("patch_embed1.{part}");
    let layer = |m: &mut Membrane<'_>, x, number: &str, conv| {
        let x = m.b.conv(x, &name(&format!("proj_conv{number}")), conv);
        m.b.batch_norm(x, &name(&format!("proj_bn{number}")))
    };
    let x = layer(m, image, "", Conv::three(width / 2));
    let x = parts::halve(m.b, x);
    let spikes = m.neuron(x, &name("proj_lif1"));
    let x = layer(m, spikes, "1", Conv::three(width));
    let x = parts::halve(m.b, x);
    let x = m.neuron(x, &name("proj_lif2"));
    let main = layer(m, x, "2", Conv::three(width));
    let side = Conv::one(width, Form::Map).stride(2);
    let side = parts::layer(m.b, spikes, &name("rpe"), side);
    m.b.add(main, side)
}

/// The later embeddings of layout `imagenet`, which pool behind their first convolution.
fn first_pooled(m: &mut Membrane<'_>, x: NodeId, name: &str, width: usize) -> NodeId {
    let name = |part: &str| format!("{name}.{part}");
    let spikes = m.neuron(x, &name("init_lif"));
    let tau = m.layout.tau();
    let x = parts::pooled_unit(m.b, spikes, &name("proj3"), Conv::three(width), tau);
    let main = parts::layer(m.b, x, &name("proj4"), Conv::three(width));
    let side = Conv::one(width, Form::Map).stride(2);
    let side = parts::layer(m.b, spikes, &name("proj_res"), side);
    m.b.add(main, side)
}

/// The later embeddings of the other layouts, which pool behind their second convolution.
fn second_pooled(m: &mut Membrane<'_>, x: NodeId, name: &str, width: usize) -> NodeId {
    let name = |part: &str| format!("{name}.{part}");
    let spikes = m.spikes(x, &name("embed1"));
    let x = m.plain(spikes, &name("embed1"), Conv::three(width));
    let x = m.led(x, &name("max_embed1"), Conv::three(width));
    let main = parts::halve(m.b, x);
    let side = Conv::one(width, Form::Map).stride(2);
    let side = m.plain(spikes, &name("embed2"), side);
    m.b.add(main, side)
}
