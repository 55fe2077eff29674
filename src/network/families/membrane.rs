//! What `max-former` and `ms-qkformer` share: stages of growing width and shrinking maps with
//! membrane shortcuts. A neuron leads every convolution but the first, residuals add real numbers,
//! and a neuron stands before the head.

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::config::check_depths;
use super::super::{BlockLayout, Graph, Layout, ModelConfig, ModelError, NodeId};
use super::parts::{self, Mlp, SelfAttention};

/// The stages of a layout.
pub(super) struct Stages {
    /// Blocks of every stage but the last.
    pub early: &'static [usize],
    /// How often the map is halved.
    halvings: usize,
    /// What the width of the last stage is divided by.
    divisor: usize,
}

impl Stages {
    /// Of a layout: three stages, two for event cameras.
    pub(super) fn of(layout: Layout) -> Self {
        let (early, halvings, divisor): (&[usize], _, _) = match layout {
            Layout::Cifar => (&[1, 1], 2, 8),
            Layout::Imagenet => (&[1, 2], 4, 8),
            Layout::Dvs { .. } => (&[1], 4, 16),
        };
        Stages {
            early,
            halvings,
            divisor,
        }
    }

    /// Checks depths, width and image against them.
    fn check(&self, config: &ModelConfig, width: usize, depths: usize) -> Result<(), ModelError> {
        check_depths(depths, self.early.iter().sum::<usize>() + 1)?;
        config.check_width(width, self.divisor)?;
        config.check_halvings(self.halvings)
    }
}

/// What the families have of their own.
pub(super) trait Parts {
    /// The embedding `patch_embed<stage>` of a width; the first reads the image.
    fn embed(&self, m: &mut Membrane<'_>, x: NodeId, stage: usize, width: usize) -> NodeId;
    /// The first half of a block of a stage but the last, its shortcut included.
    fn mixer(&self, m: &mut Membrane<'_>, x: NodeId, block: &str, width: usize) -> NodeId;
}

/// A network of one of the families under construction.
pub(super) struct Membrane<'a> {
    pub b: &'a mut GraphBuilder,
    pub config: &'a ModelConfig,
    pub layout: Layout,
}

/// Builds the graph.
pub(super) fn build(
    config: &ModelConfig,
    layout: Layout,
    width: usize,
    depths: usize,
    parts: &impl Parts,
) -> Result<Graph, ModelError> {
    let stages = Stages::of(layout);
    stages.check(config, width, depths)?;
    let mut builder = parts::builder(config);
    let mut network = Membrane {
        b: &mut builder,
        config,
        layout,
    };
    let last = depths - stages.early.iter().sum::<usize>();
    let x = network.stages(width, stages.early, last, parts);
    let neuron = ("head_lif", parts::lif(layout.tau()));
    parts::spiking_head(&mut builder, x, neuron, config.num_classes, false);
    builder.sort_state_dict(&["patch_embed", "stage", "head"]);
    builder.finish()
}

impl Membrane<'_> {
    fn stages(
        &mut self,
        embed_dims: usize,
        early: &[usize],
        last: usize,
        parts: &impl Parts,
    ) -> NodeId {
        let mut x = self.b.input(self.config.frames().is_some());
        for (i, blocks) in early.iter().copied().chain([last]).enumerate() {
            let stage = i + 1;
            let width = embed_dims >> (early.len() - i);
            self.b.stage(&format!("stage{stage}"));
            self.b.block(&format!("patch_embed{stage}"));
            x = parts.embed(self, x, stage, width);
            self.b.block_output(x, BlockLayout::Map);
            for j in 0..blocks {
                let name = format!("stage{stage}.{j}");
                self.b.block(&name);
                x = match i == early.len() {
                    true => self.self_attention(x, &format!("{name}.attn"), width),
                    false => parts.mixer(self, x, &name, width),
                };
                x = self.mlp(x, &format!("{name}.mlp"), width);
                self.b.block_output(x, BlockLayout::Map);
            }
        }
        x
    }

