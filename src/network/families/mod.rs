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

use serde::{Deserialize, Serialize};
use std::fmt;

use super::{Graph, ModelConfig, ModelError};
use definition::{Definition, Sizes};
pub(crate) use row::Row;
pub use row::Shapes;

/// Every family: its name, as profiles write it, and the sizes of its networks with what is said of
/// them ([`Definition`], [`Sizes`]).
macro_rules! families {
    ($($(#[doc = $doc:literal])+ $name:literal => $module:ident::$Family:ident,)+) => {
        /// A model family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Family {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $Family,)+
        }

        impl Family {
            /// Every family.
            pub const ALL: [Family; [$($name),+].len()] = [$(Family::$Family),+];
            /// The names, as profiles write them, in the same order.
            pub const NAMES: [&'static str; Family::ALL.len()] = [$($name),+];
        }

        /// A family with its sizes, written as the keys of `[model]` that it has of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
        #[serde(tag = "family")]
        pub enum Architecture {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $Family($Family),)+
        }

        impl Architecture {
            /// The family.
            pub fn family(&self) -> Family {
                match self {
                    $(Architecture::$Family(_) => Family::$Family,)+
                }
            }

            /// The sizes.
            pub(super) fn sizes(&self) -> &dyn Sizes {
                match self {
                    $(Architecture::$Family(sizes) => sizes,)+
                }
            }
        }

        fn definition_of(family: Family) -> &'static Definition {
            match family {
                $(Family::$Family => &$module::FAMILY,)+
            }
        }

        $(pub use $module::$Family;)+
    };
}

families! {
    /// Spikformer (Zhou et al.).
    "spikformer" => spikformer::Spikformer,
    /// Spikingformer (Zhou et al.).
    "spikingformer" => spikingformer::Spikingformer,
    /// QKFormer (Zhou et al.).
    "qkformer" => qkformer::QkFormer,
    /// Spike-driven Transformer (Yao et al.).
    "sdt-v1" => sdt_v1::SdtV1,
    /// Spike-driven Transformer V2, Meta-SpikeFormer (Yao et al.).
    "sdt-v2" => sdt_v2::SdtV2,
    /// Spike-driven Transformer V3, E-SpikeFormer (Yao et al.).
    "sdt-v3" => sdt_v3::SdtV3,
    /// Max-Former.
    "max-former" => max_former::MaxFormer,
    /// MS-QKFormer, by the authors of Max-Former.
    "ms-qkformer" => ms_qkformer::MsQkFormer,
    /// SpikingResformer (Shi et al.).
    "spikingresformer" => spiking_resformer::SpikingResformer,
}

pub use spiking_resformer::{ResformerLayout, ResformerSizes};

impl Family {
    /// The name, as profiles write it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl ModelConfig {
    /// The graph of the family's network with all shapes inferred.
    ///
    /// # Errors
    /// [`ModelError`] names the size that does not fit.
    pub fn graph(&self) -> Result<Graph, ModelError> {
        self.check()?;
        self.architecture.sizes().build(self)
    }
}
