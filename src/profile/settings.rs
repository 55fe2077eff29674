//! The typed profile and its reading.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml_edit::{DocumentMut, Item, TableLike};

use super::config::{Constraint, GateConfig, Pin, SearchConfig};
use super::document::Source;
use super::error::ProfileError;
use super::files::{self, BUILTIN};
use super::keys::{self, KEYS, expected, shown};
use super::overrides::Overrides;
use super::pins::{self, PinError, layer_hint, widths_text};
use crate::data::DataConfig;
use crate::network::{Graph, ModelConfig, ModelError};
use crate::quant::{Allocation, BitWidth, Scheme};

/// Where the weights are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Checkpoint {
    /// A file; absolute.
    File(PathBuf),
    /// A checkpoint that comes with the program, by its name.
    Builtin(String),
}

impl std::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Checkpoint::File(path) => write!(f, "{}", path.display()),
            Checkpoint::Builtin(name) => write!(f, "{BUILTIN}{name}"),
        }
    }
}

/// Everything a profile says, checked, with all defaults filled in and all paths absolute.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// `name`; the file's name without its ending where none is given.
    pub name: String,
    /// `[model]` without the checkpoint.
    pub model: ModelConfig,
    /// `model.checkpoint`.
    pub checkpoint: Option<Checkpoint>,
    /// `[data]`.
    pub data: Option<DataConfig>,
    /// `[quantizer]` without the menu.
    pub scheme: Scheme,
    /// `quantizer.bits`: the allowed widths, ascending, each once.
    pub menu: Vec<BitWidth>,
    /// `[constraint]`.
    pub constraint: Constraint,
    /// `[search]`.
    pub search: SearchConfig,
    /// `[gate]`.
    pub gate: GateConfig,
    /// `[pins]`, in the file's order.
    pub pins: Vec<Pin>,
    /// `[bits]`: layer → width; empty where nothing is given.
    pub bits: BTreeMap<String, BitWidth>,
}

/// More than any profile needs; what is larger is some other file.
const LARGEST: u64 = 4 << 20;

impl Profile {
    /// Reads a profile. `origin` is its path: messages name it, and paths inside start from its folder.
    ///
    /// # Errors
    /// [`ProfileError`] for the first thing that is wrong, with its place.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, ProfileError> {
        Ok(Self::parse_with(text, origin, &Overrides::none())?.0)
    }

    /// Reads a profile with overrides; also returns the text with the overrides in it, comments kept.
    ///
    /// # Errors
    /// [`ProfileError`] for the first thing that is wrong, with its place.
    pub fn parse_with(
        text: &str,
        origin: &Path,
        overrides: &Overrides,
    ) -> Result<(Self, String), ProfileError> {
        let source = Source::parse(text, origin, overrides)?;
        let mut document = source.edited()?;
        let edited = document.to_string();
        keys::check(&source, document.as_table())?;
        let file = std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned());
        let folder = file.parent().unwrap_or(Path::new("/"));
        files::rewrite_all(&mut document, &|p| files::absolute(folder, p)).map_err(|e| {
            ProfileError::NotAProfile {
                path: e.0,
                why: "a relative path in it starts from a folder whose name is not Unicode",
            }
        })?;
        let profile = Reading { source, document }.profile(origin)?;
        Ok((profile, edited))
    }

    /// Reads a profile's file.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        Self::parse(&read_text(path)?, path)
    }

    /// The graph of the model.
    ///
    /// # Errors
    /// [`ModelError`]: never for a profile that was read, whose sizes have been checked.
    pub fn graph(&self) -> Result<Graph, ModelError> {
        self.model.graph()
    }

    /// The widths that the pins leave each layer of the graph, ascending.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn bounds(&self, graph: &Graph) -> Result<Vec<Vec<BitWidth>>, PinError> {
        pins::bounds(&self.pins, &layer_names(graph), &self.menu)
    }

    /// The allocation of `[bits]`; none where the profile has none. Layers that it leaves out have the menu's largest
    /// width, with which a search starts.
    pub fn allocation(&self, graph: &Graph) -> Option<Allocation> {
        let largest = self.menu.last().copied().unwrap_or(BitWidth::FLOAT);
        let width = |name: &String| self.bits.get(name).copied().unwrap_or(largest);
        (!self.bits.is_empty())
            .then(|| Allocation(graph.layers.iter().map(|l| width(&l.name)).collect()))
    }

    /// The checkpoint, for what cannot do without.
    ///
    /// # Errors
    /// [`ProfileError::Missing`].
    pub fn need_checkpoint(&self) -> Result<&Checkpoint, ProfileError> {
        self.checkpoint.as_ref().ok_or_else(|| {
            self.missing(
                "model.checkpoint",
                "the file of trained weights; add it or give --set model.checkpoint=FILE",
            )
        })
    }

    /// The data, for what cannot do without.
    ///
    /// # Errors
    /// [`ProfileError::Missing`].
    pub fn need_data(&self) -> Result<&DataConfig, ProfileError> {
        self.data.as_ref().ok_or_else(|| {
            self.missing(
                "[data]",
                "the images to measure on; see profiles/reference.toml",
            )
        })
    }

    fn missing(&self, key: &str, expected: &str) -> ProfileError {
        ProfileError::Missing {
            place: super::error::Place::Line {
                origin: PathBuf::from(format!("profile \"{}\"", self.name)),
                line: None,
            },
            key: key.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

/// The names of a graph's layers, in its order.
pub(crate) fn layer_names(graph: &Graph) -> Vec<&str> {
    graph.layers.iter().map(|l| l.name.as_str()).collect()
}

/// The text of a profile's file.
///
/// # Errors
/// [`ProfileError::Read`], [`ProfileError::NotAProfile`].
pub(crate) fn read_text(path: &Path) -> Result<String, ProfileError> {
    let path = path.to_owned();
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|f| f.take(LARGEST + 1).read_to_end(&mut bytes));
    if let Err(source) = read {
        return Err(ProfileError::Read { path, source });
    }
    if bytes.len() as u64 > LARGEST {
        let why = "it is larger than 4 MiB (weights go into model.checkpoint of a profile)";
        return Err(ProfileError::NotAProfile { path, why });
    }
    String::from_utf8(bytes).map_err(|_| ProfileError::NotAProfile {
        path,
        why: "it is not text (weights go into model.checkpoint of a profile)",
    })
}

/// A checked document on its way to a [`Profile`].
struct Reading<'a> {
    source: Source<'a>,
    document: DocumentMut,
}

