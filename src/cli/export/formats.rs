//! What the formats of `aq4svit export` leave open.

use crate::export::FormatOptions;
use crate::export::onnx::Outputs;
use crate::export::rtl::Words;

/// Options of formats.
#[derive(Debug, clap::Args)]
pub(super) struct FormatArgs {
    /// Bits of a word of mem and coe files [default: the bits of each layer]
    #[arg(long, value_name = "BITS")]
    word_bits: Option<u32>,
    /// Words in a line of mem and coe files; every output channel begins with a line of its own
    #[arg(long, value_name = "N", default_value = "1")]
    lanes: usize,
    /// C headers of packed bytes, with a function that reads a weight
    #[arg(long)]
    packed: bool,
    /// ONNX files with the logits as their only output, without the spikes of every site
    #[arg(long)]
    logits_only: bool,
}

#[cfg_attr(
    not(feature = "torch"),
    expect(dead_code, reason = "export needs libtorch for its golden outputs")
)]
impl FormatArgs {
    pub(super) fn options(&self) -> FormatOptions {
        FormatOptions {
            words: Words {
                bits: self.word_bits,
                lanes: self.lanes,
                packed: self.packed,
            },
            outputs: match self.logits_only {
                true => Outputs::Logits,
                false => Outputs::Spikes,
            },
        }
    }
}
