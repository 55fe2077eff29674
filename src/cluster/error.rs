//! What can go wrong with a cluster.

use std::path::{Path, PathBuf};

/// Why a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The access file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The access file is none, or one of another format.
    #[error("{} is no access file of a cluster: {why}; `aq4svit cluster up` writes one", path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The access file does not let in whoever asks.
    #[error("{} gives no access as {role}: use the file that `aq4svit cluster up` wrote for that", path.display())]
    NoRole {
        /// The file.
        path: PathBuf,
        /// The role.
        role: &'static str,
    },
    /// The certificate beside the access file is not the one it names.
    #[error("the certificate {} is not the one that the access file names: copy both again from the machine of `aq4svit cluster up`", path.display())]
    Certificate {
        /// The certificate.
        path: PathBuf,
    },
    /// There is no server program.
    #[error(
        "there is no nats-server on this machine: install it (Debian and Ubuntu: `apt install nats-server`; otherwise the single file from https://github.com/nats-io/nats-server/releases, in a folder of PATH), or name it with AQ4SVIT_NATS_SERVER"
    )]
    NoServer,
    /// The server program is too old.
    #[error("{} is nats-server {found}; 2.9 or later is needed", path.display())]
    OldServer {
        /// The program.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// The server ended.
    #[error("nats-server ended ({status}); the last lines of {}:\n{last}", log.display())]
    ServerEnded {
        /// Its exit status.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of it.
        last: String,
    },
    /// No certificate could be made.
    #[error(
        "cannot make a certificate: {0}; make one otherwise and name it with --tls-cert, --tls-key and --tls-ca"
    )]
    NoCertificate(String),
    /// The server cannot be reached, or refuses.
    #[error("cannot connect to the cluster at {address}: {why}")]
    Connect {
        /// The server's address.
        address: String,
        /// Why not.
        why: String,
    },
    /// The server did not do what was asked.
    #[error("the NATS server at {address} refused to {action}: {why}")]
    Refused {
        /// The server's address.
        address: String,
        /// What was asked.
        action: String,
        /// Why not.
        why: String,
    },
    /// No worker can evaluate what a run is about.
    #[error("no worker of the cluster can evaluate this profile:\n{0}")]
    Unable(String),
    /// A worker has something else than the search.
    #[error(
        "{what} differ: {there} at the search, {here} here; bring the same files to the same place on both machines"
    )]
    Differs {
        /// What.
        what: String,
        /// The search's content hash.
        there: String,
        /// The worker's.
        here: String,
    },
    /// A profile cannot be sent, or read where it arrives.
    #[error("the profile cannot be sent to workers: {0}")]
    Unsendable(String),
    /// The thread of the cluster has ended.
    #[error("the connection to the cluster has ended")]
    Ended,
    /// A worker met faults again and again.
    #[error("{0}")]
    Worker(String),
}

impl ClusterError {
    /// The file system's refusal.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| ClusterError::Io {
            action,
            path: path.clone(),
            source,
        }
    }
}