impl Reading<'_> {
    fn profile(&self, origin: &Path) -> Result<Profile, ProfileError> {
        let model = self.model()?;
        let data: Option<DataConfig> = match self.document.contains_key("data") {
            true => Some(self.section("data", &[])?),
            false => None,
        };
        let stem = || origin.file_stem().map(|s| s.to_string_lossy().into_owned());
        let name = self.document.get("name").and_then(Item::as_str);
        let menu = self.menu();
        let profile = Profile {
            name: name
                .map(str::to_owned)
                .or_else(stem)
                .unwrap_or_else(|| "profile".to_owned()),
            model,
            checkpoint: self.item("model", "checkpoint").and_then(checkpoint),
            search: self.search(data.as_ref())?,
            data,
            scheme: self.section("quantizer", &["bits"])?,
            constraint: Constraint {
                max_memory: self.item("constraint", "max_memory").and_then(keys::bytes),
                ..self.section("constraint", &["max_memory"])?
            },
            gate: self.section("gate", &[])?,
            pins: self.pins()?,
            bits: self.bits(&menu)?,
            menu,
        };
        self.fits(&profile)?;
        Ok(profile)
    }

    /// Checks what needs the network: that the sizes make one, and that pins and `[bits]` name its layers and leave
    /// each of them a width.
    fn fits(&self, profile: &Profile) -> Result<(), ProfileError> {
        let graph = profile.graph().map_err(|source| {
            let place = match &source {
                ModelError::Size { key, .. } => self.source.place(&["model", key]),
                ModelError::TooLarge { .. } => self.source.place(&["model"]),
            };
            ProfileError::Model { place, source }
        })?;
        profile
            .bounds(&graph)
            .map_err(|source| ProfileError::Pins {
                place: self.source.place(&["pins", source.pattern()]),
                source: Box::new(source),
            })?;
        let names = layer_names(&graph);
        let is_unknown = |name: &&String| !names.contains(&name.as_str());
        match profile.bits.keys().find(is_unknown) {
            None => Ok(()),
            Some(name) => Err(ProfileError::NoLayer {
                place: self.source.place(&["bits", name]),
                name: name.clone(),
                hint: layer_hint(name, &names),
            }),
        }
    }

    fn item(&self, table: &str, name: &str) -> Option<&Item> {
        self.document
            .get(table)
            .and_then(Item::as_table_like)
            .and_then(|t| t.get(name))
    }

    /// One table by serde, without the keys that are read otherwise. The table of keys has been checked before; what
    /// is left to say here is what keys together mean (`[data]`).
    fn section<T: DeserializeOwned>(&self, name: &str, except: &[&str]) -> Result<T, ProfileError> {
        let mut table = toml_edit::Table::new();
        let items = self.document.get(name).and_then(Item::as_table_like);
        for (key, item) in items.into_iter().flat_map(|t| t.iter()) {
            if !except.contains(&key) {
                table.insert(key, item.clone());
            }
        }
        let text = DocumentMut::from(table).to_string();
        toml::from_str(&text).map_err(|error| {
            let message = error.message().trim().to_owned();
            let key = message
                .strip_prefix(name)
                .and_then(|m| m.strip_prefix('.'))
                .and_then(|m| m.split(|c: char| !c.is_alphanumeric() && c != '_').next());
            let path = [Some(name), key];
            let path: Vec<&str> = path.into_iter().flatten().collect();
            ProfileError::Section {
                place: self.source.place(&path),
                message,
            }
        })
    }

    fn model(&self) -> Result<ModelConfig, ProfileError> {
        let optional = ["checkpoint", "batch_leak"];
        let keys = KEYS.iter().filter(|k| k.table == "model");
        for key in keys.filter(|k| !optional.contains(&k.name)) {
            if self.item("model", key.name).is_none() {
                return Err(ProfileError::Missing {
                    place: self.source.place(&["model", key.name]),
                    key: keys::dotted("model", key.name),
                    expected: expected(key.kind),
                });
            }
        }
        self.section("model", &optional)
    }

    fn menu(&self) -> Vec<BitWidth> {
        let given = self.item("quantizer", "bits").and_then(Item::as_array);
        let mut menu: Vec<BitWidth> = match given {
            Some(array) => array.iter().filter_map(keys::width_of).collect(),
            None => default_menu(),
        };
        menu.sort_unstable();
        menu.dedup();
        menu
    }

    fn search(&self, data: Option<&DataConfig>) -> Result<SearchConfig, ProfileError> {
        let mut search: SearchConfig = self.section("search", &["screening", "beam_width"])?;
        if let Some(pair) = search.levels.windows(2).find(|w| w[0] >= w[1]) {
            let why = match pair[0] == pair[1] {
                true => "each level may stand there once",
                false => "levels go from coarse to fine: network, stage, block, layer",
            };
            return Err(self.wrong("search", "levels", why.to_owned()));
        }
        if let Some(images) = data.map(|d| d.search) {
            if self.item("search", "screen").is_none() {
                search.screen = search.screen.min(images);
            }
            if search.screen > images {
                let why = format!("the search split (data.search) has {images} images");
                return Err(self.wrong("search", "screen", why));
            }
        }
        Ok(search)
    }

    fn wrong(&self, table: &str, name: &str, expected: String) -> ProfileError {
        ProfileError::Value {
            place: self.source.place(&[table, name]),
            key: keys::dotted(table, name),
            found: self.item(table, name).map(shown).unwrap_or_default(),
            expected,
        }
    }

    fn pins(&self) -> Result<Vec<Pin>, ProfileError> {
        let table = self.document.get("pins").and_then(Item::as_table_like);
        let pairs = table.into_iter().flat_map(|t| t.iter());
        let pins = pairs.filter_map(|(pattern, item)| pin(pattern, item));
        pins.map(|pin| match pin.min > pin.max {
            false => Ok(pin),
            true => {
                let why = format!("min = {} is above max = {}", pin.min, pin.max);
                Err(self.wrong("pins", &pin.pattern, why))
            }
        })
        .collect()
    }

    fn bits(&self, menu: &[BitWidth]) -> Result<BTreeMap<String, BitWidth>, ProfileError> {
        let table = self.document.get("bits").and_then(Item::as_table_like);
        let mut bits = BTreeMap::new();
        for (name, item) in table.into_iter().flat_map(|t| t.iter()) {
            let Some(width) = item.as_value().and_then(keys::width_of) else {
                continue;
            };
            if !menu.contains(&width) {
                let why = format!(
                    "not in the bit menu ({}); add it to quantizer.bits",
                    widths_text(menu)
                );
                return Err(self.wrong("bits", name, why));
            }
            bits.insert(name.to_owned(), width);
        }
        Ok(bits)
    }
}

