//! The pages for readers: every link leads somewhere, every command is one, and the table of keys
//! is the keymap's.
//!
//! Commands stand in blocks marked `console`, after `$ `. A block runs as one script, in a folder
//! of its page, with a small network and data saved as the profile `demo`.
//! `<!-- not run: REASON -->` before a block keeps its commands from running; their arguments are
//! checked all the same. The same goes for what opens the interface, and for `make` and `cargo`.

use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::tui::keymap;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page, by its path from the root.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: PathBuf) -> Page {
        let text = fs::read_to_string(root().join(&path)).expect("a page");
        Page { path, text }
    }

    /// The lines, numbered from 1, each with the language of the fenced block that it is in.
    fn lines(&self) -> Vec<(usize, Option<&str>, &str)> {
        let mut fence = None;
        let mut lines = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), fence) {
                (Some(language), None) => fence = Some(language.trim()),
                (Some(_), Some(_)) => fence = None,
                (None, _) => lines.push((i + 1, fence, line)),
            }
        }
        lines
    }

    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.lines().into_iter();
        lines.filter_map(|(n, fence, line)| fence.is_none().then_some((n, line)))
    }

    /// The anchors of the headings, as GitHub makes them.
    fn anchors(&self) -> Vec<String> {
        let (mut anchors, mut plain) = (Vec::new(), Vec::new());
        for (_, line) in self.prose() {
            let level = line.bytes().take_while(|b| *b == b'#').count();
            let Some(heading) = line[level..].strip_prefix(' ').filter(|_| level > 0) else {
                continue;
            };
            let kept = heading.trim().to_lowercase();
            let kept = kept.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            });
            let anchor: String = kept.collect();
            let before = plain.iter().filter(|a| **a == anchor).count();
            anchors.push(match before {
                0 => anchor.clone(),
                n => format!("{anchor}-{n}"),
            });
            plain.push(anchor);
        }
        anchors
    }

    /// Where the links lead, `(TARGET)` of Markdown and `src` and `href` of HTML.
    fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (n, line) in self.prose() {
            for (start, end) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
                for rest in line.split(start).skip(1) {
                    let target = rest.split(end).next().unwrap_or_default();
                    let target = target.split(' ').next().unwrap_or_default();
                    links.push((n, target.to_owned()));
                }
            }
        }
        links
    }
}

/// The pages: at the root, and in `docs`.
fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "assets"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let name = PathBuf::from(entry.expect("an entry").file_name());
            if name.extension().is_some_and(|e| e == "md") {
                pages.push(Page::read(Path::new(folder).join(name)));
            }
        }
    }
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    pages
}

#[test]
fn the_key_table_is_the_keymap() {
    let (open, close) = ("<!-- keys -->\n", "<!-- /keys -->");
    let pages = pages();
    let page = pages.iter().find(|p| p.text.contains(open));
    let page = page.expect("a page with a table of keys");
    let (before, rest) = page.text.split_once(open).expect("a mark");
    let (_, after) = rest.split_once(close).expect("a mark");
    let right = format!("{before}{open}{}{close}{after}", keymap::markdown());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(&page.path), &right).expect("writable");
    }
    assert!(
        page.text == right,
        "run UPDATE_DOCS=1 cargo test --no-default-features --test all docs"
    );
}

/// Pages and recipes name files of the repository in backticks; `NAME` and `*` stand for any.
#[test]
fn files_that_pages_name_exist() {
    let folders = [
        "src/",
        "tests/",
        "examples/",
        "benches/",
        "scripts/",
        "profiles/",
        "docs/",
    ];
    let mut missing = Vec::new();
    for page in pages() {
        for (line, text) in page.prose() {
            for name in text.split('`').skip(1).step_by(2) {
                let placeholder = name.contains("NAME") || name.contains(['*', ' ']);
                let is_file = folders.iter().any(|folder| name.starts_with(folder));
                if is_file && !placeholder && !root().join(name).exists() {
                    missing.push(format!("{}:{line}: {name}", page.path.display()));
                }
            }
        }
    }
    assert!(
        missing.is_empty(),
        "files that are not there:\n{}",
        missing.join("\n")
    );
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        for (line, link) in page.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = page.path.parent().expect("a file");
            let target = match path {
                "" => page.path.clone(),
                path => folder.join(path),
            };
            let is_page = target.extension().is_some_and(|e| e == "md");
            let found = root().join(&target).exists()
                && (anchor.is_empty()
                    || !is_page
                    || Page::read(target).anchors().iter().any(|a| a == anchor));
            if !found {
                broken.push(format!("{}:{line}: {link}", page.path.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links to nothing:\n{}",
        broken.join("\n")
    );
}

/// Consecutive commands of a page that run as one script.
#[cfg_attr(
    not(feature = "torch"),
    allow(dead_code, reason = "used where commands evaluate")
)]
struct Block {
    place: String,
    commands: Vec<String>,
    not_run: Option<String>,
}

