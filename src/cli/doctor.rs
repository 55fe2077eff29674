//! `aq4svit doctor`.

mod check;
mod folders;
mod machine;
mod program;
mod self_check;
mod terminal;

use anyhow::Result;
use serde::Serialize;

use super::ExitCode;
use super::output::{note, show};
use check::{Check, State};

/// Say what this machine offers and lacks
///
/// Looks at the program and libtorch, devices, processor, memory and its limits, folders and their
/// rights, file locks and the terminal, and compares the optimized arithmetic with the plain one on
/// the demo. Nothing is changed. The exit code is 1 where something fails that a search needs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// One object of JSON
    #[arg(long)]
    json: bool,
    /// Leave out the comparison of the optimized arithmetic with the plain one
    #[arg(long)]
    no_self_check: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "doctor")]
struct Report {
    version: &'static str,
    /// True where nothing fails that a search needs.
    ok: bool,
    checks: Vec<Check>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut checks = program::checks();
    checks.extend(machine::checks());
    checks.extend(folders::checks());
    checks.extend(terminal::checks());
    if !args.no_self_check {
        checks.push(self_check::check());
    }
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        ok: checks.iter().all(|check| check.state != State::Failing),
        checks,
    };
    show(args.json, &report, || report.text())?;
    if report.ok {
        return Ok(ExitCode::SUCCESS);
    }
    if args.json {
        note("error: something fails that a search needs");
    }
    Ok(ExitCode::FAILURE)
}

impl Report {
    fn text(&self) -> String {
        let width = self.checks.iter().map(|check| check.name.len()).max();
        let mut text: String = self
            .checks
            .iter()
            .map(|check| check.text(width.unwrap_or(0)))
            .collect();
        let count = |state| self.checks.iter().filter(|c| c.state == state).count();
        text.push_str(&match (count(State::Failing), count(State::Lacking)) {
            (0, 0) => String::from("everything is as a search needs it\n"),
            (0, n) => format!("a search can run here; lacking: {n}\n"),
            (n, _) => format!("failing: {n}, and a search needs it\n"),
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table_with_advice() {
        let report = Report {
            version: "1",
            ok: false,
            checks: vec![
                Check::fine("cores", "2"),
                Check::failing("data folder", "/x: read-only", "set AQ4SVIT_DATA"),
            ],
        };
        assert_eq!(
            report.text(),
            "fine     cores        2\n\
             FAILING  data folder  /x: read-only\n\
             \x20                     to do: set AQ4SVIT_DATA\n\
             failing: 1, and a search needs it\n"
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["type"], "doctor");
        assert_eq!(json["checks"][1]["state"], "failing");
        assert_eq!(json["checks"][0]["to_do"], serde_json::Value::Null);
    }

    /// Whatever this machine is: every check says something, in words without control characters.
    #[test]
    fn every_check_has_words() {
        let all = [program::checks(), machine::checks(), terminal::checks()];
        for check in all.into_iter().flatten().chain(folders::checks()) {
            assert!(
                !check.name.is_empty() && !check.found.is_empty(),
                "{check:?}"
            );
            assert!(!check.found.chars().any(char::is_control), "{check:?}");
            let advised = check.to_do.is_some();
            assert_eq!(advised, check.state != State::Fine, "{check:?}");
        }
    }
}
