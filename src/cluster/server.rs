//! A server of our own: `nats-server` with a generated configuration.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::ClusterError;
use super::access::{Passwords, Role, private_file};
use super::message::LARGEST;
use super::subject::{may_publish, may_subscribe};

/// Names the server's program.
const VARIABLE: &str = "AQ4SVIT_NATS_SERVER";
/// Where the program may be beside the folders of PATH: Debian's is for the administrator.
const MORE_FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
/// The longest time that a server takes to begin.
const BEGIN: Duration = Duration::from_secs(20);

/// The server's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    version: (u32, u32),
}

impl Program {
    /// Finds it: where `AQ4SVIT_NATS_SERVER` says, in the folders of PATH, and where Debian has it.
    ///
    /// # Errors
    /// [`ClusterError::NoServer`], [`ClusterError::OldServer`].
    pub fn find() -> Result<Self, ClusterError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        let mut all = named
            .into_iter()
            .chain(folders.map(|folder| folder.join("nats-server")));
        let path = all
            .find(|file| file.is_file())
            .ok_or(ClusterError::NoServer)?;
        let said = Command::new(&path).arg("--version").output();
        let said = said.map_err(ClusterError::io("run", &path))?;
        let said = String::from_utf8_lossy(&said.stdout);
        match version(&said) {
            Some(version) if version >= (2, 9) => Ok(Program { path, version }),
            _ => Err(ClusterError::OldServer {
                path,
                found: said.trim().to_owned(),
            }),
        }
    }
}

/// Major and minor version from `nats-server: v2.9.10`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (_, numbers) = text.trim().rsplit_once('v')?;
    let mut numbers = numbers.split('.').map(|n| n.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where it listens: HOST:PORT.
    pub listen: SocketAddr,
    /// Its folder: configuration, log, and what it keeps.
    pub folder: PathBuf,
    /// Passwords by role.
    pub passwords: Passwords,
    /// Certificate and key, for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl ServerOptions {
    /// The configuration for a program of a version.
    fn text(&self, version: (u32, u32)) -> String {
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let list = |all: Vec<String>| {
            let all: Vec<String> = all.iter().map(|s| format!("{s:?}")).collect();
            all.join(", ")
        };
        let users: String = Role::ALL
            .into_iter()
            .filter_map(|role| Some((role, self.passwords.of(role)?)))
            .map(|(role, password)| {
                format!(
                    "    {{ user: {:?}, password: {password:?}, permissions: {{\n      publish: {{ allow: [{}] }}\n      subscribe: {{ allow: [{}] }} }} }}\n",
                    role.name(),
                    list(may_publish(role)),
                    list(may_subscribe(role))
                )
            })
            .collect();
        // Without it a machine that loses power loses what it said it had kept.
        let sync = match version >= (2, 10) {
            true => "\n  sync_interval: always",
            false => "",
        };
        let tls = self
            .tls
            .as_ref()
            .map_or(String::new(), |(certificate, key)| {
                format!(
                    "tls {{\n  cert_file: {}\n  key_file: {}\n  timeout: 5\n}}\n",
                    quoted(certificate),
                    quoted(key)
                )
            });
        format!(
            "# Written by aq4svit at every start: changes are lost.\nlisten: \"{}\"\nserver_name: \"aq4svit\"\nmax_payload: {}\nlogfile: {}\nlogfile_size_limit: 16777216\njetstream {{\n  store_dir: {}{sync}\n}}\n{tls}authorization {{\n  timeout: 5\n  users: [\n{users}  ]\n}}\n",
            self.listen,
            // A little more than a message of ours, for what the client adds.
            LARGEST + 65_536,
            quoted(&self.log()),
            quoted(&self.folder.join("store")),
        )
    }

    fn log(&self) -> PathBuf {
        self.folder.join("nats-server.log")
    }
}

