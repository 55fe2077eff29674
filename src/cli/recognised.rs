//! The network of a checkpoint that is named without a profile.

use anyhow::{Result, bail};

use crate::checkpoint::{Candidate, Evidence, Recognition, WeightsChoice};
use crate::profile::Overrides;

/// The keys of `[model]` by which the user can choose among networks that fit.
const CHOICES: [&str; 3] = ["family", "layout", "size"];

/// The choice among the weights of a checkpoint that `--set` makes.
pub fn weights(overrides: &Overrides) -> WeightsChoice {
    let word = overrides.get(&["model", "weights"]);
    let word = word.and_then(|value| value.as_str()?.parse().ok());
    word.unwrap_or_default()
}

/// The networks that fit, without those that `--set` rules out.
pub fn left<'a>(recognition: &'a Recognition, overrides: &Overrides) -> Vec<&'a Candidate> {
    let agrees = |candidate: &&Candidate| {
        CHOICES.iter().all(|key| {
            let given = overrides.get(&["model", key]).and_then(|v| v.as_str());
            let has = candidate.get(key).and_then(|v| v.as_str());
            given.is_none_or(|given| has == Some(given))
        })
    };
    recognition.candidates.iter().filter(agrees).collect()
}

/// The only network that fits.
///
/// # Errors
/// Where none fits, or several do.
pub fn only<'a>(
    origin: &str,
    recognition: &'a Recognition,
    overrides: &Overrides,
) -> Result<&'a Candidate> {
    match left(recognition, overrides).as_slice() {
        [only] => Ok(only),
        [] if recognition.candidates.is_empty() => {
            bail!(
                "{origin} holds no network that is recognised{}; write a profile with its sizes (`aq4svit profiles show \
                 reference` explains the keys)",
                nearest(recognition)
            )
        }
        [] => bail!(
            "{origin} holds {}, not what --set says of it",
            names(&recognition.candidates.iter().collect::<Vec<_>>())
        ),
        several => bail!(
            "{origin} fits several networks: {}; say which one by {}",
            names(several),
            choices(several)
        ),
    }
}

/// The nearest network, as a part of a sentence.
pub fn nearest(recognition: &Recognition) -> String {
    match &recognition.nearest {
        None => String::new(),
        Some((nearest, differs)) => {
            let lists = differs.lists().replace("\n  ", "; ");
            let lists = lists.trim_start_matches("; ");
            format!(" (the nearest is {}: {lists})", nearest.name())
        }
    }
}

/// The settings that choose one of the networks, as in
/// `--set model.layout=dvs or --set model.layout=imagenet`.
pub fn choices(candidates: &[&Candidate]) -> String {
    let differing = CHOICES.iter().find(|key| {
        let values: Vec<_> = candidates.iter().map(|c| c.get(key)).collect();
        values.windows(2).any(|pair| pair[0] != pair[1])
    });
    let Some(key) = differing else {
        return "a separate profile".to_owned();
    };
    let values = candidates.iter().filter_map(|c| c.get(key)?.as_str());
    let mut choices: Vec<String> = values.map(|v| format!("--set model.{key}={v}")).collect();
    if choices.len() < candidates.len() {
        choices.push("a separate profile".to_owned());
    }
    choices.join(" or ")
}

fn names(candidates: &[&Candidate]) -> String {
    let names: Vec<String> = candidates.iter().map(|c| c.name()).collect();
    names.join("; ")
}

/// The assumptions that the user has not set, one sentence each.
pub fn assumptions(candidate: &Candidate, overrides: &Overrides) -> Vec<String> {
    let open = candidate
        .settings
        .iter()
        .filter(|s| overrides.get(&["model", s.key]).is_none());
    let told = open.filter_map(|s| match &s.known {
        Evidence::Assumed(because) => Some(format!(
            "the weights do not determine model.{key}, {value} is assumed ({because}); --set model.{key}=... changes it",
            key = s.key,
            value = s.value
        )),
        _ => None,
    });
    told.collect()
}
