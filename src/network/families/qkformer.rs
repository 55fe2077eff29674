//! QKFormer (Zhou et al., arXiv 2403.16552; github.com/zhouchenlin2096/QKFormer): stages of growing
//! width and shrinking maps; the last attends by spiking self-attention, the others by token masks
//! (QKTA); residuals add spikes to spikes. `cifar` and `imagenet` have three stages, `dvs` two.
//!
//! With `batch_leak` the last stage's `proj_lif` keeps its state from image to image of a batch, as
//! the authors' code does (it sees time steps and images as one axis); their published accuracies
//! are of such batches. Without, every image is by itself, as everywhere else.

use serde::Serialize;

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::config::check_depths;
use super::super::{
    Architecture, BlockLayout, Family, Graph, Layout, ModelConfig, ModelError, NodeId, Op,
};
use super::definition::{self, Definition, Sizes};
use super::parts::{self, Mlp, SelfAttention};
use super::row::Literal::Number;
use super::row::{
    CIFAR, CIFAR_IMAGE, DVS, EIGHT_HEADS, FOUR_STEPS, FRAMES, FRAMES_IMAGE, IMAGENET,
    IMAGENET_IMAGE, Row, SIXTEEN_HEADS, Size, Stored,
};

/// The sizes of QKFormer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct QkFormer {
    /// The layout.
    #[serde(flatten)]
    pub layout: Layout,
    /// Embedding width of the last stage.
    pub embed_dims: usize,
    /// Blocks in all; the last stage has what the others leave of them.
    pub depths: usize,
    /// Whether the last stage's `proj_lif` runs on from image to image of a batch, as in the
    /// authors' code.
    pub batch_leak: bool,
}

/// What is said of the family.
pub(super) const FAMILY: Definition = Definition {
    required: &["layout", "depths"],
    optional: &["batch_leak", "tau"],
    read: |table| {
        let (layout, embed_dims, depths) = definition::layered(table, Family::QkFormer, 2.0)?;
        Ok(Architecture::QkFormer(QkFormer {
            layout,
            embed_dims,
            depths,
            batch_leak: table.flag("batch_leak")?,
        }))
    },
    rows: &[CIFAR_ROW, IMAGENET_ROW, DVS_ROW],
    recipes: &[("imagenet", None, "imagenet-256")],
};

pub(super) const CIFAR_ROW: Row = Row {
    fixed: CIFAR,
    two_channels: false,
    image: CIFAR_IMAGE,
    first_layer: "patch_embed1.proj_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed3.proj4_conv.weight", 0)]),
    heads: EIGHT_HEADS,
    mlp: "stage1.0.mlp.mlp1_conv.weight",
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 2))),
        FOUR_STEPS,
    ],
};

pub(super) const IMAGENET_ROW: Row = Row {
    fixed: IMAGENET,
    image: IMAGENET_IMAGE,
    heads: Size::published(
        &[
            ("embed_dims", 384, (Number(6), "as published for 10-384")),
            ("embed_dims", 512, (Number(8), "as published for 10-512")),
            ("embed_dims", 768, (Number(12), "as published for 10-768")),
        ],
        Number(6),
        "none is published for this width",
    ),
    mlp: "stage1.0.mlp.fc1_conv.weight",
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 3))),
        FOUR_STEPS,
    ],
    ..CIFAR_ROW
};

pub(super) const DVS_ROW: Row = Row {
    fixed: DVS,
    image: FRAMES_IMAGE,
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed2.proj4_conv.weight", 0)]),
    heads: SIXTEEN_HEADS,
    others: &[("depths", Size::told(Stored::Blocks("stage2.", 1))), FRAMES],
    ..CIFAR_ROW
};

impl Sizes for QkFormer {
    fn layout(&self) -> Option<Layout> {
        Some(self.layout)
    }

    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        build(config, self)
    }
}

fn build(config: &ModelConfig, sizes: &QkFormer) -> Result<Graph, ModelError> {
    let &QkFormer {
        layout,
        embed_dims,
        depths,
        batch_leak,
    } = sizes;
    // Blocks of the stages with token masks, how often the map is halved, what the widths are
    // divided by.
    let (token_blocks, halvings, divisor): (&[usize], _, _) = match layout {
        Layout::Cifar => (&[1, 1], 2, 8),
        Layout::Imagenet => (&[1, 2], 4, 8),
        Layout::Dvs { .. } => (&[1], 4, 16),
    };
    let early_blocks = token_blocks.iter().sum::<usize>();
    check_depths(depths, early_blocks + 1)?;
    config.check_width(embed_dims, divisor)?;
    let narrowing = 1 << token_blocks.len();
    config.check_heads(
        embed_dims / narrowing,
        &format!("embed_dims / {narrowing}, the first stage's width"),
    )?;
    config.check_halvings(halvings)?;

    let mut builder = parts::builder(config);
    let mut family = Network {
        b: &mut builder,
        config,
        layout,
        batch_leak,
    };
    let x = family.stages(embed_dims, token_blocks, depths - early_blocks);
    parts::head(&mut builder, x, config.num_classes);
    if !matches!(layout, Layout::Dvs { .. }) {
        builder.sort_state_dict(&["patch_embed", "stage", "head"]);
    }
    builder.finish()
}

struct Network<'a> {
    b: &'a mut GraphBuilder,
    config: &'a ModelConfig,
    layout: Layout,
    batch_leak: bool,
}

