//! From the table to a configuration: which keys belong together, and what is assumed of those that
//! are not there.

use super::super::{Architecture, Family, Layout, ModelConfig, ModelError};
use super::{EmbedDims, LayoutName, ModelTable, Size};

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
            EmbedDims::One(width) => Ok(*width),
            EmbedDims::Several(widths) => Err(ModelError::Size {
                key: "embed_dims",
                value: format!("{widths:?}"),
                why: format!("family {} has one number", self.family),
            }),
        }
    }

    fn widths<const N: usize>(&self) -> Result<[usize; N], ModelError> {
        let (widths, value) = match &self.embed_dims {
            EmbedDims::One(width) => (None, width.to_string()),
            EmbedDims::Several(widths) => {
                (widths.as_slice().try_into().ok(), format!("{widths:?}"))
            }
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

    /// Whether a pooling follows each of the four convolutions. Published: `0011` for CIFAR, `1111`
    /// for ImageNet; the event-camera models differ.
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

/// The families that have a key, in words.
fn owners(key: &str) -> String {
    let has = |f: &&Family| f.keys().any(|k| k.name == key);
    let names: Vec<&str> = Family::ALL.iter().filter(has).map(|f| f.name()).collect();
    names.join(", ")
}