/// What becomes of a command.
#[cfg_attr(
    not(feature = "torch"),
    allow(dead_code, reason = "used where commands evaluate")
)]
#[derive(Debug, PartialEq)]
enum Kind {
    Runs,
    /// It needs a terminal.
    Interface,
    /// It takes minutes; what it does has tests of its own.
    Measures,
    /// It builds, or is another program's.
    Other,
}

fn blocks(page: &Page) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut reason = None;
    let mut last = 0;
    let mut goes_on = false;
    for (n, fence, line) in page.lines() {
        if fence != Some("console") {
            if !line.trim().is_empty() {
                let mark = line.trim().strip_prefix("<!-- not run: ");
                reason = mark.and_then(|m| m.strip_suffix(" -->")).map(str::to_owned);
            }
            continue;
        }
        if n != last + 1 || blocks.is_empty() {
            blocks.push(Block {
                place: format!("{}:{n}", page.path.display()),
                commands: Vec::new(),
                not_run: reason.take(),
            });
        }
        last = n;
        let block = blocks.last_mut().expect("just made");
        if goes_on {
            let command = block.commands.last_mut().expect("one goes on");
            command.push('\n');
            command.push_str(line);
        } else if let Some(command) = line.trim_start().strip_prefix("$ ") {
            block.commands.push(command.to_owned());
        } else {
            // What a command prints.
            continue;
        }
        goes_on = line.ends_with('\\');
    }
    blocks.retain(|b| !b.commands.is_empty());
    blocks
}

/// The single commands of a line of shell, as words.
fn words(command: &str) -> Vec<Vec<String>> {
    let words = shlex::split(command).unwrap_or_else(|| panic!("not shell: {command}"));
    let separators = ["|", "&&", "||", ";", "&"];
    let mut all: Vec<Vec<String>> = Vec::new();
    for part in words.split(|w| separators.contains(&w.as_str())) {
        let arguments = part.iter().take_while(|w| !w.contains(['<', '>']));
        let assigns = |w: &&String| w.split_once('=').is_some_and(|(k, _)| !k.contains('-'));
        let arguments: Vec<String> = arguments.skip_while(assigns).cloned().collect();
        if !arguments.is_empty() {
            all.push(arguments);
        }
    }
    all
}

#[cfg_attr(
    not(feature = "torch"),
    allow(dead_code, reason = "used where commands evaluate")
)]
fn kind(words: &[Vec<String>]) -> Kind {
    let has =
        |command: &[String], flags: &[&str]| command.iter().any(|w| flags.contains(&w.as_str()));
    let opens = |command: &[String]| match command.get(1).map(String::as_str) {
        None | Some("watch") => true,
        Some("search" | "resume") => !has(command, &["--headless", "--json", "--help"]),
        Some(_) => false,
    };
    let others = ["make", "cargo", "git", "pip", "python3"];
    let is_other =
        |c: &Vec<String>| others.contains(&c[0].as_str()) || c[0].starts_with("scripts/");
    let measures = |c: &Vec<String>| c[0] == "aq4svit" && c.get(1).is_some_and(|w| w == "bench");
    if words.iter().any(measures) {
        Kind::Measures
    } else if words.iter().any(is_other) {
        Kind::Other
    } else if words.iter().any(|c| c[0] == "aq4svit" && opens(c)) {
        Kind::Interface
    } else {
        Kind::Runs
    }
}

