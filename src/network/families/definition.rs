//! What is said of a family in its file: the keys of its `[model]` and what is assumed of those not
//! given, how weights tell its layouts, and how its authors prepare images.

use super::super::config::{ModelTable, foreign, missing, wrong};
use super::super::{Architecture, Family, Graph, Layout, MODEL_KEYS, ModelConfig, ModelError};
use super::definition_of;
use super::row::Row;

/// What is said of a family.
pub(super) struct Definition {
    /// Keys that must be given.
    pub required: &'static [&'static str],
    /// Keys that have a default or belong to some of the family's networks only.
    pub optional: &'static [&'static str],
    /// Reads the family's own sizes.
    pub read: fn(&ModelTable) -> Result<Architecture, ModelError>,
    /// How weights tell its layouts.
    pub rows: &'static [Row],
    /// What the authors fed to networks of a layout, trained on a number of classes (none: on any
    /// other): the name of a recipe. Of layouts that are not listed: `cifar10`, none for frames.
    pub recipes: &'static [(&'static str, Option<usize>, &'static str)],
}

/// The sizes of a family's networks.
pub(in crate::network) trait Sizes {
    /// The layout, of families that publish several.
    fn layout(&self) -> Option<Layout> {
        None
    }

    /// Heads of the last stage, of families that have a number for each.
    fn last_heads(&self) -> Option<usize> {
        None
    }

    /// Builds the graph of the network with all shapes inferred.
    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError>;
}

fn common_keys() -> impl Iterator<Item = &'static str> {
    MODEL_KEYS
        .iter()
        .filter(|key| key.common)
        .map(|key| key.name)
}

impl Family {
    /// The keys that this family's `[model]` must have.
    pub fn required_keys(self) -> impl Iterator<Item = &'static str> {
        common_keys().chain(definition_of(self).required.iter().copied())
    }

    /// How weights tell its layouts.
    pub(crate) fn rows(self) -> &'static [Row] {
        definition_of(self).rows
    }

    /// The name of the recipe by which the authors prepared images for networks of a layout,
    /// trained on a number of classes; none for frames, which are read as they are.
    pub fn recipe(self, layout: &str, classes: usize) -> Option<&'static str> {
        let of_layout = |(of, trained, _): &&(&str, Option<usize>, &str)| {
            *of == layout && trained.is_none_or(|trained| trained == classes)
        };
        let listed = definition_of(self).recipes.iter().find(of_layout);
        match listed {
            Some((.., recipe)) => Some(recipe),
            None => (layout == "cifar").then_some("cifar10"),
        }
    }

    fn has_key(self, key: &str) -> bool {
        let own = definition_of(self);
        common_keys().any(|common| common == key)
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
            let owners = owners.map(Family::name).collect::<Vec<_>>().join(", ");
            let why = format!("family {family} has no such key, {owners} has");
            return Err(foreign(key, &why));
        }
        let whole = |key| table.required(key, "a whole number");
        let architecture = (definition_of(family).read)(&table)?;
        Ok(ModelConfig {
            architecture,
            image_size: whole("image_size")?,
            in_channels: whole("in_channels")?,
            num_classes: whole("num_classes")?,
            num_heads: match architecture.sizes().last_heads() {
                Some(heads) => heads,
                None => whole("num_heads")?,
            },
            mlp_ratio: whole("mlp_ratio")?,
            time_steps: whole("time_steps")?,
        })
    }
}

/// Layout, width and number of blocks of a family whose blocks are of one width (or of one that
/// stages halve); `default_tau` is the time constant of `dvs` where none is given.
pub(super) fn layered(
    table: &ModelTable,
    family: Family,
    default_tau: f64,
) -> Result<(Layout, usize, usize), ModelError> {
    let (layout, width) = (layout(table, default_tau)?, table.width(family)?);
    let depths = table.required("depths", "the number of blocks")?;
    Ok((layout, width, depths))
}

/// The layout of a family that publishes several; the time constant of `dvs` where none is given.
pub(super) fn layout(table: &ModelTable, default_tau: f64) -> Result<Layout, ModelError> {
    let tau = dvs_tau(table, default_tau)?;
    match (table.text("layout")?, tau) {
        (Some("dvs"), Some(tau)) => Ok(Layout::Dvs { tau }),
        (Some("cifar"), _) => Ok(Layout::Cifar),
        (Some("imagenet"), _) => Ok(Layout::Imagenet),
        (Some(other), _) => Err(wrong("layout", format!("{other:?}"), LAYOUTS)),
        (None, _) => Err(missing("layout", LAYOUTS)),
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
            Err(foreign("tau", why))
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
            &format!("family {family} has only \"imagenet\""),
        )),
    }
}
