//! Names of saved profiles.

use std::fmt;

/// The name of a saved profile: letters, digits, `-`, `_` and `.`, beginning with a letter or
/// digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProfileName(pub(super) String);

/// A name that no profile can be saved under.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" cannot name a profile: use letters, digits, - _ and ., beginning with a letter or digit, at most 100"
)]
pub struct NameError(pub String);

impl std::str::FromStr for ProfileName {
    type Err = NameError;
    fn from_str(name: &str) -> Result<Self, NameError> {
        let begins_well = name.starts_with(char::is_alphanumeric);
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        // `a.toml` is a path to every command; the ending is added to the file.
        match begins_well
            && name.chars().all(allowed)
            && name.len() <= 100
            && !name.ends_with(".toml")
        {
            true => Ok(ProfileName(name.to_owned())),
            false => Err(NameError(name.to_owned())),
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