/// A command that is ended when the thread that starts it ends, however that ends: where the
/// system's `setpriv` (util-linux 2.33 or later) can have it so. Elsewhere a program killed with
/// SIGKILL leaves its server behind.
fn ends_with_this_program(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]);
    let mut tried = Command::new("setpriv");
    tried
        .args(["--pdeathsig", "TERM", "--", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !tried.status().is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    command.arg(program);
    command
}

/// A free port of this machine.
///
/// # Errors
/// [`ClusterError::Io`] where there is none.
pub fn free_port(host: &str) -> Result<SocketAddr, ClusterError> {
    let listener = TcpListener::bind((host, 0)).and_then(|l| l.local_addr());
    listener.map_err(ClusterError::io("listen at", Path::new(host)))
}

/// A server at work; dropped, it is stopped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server, and waits until it can be used.
    ///
    /// # Errors
    /// [`ClusterError::Io`], [`ClusterError::ServerEnded`].
    pub fn start(program: &Program, options: &ServerOptions) -> Result<Self, ClusterError> {
        let (folder, log) = (&options.folder, options.log());
        fs::create_dir_all(folder).map_err(ClusterError::io("make", folder))?;
        let config = folder.join("nats-server.conf");
        private_file(&config, options.text(program.version).as_bytes())?;
        let child = ends_with_this_program(&program.path)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.map_err(ClusterError::io("run", &program.path))?;
        let mut server = Server { child, log };
        let begin = Instant::now();
        loop {
            if let Some(ended) = server.ended()? {
                return Err(ended);
            }
            if greets(options.listen) {
                return Ok(server);
            }
            if begin.elapsed() > BEGIN {
                return Err(server.error("it does not answer".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Why it has ended; none while it works.
    ///
    /// # Errors
    /// [`ClusterError::Io`].
    pub fn ended(&mut self) -> Result<Option<ClusterError>, ClusterError> {
        let status = self.child.try_wait();
        let status = status.map_err(ClusterError::io("watch", &self.log))?;
        Ok(status.map(|status| self.error(status.to_string())))
    }

    fn error(&self, status: String) -> ClusterError {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(5));
        ClusterError::ServerEnded {
            status,
            log: self.log.clone(),
            last: last.copied().collect::<Vec<_>>().join("\n"),
        }
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        #[cfg(unix)]
        if let Some(process) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            && matches!(self.child.try_wait(), Ok(None))
        {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
            for _ in 0..200 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// True where a NATS server greets who connects.
fn greets(at: SocketAddr) -> bool {
    let mut local = at;
    if at.ip().is_unspecified() {
        let own = ("localhost", at.port()).to_socket_addrs();
        let own = own
            .ok()
            .and_then(|mut all| all.find(|a| a.is_ipv4() == at.is_ipv4()));
        local = own.unwrap_or(at);
    }
    let Ok(mut stream) = TcpStream::connect_timeout(&local, Duration::from_secs(1)) else {
        return false;
    };
    let mut greeting = [0u8; 4];
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"INFO"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("nats-server: v2.9.10\n"), Some((2, 9)));
        assert_eq!(version("nats-server: v2.12.1-RC.1"), Some((2, 12)));
        assert_eq!(version("something"), None);
    }

    #[test]
    fn the_configuration_says_who_may_do_what() {
        let options = ServerOptions {
            listen: ([127, 0, 0, 1], 4222).into(),
            folder: "/x/a \"b\"".into(),
            passwords: Passwords::random().expect("randomness"),
            tls: None,
        };
        let old = options.text((2, 9));
        assert!(!old.contains("sync_interval") && !old.contains("tls"));
        assert!(old.contains(r#"store_dir: "/x/a \"b\"/store""#), "{old}");
        for role in Role::ALL {
            let password = options.passwords.of(role).expect("one");
            assert!(old.contains(&format!("user: {:?}, password: {password:?}", role.name())));
        }
        assert!(options.text((2, 10)).contains("sync_interval: always"));
        let tls = Some(("/c.pem".into(), "/k.pem".into()));
        let options = ServerOptions { tls, ..options };
        assert!(options.text((2, 9)).contains("cert_file: \"/c.pem\""));
    }
}
