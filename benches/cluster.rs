//! How a search scales with the number of workers: simulated with a latency model for 1 to 256
//! workers, and measured with real workers on loopback for 1, 2 and 4.
//!
//! `cargo bench --no-default-features --features cluster --bench cluster` prints two Markdown
//! tables, with `-- loopback` only the second one. Both searches are of the demo's network on the
//! synthetic landscape. The simulation gives every worker the time that its part of an evaluation
//! takes (milliseconds for each image) and the way there and back; nothing waits for real. With
//! speculation, workers are given what will probably be asked next; what is thrown away of that is
//! counted.

use std::time::{Duration, Instant};

use aq4svit::cluster::{
    Access, Context, Coordinator, Folder, Passwords, Program, RemoteEvaluator, Role, Server,
    ServerOptions, Wish, WorkerOptions, free_port, serve,
};
use aq4svit::evaluate::{Cancel, Evaluator, Job, Landscape, Outcome, Provenance, Question};
use aq4svit::profile::{Profile, SHIPPED, StrategyName};
use aq4svit::run::SearchProblem;
use aq4svit::search::{Engine, Settings};

/// Milliseconds of the way of a job and of its answer.
const WAY: f64 = 2.0;
/// Milliseconds of an image.
const IMAGE: f64 = 5.0;
const CALIBRATION: usize = 16;
const SEARCH: usize = 2000;
/// Workers at guesses, with speculation.
const GUESSES: usize = 4;
/// The least images of a part of an evaluation, as `src/cluster/parts.rs` cuts it.
const PART: usize = 256;
const WORKERS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

fn settings(strategy: StrategyName) -> Settings {
    let (_, text) = SHIPPED[0];
    let profile = Profile::parse(text, "demo.toml".as_ref()).expect("a shipped profile");
    let SearchProblem { profile, space } = profile.into();
    let mut search = profile.search.clone();
    search.strategy = strategy;
    Settings {
        name: profile.name.clone(),
        space,
        constraint: profile.constraint,
        search,
        gate: profile.gate,
        pins: profile.pins.clone(),
        target: None,
        start: profile.allocation(&profile.graph()),
        calibration_images: CALIBRATION,
        evidence_images: 0,
        narrower: true,
        search_images: SEARCH,
        search_order: Default::default(),
        certify_images: 0,
        test_images: 0,
    }
}

fn landscape(settings: &Settings) -> Landscape {
    Landscape::new(7, settings.space.layers.len(), CALIBRATION, SEARCH, 0)
}

/// What a search came to.
#[derive(Default)]
struct Course {
    seconds: f64,
    answers: usize,
    /// Evaluations cancelled, or never used.
    wasted: usize,
    /// Worker seconds of those at work.
    busy: f64,
}

/// A job of simulated workers.
struct Busy {
    job: Job,
    /// That share it.
    workers: usize,
    begun: f64,
    until: f64,
    outcome: Outcome,
}

impl Busy {
    fn worker_seconds(&self, now: f64) -> f64 {
        self.workers as f64 * (now - self.begun) / 1e3
    }
}

/// A search with so many simulated workers, of which so many may be at guesses.
fn simulate(strategy: StrategyName, workers: usize, guesses: usize) -> Course {
    let settings = settings(strategy);
    let mut evaluator = landscape(&settings);
    let mut engine = Engine::new(settings).expect("a search");
    engine.start();
    let (mut now, mut course) = (0.0, Course::default());
    let mut busy: Vec<Busy> = Vec::new();
    while !engine.is_finished() {
        let wanted = engine.wanted_ahead(workers, guesses);
        busy.retain(|b| {
            let kept = wanted.iter().any(|r| r.job == b.job);
            if !kept {
                course.wasted += 1;
                course.busy += b.worker_seconds(now);
            }
            kept
        });
        let is_new = |job: &Job| !busy.iter().any(|b| b.job == *job);
        let new: Vec<Job> = wanted
            .into_iter()
            .map(|r| r.job)
            .filter(|j| is_new(j))
            .collect();
        let mut free = workers - busy.iter().map(|b| b.workers).sum::<usize>();
        for job in new {
            if free == 0 {
                break;
            }
            let evaluated = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
            let (outcome, work) = evaluated.expect("an answer");
            let images = work.images as usize;
            // The one that is waited for comes first, and is shared by all that have time.
            let parts = match job.question {
                Question::Accuracy { .. } => (images / PART).max(1),
                _ => 1,
            };
            let workers = parts.min(free);
            let rounds = parts.div_ceil(workers) as f64;
            free -= workers;
            busy.push(Busy {
                job,
                workers,
                begun: now,
                until: now + rounds * (2.0 * WAY + IMAGE * images as f64 / parts as f64),
                outcome,
            });
        }
        let first = (0..busy.len()).min_by(|a, b| busy[*a].until.total_cmp(&busy[*b].until));
        let Some(first) = first else { break };
        let done = busy.swap_remove(first);
        now = done.until;
        course.busy += done.worker_seconds(now);
        course.answers += 1;
        engine.answer(&done.job, done.outcome, Provenance::Computed);
    }
    course.wasted += busy.len();
    course.busy += busy.iter().map(|b| b.worker_seconds(now)).sum::<f64>();
    course.seconds = now / 1e3;
    course
}

/// An evaluation that takes its time.
struct Slow(Landscape);

impl Evaluator for Slow {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(aq4svit::evaluate::Progress),
    ) -> Result<(Outcome, aq4svit::evaluate::Work), aq4svit::evaluate::EvaluateError> {
        let (outcome, work) = self.0.evaluate(job, cancel, progress)?;
        std::thread::sleep(Duration::from_secs_f64(IMAGE * work.images as f64 / 100e3));
        Ok((outcome, work))
    }

    fn numerics(&self) -> String {
        self.0.numerics()
    }
}

