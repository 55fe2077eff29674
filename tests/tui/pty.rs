//! The interface in a real (pseudo) terminal: what it shows, and that the terminal is as before however it ends.
//! The child is this very test program, running [`crate::watch`].

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

struct Pty {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    master: Box<dyn MasterPty + Send>,
}

fn parser(rows: u16, cols: u16) -> vt100::Parser {
    let size = |n| std::num::NonZero::new(n).unwrap();
    vt100::Parser::new(size(rows), size(cols), 0)
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Pty {
    fn start(mode: &str) -> Self {
        let size = PtySize {
            rows: 30,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "watch::watch"]);
        command.env("WATCH", mode);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env("RUST_BACKTRACE", "0");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(parser(30, 100)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let parser = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                parser.lock().unwrap().process(&buffer[..n]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Pty {
            child,
            keys,
            screen,
            master: pair.master,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn see(&mut self, text: &str) -> &mut Self {
        let begin = Instant::now();
        while !self.text().contains(text) {
            assert!(
                begin.elapsed() < PATIENCE,
                "no \"{text}\" in\n{}",
                self.text()
            );
            thread::sleep(Duration::from_millis(10));
        }
        self
    }

    fn resize(&mut self, rows: u16, cols: u16) -> &mut Self {
        *self.screen.lock().unwrap() = parser(rows, cols);
        self.master
            .resize(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        self
    }

    fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// Waits for the end; the terminal must be as it was before.
    fn end(&mut self) -> String {
        let begin = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if begin.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it does not end:\n{}", self.text());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.see("test result");
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still in the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "still pasting in brackets");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        screen.contents()
    }
}

#[test]
fn pause_prune_change_save_and_quit() {
    let mut pty = Pty::start("");
    pty.see("Search tree").see("#6 head");
    pty.press("p").see("PAUSED");
    pty.press("G").press("x").see("pruned #");
    pty.press("b").press("2").press("-").see("evaluate it now");
    pty.press("\r").see("judged at once");
    pty.press("p").see("RUNNING");
    pty.press("s").see("Save as a profile");
    pty.press("\x15")
        .press("\x1b[200~my\nchip\x1b[201~")
        .see("mychip")
        .press("\r")
        .see("saved /tmp/profiles/mychip.toml");
    pty.resize(8, 40).see("Please enlarge it");
    pty.resize(30, 100).see("Search tree");
    pty.press("q").see("aq4svit resume").press("y");
    let after = pty.end();
    assert!(
        after.contains("Quit") && after.contains("mychip.toml"),
        "{after}"
    );
}

#[test]
fn a_panic_of_a_worker_becomes_a_message() {
    let mut pty = Pty::start("panic in the worker");
    pty.see("The run stopped")
        .see("the evaluator lost its mind");
    pty.press("q");
    assert!(pty.end().contains("Failed"));
}

#[test]
fn a_panic_of_the_interface_gives_the_terminal_back_first() {
    let mut pty = Pty::start("panic while saving");
    pty.see("Search tree").see("#0");
    pty.press("s").see("Save as a profile").press("\r");
    let after = pty.end();
    assert!(after.contains("the profile lost its mind"), "{after}");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let mut pty = Pty::start("");
    pty.see("Search tree");
    let id = pty.child.process_id().unwrap().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .unwrap();
    assert!(pty.end().contains("Terminated"));
}