/// The bit menu where a profile gives none.
pub(crate) fn default_menu() -> Vec<BitWidth> {
    let widths = [2, 3, 4, 5, 6, 8].into_iter();
    widths.filter_map(|b| BitWidth::new(b).ok()).collect()
}

fn checkpoint(item: &Item) -> Option<Checkpoint> {
    let text = item.as_str()?;
    Some(match text.strip_prefix(BUILTIN) {
        Some(name) => Checkpoint::Builtin(name.to_owned()),
        None => Checkpoint::File(PathBuf::from(text)),
    })
}

/// A pin as `[pins]` writes it; none for anything else.
pub(crate) fn pin(pattern: &str, item: &Item) -> Option<Pin> {
    let pattern = pattern.to_owned();
    if let Some(width) = item.as_value().and_then(keys::width_of) {
        let (min, max) = (width, width);
        return Some(Pin { pattern, min, max });
    }
    let table: &dyn TableLike = item.as_table_like()?;
    let bound = |name: &str| {
        table
            .get(name)
            .and_then(Item::as_value)
            .and_then(keys::width_of)
    };
    Some(Pin {
        pattern,
        min: bound("min").or(BitWidth::new(1).ok())?,
        max: bound("max").unwrap_or(BitWidth::FLOAT),
    })
}
