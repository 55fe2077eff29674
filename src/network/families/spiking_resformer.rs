//! SpikingResformer (Shi et al., arXiv 2403.14302; github.com/xyshi2000/SpikingResformer): three
//! stages of dual spike self-attention (DSSA) and group-wise feed-forward networks (GWFFN), with
//! membrane shortcuts, on a convolutional prologue.
//!
//! DSSA has one strided convolution for keys and values, whose outputs are real, and a map of
//! attention with neurons of its own. Products are scaled by the deviation expected of them, from
//! firing rates that training has counted (buffers), and from the size of the image that the
//! network was trained on: another `image_size` is another network.
//!
//! `imagenet` has a prologue that quarters the image. Neurons of `dvs` have a trained time constant
//! each (`.w`), unless `tau` is given: their CIFAR10-DVS network is that of `cifar` on frames.

use serde::Serialize;

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::config::{ModelTable, check_list, require};
use super::super::{
    Architecture, BlockLayout, Charge, Firing, Graph, Layout, ModelConfig, ModelError, Neuron,
    NodeId, Reset, Spiking, TimeConstant,
};
use super::definition::{self, Definition, Sizes};
use super::parts;
use super::row::Literal::Number;
use super::row::{CIFAR, DVS, FOUR_STEPS, IMAGENET, Row, Size, Stored};

/// The published code layout of SpikingResformer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "layout", rename_all = "kebab-case")]
pub enum ResformerLayout {
    /// The CIFAR code.
    Cifar,
    /// The ImageNet code, whose prologue quarters the image.
    Imagenet,
    /// The CIFAR code on frames.
    Dvs {
        /// Membrane time constant of every neuron, in time steps; none where each population has a
        /// trained one of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        tau: Option<f64>,
    },
}

/// The sizes of the three stages of SpikingResformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ResformerSizes {
    /// Widths.
    pub embed_dims: [usize; 3],
    /// Attention heads.
    pub num_heads: [usize; 3],
    /// Kernel and stride of the convolution that makes keys and values.
    pub patch_sizes: [usize; 3],
    /// Input channels of a group of the grouped convolutions.
    pub group_size: usize,
    /// Pairs of an attention and a feed-forward block.
    pub depths: [usize; 3],
}

/// The layout and sizes of SpikingResformer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SpikingResformer {
    /// The layout.
    #[serde(flatten)]
    pub layout: ResformerLayout,
    /// The sizes of its stages.
    #[serde(flatten)]
    pub sizes: ResformerSizes,
}

/// What is said of the family.
pub(super) const FAMILY: Definition = Definition {
    required: &["layout", "patch_sizes", "group_size", "depths"],
    optional: &["tau"],
    read: |table| {
        Ok(Architecture::SpikingResformer(SpikingResformer {
            layout: layout(table)?,
            sizes: ResformerSizes {
                embed_dims: table.widths()?,
                num_heads: table.required_list("num_heads", "stage")?,
                patch_sizes: table.required_list("patch_sizes", "stage")?,
                group_size: table.required("group_size", "the channels of a group")?,
                depths: table.required_list("depths", "stage")?,
            },
        }))
    },
    rows: &[CIFAR_ROW, IMAGENET_ROW, DVS_ROW],
    recipes: &[
        ("cifar", Some(100), "spikingresformer-cifar100"),
        ("cifar", None, "spikingresformer-cifar10"),
        ("imagenet", None, "imagenet-235"),
    ],
};

const PATCHES: (&str, Size) = (
    "patch_sizes",
    Size::told(Stored::Dimensions(&[
        ("layers.0.0.W.weight", 2),
        ("layers.1.1.W.weight", 2),
        ("layers.2.1.W.weight", 2),
    ])),
);
const GROUPS: (&str, Size) = (
    "group_size",
    Size::told(Stored::Axis("layers.0.1.conv.0.1.weight", 1)),
);
const PAIRS: (&str, Size) = (
    "depths",
    Size::told(Stored::Pairs(&["layers.0.", "layers.1.", "layers.2."])),
);

