//! Names that only shipped profiles have.

use super::name::ProfileName;
use super::shipped::shipped;

/// The name of a shipped profile, which no saved one may take.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" is a profile that comes with the program, and one saved under that name would hide it; choose another name, such as my-{0}"
)]
pub struct ReservedName(pub String);

impl ProfileName {
    /// Refuses the names of shipped profiles: nothing is saved under them.
    ///
    /// # Errors
    /// [`ReservedName`].
    pub fn unreserved(&self) -> Result<(), ReservedName> {
        match shipped(&self.0) {
            Some(_) => Err(ReservedName(self.0.clone())),
            None => Ok(()),
        }
    }
}
