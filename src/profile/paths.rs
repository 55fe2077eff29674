//! Where the program keeps things.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use directories::ProjectDirs;

/// The program's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The configuration folder.
    pub config: PathBuf,
    /// The data folder.
    pub data: PathBuf,
}

/// There is no home folder.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "this account has no home folder: set AQ4SVIT_CONFIG and AQ4SVIT_DATA to folders for profiles and runs"
)]
pub struct NoHome;

impl Paths {
    /// The user's folders by the conventions of the operating system; the environment variables
    /// `AQ4SVIT_CONFIG` and `AQ4SVIT_DATA` override them. Nothing is created.
    ///
    /// # Errors
    /// [`NoHome`].
    pub fn from_env() -> Result<Self, NoHome> {
        let folders = ProjectDirs::from("", "", "aq4svit");
        let user =
            |of: fn(&ProjectDirs) -> &std::path::Path| folders.as_ref().map(|f| of(f).to_owned());
        Ok(Paths {
            config: chosen(env::var_os("AQ4SVIT_CONFIG"), user(ProjectDirs::config_dir))?,
            data: chosen(env::var_os("AQ4SVIT_DATA"), user(ProjectDirs::data_dir))?,
        })
    }

    /// The folder of saved profiles.
    pub fn profiles(&self) -> PathBuf {
        self.config.join("profiles")
    }

    /// The folder of what can be made again, such as decoded images; it may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.data.join("cache")
    }

    /// The folder of answers of earlier evaluations; it may be deleted at any time.
    pub fn results(&self) -> PathBuf {
        self.data.join("results")
    }

    /// The folder of the diagnostic log and of reports of faults; it may be deleted at any time.
    pub fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    /// The folder of runs.
    pub fn runs(&self) -> PathBuf {
        self.data.join("runs")
    }

    /// The folder of measurements of single layers.
    pub fn sensitivity(&self) -> PathBuf {
        self.data.join("sensitivity")
    }
}

/// The variable's folder (an empty variable counts as unset), else the user's.
fn chosen(variable: Option<OsString>, user: Option<PathBuf>) -> Result<PathBuf, NoHome> {
    let given = variable.filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = given.or(user).ok_or(NoHome)?;
    // A relative folder means the same all the time, whatever happens to the current one.
    Ok(std::path::absolute(&folder).unwrap_or(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_first() {
        let user = Some(PathBuf::from("/home/u/.config/aq4svit"));
        assert_eq!(
            chosen(Some("/x".into()), user.clone()),
            Ok(PathBuf::from("/x"))
        );
        assert_eq!(chosen(Some("/x".into()), None), Ok(PathBuf::from("/x")));
        assert_eq!(chosen(Some("".into()), user.clone()).ok(), user);
        assert_eq!(chosen(None, None), Err(NoHome));
        let relative = chosen(Some("x".into()), None).unwrap();
        assert_eq!(relative, env::current_dir().unwrap().join("x"));
    }
}
