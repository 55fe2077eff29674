//! Reports of panics: what happened, where, in which version, and which run to resume.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reports that are kept.
const KEPT: usize = 20;
/// What the file of a report begins with.
const PREFIX: &str = "crash-";

/// The folder of the run at hand.
static RUN: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Names the run that is at work, which a report tells how to resume; none once it is closed.
pub(crate) fn at_work(run: Option<&Path>) {
    *RUN.lock().unwrap_or_else(PoisonError::into_inner) = run.map(Path::to_owned);
}

/// The command that continues the run at hand.
fn resume() -> Option<String> {
    let run = RUN.try_lock().ok()?;
    let folder = run.as_ref()?.to_string_lossy();
    let folder = shlex::try_quote(&folder).ok()?;
    Some(format!("aq4svit resume {folder}"))
}

/// The folder of reports, once they are asked for.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// From now on a panic leaves a report in this folder, and says so after the message.
pub(crate) fn report_into(folder: PathBuf) {
    if FOLDER.set(folder).is_err() {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        previous(info);
        let resume = resume();
        let resume = resume.map(|c| format!("nothing of the run is lost: continue with `{c}`"));
        let mut err = std::io::stderr().lock();
        for line in report(info).into_iter().chain(resume) {
            let _ = writeln!(err, "{line}");
        }
    }));
}

/// Writes a report where reports are asked for; says where it is.
pub(crate) fn report(info: &PanicHookInfo<'_>) -> Option<String> {
    let report = text(info, &Backtrace::force_capture());
    tracing::error!("{}", report.lines().next().unwrap_or_default());
    let file = write(FOLDER.get()?, &report)?;
    Some(format!("a report of this fault is in {}", file.display()))
}

/// The message of a panic with its place in the source.
pub(crate) fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| String::from("panic without a message"));
    match info.location() {
        Some(at) => format!("{text} ({}:{})", at.file(), at.line()),
        None => text,
    }
}

fn text(info: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let mut text = format!("a fault of aq4svit: {}\n\n", describe(info));
    let thread = std::thread::current();
    let command = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>();
    let command = shlex::try_join(command.iter().map(String::as_str)).unwrap_or_default();
    for (name, value) in [
        ("version", env!("CARGO_PKG_VERSION")),
        ("time", &jiff::Timestamp::now().to_string()),
        ("system", std::env::consts::OS),
        ("processor", std::env::consts::ARCH),
        ("thread", thread.name().unwrap_or("without a name")),
        ("command", &command),
        (
            "to resume",
            resume().as_deref().unwrap_or("no run was at work"),
        ),
    ] {
        let _ = writeln!(text, "{name:10} {value}");
    }
    let _ = writeln!(text, "\n{backtrace}");
    text
}

/// Writes a report under a name of its own, and removes the oldest; none where it cannot be
/// written.
fn write(folder: &Path, report: &str) -> Option<PathBuf> {
    fs::create_dir_all(folder).ok()?;
    let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S%.3f");
    let file = folder.join(format!("{PREFIX}{time}-{}.txt", std::process::id()));
    fs::write(&file, report).ok()?;
    let named = |path: &PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with(PREFIX))
    };
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut reports: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(named).collect();
    reports.sort();
    let old = reports.len().saturating_sub(KEPT);
    for file in reports.iter().take(old) {
        let _ = fs::remove_file(file);
    }
    Some(file)
}
