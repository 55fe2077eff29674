//! The loop around the model, on a screen that only counts.

use std::io;
use std::thread;
use std::time::Duration;

use aq4svit::run::Update;
use aq4svit::search::{Command, Instruction};
use aq4svit::tui::model::RunInfo;
use aq4svit::tui::theme::Theme;
use aq4svit::tui::{Ending, Model, Outcome, SaveError, Saved, Screen, Session, Signal, run_on};
use crossbeam_channel::{Receiver, Sender, never, unbounded};
use crossterm::event::{Event, KeyCode, KeyEvent};

use super::story::{Story, demo_settings};

#[derive(Default)]
struct Counter {
    frames: usize,
    suspended: usize,
    copied: Vec<String>,
}

impl Screen for Counter {
    fn size(&self) -> io::Result<(u16, u16)> {
        Ok((80, 24))
    }
    fn draw(&mut self, _: &Model) -> io::Result<()> {
        self.frames += 1;
        Ok(())
    }
    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.copied.push(text.to_owned());
        Ok(())
    }
    fn suspend(&mut self) -> io::Result<()> {
        self.suspended += 1;
        Ok(())
    }
}

struct Ends {
    session: Session,
    commands: Receiver<Instruction>,
    updates: Sender<Update>,
    signals: Sender<Signal>,
}

fn saved(name: &str) -> Saved {
    Saved {
        path: format!("/p/{name}.toml").into(),
        note: None,
    }
}

fn ends() -> Ends {
    let (send_command, commands) = unbounded();
    let (updates, receive_update) = unbounded();
    let (signals, receive_signal) = unbounded();
    let session = Session {
        run: RunInfo {
            id: "r".into(),
            argument: "r".into(),
            folder: "/tmp/r".into(),
            device: "cpu".into(),
            classes: None,
            expected: None,
        },
        ends: aq4svit::tui::Ends {
            commands: send_command,
            updates: receive_update,
            probe: None,
        },
        save: Box::new(|asked| match asked.name.as_str() {
            "full" => Err(SaveError::Other("the disk is full".into())),
            name => Ok(saved(name)),
        }),
        retry: Box::new(|| Err("nothing to go on with".into())),
        config: Default::default(),
        outside: Box::new(|_| aq4svit::tui::Answer::Kept(Ok(String::new()))),
        welcome: false,
        watching: false,
        signals: receive_signal,
    };
    Ends {
        session,
        commands,
        updates,
        signals,
    }
}

fn play(session: Session, keys: &[KeyCode], screen: &mut Counter) -> Ending {
    let (send, input) = unbounded();
    for key in keys {
        send.send(Event::Key(KeyEvent::from(*key))).unwrap();
    }
    run_on(screen, &input, &never(), Theme::colour(), session).unwrap()
}

#[test]
fn keys_become_commands_and_an_ending() {
    let ends = ends();
    let keys = "pqy".chars().map(KeyCode::Char).collect::<Vec<_>>();
    let ending = play(ends.session, &keys, &mut Counter::default());
    assert_eq!(ending.outcome, Outcome::Quit);
    assert_eq!(
        ends.commands
            .try_iter()
            .map(|i| i.command)
            .collect::<Vec<_>>(),
        [Command::Pause]
    );
}

/// A profile whose layers are quantized first takes long: keys are obeyed meanwhile, and who leaves
/// waits for it.
#[test]
fn saving_does_not_keep_keys_waiting() {
    let mut ends = ends();
    let mut story = Story::new(demo_settings());
    let mut updates = story.start();
    for _ in 0..8 {
        updates.extend(story.answer());
    }
    let tell = |update| ends.updates.send(update).unwrap();
    updates.into_iter().for_each(tell);
    let (go_on, wait) = unbounded::<()>();
    let (began, saving) = unbounded();
    ends.session.save = Box::new(move |asked| {
        began.send(()).unwrap();
        wait.recv_timeout(Duration::from_secs(60)).unwrap();
        Ok(saved(&asked.name))
    });
    let (send, input) = unbounded();
    let ending = thread::scope(|scope| {
        scope.spawn(|| {
            let press = |keys: &[KeyCode]| {
                for key in keys {
                    send.send(Event::Key(KeyEvent::from(*key))).unwrap();
                }
            };
            thread::sleep(Duration::from_millis(100));
            press(&[KeyCode::Char('s'), KeyCode::Enter]);
            saving.recv_timeout(Duration::from_secs(60)).unwrap();
            press(&[KeyCode::Char('p')]);
            let paused = ends.commands.recv_timeout(Duration::from_secs(60));
            assert_eq!(paused.unwrap().command, Command::Pause);
            press(&[KeyCode::Char('q'), KeyCode::Char('y')]);
            thread::sleep(Duration::from_millis(50));
            go_on.send(()).unwrap();
        });
        let screen = &mut Counter::default();
        run_on(screen, &input, &never(), Theme::colour(), ends.session).unwrap()
    });
    assert_eq!(ending.outcome, Outcome::Quit);
    assert_eq!(ending.saved.len(), 1);
}

