//! The terminal interface, driven by the real engine on a synthetic landscape.

mod findings;
mod forecasts;
#[cfg(target_os = "linux")]
mod memory;
mod prompts;
#[cfg(unix)]
mod pty;
mod screens;
mod session;
mod start;
mod states;
mod steering;
mod story;
mod survival;
mod views;
mod watch;
