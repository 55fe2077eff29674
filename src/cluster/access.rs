//! The access file: where a cluster's server is, and what lets in whoever asks.
//!
//! Who can read the file can use the cluster, so it is for its owner only (mode 0600).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ClusterError;
use crate::system::{read_text_within, read_within};

/// Raised when the format changes.
const FORMAT: u32 = 1;
/// The largest access file in bytes.
const LARGEST: u64 = 64 << 10;
/// The time after which a job goes to another worker, when its own gives no sign of life.
pub const ACK_WAIT: Duration = Duration::from_secs(30);

/// Who connects to a server, and so what it may do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A search: gives out jobs.
    Coordinator,
    /// Answers jobs.
    Worker,
    /// Only looks.
    Viewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 3] = [Role::Coordinator, Role::Worker, Role::Viewer];

    /// Its name, which is the name of its user on the server, too.
    pub fn name(self) -> &'static str {
        match self {
            Role::Coordinator => "coordinator",
            Role::Worker => "worker",
            Role::Viewer => "viewer",
        }
    }
}

/// What an access file says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    format: u32,
    /// `nats://HOST:PORT`, or `tls://HOST:PORT`.
    pub address: String,
    /// Seconds without a sign of life of a worker after which another one gets its job.
    pub ack_wait: u64,
    /// The certificate of the server, a file beside this one; none without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The BLAKE3 hash of the certificate's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_hash: Option<String>,
    /// Passwords by role; a file for workers has only theirs.
    pub passwords: Passwords,
}

/// Passwords by role.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coordinator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    viewer: Option<String>,
}

/// Secrets are not shown.
impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = Role::ALL.into_iter().filter(|r| self.of(*r).is_some());
        f.debug_list().entries(known.map(Role::name)).finish()
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("address", &self.address)
            .field("passwords", &self.passwords)
            .finish_non_exhaustive()
    }
}

impl Passwords {
    /// New ones, from the operating system's source of randomness.
    ///
    /// # Errors
    /// [`ClusterError::Io`] where it has none.
    pub fn random() -> Result<Self, ClusterError> {
        Ok(Passwords {
            coordinator: Some(secret()?),
            worker: Some(secret()?),
            viewer: Some(secret()?),
        })
    }

    /// The password of a role.
    pub fn of(&self, role: Role) -> Option<&str> {
        match role {
            Role::Coordinator => self.coordinator.as_deref(),
            Role::Worker => self.worker.as_deref(),
            Role::Viewer => self.viewer.as_deref(),
        }
    }

    /// Only that of one role.
    fn only(&self, role: Role) -> Self {
        let mut only = Passwords::default();
        let password = self.of(role).map(str::to_owned);
        match role {
            Role::Coordinator => only.coordinator = password,
            Role::Worker => only.worker = password,
            Role::Viewer => only.viewer = password,
        }
        only
    }
}

/// 128 random bits as hexadecimal digits.
fn secret() -> Result<String, ClusterError> {
    use std::io::Read;
    let source = Path::new("/dev/urandom");
    let mut bytes = [0u8; 16];
    fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(ClusterError::io("read", source))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

impl Access {
    /// Access to a new server.
    pub fn new(address: String, ack_wait: Duration, passwords: Passwords) -> Self {
        Access {
            format: FORMAT,
            address,
            ack_wait: ack_wait.as_secs().max(1),
            certificate: None,
            certificate_hash: None,
            passwords,
        }
    }

    /// Reads an access file.
    ///
    /// # Errors
    /// [`ClusterError::Io`], [`ClusterError::Access`].
    pub fn read(path: &Path) -> Result<Self, ClusterError> {
        let wrong = |why: String| ClusterError::Access {
            path: path.to_owned(),
            why,
        };
        let text = read_text_within(path, LARGEST).map_err(ClusterError::io("read", path))?;
        let access: Access = toml::from_str(&text).map_err(|e| wrong(e.message().to_owned()))?;
        if access.format != FORMAT {
            let why = format!(
                "it has format {}, this program reads {FORMAT}",
                access.format
            );
            return Err(wrong(why));
        }
        Ok(access)
    }

    /// Writes an access file that only its owner may read, and beside it one with nothing but the
    /// worker's password and one with nothing but the viewer's. Returns the paths of these two.
    ///
    /// # Errors
    /// [`ClusterError::Io`].
    pub fn write(&self, path: &Path) -> Result<[PathBuf; 2], ClusterError> {
        self.write_one(path)?;
        let of = |role: Role| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let path = path.with_file_name(format!("{stem}-{}.toml", role.name()));
            let only = Access {
                passwords: self.passwords.only(role),
                ..self.clone()
            };
            only.write_one(&path).map(|()| path)
        };
        Ok([of(Role::Worker)?, of(Role::Viewer)?])
    }

    fn write_one(&self, path: &Path) -> Result<(), ClusterError> {
        const ABOUT: &str =
            "# Access to a cluster of aq4svit: who can read this file can use it.\n";
        // Plain strings and numbers always serialise.
        let text = toml::to_string(self).unwrap_or_default();
        private_file(path, format!("{ABOUT}{text}").as_bytes())
    }

    /// What a role connects with.
    ///
    /// # Errors
    /// [`ClusterError::NoRole`]; [`ClusterError::Certificate`] for a certificate that is another
    /// one.
    pub fn login(&self, path: &Path, role: Role) -> Result<Login, ClusterError> {
        let password = self.passwords.of(role).ok_or(ClusterError::NoRole {
            path: path.to_owned(),
            role: role.name(),
        })?;
        let ca = match &self.certificate {
            None => None,
            Some(file) => {
                let file = path.parent().unwrap_or(Path::new(".")).join(file);
                let bytes = read_within(&file, LARGEST).map_err(ClusterError::io("read", &file))?;
                let hash = blake3::hash(&bytes).to_hex();
                if self.certificate_hash.as_deref() != Some(hash.as_str()) {
                    return Err(ClusterError::Certificate { path: file });
                }
                Some(file)
            }
        };
        Ok(Login {
            address: self.address.clone(),
            role,
            secret: Secret::Password(password.to_owned()),
            ca,
            ack_wait: Duration::from_secs(self.ack_wait.max(1)),
        })
    }
}

