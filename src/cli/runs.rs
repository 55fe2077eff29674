//! `aq4svit runs`.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::output::{json_line, line, note};
use crate::profile::Paths;
use crate::quant::saving_percent;
use crate::run::{self, Summary};

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
        let tree = &summary.tree;
        let incumbent = tree.incumbent.and_then(|i| tree.get(i));
        let float = tree.settings.as_ref().map(|s| s.space.float_bytes());
        Row {
            run: summary.header.run.clone(),
            folder: summary.folder.display().to_string(),
            started: summary.header.time.clone(),
            profile: tree
                .settings
                .as_ref()
                .map_or_else(String::new, |s| s.name.clone()),
            condition: summary.condition.name(),
            evaluations: summary.counters.evaluations,
            accuracy_drop: incumbent.and_then(|c| c.confirmation).map(|j| j.drop()),
            memory_bytes: incumbent.map(|c| c.bytes),
            memory_saving_percent: incumbent
                .zip(float)
                .map(|(c, float)| saving_percent(c.bytes, float)),
            seconds: summary.totals.seconds,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let root = Paths::from_env()?.runs();
    let runs = run::list(&root);
    if runs.is_empty() && !args.json {
        line(&format!(
            "no runs in {} yet: `aq4svit search` starts one",
            root.display()
        ))?;
    }
    if !runs.is_empty() && !args.json {
        line(&format!(
            "{:<40} {:<10} {:>6} {:>9} {:>7} {:>6}",
            "run", "condition", "drop", "bytes", "saved", "evals"
        ))?;
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
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        format!(
            "{:<40} {:<10} {:>6} {:>9} {:>7} {:>6}",
            self.run,
            self.condition,
            or_dash(self.accuracy_drop.map(|d| format!("{d:.2}"))),
            or_dash(self.memory_bytes.map(|b| b.to_string())),
            or_dash(self.memory_saving_percent.map(|p| format!("{p:.1} %"))),
            self.evaluations,
        )
    }
}
