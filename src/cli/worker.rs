//! `aq4svit worker`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::ExitCode;
use super::INTERRUPTED;
use super::cluster::ServerArgs;
use super::device::DeviceArgs;
use super::output::note;
use super::results::ResultArgs;
use super::signals::Signals;
use crate::cluster::{Folder, Role, WorkerOptions, serve};
use crate::profile::Paths;
use crate::run::{EvaluatorOptions, worker_maker};

/// Evaluate for the searches of a cluster, until interrupted
///
/// Start as many as you like, on any machines and at any time, as with
/// `sbatch --array=0-7 --wrap 'aq4svit worker --cluster cluster.toml'`. One that ends or is lost
/// costs a search the time of its job and nothing else. Images are read from where the profile
/// names them, weights come over the network where they are not there.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// End after so long, as 90m, 12h or 1-12:00:00; the job at work goes back to its search
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time_limit: Option<Duration>,
    /// The time without progress after which an evaluation is taken for hung, and the worker ends
    #[arg(long, value_name = "TIME", default_value = "20m", value_parser = duration)]
    stall: Duration,
    /// Where files that come over the network are kept (a folder of the user's data when not given)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// GiB that these files may take together
    #[arg(long, value_name = "GIB", default_value_t = 16)]
    budget: u16,
    /// Begin without comparing the optimized arithmetic with the plain one
    #[arg(long)]
    no_self_check: bool,
    #[command(flatten)]
    results: ResultArgs,
}

pub(crate) fn run(args: &Args, signals: &Signals) -> Result<ExitCode> {
    let login = args.server.need_login(Role::Worker)?;
    let folder = match &args.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => Paths::from_env()?.data.join("cluster").join("files"),
    };
    let evaluator = EvaluatorOptions {
        workers: Some(1),
        self_check: !args.no_self_check,
        ..args.device.options(args.results)
    };
    let cores = || std::thread::available_parallelism().map_or(1, |n| n.get());
    let options = WorkerOptions {
        login,
        device: args.device.device.clone(),
        threads: args.device.threads.map_or_else(cores, usize::from),
        folder: Folder::new(folder, u64::from(args.budget) << 30),
        time_limit: args.time_limit,
        stall: args.stall,
    };
    let stop = signals.cancel();
    let served = serve(options, worker_maker(evaluator), &stop, &note)?;
    note(&format!("{} job(s) answered", served.answered));
    Ok(match stop.is_cancelled() {
        true => ExitCode::from(INTERRUPTED),
        false => ExitCode::SUCCESS,
    })
}

/// A time: a number with s, m, h or d; minutes without one; or as batch systems write it,
/// MINUTES:SECONDS, HOURS:MINUTES:SECONDS or DAYS-HOURS:MINUTES:SECONDS.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 90m, 12h or 1-12:00:00".to_owned();
    let seconds = seconds(text).filter(|s| *s > 0).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

fn seconds(text: &str) -> Option<u64> {
    if text.contains(':') {
        let (days, clock) = text.split_once('-').unwrap_or(("0", text));
        let parts: Vec<u64> = clock
            .split(':')
            .map(|p| p.parse().ok())
            .collect::<Option<_>>()?;
        let clock = match parts[..] {
            [minutes, seconds] => minutes.checked_mul(60)?.checked_add(seconds)?,
            [hours, minutes, seconds] => hours
                .checked_mul(3600)?
                .checked_add(minutes.checked_mul(60)?)?
                .checked_add(seconds)?,
            _ => return None,
        };
        return days
            .parse::<u64>()
            .ok()?
            .checked_mul(86_400)?
            .checked_add(clock);
    }
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.chars().next_back()?),
        None => (text, 'm'),
    };
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => 86_400,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_and_batch_systems_write_them() {
        let of = |text: &str| duration(text).map(|d| d.as_secs()).ok();
        assert_eq!(of("90"), Some(5400));
        assert_eq!(of("45s"), Some(45));
        assert_eq!(of("12h"), Some(43_200));
        assert_eq!(of("2d"), Some(172_800));
        assert_eq!(of("30:00"), Some(1800));
        assert_eq!(of("01:30:00"), Some(5400));
        assert_eq!(of("1-12:00:00"), Some(129_600));
        for bad in [
            "",
            "0",
            "-1h",
            "1w",
            "1:2:3:4",
            "h",
            "99999999999999999999d",
            "1-2",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
