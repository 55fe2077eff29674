//! `aq4svit cluster`, and the flags of every command that can have other machines evaluate.

mod status;
mod up;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Subcommand;

use super::ExitCode;
use super::output::note;
use super::signals::Signals;
use crate::cluster::{ACK_WAIT, Access, Login, Role, Secret};
use crate::run::{ClusterOptions, Say};

/// Bring up or look at a cluster: workers on any machines that evaluate for searches
///
/// `cluster up` starts the server on one machine and writes an access file; `aq4svit worker
/// --cluster FILE` on every machine that shall work, and `aq4svit search PROFILE --cluster FILE`
/// do the rest. See docs/cluster.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    Up(up::Args),
    Status(status::Args),
}

pub(crate) fn run(args: &Args, signals: &Signals) -> Result<ExitCode> {
    match &args.command {
        Commands::Up(args) => up::run(args, signals),
        Commands::Status(args) => status::run(args, signals),
    }
}

/// The heading of these flags in the help.
pub(crate) const HEADING: &str = "Cluster";

/// Which server, and what lets in.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ServerArgs {
    /// The access file that `aq4svit cluster up` wrote
    #[arg(long, value_name = "FILE", conflicts_with = "nats", help_heading = HEADING)]
    cluster: Option<PathBuf>,
    /// A NATS server with JetStream that is there already: nats://HOST:PORT or tls://HOST:PORT
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    nats: Option<String>,
    /// The NATS credentials file for --nats
    #[arg(long, value_name = "FILE", requires = "nats", help_heading = HEADING)]
    nats_creds: Option<PathBuf>,
    /// Certificates to trust for --nats, beside those of the operating system
    #[arg(long, value_name = "FILE", requires = "nats", help_heading = HEADING)]
    tls_ca: Option<PathBuf>,
}

impl ServerArgs {
    /// How to connect as a role; none where no server is named.
    ///
    /// # Errors
    /// For an access file that cannot be used.
    pub fn login(&self, role: Role) -> Result<Option<Login>> {
        if let Some(file) = &self.cluster {
            return Ok(Some(Access::read(file)?.login(file, role)?));
        }
        let of = |address: &String| Login {
            address: address.clone(),
            role,
            secret: self.nats_creds.clone().map_or(Secret::None, Secret::File),
            ca: self.tls_ca.clone(),
            ack_wait: ACK_WAIT,
        };
        Ok(self.nats.as_ref().map(of))
    }

    /// How to connect as a role.
    ///
    /// # Errors
    /// As [`ServerArgs::login`]; also where no server is named.
    pub fn need_login(&self, role: Role) -> Result<Login> {
        let missing =
            "name the server: --cluster FILE (`aq4svit cluster up` writes it), or --nats URL";
        self.login(role)?.ok_or_else(|| anyhow::anyhow!(missing))
    }
}

/// Have other machines evaluate.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    server: ServerArgs,
}

impl ClusterArgs {
    /// The machines that evaluate; none: this one.
    ///
    /// # Errors
    /// As [`ServerArgs::login`].
    pub fn options(&self) -> Result<Option<ClusterOptions>> {
        let login = self.server.login(Role::Coordinator)?;
        Ok(login.map(|login| ClusterOptions {
            login,
            numerics: None,
            guesses: 0,
            say: Say(Arc::new(|text| note(&format!("note: {text}")))),
        }))
    }
}
