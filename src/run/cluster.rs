//! A search on other machines: what workers need is said in a context, and workers make the same
//! evaluators from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::evaluators::{EvaluatorOptions, Made, local_evaluators};
use super::prepare::Prepared;
use super::results::{Contents, hash};
use super::self_check::self_check;
use super::worker_pool::Crew;
use super::{RunError, SearchProblem};
use crate::cluster::{
    ClusterError, Context, Coordinator, FileContent, Login, Maker, RemoteEvaluator, Wish, file_hash,
};
use crate::data::Loading;
use crate::evaluate::{Evaluator, Split};
use crate::profile::{Checkpoint, Paths, Profile};
use crate::quant::Scheme;

/// Raised when a context means something else than before.
const VERSION: u32 = 1;
/// Evaluations that may be under way at the same time unless asked otherwise: workers may come at
/// any time.
const SLOTS: usize = 64;

/// Whom to tell what is waited for.
#[derive(Clone)]
pub struct Say(pub Arc<dyn Fn(&str) + Send + Sync>);

impl std::fmt::Debug for Say {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Say")
    }
}

/// It is no part of what is asked for.
impl PartialEq for Say {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Say {}

/// The machines that evaluate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterOptions {
    /// Their server, and what lets in.
    pub login: Login,
    /// The arithmetic to go by; none for that of the workers that are there.
    pub numerics: Option<String>,
    /// Whom to tell what is waited for.
    pub say: Say,
}

/// Evaluators whose work is done by the workers of a cluster.
pub(super) fn evaluators(
    prepared: Prepared,
    options: &EvaluatorOptions,
    cluster: &ClusterOptions,
    contents: &Contents,
) -> Result<Made, RunError> {
    let (context, files) = context(&prepared, contents)?;
    let wish = Wish {
        login: cluster.login.clone(),
        context,
        files,
        name: prepared.profile.name.clone(),
        numerics: cluster.numerics.clone(),
    };
    let coordinator = Coordinator::begin(wish, &*cluster.say.0)?;
    let numerics = &coordinator.facts().numerics;
    // Only quantized layers that depend on images need an evaluator here, for the files beside
    // results: and only one that computes as the workers do makes the same.
    let mut local = None;
    if prepared.profile.scheme.needs_images() && cfg!(feature = "torch") {
        let here = EvaluatorOptions {
            cluster: None,
            workers: Some(1),
            ..options.clone()
        };
        let made = local_evaluators(prepared, &here, contents)?
            .into_iter()
            .next();
        local = made.filter(|evaluator| evaluator.numerics() == *numerics);
    }
    let crew = Crew {
        able: Arc::clone(coordinator.live()),
        news: coordinator.news.clone(),
    };
    let slots = options.workers.unwrap_or(SLOTS).max(1);
    let mut all: Vec<Box<dyn Evaluator>> = Vec::with_capacity(slots);
    for _ in 0..slots {
        let remote = RemoteEvaluator::new(coordinator.clone(), local.take());
        all.push(Box::new(remote));
    }
    Ok((all, Some(crew)))
}

/// What workers make their evaluators from, and the files that they may lack.
fn context(prepared: &Prepared, contents: &Contents) -> Result<(Context, Vec<PathBuf>), RunError> {
    // What only the search depends on is left out, so that searches of one network share workers.
    let mut profile = prepared.profile.clone();
    profile.published = Default::default();
    profile.codes = None;
    profile.calibration_hash = None;
    profile.target = None;
    profile.pins.clear();
    profile.ties.clear();
    profile.bits.clear();
    profile.evidence = None;
    let mut named: Vec<(&str, &Path)> = Vec::new();
    if let Some(graph) = profile.model.file() {
        named.push(("model.graph", &graph.path));
    }
    if let Some(Checkpoint::File(path)) = &profile.checkpoint
        && profile.model.file().is_none_or(|graph| graph.path != *path)
    {
        named.push(("model.checkpoint", path));
    }
    // Checkpoints in several files are read from a disk that workers share.
    named.retain(|(_, path)| path.is_file() && path.extension().is_none_or(|e| e != "json"));
    let file = |(key, path): &(&str, &Path)| {
        let (hash, bytes) = file_hash(path).map_err(RunError::io("read", path))?;
        Ok(FileContent {
            key: (*key).to_owned(),
            path: path.display().to_string(),
            hash,
            bytes,
        })
    };
    let files = named
        .iter()
        .map(file)
        .collect::<Result<Vec<_>, RunError>>()?;
    let paths = named.iter().map(|(_, path)| path.to_path_buf()).collect();
    let text = spelled(&profile)?;
    let parts = parts(prepared, contents);
    let context = Context {
        context: id(&parts),
        profile: text,
        without_test: prepared.splits.test.is_none(),
        search_order: prepared.settings.search_order,
        parts,
        files,
    };
    Ok((context, paths))
}

/// A profile as text that is read as the same one. What a section leaves out because earlier
/// versions did is written: a reader's default for it may be another one.
fn spelled(profile: &Profile) -> Result<String, RunError> {
    let text = profile.to_toml();
    let text = text.map_err(|e| ClusterError::Unsendable(e.to_string()))?;
    let mut document = document(&text)?;
    let Scheme {
        method,
        correction,
        weighting,
        damping,
        ..
    } = profile.scheme;
    let named = [
        ("method", serde_json::to_value(method)),
        ("correction", serde_json::to_value(correction)),
        ("weighting", serde_json::to_value(weighting)),
    ];
    for (key, value) in named {
        // Names without content are written as their names.
        if let Some(name) = value.ok().as_ref().and_then(|value| value.as_str()) {
            document["quantizer"][key] = toml_edit::value(name);
        }
    }
    document["quantizer"]["damping"] = toml_edit::value(damping);
    Ok(document.to_string())
}