/// Seconds of so many accuracies over a real server with real workers (an image takes a hundredth
/// of the simulated time).
/// Also messages and bytes at the search's side, for each.
fn measure(access: &Access, file: &std::path::Path, workers: usize) -> (f64, [f64; 2]) {
    let settings = settings(StrategyName::Greedy);
    let layers = settings.space.layers.len();
    let stop = Cancel::default();
    let threads: Vec<_> = (0..workers)
        .map(|_| {
            let options = WorkerOptions {
                login: access.login(file, Role::Worker).expect("access"),
                device: "synthetic".into(),
                threads: 1,
                folder: Folder::new("/nonexistent".into(), 0),
                time_limit: None,
                stall: Duration::from_secs(60),
            };
            let (stop, settings) = (stop.clone(), settings.clone());
            let make = move |_: &Context, _: &[_]| -> Result<Box<dyn Evaluator>, String> {
                Ok(Box::new(Slow(landscape(&settings))))
            };
            std::thread::spawn(move || serve(options, Box::new(make), &stop, &|_| ()))
        })
        .collect();
    let wish = Wish {
        login: access.login(file, Role::Coordinator).expect("access"),
        context: Context {
            context: format!("bench-{workers}"),
            profile: String::new(),
            without_test: true,
            search_order: Default::default(),
            parts: Vec::new(),
            fixed: None,
            files: Vec::new(),
        },
        files: Vec::new(),
        name: "bench".into(),
        numerics: None,
    };
    let coordinator = Coordinator::begin(wish, &|_| ()).expect("a cluster");
    while coordinator
        .live()
        .load(std::sync::atomic::Ordering::Relaxed)
        < workers
    {
        std::thread::sleep(Duration::from_millis(50));
    }
    let (begin, before) = (Instant::now(), coordinator.traffic());
    std::thread::scope(|scope| {
        for slot in 0..workers {
            let mut evaluator = RemoteEvaluator::new(coordinator.clone(), None);
            scope.spawn(move || {
                for i in (slot..JOBS).step_by(workers) {
                    let width = aq4svit::quant::BitWidth::new(4).expect("a width");
                    let job = Job {
                        allocation: aq4svit::quant::Allocation::uniform(layers, width),
                        question: Question::Accuracy {
                            split: aq4svit::evaluate::Split::Search,
                            from: i,
                            to: i + 500,
                            stop: None,
                        },
                    };
                    let asked = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
                    asked.expect("an answer");
                }
            });
        }
    });
    let (seconds, after) = (begin.elapsed().as_secs_f64(), coordinator.traffic());
    let each = |before: u64, after: u64| (after - before) as f64 / JOBS as f64;
    let traffic = [each(before.0, after.0), each(before.1, after.1)];
    drop(coordinator);
    stop.cancel();
    for thread in threads {
        thread.join().expect("it ends").expect("a worker");
    }
    (seconds, traffic)
}

/// Evaluations that are measured.
const JOBS: usize = 200;

fn main() {
    if !std::env::args().any(|word| word == "loopback") {
        simulate_all();
    }
    measure_all();
}

fn simulate_all() {
    println!("| | | without speculation | | | with --speculate 4 | | | |");
    println!("|---|---|---|---|---|---|---|---|---|");
    println!(
        "| strategy | workers | seconds | speed-up | busy | seconds | speed-up | busy | thrown away |"
    );
    let strategies = [
        ("greedy", StrategyName::Greedy),
        ("beam", StrategyName::Beam),
        ("allocate", StrategyName::Allocate),
        ("front", StrategyName::Front),
    ];
    for (name, strategy) in strategies {
        let mut alone = None;
        for workers in WORKERS {
            let (sure, guessing) = (
                simulate(strategy, workers, 0),
                simulate(strategy, workers, GUESSES),
            );
            let one = *alone.get_or_insert(sure.seconds);
            let of = |course: &Course| {
                format!(
                    "{:.0} | {:.1} | {:.0} %",
                    course.seconds,
                    one / course.seconds,
                    100.0 * course.busy / course.seconds / workers as f64
                )
            };
            println!(
                "| {name} | {workers} | {} | {} | {} of {} |",
                of(&sure),
                of(&guessing),
                guessing.wasted,
                guessing.wasted + guessing.answers,
            );
        }
    }
}

fn measure_all() {
    let Ok(program) = Program::find() else {
        println!("\nnothing is measured: there is no nats-server here");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let passwords = Passwords::random().expect("randomness");
    let options = ServerOptions {
        listen: free_port("127.0.0.1").expect("a port"),
        folder: folder.path().join("server"),
        passwords: passwords.clone(),
        tls: None,
    };
    let address = format!("nats://{}", options.listen);
    let access = Access::new(address, Duration::from_secs(30), passwords);
    let file = folder.path().join("cluster.toml");
    let _server = Server::start(&program, &options).expect("a server");
    println!(
        "\n| workers on loopback | seconds | evaluations/s | each, beside its 25 ms | messages | bytes |"
    );
    println!("|---|---|---|---|---|---|");
    for workers in [1, 2, 4] {
        let (seconds, [messages, bytes]) = measure(&access, &file, workers);
        println!(
            "| {workers} | {seconds:.2} | {:.0} | {:.1} ms | {messages:.1} | {bytes:.0} |",
            JOBS as f64 / seconds,
            1e3 * seconds * workers as f64 / JOBS as f64 - 25.0
        );
    }
}
