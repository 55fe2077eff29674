//! The skeleton that `sdt-v2` and `sdt-v3` share: downsamplings, stages 1 and 2 of convolution
//! blocks, then stages of attention blocks. Membrane shortcuts everywhere.

use super::super::builder::{Conv, GraphBuilder};
use super::super::{BlockLayout, ModelConfig, Neuron, NodeId};

/// The skeleton's sizes and words.
pub(super) struct Pyramid<'a> {
    /// Widths of the stages, at least three.
    pub widths: &'a [usize],
    /// Strides of the downsamplings, one more than stages.
    pub strides: &'a [usize],
    /// Blocks of the third stage, and of the fourth if there is one.
    pub blocks: &'a [usize],
    /// How the authors name a neuron: `lif` or `spike`.
    pub spike: &'a str,
    /// The neuron.
    pub neuron: Neuron,
    /// How the authors' code lays out the maps of downsamplings and convolution blocks, and the
    /// attention blocks.
    pub layouts: [BlockLayout; 2],
}

/// Appends the block of a name to a stream of a width and gives the new stream.
pub(super) type BlockFn<'f> = &'f mut dyn FnMut(&mut GraphBuilder, NodeId, &str, usize) -> NodeId;

impl Pyramid<'_> {
    /// Builds everything up to the head: `block3.i`, `block4.i` by `attention_block`, the others by
    /// `conv_block`.
    pub(super) fn build(
        &self,
        b: &mut GraphBuilder,
        config: &ModelConfig,
        conv_block: BlockFn<'_>,
        attention_block: BlockFn<'_>,
    ) -> NodeId {
        let mut strides = self.strides.iter().copied();
        let mut stride = || strides.next().unwrap_or(1);
        let narrow = self.widths[0] / 2;
        let mut x = b.input(config.frames().is_some());
        for (i, &width) in self.widths.iter().enumerate() {
            let stage = i + 1;
            b.stage(&format!("stage{stage}"));
            match i {
                0 => {
                    let first = Conv::square(narrow, 7).stride(stride());
                    x = self.downsample(b, x, "downsample1_1", first);
                    x = self.conv_block(b, x, "ConvBlock1_1.0", narrow, conv_block);
                    let second = Conv::three(width).stride(stride());
                    x = self.downsample(b, x, "downsample1_2", second);
                    x = self.conv_block(b, x, "ConvBlock1_2.0", width, conv_block);
                }
                1 => {
                    let conv = Conv::three(width).stride(stride());
                    x = self.downsample(b, x, "downsample2", conv);
                    x = self.conv_block(b, x, "ConvBlock2_1.0", width, conv_block);
                    x = self.conv_block(b, x, "ConvBlock2_2.0", width, conv_block);
                }
                _ => {
                    let conv = Conv::three(width).stride(stride());
                    x = self.downsample(b, x, &format!("downsample{stage}"), conv);
                    let blocks = self.blocks.get(i - 2).copied().unwrap_or(0);
                    for j in 0..blocks {
                        let name = format!("block{stage}.{j}");
                        b.block(&name);
                        x = attention_block(b, x, &name, width);
                        b.block_output(x, self.layouts[1]);
                    }
                }
            }
        }
        x
    }

    fn conv_block(
        &self,
        b: &mut GraphBuilder,
        x: NodeId,
        name: &str,
        width: usize,
        build: BlockFn<'_>,
    ) -> NodeId {
        b.block(name);
        let x = build(b, x, name, width);
        b.block_output(x, self.layouts[0]);
        x
    }

    /// A strided convolution with bias and its batch norm, led by a neuron but for the first, which
    /// sees the image.
    fn downsample(&self, b: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
        b.block(name);
        let mut y = x;
        if name != "downsample1_1" {
            y = b.neuron(y, &format!("{name}.encode_{}", self.spike), &self.neuron);
        }
        y = b.conv(y, &format!("{name}.encode_conv"), conv.bias(true));
        y = b.batch_norm(y, &format!("{name}.encode_bn"));
        b.block_output(y, self.layouts[0]);
        y
    }
}
