//! `aq4svit cluster status`.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;

use super::ServerArgs;
use crate::cli::ExitCode;
use crate::cli::output::{Reader, offer, offer_json};
use crate::cli::signals::Signals;
use crate::cluster::{Login, Presence, Readiness, Role, Status, look};

/// The time for which is looked: who is there says so every second.
const TIME: Duration = Duration::from_millis(1500);

/// Say which workers and searches are there, what waits, and what went wrong
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    /// Look again and again, until interrupted
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(args: &Args, _signals: &Signals) -> Result<ExitCode> {
    let login = login(&args.server)?;
    loop {
        let status = look(&login, TIME)?;
        let reader = match args.json {
            true => offer_json(&status)?,
            false => offer(&text(&status))?,
        };
        if !args.watch || reader == Reader::Gone {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// As a viewer, where the access file lets one in; or as a search.
fn login(server: &ServerArgs) -> Result<Login> {
    server.need_login(Role::Viewer)
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    if status.workers.is_empty() {
        text += "no worker is there: start some with `aq4svit worker --cluster FILE`\n";
    }
    for worker in &status.workers {
        let _ = writeln!(text, "worker {}", line(worker));
    }
    for search in &status.searches {
        let _ = writeln!(
            text,
            "search {} on {}: waits for {} job(s){}",
            search.name,
            search.host,
            search.waiting,
            match &search.numerics {
                Some(numerics) => format!(", {numerics}"),
                None => ", for a worker that can do them".to_owned(),
            }
        );
    }
    let busy = status.pools.iter().filter(|p| p.queued + p.working > 0);
    for pool in busy {
        let _ = writeln!(
            text,
            "queue {}: {} waiting, {} at work",
            pool.pool, pool.queued, pool.working
        );
    }
    for trouble in &status.troubles {
        let _ = writeln!(text, "trouble: {}", trouble.what);
    }
    text
}

/// What a worker does.
fn line(worker: &Presence) -> String {
    let rate = match worker.seconds > 0.0 {
        true => worker.images as f64 / worker.seconds,
        false => 0.0,
    };
    let state = match (&worker.doing, worker.contexts.first()) {
        (Some(_), _) => "at work".to_owned(),
        (None, Some((_, Readiness::Preparing))) => "preparing".to_owned(),
        (None, Some((_, Readiness::Lacking { .. }))) => "waiting for files".to_owned(),
        (None, Some((_, Readiness::Unable { why }))) => format!("cannot evaluate: {why}"),
        (None, Some((_, Readiness::Ready { facts }))) => format!("idle, {}", facts.numerics),
        (None, None) => "idle".to_owned(),
    };
    format!(
        "{} ({}, {} thread(s)): {} job(s), {rate:.1} images/s, busy {:.0} %; {state}",
        worker.worker,
        worker.device,
        worker.threads,
        worker.answered,
        100.0 * worker.busy / worker.seconds.max(f64::MIN_POSITIVE)
    )
}