/// Checks the arguments of a command without running it.
fn check(place: &str, command: &[String]) {
    let is_in = |file: &str, text: &str| {
        let file = fs::read_to_string(root().join(file)).expect("a file");
        file.lines().any(|l| l.starts_with(text))
    };
    match command[0].as_str() {
        "aq4svit" | "target/release/aq4svit" => {
            let others = ["cluster", "worker", "--cluster", "--nats"];
            if cfg!(not(feature = "cluster")) && command.iter().any(|w| others.contains(&&**w)) {
                return;
            }
            // The arguments before `--help` are parsed; nothing else is done.
            let words = command.iter().map(String::as_str).chain(["--help"]);
            let error = aq4svit::cli::command().try_get_matches_from(words);
            let error = error.expect_err("help at least");
            let is_help = error.kind() == clap::error::ErrorKind::DisplayHelp;
            assert!(is_help, "{place}: {command:?}: {error}");
        }
        "make" => {
            for target in command[1..].iter().filter(|t| !t.contains('=')) {
                let known = is_in("Makefile", &format!("{target}:"));
                assert!(known, "{place}: the Makefile has no {target}");
            }
        }
        script if script.starts_with("scripts/") => {
            let found = root().join(script).exists();
            assert!(found, "{place}: there is no {script}");
        }
        "cargo" => {
            for pair in command.windows(2) {
                if ["--test", "--bench", "--example"].contains(&pair[0].as_str()) {
                    let named = is_in("Cargo.toml", &format!("name = \"{}\"", pair[1]));
                    let file = root().join(format!("examples/{}.rs", pair[1]));
                    assert!(named || file.exists(), "{place}: there is no {pair:?}");
                }
            }
        }
        _ => {}
    }
}

#[test]
fn commands_have_arguments_that_exist() {
    let mut seen = 0;
    for page in pages() {
        for block in blocks(&page) {
            for command in block.commands.iter().flat_map(|c| words(c)) {
                check(&block.place, &command);
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen} commands");
}

/// Runs what can run of every block, and lists what cannot, with the reason.
#[cfg(all(feature = "torch", target_os = "linux"))]
#[test]
fn commands_run() {
    use std::process::Command;

    use crate::common::demo::Demo;

    let mut failed = Vec::new();
    for page in pages() {
        let blocks = blocks(&page);
        if blocks.is_empty() {
            continue;
        }
        let demo = Demo::new();
        let small = fs::read_to_string(demo.path("small.toml")).expect("a profile");
        let folder = demo.folder.path().to_str().expect("Unicode");
        let small = small
            .replace("= \"t", &format!("= \"{folder}/t"))
            .replace("= \"small.", &format!("= \"{folder}/small."))
            .replace("\"network\", \"stage\", \"block\"", "\"network\"");
        for name in ["config/profiles", "bin"] {
            fs::create_dir_all(demo.path(name)).expect("a folder");
        }
        demo.write("config/profiles/demo.toml", small.as_bytes());
        let program = env!("CARGO_BIN_EXE_aq4svit");
        std::os::unix::fs::symlink(program, demo.path("bin/aq4svit")).expect("a link");
        let path = std::env::var("PATH").expect("a path");
        let path = format!("{}:{path}", demo.path("bin").display());
        for block in blocks {
            let mut script = String::from("set -eu\n");
            for command in &block.commands {
                let kind = match &block.not_run {
                    Some(_) => Kind::Other,
                    None => kind(&words(command)),
                };
                if kind == Kind::Runs {
                    script.push_str(command);
                    script.push('\n');
                } else {
                    let why = block.not_run.clone().unwrap_or(format!("{kind:?}"));
                    println!("{}: not run ({why}): {command}", block.place);
                }
            }
            script.push_str("wait\n");
            let mut shell = Command::new("timeout");
            shell.args(["600", "bash", "-c", &script]);
            shell.current_dir(demo.folder.path()).env("PATH", &path);
            shell.env("AQ4SVIT_CONFIG", demo.path("config"));
            shell.env("AQ4SVIT_DATA", demo.path("data"));
            let begin = std::time::Instant::now();
            let output = shell.output().expect("a shell");
            println!("{}: {:.1?}", block.place, begin.elapsed());
            if !output.status.success() {
                let error = String::from_utf8_lossy(&output.stderr);
                failed.push(format!(
                    "{}: {}\n{script}{error}",
                    block.place, output.status
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
