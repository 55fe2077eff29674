//! The interface in a real (pseudo) terminal: what it shows, and that the terminal is as before however it ends.
//! The child is this very test program, running [`crate::watch`].

#[path = "../common/terminal.rs"]
mod terminal;

use portable_pty::CommandBuilder;
use terminal::Terminal;

fn start(mode: &str) -> Terminal {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "watch::watch"]);
    command.env("WATCH", mode);
    Terminal::start(command)
}

/// What is on the screen once the test program has ended.
fn end(pty: &mut Terminal) -> String {
    pty.see("test result");
    pty.end().1
}

#[test]
fn pause_prune_change_save_and_quit() {
    let mut pty = start("");
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
    let after = end(&mut pty);
    assert!(
        after.contains("Quit") && after.contains("mychip.toml"),
        "{after}"
    );
}

#[test]
fn a_panic_of_a_worker_becomes_a_message() {
    let mut pty = start("panic in the worker");
    pty.see("The run stopped")
        .see("the evaluator lost its mind");
    pty.press("q");
    assert!(end(&mut pty).contains("Failed"));
}

#[test]
fn a_panic_of_the_interface_gives_the_terminal_back_first() {
    let mut pty = start("panic while saving");
    pty.see("Search tree").see("#0");
    pty.press("s").see("Save as a profile").press("\r");
    let after = end(&mut pty);
    assert!(after.contains("the profile lost its mind"), "{after}");
}

/// Closing the terminal's window is no reason to go on unseen.
#[test]
fn a_terminal_that_goes_away_ends_it() {
    let mut pty = start("");
    pty.see("Search tree");
    pty.close();
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let mut pty = start("");
    pty.see("Search tree");
    let id = pty.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .unwrap();
    assert!(end(&mut pty).contains("Terminated"));
}