    /// The authors' `Embed` unit of a name: neuron, convolution and batch norm.
    pub(super) fn led(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        parts::reversed_unit(self.b, x, &format!("{name}.embed"), conv, self.layout.tau())
    }

    /// The same without its neuron: the input is spikes already, or the image.
    pub(super) fn plain(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        parts::layer(self.b, x, &format!("{name}.embed"), conv)
    }

    /// The same with a pooling of real numbers behind the batch norm (`Max_Embed`).
    pub(super) fn pooled(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        let x = self.plain(x, name, conv);
        parts::halve(self.b, x)
    }

    /// The spikes of a unit's neuron.
    pub(super) fn spikes(&mut self, x: NodeId, name: &str) -> NodeId {
        self.neuron(x, &format!("{name}.embed_lif"))
    }

    /// Spiking neurons of a name.
    pub(super) fn neuron(&mut self, x: NodeId, name: &str) -> NodeId {
        self.b.neuron(x, name, parts::lif(self.layout.tau()))
    }

    /// The first embedding of layout `cifar`. Both units have neurons of their own on the same
    /// potentials, which fire alike: two sites, as in the authors' code.
    pub(super) fn cifar_embed(&mut self, image: NodeId, width: usize) -> NodeId {
        let first = Conv::three(width / 2);
        let x = parts::layer(self.b, image, "patch_embed1.proj", first);
        let main = self.led(x, "patch_embed1.embed1", Conv::three(width));
        let side = Conv::one(width, Form::Map);
        let side = self.led(x, "patch_embed1.embed2", side);
        self.b.add(main, side)
    }

    /// The first embedding of layout `dvs`: three halvings, and a residual from behind the first.
    pub(super) fn event_embed(&mut self, frames: NodeId, width: usize) -> NodeId {
        let name = |part: &str| format!("patch_embed1.{part}");
        let first = Conv::three(width / 8);
        let x = parts::layer(self.b, frames, "patch_embed1.proj", first);
        let x = self.led(x, &name("max_embed1"), Conv::three(width / 4));
        let x = parts::halve(self.b, x);
        let spikes = self.spikes(x, &name("max_embed2"));
        let x = self.pooled(spikes, &name("max_embed2"), Conv::three(width / 2));
        let x = self.led(x, &name("max_embed3"), Conv::three(width));
        let main = parts::halve(self.b, x);
        let side = Conv::one(width, Form::Map).stride(4);
        let side = self.plain(spikes, &name("embed1"), side);
        self.b.add(main, side)
    }

    /// Spiking self-attention with its shortcut.
    fn self_attention(&mut self, x: NodeId, name: &str, width: usize) -> NodeId {
        let attention = SelfAttention {
            width,
            heads: self.config.num_heads,
            form: Form::Sequence,
            scale: 0.125,
            tau: self.layout.tau(),
        };
        let y = self.neuron(x, &format!("{name}.x_lif"));
        let y = attention.build(self.b, y, name);
        self.b.add(x, y)
    }

    /// The MLP with its shortcut; each layer has one of its own where both are of one width.
    fn mlp(&mut self, x: NodeId, name: &str, width: usize) -> NodeId {
        let mlp = Mlp {
            width,
            hidden: width * self.config.mlp_ratio,
            form: Form::Map,
            tau: self.layout.tau(),
        };
        let names = [1, 2].map(|i| format!("{name}.fc{i}"));
        if mlp.hidden != width {
            let y = mlp.build_reversed(self.b, x, [&names[0], &names[1]]);
            return self.b.add(x, y);
        }
        let mut x = x;
        for (name, layer) in names.iter().zip(mlp.layers()) {
            let y = parts::reversed_unit(self.b, x, name, layer, mlp.tau);
            x = self.b.add(x, y);
        }
        x
    }
}