#[test]
fn a_profile_is_saved_through_the_caller() {
    let mut ends = ends();
    let mut story = Story::new(demo_settings());
    let mut updates = story.start();
    for _ in 0..8 {
        updates.extend(story.answer());
    }
    // The keys wait until the news are in: they come from a thread that sends them after.
    let (send, input) = unbounded();
    let (news, receive) = unbounded();
    ends.session.ends.updates = receive;
    let ending = thread::scope(|scope| {
        scope.spawn(|| {
            updates.into_iter().for_each(|u| news.send(u).unwrap());
            while !news.is_empty() {
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(50));
            let mut keys = vec![KeyCode::Char('s')];
            keys.extend([KeyCode::Backspace; 60]);
            keys.extend("chip".chars().map(KeyCode::Char));
            keys.extend([KeyCode::Enter, KeyCode::Char('q'), KeyCode::Char('y')]);
            keys.into_iter()
                .for_each(|k| send.send(Event::Key(k.into())).unwrap());
        });
        run_on(
            &mut Counter::default(),
            &input,
            &never(),
            Theme::colour(),
            ends.session,
        )
    });
    let ending = ending.unwrap();
    assert_eq!(ending.saved, [std::path::PathBuf::from("/p/chip.toml")]);
    assert!(!ending.tree.candidates.is_empty());
}

#[test]
fn a_signal_ends_it() {
    let ends = ends();
    ends.signals.send(Signal::Terminate).unwrap();
    let ending = play(ends.session, &[], &mut Counter::default());
    assert_eq!(ending.outcome, Outcome::Terminated);
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let ends = ends();
    let (send, input) = unbounded::<Event>();
    drop(send);
    let ending = run_on(
        &mut Counter::default(),
        &input,
        &never(),
        Theme::colour(),
        ends.session,
    );
    assert_eq!(ending.unwrap().outcome, Outcome::Terminated);
}

#[test]
fn a_run_that_is_gone_leaves_an_error_to_read() {
    let ends = ends();
    drop(ends.updates);
    let (send, input) = unbounded();
    let quit = thread::spawn(move || {
        // Until the failure is shown, q asks; n and q again make both orders end alike.
        thread::sleep(Duration::from_millis(200));
        send.send(Event::Key(KeyCode::Char('q').into())).unwrap();
        thread::sleep(Duration::from_secs(60));
    });
    let ending = run_on(
        &mut Counter::default(),
        &input,
        &never(),
        Theme::colour(),
        ends.session,
    )
    .unwrap();
    assert_eq!(
        ending.outcome,
        Outcome::Failed("the run stopped without saying why".into())
    );
    drop(quit);
}

#[test]
fn bursts_are_drained_before_drawing() {
    let ends = ends();
    let progress = aq4svit::evaluate::Progress {
        done: 1,
        total: 2,
        correct: 0,
        preparing: false,
    };
    for _ in 0..20_000 {
        ends.updates.send(Update::Progress(progress)).unwrap();
    }
    let mut screen = Counter::default();
    let (send, input) = unbounded();
    let news = ends.updates.clone();
    let quit = thread::spawn(move || {
        while !news.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        for key in "qy".chars() {
            send.send(Event::Key(KeyCode::Char(key).into())).unwrap();
        }
    });
    run_on(&mut screen, &input, &never(), Theme::colour(), ends.session).unwrap();
    quit.join().unwrap();
    assert!(
        screen.frames < 200,
        "{} frames for 20,000 updates",
        screen.frames
    );
}

#[test]
fn suspending_hands_the_terminal_back() {
    let ends = ends();
    let mut screen = Counter::default();
    let (send, input) = unbounded();
    let ctrl_z = KeyEvent::new(KeyCode::Char('z'), crossterm::event::KeyModifiers::CONTROL);
    send.send(Event::Key(ctrl_z)).unwrap();
    for key in "qy".chars() {
        send.send(Event::Key(KeyCode::Char(key).into())).unwrap();
    }
    run_on(&mut screen, &input, &never(), Theme::colour(), ends.session).unwrap();
    assert_eq!(screen.suspended, 1);
}
