//! From `[model]` to a configuration and back: which keys a family has, and what is assumed of
//! those not given.

use super::super::config::{COMMON_KEYS, ModelTable, foreign, missing, wrong};
use super::super::{Architecture, Family, Layout, ModelConfig, ModelError};
use super::{qkformer, sdt_v1, sdt_v2, sdt_v3, spikformer, spikingformer};

/// The keys of a family's own, and how they are read.
pub(super) struct Schema {
    /// Keys that must be given.
    pub required: &'static [&'static str],
    /// Keys that have a default or belong to some of the family's networks only.
    pub optional: &'static [&'static str],
    /// Reads the family's own sizes.
    pub read: fn(&ModelTable) -> Result<Architecture, ModelError>,
}

fn schema(family: Family) -> &'static Schema {
    match family {
        Family::Spikformer => &spikformer::SCHEMA,
        Family::Spikingformer => &spikingformer::SCHEMA,
        Family::QkFormer => &qkformer::SCHEMA,
        Family::SdtV1 => &sdt_v1::SCHEMA,
        Family::SdtV2 => &sdt_v2::SCHEMA,
        Family::SdtV3 => &sdt_v3::SCHEMA,
    }
}

impl Family {
    /// The keys that this family's `[model]` must have, beside `family`.
    pub fn required_keys(self) -> impl Iterator<Item = &'static str> {
        COMMON_KEYS
            .into_iter()
            .chain(schema(self).required.iter().copied())
    }

    fn has_key(self, key: &str) -> bool {
        let own = schema(self);
        key == "family"
            || COMMON_KEYS.contains(&key)
            || own.required.contains(&key)
            || own.optional.contains(&key)
    }
}

impl TryFrom<ModelTable> for ModelConfig {
    type Error = ModelError;

    fn try_from(table: ModelTable) -> Result<Self, ModelError> {
        let family = table.family()?;
        if let Some(key) = table.names().find(|key| !family.has_key(key)) {
            let owners = Family::ALL.into_iter().filter(|f| f.has_key(key));
            let owners: Vec<&str> = owners.map(Family::name).collect();
            let owners = owners.join(", ");
            let why = format!("family {family} has no such key, {owners} has");
            return Err(foreign(key, why));
        }
        Ok(ModelConfig {
            architecture: (schema(family).read)(&table)?,
            image_size: table.required("image_size")?,
            in_channels: table.required("in_channels")?,
            num_classes: table.required("num_classes")?,
            num_heads: table.required("num_heads")?,
            mlp_ratio: table.required("mlp_ratio")?,
            time_steps: table.required("time_steps")?,
        })
    }
}

impl From<ModelConfig> for ModelTable {
    fn from(config: ModelConfig) -> Self {
        let mut table = ModelTable::default();
        table.set("family", config.family().name());
        if let Some(layout) = config.layout() {
            table.set("layout", layout.name());
            if let Layout::Dvs { tau } = layout {
                table.set("tau", tau);
            }
        }
        table.set("image_size", config.image_size);
        table.set("in_channels", config.in_channels);
        table.set("num_classes", config.num_classes);
        table.set("num_heads", config.num_heads);
        table.set("mlp_ratio", config.mlp_ratio);
        table.set("time_steps", config.time_steps);
        write(config.architecture, &mut table);
        table
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
            table.set("embed_dims", embed_dims);
            table.set("depths", depths);
        }
        Architecture::QkFormer {
            embed_dims,
            depths,
            batch_leak,
            ..
        } => {
            table.set("embed_dims", embed_dims);
            table.set("depths", depths);
            table.set("batch_leak", batch_leak);
        }
        Architecture::SdtV1 {
            embed_dims,
            depths,
            pooling,
            ..
        } => {
            table.set("embed_dims", embed_dims);
            table.set("depths", depths);
            let digits = pooling.map(|pooled| if pooled { '1' } else { '0' });
            table.set("pooling", String::from_iter(digits).as_str());
        }
        Architecture::SdtV2 {
            embed_dims,
            strides,
            kd,
            merge_repconv,
        } => {
            table.set("embed_dims", embed_dims);
            table.set("strides", strides);
            table.set("kd", kd);
            table.set("merge_repconv", merge_repconv);
        }
        Architecture::SdtV3Base {
            embed_dims,
            strides,
            max_spike,
        } => {
            table.set("size", "base");
            table.set("embed_dims", embed_dims);
            table.set("strides", strides);
            table.set("max_spike", max_spike);
        }
        Architecture::SdtV3Large {
            embed_dims,
            strides,
            depths,
            kd,
            max_spike,
        } => {
            table.set("size", "large");
            table.set("embed_dims", embed_dims);
            table.set("strides", strides);
            table.set("depths", depths);
            table.set("kd", kd);
            table.set("max_spike", max_spike);
        }
    }
}

/// The layout of a family that publishes several; the time constant of `dvs` where none is given.
pub(super) fn layout(table: &ModelTable, default_tau: f64) -> Result<Layout, ModelError> {
    let tau = dvs_tau(table, default_tau)?;
    match (table.text("layout")?, tau) {
        (Some("dvs"), Some(tau)) => Ok(Layout::Dvs { tau }),
        (Some("cifar"), _) => Ok(Layout::Cifar),
        (Some("imagenet"), _) => Ok(Layout::Imagenet),
        (Some(other), _) => Err(wrong("layout", format!("{other:?}"), LAYOUTS)),
        (None, _) => Err(missing("layout", LAYOUTS.to_owned())),
    }
}

const LAYOUTS: &str = "\"cifar\", \"imagenet\" or \"dvs\"";

/// The time constant of layout `dvs`; none in other layouts, which do not have the key.
pub(super) fn dvs_tau(table: &ModelTable, default: f64) -> Result<Option<f64>, ModelError> {
    let given = table.number("tau")?;
    match table.text("layout")? {
        Some("dvs") => Ok(Some(given.unwrap_or(default))),
        _ if given.is_some() => {
            let why = "only layout \"dvs\" has it; elsewhere it is 2";
            Err(foreign("tau", why.to_owned()))
        }
        _ => Ok(None),
    }
}

/// Checks the layout of a family that has one, which may be named or not.
pub(super) fn only_imagenet(table: &ModelTable, family: Family) -> Result<(), ModelError> {
    match table.text("layout")? {
        None | Some("imagenet") => Ok(()),
        Some(_) => Err(foreign(
            "layout",
            format!("family {family} has only \"imagenet\""),
        )),
    }
}
