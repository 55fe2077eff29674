//! The user's own keys and colours: `tui.toml` in the configuration folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::keymap::{Keymap, KeymapError, bindings};
use super::model::Preferences;
use super::theme::{SymbolSet, Theme, ThemeName};
use crate::profile::write_text;
use crate::system::read_text_within;

/// The file's name.
pub const FILE_NAME: &str = "tui.toml";
/// More bytes than anybody's settings have.
const LARGEST: u64 = 1 << 20;

/// The user's own settings. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The colours.
    pub theme: Option<ThemeName>,
    /// False once the card of a first run was read.
    pub welcome: Option<bool>,
    /// The signs.
    pub symbols: Option<SymbolSet>,
    /// False where nothing is asked that can be undone or continued.
    pub confirm: Option<bool>,
    /// Keys by scope and action: `[keys.main] pause = ["p", "f2"]`.
    #[serde(default)]
    keys: BTreeMap<String, BTreeMap<String, Keys>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Many(Vec<String>),
}

/// The reason why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {why}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is no TOML of this kind, or its keys make no keymap.
    #[error("{}: {source}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Config {
    /// Reads the file; where there is none, nothing is wanted otherwise.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = match read_text_within(path, LARGEST) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(source) => {
                let path = path.into();
                return Err(ConfigError::Unreadable { path, source });
            }
        };
        let malformed = |source| ConfigError::Malformed {
            path: path.into(),
            source,
        };
        let config: Config = toml::from_str(&text).map_err(|e| malformed(e.into()))?;
        config.keymap().map_err(|e| malformed(e.into()))?;
        Ok(config)
    }

    /// Keeps a setting in the file; everything else in it stays, comments too.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and what is wrong with it.
    pub fn keep(
        path: &Path,
        key: &str,
        value: impl Into<toml_edit::Value>,
    ) -> Result<(), ConfigError> {
        Self::change(path, |document| {
            document[key] = toml_edit::value(value);
        })
    }

    /// Removes a setting from the file; everything else in it stays.
    ///
    /// # Errors
    /// As [`Config::keep`].
    pub fn forget(path: &Path, key: &str) -> Result<(), ConfigError> {
        Self::change(path, |document| {
            document.remove(key);
        })
    }

    fn change(
        path: &Path,
        change: impl FnOnce(&mut toml_edit::DocumentMut),
    ) -> Result<(), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: path.into(),
            source,
        };
        let text = match read_text_within(path, LARGEST) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(unreadable)?,
        };
        let document = text.parse::<toml_edit::DocumentMut>();
        let mut document = document.map_err(|e| ConfigError::Malformed {
            path: path.into(),
            source: e.into(),
        })?;
        change(&mut document);
        write_text(path, &document.to_string(), true).map_err(|e| ConfigError::Unwritable {
            path: path.into(),
            why: e.to_string(),
        })
    }

    /// The theme for this process's terminal.
    pub fn theme(&self) -> Theme {
        Theme::chosen(self.theme, self.symbols, |name| std::env::var(name).ok())
    }

    /// What the user chose beside the theme.
    pub fn preferences(&self) -> Preferences {
        let environment = Theme::from_environment(|name| std::env::var(name).ok());
        Preferences {
            symbols: self.symbols,
            ascii: environment.symbols.ascii,
            welcome: self.welcome,
            unasked: self.confirm == Some(false),
        }
    }

    /// The standard keymap with the user's keys.
    ///
    /// # Errors
    /// [`KeymapError`] where a key is none, is given twice, or a name means nothing.
    pub fn keymap(&self) -> Result<Keymap, KeymapError> {
        let action = |(name, keys): (&String, &Keys)| {
            let keys = match keys {
                Keys::One(key) => vec![key.clone()],
                Keys::Many(keys) => keys.clone(),
            };
            (name.clone(), keys)
        };
        let scope = |(scope, actions): (&String, &BTreeMap<String, Keys>)| {
            (scope.clone(), actions.iter().map(action).collect())
        };
        Keymap::with(bindings(), &self.keys.iter().map(scope).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::Action;
    use crate::tui::keymap::Scope;
    use crossterm::event::{KeyCode, KeyEvent};

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|e| {
            e.to_string()
                .replace(&path.display().to_string(), "tui.toml")
        })
    }

    #[test]
    fn keys_and_theme_are_a_persons_own() {
        let config = read("theme = \"high-contrast\"\nsymbols = \"ascii\"\n[keys.main]\npause = [\"f2\", \"p\"]\nquit = \"Q\"").unwrap();
        assert_eq!(config.theme, Some(ThemeName::HighContrast));
        let keymap = config.keymap().unwrap();
        let action = |code| keymap.action(Scope::Pane("tree"), KeyEvent::from(code));
        assert_eq!(action(KeyCode::F(2)), Some(Action::Pause));
        assert_eq!(action(KeyCode::Char('Q')), Some(Action::Quit));
        assert_eq!(action(KeyCode::Char('q')), None);
        let hints = keymap.hints(Scope::Pane("tree"));
        assert!(hints.iter().any(|h| h.text == "quit" && h.keys == ["Q"]));
        assert_eq!(
            Config::read(Path::new("/no/such/file")).unwrap(),
            Config::default()
        );
    }

    #[test]
    fn what_is_kept_leaves_the_rest_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        Config::keep(&path, "theme", "light").unwrap();
        let text = "# mine\ntheme = \"dark\" # at night\n\n[keys.main]\npause = \"f2\"\n";
        std::fs::write(&path, text).unwrap();
        Config::keep(&path, "theme", "light").unwrap();
        Config::keep(&path, "welcome", false).unwrap();
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept.starts_with("# mine\ntheme = \"light\""), "{kept}");
        assert!(kept.contains("[keys.main]\npause = \"f2\""), "{kept}");
        let config = Config::read(&path).unwrap();
        assert_eq!(
            (config.theme, config.welcome),
            (Some(ThemeName::Light), Some(false))
        );
        std::fs::write(&path, "theme = ").unwrap();
        assert!(Config::keep(&path, "theme", "light").is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| read(text).unwrap_err();
        assert_eq!(
            wrong("[keys.main]\npause = \"q\""),
            "tui.toml: key q is given to both pause and quit; give one of them another key"
        );
        assert!(wrong("[keys.main]\npauze = \"q\"").contains("has no action pauze; it has pause"));
        assert!(
            wrong("[keys.mian]\npause = \"q\"")
                .contains("there is no [keys.mian]; there are always, main")
        );
        assert!(wrong("[keys.main]\npause = \"hyper-q\"").contains("is not a key"));
        assert!(wrong("theme = \"pink\"").contains("pink"));
        assert!(wrong("colour = 1").contains("colour"));
    }
}