fn document(text: &str) -> Result<toml_edit::DocumentMut, RunError> {
    let document = text.parse();
    let why = |e: toml_edit::TomlError| ClusterError::Unsendable(e.to_string());
    Ok(document.map_err(why)?)
}

/// The name of a context.
fn id(parts: &[(String, String)]) -> String {
    hash(&(VERSION, parts))
}

/// Content hashes of all that answers depend on, each with its name.
fn parts(prepared: &Prepared, contents: &Contents) -> Vec<(String, String)> {
    let settings = &prepared.settings;
    let mut parts = vec![(
        "the network, its weights or its quantizer".to_owned(),
        contents.network.clone(),
    )];
    if let Some(layers) = &contents.layers {
        parts.push((
            "what quantized layers are made from".to_owned(),
            layers.clone(),
        ));
    }
    for split in Split::ALL {
        let of = &contents.images[split as usize];
        parts.push((
            format!("the images of the {} split", split.name()),
            of.clone(),
        ));
    }
    let how = (
        &settings.space.menu,
        settings.search_order,
        settings.calibration_images,
        settings.gate.proxy_images,
    );
    parts.push(("how it is evaluated".to_owned(), hash(&how)));
    parts
}

/// Makes the evaluators of a worker.
pub fn worker_maker(options: EvaluatorOptions) -> Maker {
    Box::new(move |context, files| {
        let made = make(context, files, &options);
        made.map_err(|error| error.to_string())
    })
}

fn make(
    context: &Context,
    files: &[(String, PathBuf)],
    options: &EvaluatorOptions,
) -> Result<Box<dyn Evaluator>, RunError> {
    let text = with_files(&context.profile, files)?;
    let profile = Profile::parse(&text, Path::new("/cluster.toml"))?;
    let cache = Paths::from_env().ok().map(|paths| paths.cache());
    let loading = Loading {
        cache: cache.as_deref(),
        without_test: context.without_test,
        ..Loading::default()
    };
    let mut prepared = Prepared::load(SearchProblem::from(profile), loading)?;
    prepared.settings.search_order = context.search_order;
    let contents = prepared.contents();
    let found = parts(&prepared, &contents);
    let differs = context
        .parts
        .iter()
        .zip(&found)
        .find(|(there, here)| there != here);
    if let Some(((name, there), (_, here))) = differs {
        return Err(ClusterError::Differs {
            what: name.clone(),
            there: there.clone(),
            here: here.clone(),
        }
        .into());
    }
    if id(&found) != context.context {
        return Err(ClusterError::Differs {
            what: "what is to be evaluated".to_owned(),
            there: context.context.clone(),
            here: id(&found),
        }
        .into());
    }
    if options.self_check && cfg!(feature = "torch") {
        self_check(&prepared, options)?;
    }
    let made = local_evaluators(prepared, options, &contents)?;
    made.into_iter().next().ok_or(RunError::NoTorch)
}

/// A profile that names files where they are on this machine.
fn with_files(text: &str, files: &[(String, PathBuf)]) -> Result<String, RunError> {
    let unreadable = |why: String| RunError::from(ClusterError::Unsendable(why));
    let mut document = document(text)?;
    for (key, path) in files {
        let path = path
            .to_str()
            .ok_or_else(|| unreadable(format!("{} is not Unicode", path.display())))?;
        match key.as_str() {
            "model.graph" => document["model"]["graph"] = toml_edit::value(path),
            "model.checkpoint" => document["model"]["checkpoint"] = toml_edit::value(path),
            other => return Err(unreadable(format!("{other} names no file"))),
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_arrives_as_it_was_sent() {
        for (name, text) in crate::profile::SHIPPED {
            for method in ["nearest", "calibrated"] {
                let profile = Profile::parse(text, Path::new("/p.toml")).expect(name);
                let mut changed = document(&spelled(&profile).expect(name)).expect(name);
                changed["quantizer"]["method"] = toml_edit::value(method);
                changed["quantizer"]["correction"] = toml_edit::value("none");
                let sent = Profile::parse(&changed.to_string(), Path::new("/p.toml")).expect(name);
                let text = spelled(&sent).expect(name);
                let arrived = Profile::parse(&text, Path::new("/cluster.toml")).expect(name);
                assert_eq!(arrived, sent, "{name}, {method}");
            }
        }
    }

    #[test]
    fn files_take_the_places_of_those_of_the_search() {
        let text = "[model]\ncheckpoint = \"/there/weights\"\n";
        let here = [(
            "model.checkpoint".to_owned(),
            PathBuf::from("/here/hash.file"),
        )];
        let changed = with_files(text, &here).expect("a profile");
        assert_eq!(changed, "[model]\ncheckpoint = \"/here/hash.file\"\n");
        let other = [("data.images".to_owned(), PathBuf::from("/etc/passwd"))];
        assert!(with_files(text, &other).is_err());
    }
}
