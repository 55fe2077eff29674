//! The interface of the real binary on the real evaluator, as a person uses it, in a pseudo
//! terminal.

use crate::common::demo::Demo;
use crate::common::terminal::Terminal;
use portable_pty::CommandBuilder;

fn start(demo: &Demo, arguments: &[&str]) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_aq4svit"));
    command.args(arguments);
    command.cwd(demo.folder.path());
    command.env("AQ4SVIT_CONFIG", demo.path("config"));
    command.env("AQ4SVIT_DATA", demo.path("data"));
    Terminal::start(command)
}

/// The same with a panic asked for by an environment variable; only a program with debug assertions
/// has such faults.
#[cfg(debug_assertions)]
fn start_with_a_fault(demo: &Demo, fault: &str, at: u32) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_aq4svit"));
    command.args(["search", "small.toml", "--run-dir", "run"]);
    command.cwd(demo.folder.path());
    command.env("AQ4SVIT_CONFIG", demo.path("config"));
    command.env("AQ4SVIT_DATA", demo.path("data"));
    command.env(fault, at.to_string());
    Terminal::start(command)
}

fn journal(demo: &Demo) -> String {
    std::fs::read_to_string(demo.path("run").join("journal.jsonl")).expect("a journal")
}

#[test]
fn pause_prune_lower_a_layer_save_quit_and_the_profile_loads_again() {
    let demo = Demo::slow();
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
    terminal.press("\r").see("evaluated at once");
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
fn a_resized_terminal_is_given_back_at_sigterm_and_the_run_resumes_in_the_interface() {
    let demo = Demo::slow();
    let mut terminal = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    terminal.see("Search tree").see("#1 ");
    // Too small and large again while the search runs.
    terminal.resize(9, 39).see("please enlarge it");
    terminal.resize(48, 160).see("Search tree").see("#1 ");
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
    let demo = Demo::slow();
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

/// As when the connection of a remote session is lost: the program leads a session of its own,
/// which no signal reaches.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_goes_away_without_a_signal_ends_every_screen() {
    let demo = Demo::slow();
    for (arguments, seen) in [
        (&["search", "small.toml"][..], "Search tree"),
        (&["watch"], "Search tree"),
        // The start screen, once there is a run.
        (&[], "Runs, latest first"),
    ] {
        let mut command = CommandBuilder::new("setsid");
        command.args(["--wait", "sh", "-c", "echo $$ > id; exec \"$0\" \"$@\""]);
        command.arg(env!("CARGO_BIN_EXE_aq4svit"));
        command.args(arguments);
        command.cwd(demo.folder.path());
        command.env("AQ4SVIT_CONFIG", demo.path("config"));
        command.env("AQ4SVIT_DATA", demo.path("data"));
        let mut terminal = Terminal::start(command);
        terminal.see(seen);
        let id = std::fs::read_to_string(demo.path("id")).expect("just written");
        let process = std::path::Path::new("/proc").join(id.trim());
        assert!(process.exists());
        terminal.close();
        let begin = std::time::Instant::now();
        while process.exists() {
            assert!(begin.elapsed().as_secs() < 20, "{arguments:?} goes on");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    demo.expect(0, &["resume", "--headless"]);
}

#[test]
fn a_second_screen_follows_goes_back_and_touches_nothing() {
    let demo = Demo::slow();
    let mut first = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    first.see("Search tree").see("#0 ");
    let mut second = start(&demo, &["watch", "run"]);
    second.see("WATCHING").see("#0 ");
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

#[test]
fn the_start_screen_continues_runs_and_sets_up_searches() {
    let demo = Demo::slow();
    let mut first = start(&demo, &["search", "small.toml"]);
    // The first run of all explains itself; a key closes that, for good.
    first.see("What you see, what to try").press(" ");
    first.see("Search tree").see("#3 ");
    first.press("s").see("Save as a profile");
    first
        .press("\x15")
        .press("my-chip")
        .press("\r")
        .see("my-chip.toml");
    first.press("q").see("aq4svit resume").press("y");
    first.end();

    let mut again = start(&demo, &[]);
    again
        .see("Runs, latest first")
        .see("unfinished")
        .see("my-chip");
    again
        .press("\r")
        .see("Search tree")
        .see("#3 ")
        .see("FINISHED");
    again.press("q");
    assert_eq!(again.end().0, 0);

    let mut form = start(&demo, &[]);
    form.see("Runs, latest first").see("finished");
    // The run, the demo, then what was saved.
    form.press("jj\r").see("profile my-chip");
    form.press("\x15-1").see("!").press("\x15").press("9");
    form.press("\t\t\t\t").press("\x1b[C").see("[fixed]");
    form.resize(40, 120).see("drift limit");
    form.press("\r").see("Search tree").see("of 9.00");
    form.press("q").see("aq4svit resume").press("y");
    form.end();
    let (runs, _) = demo.expect(0, &["runs", "--json"]);
    assert_eq!(runs.lines().count(), 2, "{runs}");
    let mut left = start(&demo, &[]);
    left.see("Runs, latest first").press("q");
    assert_eq!(left.end().0, 130);
}

/// From the start screen to a run, back, to another one, and to the first by its name, in one
/// process.
#[test]
fn finding_9_runs_are_switched_without_leaving() {
    let demo = Demo::slow();
    for _ in 0..2 {
        demo.expect(0, &["search", "small.toml", "--headless"]);
    }
    let (runs, _) = demo.expect(0, &["runs", "--json"]);
    let id = |line: &str| {
        let run: serde_json::Value = serde_json::from_str(line).expect("JSON");
        run["run"].as_str().expect("an id").to_owned()
    };
    let ids: Vec<String> = runs.lines().map(id).collect();
    let [first, second] = ids.as_slice() else {
        panic!("{runs}");
    };
    let mut terminal = start(&demo, &[]);
    terminal.resize(40, 160);
    // The latest is chosen.
    terminal.see("Runs, latest first").press("\r");
    terminal.see("FINISHED").see(&format!("run {second}"));
    terminal.press("\x0f").see("Runs, latest first");
    terminal.press("j\r").see("FINISHED");
    terminal.see(&format!("run {first}"));
    // The card of the result goes, then the other run is named.
    terminal.press("\x1b");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.press(":").see("Commands");
    terminal
        .press(&format!("open {second}"))
        .see("leave this run");
    terminal.press("\r").see(&format!("run {second}"));
    // One that is not there is said on the start screen.
    terminal.see("FINISHED").press("\x1b");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.press(":").see("Commands");
    terminal
        .press("open nowhere")
        .see("leave this run")
        .press("\r");
    terminal.see("Runs, latest first").see("! ").see("nowhere");
    terminal.press("q");
    assert_eq!(terminal.end().0, 130);
}

/// What cannot be read is said in the form, at its field, and can be mended there.
#[test]
fn finding_9_a_corrupt_checkpoint_comes_back_to_the_form() {
    let demo = Demo::slow();
    let text = std::fs::read_to_string(demo.path("small.toml")).expect("a profile");
    let checkpoint = "builtin:qkformer-fashion-mnist";
    let bad = demo.path("bad.safetensors");
    std::fs::write(&bad, b"no weights at all").expect("written");
    let text = text.replace(checkpoint, &bad.display().to_string());
    let saved = text.replace("= \"t", &format!("= \"{}/t", demo.folder.path().display()));
    let profiles = demo.path("config").join("profiles");
    std::fs::create_dir_all(&profiles).expect("a folder");
    std::fs::write(profiles.join("bad.toml"), saved).expect("written");
    let mut terminal = start(&demo, &[]);
    terminal.see("Start a search").press("/bad\r").see("bad");
    terminal.press("\r").see("with profile bad");
    terminal
        .press("\r")
        .see("! ")
        .see("checkpoint (it begins like");
    terminal.see("with profile bad").see("!\u{258c}checkpoint");
    terminal.press("\x15").press(checkpoint).press("\r");
    terminal.see("Search tree").see("#1 ");
    terminal.press("q").see("aq4svit resume").press("y");
    assert_eq!(terminal.end().0, 130);
    let (runs, _) = demo.expect(0, &["runs", "--json"]);
    assert_eq!(
        runs.lines().count(),
        1,
        "the first try left nothing: {runs}"
    );
}

/// A run that is open in another program is watched, and the refusal says so.
#[test]
fn finding_smaller_a_run_that_is_open_elsewhere_is_watched() {
    let demo = Demo::slow();
    let mut first = start(&demo, &["search", "small.toml"]);
    first.see("What you see, what to try").press(" ");
    first.see("Search tree").see("#1 ");
    let (_, refused) = demo.expect(1, &["resume", "--headless"]);
    assert!(refused.contains("`aq4svit watch "), "{refused}");
    let mut second = start(&demo, &[]);
    second.see("Another program has it open").press("\r");
    second.see("WATCHING").see("Search tree").press("q");
    assert_eq!(second.end().0, 0);
    first.press("q").see("aq4svit resume").press("y");
    first.end();
}

#[test]
fn views_commands_and_potentials_of_the_real_network() {
    let demo = Demo::slow();
    let mut terminal = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    terminal.see("Search tree").see("#3 ");
    terminal
        .press("5")
        .see("Drift by site")
        .press("\r")
        .see("threshold 1");
    terminal
        .press(":")
        .see("Commands")
        .press("front")
        .press("\r");
    terminal.see("[4 Front]").see("on the front");
    terminal
        .press("6")
        .see("task")
        .press("o")
        .see("screens/run-1");
    assert!(demo.path("run").join("screens/run-1.svg").is_file());
    // Many layers at once, by keys and with the mouse on a view's name (in SGR coordinates),
    // below the banner: the images are too few for the limit.
    terminal.press("p").see("PAUSED");
    terminal
        .press("\x1b[<0;20;5M\x1b[<0;20;5m")
        .see("[2 Allocation]");
    terminal
        .press("-")
        .press("jj")
        .press("-")
        .see("evaluate it now");
    terminal.press("\r").see("evaluated at once");
    terminal.press("p").see("FINISHED");
    terminal.press("q");
    assert_eq!(terminal.end().0, 0);
    assert!(journal(&demo).contains("\"command\":\"set_layers\""));
}

#[cfg(debug_assertions)]
#[test]
fn a_worker_that_panics_becomes_a_pane_with_what_to_do() {
    // Job 1 is the float network; the seventh has a candidate at work.
    for (key, ends) in [("r", 0), ("s", 0), ("q", 1)] {
        let demo = Demo::new();
        let mut terminal = start_with_a_fault(&demo, "AQ4SVIT_PANIC_AT_JOB", 7);
        terminal
            .see("The run stopped")
            .see("a fault on demand, at job 7")
            .see("aq4svit resume");
        // The screen is whole: the views stand around the pane, and nothing was printed into it.
        assert!(
            terminal.text().contains("[1 Search]"),
            "{}",
            terminal.text()
        );
        assert!(!terminal.text().contains("thread '"), "{}", terminal.text());
        terminal.press(key);
        if ends == 0 {
            terminal.see("FINISHED").press("q");
        }
        let (code, screen) = terminal.end();
        assert_eq!(code, ends, "{key}: {screen}");
        let pruned = journal(&demo).contains("\"command\":\"prune\"");
        assert_eq!(pruned, key == "s", "only skipping prunes");
        // Nothing is lost however it was left.
        demo.expect(0, &["resume", "run", "--headless"]);
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_while_keys_are_read_is_told_and_the_next_key_is_taken() {
    let demo = Demo::slow();
    let mut terminal = start_with_a_fault(&demo, "AQ4SVIT_PANIC_AT_KEY", 1);
    terminal.see("Search tree").see("#1 ").press("p");
    terminal.see("a key was lost");
    assert!(!terminal.text().contains("thread '"), "{}", terminal.text());
    terminal.press("p").see("PAUSED").press("q");
    terminal.see("aq4svit resume").press("y");
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn limits_and_undo_reach_the_journal() {
    let demo = Demo::slow();
    let mut terminal = start(&demo, &["search", "small.toml", "--run-dir", "run"]);
    terminal.see("Search tree").see("#1 ");
    terminal.press("p").see("PAUSED");
    terminal
        .press("c")
        .see("Limits")
        .press("\x15")
        .press("2 % of");
    terminal.see("! accuracy drop").press("\x15").press("2 %");
    terminal.see("now ").press("\t").press("9 MiB");
    terminal.see("constrain accuracy drop 2 %").press("\r");
    terminal
        .see("Search tree")
        .press("u")
        .press("p")
        .see("RUNNING");
    terminal.press("\x03").see("aq4svit resume").press("\x03");
    assert_eq!(terminal.end().0, 130, "Ctrl-C twice");
    let journal = journal(&demo);
    assert!(
        journal.contains("\"max_accuracy_drop\":\"2 %\""),
        "{journal}"
    );
    assert!(journal.contains("\"max_memory\":9437184"), "{journal}");
    assert!(journal.contains("\"command\":\"undo\""), "{journal}");
}

/// A shell stops the program and takes it back, and the terminal with it.
#[test]
fn the_shell_and_back() {
    let demo = Demo::slow();
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.cwd(demo.folder.path());
    command.env("PS1", "$ ");
    command.env("AQ4SVIT_CONFIG", demo.path("config"));
    command.env("AQ4SVIT_DATA", demo.path("data"));
    let mut shell = Terminal::start(command);
    let program = env!("CARGO_BIN_EXE_aq4svit");
    shell.press(&format!("{program} search small.toml --run-dir run\r"));
    shell.see("Search tree").see("#1 ");
    shell.press("\x1a").see("Stopped");
    shell.press("echo in the shell\r").see("\nin the shell");
    shell.press("fg\r").see("Search tree").see("#1 ");
    shell.press("\x0c").see("Search tree");
    shell.press("q");
    shell.press("y").see("$ ");
    shell.press("exit\r");
    shell.end();
}