/// Writes a file that only its owner may read or write, wholly or not at all.
///
/// # Errors
/// [`ClusterError::Io`].
pub(super) fn private_file(path: &Path, content: &[u8]) -> Result<(), ClusterError> {
    use std::io::Write;
    let failed = ClusterError::io("write", path);
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(&failed)?;
    // Temporary files are their owner's only, from the beginning.
    let written = tempfile::Builder::new()
        .prefix(".cluster-")
        .tempfile_in(folder)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.as_file().sync_all()?;
            Ok(file)
        });
    let file = written.map_err(&failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// How to connect to a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The server's address.
    pub address: String,
    /// As whom.
    pub role: Role,
    /// What lets in.
    pub secret: Secret,
    /// Certificates to trust beside those of the operating system.
    pub ca: Option<PathBuf>,
    /// The time without a sign of life after which a job goes to another worker.
    pub ack_wait: Duration,
}

/// What lets in.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Nothing is asked for.
    None,
    /// The password of the role's user.
    Password(String),
    /// A NATS credentials file.
    File(PathBuf),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("address", &self.address)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let passwords = Passwords::random().expect("randomness");
        Access::new("nats://127.0.0.1:4222".into(), ACK_WAIT, passwords)
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_is_its_owners_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cluster.toml");
        let access = access();
        let [worker, viewer] = access.write(&path).expect("space");
        assert_eq!(Access::read(&path).expect("just written"), access);
        for role in Role::ALL {
            assert!(access.login(&path, role).is_ok());
        }
        let of_worker = Access::read(&worker).expect("just written");
        assert!(of_worker.login(&worker, Role::Worker).is_ok());
        let refused = of_worker.login(&worker, Role::Coordinator);
        assert!(matches!(refused, Err(ClusterError::NoRole { .. })));
        #[cfg(unix)]
        for file in [path, worker, viewer] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, other) = (access(), access());
        let password = |a: &Access, role| a.passwords.of(role).map(str::to_owned);
        let mut all: Vec<_> = Role::ALL
            .iter()
            .flat_map(|r| [password(&one, *r), password(&other, *r)])
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6);
        let path = Path::new("cluster.toml");
        let shown = format!(
            "{one:?} {:?}",
            one.login(path, Role::Worker).expect("access")
        );
        for secret in all.iter().flatten() {
            assert!(secret.len() == 32 && !shown.contains(secret.as_str()));
        }
    }

    #[test]
    fn what_is_no_access_file_is_refused_with_advice() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cluster.toml");
        for text in [
            "",
            "nonsense",
            "format = 1",
            "format = 9\naddress = \"a\"\nack_wait = 1\n[passwords]",
        ] {
            fs::write(&path, text).expect("space");
            let error = Access::read(&path).expect_err(text).to_string();
            assert!(error.contains("cluster up"), "{error}");
        }
    }

    #[test]
    fn another_certificate_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cluster.toml");
        fs::write(folder.path().join("ca.pem"), "one").expect("space");
        let access = Access {
            certificate: Some("ca.pem".into()),
            certificate_hash: Some(blake3::hash(b"one").to_hex().to_string()),
            ..access()
        };
        assert!(access.login(&path, Role::Worker).is_ok());
        fs::write(folder.path().join("ca.pem"), "other").expect("space");
        let refused = access.login(&path, Role::Worker);
        assert!(matches!(refused, Err(ClusterError::Certificate { .. })));
    }
}