/// The image's size also sets a scale, which the tensors do not tell.
pub(super) const IMAGENET_ROW: Row = Row {
    fixed: IMAGENET,
    two_channels: false,
    image: Size::published(
        &[
            (
                "num_classes",
                10,
                (Number(128), "as transferred to CIFAR-10"),
            ),
            (
                "num_classes",
                100,
                (Number(128), "as transferred to CIFAR-100"),
            ),
        ],
        Number(224),
        "the authors' ImageNet images",
    ),
    first_layer: "prologue.0.weight",
    width: Stored::Dimensions(&[
        ("layers.0.0.Wproj.weight", 0),
        ("layers.1.0.conv.weight", 0),
        ("layers.2.0.conv.weight", 0),
    ]),
    heads: Size::told(Stored::Dimensions(&[
        ("layers.0.0.firing_rate_x", 2),
        ("layers.1.1.firing_rate_x", 2),
        ("layers.2.1.firing_rate_x", 2),
    ])),
    mlp: "layers.0.1.up.1.weight",
    others: &[PATCHES, GROUPS, PAIRS, FOUR_STEPS],
};

pub(super) const CIFAR_ROW: Row = Row {
    fixed: CIFAR,
    image: Size::assumed(32, "CIFAR images; CIFAR10-DVS has the same tensors"),
    ..IMAGENET_ROW
};

/// With trained time constants.
pub(super) const DVS_ROW: Row = Row {
    fixed: DVS,
    image: Size::assumed(64, "the authors' frames"),
    others: &[
        PATCHES,
        GROUPS,
        PAIRS,
        ("time_steps", Size::assumed(16, "as published")),
    ],
    ..IMAGENET_ROW
};

/// The layout, whose time constants are trained in `dvs` unless one is given.
fn layout(table: &ModelTable) -> Result<ResformerLayout, ModelError> {
    let given = table.number("tau")?;
    Ok(match definition::layout(table, 2.0)? {
        Layout::Cifar => ResformerLayout::Cifar,
        Layout::Imagenet => ResformerLayout::Imagenet,
        Layout::Dvs { .. } => ResformerLayout::Dvs { tau: given },
    })
}

impl Sizes for SpikingResformer {
    fn layout(&self) -> Option<Layout> {
        Some(match self.layout {
            ResformerLayout::Cifar => Layout::Cifar,
            ResformerLayout::Imagenet => Layout::Imagenet,
            // Trained time constants begin at 2.
            ResformerLayout::Dvs { tau } => Layout::Dvs {
                tau: tau.unwrap_or(2.0),
            },
        })
    }

    fn last_heads(&self) -> Option<usize> {
        Some(self.sizes.num_heads[2])
    }

    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        build(config, self)
    }
}

fn build(config: &ModelConfig, network: &SpikingResformer) -> Result<Graph, ModelError> {
    let &SpikingResformer { layout, sizes } = network;
    let sides = check(config, layout, &sizes)?;
    let mut builder = parts::builder(config);
    let mut network = Resformer {
        b: &mut builder,
        config,
        layout,
        group_size: sizes.group_size,
    };
    let mut x = network.prologue(sizes.embed_dims[0]);
    for (stage, side) in sides.into_iter().enumerate() {
        let attention = Attention {
            width: sizes.embed_dims[stage],
            heads: sizes.num_heads[stage],
            patch: sizes.patch_sizes[stage],
            side,
        };
        x = network.stage(x, stage, sizes.depths[stage], &attention);
    }
    let b = &mut builder;
    parts::begin_head(b);
    let x = b.token_time_sum(x);
    b.fully_connected(x, "classifier", config.num_classes, false);
    builder.finish()
}

