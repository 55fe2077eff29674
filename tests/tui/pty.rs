//! The interface in a real (pseudo) terminal: what it shows, and that the terminal is as before
//! however it ends. The child is this very test program, running [`super::watch`].

use crate::common::terminal::Terminal;
use portable_pty::CommandBuilder;

fn start(mode: &str) -> Terminal {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "tui::watch::watch"]);
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
    pty.press("\r").see("evaluated at once");
    pty.press("p").see("RUNNING");
    pty.press("s").see("Save as a profile");
    pty.press("\x15")
        .press("\x1b[200~my\nchip\x1b[201~")
        .see("mychip")
        .press("\r")
        .see("saved /tmp/profiles/mychip.toml");
    pty.resize(8, 40).see("please enlarge it");
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
    let mut pty = start("panic in the worker and in the interface");
    pty.see("The run stopped").see("try again");
    pty.press("r");
    let after = end(&mut pty);
    assert!(after.contains("lost its mind"), "{after}");
}

#[test]
fn a_panic_while_saving_is_told_and_the_search_goes_on() {
    let mut pty = start("panic while saving");
    pty.see("Search tree").see("#0");
    pty.press("s").see("Save as a profile").press("\r");
    pty.see("saving failed").press("\x1b");
    // Alone it is a key; with the next one it would be a combination.
    std::thread::sleep(std::time::Duration::from_millis(300));
    pty.press("q").see("aq4svit resume").press("y");
    assert!(end(&mut pty).contains("Quit"));
}

#[test]
fn a_run_that_failed_is_tried_again() {
    let mut pty = start("panic in the worker");
    pty.see("The run stopped").see("try again");
    pty.press("r").see("RUNNING").see("#6 head");
    pty.press("q").see("aq4svit resume").press("y");
    assert!(end(&mut pty).contains("Quit"));
}

#[test]
fn what_libraries_print_comes_after_and_not_into_the_screen() {
    let mut pty = start("a library that prints");
    pty.see("Search tree").see("#6 head");
    assert!(!pty.text().contains("LIBRARY"), "{}", pty.text());
    pty.press("q").see("aq4svit resume").press("y");
    let after = end(&mut pty);
    assert!(after.contains("LIBRARY SAYS"), "{after}");
}

#[test]
fn commands_by_name_and_back_from_the_shell() {
    let mut pty = start("");
    pty.see("Search tree").see("#6 head");
    pty.press(":").see("Commands").press("front").press("\r");
    pty.see("[4 Front]");
    pty.press(":").press("#3").see("go to").press("\r");
    pty.see("[1 Search]").see("Node");
    // Mouse: a click on a view's name, in SGR coordinates.
    pty.press("\x1b[<0;20;4M\x1b[<0;20;4m")
        .see("[2 Allocation]");
    pty.press("q").see("aq4svit resume").press("y");
    end(&mut pty);
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

/// So end libtorch without memory, the C library and Rust.
#[test]
fn an_abort_gives_the_terminal_back_with_its_message() {
    let mut pty = start("abort");
    pty.see("Search tree").see("std::bad_alloc");
    let (_, after) = pty.end();
    assert!(after.contains("terminate called"), "{after}");
    assert!(after.contains("no memory left"), "{after}");
    assert!(after.contains("aq4svit resume"), "{after}");
}

#[test]
fn signals_that_nothing_survives_give_the_terminal_back() {
    for (signal, words) in [
        ("-ABRT", "aborted"),
        ("-BUS", "SIGBUS"),
        ("-SEGV", "SIGSEGV"),
        ("-ILL", "SIGILL"),
        ("-FPE", "SIGFPE"),
        ("-SYS", "SIGSYS"),
        ("-TRAP", "SIGTRAP"),
    ] {
        let mut pty = start("");
        pty.see("Search tree");
        let id = pty.id().to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args([signal, &id]).status().unwrap().success());
        let (_, after) = pty.end();
        assert!(after.contains(words), "{signal}: {after}");
    }
}
