//! From a document to a [`Profile`].

mod fit;
mod membrane;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml_edit::{Document, InlineTable, Item, TableLike, Value};

use super::check::Known;
use super::config::{Screen, SearchConfig};
use super::constraint::Constraint;
use super::document::{ProfileText, read_text};
use super::error::ProfileError;
use super::evidence::Evidence;
use super::files::{self, BUILTIN};
use super::keys::{KEYS, TABLES, dotted};
use super::kind::{bytes, expected, shown, width_of};
use super::overrides::Overrides;
use super::pin::{AllowedWidths, Pin, widths_text};
use super::settings::{Checkpoint, Profile};
use super::target::Target;
use super::tie::Tied;
use crate::checkpoint::{CheckpointError, Contents, WeightsChoice};
use crate::data::{DataConfig, DataTable};
use crate::network::{Family, Graph, GraphFile, ModelConfig, ModelError, ModelSource, ModelTable};
use crate::quant::{Affine, BitWidth, Correction, Method, Rounding, Scheme, Weighting};

impl Profile {
    /// Reads a profile. `origin` is its path: messages name it, and paths inside start from its
    /// folder.
    ///
    /// # Errors
    /// [`ProfileError`] for the first thing that is wrong, with its place.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, ProfileError> {
        Ok(Self::parse_with(text, origin, &Overrides::none())?.0)
    }

    /// Reads a profile with overrides; also returns the text with the overrides in it, comments
    /// kept.
    ///
    /// # Errors
    /// [`ProfileError`] for the first thing that is wrong, with its place.
    pub fn parse_with(
        text: &str,
        origin: &Path,
        overrides: &Overrides,
    ) -> Result<(Self, String), ProfileError> {
        read(text, origin, overrides)
    }

    /// Reads a profile's file.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        Self::parse(&read_text(path)?, path)
    }
}

fn read(
    text: &str,
    origin: &Path,
    overrides: &Overrides,
) -> Result<(Profile, String), ProfileError> {
    let source = ProfileText::parse(text, origin, overrides)?;
    let mut document = source.upgraded()?;
    let edited = document.to_string();
    let known = Known {
        keys: &KEYS,
        tables: TABLES,
    };
    known.check(&source, document.as_table())?;
    let file = std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned());
    let folder = file.parent().unwrap_or(Path::new("/"));
    files::rewrite_all(&mut document, &|p| files::absolute(folder, p)).map_err(|e| {
        ProfileError::NotAProfile {
            path: e.0,
            why: "a relative path in it starts from a folder whose name is not Unicode",
        }
    })?;
    // Spans of the edited text, for errors of what serde reads.
    let document =
        Document::parse(document.to_string()).map_err(|_| ProfileError::NotAProfile {
            path: origin.to_owned(),
            why: "an override makes it invalid TOML",
        })?;
    let profile = Reading { source, document }.profile(origin)?;
    Ok((profile, edited))
}

/// Keys of `[quantizer]` that are no part of the scheme.
const NOT_OF_SCHEME: &[&str] = &["bits", "codes", "calibration_hash"];

/// A checked document on its way to a [`Profile`].
struct Reading<'a> {
    source: ProfileText<'a>,
    document: Document<String>,
}

