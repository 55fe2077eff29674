//! `aq4svit runs`.

use anyhow::Result;
use serde::Serialize;

use super::ExitCode;
use super::output::{json_line, line, note};
use crate::profile::Paths;
use crate::report::Incumbent;
use crate::run::{self, Summary};
use crate::text::table::or_dash;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One line of JSON per run
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "run")]
struct Row {
    run: String,
    folder: String,
    started: String,
    profile: String,
    condition: &'static str,
    evaluations: u64,
    accuracy_drop: Option<f64>,
    memory_bytes: Option<u64>,
    memory_saving_percent: Option<f64>,
    seconds: f64,
}

impl Row {
    fn new(summary: &Summary) -> Self {
        let incumbent = Incumbent::of(&summary.tree);
        let incumbent = incumbent.as_ref();
        let settings = summary.tree.settings.as_ref();
        Row {
            run: summary.header.run.clone(),
            folder: summary.folder.display().to_string(),
            started: summary.header.time.clone(),
            profile: settings.map_or_else(String::new, |s| s.name.clone()),
            condition: summary.condition.name(),
            evaluations: summary.counters.evaluations,
            accuracy_drop: incumbent.map(|i| i.accuracy_drop),
            memory_bytes: incumbent.map(|i| i.memory_bytes),
            memory_saving_percent: incumbent.map(|i| i.memory_saving_percent),
            seconds: summary.totals.seconds,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let root = Paths::from_env()?.runs();
    let runs = run::list(&root);
    if !args.json {
        line(&match runs.is_empty() {
            true => format!(
                "no runs in {} yet: `aq4svit search` starts one",
                root.display()
            ),
            false => row(["run", "condition", "drop", "bytes", "saved", "evals"]),
        })?;
    }
    for (folder, summary) in runs {
        match summary {
            Ok(summary) if args.json => json_line(&Row::new(&summary))?,
            Ok(summary) => line(&Row::new(&summary).text())?,
            Err(error) => note(&format!("{}: {error}", folder.display())),
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Row {
    fn text(&self) -> String {
        let drop = or_dash(self.accuracy_drop, |d| format!("{d:.2}"));
        let bytes = or_dash(self.memory_bytes, |b| b.to_string());
        let saving = or_dash(self.memory_saving_percent, |p| format!("{p:.1} %"));
        let evaluations = self.evaluations.to_string();
        row([
            &self.run,
            self.condition,
            &drop,
            &bytes,
            &saving,
            &evaluations,
        ])
    }
}

fn row([run, condition, drop, bytes, saving, evaluations]: [&str; 6]) -> String {
    format!("{run:<40} {condition:<10} {drop:>6} {bytes:>9} {saving:>7} {evaluations:>6}")
}
