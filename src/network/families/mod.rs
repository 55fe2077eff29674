//! One file per family: the keys of its `[model]`, and its graph.

mod parts;
mod pyramid;
mod qkformer;
mod schema;
mod sdt_v1;
mod sdt_v2;
mod sdt_v3;
mod spikformer;
mod spikingformer;

use super::config::ModelTable;
use super::{Architecture, Family, Graph, ModelConfig, ModelError};
use schema::Schema;

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
    }
}

/// The keys of a family.
fn schema_of(family: Family) -> &'static Schema {
    match family {
        Family::Spikformer => &spikformer::SCHEMA,
        Family::Spikingformer => &spikingformer::SCHEMA,
        Family::QkFormer => &qkformer::SCHEMA,
        Family::SdtV1 => &sdt_v1::SCHEMA,
        Family::SdtV2 => &sdt_v2::SCHEMA,
        Family::SdtV3 => &sdt_v3::SCHEMA,
    }
}

/// Writes the sizes that only some families have.
fn write(architecture: Architecture, table: &mut ModelTable) {
    match architecture {
        Architecture::Spikformer {
            embed_dims, depths, ..
        }
        | Architecture::Spikingformer {
            embed_dims, depths, ..
        } => {
            table.set_whole("embed_dims", embed_dims);
            table.set_whole("depths", depths);
        }
        Architecture::QkFormer {
            embed_dims,
            depths,
            batch_leak,
            ..
        } => {
            table.set_whole("embed_dims", embed_dims);
            table.set_whole("depths", depths);
            table.set("batch_leak", batch_leak);
        }
        Architecture::SdtV1 {
            embed_dims,
            depths,
            pooling,
            ..
        } => {
            table.set_whole("embed_dims", embed_dims);
            table.set_whole("depths", depths);
            let digits = pooling.map(|pooled| if pooled { '1' } else { '0' });
            table.set("pooling", String::from_iter(digits));
        }
        Architecture::SdtV2 {
            embed_dims,
            strides,
            kd,
            merge_repconv,
        } => {
            table.set_list("embed_dims", &embed_dims);
            table.set_list("strides", &strides);
            table.set("kd", kd);
            table.set("merge_repconv", merge_repconv);
        }
        Architecture::SdtV3Base {
            embed_dims,
            strides,
            max_spike,
        } => {
            table.set("size", "base");
            table.set_list("embed_dims", &embed_dims);
            table.set_list("strides", &strides);
            table.set_whole("max_spike", max_spike as usize);
        }
        Architecture::SdtV3Large {
            embed_dims,
            strides,
            depths,
            kd,
            max_spike,
        } => {
            table.set("size", "large");
            table.set_list("embed_dims", &embed_dims);
            table.set_list("strides", &strides);
            table.set_whole("depths", depths);
            table.set("kd", kd);
            table.set_whole("max_spike", max_spike as usize);
        }
    }
}
