//! `[model]` as it is written: one flat table, of which every family has some keys.

mod reading;

use serde::{Deserialize, Serialize};

use super::{Architecture, Family, Layout, ModelConfig};

/// Whether a family's profile must have a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// There is a default, or it belongs to some of the family's networks only.
    Optional,
}

/// A key of `[model]` beside `family` and `checkpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelKey {
    /// Its name.
    pub name: &'static str,
    /// The presence: required or optional.
    pub presence: Presence,
}

const fn required(name: &'static str) -> ModelKey {
    let presence = Presence::Required;
    ModelKey { name, presence }
}

const fn optional(name: &'static str) -> ModelKey {
    let presence = Presence::Optional;
    ModelKey { name, presence }
}

/// Keys that every family must have.
const COMMON: [ModelKey; 7] = [
    required("image_size"),
    required("in_channels"),
    required("num_classes"),
    required("embed_dims"),
    required("num_heads"),
    required("mlp_ratio"),
    required("time_steps"),
];

const SPIKFORMER: [ModelKey; 3] = [required("layout"), required("depths"), optional("tau")];
const QKFORMER: [ModelKey; 4] = [
    required("layout"),
    required("depths"),
    optional("batch_leak"),
    optional("tau"),
];
const SDT_V1: [ModelKey; 4] = [
    optional("layout"),
    required("depths"),
    optional("pooling"),
    optional("tau"),
];
const SDT_V2: [ModelKey; 4] = [
    optional("layout"),
    optional("strides"),
    optional("kd"),
    optional("merge_repconv"),
];
const SDT_V3: [ModelKey; 6] = [
    optional("layout"),
    optional("size"),
    optional("strides"),
    optional("max_spike"),
    optional("depths"),
    optional("kd"),
];

impl Family {
    /// The keys that this family's `[model]` may have, beside `family` and `checkpoint`.
    pub fn keys(self) -> impl Iterator<Item = ModelKey> {
        let own: &'static [ModelKey] = match self {
            Family::Spikformer | Family::Spikingformer => &SPIKFORMER,
            Family::QkFormer => &QKFORMER,
            Family::SdtV1 => &SDT_V1,
            Family::SdtV2 => &SDT_V2,
            Family::SdtV3 => &SDT_V3,
        };
        COMMON.into_iter().chain(own.iter().copied())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LayoutName {
    Cifar,
    Imagenet,
    Dvs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Size {
    #[default]
    Base,
    Large,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum EmbedDims {
    One(usize),
    Several(Vec<usize>),
}

/// The table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelTable {
    family: Family,
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<LayoutName>,
    image_size: usize,
    in_channels: usize,
    num_classes: usize,
    embed_dims: EmbedDims,
    num_heads: usize,
    mlp_ratio: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    depths: Option<usize>,
    time_steps: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pooling: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strides: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kd: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge_repconv: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_spike: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_leak: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tau: Option<f64>,
}

impl From<ModelConfig> for ModelTable {
    fn from(config: ModelConfig) -> Self {
        let mut table = ModelTable {
            family: config.family(),
            layout: config.layout().map(|layout| match layout {
                Layout::Cifar => LayoutName::Cifar,
                Layout::Imagenet => LayoutName::Imagenet,
                Layout::Dvs { .. } => LayoutName::Dvs,
            }),
            image_size: config.image_size,
            in_channels: config.in_channels,
            num_classes: config.num_classes,
            embed_dims: EmbedDims::One(0),
            num_heads: config.num_heads,
            mlp_ratio: config.mlp_ratio,
            depths: None,
            time_steps: config.time_steps,
            pooling: None,
            strides: None,
            kd: None,
            merge_repconv: None,
            size: None,
            max_spike: None,
            batch_leak: None,
            tau: match config.layout() {
                Some(Layout::Dvs { tau }) => Some(tau),
                _ => None,
            },
        };
        table.fill(config.architecture);
        table
    }
}

impl ModelTable {
    /// Writes the sizes that only some families have.
    fn fill(&mut self, architecture: Architecture) {
        match architecture {
            Architecture::Spikformer {
                embed_dims, depths, ..
            }
            | Architecture::Spikingformer {
                embed_dims, depths, ..
            } => {
                self.embed_dims = EmbedDims::One(embed_dims);
                self.depths = Some(depths);
            }
            Architecture::QkFormer {
                embed_dims,
                depths,
                batch_leak,
                ..
            } => {
                self.embed_dims = EmbedDims::One(embed_dims);
                self.depths = Some(depths);
                self.batch_leak = Some(batch_leak);
            }
            Architecture::SdtV1 {
                embed_dims,
                depths,
                pooling,
                ..
            } => {
                self.embed_dims = EmbedDims::One(embed_dims);
                self.depths = Some(depths);
                self.pooling = Some(pooling.map(|p| if p { '1' } else { '0' }).iter().collect());
            }
            Architecture::SdtV2 {
                embed_dims,
                strides,
                kd,
                merge_repconv,
            } => {
                self.embed_dims = EmbedDims::Several(embed_dims.to_vec());
                self.strides = Some(strides.to_vec());
                self.kd = Some(kd);
                self.merge_repconv = Some(merge_repconv);
            }
            Architecture::SdtV3Base {
                embed_dims,
                strides,
                max_spike,
            } => {
                self.embed_dims = EmbedDims::Several(embed_dims.to_vec());
                self.strides = Some(strides.to_vec());
                self.size = Some(Size::Base);
                self.max_spike = Some(max_spike);
            }
            Architecture::SdtV3Large {
                embed_dims,
                strides,
                depths,
                kd,
                max_spike,
            } => {
                self.embed_dims = EmbedDims::Several(embed_dims.to_vec());
                self.strides = Some(strides.to_vec());
                self.depths = Some(depths);
                self.size = Some(Size::Large);
                self.kd = Some(kd);
                self.max_spike = Some(max_spike);
            }
        }
    }
}
