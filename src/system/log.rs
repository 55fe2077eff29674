//! The diagnostic log: what the program did, for whoever has to find out why it did so. The journal
//! of a run says what was decided; nothing is read from this file again.
//!
//! One file a day, for all that run at the time: every line names its process. The oldest files
//! are removed. Where it cannot be written the program works without it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::writer::OptionalWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Days whose files are kept.
const DAYS: usize = 14;

/// How much is logged; each level contains those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing
    Off,
    /// What ended a command, and faults
    Error,
    /// Also what a person should look at
    Warn,
    /// Also runs, their results, and what was said on standard error
    Info,
    /// Also commands, every event of a search and every evaluation with its cost
    Debug,
    /// Also what libraries say of connections to other machines
    Trace,
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Off => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// Begins to log into a folder, which is made with the first line. Once in a process; afterwards
/// it changes nothing.
pub(crate) fn begin(folder: &Path, level: LogLevel) {
    let file = LogFile {
        folder: folder.to_owned(),
        appender: OnceLock::new(),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_thread_names(true)
        .with_timer(Stamp)
        .with_writer(file);
    let libraries = match level {
        LogLevel::Trace => LevelFilter::DEBUG,
        level => level.filter().min(LevelFilter::WARN),
    };
    let targets = Targets::new()
        .with_default(libraries)
        .with_target("aq4svit", level.filter());
    // Whoever uses this library may log elsewhere.
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(targets)
        .try_init();
}

/// The file of the day.
struct LogFile {
    folder: PathBuf,
    appender: OnceLock<Option<RollingFileAppender>>,
}

impl LogFile {
    fn open(&self) -> Option<RollingFileAppender> {
        // Else it complains on standard error that there is nothing to remove yet.
        std::fs::create_dir_all(&self.folder).ok()?;
        RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("aq4svit")
            .filename_suffix("log")
            .max_log_files(DAYS)
            .build(&self.folder)
            .ok()
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = OptionalWriter<<RollingFileAppender as MakeWriter<'a>>::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        match self.appender.get_or_init(|| self.open()) {
            Some(appender) => OptionalWriter::some(appender.make_writer()),
            None => OptionalWriter::none(),
        }
    }
}

/// Time and process of a line.
struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        let now = jiff::Timestamp::now();
        write!(to, "{now:.3} [{}]", std::process::id())
    }
}
