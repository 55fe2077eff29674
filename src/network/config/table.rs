//! `[model]` as it is written: one flat table, of which every family has some keys.

use serde::{Deserialize, Serialize};

use super::{Architecture, Family, Layout, ModelConfig, ModelError};

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
    /// Whether it must be there.
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

/// The families that have a key, in words.
fn owners(key: &str) -> String {
    let has = |f: &&Family| f.keys().any(|k| k.name == key);
    let names: Vec<&str> = Family::ALL.iter().filter(has).map(|f| f.name()).collect();
    names.join(", ")
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
enum Widths {
    One(usize),
    Several(Vec<usize>),
}

/// The table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelTable {
    family: Family,
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<LayoutName>,
    image_size: usize,
    in_channels: usize,
    num_classes: usize,
    embed_dims: Widths,
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

impl TryFrom<ModelTable> for ModelConfig {
    type Error = ModelError;

    fn try_from(table: ModelTable) -> Result<Self, ModelError> {
        table.only_own_keys()?;
        Ok(ModelConfig {
            architecture: table.architecture()?,
            image_size: table.image_size,
            in_channels: table.in_channels,
            num_classes: table.num_classes,
            num_heads: table.num_heads,
            mlp_ratio: table.mlp_ratio,
            time_steps: table.time_steps,
        })
    }
}

impl ModelTable {
    fn architecture(&self) -> Result<Architecture, ModelError> {
        Ok(match self.family {
            Family::Spikformer => Architecture::Spikformer {
                layout: self.layout(2.0)?,
                embed_dims: self.width()?,
                depths: self.depths()?,
            },
            Family::Spikingformer => Architecture::Spikingformer {
                layout: self.layout(1.5)?,
                embed_dims: self.width()?,
                depths: self.depths()?,
            },
            Family::QkFormer => Architecture::QkFormer {
                layout: self.layout(2.0)?,
                embed_dims: self.width()?,
                depths: self.depths()?,
                batch_leak: self.batch_leak.unwrap_or(false),
            },
            Family::SdtV1 => {
                let dvs = (self.layout == Some(LayoutName::Dvs)).then(|| self.tau.unwrap_or(2.0));
                self.tau_for_dvs_only()?;
                Architecture::SdtV1 {
                    embed_dims: self.width()?,
                    depths: self.depths()?,
                    pooling: self.pooling()?,
                    dvs,
                }
            }
            Family::SdtV2 => {
                self.one_layout()?;
                Architecture::SdtV2 {
                    embed_dims: self.widths()?,
                    strides: self.strides([2, 2, 2, 2, 1])?,
                    kd: self.kd.unwrap_or(false),
                    merge_repconv: self.merge_repconv.unwrap_or(false),
                }
            }
            Family::SdtV3 => {
                self.one_layout()?;
                let max_spike = self.max_spike.unwrap_or(4);
                match self.size.unwrap_or_default() {
                    Size::Base => {
                        self.large_only("depths", self.depths.is_some())?;
                        self.large_only("kd", self.kd == Some(true))?;
                        Architecture::SdtV3Base {
                            embed_dims: self.widths()?,
                            strides: self.strides([2, 2, 2, 2, 1])?,
                            max_spike,
                        }
                    }
                    Size::Large => Architecture::SdtV3Large {
                        embed_dims: self.widths()?,
                        strides: self.strides([2, 2, 2, 2])?,
                        depths: self.depths.unwrap_or(12),
                        kd: self.kd.unwrap_or(false),
                        max_spike,
                    },
                }
            }
        })
    }

    /// Refuses keys of other families.
    fn only_own_keys(&self) -> Result<(), ModelError> {
        let given = [
            ("layout", self.layout.is_some()),
            ("depths", self.depths.is_some()),
            ("pooling", self.pooling.is_some()),
            ("strides", self.strides.is_some()),
            ("kd", self.kd.is_some()),
            ("merge_repconv", self.merge_repconv.is_some()),
            ("size", self.size.is_some()),
            ("max_spike", self.max_spike.is_some()),
            ("batch_leak", self.batch_leak.is_some()),
            ("tau", self.tau.is_some()),
        ];
        let is_foreign = |key: &str| !self.family.keys().any(|k| k.name == key);
        match given.into_iter().find(|(key, on)| *on && is_foreign(key)) {
            None => Ok(()),
            Some((key, _)) => {
                let why = format!(
                    "family {} has no such key, {} has",
                    self.family,
                    owners(key)
                );
                Err(ModelError::Foreign { key, why })
            }
        }
    }

    fn layout(&self, default_tau: f64) -> Result<Layout, ModelError> {
        self.tau_for_dvs_only()?;
        match self.layout {
            Some(LayoutName::Cifar) => Ok(Layout::Cifar),
            Some(LayoutName::Imagenet) => Ok(Layout::Imagenet),
            Some(LayoutName::Dvs) => Ok(Layout::Dvs {
                tau: self.tau.unwrap_or(default_tau),
            }),
            None => Err(ModelError::Missing {
                key: "layout",
                why: "\"cifar\", \"imagenet\" or \"dvs\"".to_owned(),
            }),
        }
    }

    fn tau_for_dvs_only(&self) -> Result<(), ModelError> {
        if self.tau.is_none() || self.layout == Some(LayoutName::Dvs) {
            return Ok(());
        }
        Err(ModelError::Foreign {
            key: "tau",
            why: "only layout \"dvs\" has it; elsewhere it is 2".to_owned(),
        })
    }

    /// Families with one layout, which may be named or not.
    fn one_layout(&self) -> Result<(), ModelError> {
        match self.layout {
            None | Some(LayoutName::Imagenet) => Ok(()),
            Some(_) => Err(ModelError::Foreign {
                key: "layout",
                why: format!("family {} has only \"imagenet\"", self.family),
            }),
        }
    }

    fn large_only(&self, key: &'static str, given: bool) -> Result<(), ModelError> {
        if !given {
            return Ok(());
        }
        let why = "of family sdt-v3 only size = \"large\" has it".to_owned();
        Err(ModelError::Foreign { key, why })
    }

    fn depths(&self) -> Result<usize, ModelError> {
        self.depths.ok_or_else(|| ModelError::Missing {
            key: "depths",
            why: "the number of blocks".to_owned(),
        })
    }

    fn width(&self) -> Result<usize, ModelError> {
        match &self.embed_dims {
            Widths::One(width) => Ok(*width),
            Widths::Several(widths) => Err(ModelError::Size {
                key: "embed_dims",
                value: format!("{widths:?}"),
                why: format!("family {} has one number", self.family),
            }),
        }
    }

    fn widths<const N: usize>(&self) -> Result<[usize; N], ModelError> {
        let (widths, value) = match &self.embed_dims {
            Widths::One(width) => (None, width.to_string()),
            Widths::Several(widths) => (widths.as_slice().try_into().ok(), format!("{widths:?}")),
        };
        widths.ok_or_else(|| ModelError::Size {
            key: "embed_dims",
            value,
            why: format!("must be {N} numbers, one for each stage"),
        })
    }

    fn strides<const N: usize>(&self, default: [usize; N]) -> Result<[usize; N], ModelError> {
        let Some(strides) = &self.strides else {
            return Ok(default);
        };
        strides.as_slice().try_into().map_err(|_| ModelError::Size {
            key: "strides",
            value: format!("{strides:?}"),
            why: format!("must be {N} numbers, one for each downsampling"),
        })
    }

    /// Whether a pooling follows each of the four convolutions. Published: `0011` for CIFAR, `1111` for ImageNet; the
    /// event-camera models differ.
    fn pooling(&self) -> Result<[bool; 4], ModelError> {
        let why = "four digits, 1 where a pooling follows the convolution, such as \"0011\"";
        let text = match (&self.pooling, self.layout) {
            (Some(text), _) => text.as_str(),
            (None, Some(LayoutName::Cifar)) => "0011",
            (None, Some(LayoutName::Imagenet)) => "1111",
            (None, _) => {
                return Err(ModelError::Missing {
                    key: "pooling",
                    why: why.to_owned(),
                });
            }
        };
        let digits: Option<Vec<bool>> = text
            .chars()
            .map(|c| match c {
                '0' => Some(false),
                '1' => Some(true),
                _ => None,
            })
            .collect();
        let stages = digits.and_then(|d| d.try_into().ok());
        stages.ok_or_else(|| ModelError::Size {
            key: "pooling",
            value: format!("{text:?}"),
            why: format!("must be {why}"),
        })
    }
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
            embed_dims: Widths::One(0),
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
                self.embed_dims = Widths::One(embed_dims);
                self.depths = Some(depths);
            }
            Architecture::QkFormer {
                embed_dims,
                depths,
                batch_leak,
                ..
            } => {
                self.embed_dims = Widths::One(embed_dims);
                self.depths = Some(depths);
                self.batch_leak = Some(batch_leak);
            }
            Architecture::SdtV1 {
                embed_dims,
                depths,
                pooling,
                ..
            } => {
                self.embed_dims = Widths::One(embed_dims);
                self.depths = Some(depths);
                self.pooling = Some(pooling.map(|p| if p { '1' } else { '0' }).iter().collect());
            }
            Architecture::SdtV2 {
                embed_dims,
                strides,
                kd,
                merge_repconv,
            } => {
                self.embed_dims = Widths::Several(embed_dims.to_vec());
                self.strides = Some(strides.to_vec());
                self.kd = Some(kd);
                self.merge_repconv = Some(merge_repconv);
            }
            Architecture::SdtV3Base {
                embed_dims,
                strides,
                max_spike,
            } => {
                self.embed_dims = Widths::Several(embed_dims.to_vec());
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
                self.embed_dims = Widths::Several(embed_dims.to_vec());
                self.strides = Some(strides.to_vec());
                self.depths = Some(depths);
                self.size = Some(Size::Large);
                self.kd = Some(kd);
                self.max_spike = Some(max_spike);
            }
        }
    }
}
