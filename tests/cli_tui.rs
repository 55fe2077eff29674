//! The interface of the real binary on the real evaluator, as a person uses it, in a pseudo terminal.
#![cfg(feature = "torch")]

#[path = "common/demo.rs"]
mod demo;
#[path = "common/terminal.rs"]
mod terminal;

use demo::Demo;
use portable_pty::CommandBuilder;
use terminal::Terminal;

fn start(demo: &Demo, arguments: &[&str]) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_aq4svit"));
    command.args(arguments);
    command.cwd(demo.folder.path());
    command.env("AQ4SVIT_CONFIG", demo.path("config"));
    command.env("AQ4SVIT_DATA", demo.path("data"));
    Terminal::start(command)
}

fn journal(demo: &Demo) -> String {
    std::fs::read_to_string(demo.path("run").join("journal.jsonl")).expect("a journal")
}

#[test]
fn pause_prune_lower_a_layer_save_quit_and_the_profile_loads_again() {
    let demo = Demo::new();
    let mut terminal = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    terminal.see("Search tree").see("#3 ");
    terminal.press("p").see("PAUSED");
    terminal.press("G").press("x").see("pruned #");
    terminal
        .press("b")
        .press("2")
        .press("jjj")
        .press("-")
        .see("evaluate it now");
    terminal.press("\r").see("judged at once");
    terminal.press("p").see("RUNNING");
    terminal.press("s").see("Save as a profile");
    terminal
        .press("\x15")
        .press("my-chip")
        .press("\r")
        .see("my-chip.toml");
    terminal.press("q").see("aq4svit resume").press("y");
    let (code, screen) = terminal.end();
    assert!(code == 130 || code == 0, "{code}: {screen}");
    assert!(
        screen.contains("my-chip.toml") && screen.contains("run"),
        "{screen}"
    );

    let journal = journal(&demo);
    for command in ["pause", "prune", "set_bits", "resume"] {
        assert!(
            journal.contains(&format!("\"command\":\"{command}\"")),
            "{command}"
        );
    }
    assert!(journal.contains("\"origin\":\"manual\""));
    let (list, _) = demo.expect(0, &["profiles", "list"]);
    assert!(list.contains("my-chip"), "{list}");
    let (evaluation, _) = demo.expect(
        0,
        &["evaluate", "my-chip", "--split", "calibration", "--json"],
    );
    assert!(evaluation.contains("\"images\":20"), "{evaluation}");
    // The steered run goes on to its end.
    demo.expect(0, &["resume", "run", "--headless"]);
}

#[test]
fn sigterm_gives_the_terminal_back_and_the_run_resumes_in_the_interface() {
    let demo = Demo::new();
    let mut terminal = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    terminal.see("Search tree").see("#1 ");
    let kill = format!("kill -TERM {}", terminal.id());
    assert!(
        std::process::Command::new("sh")
            .args(["-c", &kill])
            .status()
            .expect("sh")
            .success()
    );
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    assert!(screen.contains("aq4svit resume"), "{screen}");
    let mut again = start(&demo, &["resume", "run"]);
    again.see("Search tree").see("#1 ").see("FINISHED");
    again.press("q");
    let (code, screen) = again.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("best.toml"), "{screen}");
}

#[test]
fn a_terminal_that_goes_away_interrupts_the_run_and_loses_nothing() {
    let demo = Demo::new();
    let mut terminal = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    terminal.see("Search tree").see("#1 ");
    assert_eq!(terminal.close(), 130);
    let mut lines = start(
        &demo,
        &["search", "small.toml", "--run-dir", "other", "--headless"],
    );
    lines.see("the float network");
    assert_eq!(lines.close(), 130);
    for run in ["run", "other"] {
        demo.expect(0, &["resume", run, "--headless"]);
    }
}

#[test]
fn a_second_screen_follows_goes_back_and_touches_nothing() {
    let demo = Demo::new();
    let mut first = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    first.see("Search tree").see("#1 ");
    let mut second = start(&demo, &["watch", "run"]);
    second.see("WATCHING").see("#1 ");
    second.press("x").see("only watches");
    second.press("{").see("REPLAY").see(" 1/");
    first.see("FINISHED");
    second.press("}").see("FINISHED");
    second.press("p").see("REPLAY");
    second.press("q");
    assert_eq!(second.end().0, 0);
    let before = journal(&demo);
    first.press("q");
    assert_eq!(first.end().0, 0);
    assert_eq!(journal(&demo), before);
}