impl Reading<'_> {
    fn profile(&self, origin: &Path) -> Result<Profile, ProfileError> {
        let (model, graph) = self.model()?;
        let data = self.data()?;
        let stem = || origin.file_stem().map(|s| s.to_string_lossy().into_owned());
        let name = self.document.get("name").and_then(Item::as_str);
        let menu = self.menu();
        let target = self.target()?;
        let scheme = self.scheme(target.as_ref(), data.is_some())?;
        let constraint = Constraint {
            max_memory: self.item("constraint", "max_memory").and_then(bytes),
            ..self.table("constraint", &["max_memory", "target"])?
        };
        let certify = data.as_ref().and_then(|data| data.certify);
        if constraint.confidence.is_some() && certify.is_none() {
            let why = "the result is certified on images that neither calibration nor search sees: \
                       set data.certify to their number, such as 2000";
            return Err(self.wrong("constraint", "confidence", why.to_owned()));
        }
        let profile = Profile {
            name: name
                .map(str::to_owned)
                .or_else(stem)
                .unwrap_or_else(|| "profile".to_owned()),
            published: self.table("published", &[])?,
            checkpoint: self
                .item("model", "checkpoint")
                .and_then(checkpoint)
                .or_else(|| {
                    let file = model.file()?;
                    Some(Checkpoint::File(file.path.clone()))
                }),
            weights: self.weights(),
            search: self.search(data.as_ref())?,
            data: data.map(|data| data.for_quantizer(scheme.needs_images())),
            scheme,
            codes: self.text("codes").map(PathBuf::from),
            calibration_hash: self.text("calibration_hash").map(str::to_owned),
            constraint: constraint.on(target.as_ref()),
            target,
            gate: self.table("gate", &[])?,
            pins: self.pins()?,
            ties: self.ties(),
            bits: self.bits(&menu)?,
            evidence: self.evidence()?,
            menu,
            graph: Arc::new(graph),
            model,
        };
        self.fits(&profile)?;
        Ok(profile)
    }

    /// `model.weights`, whose words have been checked.
    fn weights(&self) -> WeightsChoice {
        let word = self.item("model", "weights").and_then(Item::as_str);
        word.and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    /// `constraint.target`.
    fn target(&self) -> Result<Option<Target>, ProfileError> {
        let name = self.item("constraint", "target").and_then(Item::as_str);
        let place = || self.source.place(&["constraint", "target"]);
        name.map(|name| Target::find(name, &place)).transpose()
    }

    /// `[quantizer]` without the menu. Method, correction and affine are the defaults for a profile
    /// with or without images, and the scale is the target's where it needs one.
    fn scheme(&self, target: Option<&Target>, images: bool) -> Result<Scheme, ProfileError> {
        let mut scheme: Scheme = self.table("quantizer", NOT_OF_SCHEME)?;
        if self.item("quantizer", "method").is_none() && images {
            scheme.method = Method::Calibrated;
        }
        let calibrated = scheme.method == Method::Calibrated;
        if self.item("quantizer", "correction").is_none() && calibrated {
            scheme.correction = Correction::Local;
        }
        if self.item("quantizer", "affine").is_none() && calibrated {
            scheme.affine = Affine::F16;
        }
        let refused = |name: &str, why: &str| Err(self.wrong("quantizer", name, why.to_owned()));
        if !images && calibrated {
            let why = "\"nearest\" in a profile without [data]: a calibrated quantizer needs images; add [data]";
            return refused("method", why);
        }
        if !images && scheme.correction != Correction::None {
            return refused(
                "correction",
                "\"none\" in a profile without [data]: a correction needs images; add [data]",
            );
        }
        if calibrated && scheme.rounding != Rounding::Nearest {
            let why = "\"nearest\" with quantizer.method = \"calibrated\", which chooses every integer by the layer's \
                       output; other roundings need quantizer.method = \"nearest\"";
            return refused("rounding", why);
        }
        if !calibrated && scheme.weighting != Weighting::None {
            return refused(
                "weighting",
                "\"none\" without quantizer.method = \"calibrated\"",
            );
        }
        if let Some((key, why)) = membrane::wrong(&scheme) {
            return refused(key, why);
        }
        let Some((target, scale)) = target.and_then(|t| Some((t, t.scale?))) else {
            return Ok(scheme);
        };
        if self.item("quantizer", "scale").is_some() && scheme.scale != scale {
            let why = format!(
                "target {} computes with another scale; leave this out, or choose another target",
                target.name
            );
            return Err(self.wrong("quantizer", "scale", why));
        }
        Ok(Scheme { scale, ..scheme })
    }

    /// A string of `[quantizer]`; none for an empty one.
    fn text(&self, name: &str) -> Option<&str> {
        let text = self.item("quantizer", name).and_then(Item::as_str);
        text.filter(|text| !text.is_empty())
    }

    fn evidence(&self) -> Result<Option<Evidence>, ProfileError> {
        let is_there = self.document.contains_key("evidence");
        is_there.then(|| self.table("evidence", &[])).transpose()
    }

    fn ties(&self) -> Vec<Tied> {
        let line = |(name, item): (&str, &Item)| match item.as_array() {
            None => item.as_bool().unwrap_or(false).then_some(Tied::Qkv),
            Some(list) => Some(Tied::Own {
                name: name.to_owned(),
                patterns: list
                    .iter()
                    .filter_map(|v| v.as_str().map(str::to_owned))
                    .collect(),
            }),
        };
        self.entries("ties").filter_map(line).collect()
    }

    /// The entries of a table.
    fn entries(&self, table: &str) -> impl Iterator<Item = (&str, &Item)> {
        let table = self.document.get(table).and_then(Item::as_table_like);
        table.into_iter().flat_map(|t| t.iter())
    }

    fn item(&self, table: &str, name: &str) -> Option<&Item> {
        self.document
            .get(table)
            .and_then(Item::as_table_like)?
            .get(name)
    }

    /// A table read by serde, without the keys that are read otherwise. Its keys and the kinds of
    /// their values have been checked before.
    fn table<T: DeserializeOwned>(&self, name: &str, except: &[&str]) -> Result<T, ProfileError> {
        let mut table = InlineTable::new();
        for (key, item) in self.entries(name) {
            if !except.contains(&key) {
                table.extend(item.as_value().map(|value| (key, value.clone())));
            }
        }
        T::deserialize(Value::InlineTable(table).into_deserializer()).map_err(|error| {
            let at = error.span().map(|span| span.start);
            let holds = |item: &Item| item.span().zip(at).is_some_and(|(s, at)| s.contains(&at));
            let key = self.entries(name).find(|(_, item)| holds(item));
            let key = key.map(|(key, _)| key);
            self.section(name, key, error.message().trim())
        })
    }

    /// An error of a table, at one of its keys where that is known.
    fn section(&self, table: &str, key: Option<&str>, message: impl ToString) -> ProfileError {
        let path: Vec<&str> = [table].into_iter().chain(key).collect();
        ProfileError::Section {
            place: self.source.place(&path),
            message: message.to_string(),
        }
    }

    /// The network: of a family, or of a graph file.
    fn model(&self) -> Result<(ModelSource, Graph), ProfileError> {
        if let Some(path) = self.item("model", "graph").and_then(Item::as_str) {
            return self.graph_file(Path::new(path));
        }
        let config = self.family()?;
        let graph = config.graph().map_err(|error| self.no_network(error))?;
        Ok((ModelSource::Family(config), graph))
    }

    fn graph_file(&self, path: &Path) -> Result<(ModelSource, Graph), ProfileError> {
        let others = self.entries("model").map(|(name, _)| name);
        let mut others = others.filter(|name| !["graph", "checkpoint"].contains(name));
        if let Some(other) = others.next() {
            let why = format!(
                "model.{other} and model.graph: a graph file says everything of the network but its weights; leave \
                 one of them out"
            );
            return Err(self.section("model", Some(other), why));
        }
        let wrong = |error: String| self.section("model", Some("graph"), error);
        let contents = Contents::open(path).map_err(|error| match error {
            CheckpointError::NotFound { path } => wrong(format!(
                "there is no graph file {}: correct model.graph (a relative path starts at the profile's folder), or \
                 put the file there",
                path.display()
            )),
            error => wrong(error.to_string()),
        })?;
        match contents.graph().map_err(|error| wrong(error.to_string()))? {
            Some(graph) => {
                let file = GraphFile::of(path.to_owned(), &graph);
                let shape = graph.input;
                if shape.height != shape.width && self.document.contains_key("data") {
                    return Err(wrong(format!(
                        "its input has {} rows and {} columns; images of [data] are square",
                        shape.height, shape.width
                    )));
                }
                Ok((ModelSource::File(file), graph))
            }
            None => Err(wrong(format!(
                "{} holds weights, but no graph: for a family's network name it as model.checkpoint, beside \
                 model.family and its sizes",
                path.display()
            ))),
        }
    }

    fn family(&self) -> Result<ModelConfig, ProfileError> {
        let name = self.item("model", "family").and_then(Item::as_str);
        let Some(family) = Family::ALL.into_iter().find(|f| Some(f.name()) == name) else {
            return Err(self.missing("family"));
        };
        let mut required = family.required_keys();
        if let Some(key) = required.find(|key| self.item("model", key).is_none()) {
            return Err(self.missing(key));
        }
        let table: ModelTable = self.table("model", &["checkpoint", "weights"])?;
        ModelConfig::try_from(table).map_err(|error| self.no_network(error))
    }

    /// The error of sizes that make no network.
    fn no_network(&self, error: ModelError) -> ProfileError {
        self.section("model", error.key, error)
    }

    fn data(&self) -> Result<Option<DataConfig>, ProfileError> {
        if !self.document.contains_key("data") {
            return Ok(None);
        }
        let table: DataTable = self.table("data", &[])?;
        let data = DataConfig::try_from(table);
        data.map(Some)
            .map_err(|error| self.section("data", Some(error.key), &error))
    }

    /// A key of `[model]` that is not there.
    fn missing(&self, name: &str) -> ProfileError {
        let known = KEYS.iter().find(|k| k.table == "model" && k.name == name);
        ProfileError::Missing {
            place: self.source.place(&["model", name]),
            key: dotted("model", name),
            expected: known.map(|k| expected(k.kind)).unwrap_or_default(),
        }
    }

    fn menu(&self) -> Vec<BitWidth> {
        let given = self.item("quantizer", "bits").and_then(Item::as_array);
        let mut menu: Vec<BitWidth> = match given {
            Some(array) => array.iter().filter_map(width_of).collect(),
            None => default_menu(),
        };
        menu.sort_unstable();
        menu.dedup();
        menu
    }

    fn search(&self, data: Option<&DataConfig>) -> Result<SearchConfig, ProfileError> {
        let mut search: SearchConfig = self.table("search", &[])?;
        if let Some(pair) = search.levels.windows(2).find(|w| w[0] >= w[1]) {
            let why = match pair[0] == pair[1] {
                true => "each level may stand there once",
                false => "levels go from coarse to fine: network, stage, block, layer",
            };
            return Err(self.wrong("search", "levels", why.to_owned()));
        }
        if let (Some(images), Screen::First(screen)) = (data.map(|d| d.search), search.screen) {
            if self.item("search", "screen").is_none() {
                search.screen = Screen::First(screen.min(images));
            } else if screen > images {
                let why = format!("the search split (data.search) has {images} images");
                return Err(self.wrong("search", "screen", why));
            }
        }
        Ok(search)
    }

    fn wrong(&self, table: &str, name: &str, expected: String) -> ProfileError {
        ProfileError::Value {
            place: self.source.place(&[table, name]),
            key: dotted(table, name),
            found: self.item(table, name).map(shown).unwrap_or_default(),
            expected,
        }
    }

    fn pins(&self) -> Result<Vec<Pin>, ProfileError> {
        let pins = self
            .entries("pins")
            .filter_map(|(pattern, item)| pin(pattern, item));
        pins.map(|pin| match pin.widths {
            AllowedWidths::Range(min, max) if min > max => {
                let why = format!("min = {min} is above max = {max}");
                Err(self.wrong("pins", &pin.pattern, why))
            }
            _ => Ok(pin),
        })
        .collect()
    }

    fn bits(&self, menu: &[BitWidth]) -> Result<BTreeMap<String, BitWidth>, ProfileError> {
        let mut bits = BTreeMap::new();
        for (name, item) in self.entries("bits") {
            let Some(width) = item.as_value().and_then(width_of) else {
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
    let widths = [1, 2, 3, 4, 5, 6, 8].into_iter();
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
    if let Some(width) = item.as_value().and_then(width_of) {
        return Some(Pin::fixed(pattern, width));
    }
    if let Some(list) = item.as_array() {
        let widths: Option<Vec<BitWidth>> = list.iter().map(width_of).collect();
        return Some(Pin::list(pattern, widths?));
    }
    let table: &dyn TableLike = item.as_table_like()?;
    let bound = |name: &str| table.get(name).and_then(Item::as_value).and_then(width_of);
    Some(Pin::bounds(pattern, bound("min"), bound("max")))
}
