//! Spike-driven Transformer (Yao et al., arXiv 2307.01694;
//! github.com/BICLab/Spike-Driven-Transformer): membrane shortcuts, and an attention of masks and
//! sums alone (SDSA): over all tokens, the spikes of k and v that coincide decide channel by
//! channel, by a neuron of threshold 1/2, whether q's spikes pass.
//!
//! The heads do not change the result, but for event cameras (`dvs_mode`), where `Erode`, a 3x3
//! maximum, acts on the maps of k and v, and on `k v` and on the masked q as tensors of tokens and
//! channels within a head.

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::config::check_depths;
use super::super::{BlockLayout, Graph, ModelConfig, ModelError, NodeId};
use super::parts::{self, Mlp};

/// Builds the graph.
pub(super) fn build(
    config: &ModelConfig,
    width: usize,
    depths: usize,
    pooling: [bool; 4],
    dvs: Option<f64>,
) -> Result<Graph, ModelError> {
    config.check_width(width, 8)?;
    config.check_heads(width, "embed_dims")?;
    config.check_halvings(pooling.iter().filter(|&&p| p).count())?;
    check_depths(depths, 1)?;

    let mut builder = parts::builder(config);
    let tau = dvs.unwrap_or(2.0);
    let mut family = SdtV1 {
        b: &mut builder,
        config,
        width,
        erodes: dvs.is_some(),
        tau,
    };
    family.b.stage("patch_embed");
    family.b.block("patch_embed");
    let mut x = family.patch_embed(pooling);
    family.b.block_output(x, BlockLayout::Map);
    family.b.stage("block");
    for i in 0..depths {
        let name = format!("block.{i}");
        family.b.block(&name);
        x = family.block(x, &name);
        family.b.block_output(x, BlockLayout::Map);
    }
    let neuron = ("head_lif", parts::lif(tau));
    parts::spiking_head(&mut builder, x, neuron, config.num_classes, false);
    builder.finish()
}

struct SdtV1<'a> {
    b: &'a mut GraphBuilder,
    config: &'a ModelConfig,
    width: usize,
    erodes: bool,
    tau: f64,
}

impl SdtV1<'_> {
    /// Four 3x3 convolutions, of which the last is pooled before its neuron, then a residual one of
    /// its spikes.
    fn patch_embed(&mut self, pooling: [bool; 4]) -> NodeId {
        let lif = parts::lif(self.tau);
        let mut x = self.b.input(self.config.frames().is_some());
        let mut membrane = x;
        for (i, pool) in pooling.into_iter().enumerate() {
            let number = if i == 0 { String::new() } else { i.to_string() };
            let name = |part: &str| format!("patch_embed.proj_{part}{number}");
            x = self
                .b
                .conv(x, &name("conv"), Conv::three(self.width >> (3 - i)));
            x = self.b.batch_norm(x, &name("bn"));
            if pool && i == 3 {
                x = parts::halve(self.b, x);
            }
            membrane = x;
            x = self.b.neuron(x, &name("lif"), lif);
            if pool && i < 3 {
                x = parts::halve(self.b, x);
            }
        }
        let position = parts::layer(self.b, x, "patch_embed.rpe", Conv::three(self.width));
        self.b.add(position, membrane)
    }

    fn block(&mut self, x: NodeId, name: &str) -> NodeId {
        let y = self.attention(x, &format!("{name}.attn"));
        let x = self.b.add(x, y);
        self.mlp(x, name)
    }

    fn attention(&mut self, x: NodeId, name: &str) -> NodeId {
        let heads = self.config.num_heads;
        let conv = Conv::one(self.width, Form::Map);
        let shortcut = format!("{name}.shortcut_lif");
        let s = self.b.neuron(x, &shortcut, parts::lif(self.tau));
        let [q, mut k, mut v] = ["q", "k", "v"]
            .map(|part| parts::unit(self.b, s, &format!("{name}.{part}"), conv, self.tau));
        if self.erodes {
            [k, v] = [k, v].map(|x| self.b.max_pool(x, 3, 1, 1));
        }
        let mut kv = self.b.multiply(k, v);
        if self.erodes {
            kv = self.b.head_erode(kv, heads);
        }
        let sum = self.b.token_sum(kv);
        self.b
            .dead(format!("{name}.talking_heads.weight"), &[heads, heads, 1]);
        let neuron = parts::attention_lif(self.tau);
        let mask = self
            .b
            .neuron(sum, &format!("{name}.talking_heads_lif"), neuron);
        let mut y = self.b.channel_mask(mask, q);
        if self.erodes {
            y = self.b.head_erode(y, heads);
        }
        parts::layer(self.b, y, &format!("{name}.proj"), conv.bias(true))
    }

    /// With a hidden layer as wide as the block, each of the two layers has a shortcut.
    fn mlp(&mut self, x: NodeId, block: &str) -> NodeId {
        let mlp = Mlp {
            width: self.width,
            hidden: self.width * self.config.mlp_ratio,
            form: Form::Map,
            tau: self.tau,
        };
        let [first, second] = mlp.layers();
        let mut identity = x;
        let mut y = parts::reversed_unit(self.b, x, &format!("{block}.mlp.fc1"), first, self.tau);
        if self.config.mlp_ratio == 1 {
            y = self.b.add(identity, y);
            identity = y;
        }
        let y = parts::reversed_unit(self.b, y, &format!("{block}.mlp.fc2"), second, self.tau);
        self.b.add(y, identity)
    }
}