/// Checks the sizes; the sides of the stages' maps.
fn check(
    config: &ModelConfig,
    layout: ResformerLayout,
    sizes: &ResformerSizes,
) -> Result<[usize; 3], ModelError> {
    check_list("embed_dims", &sizes.embed_dims)?;
    check_list("num_heads", &sizes.num_heads)?;
    check_list("patch_sizes", &sizes.patch_sizes)?;
    check_list("depths", &sizes.depths)?;
    check_list("group_size", &[sizes.group_size])?;
    let last = sizes.num_heads[2];
    require(
        config.num_heads == last,
        "num_heads",
        config.num_heads,
        || format!("must be {last}, the heads of the last stage"),
    )?;
    let image = config.image_size;
    let quarters = match layout {
        ResformerLayout::Imagenet => 4,
        ResformerLayout::Cifar | ResformerLayout::Dvs { .. } => 1,
    };
    let halved = quarters * 4;
    require(image.is_multiple_of(halved), "image_size", image, || {
        format!("must be a multiple of {halved} in this layout, which has a last map of 1/{halved}")
    })?;
    let sides = [0, 1, 2].map(|stage| (image / quarters) >> stage);
    for (stage, side) in sides.into_iter().enumerate() {
        let (width, heads) = (sizes.embed_dims[stage], sizes.num_heads[stage]);
        let number = stage + 1;
        require(width.is_multiple_of(heads), "num_heads", heads, || {
            format!("must divide {width} (the width of stage {number})")
        })?;
        let patch = sizes.patch_sizes[stage];
        require(side.is_multiple_of(patch), "patch_sizes", patch, || {
            format!("must divide {side} (the map of stage {number} at this image_size)")
        })?;
        let (group, hidden) = (sizes.group_size, width * config.mlp_ratio);
        require(hidden.is_multiple_of(group), "group_size", group, || {
            format!("must divide {hidden} (mlp_ratio times the width of stage {number})")
        })?;
    }
    Ok(sides)
}

struct Resformer<'a> {
    b: &'a mut GraphBuilder,
    config: &'a ModelConfig,
    layout: ResformerLayout,
    group_size: usize,
}

/// The sizes of a stage's attention.
struct Attention {
    width: usize,
    heads: usize,
    patch: usize,
    /// The map's side.
    side: usize,
}