impl Network<'_> {
    fn stages(&mut self, embed_dims: usize, token_blocks: &[usize], last: usize) -> NodeId {
        let mut x = self.b.input(self.config.frames().is_some());
        let blocks = token_blocks.iter().copied().chain([last]);
        for (i, blocks) in blocks.enumerate() {
            let stage = i + 1;
            let is_last = i == token_blocks.len();
            let width = embed_dims >> (token_blocks.len() - i);
            self.b.stage(&format!("stage{stage}"));
            let name = format!("patch_embed{stage}");
            self.b.block(&name);
            x = match stage {
                1 => self.first_embed(x, width),
                _ => self.embed(x, &name, width),
            };
            self.b.block_output(x, BlockLayout::Map);
            for j in 0..blocks {
                let name = format!("stage{stage}.{j}");
                self.b.block(&name);
                let y = match is_last {
                    false => self.token_attention(x, &format!("{name}.tssa"), width),
                    true => self.self_attention(x, &name, width),
                };
                x = self.b.add(x, y);
                let y = self.mlp(x, &name, width);
                x = self.b.add(x, y);
                self.b.block_output(x, BlockLayout::Map);
            }
        }
        x
    }

    fn unit(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        parts::unit(self.b, x, name, conv, self.layout.tau())
    }

    fn pooled_unit(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        parts::pooled_unit(self.b, x, name, conv, self.layout.tau())
    }

    /// `patch_embed1`: the image to the first stage's width, with a 1x1 residual.
    fn first_embed(&mut self, image: NodeId, width: usize) -> NodeId {
        let name = |part: &str| format!("patch_embed1.{part}");
        let wide = Conv::three(width);
        let residual = Conv::one(width, Form::Map);
        let (main, side) = match self.layout {
            Layout::Cifar => {
                let x = self.unit(image, &name("proj"), Conv::three(width / 2));
                let main = self.unit(x, &name("proj1"), wide);
                (main, self.unit(x, &name("proj_res"), residual))
            }
            Layout::Imagenet => {
                let x = self.pooled_unit(image, &name("proj"), Conv::three(width / 2));
                let main = self.pooled_unit(x, &name("proj1"), wide);
                let main = self.unit(main, &name("proj2"), wide);
                (main, self.unit(x, &name("proj_res"), residual.stride(2)))
            }
            Layout::Dvs { .. } => {
                let x = self.unit(image, &name("proj"), Conv::three(width / 8));
                let x = self.pooled_unit(x, &name("proj1"), Conv::three(width / 4));
                let main = self.pooled_unit(x, &name("proj2"), Conv::three(width / 2));
                let main = self.pooled_unit(main, &name("proj3"), wide);
                (main, self.unit(x, &name("proj_res"), residual.stride(4)))
            }
        };
        self.b.add(main, side)
    }

    /// The later embeddings: half the size, twice the width, with a 1x1 residual. The layouts pool
    /// at different convolutions.
    fn embed(&mut self, x: NodeId, name: &str, width: usize) -> NodeId {
        let first = match self.layout {
            Layout::Dvs { .. } => format!("{name}.proj"),
            _ => format!("{name}.proj3"),
        };
        let second = format!("{name}.proj4");
        let wide = Conv::three(width);
        let main = match self.layout {
            Layout::Cifar | Layout::Dvs { .. } => {
                let y = self.unit(x, &first, wide);
                self.pooled_unit(y, &second, wide)
            }
            Layout::Imagenet => {
                let y = self.pooled_unit(x, &first, wide);
                self.unit(y, &second, wide)
            }
        };
        let residual = Conv::one(width, Form::Map).stride(2);
        let side = self.unit(x, &format!("{name}.proj_res"), residual);
        self.b.add(main, side)
    }

    /// QK token attention (`tssa`): the spikes of q, summed over each head's channels, decide by a
    /// neuron of threshold 1/2 which tokens of k pass.
    fn token_attention(&mut self, x: NodeId, name: &str, width: usize) -> NodeId {
        let heads = self.config.num_heads;
        let conv = Conv::one(width, Form::Sequence);
        let [q, k] = ["q", "k"].map(|part| self.unit(x, &format!("{name}.{part}"), conv));
        let sum = self.b.head_sum(q, heads);
        let neuron = parts::attention_lif(self.layout.tau());
        let mask = self.b.neuron(sum, &format!("{name}.attn_lif"), neuron);
        let masked = self.b.product(Op::HeadMask { heads }, mask, k);
        self.unit(masked, &format!("{name}.proj"), conv.bias(true))
    }

    fn self_attention(&mut self, x: NodeId, block: &str, width: usize) -> NodeId {
        let name = match self.layout {
            Layout::Imagenet => "attn",
            Layout::Cifar | Layout::Dvs { .. } => "ssa",
        };
        let attention = SelfAttention {
            width,
            heads: self.config.num_heads,
            form: Form::Sequence,
            scale: 0.125,
            tau: self.layout.tau(),
        };
        let x = attention.build_spiking(self.b, x, &format!("{block}.{name}"));
        if self.batch_leak {
            self.b.leak();
        }
        x
    }

    fn mlp(&mut self, x: NodeId, block: &str, width: usize) -> NodeId {
        let part = match self.layout {
            Layout::Imagenet => "fc",
            Layout::Cifar | Layout::Dvs { .. } => "mlp",
        };
        let names = [1, 2].map(|i| format!("{block}.mlp.{part}{i}"));
        let mlp = Mlp {
            width,
            hidden: width * self.config.mlp_ratio,
            form: Form::Map,
            tau: self.layout.tau(),
        };
        mlp.build(self.b, x, [&names[0], &names[1]])
    }
}
