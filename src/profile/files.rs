//! The settings of a profile that name files, and where their paths start.

use std::path::{Component, Path, PathBuf};

use toml_edit::{DocumentMut, Value};

use super::keys::{KEYS, Key};
use super::kind::Kind;
use super::target::Target;

/// The prefix of resources that are embedded in the program.
pub(crate) const BUILTIN: &str = "builtin:";

/// A folder whose name is not Unicode: TOML has no way to write it.
#[derive(Debug)]
pub(crate) struct NotUnicode(pub(crate) PathBuf);

/// Makes the paths of one setting absolute, if it names files: relative ones start from `folder`.
///
/// # Errors
/// [`NotUnicode`].
pub(crate) fn make_absolute(
    path: &[String],
    value: &mut Value,
    folder: &Path,
) -> Result<(), NotUnicode> {
    match path {
        [table, name] if names_files(table, name) && !is_name(table, name, value) => {
            rewrite(value, &|p| absolute(folder, p))
        }
        _ => Ok(()),
    }
}

/// Rewrites every path of a document.
///
/// # Errors
/// [`NotUnicode`].
pub(crate) fn rewrite_all(
    document: &mut DocumentMut,
    change: &dyn Fn(&Path) -> PathBuf,
) -> Result<(), NotUnicode> {
    for key in KEYS.iter().filter(|k| names_files(k.table, k.name)) {
        let value = document
            .get_mut(key.table)
            .and_then(|t| t.as_table_like_mut())
            .and_then(|t| t.get_mut(key.name))
            .and_then(|i| i.as_value_mut());
        if let Some(value) = value.filter(|value| !is_name(key.table, key.name, value)) {
            rewrite(value, change)?;
        }
    }
    Ok(())
}

/// A path from `folder`, without `.` and `..` where they can be taken out of the text.
pub(crate) fn absolute(folder: &Path, path: &Path) -> PathBuf {
    let joined = folder.join(path);
    let mut clean = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(clean.components().next_back(), Some(Component::Normal(_))) =>
            {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// How a profile in `folder` names an absolute path: relative for a file below the folder, so that
/// both can be moved together, else as it is.
pub(crate) fn relative(folder: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(folder).unwrap_or(path).to_owned()
}

fn names_files(table: &str, name: &str) -> bool {
    KEYS.iter().any(|k| {
        let is_path = matches!(
            k.kind,
            Kind::Path | Kind::Paths | Kind::PathOrBuiltin | Kind::Target
        );
        k.table == table && k.name == name && is_path
    })
}

/// True for the name of a shipped target, which is no path.
fn is_name(table: &str, name: &str, value: &Value) -> bool {
    let of_target = |k: &&Key| k.table == table && k.name == name && matches!(k.kind, Kind::Target);
    KEYS.iter().any(|k| of_target(&k)) && value.as_str().is_some_and(|t| !Target::is_path(t))
}

fn rewrite(value: &mut Value, change: &dyn Fn(&Path) -> PathBuf) -> Result<(), NotUnicode> {
    if let Some(paths) = value.as_array_mut() {
        return paths.iter_mut().try_for_each(|path| rewrite(path, change));
    }
    let Some(text) = value.as_str().filter(|t| !t.starts_with(BUILTIN)) else {
        return Ok(());
    };
    let new = change(Path::new(text));
    let new = new.to_str().ok_or_else(|| NotUnicode(new.clone()))?;
    if new != text {
        let decor = value.decor().clone();
        *value = Value::from(new);
        *value.decor_mut() = decor;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_paths_are_rewritten_one_by_one() {
        let mut document: DocumentMut =
            "[data]\ntrain = [\n  'a', # one\n  '/b',\n]\nmean = [0.5]\n"
                .parse()
                .unwrap();
        rewrite_all(&mut document, &|p| absolute(Path::new("/x"), p)).unwrap();
        let text = document.to_string();
        assert_eq!(
            text,
            "[data]\ntrain = [\n  \"/x/a\", # one\n  '/b',\n]\nmean = [0.5]\n"
        );
    }

    #[test]
    fn paths_are_cleaned_and_taken_back() {
        let abs = |folder: &str, path: &str| absolute(Path::new(folder), Path::new(path));
        assert_eq!(abs("/a/b", "w.pth"), Path::new("/a/b/w.pth"));
        assert_eq!(abs("/a/b", "./../w.pth"), Path::new("/a/w.pth"));
        assert_eq!(abs("/a", "/x/w.pth"), Path::new("/x/w.pth"));
        assert_eq!(abs("/", "../../w.pth"), Path::new("/../../w.pth"));
        assert_eq!(
            relative(Path::new("/a"), Path::new("/a/b/w.pth")),
            Path::new("b/w.pth")
        );
        assert_eq!(
            relative(Path::new("/a/c"), Path::new("/a/b/w.pth")),
            Path::new("/a/b/w.pth")
        );
    }
}