impl Resformer<'_> {
    /// From the image to the first stage's width, without neurons.
    fn prologue(&mut self, width: usize) -> NodeId {
        self.b.stage("prologue");
        self.b.block("prologue");
        let image = self.b.input(self.config.frames().is_some());
        let wide = matches!(self.layout, ResformerLayout::Imagenet);
        let conv = match wide {
            true => Conv::square(width, 7).stride(2),
            false => Conv::three(width),
        };
        let x = self.b.conv(image, "prologue.0", conv);
        let mut x = self.b.batch_norm(x, "prologue.1.bn");
        if wide {
            x = parts::halve(self.b, x);
        }
        self.b.block_output(x, BlockLayout::Map);
        x
    }

    /// Pairs of DSSA and GWFFN, behind a down-sampling but for the first stage.
    fn stage(&mut self, x: NodeId, stage: usize, pairs: usize, attention: &Attention) -> NodeId {
        self.b.stage(&format!("layers.{stage}"));
        let mut x = x;
        let mut place = 0;
        let mut name = |this: &mut Self| {
            let name = format!("layers.{stage}.{place}");
            this.b.block(&name);
            place += 1;
            name
        };
        if stage > 0 {
            let name = name(self);
            x = self.downsample(x, &name, attention.width);
            self.b.block_output(x, BlockLayout::Map);
        }
        for _ in 0..pairs {
            let attend = name(self);
            x = self.attention(x, &attend, attention);
            self.b.block_output(x, BlockLayout::Map);
            let feed = name(self);
            x = self.feed_forward(x, &feed, attention.width);
            self.b.block_output(x, BlockLayout::Map);
        }
        x
    }

    fn neuron(&mut self, x: NodeId, name: &str) -> NodeId {
        let neuron = match self.layout {
            ResformerLayout::Cifar | ResformerLayout::Imagenet => parts::lif(2.0),
            ResformerLayout::Dvs { tau: Some(tau) } => parts::lif(tau),
            ResformerLayout::Dvs { tau: None } => {
                let trained = TimeConstant::Learned(format!("{name}.w"));
                Neuron::Spiking(Spiking {
                    charge: Charge::DecayInput(trained),
                    threshold: 1.0,
                    firing: Firing::AtLeast,
                    reset: Reset::Hard(0.0),
                })
            }
        };
        self.b.neuron(x, name, neuron)
    }

    /// Neuron, convolution and batch norm of these names.
    fn led(&mut self, x: NodeId, [neuron, layer, norm]: [&str; 3], conv: Conv) -> NodeId {
        let x = self.neuron(x, neuron);
        let x = self.b.conv(x, layer, conv);
        self.b.batch_norm(x, &format!("{norm}.bn"))
    }

    /// Half the size: the stream starts anew.
    fn downsample(&mut self, x: NodeId, name: &str, width: usize) -> NodeId {
        let name = |part: &str| format!("{name}.{part}");
        let names = [name("activation"), name("conv"), name("norm")];
        let x = self.led(
            x,
            names.each_ref().map(|n| n.as_str()),
            Conv::three(width).stride(2),
        );
        // The authors construct the neurons last.
        self.b.last_entry(&name("activation.w"));
        x
    }

    /// Dual spike self-attention: each head's channels of W's output are d keys, then d values.
    fn attention(&mut self, x: NodeId, name: &str, sizes: &Attention) -> NodeId {
        let &Attention {
            width,
            heads,
            patch,
            side,
        } = sizes;
        let name = |part: &str| format!("{name}.{part}");
        let rates = ["firing_rate_x", "firing_rate_attn"].map(name);
        for key in &rates {
            self.b.buffer(key.clone(), &[1, 1, heads, 1, 1]);
        }
        let spikes = self.neuron(x, &name("activation_in"));
        let patches = Conv::square(2 * width, patch).stride(patch).padding(0);
        let y = self.b.conv(spikes, &name("W"), patches);
        let y = self.b.batch_norm(y, &name("norm.bn"));
        let d = width / heads;
        let keys = self.b.slice(y, heads, 0, d);
        let scores = self.b.scores(keys, spikes, heads);
        let scores = self.b.head_scale(scores, heads, &rates[0], d);
        let map = self.neuron(scores, &name("activation_attn"));
        let values = self.b.slice(y, heads, d, d);
        let out = self.b.apply(values, map, heads);
        let out = self
            .b
            .head_scale(out, heads, &rates[1], (side / patch).pow(2));
        let names = [name("activation_out"), name("Wproj"), name("norm_proj")];
        let names = names.each_ref().map(|n| n.as_str());
        let y = self.led(out, names, Conv::one(width, Form::Map));
        self.b.add(x, y)
    }

    /// The group-wise feed-forward network: 1x1, grouped 3x3 with a shortcut of its own, 1x1.
    fn feed_forward(&mut self, x: NodeId, name: &str, width: usize) -> NodeId {
        let hidden = width * self.config.mlp_ratio;
        let layer = |this: &mut Self, x, part: &str, conv| {
            let names = [0, 1, 2].map(|i| format!("{name}.{part}.{i}"));
            this.led(x, names.each_ref().map(|n| n.as_str()), conv)
        };
        let up = layer(self, x, "up", Conv::one(hidden, Form::Map));
        let grouped = Conv::three(hidden).groups(hidden / self.group_size);
        let y = layer(self, up, "conv.0", grouped);
        let y = self.b.add(up, y);
        let y = layer(self, y, "down", Conv::one(width, Form::Map));
        self.b.add(x, y)
    }
}
