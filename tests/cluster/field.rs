//! A real server and real processes: workers and searches on the synthetic evaluator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aq4svit::cluster::{
    Access, ClusterError, Login, Passwords, Program, Role, Server, ServerOptions, Status,
    free_port, look,
};
use serde_json::Value;

use crate::common::demo::Demo;

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(40);
/// The variable that asks for the synthetic evaluator.
const SYNTHETIC: &str = "AQ4SVIT_SYNTHETIC";
/// What searches are about: a few hundred evaluations.
const SEARCH: &[&str] = &["search", "small.toml", "--json", "--no-result-cache"];

/// A process that is killed when the test is over.
pub struct Process(Option<Child>);

impl Process {
    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("not waited for yet")
    }

    /// Kills it, as a machine that fails does.
    pub fn kill(mut self) {
        self.child().kill().expect("it is there");
        self.child().wait().expect("it ends");
        self.0 = None;
    }

    /// Sends a signal.
    pub fn signal(&mut self, name: &str) {
        let id = self.child().id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits for the end.
    pub fn output(mut self) -> Output {
        let begin = Instant::now();
        while !self.has_ended() {
            assert!(begin.elapsed() < PATIENCE, "it never ends");
            std::thread::sleep(Duration::from_millis(20));
        }
        let child = self.0.take().expect("not waited for yet");
        child.wait_with_output().expect("it ends")
    }

    /// True once it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child().try_wait().expect("a child").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A server with its access file, and a folder for profiles, runs and data.
pub struct Field {
    pub demo: Demo,
    pub access: Access,
    program: Program,
    options: ServerOptions,
    server: Option<Server>,
}

impl Field {
    /// Starts a server; none, with the reason printed, where there is no program for it.
    pub fn start() -> Option<Self> {
        let program = match Program::find() {
            Ok(program) => program,
            Err(ClusterError::NoServer) => {
                eprintln!("skipped: there is no nats-server here (apt install nats-server)");
                return None;
            }
            Err(other) => panic!("{other}"),
        };
        let demo = Demo::new();
        let passwords = Passwords::random().expect("randomness");
        let options = ServerOptions {
            listen: free_port("127.0.0.1").expect("a port"),
            folder: demo.path("server"),
            passwords: passwords.clone(),
            tls: None,
        };
        let address = format!("nats://{}", options.listen);
        let access = Access::new(address, Duration::from_secs(1), passwords);
        access.write(&demo.path("cluster.toml")).expect("space");
        let mut field = Field {
            demo,
            access,
            program,
            options,
            server: None,
        };
        field.up();
        Some(field)
    }

    /// Starts the server again, with all that it has kept.
    pub fn up(&mut self) {
        let server = Server::start(&self.program, &self.options);
        self.server = Some(server.expect("it starts"));
    }

    /// Stops the server.
    pub fn down(&mut self) {
        self.server = None;
    }

    /// Has the server lose all that it has kept.
    pub fn lose_everything(&mut self) {
        self.down();
        fs::remove_dir_all(self.options.folder.join("store")).expect("there");
        self.up();
    }

    pub fn login(&self, role: Role) -> Login {
        let path = self.demo.path("cluster.toml");
        self.access.login(&path, role).expect("access")
    }

    /// Starts a worker on the synthetic evaluator.
    pub fn worker(&self, synthetic: &str) -> Process {
        self.worker_with(synthetic, &[])
    }

    pub fn worker_with(&self, synthetic: &str, more: &[&str]) -> Process {
        let first = [
            "worker",
            "--cluster",
            "cluster-worker.toml",
            "--threads",
            "1",
            "--no-self-check",
        ];
        self.spawn(&[&first[..], more].concat(), synthetic)
    }

    /// Starts a worker in another folder, where it also keeps files: on Linux it sees none of those
    /// that are named by way of the current folder.
    pub fn worker_elsewhere(&self, folder: &Path, synthetic: &str) -> Process {
        let access = self.demo.path("cluster-worker.toml");
        let files = folder.join("files");
        let worker = [
            "worker",
            "--cluster",
            access.to_str().expect("Unicode"),
            "--folder",
            files.to_str().expect("Unicode"),
            "--no-self-check",
        ];
        self.spawn_in(folder, &worker, synthetic)
    }

    /// Starts a search on the cluster, in a folder of its own.
    pub fn search(&self, run: &str, more: &[&str]) -> Process {
        let cluster = ["--cluster", "cluster.toml", "--run-dir", run];
        // It evaluates nothing itself.
        self.spawn(&[SEARCH, &cluster, more].concat(), "")
    }

    /// Starts a search, and waits until it has so many events; it is far from its end then.
    pub fn search_in_the_middle(&self, run: &str, count: usize) -> Process {
        let mut search = self.search(run, &[]);
        self.wait_for_events(run, count);
        assert!(!search.has_ended());
        search
    }

    /// Starts the program.
    pub fn spawn(&self, arguments: &[&str], synthetic: &str) -> Process {
        self.spawn_in(self.demo.folder.path(), arguments, synthetic)
    }

    /// Starts the program in a folder.
    pub fn spawn_in(&self, folder: &Path, arguments: &[&str], synthetic: &str) -> Process {
        let mut command = self.demo.command(arguments);
        command.current_dir(folder);
        // A process in another folder sees none of its files, as on another machine.
        if cfg!(target_os = "linux") {
            command.env("AQ4SVIT_DATA", "/proc/self/cwd/data");
        }
        match synthetic {
            "" => command.env_remove(SYNTHETIC),
            of_test => command.env(SYNTHETIC, of_test),
        };
        let log = |name: &str| {
            let file = fs::File::options()
                .create(true)
                .append(true)
                .open(self.demo.path(name));
            Stdio::from(file.expect("a file"))
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log("errors"));
        // What they say is little; their events are in the journal.
        if arguments.contains(&"--json") {
            command.stderr(Stdio::piped());
        }
        if arguments.contains(&"evaluate") {
            command.stdout(Stdio::piped());
        }
        Process(Some(command.spawn().expect("the binary runs")))
    }

    /// What the same search comes to on this machine alone.
    pub fn alone(&self, more: &[&str]) -> Vec<String> {
        let run = ["--run-dir", "alone"];
        let alone = self.spawn(&[SEARCH, &run, more].concat(), "seed=7");
        finished(alone);
        self.journal("alone")
    }

    /// The events of a run, without their times.
    pub fn journal(&self, run: &str) -> Vec<String> {
        let text = fs::read_to_string(self.file(run)).expect("a journal");
        let event = |line: &str| {
            let mut event: Value = serde_json::from_str(line).expect("JSON");
            event.as_object_mut().expect("an object").remove("time");
            event.to_string()
        };
        // The first line tells of the run, not of its events.
        text.lines().skip(1).map(event).collect()
    }

    fn file(&self, run: &str) -> PathBuf {
        self.demo.path(run).join("journal.jsonl")
    }

    /// Waits until a run has so many events.
    pub fn wait_for_events(&self, run: &str, count: usize) {
        let lines = || fs::read_to_string(self.file(run)).map_or(0, |text| text.lines().count());
        self.wait(&format!("{count} events of {run}"), || lines() > count);
    }

    /// Waits for something.
    pub fn wait(&self, what: &str, mut is: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !is() {
            assert!(
                begin.elapsed() < PATIENCE,
                "{what} never came: {}",
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What workers said.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.demo.path("errors")).unwrap_or_default()
    }

    pub fn status(&self) -> Status {
        let time = Duration::from_millis(1300);
        look(&self.login(Role::Viewer), time).expect("a server")
    }
}

/// Waits for a search, which must finish; what it said on standard error.
pub fn finished(search: Process) -> String {
    let output = search.output();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    // Whether the constraint is met is the landscape's affair.
    assert!(matches!(code, Some(0 | 3)), "{code:?}: {err}");
    assert!(!err.contains("panicked"), "{err}");
    err
}
