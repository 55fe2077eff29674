//! The inspection of a checkpoint without a profile: its tensors and its network.

use std::fmt::Write as _;

use serde::Serialize;

use super::report::Inspection;
use crate::checkpoint::{
    Candidate, Contents, Evidence, Mismatch, Recognition, Setting, Shapes, cannot_tell,
};
use crate::cli::recognised;
use crate::profile::{Checkpoint, Profile, SHIPPED};
use crate::text::numbers::count;
use crate::text::table::columns;

/// The inspection of a checkpoint: the object of `inspect --json`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "inspection")]
pub struct Bare {
    /// The file.
    pub checkpoint: String,
    /// The key of its root under which the tensors are.
    pub under: Option<String>,
    /// Other keys of the root that hold tensors of a network.
    pub unused: Vec<String>,
    /// Modules whose tensors have older names, and were matched by their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<String>,
    /// What all keys began with, and are here without.
    pub prefix: Option<String>,
    /// Tensors that no network has, by their keys in the file.
    pub left_out: Vec<String>,
    /// What a person should know of how the weights were found, in sentences.
    pub notes: Vec<String>,
    /// How many numbers the floating-point tensors have.
    pub numbers: u64,
    /// Its floating-point tensors by key.
    pub tensors: Vec<Tensor>,
    /// The networks that have exactly these tensors.
    pub candidates: Vec<Network>,
    /// Where there are none: the network that differs least, and in what.
    pub nearest: Option<Nearest>,
    /// What keys and shapes do not tell of the networks, a sentence for each family.
    pub cannot_tell: Vec<String>,
    /// The shipped profiles whose network has exactly these tensors.
    pub matches: Vec<&'static str>,
}

/// The network that differs least from the tensors of a file.
#[derive(Debug, Serialize)]
pub struct Nearest {
    /// Family and layout in words.
    pub name: String,
    /// Its keys that the file lacks.
    pub missing: Vec<String>,
    /// Keys of the file that it does not have.
    pub unexpected: Vec<String>,
    /// Keys of the tensors of other shapes.
    pub of_other_shapes: Vec<String>,
}

/// One tensor.
#[derive(Debug, Serialize)]
pub struct Tensor {
    /// Its key.
    pub key: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// A network.
#[derive(Debug, Serialize)]
pub struct Network {
    /// Family and layout in words.
    pub name: String,
    /// The keys of `[model]`.
    pub settings: Vec<Told>,
}

/// A key of `[model]`.
#[derive(Debug, Serialize)]
pub struct Told {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: toml::Value,
    /// The tensor that tells it.
    pub tensor: Option<String>,
    /// Why it is assumed, where no tensor tells it.
    pub assumed: Option<String>,
}

impl Bare {
    /// Looks at a checkpoint. `left` are the networks that it may be.
    pub fn of(
        checkpoint: &Checkpoint,
        contents: &Contents,
        shapes: &Shapes,
        recognition: &Recognition,
        left: &[&Candidate],
    ) -> Self {
        let mut families: Vec<&str> = left.iter().map(|c| c.model.family().name()).collect();
        families.dedup();
        let tensors = shapes.iter().map(|(key, shape)| Tensor {
            key: key.clone(),
            shape: shape.clone(),
        });
        Bare {
            checkpoint: checkpoint.to_string(),
            under: contents.under().map(str::to_owned),
            unused: contents.unused().to_vec(),
            renamed: contents.renamed().to_vec(),
            prefix: contents.prefix().map(str::to_owned),
            left_out: contents.left_out().to_vec(),
            notes: contents.notes(),
            numbers: contents.numbers(),
            tensors: tensors.collect(),
            candidates: left.iter().map(|c| Network::of(c)).collect(),
            nearest: recognition.nearest.as_ref().map(Nearest::of),
            cannot_tell: families.into_iter().map(cannot_tell).collect(),
            matches: matching(contents),
        }
    }

    /// The object of `--json`, with the inspection of the network where it is known.
    ///
    /// # Errors
    /// Never for these types.
    pub fn json(&self, network: Option<&Inspection>) -> serde_json::Result<String> {
        let mut object = serde_json::to_value(self)?;
        let network = network.map(serde_json::to_value).transpose()?;
        if let (Some(object), Some(serde_json::Value::Object(network))) =
            (object.as_object_mut(), network)
        {
            object.extend(network);
        }
        Ok(format!("{object}\n"))
    }

