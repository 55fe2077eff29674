//! A search on other machines: what workers need is said in a context, and workers make the same
//! evaluators from it.

mod made;
mod sent;

use std::path::PathBuf;
use std::sync::Arc;

pub use made::worker_maker;

use super::RunError;
use super::evaluators::{EvaluatorOptions, Made, local_evaluators};
use super::prepare::Prepared;
use super::results::{Contents, hash};
use super::worker_pool::Crew;
use crate::cluster::{
    ClusterError, Context, Coordinator, FileContent, Login, RemoteEvaluator, Wish,
};
use crate::evaluate::{Evaluator, Split};
use crate::profile::Profile;
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
    /// How many workers may be at questions that other answers may make useless.
    pub guesses: usize,
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
    let needs_images = prepared.profile.scheme.needs_images() && prepared.fixed.is_none();
    if needs_images && cfg!(feature = "torch") {
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
        guesses: cluster.guesses,
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
    let fixed = prepared.fixed.as_ref();
    if fixed.is_none() {
        profile.codes = None;
        profile.bits.clear();
    }
    profile.calibration_hash = None;
    profile.target = None;
    profile.pins.clear();
    profile.ties.clear();
    profile.evidence = None;
    let sent = sent::files(prepared, &profile)?;
    let (files, paths): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
    let text = spelled(&profile)?;
    let parts = parts(prepared, contents, &files);
    let context = Context {
        context: id(&parts),
        profile: text,
        without_test: prepared.splits.test.is_none(),
        search_order: prepared.settings.search_order,
        parts,
        fixed: fixed.map(|fixed| fixed.allocation.clone()),
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
fn parts(prepared: &Prepared, contents: &Contents, files: &[FileContent]) -> Vec<(String, String)> {
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
    // It is found by its content, so that what differs is whether there is one.
    if let Some(codes) = files.iter().find(|file| file.key == sent::CODES) {
        parts.push((
            "the file of quantized layers".to_owned(),
            codes.hash.clone(),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

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
}
