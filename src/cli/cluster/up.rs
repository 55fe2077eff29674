//! `aq4svit cluster up`.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cli::ExitCode;
use crate::cli::INTERRUPTED;
use crate::cli::output::{line, note};
use crate::cli::signals::Signals;
use crate::cluster::{
    ACK_WAIT, Access, Passwords, Program, Server, ServerOptions, file_hash, make_certificate,
};
use crate::journal::host;
use crate::profile::Paths;

/// The usual port of NATS.
const PORT: u16 = 4222;
/// The interval at which the server is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Start a NATS server for searches and workers, and write the access file
///
/// Runs until it is interrupted. Where the access file is there already, its address and passwords
/// stay as they are, so that searches and workers find the server again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen: ADDR or ADDR:PORT (0.0.0.0 for all networks of this machine; port 0 for any
    /// free one)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    bind: String,
    /// The access file to write, in a folder that the machines share
    #[arg(long, value_name = "FILE", default_value = "cluster.toml")]
    access: PathBuf,
    /// The name or address by which other machines reach this one (this machine's name when not
    /// given)
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The server's own folder, on a local disk (a folder of the user's data when not given)
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Seconds without a sign of life of a worker after which another one gets its job
    #[arg(long, value_name = "SECONDS", default_value_t = ACK_WAIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    ack_wait: u64,
    /// Encrypt connections, with a certificate made by openssl
    #[arg(long)]
    tls: bool,
    /// Encrypt connections, with this certificate
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        conflicts_with = "tls"
    )]
    tls_cert: Option<PathBuf>,
    /// The key of --tls-cert
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, signals: &Signals) -> Result<ExitCode> {
    let program = Program::find()?;
    let known = match args.access.exists() {
        true => Some(Access::read(&args.access)?),
        false => None,
    };
    let listen = match &known {
        Some(access) => with_port(listen(&args.bind)?, port(&access.address)),
        None => free(listen(&args.bind)?)?,
    };
    let store = match &args.store {
        Some(store) => store.clone(),
        None => Paths::from_env()?
            .data
            .join("cluster")
            .join(listen.port().to_string()),
    };
    let store = std::path::absolute(&store)?;
    let reached = args.host.clone().unwrap_or_else(|| reached(listen.ip()));
    let tls = args.tls(&store, &reached)?;
    let mut access = match known {
        Some(access) => access,
        None => {
            let scheme = if tls.is_some() { "tls" } else { "nats" };
            let address = format!("{scheme}://{reached}:{}", listen.port());
            Access::new(
                address,
                Duration::from_secs(args.ack_wait),
                Passwords::random()?,
            )
        }
    };
    if let Some((certificate, _)) = &tls {
        let beside = args.access.with_extension("pem");
        std::fs::copy(certificate, &beside)
            .with_context(|| format!("cannot write {}", beside.display()))?;
        access.certificate = beside.file_name().map(PathBuf::from);
        access.certificate_hash = Some(file_hash(&beside)?.0);
    }
    let options = ServerOptions {
        listen,
        folder: store,
        passwords: access.passwords.clone(),
        tls,
    };
    let mut server = Server::start(&program, &options)?;
    let [worker, viewer] = access.write(&args.access)?;
    let file = args.access.display();
    line(&format!("a NATS server is up at {}", access.address))?;
    line(&format!(
        "on every machine that shall work:  aq4svit worker --cluster {}\nto search:                         aq4svit search PROFILE --cluster {file}\nto look:                           aq4svit cluster status --cluster {}",
        worker.display(),
        viewer.display()
    ))?;
    if access.certificate.is_none() && !listen.ip().is_loopback() {
        note(
            "note: connections are not encrypted: fine inside a machine room, otherwise use --tls",
        );
    }
    let watched = signals.watch();
    loop {
        if watched.recv_timeout(LOOK).is_ok() {
            server.stop();
            note("the server is down; searches and workers wait for it to come back");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        if let Some(ended) = server.ended()? {
            return Err(ended.into());
        }
    }
}

impl Args {
    /// Certificate and key, if connections are to be encrypted.
    fn tls(&self, store: &Path, reached: &str) -> Result<Option<(PathBuf, PathBuf)>> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let absolute = |path: &Path| std::path::absolute(path);
            return Ok(Some((absolute(certificate)?, absolute(key)?)));
        }
        match self.tls {
            true => Ok(Some(make_certificate(store, reached)?)),
            false => Ok(None),
        }
    }
}

/// The address that a text names.
fn listen(text: &str) -> Result<SocketAddr> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, PORT));
    }
    if let Ok(at) = text.parse::<SocketAddr>() {
        return Ok(at);
    }
    let named = match text.contains(':') {
        true => text.to_owned(),
        false => format!("{text}:{PORT}"),
    };
    let found = named.to_socket_addrs().ok().and_then(|mut all| all.next());
    match found {
        Some(at) => Ok(at),
        None => bail!("--bind {text}: this is no address of this machine"),
    }
}

/// The same with a free port, where any will do.
fn free(at: SocketAddr) -> Result<SocketAddr> {
    match at.port() {
        0 => Ok(crate::cluster::free_port(&at.ip().to_string())?),
        _ => Ok(at),
    }
}

fn with_port(at: SocketAddr, port: Option<u16>) -> SocketAddr {
    SocketAddr::new(at.ip(), port.unwrap_or(at.port()))
}

/// The port of an address.
fn port(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.parse().ok()
}

/// How other machines reach one that listens there.
fn reached(ip: IpAddr) -> String {
    match ip.is_unspecified() {
        true => host(),
        false => match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let at = |text: &str| listen(text).map(|at| at.to_string()).ok();
        assert_eq!(at("0.0.0.0").as_deref(), Some("0.0.0.0:4222"));
        assert_eq!(at("127.0.0.1:5000").as_deref(), Some("127.0.0.1:5000"));
        assert_eq!(at("::1").as_deref(), Some("[::1]:4222"));
        assert_eq!(at("no such host"), None);
        assert_eq!(port("nats://[::1]:4223"), Some(4223));
        assert_eq!(
            reached("127.0.0.1".parse().expect("an address")),
            "127.0.0.1"
        );
    }
}
