//! Which network a checkpoint's tensors are of.
//!
//! A [`Row`] says where a family's layout keeps its sizes. From them a network is built, and only
//! one whose tensors are exactly the file's counts as recognised. What weights do not tell (heads,
//! time steps, the image's size) is taken from what the authors published, and said to be assumed.

mod advice;
mod alike;

use std::borrow::Cow;

use super::Mismatch;
use super::differences::{Found, Tensors, differences};
pub use crate::network::Shapes;
use crate::network::{Family, Graph, ModelConfig, Row};
pub(super) use advice::advice;
pub use alike::{cannot_tell, taken_for};

/// A network whose tensors a checkpoint may hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The keys of `[model]` but for the checkpoint, in the order in which profiles write them.
    pub settings: Vec<Setting>,
    /// The network that they describe.
    pub model: ModelConfig,
    /// Its graph.
    pub graph: Graph,
}

/// A key of `[model]` with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// The value.
    pub value: toml::Value,
    /// How it is known.
    pub known: Evidence,
}

/// How a value is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// From the names of the tensors.
    Names,
    /// From a tensor.
    Tensor(String),
    /// The tensors fit any other value as well; why this one.
    Assumed(Cow<'static, str>),
}

/// The recognition of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recognition {
    /// The networks that have exactly these tensors.
    pub candidates: Vec<Candidate>,
    /// Where there are none: the network that differs least, and in what.
    pub nearest: Option<(Candidate, Mismatch)>,
}

impl Candidate {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&toml::Value> {
        let setting = self.settings.iter().find(|s| s.key == key)?;
        Some(&setting.value)
    }

    /// Family and layout, in words.
    pub fn name(&self) -> String {
        let text = |key| self.get(key).and_then(toml::Value::as_str);
        let mut name = text("family").unwrap_or_default().to_owned();
        for key in ["layout", "size"] {
            if let Some(value) = text(key) {
                name.push_str(&format!(", {key} {value}"));
            }
        }
        name
    }

    /// The settings that the tensors tell.
    pub fn told(&self) -> impl Iterator<Item = &Setting> {
        let assumed = |s: &Setting| matches!(s.known, Evidence::Assumed(_));
        self.settings.iter().filter(move |s| !assumed(s))
    }
}

/// Every layout of every family.
fn rows() -> impl Iterator<Item = (Family, &'static Row)> {
    let families = Family::ALL.into_iter();
    families.flat_map(|family| family.rows().iter().map(move |row| (family, row)))
}

/// Finds the networks that have tensors of these keys and shapes.
pub fn recognise(shapes: &Shapes) -> Recognition {
    let mut found = Recognition::default();
    for (family, row) in rows() {
        let Some(candidate) = candidate(family, row, shapes) else {
            continue;
        };
        let differs = differences(&Named(shapes), &candidate.graph);
        if differs.is_harmless() {
            found.candidates.push(candidate);
            continue;
        }
        let count = |m: &Mismatch| m.missing.len() + m.unexpected.len() + m.wrong_shape.len();
        let nearer = found
            .nearest
            .as_ref()
            .is_none_or(|(_, m)| count(&differs) < count(m));
        // A network that shares less than half of the tensors is not near.
        if nearer && 2 * differs.missing.len() < candidate.graph.tensors.len() {
            found.nearest = Some((candidate, differs));
        }
    }
    if !found.candidates.is_empty() {
        found.nearest = None;
    }
    found
}

/// The graphs of the networks that differ from these tensors in keys of a prefix at most.
pub(super) fn like(shapes: &Shapes, prefix: &str) -> Vec<Graph> {
    let graphs = rows().filter_map(|(family, row)| {
        let graph = candidate(family, row, shapes)?.graph;
        let differs = differences(&Named(shapes), &graph);
        let shapes = differs.wrong_shape.iter().map(|wrong| &wrong.key);
        let keys = differs.missing.iter().chain(&differs.unexpected);
        let here = |key: &String| key.starts_with(prefix);
        keys.chain(shapes).all(here).then_some(graph)
    });
    graphs.collect()
}

/// The network of a row with the sizes of these tensors; none where they lack sizes or there is no
/// such network.
fn candidate(family: Family, row: &Row, shapes: &Shapes) -> Option<Candidate> {
    let mut settings = vec![Setting {
        key: "family",
        value: family.name().into(),
        known: Evidence::Names,
    }];
    settings.extend(row.fixed.iter().map(|(key, text)| Setting {
        key,
        value: (*text).into(),
        known: Evidence::Names,
    }));
    let sizes = row.sizes().into_iter();
    let told: Vec<_> = sizes
        .map(|(key, size)| (key, size, size.stored.find(shapes)))
        .collect();
    let has = |key: &str, number: i64| {
        let found = told.iter().find(|(of, ..)| *of == key);
        found.and_then(|(.., told)| told.as_ref()?.0.as_integer()) == Some(number)
    };
    if row.two_channels && !has("in_channels", 2) {
        return None;
    }
    for (key, size, told) in &told {
        let (value, known) = match told {
            Some((value, tensor)) => (value.clone(), Evidence::Tensor(tensor.clone())),
            None => {
                let published = size.published.iter();
                let holds = published.filter(|(key, number, _)| has(key, *number));
                let mut assumed = holds.map(|(.., assumed)| *assumed).chain(size.otherwise);
                let (value, because) = assumed.next()?;
                (value.value(), Evidence::Assumed(because.into()))
            }
        };
        settings.push(Setting { key, value, known });
    }
    build(settings)
}

/// Heads to be assumed where the published number does not divide a width.
const HEADS: [i64; 7] = [8, 6, 4, 3, 2, 5, 1];

fn build(mut settings: Vec<Setting>) -> Option<Candidate> {
    let mut others = HEADS.iter();
    loop {
        let table = settings.iter().map(|s| (s.key.to_owned(), s.value.clone()));
        let model: ModelConfig = table.collect::<toml::Table>().try_into().ok()?;
        match model.graph() {
            Ok(graph) => {
                return Some(Candidate {
                    settings,
                    model,
                    graph,
                });
            }
            Err(error) if error.key == Some("num_heads") => {
                let heads = settings.iter_mut().find(|s| s.key == "num_heads")?;
                heads.value = (*others.next()?).into();
                heads.known =
                    Evidence::Assumed("no number that divides the width is published".into());
            }
            Err(_) => return None,
        }
    }
}

/// Shapes alone, to be compared with a graph.
struct Named<'a>(&'a Shapes);

impl Tensors for Named<'_> {
    fn origin(&self) -> &str {
        ""
    }
    fn find(&self, key: &str) -> Found<'_> {
        self.0
            .get(key)
            .map_or(Found::Nothing, |shape| Found::Float(shape))
    }
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
