//! The worker's side: evaluators from a context.

use std::path::{Component, Path, PathBuf};

use super::sent::{CHECKPOINT, CODES, GRAPH, IMAGES, PARTS};
use super::{document, id, parts};
use crate::cluster::{ClusterError, Context, Maker};
use crate::data::Loading;
use crate::evaluate::{Evaluator, Split};
use crate::profile::{Paths, Profile};
use crate::run::evaluators::{EvaluatorOptions, local_evaluator};
use crate::run::self_check::self_check;
use crate::run::{Prepared, RunError, SearchProblem, SideFileError};

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
    let of_key = |wanted: &str| files.iter().find(|(key, _)| key == wanted);
    let parts_of_checkpoint = gathered(files)?;
    let checkpoint = parts_of_checkpoint.as_ref().map(|(_, path)| path.as_path());
    let text = with_files(&context.profile, files, checkpoint)?;
    let profile = Profile::parse(&text, Path::new("/cluster.toml"))?;
    let cache = Paths::from_env().ok().map(|paths| paths.cache());
    let loading = Loading {
        cache: cache.as_deref(),
        without_test: context.without_test,
        decoded: of_key(IMAGES).map(|(_, path)| path.as_path()),
        ..Loading::default()
    };
    let problem = SearchProblem::from(profile);
    let mut prepared = match &context.fixed {
        Some(allocation) => {
            let split = match context.without_test {
                true => Split::Search,
                false => Split::Test,
            };
            let mut unusable = None;
            let mut note = |why: &SideFileError| unusable = Some(why.to_string());
            let prepared = Prepared::load_for(problem, loading, (allocation, split), &mut note)?;
            if let Some(why) = unusable {
                return Err(ClusterError::Unsendable(why).into());
            }
            prepared
        }
        None => Prepared::load(problem, loading)?,
    };
    prepared.settings.search_order = context.search_order;
    let contents = prepared.contents();
    let found = parts(&prepared, &contents, &context.files);
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
    local_evaluator(prepared, options)
}

/// The files of a checkpoint in several, under their own names in a folder of their own, which
/// lasts until they are read, and what the profile shall name: the index, which comes first, or the
/// folder. None for a checkpoint in one file.
fn gathered(files: &[(String, PathBuf)]) -> Result<Option<(tempfile::TempDir, PathBuf)>, RunError> {
    let of_checkpoint = |(key, path): &(String, PathBuf)| {
        let name = PathBuf::from(key.strip_prefix(PARTS)?);
        Some((name, path.clone()))
    };
    let all: Vec<(PathBuf, PathBuf)> = files.iter().filter_map(of_checkpoint).collect();
    let Some((first, _)) = all.first() else {
        return Ok(None);
    };
    let folder =
        tempfile::tempdir().map_err(RunError::io("make a folder in", &std::env::temp_dir()))?;
    for (name, path) in &all {
        let mut parts = name.components();
        let (Some(Component::Normal(_)), None) = (parts.next(), parts.next()) else {
            let why = format!("{} is no name of a file", name.display());
            return Err(ClusterError::Unsendable(why).into());
        };
        let place = folder.path().join(name);
        #[cfg(unix)]
        let linked = std::os::unix::fs::symlink(path, &place);
        #[cfg(not(unix))]
        let linked = std::fs::copy(path, &place).map(|_| ());
        linked.map_err(RunError::io("gather", &place))?;
    }
    let named = match first.extension().is_some_and(|ending| ending == "json") {
        true => folder.path().join(first),
        false => folder.path().to_owned(),
    };
    Ok(Some((folder, named)))
}

/// A profile that names files where they are on this machine.
fn with_files(
    text: &str,
    files: &[(String, PathBuf)],
    checkpoint: Option<&Path>,
) -> Result<String, RunError> {
    let unreadable = |why: String| RunError::from(ClusterError::Unsendable(why));
    let mut document = document(text)?;
    let checkpoint = checkpoint.map(|path| (CHECKPOINT, path));
    let files = files
        .iter()
        .map(|(key, path)| (key.as_str(), path.as_path()));
    for (key, path) in files.chain(checkpoint) {
        let path = path
            .to_str()
            .ok_or_else(|| unreadable(format!("{} is not Unicode", path.display())))?;
        match key {
            IMAGES => {}
            key if key.starts_with(PARTS) => {}
            GRAPH => document["model"]["graph"] = toml_edit::value(path),
            CODES => document["quantizer"]["codes"] = toml_edit::value(path),
            CHECKPOINT => document["model"]["checkpoint"] = toml_edit::value(path),
            other => return Err(unreadable(format!("{other} names no file"))),
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_take_the_places_of_those_of_the_search() {
        let text = "[model]\ncheckpoint = \"/there/weights\"\n";
        let here = [(
            "model.checkpoint".to_owned(),
            PathBuf::from("/here/hash.file"),
        )];
        let changed = with_files(text, &here, None).expect("a profile");
        assert_eq!(changed, "[model]\ncheckpoint = \"/here/hash.file\"\n");
        let other = [("data.images".to_owned(), PathBuf::from("/etc/passwd"))];
        assert!(with_files(text, &other, None).is_err());
    }
}