    /// The contents of the file as text.
    pub fn head(&self) -> String {
        let mut out = format!(
            "{}: {} floating-point tensors, {} numbers",
            self.checkpoint.escape_debug(),
            self.tensors.len(),
            count(self.numbers)
        );
        if let Some(under) = &self.under {
            let _ = write!(out, ", under `{}`", under.escape_debug());
        }
        out.push('\n');
        for key in &self.unused {
            let key = key.escape_debug();
            let _ = writeln!(
                out,
                "It also has tensors under `{key}`, which are not read."
            );
        }
        if !self.renamed.is_empty() {
            let _ = writeln!(
                out,
                "Tensors of {} have older names; their order and shapes tell which they are.",
                self.renamed.join(", ")
            );
        }
        for sentence in &self.notes {
            let _ = writeln!(out, "Note: {sentence}.");
        }
        out
    }

    /// What keys and shapes do not tell, a line for each family.
    pub fn cannot_tell(&self) -> String {
        let lines = self.cannot_tell.iter();
        lines.map(|line| format!("Note: {line}.\n")).collect()
    }

    /// All tensors, one a line.
    pub fn list(&self) -> String {
        let tensors = self.tensors.iter();
        let row = |t: &Tensor| vec![t.key.escape_debug().to_string(), format!("{:?}", t.shape)];
        columns(&tensors.map(row).collect::<Vec<_>>(), "  ", |_| false)
    }

    /// The shipped profiles of these tensors, as a line; empty without one.
    pub fn profiles(&self) -> String {
        match self.matches.as_slice() {
            [] => String::new(),
            names => format!(
                "A shipped profile has this network and the authors' evaluation: {}\n",
                names.join(", ")
            ),
        }
    }

    /// That no network is recognised, or that several are.
    pub fn undecided(&self, recognition: &Recognition, left: &[&Candidate]) -> String {
        match left {
            [] => format!(
                "No network is recognised{}\nTo use these tensors, write a profile with their sizes; \
                 `aq4svit profiles show reference`\nexplains its keys.\n",
                nearest(recognition)
            ),
            several => format!(
                "These are the tensors of several networks; say which one by {}.\n",
                recognised::choices(several)
            ),
        }
    }
}

/// The end of a sentence that says that no network is recognised.
fn nearest(recognition: &Recognition) -> String {
    match &recognition.nearest {
        None => ".".to_owned(),
        Some((nearest, differs)) => {
            let lists = differs.lists();
            format!(
                ". The nearest is {}, from which it differs:{lists}",
                nearest.name()
            )
        }
    }
}

impl Nearest {
    fn of((candidate, differs): &(Candidate, Mismatch)) -> Self {
        let shapes = differs.wrong_shape.iter();
        Nearest {
            name: candidate.name(),
            missing: differs.missing.clone(),
            unexpected: differs.unexpected.clone(),
            of_other_shapes: shapes.map(|t| t.key.clone()).collect(),
        }
    }
}

impl Network {
    fn of(candidate: &Candidate) -> Self {
        Network {
            name: candidate.name(),
            settings: candidate.settings.iter().map(Told::of).collect(),
        }
    }
}

impl Told {
    fn of(setting: &Setting) -> Self {
        let (tensor, assumed) = match &setting.known {
            Evidence::Names => (None, None),
            Evidence::Tensor(tensor) => (Some(tensor.clone()), None),
            Evidence::Assumed(because) => (None, Some(because.to_string())),
        };
        Told {
            key: setting.key,
            value: setting.value.clone(),
            tensor,
            assumed,
        }
    }
}

/// The shipped profiles with these tensors, without `reference`, which repeats the demo's network.
fn matching(contents: &Contents) -> Vec<&'static str> {
    let fits = |text: &str, name: &'static str| {
        let graph = Profile::parse(text, name.as_ref()).ok()?.graph();
        contents.check(&graph).ok().map(|()| name)
    };
    let shipped = SHIPPED.iter().filter(|(name, _)| *name != "reference");
    shipped
        .filter_map(|(name, text)| fits(text, name))
        .collect()
}
