//! The interface in this terminal, on the synthetic landscape, for those who work on it (and for
//! [`super::pty`]):
//! `cargo test --no-default-features --test all -- --ignored --nocapture tui::watch`.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use aq4svit::evaluate::Progress;
use aq4svit::run::Update;
use aq4svit::search::Instruction;
use aq4svit::tui::model::RunInfo;
use aq4svit::tui::{Ends, SaveError, Saved, Session, Signal, run};
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::story::{Story, demo_settings};

/// A search at a pace that a person can follow, until nobody listens any more.
fn work(news: &Sender<Update>, steering: &Receiver<Instruction>, mode: &str) -> Option<()> {
    let mut story = Story::new(demo_settings());
    let send = |all: Vec<Update>| all.into_iter().try_for_each(|u| news.send(u)).ok();
    send(story.start())?;
    let mut jobs = 0;
    loop {
        if story.engine.is_finished() {
            send(vec![Update::Idle])?;
            // Commands may open it again.
            let answer = story.command(steering.recv().ok()?);
            send(answer)?;
            continue;
        }
        let begun = story.begin();
        let idle = begun == [Update::Idle];
        send(begun)?;
        for step in 1..=6 {
            while let Ok(command) = steering.recv_timeout(Duration::from_millis(50)) {
                let answer = story.command(command);
                send(answer)?;
            }
            if !idle {
                send(vec![Update::Progress(Progress {
                    done: step * 10,
                    total: 64,
                    correct: step * 8,
                    preparing: false,
                })])?;
            }
        }
        if mode == "a library that prints" {
            use std::io::Write;
            let _ = std::io::stdout().write_all(format!("LIBRARY SAYS {jobs}\n").as_bytes());
            let _ = std::io::stderr().write_all(b"LIBRARY WARNS\n");
        }
        let answer = story.answer();
        send(answer)?;
        jobs += 1;
        if mode == "abort" && jobs == 5 {
            use std::io::Write;
            let _ = std::io::stderr().write_all(b"terminate called: std::bad_alloc\n");
            std::process::abort();
        }
        if mode.starts_with("panic in the worker") && jobs == 5 {
            panic!("the evaluator lost its mind");
        }
    }
}

/// The search from its start, in another thread.
fn retry(mode: &str) -> Result<Ends, String> {
    if mode == "nothing to go on with" {
        return Err("the journal is gone".into());
    }
    assert!(
        !mode.contains("and in the interface"),
        "the interface lost its mind"
    );
    let (commands, steering) = unbounded();
    let (news, updates) = unbounded();
    thread::spawn(move || work(&news, &steering, ""));
    Ok(Ends {
        commands,
        updates,
        probe: None,
    })
}

#[test]
#[ignore = "takes the terminal over"]
fn watch() {
    let mode = std::env::var("WATCH").unwrap_or_default();
    let (commands, steering) = unbounded();
    let (news, updates) = unbounded();
    let (raise, signals) = unbounded();
    #[cfg(unix)]
    {
        use signal_hook::{
            consts::{SIGHUP, SIGTERM},
            iterator::Signals,
        };
        let mut caught = Signals::new([SIGHUP, SIGTERM]).unwrap();
        thread::spawn(move || {
            for _ in caught.forever() {
                let _ = raise.send(Signal::Terminate);
            }
        });
    }
    #[cfg(not(unix))]
    drop(raise);
    let worker_mode = mode.clone();
    let worker = thread::spawn(move || work(&news, &steering, &worker_mode));
    let again = mode.clone();
    let mut names: Vec<String> = vec![];
    let ending = run(Session {
        run: RunInfo {
            id: "2026-05-04-demo".into(),
            argument: "2026-05-04-demo".into(),
            folder: "/tmp/runs/2026-05-04-demo".into(),
            device: "cpu".into(),
            classes: None,
            expected: None,
        },
        ends: Ends {
            commands,
            updates,
            probe: None,
        },
        save: Box::new(move |asked| {
            assert_ne!(mode, "panic while saving", "the profile lost its mind");
            let path = PathBuf::from(format!("/tmp/profiles/{}.toml", asked.name));
            if names.contains(&asked.name) && !asked.overwrite {
                return Err(SaveError::Exists(path));
            }
            names.push(asked.name);
            Ok(Saved { path, note: None })
        }),
        retry: Box::new(move || retry(&again)),
        config: Default::default(),
        outside: Box::new(|_| aq4svit::tui::Answer::Kept(Ok(String::new()))),
        welcome: false,
        watching: false,
        signals,
    });
    println!("{:?}", ending.map(|e| (e.outcome, e.saved)));
    let _ = worker.join();
}
