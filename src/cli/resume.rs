//! `aq4svit resume`.

use std::process::ExitCode;

use anyhow::Result;

use super::device::DeviceArgs;
use super::search::{Front, need_terminal};
use super::signals::Signals;
use super::{headless, interactive};
use crate::profile::Paths;
use crate::run::{self, Condition, Summary};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run: its id or its folder (the latest when not given)
    run: Option<String>,
    /// Without the terminal interface
    #[arg(long)]
    headless: bool,
    /// Print every new event as a line of JSON, the result last (implies --headless)
    #[arg(long)]
    json: bool,
    /// Turn every speed-up off: same decisions, slower
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

pub(crate) fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    let folder = run::find(&Paths::from_env()?.runs(), args.run.as_deref())?;
    let front = Front::new(args.headless, args.json);
    let options = args.device.options(args.plain);
    // A finished run shows its result again; the interface opens on it, to look around and to save.
    if front != Front::Interactive && Summary::read(&folder)?.condition == Condition::Finished {
        return headless::show_finished(&folder, front == Front::Json);
    }
    if front == Front::Interactive {
        need_terminal()?;
    }
    let handle = run::resume(&folder, &options)?;
    match front {
        Front::Interactive => interactive::watch(handle, &options.device, signals),
        Front::Lines => headless::watch(handle, false, signals),
        Front::Json => headless::watch(handle, true, signals),
    }
}
