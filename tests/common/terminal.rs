//! A program in a pseudo terminal: keys in, screen out, and how it leaves the terminal.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A program in a pseudo terminal.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    master: Box<dyn MasterPty + Send>,
    /// How the terminal was set before the program began.
    #[cfg(unix)]
    before: String,
}

/// How the terminal is set: echo, line editing, signals.
#[cfg(unix)]
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

fn parser(rows: u16, cols: u16) -> vt100::Parser {
    let size = |n| std::num::NonZero::new(n).unwrap();
    vt100::Parser::new(size(rows), size(cols), 0)
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Terminal {
    /// Starts a program in a terminal of 30 rows and 100 columns.
    pub fn start(mut command: CommandBuilder) -> Self {
        let size = PtySize {
            rows: 30,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env("RUST_BACKTRACE", "0");
        #[cfg(unix)]
        let before = settings(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(parser(30, 100)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let parser = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                parser.lock().unwrap().process(&buffer[..n]);
                // Closed: let go of the terminal here too.
                if Arc::strong_count(&parser) == 1 {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Terminal {
            child,
            keys,
            screen,
            master: pair.master,
            #[cfg(unix)]
            before,
        }
    }

    /// The screen.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen has a text.
    pub fn see(&mut self, text: &str) -> &mut Self {
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

    /// Changes the terminal's size.
    pub fn resize(&mut self, rows: u16, cols: u16) -> &mut Self {
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

    /// Types.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Takes the terminal away, as closing its window does, waits for the end and returns the exit code.
    pub fn close(self) -> u32 {
        let Terminal {
            mut child,
            keys,
            screen,
            master,
            ..
        } = self;
        drop((keys, screen, master));
        let begin = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.exit_code();
            }
            if begin.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it goes on without a terminal");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end; the terminal must be as it was before. Returns the exit code and the screen.
    pub fn end(&mut self) -> (u32, String) {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begin.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it does not end:\n{}", self.text());
            }
            thread::sleep(Duration::from_millis(10));
        };
        // What it wrote last may still be under way.
        thread::sleep(Duration::from_millis(200));
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still in the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "still pasting in brackets");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        #[cfg(unix)]
        assert_eq!(
            settings(&*self.master),
            self.before,
            "the terminal is set otherwise"
        );
        (status.exit_code(), screen.contents())
    }
}
