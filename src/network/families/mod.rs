//! One file per family: what is said of it ([`Definition`]), and its graph.

mod definition;
mod max_former;
mod membrane;
mod ms_qkformer;
mod parts;
mod pyramid;
mod qkformer;
mod row;
mod sdt_v1;
mod sdt_v2;
mod sdt_v3;
mod spikformer;
mod spiking_resformer;
mod spikingformer;

use super::{Architecture, Family, Graph, ModelConfig, ModelError};
use definition::Definition;
pub(crate) use row::Row;
pub use row::Shapes;

impl ModelConfig {
    /// The graph of the family's network with all shapes inferred.
    ///
    /// # Errors
    /// [`ModelError`] names the size that does not fit.
    pub fn graph(&self) -> Result<Graph, ModelError> {
        self.check()?;
        build(self)
    }
}

fn build(config: &ModelConfig) -> Result<Graph, ModelError> {
    match config.architecture {
        Architecture::Spikformer {
            layout,
            embed_dims,
            depths,
        } => spikformer::build(config, layout, embed_dims, depths),
        Architecture::Spikingformer {
            layout,
            embed_dims,
            depths,
        } => spikingformer::build(config, layout, embed_dims, depths),
        Architecture::QkFormer {
            layout,
            embed_dims,
            depths,
            batch_leak,
        } => qkformer::build(config, layout, embed_dims, depths, batch_leak),
        Architecture::SdtV1 {
            embed_dims,
            depths,
            pooling,
            dvs,
        } => sdt_v1::build(config, embed_dims, depths, pooling, dvs),
        Architecture::SdtV2 {
            embed_dims,
            strides,
            kd,
            merge_repconv,
        } => sdt_v2::build(config, embed_dims, strides, kd, merge_repconv),
        Architecture::SdtV3Base {
            embed_dims,
            strides,
            max_spike,
        } => sdt_v3::build_base(config, embed_dims, strides, max_spike),
        Architecture::SdtV3Large {
            embed_dims,
            strides,
            depths,
            kd,
            max_spike,
        } => sdt_v3::build_large(config, embed_dims, strides, depths, kd, max_spike),
        Architecture::MaxFormer {
            layout,
            embed_dims,
            depths,
        } => max_former::build(config, layout, embed_dims, depths),
        Architecture::MsQkFormer {
            layout,
            embed_dims,
            depths,
        } => ms_qkformer::build(config, layout, embed_dims, depths),
        Architecture::SpikingResformer { layout, sizes } => {
            spiking_resformer::build(config, layout, sizes)
        }
    }
}

fn definition_of(family: Family) -> &'static Definition {
    match family {
        Family::Spikformer => &spikformer::FAMILY,
        Family::Spikingformer => &spikingformer::FAMILY,
        Family::QkFormer => &qkformer::FAMILY,
        Family::SdtV1 => &sdt_v1::FAMILY,
        Family::SdtV2 => &sdt_v2::FAMILY,
        Family::SdtV3 => &sdt_v3::FAMILY,
        Family::MaxFormer => &max_former::FAMILY,
        Family::MsQkFormer => &ms_qkformer::FAMILY,
        Family::SpikingResformer => &spiking_resformer::FAMILY,
    }
}
